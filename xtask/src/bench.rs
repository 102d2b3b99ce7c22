//! `bench`: figures about the commands themselves: how long they take, whether they say the same
//! twice, and what a kill leaves behind; and about the runtimes of graphs.

mod graphs;
mod kills;
mod stability;
mod timing;

use std::{env, num::NonZeroUsize, process::Command};

use anyhow::Context;

use crate::{exit::Result, workspace::Workspace};

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench                              regen, in parts and as a whole
  cargo xtask bench verify --runs 3              a warm verify of everything
  cargo xtask bench verify -- bert               of one family
  cargo xtask bench graphs                       candle-graph beside candle, candle-onnx and ONNX Runtime
  cargo xtask bench graphs bert-base --runs 5    one graph
  cargo xtask bench stability --runs 20          do twenty runs of verify agree?
  cargo xtask bench kills --count 100            a hundred kills of regen
  cargo xtask bench kills --what verify -- bert  of a verify of one family";

/// Measure the commands.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to measure; `regen` if not given.
    #[command(subcommand)]
    what: Option<What>,
}

/// What can be measured.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Time regen: loading, generating, writing everything, finding nothing to write.
    Regen {
        /// How often.
        #[arg(long, value_name = "N", default_value = "7")]
        runs: NonZeroUsize,
    },
    /// Time verify: the whole command, after one run to warm up.
    Verify {
        /// How often.
        #[arg(long, value_name = "N", default_value = "7")]
        runs: NonZeroUsize,
        /// Passed on to verify.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Run verify several times: do verdicts flip, and how far do margins spread?
    Stability(stability::Args),
    /// Time and weigh graphs on candle-graph, ONNX Runtime and candle-onnx, and the same models in candle-transformers.
    Graphs(graphs::Args),
    /// Kill a command at random moments: is a file torn, is a killed run taken for a run, does the next one mend it?
    Kills(kills::Args),
}

/// Measures.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    match &args.what {
        None => timing::regen(workspace, 7),
        Some(What::Regen { runs }) => timing::regen(workspace, runs.get()),
        Some(What::Verify { runs, arguments }) => timing::verify(workspace, runs.get(), arguments),
        Some(What::Stability(args)) => stability::run(workspace, args),
        Some(What::Graphs(args)) => graphs::run(workspace, args),
        Some(What::Kills(args)) => kills::run(workspace, args),
    }
}

/// This program once more, for a workspace.
fn this_program(workspace: &Workspace) -> Result<Command> {
    let program = env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command
        .arg("--root")
        .arg(&workspace.root)
        .current_dir(&workspace.root);
    Ok(command)
}
