//! From the evidence that processes leave, dead or alive, to one verdict for each planned test.

use std::{collections::BTreeMap, fs, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use evidence::{Fragment, Outcome, Record, TestId};
use model_registry::{Expectation, Expectations, Family, Registry};

use super::{
    Backend, Device,
    plan::Unit,
    process::{self, Ending},
};
use crate::{
    exit::{Exit, OrExit, Result},
    interrupt,
    workspace::Workspace,
};

/// How many of a log's last lines a verdict quotes.
const QUOTED_LINES: usize = 12;

/// What all units of a run share.
pub struct Bench {
    /// The workspace.
    pub workspace: Workspace,
    /// Where evidence and logs of single processes go.
    pub folder: Utf8PathBuf,
    /// The device asked for.
    pub device: Device,
    /// What is known not to pass, by backend.
    pub expectations: BTreeMap<&'static str, Expectations>,
    /// How long a process may take.
    pub limit: Duration,
    /// How many tests of a process may run at once.
    pub threads: usize,
}

/// What came of a unit.
#[derive(Debug, Default)]
pub struct Judged {
    /// One verdict for each of its tests.
    pub records: Vec<Record>,
    /// What cannot be blamed on one test, and yet must not be green.
    pub problems: Vec<String>,
}

/// Reads the lists of what is known not to pass; an entry for a family that is gone is an error.
pub(super) fn expectations(
    workspace: &Workspace,
    registry: &Registry,
    backends: &[Backend],
    device: Device,
) -> Result<BTreeMap<&'static str, Expectations>> {
    let folder = workspace.registry();
    let load = |backend: &Backend| {
        let expectations = Expectations::load(&folder, backend.name(), device.name())
            .and_then(|list| list.check_against(registry).map(|()| list))
            .or_exit(Exit::InvalidRegistry)?;
        Ok((backend.name(), expectations))
    };
    backends.iter().map(load).collect()
}

/// The entries for these families that no test falls under: they would stay for ever.
pub(super) fn void_expectations(
    bench: &Bench,
    families: &[&Family],
    plan: &[TestId],
) -> Vec<String> {
    let mut void = Vec::new();
    for (backend, list) in &bench.expectations {
        let tests = plan.iter().filter(|test| test.backend == *backend);
        let used: Vec<_> = tests.filter_map(|test| list.lookup(test)).collect();
        let chosen = |entry: &&Expectation| families.iter().any(|f| f.family == entry.family);
        let unused = list
            .entries()
            .iter()
            .filter(chosen)
            .filter(|entry| !used.contains(entry));
        void.extend(unused.map(|entry| {
            format!("the expectations of {backend} list `{entry}`, but there is no such test; `cargo xtask bless` removes it")
        }));
    }
    void
}

/// Runs a unit until each of its tests has a verdict.
///
/// A process that dies takes one test with it, the one it had begun; the rest get another process.
pub fn judge(bench: &Bench, unit: &Unit) -> Judged {
    let mut judging = Judging {
        bench,
        unit,
        open: unit.tests.clone(),
        judged: Judged::default(),
    };
    let mut threads = bench.threads;
    for attempt in 1.. {
        if judging.open.is_empty() {
            break;
        }
        if interrupt::requested() {
            judging.close_all(Outcome::Interrupted, "stopped by the user");
            break;
        }
        match judging.attempt(attempt, threads) {
            Next::Again => {}
            Next::OneByOne => threads = 1,
            Next::Done => break,
        }
    }
    judging.judged
}

/// What to do with the tests that still lack a verdict.
enum Next {
    /// Run them in another process.
    Again,
    /// The same, one at a time, to find out which of several took the process down.
    OneByOne,
    /// There are none.
    Done,
}

struct Judging<'a> {
    bench: &'a Bench,
    unit: &'a Unit,
    open: Vec<TestId>,
    judged: Judged,
}

impl Judging<'_> {
    fn attempt(&mut self, attempt: usize, threads: usize) -> Next {
        let file = |kind| {
            self.bench
                .folder
                .join(format!("{}.{attempt}.{kind}", self.unit.name))
        };
        let (evidence, log) = (file("ndjson"), file("log"));
        let mut command = self.unit.launcher.command(&self.open, threads);
        command.env("TOUCHSTONE_EVIDENCE", &evidence);
        command.env("TOUCHSTONE_DEVICE", self.bench.device.name());
        // candle puts a backtrace into its errors; what a verdict says must not hang on the caller's shell.
        command
            .env("RUST_BACKTRACE", "0")
            .env_remove("RUST_LIB_BACKTRACE");
        let ending = match process::run(command, &log, self.bench.limit) {
            Ok(ending) => ending,
            Err(error) => {
                let program = self.unit.launcher.program().display();
                self.close_all(Outcome::NotRun, &format!("cannot run {program}: {error}"));
                return Next::Done;
            }
        };

        let fragment = match Fragment::read(&evidence) {
            Ok(fragment) => fragment,
            Err(error) => {
                self.judged.problems.push(error.to_string());
                self.close_all(
                    Outcome::NotRun,
                    &format!("its evidence is unreadable: {error}"),
                );
                return Next::Done;
            }
        };
        let suspects: Vec<_> = fragment.open().into_iter().cloned().collect();
        let surprising = fragment
            .records
            .iter()
            .any(|record| !record.is_as_expected());
        fragment
            .records
            .into_iter()
            .for_each(|record| self.take(record));

        match ending {
            Ending::Interrupted => {
                self.close_all(Outcome::Interrupted, "stopped by the user");
                Next::Done
            }
            Ending::TimedOut => {
                let limit = self.bench.limit.as_secs_f64();
                let detail = format!("killed after {limit} s");
                self.blame(&suspects, Outcome::TimedOut, &detail, &log, threads)
            }
            Ending::Exited(status) if self.unit.launcher.ended_in_order(status.code()) => {
                self.close_silent(&suspects, &log);
                let green = self.judged.records.iter().all(Record::is_as_expected);
                if green && !surprising && !status.success() {
                    let log = self.bench.workspace.relative(&log);
                    let problem = format!(
                        "{}: the process failed ({status}) although every verdict is as expected [see {log}]",
                        self.unit.title,
                    );
                    self.judged.problems.push(problem);
                }
                Next::Done
            }
            Ending::Exited(status) => {
                let text = fs::read_to_string(&log).unwrap_or_default();
                let outcome = death(status, &text);
                let detail = format!("the process ended with {status}");
                self.blame(&suspects, outcome, &detail, &log, threads)
            }
        }
    }

    /// Takes a verdict if it is owed.
    fn take(&mut self, record: Record) {
        match self.open.iter().position(|test| *test == record.test) {
            Some(at) => {
                self.open.remove(at);
                self.judged.records.push(record);
            }
            None => {
                let problem = format!("{}: a verdict that nobody asked for", record.test);
                self.judged.problems.push(problem);
            }
        }
    }

    /// A process died: its one open test gets the blame, and the others another process.
    fn blame(
        &mut self,
        suspects: &[TestId],
        outcome: Outcome,
        detail: &str,
        log: &Utf8Path,
        threads: usize,
    ) -> Next {
        let quoted = self.quote(log, None);
        let Some(suspect) = suspects.last() else {
            let detail = format!("{detail} before any check began{quoted}");
            self.close_all(Outcome::NotRun, &detail);
            return Next::Done;
        };
        if suspects.len() > 1 && threads > 1 {
            return Next::OneByOne;
        }
        let known = self.close(suspect, outcome, &format!("{detail}{quoted}"));
        if outcome == Outcome::TimedOut && !known {
            // Else a family that hangs in each of its tests takes the limit that many times.
            let detail = format!("`{suspect}` hung, so this was not begun");
            self.close_all(Outcome::NotRun, &detail);
        }
        if self.open.is_empty() {
            Next::Done
        } else {
            Next::Again
        }
    }

    /// A process ended in order, but some tests left no verdict.
    fn close_silent(&mut self, suspects: &[TestId], log: &Utf8Path) {
        for test in self.open.clone() {
            let quoted = self.quote(log, Some(&test));
            if suspects.contains(&test) {
                let detail = format!("the check began and ended without a verdict{quoted}");
                self.close(&test, Outcome::RunFailed, &detail);
            } else {
                let detail = format!("the test left no evidence{quoted}");
                self.close(&test, Outcome::NotRun, &detail);
            }
        }
    }

    fn close_all(&mut self, outcome: Outcome, detail: &str) {
        for test in self.open.clone() {
            self.close(&test, outcome, detail);
        }
    }

    /// Gives a test the verdict that it could not write itself; whether that was expected.
    fn close(&mut self, test: &TestId, outcome: Outcome, detail: &str) -> bool {
        let lists = &self.bench.expectations;
        let expectation = lists
            .get(test.backend.as_str())
            .and_then(|list| list.lookup(test));
        let record = Record {
            test: test.clone(),
            device: self.bench.device.name().into(),
            dtype: "f32".into(),
            outcome,
            expected: expectation.map_or(Outcome::Pass, |entry| entry.outcome),
            outputs: BTreeMap::new(),
            detail: detail.into(),
            cause: expectation.map(|entry| entry.cause.clone()),
            seconds: 0.0,
            peak_bytes: 0,
            versions: BTreeMap::new(),
            reference: String::new(),
            reproduce: self.unit.launcher.reproduce(test),
        };
        let known = record.is_as_expected();
        self.open.retain(|open| open != test);
        self.judged.records.push(record);
        known
    }

    /// What the log says about a test, or last of all.
    fn quote(&self, log: &Utf8Path, test: Option<&TestId>) -> String {
        let text = fs::read_to_string(log).unwrap_or_default();
        let lines = quoted_lines(&text, test);
        let log = self.bench.workspace.relative(log);
        if lines.is_empty() {
            format!(" [{log}]")
        } else {
            format!(" [{log}]:\n{}", lines.join("\n"))
        }
    }
}

/// The part of libtest's output that belongs to a test, or the last lines.
fn quoted_lines<'t>(text: &'t str, test: Option<&TestId>) -> Vec<&'t str> {
    let lines: Vec<_> = text.lines().collect();
    let head = test.map(|test| format!("---- {} stdout ----", test.rust_path()));
    let at = head.and_then(|head| lines.iter().position(|line| **line == head));
    match at {
        Some(at) => {
            let section = lines[at + 1..]
                .iter()
                .take_while(|line| !line.starts_with("---- "));
            let said = section.filter(|line| !line.trim().is_empty());
            said.take(QUOTED_LINES).copied().collect()
        }
        None => {
            let said: Vec<_> = lines
                .into_iter()
                .filter(|line| !line.trim().is_empty())
                .collect();
            said[said.len().saturating_sub(QUOTED_LINES)..].to_vec()
        }
    }
}

/// What a process that ended out of order died of.
fn death(status: std::process::ExitStatus, log: &str) -> Outcome {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        // We kill for time and on request only, which is told apart; others use it to free memory.
        const KILL: i32 = 9;
        if status.signal() == Some(KILL) {
            return Outcome::OutOfMemory;
        }
    }
    let _ = status;
    // What Rust prints before it aborts.
    if log.contains("memory allocation of ") {
        Outcome::OutOfMemory
    } else {
        Outcome::Crashed
    }
}
