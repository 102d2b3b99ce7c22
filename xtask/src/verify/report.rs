//! What a run means, in words: every surprise in full, every known gap in a line.

use std::{collections::BTreeMap, fmt::Write as _};

use camino::Utf8Path;
use evidence::{Metrics, Outcome, Record, Run};
use model_registry::Family;

use super::runner::Results;
use crate::{output, workspace::Workspace};

/// Prints it.
pub(super) fn print(
    workspace: &Workspace,
    families: &[&Family],
    run: &Run,
    results: &Results,
    file: &Utf8Path,
) {
    let known = known(&run.records);
    if !known.is_empty() {
        output::say(format_args!("\nknown:\n{}", known.join("\n")));
    }
    let waived: Vec<_> = families.iter().flat_map(|family| waived(family)).collect();
    if !waived.is_empty() {
        output::say(format_args!("\nnot checked:\n{}", waived.join("\n")));
    }
    // A run that was stopped has one surprise, not hundreds.
    let told = |r: &&Record| !r.is_as_expected() && r.outcome != Outcome::Interrupted;
    let surprises: Vec<_> = run.records.iter().filter(told).map(unexpected).collect();
    if !surprises.is_empty() {
        output::say(format_args!("\nunexpected:\n{}", surprises.join("\n")));
    }
    for note in &results.notes {
        output::say(format_args!("note: {note}"));
    }
    for problem in &results.problems {
        output::say(format_args!("problem: {problem}"));
    }

    let counts = run
        .footer
        .counts
        .iter()
        .map(|(outcome, n)| format!("{n} {outcome}"));
    let counts = counts.collect::<Vec<_>>().join(", ");
    let checks = output::count(run.records.len(), "check");
    let seconds = run.footer.seconds;
    output::say(format_args!(
        "\n{checks}: {counts}; {} unexpected; {seconds:.1} s{}",
        run.footer.unexpected,
        if run.footer.interrupted {
            "; stopped by the user"
        } else {
            ""
        },
    ));
    output::say(format_args!("evidence: {}", workspace.relative(file)));
}

/// One line for all known verdicts of a family on a backend that share outcome and cause.
fn known(records: &[Record]) -> Vec<String> {
    let mut groups: BTreeMap<_, Vec<&Record>> = BTreeMap::new();
    for record in records
        .iter()
        .filter(|r| r.is_as_expected() && r.outcome != Outcome::Pass)
    {
        let cause = record.cause.as_deref().unwrap_or("no cause is given");
        let key = (
            &record.test.family,
            &record.test.backend,
            record.outcome,
            cause,
        );
        groups.entry(key).or_default().push(record);
    }
    let line = |((family, backend, outcome, cause), records): ((_, _, _, _), Vec<&Record>)| {
        let checks = output::count(records.len(), "check");
        format!("  {family} on {backend}: {outcome} in {checks}: {cause}")
    };
    groups.into_iter().map(line).collect()
}

/// The checks that a family's own numbers do not keep, and which are therefore not made.
fn waived(family: &Family) -> impl Iterator<Item = String> {
    let name = &family.family;
    let checks = family.waived_checks();
    checks.map(move |(check, reason)| format!("  {name}: {check}: {reason}"))
}

/// A surprise in full.
pub(super) fn unexpected(record: &Record) -> String {
    let mut text = format!("  {}\n", record.test);
    // Writing to a String cannot fail.
    let mut line = |label: &str, words: &str| {
        let _ = writeln!(text, "    {label:10} {}", words.replace('\n', "\n      "));
    };
    line(
        "outcome",
        &format!("{}, expected {}", record.outcome, record.expected),
    );
    for (name, metrics) in &record.outputs {
        line("output", &format!("{name}: {}", numbers(metrics)));
        if let Some(difference) = &metrics.first_difference {
            let got = difference
                .got
                .map_or("not finite".into(), |got| got.to_string());
            let expected = difference.expected;
            let words = format!(
                "at {:?}: got {got}, expected {expected}",
                difference.position
            );
            line("first", &words);
        }
    }
    if !record.detail.is_empty() {
        line("detail", &record.detail);
    }
    if let Some(cause) = &record.cause {
        line("cause", cause);
    }
    line("reproduce", &record.reproduce);
    text.trim_end().to_owned()
}

fn numbers(metrics: &Metrics) -> String {
    let Metrics {
        max_abs,
        rmse,
        bound,
        compared,
        ..
    } = metrics;
    let margin = metrics.shown_margin();
    format!(
        "max|Δ| {max_abs:.2e} (bound {:.2e}), rmse {rmse:.2e} (bound {:.2e}), margin {margin}, {compared} compared",
        bound.max_abs, bound.rmse,
    )
}
