//! `operators`: the page that says what candle-graph runs of the ONNX standard's node cases.

pub mod page;

use std::{
    fs,
    io::ErrorKind,
    process::{Command, Output, Stdio},
};

use anyhow::Context;
use camino::Utf8Path;
use similar::TextDiff;

use page::Results;

use crate::{
    exit::{Exit, Failure, OrExit, Result},
    files, interrupt, output,
    python::{self, Environment},
    workspace::Workspace,
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask operators           make the standard's cases, run them, write docs/operators.md
  cargo xtask operators --check   exit code 3 if the page is not what the cases say

The cases come out of the Python package onnx, in the environment that records references.
What is known to fail stands with its cause in harness/graph/tests/standard.yaml; exit code 1 if a case that is
not listed fails, or one that is listed does not.";

/// The page, from the workspace's root.
const PAGE: &str = "docs/operators.md";
const WRITE: &str = "cargo xtask operators";
/// The test that runs the cases; workspace-wide, so that features are those of every other build.
const TEST: [&str; 4] = ["test", "--workspace", "--test", "standard"];

/// Write docs/operators.md: which operators of the ONNX standard candle-graph runs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Write nothing; fail if the page is stale.
    #[arg(long)]
    check: bool,
}

/// Runs the cases and writes the page, or says whether it is fresh.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    let results = measure(workspace)?;
    if !results.surprises.is_empty() {
        let surprises = output::count(results.surprises.len(), "surprise");
        let list = results.surprises.join("\n  ");
        let message =
            format!("{surprises} among the standard's cases, so {PAGE} is left alone:\n  {list}");
        return Err(Failure::new(Exit::Unexpected, message));
    }
    settle(&workspace.root, &results.render(), args.check)
}

/// Writes the page if it differs, or fails with how it does.
pub fn settle(root: &Utf8Path, text: &str, check: bool) -> Result {
    crate::page::settle(root, PAGE, text, check, |written| {
        let diff = TextDiff::from_lines(written, text);
        let diff = diff
            .unified_diff()
            .context_radius(0)
            .header(PAGE, "what the cases say")
            .to_string();
        format!(
            "{PAGE} is not what the standard's cases say:\n{}\nmend with `{WRITE}`",
            diff.trim_end()
        )
    })
}

/// Makes the cases, runs them, and reads what came of them.
fn measure(workspace: &Workspace) -> Result<Results> {
    let scratch = workspace.scratch();
    let (cases, results) = (
        scratch.join("onnx-node-cases"),
        scratch.join("onnx-node-results.json"),
    );
    workspace.make_folder(&scratch)?;
    // Two at once would take away each other's cases.
    let _lock = files::lock(&scratch.join("operators.lock"))?;

    let mut make = python::module(workspace, Environment::Recorder, "touchstone.node_cases")?;
    let made = finish(make.args(["--folder", cases.as_str()]))?;
    if !made.status.success() {
        let message = format!(
            "the standard's cases could not be made: python -m touchstone.node_cases ended with {}\n{}",
            made.status,
            said(&made)
        );
        return Err(Failure::new(Exit::Setup, message));
    }
    output::warn(said(&made));

    let cargo = || {
        let mut cargo = workspace.cargo();
        cargo.args(TEST);
        cargo
    };
    let built = cargo().arg("--no-run").stdout(Stdio::null()).status();
    if !built.context("cannot start cargo")?.success() {
        interrupted()?;
        let message = "candle-graph's tests do not compile; cargo's messages are above";
        return Err(Failure::new(Exit::BuildFailed, message));
    }

    // What an earlier run has left would be taken for this one's.
    if let Err(error) = fs::remove_file(&results)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(Failure::new(
            Exit::Setup,
            format!("cannot remove {results}: {error}"),
        ));
    }
    let mut test = cargo();
    test.args(["--quiet", "--", "--ignored"]);
    test.env("ONNX_NODE_CASES", &cases)
        .env("ONNX_NODE_RESULTS", &results)
        .env_remove("ONNX_NODE_CASE");
    let ran = finish(&mut test)?;
    let text = match fs::read_to_string(&results) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let message = format!(
                "the test `standard` ended with {} before it wrote its results:\n{}",
                ran.status,
                said(&ran)
            );
            return Err(Failure::new(Exit::Unexpected, message));
        }
        text => text.with_context(|| format!("cannot read {results}"))?,
    };
    let place = workspace.relative(&results);
    let read = Results::read(&text).map_err(|error| anyhow::anyhow!("{place}: {error}"));
    let read = read.or_exit(Exit::Setup)?;
    if ran.status.success() != read.surprises.is_empty() {
        let message = format!(
            "the test `standard` ended with {}, which its results do not say:\n{}",
            ran.status,
            said(&ran)
        );
        return Err(Failure::new(Exit::Unexpected, message));
    }
    Ok(read)
}

/// Runs a command to its end and keeps what it says.
fn finish(command: &mut Command) -> Result<Output> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {:?}", command.get_program()))?;
    interrupted()?;
    Ok(output)
}

fn interrupted() -> Result<()> {
    if interrupt::requested() {
        return Err(Failure::new(
            Exit::Interrupted,
            "stopped; nothing is written",
        ));
    }
    Ok(())
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).trim().to_owned()
}
