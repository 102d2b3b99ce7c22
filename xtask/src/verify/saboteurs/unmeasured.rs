//! Where faults could not be judged: the check fails without one, or the process went away.

use std::collections::BTreeSet;

use evidence::{Outcome, Record, TestId};
use serde::Serialize;

use super::mutants::{Mutants, case};

/// A case on a backend of which not every fault has been judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unmeasured {
    /// The case.
    pub case: String,
    /// The backend.
    pub backend: String,
    /// What the check says without a fault; a pass if that is not the reason.
    pub outcome: Outcome,
    /// The reason.
    pub cause: String,
    /// Whether the expectations list it.
    pub known: bool,
}

/// The planned tests that could not show what they detect.
///
/// A process that dies among the mutants leaves no verdict, so its test has the verdict that it died. Which
/// mutant it was is not guessed: the ones before it count, the case is listed here, and nothing is green.
pub fn unmeasured<'t>(
    planned: impl Iterator<Item = &'t TestId>,
    records: &[Record],
    mutants: &Mutants,
    some_faults_only: bool,
) -> Vec<Unmeasured> {
    let measured: BTreeSet<_> = mutants
        .iter()
        .map(|mutant| (mutant.case.as_str(), mutant.backend.as_str()))
        .collect();
    let find = |test: &TestId| {
        let record = records.iter().find(|record| record.test == *test);
        let case = case(test);
        let because = |outcome, cause: String, known| Unmeasured {
            case: case.clone(),
            backend: test.backend.clone(),
            outcome,
            cause,
            known,
        };
        let Some(record) = record else {
            return Some(because(Outcome::NotRun, "it left no verdict".into(), false));
        };
        if record.outcome != Outcome::Pass {
            let known = record.is_as_expected();
            let cause = record.cause.clone().filter(|_| known);
            let said = cause.unwrap_or_else(|| record.detail.clone());
            return Some(because(record.outcome, said, known));
        }
        let planted = measured.contains(&(case.as_str(), test.backend.as_str()));
        let silent = !planted && !some_faults_only;
        silent.then(|| because(Outcome::Pass, "no fault was planted".into(), false))
    };
    planned.filter_map(find).collect()
}

/// The tests whose process went away unexpectedly.
pub fn deaths(records: &[Record]) -> Vec<String> {
    let died = |record: &&Record| {
        let death = matches!(
            record.outcome,
            Outcome::Crashed | Outcome::TimedOut | Outcome::OutOfMemory | Outcome::NotRun
        );
        death && !record.is_as_expected()
    };
    let told = |record: &Record| {
        let first = record.detail.lines().next().unwrap_or_default();
        format!("{}: {}: {first}", record.test, record.outcome)
    };
    records.iter().filter(died).map(told).collect()
}
