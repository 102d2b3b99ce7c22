//! `findings`: every reproduction run as published and with its proposed fix, and the index of the pages.

mod index;

use std::{collections::BTreeMap, fs, process::Output};

use anyhow::Context;
use generator::Detail;
use model_registry::{Finding, Findings, Registry};

use crate::{
    exit::{Exit, Failure, Result},
    files, interrupt, output, page,
    progress::Progress,
    repro::{
        Subject,
        project::Project,
        scratch,
        upstream::{Copy, Fixed},
    },
    sources,
    workspace::Workspace,
};
use index::{INDEX, State};

const EXAMPLES: &str = "\
Examples:
  cargo xtask findings                  run all of them and write docs/findings/README.md
  cargo xtask findings t5-tied-head     run one, and write its line
  cargo xtask findings --check          exit code 3 if the index is not that of the pages; runs nothing

A reproduction ends with code 1 while the defect is there. It is run against the published package, and,
where its finding proposes a fix, against a copy with all proposed fixes: there it has to end with 0.";

/// Run the reproductions of all findings, as published and with the proposed fixes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Findings by name; all of them if none is named.
    #[arg(value_name = "FINDING")]
    names: Vec<String>,
    /// Write and run nothing; fail if the index is stale.
    #[arg(long, conflicts_with = "names")]
    check: bool,
}

/// Runs, and writes the index.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    let registry = sources::registry(workspace)?;
    let findings = sources::findings(workspace)?;
    let path = workspace.root.join(INDEX);
    let mut states = index::read(&path)?;
    if args.check {
        let text = index::render(&findings, &states);
        return page::settle(&workspace.root, INDEX, &text, true, |_| {
            format!("{INDEX} is not that of the pages\nmend with `cargo xtask findings`")
        });
    }
    let chosen = chosen(&findings, &args.names)?;
    let fixed = Fixed::write(workspace, &findings, &scratch(workspace).join("fixed"))?;
    let mut progress = Progress::new(chosen.len(), "findings");
    let mut projects = Vec::new();
    for finding in chosen {
        progress.doing(format_args!("writing {}", finding.name));
        projects.push((finding, written(workspace, &registry, finding)?));
    }
    progress.doing("PyTorch");
    Project::complete(workspace, projects.iter().map(|(_, project)| project))?;
    let mut unexpected = Vec::new();
    for (finding, project) in projects {
        if interrupt::requested() {
            return Ok(Exit::Interrupted);
        }
        progress.doing(&finding.name);
        let state = tried(workspace, finding, &project, fixed.copies(finding))?;
        let line = format!("{}: {state}", finding.name);
        if !state.is_as_it_should_be() {
            progress.note(&line);
            unexpected.push(line.clone());
        }
        progress.done(line);
        states.insert(finding.name.clone(), state);
    }
    drop(progress);
    let text = index::render(&findings, &states);
    files::write(&path, text.as_bytes())?;
    let proven = states.values().filter(|state| state.is_proven()).count();
    let all = output::count(findings.pages().len(), "finding");
    output::say(format_args!("{all}, {proven} with a proven fix: {INDEX}"));
    if unexpected.is_empty() {
        return Ok(Exit::Ok);
    }
    Err(Failure::new(Exit::Unexpected, unexpected.join("\n")))
}

fn chosen<'a>(findings: &'a Findings, names: &[String]) -> Result<Vec<&'a Finding>> {
    if names.is_empty() {
        return Ok(findings.pages().iter().collect());
    }
    let found = names.iter().map(|name| {
        findings.get(name).ok_or_else(|| {
            let all: Vec<_> = findings.pages().iter().map(|page| &*page.name).collect();
            let message = format!("no finding is called `{name}` [all: {}]", all.join(", "));
            Failure::new(Exit::Usage, message)
        })
    });
    found.collect()
}

/// A finding's project, written anew.
fn written(workspace: &Workspace, registry: &Registry, finding: &Finding) -> Result<Project> {
    let subject = Subject::of(registry, finding)?;
    let folder = scratch(workspace).join(&finding.name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {folder}"))?;
    }
    Project::write(workspace, registry, &subject, Detail::Outputs, &folder)
}

/// What becomes of a finding's reproduction.
fn tried(
    workspace: &Workspace,
    finding: &Finding,
    project: &Project,
    copies: &[Copy],
) -> Result<State> {
    let published = ran(workspace, project, finding, "published")?;
    if finding.head.fix.is_empty() {
        return Ok(State {
            published,
            fixed: None,
        });
    }
    for copy in copies {
        project.patch(copy)?;
    }
    let fixed = ran(workspace, project, finding, "fixed")?;
    Ok(State {
        published,
        fixed: Some(fixed),
    })
}

/// The exit code of a run; what it said stands beside the project.
fn ran(
    workspace: &Workspace,
    project: &Project,
    finding: &Finding,
    against: &str,
) -> Result<Option<i32>> {
    let target = scratch(workspace).join("target");
    let Output {
        status,
        stdout,
        stderr,
    } = project
        .command(&target, workspace)?
        .output()
        .context("cannot start the reproduction")?;
    let said = format!("{}/{against}.txt", finding.name);
    files::write(&scratch(workspace).join(said), &[stdout, stderr].concat())?;
    Ok(status.code())
}

/// What is known about each finding's reproduction.
type States = BTreeMap<String, State>;
