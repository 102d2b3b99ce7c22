//! One process with a time limit, which a request to stop ends too.

use std::{
    fs::File,
    io,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use camino::Utf8Path;

use crate::interrupt;

/// How often a process is looked after.
const TICK: Duration = Duration::from_millis(5);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, in order or not.
    Exited(ExitStatus),
    /// Killed because its time was up.
    TimedOut,
    /// Killed because the user wants to stop.
    Interrupted,
}

/// Runs a process to its end, whatever ends it; all that it says goes to `log`.
pub fn run(mut command: Command, log: &Utf8Path, limit: Duration) -> io::Result<Ending> {
    let log = File::create(log)?;
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    #[cfg(unix)]
    {
        // A group of its own: Ctrl-C on the terminal reaches us alone, and we end it with its children.
        use std::os::unix::process::CommandExt;
        command.process_group(0);
    }
    let start = Instant::now();
    let mut child = command.spawn()?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ending::Exited(status));
        }
        let ending = match (interrupt::requested(), start.elapsed() >= limit) {
            (true, _) => Ending::Interrupted,
            (_, true) => Ending::TimedOut,
            _ => {
                thread::sleep(TICK);
                continue;
            }
        };
        end(&mut child)?;
        return Ok(ending);
    }
}

fn end(child: &mut Child) -> io::Result<()> {
    #[cfg(unix)]
    {
        // The group first; what is left of it is the child itself, if at all.
        let group = format!("-{}", child.id());
        let kill = ["-KILL", "--", &group];
        let _ = Command::new("kill")
            .args(kill)
            .stderr(Stdio::null())
            .status();
    }
    child.kill()?;
    child.wait().map(|_| ())
}
