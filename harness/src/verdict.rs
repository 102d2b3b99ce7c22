//! The one place where a pass is made, and only from numbers that were compared.

use std::collections::BTreeMap;

use evidence::{Metrics, Outcome};

use crate::{backend::Failure, findings::Findings};

/// What came of a check. Its fields are private: a pass can only follow from [`Findings`] with
/// compared elements or from [`Refusals`] that happened.
#[derive(Debug)]
pub struct Verdict {
    outcome: Outcome,
    outputs: BTreeMap<String, Metrics>,
    detail: String,
}

/// Bad inputs that were refused, as they should be.
#[derive(Debug, Default)]
pub struct Refusals {
    refused: usize,
    panics: Vec<String>,
    answers: Vec<String>,
}

impl Verdict {
    /// What came of it.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The numbers.
    pub fn outputs(&self) -> &BTreeMap<String, Metrics> {
        &self.outputs
    }

    /// What went wrong, in words.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn into_parts(self) -> (Outcome, BTreeMap<String, Metrics>, String) {
        (self.outcome, self.outputs, self.detail)
    }

    pub(crate) fn from_findings(findings: Findings) -> Self {
        let Findings {
            outputs,
            nonfinite,
            complaints,
        } = findings;
        let outside: Vec<&str> = outputs
            .iter()
            .filter(|(_, metrics)| metrics.margin.is_nan() || metrics.margin > 1.0)
            .map(|(name, _)| name.as_str())
            .collect();
        let compared: usize = outputs.values().map(|metrics| metrics.compared).sum();
        let (outcome, detail) = if !nonfinite.is_empty() {
            (Outcome::Nonfinite, nonfinite.join("; "))
        } else if !complaints.is_empty() {
            (Outcome::Mismatch, complaints.join("; "))
        } else if !outside.is_empty() {
            (
                Outcome::Mismatch,
                format!("outside the bound: {}", outside.join(", ")),
            )
        } else if compared == 0 {
            (
                Outcome::NotRun,
                "nothing was compared: no output has an element to compare".to_owned(),
            )
        } else {
            (Outcome::Pass, String::new())
        };
        Self {
            outcome,
            outputs,
            detail,
        }
    }
}

impl From<Failure> for Verdict {
    fn from(failure: Failure) -> Self {
        let detail = failure.detail().to_owned();
        Self {
            outcome: failure.outcome(),
            outputs: BTreeMap::new(),
            detail,
        }
    }
}

impl Refusals {
    /// An error was given: that is right.
    pub fn refused(&mut self) {
        self.refused += 1;
    }

    /// It panicked instead.
    pub fn panicked(&mut self, input: &str, said: &str) {
        self.panics.push(format!("{input}: panicked: {said}"));
    }

    /// It answered instead.
    pub fn answered(&mut self, input: &str, answer: &str) {
        self.answers.push(format!("{input}: answered {answer}"));
    }

    /// What follows: a number for nonsense is worse than a panic, since nobody notices it.
    pub fn verdict(self) -> Verdict {
        let outcome = if !self.answers.is_empty() {
            Outcome::Mismatch
        } else if !self.panics.is_empty() {
            Outcome::RunFailed
        } else if self.refused == 0 {
            Outcome::NotRun
        } else {
            Outcome::Pass
        };
        let mut said = self.answers;
        said.extend(self.panics);
        if outcome == Outcome::NotRun {
            said.push("no bad input could be made".to_owned());
        }
        Verdict {
            outcome,
            outputs: BTreeMap::new(),
            detail: said.join("; "),
        }
    }
}
