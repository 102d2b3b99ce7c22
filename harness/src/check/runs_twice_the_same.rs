//! Nothing is left to chance: the same inputs give the same bits, again and from a new start.

use crate::{
    Case,
    backend::{Backend, Failure, Precision, Session},
    findings::Findings,
    judge::judge,
    trial::Trial,
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "runs_twice_the_same";

/// A second run after a reset, and the same model loaded again, give bit by bit what the first gave.
#[track_caller]
pub fn runs_twice_the_same(case: &Case, backend: impl Backend) {
    judge(NAME, case, &backend, |trial| examine(trial, &backend));
}

/// Looks without judging.
pub fn examine<B: Backend>(trial: &mut Trial<B::Session>, backend: &B) -> Result<Verdict, Failure>
where
    B::Session: Session,
{
    let first = trial.whole()?;
    let again = trial.whole()?;
    let anew = trial.another(backend, Precision::F32)?.whole()?;
    let mut findings = Findings::default();
    for (output, _) in &trial.outputs()? {
        let Some(first) = first.get(&output.name) else {
            continue;
        };
        for (other, when) in [(&again, "run again after a reset"), (&anew, "loaded again")] {
            if let Some(other) = other.get(&output.name) {
                findings.identical(output, other, first, when);
            }
        }
    }
    Ok(findings.verdict())
}
