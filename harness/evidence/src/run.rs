//! Reading a run strictly: a file that does not prove what it claims is refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use camino::Utf8Path;

use crate::{Event, FORMAT, Footer, Header, Outcome, Record, RunError, RunErrorKind, TestId};

/// A whole run: one verdict for each planned test, and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What was planned.
    pub header: Header,
    /// What came of it, in the order of the file.
    pub records: Vec<Record>,
    /// How it ended.
    pub footer: Footer,
}

impl Run {
    /// Reads a run file.
    pub fn read(file: &Utf8Path) -> Result<Self, RunError> {
        let text = fs::read_to_string(file)
            .map_err(|error| RunErrorKind::Unreadable(error).at(file, None))?;
        Self::parse(file, &text)
    }

    /// Reads a run from text; `file` is what errors name.
    pub fn parse(file: &Utf8Path, text: &str) -> Result<Self, RunError> {
        let mut events = events(file, text)?.into_iter();
        let Some((_, Event::Header(header))) = events.next() else {
            return Err(RunErrorKind::NoHeader.at(file, 1));
        };
        let planned = check_header(&header).map_err(|kind| kind.at(file, 1))?;

        let mut verdicts = Verdicts::new(&header, planned);
        let mut footer = None;
        for (line, event) in events {
            let result = match event {
                _ if footer.is_some() => Err(RunErrorKind::AfterFooter),
                Event::Header(_) => Err(RunErrorKind::SecondHeader),
                Event::Begin(_) => Ok(()),
                Event::Sabotage(_) => Err(RunErrorKind::Sabotaged),
                Event::Verdict(record) => verdicts.add(*record),
                Event::Footer(found) => {
                    footer = Some(found);
                    Ok(())
                }
            };
            result.map_err(|kind| kind.at(file, line))?;
        }

        let footer = footer.ok_or_else(|| RunErrorKind::NoFooter.at(file, None))?;
        let records = verdicts
            .finish(&footer)
            .map_err(|kind| kind.at(file, None))?;
        Ok(Self {
            header,
            records,
            footer,
        })
    }
}

/// Every line's number and event.
fn events(file: &Utf8Path, text: &str) -> Result<Vec<(usize, Event)>, RunError> {
    if text.is_empty() {
        return Err(RunErrorKind::Empty.at(file, None));
    }
    let mut events = Vec::new();
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let Some(line) = line.strip_suffix('\n') else {
            return Err(RunErrorKind::CutOff.at(file, number));
        };
        let event = serde_json::from_str(line)
            .map_err(|error| RunErrorKind::NotAnEvent(error).at(file, number))?;
        events.push((number, event));
    }
    Ok(events)
}

/// The plan as a set, if the header is one that can be trusted.
pub(crate) fn check_header(header: &Header) -> Result<BTreeSet<TestId>, RunErrorKind> {
    if header.format != FORMAT {
        return Err(RunErrorKind::UnknownFormat(header.format));
    }
    if header.plan.is_empty() {
        return Err(RunErrorKind::EmptyPlan);
    }
    let mut planned = BTreeSet::new();
    for test in &header.plan {
        if !planned.insert(test.clone()) {
            return Err(RunErrorKind::PlannedTwice(Box::new(test.clone())));
        }
    }
    Ok(planned)
}

/// Versions as they are named in an error: `onnxruntime 1.31.1, ort 2.0.0`.
fn named(versions: &BTreeMap<String, String>) -> String {
    let pairs = versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"));
    pairs.collect::<Vec<_>>().join(", ")
}

/// What the verdicts so far were computed with and held against; all of a run must agree.
#[derive(Default)]
struct Revisions {
    /// By backend.
    versions: BTreeMap<String, BTreeMap<String, String>>,
    /// The digest by test crate, family and variant: a tokenizer may be called as a family is.
    references: BTreeMap<(String, String, Option<String>), String>,
}

impl Revisions {
    /// A verdict that a process did not live to write knows neither, and mixes nothing.
    fn agree(&mut self, record: &Record) -> Result<(), RunErrorKind> {
        let test = &record.test;
        if !record.versions.is_empty() {
            let before = self.versions.entry(test.backend.clone());
            let before = before.or_insert_with(|| record.versions.clone());
            if *before != record.versions {
                return Err(RunErrorKind::MixedVersions {
                    test: Box::new(test.clone()),
                    found: named(&record.versions),
                    before: named(before),
                });
            }
        }
        if !record.reference.is_empty() {
            let TestId {
                category,
                family,
                variant,
                ..
            } = test.clone();
            let before = self.references.entry((category, family, variant));
            let before = before.or_insert_with(|| record.reference.clone());
            if *before != record.reference {
                return Err(RunErrorKind::MixedReferences {
                    test: Box::new(test.clone()),
                    found: record.reference.clone(),
                    before: before.clone(),
                });
            }
        }
        Ok(())
    }
}

/// The verdicts so far, held against the plan.
pub(crate) struct Verdicts {
    device: String,
    planned: BTreeSet<TestId>,
    judged: BTreeSet<TestId>,
    revisions: Revisions,
    records: Vec<Record>,
}

impl Verdicts {
    pub(crate) fn new(header: &Header, planned: BTreeSet<TestId>) -> Self {
        let device = header.device.clone();
        Self {
            device,
            planned,
            judged: BTreeSet::new(),
            revisions: Revisions::default(),
            records: Vec::new(),
        }
    }

    /// Takes a verdict if it is planned, new, proved by numbers, and from the same revisions as the others.
    pub(crate) fn add(&mut self, record: Record) -> Result<(), RunErrorKind> {
        let test = || Box::new(record.test.clone());
        if !self.planned.contains(&record.test) {
            return Err(RunErrorKind::Unplanned(test()));
        }
        if record.device != self.device {
            let (found, asked) = (record.device, self.device.clone());
            return Err(RunErrorKind::OtherDevice { found, asked });
        }
        if record.outcome == Outcome::Pass {
            if record.compared() == 0 && record.asserted == 0 {
                return Err(RunErrorKind::EmptyPass(test()));
            }
            // Not `margin > 1.0`: a NaN is no pass either.
            let outside = |margin: &f64| !matches!(margin.partial_cmp(&1.0), Some(o) if o.is_le());
            if let Some(margin) = record.outputs.values().map(|m| m.margin).find(outside) {
                return Err(RunErrorKind::PassOutsideBound {
                    test: test(),
                    margin,
                });
            }
            if let Some(metrics) = record.outputs.values().find(|m| !m.margin_follows()) {
                return Err(RunErrorKind::MarginDoesNotFollow {
                    test: test(),
                    margin: metrics.margin,
                });
            }
        }
        if !self.judged.insert(record.test.clone()) {
            return Err(RunErrorKind::SecondVerdict(test()));
        }
        self.revisions.agree(&record)?;
        self.records.push(record);
        Ok(())
    }

    /// How often each outcome came.
    pub(crate) fn counts(&self) -> BTreeMap<Outcome, usize> {
        let mut counts = BTreeMap::new();
        for record in &self.records {
            *counts.entry(record.outcome).or_default() += 1;
        }
        counts
    }

    /// How many verdicts were not as expected.
    pub(crate) fn unexpected(&self) -> usize {
        self.records
            .iter()
            .filter(|record| !record.is_as_expected())
            .count()
    }

    /// The planned tests that still lack a verdict.
    pub(crate) fn missing(&self) -> Vec<TestId> {
        self.planned.difference(&self.judged).cloned().collect()
    }

    /// The records, if they are all there and the footer tells the truth about them.
    pub(crate) fn finish(self, footer: &Footer) -> Result<Vec<Record>, RunErrorKind> {
        let missing = self.missing();
        if !missing.is_empty() {
            return Err(RunErrorKind::Missing(missing));
        }
        let counts = self.counts();
        for outcome in Outcome::ALL {
            let [stated, found] =
                [&footer.counts, &counts].map(|counts| counts.get(&outcome).copied().unwrap_or(0));
            if stated != found {
                return Err(RunErrorKind::Counts {
                    outcome,
                    stated,
                    found,
                });
            }
        }
        let (stated, found) = (footer.unexpected, self.unexpected());
        if stated != found {
            return Err(RunErrorKind::Unexpected { stated, found });
        }
        Ok(self.records)
    }
}
