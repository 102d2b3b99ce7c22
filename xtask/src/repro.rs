//! `repro`: a finding as a project that runs without this repository.

mod fixed;
mod layers;
mod manifest;
mod page;
pub mod project;
mod subject;
mod trace;
mod upstream;

use std::fs;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use generator::Detail;

pub use fixed::Fixed;
pub use subject::Subject;
pub use upstream::Copy;

use crate::{
    exit::{Exit, Failure, Result},
    output, regen, sources,
    workspace::Workspace,
};
use project::Project;

const EXAMPLES: &str = "\
Examples:
  cargo xtask repro t5-tied-head                         the reproduction of a finding
  cargo xtask repro t5.lm-head forward_matches_reference any check of a case on candle
  cargo xtask repro t5-tied-head --fixed --run           the same with the fix that the finding proposes
  cargo xtask repro clip.gelu forward_matches_reference --layers
                                                         the first module that candle computes otherwise

What is written needs Rust (or Python) and nothing of this repository: the model's config and weights as
candle reads them, the calls that the check made, and what PyTorch gives for each. Running it ends with
code 1 while candle's numbers are not PyTorch's.
Needs PyTorch and transformers; makes target/python/recorder from the pins the first time.";

/// Write a project that repeats a check without this repository.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A finding of docs/findings, or a case such as t5.lm-head.
    #[arg(value_name = "FINDING|CASE")]
    subject: String,
    /// The check of the case.
    #[arg(value_name = "CHECK")]
    check: Option<String>,
    /// Where to write it; below target/touchstone/repro if not given.
    #[arg(long, value_name = "DIR")]
    out: Option<Utf8PathBuf>,
    /// Against copies of the packages with the changes that the finding proposes, and all others that go with them.
    #[arg(long)]
    fixed: bool,
    /// Build and run it as well.
    #[arg(long)]
    run: bool,
    /// Run it, and name the first of PyTorch's modules whose output candle does not compute.
    #[arg(long, conflicts_with_all = ["fixed", "out"])]
    layers: bool,
}

/// Writes, and runs if asked to.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    let registry = sources::registry(workspace)?;
    let findings = sources::findings(workspace, &registry)?;
    let subject = Subject::find(&registry, &findings, &args.subject, args.check.as_deref())?;
    if matches!(subject, Subject::Check(_)) {
        // What is emitted is run, and PyTorch reads its cases from it.
        regen::require_fresh(workspace, &registry)?;
    }
    if args.layers {
        return layers::compare(workspace, &subject);
    }
    let fix = match (args.fixed, subject.finding()) {
        (false, _) => None,
        (true, Some(finding)) if !finding.head.fix.is_empty() => Some(finding),
        (true, _) => {
            let message = format!("no finding proposes a fix for `{}`", args.subject);
            return Err(Failure::new(Exit::Usage, message));
        }
    };
    let folder = match &args.out {
        Some(folder) => camino::absolute_utf8(folder).context("no such folder")?,
        None => scratch(workspace).join(subject.name()),
    };
    if args.out.is_some() && folder.exists() {
        let message = format!("{folder} exists [name a folder that does not]");
        return Err(Failure::new(Exit::Usage, message));
    }
    let project = written(workspace, &subject, Detail::Outputs, &folder)?;
    Project::complete(workspace, [&project])?;
    if let Some(finding) = fix {
        let below = folder.join("fixed");
        for copy in Fixed::write(workspace, &findings, &below)?.copies(finding) {
            project.patch(copy)?;
        }
    }
    if !args.run {
        let shown = workspace.relative(&folder);
        output::say(format_args!("{shown}: {}", project.command_line()));
        return Ok(Exit::Ok);
    }
    let status = project.run(&scratch(workspace).join("target"), workspace)?;
    Ok(if status == Some(0) {
        Exit::Ok
    } else {
        Exit::Unexpected
    })
}

/// A project in a folder that holds nothing else.
pub fn written(
    workspace: &Workspace,
    subject: &Subject<'_>,
    detail: Detail,
    folder: &Utf8Path,
) -> Result<Project> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {folder}"))?;
    }
    Project::write(workspace, subject, detail, folder)
}

/// Where reproductions are written and built.
pub fn scratch(workspace: &Workspace) -> Utf8PathBuf {
    workspace.scratch().join("repro")
}
