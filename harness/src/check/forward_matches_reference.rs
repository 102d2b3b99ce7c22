//! The numbers are PyTorch's: every output, every position that the backend can give.

use crate::{
    Case,
    backend::{Backend, Failure, Session},
    findings::Findings,
    judge::judge,
    trial::Trial,
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "forward_matches_reference";

/// The forward pass gives what PyTorch gave, within the bound of [`crate::bounds`].
#[track_caller]
pub fn forward_matches_reference(case: &Case, backend: impl Backend) {
    judge(NAME, case, &backend, examine);
}

/// Looks without judging.
pub fn examine<S: Session>(trial: &mut Trial<S>) -> Result<Verdict, Failure> {
    let outputs = trial.outputs()?;
    let given = trial.whole()?;
    let mut findings = Findings::default();
    for (output, truth) in &outputs {
        if let Some(canvas) = given.get(&output.name) {
            findings.against_truth(output, canvas, truth);
        }
    }
    Ok(findings.verdict())
}
