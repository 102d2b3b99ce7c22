//! `setup`: fetch what the other commands need, so that they run offline afterwards.

use clap::ValueEnum;

use crate::{
    exit::{Exit, OrExit, Result},
    output,
    python::Environment,
    workspace::Workspace,
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask setup          ONNX Runtime's library, and a small Python environment with onnxruntime
  cargo xtask setup ort      ONNX Runtime's library alone
  cargo xtask setup record   PyTorch and transformers, to record references: several gigabytes
  cargo xtask setup all      all of it

The other commands fetch what they lack by themselves; this does it ahead of time.
Everything goes below target/. Python is taken from $PYTHON, then python3, then python.";

/// Fetch what the other commands need.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to fetch; without it, `ort` and `python`.
    #[arg(value_enum)]
    parts: Vec<Part>,
}

/// What can be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// ONNX Runtime's library for the Rust tests.
    Ort,
    /// The Python environment with onnxruntime.
    Python,
    /// The Python environment with PyTorch and transformers.
    Record,
    /// All three.
    All,
}

/// Fetches.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    let parts = if args.parts.is_empty() {
        &[Part::Ort, Part::Python][..]
    } else {
        &args.parts
    };
    let wanted = |part| parts.contains(&part) || parts.contains(&Part::All);
    if wanted(Part::Ort) {
        library(workspace)?;
    }
    if wanted(Part::Python) {
        ready(workspace, Environment::Ort)?;
    }
    if wanted(Part::Record) {
        ready(workspace, Environment::Recorder)?;
    }
    Ok(Exit::Ok)
}

fn library(workspace: &Workspace) -> Result<()> {
    let library = onnxruntime_library::ensure(&workspace.root).or_exit(Exit::Setup)?;
    output::say(format_args!("ready: {}", workspace.relative(&library)));
    Ok(())
}

fn ready(workspace: &Workspace, environment: Environment) -> Result<()> {
    let python = environment.ensure(workspace)?;
    output::say(format_args!("ready: {}", workspace.relative(&python)));
    Ok(())
}
