//! SIGKILL at random moments: no torn file, nothing half done that is taken for done, and a next run
//! that mends everything.

mod random;
mod record;
mod regen;
mod scratch;
mod verify;

use std::{
    fmt,
    num::NonZeroUsize,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use clap::ValueEnum;

use crate::{
    exit::{Exit, Failure, Result},
    interrupt, output,
    progress::Progress,
    workspace::Workspace,
};
use random::Random;

/// Kill a command at random moments and look at what it leaves.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How often.
    #[arg(long, value_name = "N", default_value = "100")]
    count: NonZeroUsize,
    /// What is killed.
    #[arg(long, value_enum, default_value_t = What::Regen)]
    what: What,
    /// Where the moments come from; another one each time if not given.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Passed on to verify and record: families and backends.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// What can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// `regen --all` with files to write, to replace and to remove.
    Regen,
    /// `record` of references that are absent or aged.
    Record,
    /// `verify`, with a complete run before it.
    Verify,
}

/// A command, and what it must keep true whenever it is killed.
trait Subject {
    /// How often the command is timed before the first kill.
    fn timed(&self) -> usize {
        3
    }

    /// Leaves the command something to do.
    fn prepare(&mut self, round: usize) -> Result<()>;

    /// The command.
    fn command(&self) -> Result<Command>;

    /// Looks at what a kill has left.
    fn inspect(&mut self) -> Result<Found>;

    /// What is not as it should be after a run that nobody killed.
    fn wanting(&mut self, ended: ExitStatus) -> Result<Vec<String>>;
}

/// How far a killed command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// All is as before.
    Untouched,
    /// Some is done and some not.
    Between,
    /// All is as after a run to the end.
    Done,
}

impl Stage {
    /// From whether all is as before, and whether all is as after.
    fn of(untouched: bool, done: bool) -> Self {
        match (untouched, done) {
            (true, _) => Self::Untouched,
            (_, true) => Self::Done,
            _ => Self::Between,
        }
    }
}

/// What a kill has left.
struct Found {
    stage: Stage,
    /// Files that are neither the old ones nor the new ones.
    torn: Vec<String>,
    /// What would be believed and is not true.
    false_passes: Vec<String>,
    /// Whether nothing at all has changed, and a next run would be the same as the one that was killed.
    nothing_to_mend: bool,
}

/// All rounds together.
#[derive(Default)]
struct Tally {
    killed: usize,
    ended_before: usize,
    stages: [usize; 3],
    mended: usize,
    torn: Vec<String>,
    false_passes: Vec<String>,
    wanting: Vec<String>,
}

/// Kills.
pub(super) fn run(workspace: &Workspace, args: &Args) -> Result {
    if cfg!(not(unix)) {
        let message = "there is no SIGKILL on this system, and no other signal is as sudden";
        return Err(Failure::new(Exit::Setup, message));
    }
    let seed = args.seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |since| since.as_secs())
    });
    let scratch = scratch::Scratch::new(workspace)?;
    let mut subject: Box<dyn Subject> = match args.what {
        What::Regen => Box::new(regen::Regen::new(workspace, &scratch)?),
        What::Record => Box::new(record::Record::new(workspace, &scratch, &args.arguments)?),
        What::Verify => Box::new(verify::Verify::new(workspace, &scratch, &args.arguments)?),
    };
    let normal = time(&mut *subject)?;
    let name = args
        .what
        .to_possible_value()
        .map(|value| value.get_name().to_owned());
    let name = name.unwrap_or_default();
    output::say(format_args!(
        "{} of {name}, seed {seed}, within {} ms",
        output::count(args.count.get(), "kill"),
        normal.as_millis(),
    ));
    let tally = rounds(&mut *subject, args.count.get(), normal, Random::new(seed))?;
    output::say(&tally);
    Ok(match (interrupt::requested(), tally.is_clean()) {
        (true, _) => Exit::Interrupted,
        (_, true) => Exit::Ok,
        (_, false) => Exit::Unexpected,
    })
}

/// How long the command takes when nobody kills it, in the median.
fn time(subject: &mut dyn Subject) -> Result<Duration> {
    let mut times = Vec::new();
    for round in 0..subject.timed() {
        subject.prepare(round)?;
        let start = Instant::now();
        let ended = start_group(subject)?
            .wait()
            .context("cannot wait for the command")?;
        times.push(start.elapsed());
        let wanting = subject.wanting(ended)?;
        if !wanting.is_empty() {
            let message = format!(
                "without a kill it does not work either:\n  {}",
                wanting.join("\n  ")
            );
            return Err(Failure::new(Exit::Setup, message));
        }
    }
    times.sort();
    Ok(times[times.len() / 2])
}

fn rounds(
    subject: &mut dyn Subject,
    count: usize,
    normal: Duration,
    mut random: Random,
) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut progress = Progress::new(count, "kills");
    for round in 0..count {
        if interrupt::requested() {
            break;
        }
        subject.prepare(round)?;
        let moment = normal.mul_f64(random.share());
        let mut child = start_group(subject)?;
        thread::sleep(moment);
        let ended = child.try_wait().context("cannot look after the command")?;
        kill_group(&mut child)?;
        tally.killed += 1;
        tally.ended_before += usize::from(ended.is_some());

        let mut found = subject.inspect()?;
        tally.stages[found.stage as usize] += 1;
        tally.torn.append(&mut found.torn);
        tally.false_passes.append(&mut found.false_passes);

        if !found.nothing_to_mend {
            let ended = start_group(subject)?
                .wait()
                .context("cannot wait for the command")?;
            tally.mended += 1;
            tally.wanting.append(&mut subject.wanting(ended)?);
        }
        progress.done(format_args!(
            "after {} ms: {:?}",
            moment.as_millis(),
            found.stage
        ));
    }
    Ok(tally)
}

fn start_group(subject: &dyn Subject) -> Result<Child> {
    let mut command = subject.command()?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
    }
    Ok(command.spawn().context("cannot start the command")?)
}

fn kill_group(child: &mut Child) -> Result<()> {
    #[cfg(unix)]
    if let Ok(group) = i32::try_from(child.id()) {
        use nix::{sys::signal, unistd::Pid};
        // Nobody is left if it ended before its time.
        let _ = signal::killpg(Pid::from_raw(group), signal::Signal::SIGKILL);
    }
    child.kill().context("cannot kill the command")?;
    child.wait().context("cannot wait for the command")?;
    Ok(())
}

impl Tally {
    fn is_clean(&self) -> bool {
        self.torn.is_empty() && self.false_passes.is_empty() && self.wanting.is_empty()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [untouched, between, done] = self.stages;
        writeln!(
            f,
            "{}, {} of them after its end; left untouched {untouched}, in between {between}, done {done}",
            output::count(self.killed, "kill"),
            self.ended_before,
        )?;
        let kinds = [
            ("torn files".to_owned(), &self.torn),
            ("false passes".to_owned(), &self.false_passes),
            (
                format!("not mended by the next run, of {}", self.mended),
                &self.wanting,
            ),
        ];
        for (kind, list) in kinds {
            writeln!(f, "{kind}: {}", list.len())?;
            for line in list {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}
