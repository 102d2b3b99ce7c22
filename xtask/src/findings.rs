//! `findings`: every reproduction run as published and with its proposed fix, and the index of the pages.

mod index;

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    process::Output,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::Context;
use camino::Utf8Path;
use generator::Detail;
use model_registry::{Finding, Findings};

use crate::{
    exit::{Exit, Failure, Result},
    files, interrupt, output, page,
    progress::Progress,
    regen,
    repro::{Copy, Fixed, Subject, project::Project, scratch, written},
    sources,
    verify::jobs,
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
    /// How many are built and run at once; as many as there are cores if not given.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Write and run nothing; fail if the index is stale.
    #[arg(long, conflicts_with = "names")]
    check: bool,
}

/// Runs, and writes the index.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    let registry = sources::registry(workspace)?;
    let findings = sources::findings(workspace, &registry)?;
    let path = workspace.root.join(INDEX);
    let mut states = index::read(&path)?;
    if args.check {
        let text = index::render(&findings, &states);
        return page::settle(&workspace.root, INDEX, &text, true, |_| {
            format!("{INDEX} is not that of the pages\nmend with `cargo xtask findings`")
        });
    }
    let chosen = chosen(&findings, &args.names)?;
    regen::require_fresh(workspace, &registry)?;
    let fixed = if chosen.iter().any(|page| !page.head.fix.is_empty()) {
        Fixed::write(workspace, &findings, &scratch(workspace).join("fixed"))?
    } else {
        Fixed::default()
    };
    let progress = Progress::new(chosen.len(), "findings");
    let mut projects = Vec::new();
    for finding in chosen {
        progress.doing(format_args!("writing {}", finding.name));
        let subject = Subject::of(&registry, finding)?;
        let folder = scratch(workspace).join(&finding.name);
        let project = written(workspace, &subject, Detail::Outputs, &folder)?;
        projects.push((finding, project));
    }
    progress.doing("PyTorch");
    Project::complete(workspace, projects.iter().map(|(_, project)| project))?;
    let progress = Mutex::new(progress);
    let tried = in_parallel(
        workspace,
        &projects,
        jobs(args.jobs),
        |finding, project, target| {
            let state = tried(workspace, finding, project, fixed.copies(finding), target)?;
            let line = format!("{}: {state}", finding.name);
            let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
            if !state.is_as_it_should_be() {
                progress.note(&line);
            }
            progress.done(line);
            Ok((finding.name.clone(), state))
        },
    )?;
    drop(progress);
    if interrupt::requested() {
        return Ok(Exit::Interrupted);
    }
    let unexpected = tried
        .iter()
        .filter(|(_, state)| !state.is_as_it_should_be());
    let unexpected: Vec<_> = unexpected
        .map(|(name, state)| format!("{name}: {state}"))
        .collect();
    states.extend(tried);
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

/// Does something with every project, several at once: a project is one crate, which one core compiles.
/// Each thread builds in a folder of its own, where candle stays built.
fn in_parallel<T: Send>(
    workspace: &Workspace,
    projects: &[(&Finding, Project)],
    jobs: usize,
    act: impl Fn(&Finding, &Project, &Utf8Path) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let work = |job: usize| {
        let target = scratch(workspace).join(format!("target-{job}"));
        let mut done = Vec::new();
        while !interrupt::requested() {
            let Some((finding, project)) = projects.get(next.fetch_add(1, Ordering::Relaxed))
            else {
                break;
            };
            done.push(act(finding, project, &target)?);
        }
        Ok(done)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (1..=jobs)
            .map(|job| scope.spawn(move || work(job)))
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            let done: Result<Vec<T>> = thread
                .join()
                .map_err(|_| Failure::new(Exit::Setup, "a thread panicked"))?;
            all.extend(done?);
        }
        Ok(all)
    })
}

/// What becomes of a finding's reproduction.
fn tried(
    workspace: &Workspace,
    finding: &Finding,
    project: &Project,
    copies: &[Copy],
    target: &Utf8Path,
) -> Result<State> {
    let ran = |against: &str| ran(workspace, project, finding, target, against);
    let published = ran("published")?;
    if finding.head.fix.is_empty() {
        return Ok(State {
            published,
            fixed: None,
        });
    }
    for copy in copies {
        project.patch(copy)?;
    }
    let fixed = ran("fixed")?;
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
    target: &Utf8Path,
    against: &str,
) -> Result<Option<i32>> {
    let Output {
        status,
        stdout,
        stderr,
    } = project
        .command(target, workspace)?
        .output()
        .context("cannot start the reproduction")?;
    let said = format!("{}/{against}.txt", finding.name);
    files::write(&scratch(workspace).join(said), &[stdout, stderr].concat())?;
    Ok(status.code())
}

/// What is known about each finding's reproduction.
type States = BTreeMap<String, State>;
