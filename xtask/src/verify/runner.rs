//! Many units, some at once; each verdict is taken as soon as its process has ended.

use std::{
    collections::BTreeMap,
    iter,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Instant,
};

use evidence::Outcome;

use super::{
    judge::{Bench, Judged, judge},
    plan::Unit,
};
use crate::{interrupt, progress::Progress};

/// What came of all units.
#[derive(Debug, Default)]
pub struct Results {
    /// Verdicts and problems, in the order in which the units ended.
    pub judged: Vec<Judged>,
    /// All problems.
    pub problems: Vec<String>,
    /// What should be known besides, and is no fault.
    pub notes: Vec<String>,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// How long it took.
    pub seconds: f64,
}

/// Runs the units, `jobs` of them at a time.
pub fn run(bench: &Bench, units: &[Unit], jobs: usize) -> Results {
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut results = Results::default();
    thread::scope(|scope| {
        for sender in iter::repeat_n(sender, jobs.clamp(1, units.len().max(1))) {
            let next = &next;
            scope.spawn(move || {
                while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begun = Instant::now();
                    let judged = judge(bench, unit);
                    let seconds = begun.elapsed().as_secs_f64();
                    if sender.send((unit, judged, seconds)).is_err() {
                        return;
                    }
                }
            });
        }
        let mut progress = Progress::new(units.len(), "families");
        for (unit, mut judged, seconds) in receiver {
            let outcomes = tally(
                judged
                    .records
                    .iter()
                    .map(|r| (r.outcome, r.is_as_expected())),
            );
            progress.doing(&unit.title);
            progress.done(format_args!("{}: {outcomes}, {seconds:.1} s", unit.title));
            results.problems.append(&mut judged.problems);
            results.judged.push(judged);
        }
    });
    results.interrupted = interrupt::requested();
    results.seconds = start.elapsed().as_secs_f64();
    results
}

/// `12 pass`, `3 pass, 1 mismatch (known)`, `1 mismatch (unexpected)`.
pub(super) fn tally(outcomes: impl Iterator<Item = (Outcome, bool)>) -> String {
    let mut counts: BTreeMap<(Outcome, bool), usize> = BTreeMap::new();
    outcomes.for_each(|outcome| *counts.entry(outcome).or_default() += 1);
    let cells = counts
        .into_iter()
        .map(|((outcome, expected), n)| match (outcome, expected) {
            (Outcome::Pass, true) => format!("{n} pass"),
            (_, true) => format!("{n} {outcome} (known)"),
            (_, false) => format!("{n} {outcome} (unexpected)"),
        });
    cells.collect::<Vec<_>>().join(", ")
}
