//! One process within limits of time and memory, which a request to stop ends too.

use std::{
    io,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use camino::Utf8Path;

use super::{log::Log, memory::Meter};
use crate::interrupt;

/// How often a process is looked after.
const TICK: Duration = Duration::from_millis(5);

/// What a process may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long it may run.
    pub time: Duration,
    /// How much memory it may hold, in bytes, together with the processes that it starts.
    pub memory: u64,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, in order or not.
    Exited(ExitStatus),
    /// Killed because its time was up.
    TimedOut,
    /// Killed because it held more memory than it may.
    OutOfMemory {
        /// The most that it was seen to hold, in bytes.
        peak: u64,
    },
    /// Killed because the user wants to stop.
    Interrupted,
}

/// Runs a process to its end, whatever ends it; all that it says goes to `log`.
///
/// What it has started and left behind ends with it, as far as it stayed in its group.
pub fn run(mut command: Command, log: &Utf8Path, limits: Limits) -> io::Result<Ending> {
    let mut log = Log::create(log)?;
    command
        .stdin(Stdio::null())
        .stdout(log.handle()?)
        .stderr(log.handle()?);
    #[cfg(unix)]
    {
        // A group of its own: Ctrl-C on the terminal reaches us alone, and we end it with its children.
        use std::os::unix::process::CommandExt;
        command.process_group(0);
    }
    let mut child = command.spawn()?;
    // It ends with its group even if looking after it fails.
    let ending = watch(&mut child, &mut log, limits);
    end(&mut child)?;
    log.finish()?;
    ending
}

fn watch(child: &mut Child, log: &mut Log, limits: Limits) -> io::Result<Ending> {
    let start = Instant::now();
    let mut meter = Meter::of(child.id());
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ending::Exited(status));
        }
        let peak = meter.peak();
        if interrupt::requested() {
            return Ok(Ending::Interrupted);
        } else if peak > limits.memory {
            return Ok(Ending::OutOfMemory { peak });
        } else if start.elapsed() >= limits.time {
            return Ok(Ending::TimedOut);
        }
        log.trim()?;
        thread::sleep(TICK);
    }
}

/// Ends a process, if it runs, and its group, if anything is left of it.
fn end(child: &mut Child) -> io::Result<()> {
    #[cfg(unix)]
    {
        use nix::{sys::signal, unistd::Pid};
        if let Ok(group) = i32::try_from(child.id()) {
            // There is nobody left, as a rule.
            let _ = signal::killpg(Pid::from_raw(group), signal::Signal::SIGKILL);
        }
    }
    child.kill()?;
    child.wait().map(|_| ())
}
