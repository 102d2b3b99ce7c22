//! The cache is right: decoding step by step gives what one full pass gives.

use crate::{
    Case,
    array::Tensors,
    backend::{Backend, Failure, Session},
    canvas::{Canvas, Canvases},
    findings::Findings,
    judge::judge,
    trial::{Trial, View},
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
        let stepped = decode(trial, &view, axis, &full)?;
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

fn decode<S: Session>(
    trial: &mut Trial<S>,
    view: &View,
    axis: &str,
    full: &Canvases,
) -> Result<Canvases, Failure> {
    let length = trial.require(&view.inputs, axis, 2)?;
    let mut canvases: Canvases = full
        .iter()
        .filter(|(_, full)| full.has(axis))
        .map(|(name, full)| (name.clone(), Canvas::new(full.axes(), full.shape())))
        .collect();
    trial.reset()?;
    let mut start = 0;
    let shortest = trial.shortest_prefix(axis).min(length - 1);
    let prefill = shortest + (length - shortest) / 2;
    for end in prefill..=length {
        let outputs = trial.run(&step(trial, &view.inputs, axis, start, end), start)?;
        for (name, canvas) in &mut canvases {
            let Some(array) = outputs.get(name) else {
                continue;
            };
            let given = array.size(axis).unwrap_or(1);
            canvas
                .paste(&Canvas::full(array), &[(axis, end - given)])
                .map_err(Failure::mismatch)?;
        }
        start = end;
    }
    Ok(canvases)
}

/// What one step is given: new positions only, except of masks, which span the cache as well, and of
/// what does not lie along the axis.
fn step<S: Session>(
    trial: &Trial<S>,
    inputs: &Tensors,
    axis: &str,
    start: usize,
    end: usize,
) -> Tensors {
    let is_mask = |name: &str| {
        let input = trial.reference().manifest().input(name);
        input
            .and_then(|input| input.lengths.as_ref())
            .is_some_and(|mask| mask.axis == axis)
    };
    inputs
        .iter()
        .map(|(name, array)| {
            let start = if is_mask(name) { 0 } else { start };
            (name.clone(), array.slice(axis, start..end))
        })
        .collect()
}
