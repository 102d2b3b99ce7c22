//! The cache is right: decoding step by step gives what one full pass gives.

use crate::{
    Case,
    backend::{Backend, Failure, Session},
    check::steps::decode,
    findings::Findings,
    judge::judge,
    trial::Trial,
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "cached_decode_matches_full";

/// Half of the axis at once, then one position at a time, gives what the full pass gives.
#[track_caller]
pub fn cached_decode_matches_full(case: &Case, backend: impl Backend, axis: &str) {
    judge(NAME, case, &backend, |trial| examine(trial, axis));
}

/// Looks without judging.
pub fn examine<S: Session>(trial: &mut Trial<S>, axis: &str) -> Result<Verdict, Failure> {
    if !trial.capabilities().caches {
        return Err(Failure::refused("keeps no cache"));
    }
    trial.require_output(axis)?;
    let outputs = trial.outputs()?;
    let mut findings = Findings::default();
    for view in trial.views()? {
        let full = trial.forward(&view.inputs)?;
        let length = trial.require(&view.inputs, axis, 2)?;
        let shortest = trial.shortest_prefix(axis).min(length - 1);
        let prefill = shortest + (length - shortest) / 2;
        let stepped = decode(trial, &view.inputs, axis, &full, prefill..=length)?;
        for (output, truth) in &outputs {
            let (Some(full), Some(stepped)) = (full.get(&output.name), stepped.get(&output.name))
            else {
                continue;
            };
            findings.between_runs(output, truth, stepped, full);
        }
    }
    Ok(findings.verdict())
}
