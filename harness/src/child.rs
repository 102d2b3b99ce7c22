//! A check that is known to take its process down, run in a process of its own.
//!
//! The child is the same test binary, asked for this one test; it leaves its evidence in a file of its
//! own. What it could not write, because it died, is told from how it died.

use std::{
    fs::File,
    io,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use camino::Utf8PathBuf;
use evidence::{Fragment, Outcome, Record, TestId};

use crate::{backend::Failure, peak};

/// How often the child is looked after.
const TICK: Duration = Duration::from_millis(5);

/// How many of the last lines that it says are quoted.
const QUOTED_LINES: usize = 6;

/// What tells a child that it is one.
pub(crate) const VARIABLE: &str = "TOUCHSTONE_CHILD";

/// What a child may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long it may run.
    pub time: Duration,
    /// How much memory it may hold, in bytes; enforced where the system tells.
    pub memory: u64,
}

/// Less than `xtask verify` allows a process, so that the child goes first and its parent can tell.
impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(60),
            memory: 2 << 30,
        }
    }
}

/// What came of a child.
#[derive(Debug)]
pub(crate) enum Ending {
    /// It wrote its verdict.
    Verdict(Box<Record>),
    /// It died before it could.
    Died(Failure),
}

/// Whether an expectation means that the process would not survive the check.
pub(crate) fn would_die(expected: Outcome) -> bool {
    matches!(
        expected,
        Outcome::Crashed | Outcome::TimedOut | Outcome::OutOfMemory
    )
}

/// Runs one emitted test of this binary again, in a process within these limits.
pub(crate) fn run(test: &TestId, limits: Limits) -> Result<Ending, String> {
    let failed =
        |error: io::Error| format!("`{test}` cannot be run in a process of its own: {error}");
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    let path = test.rust_path();
    command.args(["--exact", &path, "--test-threads=1", "--nocapture"]);
    watch(command, test, limits).map_err(failed)
}

fn watch(mut command: Command, test: &TestId, limits: Limits) -> io::Result<Ending> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| {
        let path = Utf8PathBuf::try_from(folder.path().join(name));
        path.map_err(|error| error.into_io_error())
    };
    let (evidence, log) = (file("evidence.ndjson")?, file("log")?);
    let said = File::create(&log)?;
    // Frames would push what was said out of the lines that are quoted.
    command
        .env("RUST_BACKTRACE", "0")
        .env_remove("RUST_LIB_BACKTRACE");
    command
        .env(VARIABLE, "1")
        .env("TOUCHSTONE_EVIDENCE", &evidence)
        .env_remove("TOUCHSTONE_SABOTEURS");
    command
        .stdin(Stdio::null())
        .stdout(said.try_clone()?)
        .stderr(said);
    let end = wait(&mut command.spawn()?, limits)?;

    let fragment = Fragment::read(&evidence).map_err(io::Error::other)?;
    let mut records = fragment.records.into_iter();
    if let Some(record) = records.find(|record| record.test == *test) {
        return Ok(Ending::Verdict(Box::new(record)));
    }
    let text = std::fs::read(&log)?;
    let text = String::from_utf8_lossy(&text);
    let (outcome, how) = match end {
        End::Itself(status) if status.success() => {
            let how = "the process ran no test of this name".to_owned();
            (Outcome::NotRun, how)
        }
        End::Itself(status) => {
            let how = format!("the process ended with {status}");
            (death(status, &text), how)
        }
        End::OutOfTime => {
            let how = format!("killed after {} s", limits.time.as_secs_f64());
            (Outcome::TimedOut, how)
        }
        End::OutOfMemory => {
            let how = format!("killed: it held more than {} MiB", limits.memory >> 20);
            (Outcome::OutOfMemory, how)
        }
    };
    let detail = format!("{how}{}", last_lines(&text));
    Ok(Ending::Died(Failure::observed(outcome, detail)))
}

/// How a process ended.
enum End {
    Itself(ExitStatus),
    OutOfTime,
    OutOfMemory,
}

fn wait(child: &mut Child, limits: Limits) -> io::Result<End> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(End::Itself(status));
        }
        let end = if start.elapsed() >= limits.time {
            End::OutOfTime
        } else if peak::of(child.id()) > limits.memory {
            End::OutOfMemory
        } else {
            thread::sleep(TICK);
            continue;
        };
        child.kill()?;
        child.wait()?;
        return Ok(end);
    }
}

/// What a process died of that ended out of order, told as `xtask verify` tells it.
fn death(status: ExitStatus, said: &str) -> Outcome {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        // What we kill for is told apart; others kill to free memory.
        const KILL: i32 = 9;
        if status.signal() == Some(KILL) {
            return Outcome::OutOfMemory;
        }
    }
    let _ = status;
    // What Rust prints before it aborts.
    if said.contains("memory allocation of ") {
        Outcome::OutOfMemory
    } else {
        Outcome::Crashed
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(QUOTED_LINES)..];
    if last.is_empty() {
        String::new()
    } else {
        format!(":\n{}", last.join("\n"))
    }
}
