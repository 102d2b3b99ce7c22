//! `record`: PyTorch's numbers into `snapshots/references`, or a check that they still are PyTorch's.

use std::{
    io::{BufRead, BufReader},
    num::NonZeroUsize,
    process::{Child, Command, Stdio},
};

use anyhow::Context;
use clap::ArgGroup;
use model_registry::Registry;
use serde::Deserialize;

use crate::{
    catalogue,
    exit::{Exit, Failure, Result},
    files, interrupt, output,
    progress::Progress,
    python::{self, Environment},
    regen, select, sources,
    verify::jobs,
    workspace::Workspace,
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask record bert          record what of bert has changed
  cargo xtask record --all         record whatever has changed
  cargo xtask record --tokenizers  record what is new among the tokenizer classes
  cargo xtask record --catalogue   list the model types of the installed transformers
  cargo xtask record --older-configs
                                   write configs as transformers 4 wrote them, for candle to read
  cargo xtask record --check bert  record again in memory and compare with what is on disk

Needs PyTorch and transformers; makes target/python/recorder from the pins the first time.
Commit what changes below snapshots/references together with its cause.";

/// Record references with PyTorch, or check the recorded ones.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("which").args(["families", "all", "catalogue", "tokenizers", "older_configs"]).required(true))]
pub struct Args {
    /// The families, by name or alias.
    #[arg(value_name = "FAMILY")]
    families: Vec<String>,
    /// All families.
    #[arg(long)]
    all: bool,
    /// The tokenizer classes of model-registry/tokenizers.yaml, each trained on a small text.
    #[arg(long)]
    tokenizers: bool,
    /// The list of transformers' model types, model-registry/catalogue.json; with --check, how it differs.
    #[arg(long, conflicts_with = "force")]
    catalogue: bool,
    /// The configs of snapshots/older-configs, one for each family that candle-transformers reads.
    #[arg(long, conflicts_with_all = ["force", "check"])]
    older_configs: bool,
    /// Write nothing; record in memory and compare.
    #[arg(long, conflicts_with = "force")]
    check: bool,
    /// Record also what has not changed.
    #[arg(long)]
    force: bool,
    /// How many cases are recorded at once; as many as there are cores if not given.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

/// What the recorder says about one case, one line of JSON each.
#[derive(Debug, Deserialize)]
struct Report {
    case: String,
    state: State,
    #[serde(default)]
    detail: String,
    seconds: Option<f64>,
}

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Recorded,
    Unchanged,
    Refused,
    Failed,
}

impl Report {
    fn line(&self) -> String {
        let state = match self.state {
            State::Recorded => "recorded",
            State::Unchanged => "unchanged",
            State::Refused => "refused",
            State::Failed => "failed",
        };
        let seconds = self
            .seconds
            .map(|seconds| format!(" in {seconds:.1} s"))
            .unwrap_or_default();
        let colon = if self.detail.is_empty() { "" } else { ": " };
        format!("{} {state}{seconds}{colon}{}", self.case, self.detail)
    }
}

/// Records.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    if args.catalogue {
        return catalogue::record(workspace, args.check);
    }
    let registry = sources::registry(workspace)?;
    if args.tokenizers {
        return tokenizers(workspace, &registry, args);
    }
    if args.older_configs {
        return older_configs(workspace, &registry);
    }
    let families = if args.all {
        registry.families().iter().collect()
    } else {
        select::families(&registry, &args.families)?
    };
    // The recorder reads the emitted Python, so a stale tree would be recorded as if it were true.
    regen::require_fresh(workspace, &registry)?;

    if !args.check {
        // A recorder that was killed leaves a reference half made beside its place.
        files::sweep(&workspace.root.join("snapshots/references"))?;
    }
    let mut command = python::module(workspace, Environment::Recorder, "touchstone.record")?;
    command.args(["--json", "--root", workspace.root.as_str()]);
    command
        .args(args.check.then_some("--check"))
        .args(args.force.then_some("--force"));
    command.args(["--jobs", &jobs(args.jobs).to_string()]);
    command.args(families.iter().map(|family| &family.family));

    let cases = families.iter().map(|family| family.cases().len()).sum();
    relayed(command, cases)
}

/// Configs as transformers 4 wrote them, and the proof that transformers 5 reads the same models from them.
fn older_configs(workspace: &Workspace, registry: &Registry) -> Result {
    let folder = workspace.root.join("snapshots/older-configs");
    let families = registry.families().iter();
    let bound = families.filter(|family| family.candle.is_some());
    let mut write = python::module(workspace, Environment::Older, "touchstone.older_configs")?;
    write.args(["--root", workspace.root.as_str(), "--out", folder.as_str()]);
    write.args(bound.map(|family| &family.family));
    let mut prove = python::module(workspace, Environment::Recorder, "touchstone.same_config")?;
    prove.args(["--root", workspace.root.as_str(), folder.as_str()]);
    for command in [&mut write, &mut prove] {
        let status = command.status().context("cannot start Python")?;
        if !status.success() {
            let message = "the older configs are not those of the recorded models; see above";
            return Err(Failure::new(Exit::Unexpected, message));
        }
    }
    Ok(Exit::Ok)
}

/// The recorded tokenizer classes.
fn tokenizers(workspace: &Workspace, registry: &Registry, args: &Args) -> Result {
    let recorded = registry.tokenizers().iter();
    let recorded: Vec<_> = recorded.filter(|known| known.waived.is_none()).collect();
    if !args.check {
        files::sweep(&workspace.root.join("snapshots/tokenizers"))?;
    }
    let name = "touchstone.record_tokenizers";
    let mut command = python::module(workspace, Environment::Recorder, name)?;
    command.args(["--root", workspace.root.as_str()]);
    command
        .args(args.check.then_some("--check"))
        .args(args.force.then_some("--force"));
    command.args(
        recorded
            .iter()
            .map(|known| format!("{}={}", known.name, known.class)),
    );
    relayed(command, recorded.len())
}

/// Runs a recorder that owes a word on so many cases.
fn relayed(mut command: Command, cases: usize) -> Result {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the recorder")?;
    let reports = relay(&mut child, cases)?;
    let status = child.wait().context("cannot wait for the recorder")?;
    if interrupt::requested() {
        return Err(Failure::new(
            Exit::Interrupted,
            "stopped; what was recorded stays",
        ));
    }
    conclude(&reports, cases, status.success())
}

/// Shows what the recorder says while it says it.
fn relay(child: &mut Child, cases: usize) -> Result<Vec<Report>> {
    let stdout = child.stdout.take().context("the recorder has no output")?;
    let mut progress = Progress::new(cases, "cases");
    let mut reports = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.context("cannot read what the recorder says")?;
        match serde_json::from_str::<Report>(&line) {
            Ok(report) => {
                if matches!(report.state, State::Refused | State::Failed) {
                    progress.note(report.line());
                }
                progress.done(report.line());
                reports.push(report);
            }
            // A library's chatter; the reports are counted below, so none can hide here.
            Err(_) => progress.note(line),
        }
    }
    Ok(reports)
}

fn conclude(reports: &[Report], cases: usize, success: bool) -> Result {
    let count = |state| {
        reports
            .iter()
            .filter(|report| report.state == state)
            .count()
    };
    let bad = count(State::Refused) + count(State::Failed);
    output::say(format_args!(
        "{} recorded, {} unchanged, {} refused, {} failed",
        count(State::Recorded),
        count(State::Unchanged),
        count(State::Refused),
        count(State::Failed),
    ));
    if reports.len() < cases {
        let silent = output::count(cases - reports.len(), "case");
        let message = format!("the recorder ended without a word on {silent}");
        return Err(Failure::new(Exit::Unexpected, message));
    }
    if bad > 0 {
        let list: Vec<_> = reports
            .iter()
            .filter(|report| matches!(report.state, State::Refused | State::Failed))
            .map(|report| format!("  {}", report.line()))
            .collect();
        output::say(list.join("\n"));
        return Ok(Exit::Unexpected);
    }
    if !success {
        return Err(Failure::new(
            Exit::Unexpected,
            "the recorder failed after its last case",
        ));
    }
    Ok(Exit::Ok)
}
