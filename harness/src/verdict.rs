//! The one place where a pass is made, and only from numbers that were compared or facts that hold.

use std::collections::BTreeMap;

use evidence::{Metrics, Outcome};

use crate::{backend::Failure, findings::Findings};

/// What came of a check. Its fields are private: a pass can only follow from [`Findings`] that hold
/// compared elements or asserted facts, and nothing that is wrong.
#[derive(Debug)]
pub struct Verdict {
    outcome: Outcome,
    outputs: BTreeMap<String, Metrics>,
    asserted: usize,
    detail: String,
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

    /// Facts asserted besides numbers.
    pub fn asserted(&self) -> usize {
        self.asserted
    }

    /// From worst to best: what is not a number, what is wrong, what panicked where an error was due
    /// (which somebody notices, unlike an answer), what proves nothing.
    pub(crate) fn from_findings(findings: Findings) -> Self {
        let Findings {
            outputs,
            asserted,
            nonfinite,
            complaints,
            panics,
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
            (Outcome::Mismatch, [complaints, panics].concat().join("; "))
        } else if !outside.is_empty() {
            (
                Outcome::Mismatch,
                format!("outside the bound: {}", outside.join(", ")),
            )
        } else if !panics.is_empty() {
            (Outcome::RunFailed, panics.join("; "))
        } else if compared + asserted == 0 {
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
            asserted,
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
            asserted: 0,
            detail,
        }
    }
}
