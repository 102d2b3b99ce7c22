//! The closed set of things that can come of a check.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What came of one check; ordered from best to worst, so that a cell is the maximum of its checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Compared numbers, all within the bound.
    Pass,
    /// The backend's API cannot express the check; cited upstream.
    Refused,
    /// Nothing was tried: the device or the binding is absent.
    NotRun,
    /// Stopped by the user.
    Interrupted,
    /// Unexpected, and another outcome when it was repeated alone in a fresh process.
    Flaky,
    /// The backend silently used another device or provider than the one asked for.
    FellBack,
    /// Numbers outside the bound, or an answer where a refusal was due.
    Mismatch,
    /// NaN or infinity where PyTorch computes a finite number.
    Nonfinite,
    /// The model could not be built from config and weights.
    LoadFailed,
    /// The forward pass returned an error or panicked.
    RunFailed,
    /// Exceeded its time limit.
    TimedOut,
    /// Exceeded its memory limit.
    OutOfMemory,
    /// Took its process down.
    Crashed,
}

impl Outcome {
    /// Every outcome, from best to worst.
    pub const ALL: [Self; 13] = [
        Self::Pass,
        Self::Refused,
        Self::NotRun,
        Self::Interrupted,
        Self::Flaky,
        Self::FellBack,
        Self::Mismatch,
        Self::Nonfinite,
        Self::LoadFailed,
        Self::RunFailed,
        Self::TimedOut,
        Self::OutOfMemory,
        Self::Crashed,
    ];

    /// The name used in expectations, records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Refused => "refused",
            Self::NotRun => "not-run",
            Self::Interrupted => "interrupted",
            Self::Flaky => "flaky",
            Self::FellBack => "fell-back",
            Self::Mismatch => "mismatch",
            Self::Nonfinite => "nonfinite",
            Self::LoadFailed => "load-failed",
            Self::RunFailed => "run-failed",
            Self::TimedOut => "timed-out",
            Self::OutOfMemory => "out-of-memory",
            Self::Crashed => "crashed",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
