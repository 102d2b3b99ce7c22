//! The file of a run: its name, its header, its verdicts, and the pointer to the newest.

use std::{
    collections::BTreeMap,
    env, fs,
    io::ErrorKind,
    process::Command,
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use evidence::{FORMAT, Header, Run, RunWriter};
use sha2::{Digest, Sha256};

use super::{Device, plan::Plan, runner::Results};
use crate::{
    exit::{Exit, Failure, OrExit, Result},
    files,
    workspace::Workspace,
};

/// The run file of that name.
pub fn path(workspace: &Workspace, id: &str) -> Utf8PathBuf {
    workspace.runs().join(format!("{id}.ndjson"))
}

/// A name that no other run has, and the folder for what its processes leave.
pub(super) fn reserve(workspace: &Workspace) -> Result<(String, Utf8PathBuf)> {
    let runs = workspace.runs();
    workspace.make_folder(&runs)?;
    files::sweep(&runs)?;
    let stamp = timestamp(now());
    for suffix in 1..100 {
        let id = if suffix == 1 {
            stamp.clone()
        } else {
            // Sorts after the first of this second, with any extension.
            format!("{stamp}_{suffix:02}")
        };
        let folder = runs.join(&id);
        match fs::create_dir(&folder) {
            Ok(()) => return Ok((id, folder)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).context(format!("cannot make the folder {folder}"))?;
            }
        }
    }
    Err(Failure::new(
        Exit::Setup,
        format!("{runs} is full of runs of this second"),
    ))
}

/// What the run sets out to do.
pub(super) fn header(
    workspace: &Workspace,
    plan: &Plan,
    device: Device,
    emitted: &BTreeMap<Utf8PathBuf, String>,
) -> Header {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut revisions = BTreeMap::from([
        ("touchstone".into(), env!("CARGO_PKG_VERSION").into()),
        ("emitted".into(), digest(emitted)),
    ]);
    revisions.extend(revision(&workspace.root).map(|revision| ("git".into(), revision)));
    Header {
        format: FORMAT,
        plan: plan.tests(),
        device: device.name().into(),
        machine: format!("{} {}, {cores} cores", env::consts::OS, env::consts::ARCH),
        revisions,
        started: now(),
    }
}

/// Writes the file, reads it back as strictly as anybody would, and makes it the newest if it is complete.
pub(super) fn write(
    workspace: &Workspace,
    id: &str,
    header: &Header,
    results: &Results,
) -> Result<Run> {
    let path = path(workspace, id);
    let mut writer = RunWriter::create(&path, header).or_exit(Exit::Setup)?;
    let mut records: Vec<_> = results
        .judged
        .iter()
        .flat_map(|judged| &judged.records)
        .collect();
    records.sort_by(|a, b| a.test.cmp(&b.test));
    for record in records {
        writer.verdict(record.clone()).or_exit(Exit::Unexpected)?;
    }
    writer
        .finish(results.interrupted, results.seconds)
        .or_exit(Exit::Unexpected)?;
    let run = Run::read(&path).or_exit(Exit::Unexpected)?;
    if !results.interrupted {
        point_to(workspace, id, &path)?;
    }
    Ok(run)
}

/// The pointer is the file under a second name, so that any program can read it.
fn point_to(workspace: &Workspace, id: &str, path: &Utf8Path) -> Result<()> {
    let latest = workspace.latest_run();
    // In the run's own folder, so that a kill leaves nothing among the runs.
    let temporary = workspace.runs().join(id).join("latest.tmp");
    fs::hard_link(path, &temporary)
        .or_else(|_| fs::copy(path, &temporary).map(|_| ()))
        .and_then(|()| fs::rename(&temporary, &latest))
        .with_context(|| format!("cannot write {latest}"))?;
    // Renaming one name of a file to another of its names does nothing, not even remove the first.
    let _ = fs::remove_file(&temporary);
    Ok(())
}

fn digest(emitted: &BTreeMap<Utf8PathBuf, String>) -> String {
    let mut hasher = Sha256::new();
    for (path, text) in emitted {
        hasher.update(format!("{path}\n{}\n{text}", text.len()));
    }
    hasher
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The commit, with a plus if something is not committed; a copy without git has none.
fn revision(root: &Utf8Path) -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(root)
            .args(args)
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let clean = git(&["status", "--porcelain"])?.is_empty();
    Some(if clean { commit } else { format!("{commit}+") })
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Seconds since the epoch as `20260131T235959Z`, which sorts as it passes.
pub fn timestamp(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years counted from March, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!(
        "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{:02}Z",
        second % 60
    )
}
