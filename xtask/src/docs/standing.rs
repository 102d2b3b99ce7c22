//! What came of a family on a backend, in a user's words: a verdict, and what to watch out for.

use std::collections::{BTreeMap, BTreeSet};

use evidence::{Outcome, Record, Run};
use model_registry::{Expectations, Family};

/// The verdicts of a run with the findings that the expectations link.
#[derive(Debug)]
pub(super) struct Verdicts<'a> {
    records: BTreeMap<(&'a str, &'a str), Vec<&'a Record>>,
    lists: &'a BTreeMap<&'static str, Expectations>,
}

/// A family on a backend.
#[derive(Debug)]
pub(super) struct Standing<'a> {
    made: usize,
    passed: usize,
    /// What the base case's forward pass came to.
    base: Outcome,
    pub(super) gaps: Vec<Gap<'a>>,
}

/// What does not pass for one cause.
#[derive(Debug)]
pub(super) struct Gap<'a> {
    pub(super) outcome: Outcome,
    /// The cases, `None` for the base case.
    pub(super) cases: BTreeSet<Option<&'a str>>,
    pub(super) checks: BTreeSet<&'a str>,
    pub(super) cause: &'a str,
    pub(super) finding: Option<&'a str>,
}

impl<'a> Verdicts<'a> {
    pub(super) fn new(run: &'a Run, lists: &'a BTreeMap<&'static str, Expectations>) -> Self {
        let mut records: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for record in &run.records {
            let place = (&*record.test.family, &*record.test.backend);
            records.entry(place).or_default().push(record);
        }
        Self { records, lists }
    }

    /// `None` where nothing was tried.
    pub(super) fn of(&self, family: &'a Family, backend: &'a str) -> Option<Standing<'a>> {
        let records = self.records.get(&(family.family.as_str(), backend))?;
        let mut gaps: BTreeMap<_, Gap<'a>> = BTreeMap::new();
        let mut base = Outcome::Pass;
        for record in records {
            let test = &record.test;
            if test.variant.is_none() && test.check == "forward_matches_reference" {
                base = base.max(record.outcome);
            }
            if record.outcome == Outcome::Pass {
                continue;
            }
            let entry = self.lists.get(backend).and_then(|list| list.lookup(test));
            let cause = record.cause.as_deref().unwrap_or(&record.detail);
            let finding = entry.and_then(|entry| entry.finding.as_deref());
            let key = (record.outcome, finding.unwrap_or(cause));
            let gap = gaps.entry(key).or_insert_with(|| Gap {
                outcome: record.outcome,
                cases: BTreeSet::new(),
                checks: BTreeSet::new(),
                cause,
                finding,
            });
            gap.cases.insert(test.variant.as_deref());
            gap.checks.insert(&test.check);
        }
        Some(Standing {
            made: records.len(),
            passed: records
                .iter()
                .filter(|record| record.outcome == Outcome::Pass)
                .count(),
            base,
            gaps: gaps.into_values().collect(),
        })
    }
}

impl Standing<'_> {
    /// Whether nothing is to be said but that it is right.
    pub(super) fn is_right(&self) -> bool {
        self.passed == self.made
    }

    /// Whether the family's own forward pass is right, whatever else is not.
    pub(super) fn is_right_at_base(&self) -> bool {
        self.base == Outcome::Pass
    }

    /// `right (12)`, `right but for 2 gaps (28 of 30)`, `wrong numbers (3 of 8)`.
    pub(super) fn words(&self) -> String {
        let (made, passed) = (self.made, self.passed);
        if self.is_right() {
            return format!("right ({made})");
        }
        if self.is_right_at_base() {
            let gaps = crate::output::count(self.gaps.len(), "gap");
            return format!("right but for {gaps} ({passed} of {made})");
        }
        format!("**{}** ({passed} of {made})", in_words(self.base))
    }
}

/// An outcome as a user would say it.
pub(super) fn in_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "right",
        Outcome::Mismatch => "wrong numbers",
        Outcome::Nonfinite => "NaN or infinity",
        Outcome::LoadFailed => "does not load",
        Outcome::RunFailed => "does not run",
        Outcome::Refused => "cannot be expressed",
        Outcome::TimedOut => "does not end",
        Outcome::OutOfMemory => "runs out of memory",
        Outcome::Crashed => "crashes",
        Outcome::NotRun | Outcome::Interrupted | Outcome::Flaky | Outcome::FellBack => "not known",
    }
}

/// One line of a list: `in *relu*: wrong numbers: the cause ([finding](…))`.
pub(super) fn line(family: &Family, gap: &Gap<'_>, findings: &str) -> String {
    let cases = gap.cases.iter().map(|case| match case {
        None => "the base case".to_owned(),
        Some(name) => match family.variants.get(*name) {
            Some(variant) if gap.cases.len() == 1 => {
                format!("*{name}* ({})", prose(&variant.tries))
            }
            _ => format!("*{name}*"),
        },
    });
    let cases: Vec<_> = cases.collect();
    let checks: Vec<_> = gap
        .checks
        .iter()
        .map(|check| check.replace('_', " "))
        .collect();
    let link = gap
        .finding
        .map(|name| format!(" ([finding]({findings}/{name}.md))"))
        .unwrap_or_default();
    format!(
        "- {}, in {} ({}): {}{link}\n",
        in_words(gap.outcome),
        cases.join(", "),
        checks.join(", "),
        prose(gap.cause)
    )
}

/// Text in which Markdown would see its own signs; what stands between backticks stays.
pub(super) fn prose(text: &str) -> String {
    let mut escaped = String::new();
    for (i, part) in text.split('`').enumerate() {
        if i > 0 {
            escaped.push('`');
        }
        if i % 2 == 1 {
            escaped += part;
            continue;
        }
        for c in part.chars() {
            if matches!(c, '*' | '_' | '<' | '|' | '[') {
                escaped.push('\\');
            }
            escaped.push(if c == '\n' { ' ' } else { c });
        }
    }
    escaped
}
