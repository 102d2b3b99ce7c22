//! How long regen and verify take, over several runs.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context;

use super::this_program;
use crate::{
    exit::{Exit, Failure, Result},
    interrupt, list, output, sources,
    tree::{self, Scope},
    workspace::Workspace,
};

/// Loading, generating, writing everything, finding nothing to write.
pub(super) fn regen(workspace: &Workspace, runs: usize) -> Result {
    let mut timings = Timings::default();
    let scratch = workspace
        .scratch()
        .join(format!("bench-{}", std::process::id()));
    for run in 0..runs {
        // A folder of its own: where files have just been deleted, some file systems are slow to make others.
        let folder = scratch.join(run.to_string());
        let registry = timings.time("load the registry", || sources::registry(workspace))?;
        let templates = timings.time("load the templates", || sources::templates(None))?;
        let files = timings.time("generate", || sources::emitted(&registry, &templates))?;
        workspace.make_folder(&folder)?;
        timings.time("write everything", || {
            let difference = tree::compare(&folder, &files, Scope::Whole)?;
            tree::apply(&folder, &files, &difference)
        })?;
        let left = timings.time("find nothing to write", || {
            tree::compare(&folder, &files, Scope::Whole)
        })?;
        if !left.is_none() {
            return Err(Failure::new(
                Exit::Setup,
                format!("{folder} did not hold what was written"),
            ));
        }
        if interrupt::requested() {
            return Ok(Exit::Interrupted);
        }
    }
    fs::remove_dir_all(&scratch).with_context(|| format!("cannot remove {scratch}"))?;
    timings.print(runs);
    Ok(Exit::Ok)
}

/// The whole command, after one run to warm up.
pub(super) fn verify(workspace: &Workspace, runs: usize, arguments: &[String]) -> Result {
    let mut timings = Timings::default();
    let mut warm = false;
    for _ in 0..=runs {
        let mut command = this_program(workspace)?;
        command
            .arg("verify")
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let start = Instant::now();
        let status = command.status().context("cannot start verify")?;
        if !status.success() {
            let message = format!("verify ended with {status}, so its time means nothing");
            return Err(Failure::new(Exit::Unexpected, message));
        }
        if warm {
            timings.add("verify", start.elapsed());
        }
        warm = true;
    }
    timings.print(runs);
    Ok(Exit::Ok)
}

/// Durations by what took them, in the order of their first coming.
#[derive(Default)]
struct Timings {
    rows: Vec<(&'static str, Vec<Duration>)>,
}

impl Timings {
    fn time<T>(&mut self, what: &'static str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.add(what, start.elapsed());
        result
    }

    fn add(&mut self, what: &'static str, duration: Duration) {
        match self.rows.iter_mut().find(|(row, _)| *row == what) {
            Some((_, durations)) => durations.push(duration),
            None => self.rows.push((what, vec![duration])),
        }
    }

    fn print(&mut self, runs: usize) {
        let mut table = list::table(&["step", "min", "median", "max"]);
        for (what, durations) in &mut self.rows {
            durations.sort();
            let picks = [0, durations.len() / 2, durations.len() - 1].map(|i| durations[i]);
            let texts = picks.map(|time| format!("{:.1} ms", time.as_secs_f64() * 1e3));
            table.add_row([&[(*what).to_owned()][..], &texts].concat());
        }
        output::say(table.trim_fmt());
        output::say(output::count(runs, "run"));
    }
}
