//! A second look at every surprise, alone in a fresh process: a verdict that flips is flaky, and never a pass.

use std::time::Instant;

use evidence::{Outcome, Record};

use super::{
    judge::{Bench, judge},
    plan::Unit,
    runner::Results,
};
use crate::{interrupt, output, progress::Progress};

/// How many verdicts of a run are repeated at most: what breaks everything is seen without repeating everything.
const MOST: usize = 50;

/// Repeats the surprises of a run, one by one, and corrects their verdicts.
///
/// What is known or passes as expected is left alone, and so is what was never tried. No repetition
/// begins once they have together taken as long as one process may.
pub fn repeat(bench: &Bench, units: &[Unit], results: &mut Results) {
    let start = Instant::now();
    let mut surprises: Vec<_> = results
        .judged
        .iter_mut()
        .flat_map(|judged| &mut judged.records)
        .filter(|record| is_worth_repeating(record))
        .collect();
    surprises.sort_by(|a, b| a.test.cmp(&b.test));
    let all = surprises.len();
    if all == 0 {
        return;
    }

    let mut progress = Progress::new(all.min(MOST), "repetitions");
    let mut repeated = 0;
    for record in surprises.into_iter().take(MOST) {
        let unit = units.iter().find(|unit| unit.tests.contains(&record.test));
        let Some(unit) = unit else { continue };
        if interrupt::requested() || start.elapsed() >= bench.limit {
            break;
        }
        repeated += 1;
        let mut again = judge(bench, &alone(unit, record, repeated));
        results.problems.append(&mut again.problems);
        for second in &again.records {
            correct(record, second);
        }
        progress.doing(&record.test);
        progress.done(format_args!("{}: {}", record.test, record.outcome));
    }
    if repeated < all && !interrupt::requested() {
        let count = output::count(all - repeated, "unexpected verdict");
        results.notes.push(format!(
            "{count} of {all} not repeated: a run repeats at most {MOST}, and begins none after {} s of it",
            bench.limit.as_secs(),
        ));
    }
    results.seconds += start.elapsed().as_secs_f64();
    results.interrupted |= interrupt::requested();
}

fn is_worth_repeating(record: &Record) -> bool {
    let was_tried = !matches!(record.outcome, Outcome::NotRun | Outcome::Interrupted);
    was_tried && !record.is_as_expected()
}

/// The same test as a unit of its own.
fn alone(unit: &Unit, record: &Record, number: usize) -> Unit {
    Unit {
        name: format!("{}.again-{number}", unit.name),
        tests: vec![record.test.clone()],
        ..unit.clone()
    }
}

/// What two looks at the same thing say together.
fn correct(first: &mut Record, second: &Record) {
    let repetition = "repeated alone in a fresh process";
    if second.outcome == Outcome::Interrupted {
        // Nothing was learnt.
    } else if second.outcome == first.outcome {
        first.detail = lines([
            &first.detail,
            &format!("{repetition}: {} again", first.outcome),
        ]);
    } else {
        let once = told(&format!("first {}", first.outcome), first);
        let twice = told(&format!("{repetition}: {}", second.outcome), second);
        first.detail = lines([&once, &twice]);
        first.outcome = Outcome::Flaky;
    }
}

fn told(what: &str, record: &Record) -> String {
    if record.detail.is_empty() {
        what.to_owned()
    } else {
        format!("{what}: {}", record.detail)
    }
}

fn lines(parts: [&str; 2]) -> String {
    let said: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    said.join("\n")
}
