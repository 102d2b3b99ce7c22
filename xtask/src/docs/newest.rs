//! The run that a page is made from: the newest that made every emitted check and no other.

use std::collections::BTreeSet;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use evidence::{Run, TestId};

use crate::{
    exit::{Exit, Failure, OrExit, Result},
    verify::Device,
    workspace::Workspace,
};

/// The newest complete one below the workspace's target folder.
pub fn of(workspace: &Workspace, made: &[TestId], device: Device) -> Result<Run> {
    let whole = |file: &Utf8PathBuf| {
        let run = Run::read(file).ok()?;
        (run.header.device == device.name() && misses(&run, made).is_none()).then_some(run)
    };
    files(&workspace.runs())?
        .iter()
        .rev()
        .find_map(whole)
        .ok_or_else(|| {
            let message = format!(
                "no run in {} made every emitted check on {} [cargo xtask verify]",
                workspace.relative(&workspace.runs()),
                device.name(),
            );
            Failure::new(Exit::Setup, message)
        })
}

/// The one in this file, if it is complete.
pub fn exactly(file: &Utf8Path, made: &[TestId]) -> Result<Run> {
    let run = Run::read(file).or_exit(Exit::Setup)?;
    match misses(&run, made) {
        None => Ok(run),
        Some(why) => Err(Failure::new(Exit::Usage, format!("{file}: {why}"))),
    }
}

/// The run files, oldest first: their names sort as time passes.
fn files(folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let Ok(entries) = folder.read_dir_utf8() else {
        return Ok(Vec::new());
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot read {folder}"))?
            .into_path();
        let is_run = path.extension() == Some("ndjson");
        // A second name of one of the others.
        if is_run && path.file_stem() != Some("latest") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Why a run does not tell of exactly these tests.
fn misses(run: &Run, made: &[TestId]) -> Option<String> {
    if run.footer.interrupted {
        return Some("it was stopped before its end".to_owned());
    }
    let ran: BTreeSet<_> = run.header.plan.iter().collect();
    let made: BTreeSet<_> = made.iter().collect();
    let lacks = made.difference(&ran).next();
    let adds = ran.difference(&made).next();
    match (lacks, adds) {
        (Some(test), _) => Some(format!("it did not make {test}")),
        (None, Some(test)) => Some(format!("it made {test}, which is not emitted")),
        (None, None) => None,
    }
}
