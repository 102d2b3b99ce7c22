//! The text of docs/checks.md: the same bytes for the same registry and the same verdicts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use evidence::{Outcome, Record, Run, TestId};
use generator::{Fate, Need, Planned};
use model_registry::{Architecture, Category, Registry, TOKENIZERS};

use super::{GENERATED, tokenizers, versions};
use crate::output;

/// The backends that emitted Rust runs on, as columns.
const BACKENDS: [&str; 3] = ["candle", "candle-graph", "ort"];

/// One check of one case on one backend, made or not.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The test crate.
    pub category: Category,
    /// transformers' `model_type`.
    pub family: String,
    /// Which decides the checks.
    pub architecture: Architecture,
    /// The check, and what becomes of it.
    pub planned: Planned,
}

impl Entry {
    /// The test, if one is emitted.
    pub fn test(&self) -> Option<TestId> {
        (self.planned.fate == Fate::Made).then(|| TestId {
            category: self.category.name().to_owned(),
            family: self.family.clone(),
            variant: self.planned.variant.clone(),
            backend: self.planned.backend.to_owned(),
            setting: self.planned.setting.map(str::to_owned),
            check: self.planned.check.to_owned(),
        })
    }
}

/// What the page is made from.
#[derive(Debug)]
pub struct Page<'a> {
    registry: &'a Registry,
    entries: &'a [Entry],
    records: BTreeMap<&'a TestId, &'a Record>,
    device: &'a str,
    versions: String,
}

/// What came of the checks of a cell, or of several.
#[derive(Clone, Debug, Default)]
struct Tally {
    passed: usize,
    refused: usize,
    known: usize,
    unexpected: usize,
    waived: usize,
    /// Why others are not made, and how many.
    not_made: BTreeMap<&'static str, usize>,
}

impl Tally {
    fn made(&self) -> usize {
        self.passed + self.refused + self.known + self.unexpected
    }

    fn add(&mut self, fate: &Fate, record: Option<&Record>) {
        match fate {
            Fate::Made => match record {
                // Listed or not, it could not be expressed: the share must not look better for it.
                Some(record) if record.outcome == Outcome::Refused => self.refused += 1,
                Some(record) if !record.is_as_expected() => self.unexpected += 1,
                Some(record) if record.outcome == Outcome::Pass => self.passed += 1,
                Some(_) => self.known += 1,
                // The run was chosen because it holds every test.
                None => self.unexpected += 1,
            },
            Fate::Waived => self.waived += 1,
            Fate::Unbound => *self.not_made.entry(UNBOUND.0).or_default() += 1,
            Fate::Unmet(need) => *self.not_made.entry(footnote(*need)).or_default() += 1,
        }
    }

    /// `5 made: 4 pass, 1 known gap; 1 waived; 2 not made[^cache]`
    fn cell(&self) -> String {
        let made = self.made();
        let mut parts = Vec::new();
        if made > 0 {
            let outcomes = [
                (self.passed, "pass"),
                (self.refused, "refused"),
                (self.known, "known gap"),
                (self.unexpected, "unexpected"),
            ];
            let outcomes: Vec<_> = outcomes
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, name)| {
                    let plural = if *count > 1 && name.ends_with("gap") {
                        "s"
                    } else {
                        ""
                    };
                    format!("{count} {name}{plural}")
                })
                .collect();
            parts.push(format!("{made} made: {}", outcomes.join(", ")));
        }
        if self.waived > 0 {
            parts.push(format!("{} waived", self.waived));
        }
        let marks: String = self
            .not_made
            .keys()
            .map(|name| format!("[^{name}]"))
            .collect();
        match (parts.is_empty(), self.not_made.values().sum::<usize>()) {
            (_, 0) => {}
            (true, _) => parts.push(format!("–{marks}")),
            (false, count) => parts.push(format!("{count} not made{marks}")),
        }
        parts.join("; ")
    }

    /// The refused among the made, in per cent.
    fn refused_share(&self) -> String {
        match self.made() {
            0 => "–".to_owned(),
            made => format!("{:.1} %", 100.0 * self.refused as f64 / made as f64),
        }
    }
}

/// The name of the footnote on cases that nothing binds, and its text.
const UNBOUND: (&str, &str) = (
    "unbound",
    "candle-transformers does not implement the family, or the registry has no binding to it.",
);

/// The name of the footnote on a need that is not met.
fn footnote(need: Need) -> &'static str {
    match need {
        Need::Rows => "rows",
        Need::Mask => "mask",
        Need::Along => "along",
        Need::Cache => "cache",
        Need::Logits => "logits",
        Need::Growth => "growth",
        Need::HalfPrecision => "half",
        Need::JsonConfig => "config",
    }
}

/// The footnote's text: what is missing, and where it is so for every family.
fn explained(need: Need) -> String {
    let more = match need {
        Need::Cache => "; the recorded graph is one full pass",
        Need::Mask => "; each row is then run alone, cut to its length",
        _ => "",
    };
    let missing = need.unmet();
    let (first, rest) = missing.split_at(1);
    format!("{}{rest}{more}.", first.to_uppercase())
}

impl<'a> Page<'a> {
    /// The page of a registry whose every emitted check the run has made.
    pub fn new(registry: &'a Registry, entries: &'a [Entry], run: &'a Run) -> Self {
        let records = run.records.iter().map(|record| (&record.test, record));
        Self {
            registry,
            entries,
            records: records.collect(),
            device: &run.header.device,
            versions: versions(run),
        }
    }

    /// The whole text.
    pub fn render(&self) -> String {
        let parts = [
            self.head(),
            self.cells(),
            self.shares(),
            self.waivers(),
            self.refusals(),
            tokenizers::render(self.registry, &self.records),
            self.footnotes(),
        ];
        parts.join("\n")
    }

    fn tally(&self, is_wanted: impl Fn(&Entry) -> bool) -> Tally {
        let mut tally = Tally::default();
        for entry in self.entries.iter().filter(|entry| is_wanted(entry)) {
            let record = entry
                .test()
                .and_then(|test| self.records.get(&test).copied());
            tally.add(&entry.planned.fate, record);
        }
        tally
    }

    fn head(&self) -> String {
        let surprises = self
            .records
            .values()
            .filter(|record| !record.is_as_expected());
        let surprises = match surprises.count() {
            0 => String::new(),
            count => format!(
                "\n{} of this run differ from what the expectations list.\n",
                output::count(count, "verdict")
            ),
        };
        format!(
            "# Checks\n\n\
             {GENERATED}\n\n\
             What is checked of which architecture, and what came of it on {} with {}.\n\
             A cell counts cases: a family's base case and, for some checks, its variants; ONNX Runtime makes the forward check at two settings.\n\
             A known gap is a verdict other than a pass that the expectations list with its cause; a refusal is one where the backend's API cannot express the check.\n\
             {surprises}",
            self.device, self.versions
        )
    }

    fn cells(&self) -> String {
        let mut text = format!(
            "## Check by architecture by backend\n\n| check | architecture | {} |\n|---|---|---|---|\n",
            BACKENDS.join(" | ")
        );
        for check in generator::checks() {
            for architecture in Architecture::ALL {
                let of_row = |entry: &Entry| {
                    entry.planned.check == check && entry.architecture == *architecture
                };
                if !self.entries.iter().any(of_row) {
                    continue;
                }
                let cells = BACKENDS.map(|backend| {
                    self.tally(|entry| of_row(entry) && entry.planned.backend == backend)
                        .cell()
                });
                let cells = cells.join(" | ");
                // Writing to a String cannot fail.
                let _ = writeln!(text, "| `{check}` | {architecture} | {cells} |");
            }
        }
        text
    }

    fn shares(&self) -> String {
        let mut text = "## Refused\n\nThe refused among the checks that are made.\n\n\
            | check | made | refused | share | waived | not made |\n|---|---:|---:|---:|---:|---:|\n"
            .to_owned();
        let mut row = |name: &str, tally: &Tally| {
            let _ = writeln!(
                text,
                "| {name} | {} | {} | {} | {} | {} |",
                tally.made(),
                tally.refused,
                tally.refused_share(),
                tally.waived,
                tally.not_made.values().sum::<usize>(),
            );
        };
        for check in generator::checks() {
            let tally = self.tally(|entry| entry.planned.check == check);
            row(&format!("`{check}`"), &tally);
        }
        row("all", &self.tally(|_| true));
        text
    }

    fn footnotes(&self) -> String {
        let notes: BTreeMap<_, _> = self
            .entries
            .iter()
            .filter_map(|entry| match entry.planned.fate {
                Fate::Unbound => Some((UNBOUND.0, UNBOUND.1.to_owned())),
                Fate::Unmet(need) => Some((footnote(need), explained(need))),
                Fate::Made | Fate::Waived => None,
            })
            .collect();
        notes
            .into_iter()
            .map(|(name, words)| format!("[^{name}]: {words}\n"))
            .collect()
    }

    fn waivers(&self) -> String {
        let families = self.registry.families().iter();
        let waived = families.flat_map(|family| {
            family.waived_checks().map(|(check, reason)| {
                format!("- {}, `{check}`: {}\n", family.family, prose(reason))
            })
        });
        section(
            "Waived, since PyTorch's own numbers do not keep them",
            waived,
        )
    }

    fn refusals(&self) -> String {
        let mut groups: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
        for (test, record) in &self.records {
            if record.outcome == Outcome::Refused && test.backend != TOKENIZERS {
                let cause = record.cause.as_deref().unwrap_or(&record.detail);
                let cause = prose(cause.lines().next().unwrap_or_default());
                groups
                    .entry((&test.backend, &test.family, cause))
                    .or_default()
                    .insert(&test.check);
            }
        }
        let lines = groups
            .into_iter()
            .map(|((backend, family, cause), checks)| {
                let checks: Vec<_> = checks.iter().map(|check| format!("`{check}`")).collect();
                format!("- {family} on {backend}, {}: {cause}\n", checks.join(", "))
            });
        section("Refused, and why", lines)
    }
}

/// Somebody's sentence on one line of Markdown, where it stays a sentence.
pub(crate) fn prose(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('&', "&amp;").replace('<', "&lt;")
}

pub(crate) fn section(title: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: String = lines.collect();
    let lines = if lines.is_empty() { "None.\n" } else { &lines };
    format!("## {title}\n\n{lines}")
}
