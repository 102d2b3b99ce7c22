//! Why a run file is refused: which file, which line, what is wrong with it.

use std::io;

use camino::Utf8PathBuf;

use crate::{FORMAT, Outcome, TestId};

/// A run file that proves nothing, and why.
#[derive(Debug, thiserror::Error)]
#[error("{file}{}: {kind}", line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct RunError {
    /// The file.
    pub file: Utf8PathBuf,
    /// The line, counted from one, where one line is to blame.
    pub line: Option<usize>,
    /// What is wrong.
    pub kind: RunErrorKind,
}

/// What is wrong with a run file.
#[derive(Debug, thiserror::Error)]
pub enum RunErrorKind {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// The file cannot be written.
    #[error("cannot be written: {0}")]
    Unwritable(#[source] io::Error),
    /// Nothing in it.
    #[error("is empty; a run starts with a header")]
    Empty,
    /// The last line does not end.
    #[error("was cut off in the middle of a line")]
    CutOff,
    /// A line that is no event.
    #[error("is not an event: {0}")]
    NotAnEvent(#[source] serde_json::Error),
    /// The first line is something else.
    #[error("does not start with a header")]
    NoHeader,
    /// Two runs in one file.
    #[error("is a second header; a file holds one run")]
    SecondHeader,
    /// Another version of the format.
    #[error("has format {0}, but this reader knows only format {known}", known = FORMAT)]
    UnknownFormat(u32),
    /// No tests were planned.
    #[error("has an empty plan; a run of nothing is no run")]
    EmptyPlan,
    /// The plan names a test twice.
    #[error("plans `{0}` twice")]
    PlannedTwice(Box<TestId>),
    /// A verdict on a test that was not planned.
    #[error("has a verdict on `{0}`, which is not in the plan")]
    Unplanned(Box<TestId>),
    /// Two verdicts on one test.
    #[error("has a second verdict on `{0}`")]
    SecondVerdict(Box<TestId>),
    /// A pass that nothing proves.
    #[error("says that `{0}` passed without having compared or asserted anything")]
    EmptyPass(Box<TestId>),
    /// Evidence of planted faults among real verdicts.
    #[error("holds what came of a fault planted on purpose; that is no verdict on a backend")]
    Sabotaged,
    /// A pass outside its bound.
    #[error("says that `{test}` passed with {margin} times what was allowed")]
    PassOutsideBound {
        /// The test.
        test: Box<TestId>,
        /// The largest margin.
        margin: f64,
    },
    /// A margin that the numbers beside it do not give.
    #[error(
        "says that `{test}` passed with a margin of {margin}, which does not follow from its numbers"
    )]
    MarginDoesNotFollow {
        /// The test.
        test: Box<TestId>,
        /// The margin.
        margin: f64,
    },
    /// A verdict from another device than the header's.
    #[error("has a verdict from `{found}` in a run on `{asked}`")]
    OtherDevice {
        /// The record's device.
        found: String,
        /// The header's device.
        asked: String,
    },
    /// Verdicts of one backend from different versions of it.
    #[error(
        "mixes revisions: `{test}` was computed with {found}, but what is above it on {} with {before}",
        test.backend
    )]
    MixedVersions {
        /// The first test that differs.
        test: Box<TestId>,
        /// Its versions.
        found: String,
        /// Those of the verdicts above it.
        before: String,
    },
    /// Verdicts on one case that were held against different references.
    #[error(
        "mixes revisions: `{test}` was held against the reference {found}, but what is above it on the same case against {before}"
    )]
    MixedReferences {
        /// The first test that differs.
        test: Box<TestId>,
        /// The digest of its reference.
        found: String,
        /// That of the verdicts above it.
        before: String,
    },
    /// The last line is no footer.
    #[error("has no footer: the run was cut off")]
    NoFooter,
    /// Something follows the footer.
    #[error("goes on after the footer")]
    AfterFooter,
    /// Planned tests without verdict.
    #[error("lacks {} of the planned verdicts, the first of them `{}`", .0.len(), .0[0])]
    Missing(Vec<TestId>),
    /// The footer's number of verdicts is not what the file holds.
    #[error("counts {stated} {outcome} in its footer, but holds {found}")]
    Counts {
        /// The outcome.
        outcome: Outcome,
        /// The footer's number.
        stated: usize,
        /// The verdicts in the file.
        found: usize,
    },
    /// The footer's number of unexpected verdicts is not what the file holds.
    #[error("counts {stated} unexpected verdicts in its footer, but holds {found}")]
    Unexpected {
        /// The footer's number.
        stated: usize,
        /// The unexpected verdicts in the file.
        found: usize,
    },
}

impl RunErrorKind {
    pub(crate) fn at(
        self,
        file: impl Into<Utf8PathBuf>,
        line: impl Into<Option<usize>>,
    ) -> RunError {
        RunError {
            file: file.into(),
            line: line.into(),
            kind: self,
        }
    }
}
