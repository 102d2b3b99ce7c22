//! From the evidence that processes leave, dead or alive, to one verdict for each planned test.

use std::{
    collections::BTreeMap,
    process::{Command, ExitStatus},
    time::Duration,
};

use camino::Utf8PathBuf;
use evidence::{Fragment, Outcome, Record, Sabotage, TestId};
use model_registry::{Expectation, Expectations, Family, Registry, TOKENIZERS};

use super::{
    Backend, Device, log,
    plan::Unit,
    process::{self, Ending, Limits},
};
use crate::{
    exit::{Exit, OrExit, Result},
    interrupt,
    workspace::Workspace,
};

/// What is said of what the user stopped.
const STOPPED: &str = "stopped by the user";

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
    /// How much memory it may hold, in bytes.
    pub memory: u64,
    /// How many tests of a process may run at once.
    pub threads: usize,
    /// What every process finds in its environment besides.
    pub environment: Vec<(String, String)>,
}

impl Bench {
    pub(super) fn limits(&self) -> Limits {
        Limits {
            time: self.limit,
            memory: self.memory,
        }
    }

    /// Gives a process the environment that all of a run have.
    pub(super) fn furnish(&self, command: &mut Command) {
        command.env("TOUCHSTONE_DEVICE", self.device.name());
        command.envs(self.environment.iter().cloned());
        // candle puts a backtrace into its errors; what a verdict says must not hang on the caller's shell.
        command
            .env("RUST_BACKTRACE", "0")
            .env_remove("RUST_LIB_BACKTRACE");
        // Families run side by side: threads of one would wait, spinning, for those of another.
        command.env("RAYON_NUM_THREADS", "1");
    }
}

/// What came of a unit.
#[derive(Debug, Default)]
pub struct Judged {
    /// One verdict for each of its tests.
    pub records: Vec<Record>,
    /// What cannot be blamed on one test, and yet must not be green.
    pub problems: Vec<String>,
    /// What its checks made of faults planted on purpose.
    pub sabotages: Vec<Sabotage>,
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
        let chosen = |entry: &&Expectation| {
            if *backend == TOKENIZERS {
                let mut tests = plan.iter().filter(|test| test.backend == *backend);
                tests.any(|test| test.family == entry.family)
            } else {
                families.iter().any(|f| f.family == entry.family)
            }
        };
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
            judging.close_all(&Fate::new(Outcome::Interrupted, STOPPED));
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

/// What a verdict says that a test could not write itself.
struct Fate {
    outcome: Outcome,
    detail: String,
    peak_bytes: u64,
}

impl Fate {
    fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self {
            outcome,
            detail: detail.into(),
            peak_bytes: 0,
        }
    }
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
        self.bench.furnish(&mut command);
        let ending = match process::run(command, &log, self.bench.limits()) {
            Ok(ending) => ending,
            Err(error) => {
                let program = self.unit.launcher.program().display();
                let detail = format!("cannot run {program}: {error}");
                self.close_all(&Fate::new(Outcome::NotRun, detail));
                return Next::Done;
            }
        };

        let mut fragment = match Fragment::read(&evidence) {
            Ok(fragment) => fragment,
            Err(error) => {
                self.judged.problems.push(error.to_string());
                let detail = format!("its evidence is unreadable: {error}");
                self.close_all(&Fate::new(Outcome::NotRun, detail));
                return Next::Done;
            }
        };
        self.judged.sabotages.append(&mut fragment.sabotages);
        let end = End {
            suspects: fragment.open().into_iter().cloned().collect(),
            last: fragment.records.last().map(|record| record.test.clone()),
            text: log::read(&log),
            log,
            threads,
        };
        let surprising = fragment.records.iter().any(|r| !r.is_as_expected());
        for record in fragment.records {
            self.take(record);
        }

        match ending {
            Ending::Interrupted => {
                self.close_all(&Fate::new(Outcome::Interrupted, STOPPED));
                Next::Done
            }
            Ending::TimedOut => {
                let limit = self.bench.limit.as_secs_f64();
                let detail = format!("killed after {limit} s");
                self.blame(&end, Fate::new(Outcome::TimedOut, detail))
            }
            Ending::OutOfMemory { peak } => {
                let [held, limit] = [peak, self.bench.memory].map(mebibytes);
                let detail = format!("killed when it held {held}; the limit is {limit}");
                let mut fate = Fate::new(Outcome::OutOfMemory, detail);
                fate.peak_bytes = peak;
                self.blame(&end, fate)
            }
            Ending::Exited(status)
                if self.unit.launcher.ended_in_order(status.code(), &end.text) =>
            {
                self.close_silent(&end);
                let green = self.judged.records.iter().all(Record::is_as_expected);
                if green && !surprising && !status.success() {
                    let log = self.bench.workspace.relative(&end.log);
                    let problem = format!(
                        "{}: the process failed ({status}) although every verdict is as expected [see {log}]",
                        self.unit.title,
                    );
                    self.judged.problems.push(problem);
                }
                Next::Done
            }
            Ending::Exited(status) => {
                let detail = format!("the process ended with {status}");
                let fate = Fate::new(death(status, &end.text), detail);
                self.blame(&end, fate)
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
    fn blame(&mut self, end: &End, mut fate: Fate) -> Next {
        let Some(suspect) = end.suspects.last() else {
            return self.blame_nobody(end, fate);
        };
        if end.suspects.len() > 1 && end.threads > 1 {
            return Next::OneByOne;
        }
        let outcome = fate.outcome;
        fate.detail.push_str(&self.quote(end, None));
        let known = self.close(suspect, &fate);
        if outcome == Outcome::TimedOut && !known {
            // Else a family that hangs in each of its tests takes the limit that many times.
            let detail = format!("`{suspect}` hung, so this was not begun");
            self.close_all(&Fate::new(Outcome::NotRun, detail));
        }
        self.next()
    }

    /// A process died between its checks, before the first or after the last of them.
    fn blame_nobody(&mut self, end: &End, fate: Fate) -> Next {
        let quoted = self.quote(end, None);
        let Some(last) = &end.last else {
            let detail = format!("{} before any check began{quoted}", fate.detail);
            self.close_all(&Fate::new(Outcome::NotRun, detail));
            return Next::Done;
        };
        // The verdicts were written by a living process and stay, but this is not green.
        let problem = format!(
            "`{last}` had its verdict, but then: {}{quoted}",
            fate.detail
        );
        self.judged.problems.push(problem);
        self.next()
    }

    fn next(&self) -> Next {
        if self.open.is_empty() {
            Next::Done
        } else {
            Next::Again
        }
    }

    /// A process ended in order, but some tests left no verdict.
    fn close_silent(&mut self, end: &End) {
        for test in self.open.clone() {
            let quoted = self.quote(end, Some(&test));
            let fate = if end.suspects.contains(&test) {
                let detail = format!("the check began and ended without a verdict{quoted}");
                Fate::new(Outcome::RunFailed, detail)
            } else {
                Fate::new(
                    Outcome::NotRun,
                    format!("the test left no evidence{quoted}"),
                )
            };
            self.close(&test, &fate);
        }
    }

    fn close_all(&mut self, fate: &Fate) {
        for test in self.open.clone() {
            self.close(&test, fate);
        }
    }

    /// Gives a test the verdict that it could not write itself; whether that was expected.
    fn close(&mut self, test: &TestId, fate: &Fate) -> bool {
        let lists = &self.bench.expectations;
        let expectation = lists
            .get(test.backend.as_str())
            .and_then(|list| list.lookup(test));
        let record = Record {
            test: test.clone(),
            device: self.bench.device.name().into(),
            dtype: "f32".into(),
            outcome: fate.outcome,
            expected: expectation.map_or(Outcome::Pass, |entry| entry.outcome),
            outputs: BTreeMap::new(),
            detail: fate.detail.clone(),
            cause: expectation.map(|entry| entry.cause.clone()),
            asserted: 0,
            seconds: 0.0,
            peak_bytes: fate.peak_bytes,
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
    fn quote(&self, end: &End, test: Option<&TestId>) -> String {
        log::quote(&end.text, self.bench.workspace.relative(&end.log), test)
    }
}

/// What a process leaves besides its verdicts.
struct End {
    /// The checks that had begun and not ended.
    suspects: Vec<TestId>,
    /// The last check that ended.
    last: Option<TestId>,
    /// Its log and what that says.
    log: Utf8PathBuf,
    text: String,
    /// How many tests it ran at once.
    threads: usize,
}

/// What a process that ended out of order died of.
fn death(status: ExitStatus, log: &str) -> Outcome {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        // What we kill ourselves is told apart; others use this signal to free memory.
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

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}
