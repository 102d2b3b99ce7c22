//! From the evidence on planted faults to one status for each mutant: a fault at a place, in a case, on a backend.

use std::collections::BTreeMap;

use evidence::{Outcome, Sabotage, TestId};
use serde::Serialize;

use super::{double::Answer, faults};

/// The backend that is built from config and weights, and not from the reference's graph.
const NATIVE: &str = "candle";

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// A check that passes without the fault failed with it.
    Detected,
    /// No check noticed, and nothing says that there was nothing to notice.
    Survived,
    /// No check noticed, and in float64 the fault moves nothing beyond what PyTorch loses in float32.
    Equivalent,
    /// A field of the config that this backend does not read: nothing changed in any check, though float64
    /// does not say that nothing should.
    Unread,
    /// The fault broke the model instead of changing it; the saboteur is at fault.
    Stillborn,
}

impl Status {
    /// Every status, in the order of the tables.
    pub const ALL: [Self; 5] = [
        Self::Detected,
        Self::Survived,
        Self::Equivalent,
        Self::Unread,
        Self::Stillborn,
    ];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Detected => "detected",
            Self::Survived => "survived",
            Self::Equivalent => "equivalent",
            Self::Unread => "unread",
            Self::Stillborn => "stillborn",
        }
    }
}

/// What one check said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sighting {
    /// The check.
    pub check: String,
    /// Its outcome with the fault.
    pub outcome: Outcome,
    /// In words, where it is no pass.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The largest margin over all outputs.
    pub margin: Option<f64>,
    /// Whether every output was bit by bit the same.
    pub unchanged: bool,
}

/// A fault at a place, in a case, on a backend, and what was found out about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mutant {
    /// The family.
    pub family: String,
    /// The case: `bert` or `bert.relu`.
    pub case: String,
    /// The family's architecture.
    pub architecture: &'static str,
    /// The backend.
    pub backend: String,
    /// The fault.
    pub fault: String,
    /// Where it was planted.
    pub site: String,
    /// What became of it.
    pub status: Status,
    /// The checks that were made with it, in the order of the runs.
    pub checks: Vec<Sighting>,
    /// What float64 says; only asked of those that no check noticed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub float64: Option<Answer>,
}

impl Mutant {
    /// The name that the harness knows it by.
    pub fn name(&self) -> String {
        format!("{}@{}", self.fault, self.site)
    }

    /// The check that came nearest to noticing.
    pub fn nearest(&self) -> Option<(&Sighting, f64)> {
        let margins = self.checks.iter().filter_map(|c| Some((c, c.margin?)));
        margins.max_by(|(_, one), (_, other)| one.total_cmp(other))
    }

    /// What became of it, from what the checks said and from float64, if that was asked.
    fn judged(&self) -> Status {
        let fault = faults::find(&self.fault);
        let may_fail = fault.is_some_and(|fault| fault.may_fail);
        // Where a graph is run, a fault of the same name is in the graph.
        let fault = fault.filter(|_| self.backend == NATIVE);
        let may_fail = may_fail || fault.is_some_and(|fault| fault.in_calls);
        let in_config = fault.is_some_and(|fault| fault.in_config);
        let said = |wanted: Said| {
            let mut checks = self.checks.iter();
            checks.any(|check| said(check.outcome, may_fail) == wanted)
        };
        if said(Said::Noticed) && !self.contradicts_itself() {
            Status::Detected
        } else if said(Said::Broke) {
            Status::Stillborn
        } else if self.float64.as_ref().is_some_and(Answer::is_equivalent) {
            Status::Equivalent
        } else if in_config && self.checks.iter().all(|check| check.unchanged) {
            Status::Unread
        } else {
            Status::Survived
        }
    }

    /// Whether one check, made twice, noticed once: that is chance and no detection.
    fn contradicts_itself(&self) -> bool {
        let mut outcomes: BTreeMap<&str, Vec<Outcome>> = BTreeMap::new();
        for check in &self.checks {
            outcomes
                .entry(&check.check)
                .or_default()
                .push(check.outcome);
        }
        outcomes
            .values()
            .any(|said| said.contains(&Outcome::Pass) && said.iter().any(|o| *o != Outcome::Pass))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Noticed,
    Broke,
}

/// What an outcome says of a fault.
///
/// A model that cannot be built or run is noticed by everybody, so that proves nothing about a check;
/// but a call that the backend refuses to answer is what a fault in calls should come to.
fn said(outcome: Outcome, may_fail: bool) -> Said {
    match outcome {
        Outcome::Mismatch | Outcome::Nonfinite => Said::Noticed,
        // The harness wrote this of one mutant, so no guess is needed whose death it was.
        Outcome::TimedOut | Outcome::OutOfMemory | Outcome::Crashed => Said::Noticed,
        Outcome::RunFailed if may_fail => Said::Noticed,
        Outcome::LoadFailed | Outcome::RunFailed => Said::Broke,
        Outcome::Pass
        | Outcome::Refused
        | Outcome::NotRun
        | Outcome::Interrupted
        | Outcome::Flaky
        | Outcome::FellBack => Said::Nothing,
    }
}

/// All mutants of a run.
#[derive(Debug, Default)]
pub struct Mutants {
    /// By case, backend and mutant.
    all: BTreeMap<(String, String, String), Mutant>,
}

impl Mutants {
    /// Adds what was seen in a family of this architecture.
    pub fn add(&mut self, seen: Sabotage, architecture: &'static str) {
        let case = case(&seen.test);
        let key = (case.clone(), seen.test.backend.clone(), seen.mutant());
        let mutant = self.all.entry(key).or_insert_with(|| Mutant {
            architecture,
            family: seen.test.family,
            case,
            backend: seen.test.backend,
            fault: seen.fault,
            site: seen.site,
            status: Status::Survived,
            checks: Vec::new(),
            float64: None,
        });
        mutant.checks.push(Sighting {
            check: seen.test.check,
            outcome: seen.outcome,
            detail: seen.detail,
            margin: seen.margin,
            unchanged: seen.unchanged,
        });
        mutant.status = mutant.judged();
    }

    /// Adds what float64 says about those it was asked about.
    pub fn answer(&mut self, answers: Vec<Answer>) {
        for answer in answers {
            let key = (
                answer.case.clone(),
                answer.backend.clone(),
                answer.mutant.clone(),
            );
            if let Some(mutant) = self.all.get_mut(&key) {
                mutant.float64 = Some(answer);
                mutant.status = mutant.judged();
            }
        }
    }

    /// Every mutant, by case, backend and name.
    pub fn iter(&self) -> impl Iterator<Item = &Mutant> {
        self.all.values()
    }

    /// Those that no check has noticed, so that the next judge is to be asked.
    pub fn unnoticed(&self) -> impl Iterator<Item = &Mutant> {
        self.iter()
            .filter(|mutant| matches!(mutant.status, Status::Survived | Status::Unread))
    }

    /// Where else in its family the same fault is detected on the same backend: cases, and places in its own.
    pub fn caught_elsewhere(&self, mutant: &Mutant) -> Vec<String> {
        let same = |other: &&Mutant| {
            (&other.family, &other.backend, &other.fault)
                == (&mutant.family, &mutant.backend, &mutant.fault)
        };
        let told = |other: &Mutant| match other.case == mutant.case {
            true => format!("{} at {}", other.case, other.site),
            false => other.case.clone(),
        };
        let mut places: Vec<_> = self.of(Status::Detected).filter(same).map(told).collect();
        places.dedup();
        places
    }

    /// Those of one status.
    pub fn of(&self, status: Status) -> impl Iterator<Item = &Mutant> {
        self.iter().filter(move |mutant| mutant.status == status)
    }
}

/// The name of a test's reference.
pub fn case(test: &TestId) -> String {
    match &test.variant {
        Some(variant) => format!("{}.{variant}", test.family),
        None => test.family.clone(),
    }
}
