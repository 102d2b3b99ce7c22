//! Silence is a sound: it has no variance to divide by and no energy to take a logarithm of.

use crate::{
    Case,
    array::{Array, Data},
    backend::{Backend, Failure, Session},
    check::every_frame_matters::sounds,
    findings::Findings,
    judge::judge,
    trial::Trial,
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "silence_stays_finite";

/// A sound that is zero throughout gives finite numbers in outputs of the right shape.
#[track_caller]
pub fn silence_stays_finite(case: &Case, backend: impl Backend) {
    judge(NAME, case, &backend, examine);
}

/// Looks without judging. No reference holds silence, so that only finiteness is asserted, one fact a
/// number; all other inputs are the recorded ones.
pub fn examine<S: Session>(trial: &mut Trial<S>) -> Result<Verdict, Failure> {
    let sounds = sounds(trial)?;
    let mut findings = Findings::default();
    for view in trial.views()? {
        let mut inputs = view.inputs;
        for name in &sounds {
            if let Some(sound) = inputs.get(name) {
                let silence = silence(sound)?;
                inputs.insert(name.clone(), silence);
            }
        }
        for (name, canvas) in &trial.forward(&inputs)? {
            findings.all_finite(name, canvas, "given silence");
        }
    }
    Ok(findings.verdict())
}

fn silence(sound: &Array) -> Result<Array, Failure> {
    let zeros = Data::F32(vec![0.0; sound.data().len()]);
    Array::new(sound.axes().to_vec(), sound.shape().to_vec(), zeros)
        .map_err(|error| Failure::run(error.to_string()))
}
