//! Decoding through a cache, chunk by chunk.

use crate::{
    array::Tensors,
    backend::{Failure, Session},
    canvas::{Canvas, Canvases},
    check::both::in_both,
    findings::Findings,
    trial::Trial,
    verdict::Verdict,
};

/// Whether decoding up to each end in turn gives what one full pass gives; `ends` says where, from the
/// length and the shortest prefix that can be run, for at least so many positions as `least` says.
pub(super) fn matches_full<S: Session, E: IntoIterator<Item = usize>>(
    trial: &mut Trial<S>,
    axis: &str,
    least: impl Fn(usize) -> usize,
    ends: impl Fn(usize, usize) -> E,
) -> Result<Verdict, Failure> {
    if !trial.capabilities().caches {
        return Err(Failure::refused("keeps no cache"));
    }
    trial.require_output(axis)?;
    let outputs = trial.outputs()?;
    let mut findings = Findings::default();
    for view in trial.views()? {
        let shortest = trial.shortest_prefix(axis);
        let length = trial.require(&view.inputs, axis, least(shortest))?;
        let full = trial.forward(&view.inputs)?;
        let stepped = decode(trial, &view.inputs, axis, &full, ends(length, shortest))?;
        for (output, truth, full, stepped) in in_both(&outputs, &full, &stepped) {
            findings.between_runs(output, truth, stepped, full);
        }
    }
    Ok(findings.verdict())
}

/// Everything along the axis that comes of running up to each end in turn, from a fresh start; `like`
/// gives the outputs and their shapes.
pub(super) fn decode<S: Session>(
    trial: &mut Trial<S>,
    inputs: &Tensors,
    axis: &str,
    like: &Canvases,
    ends: impl IntoIterator<Item = usize>,
) -> Result<Canvases, Failure> {
    let mut canvases: Canvases = like
        .iter()
        .filter(|(_, like)| like.has(axis))
        .map(|(name, like)| (name.clone(), Canvas::new(like.axes(), like.shape())))
        .collect();
    trial.reset()?;
    let mut start = 0;
    for end in ends {
        let outputs = trial.run(&step(trial, inputs, axis, start, end), start)?;
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
pub(super) fn step<S: Session>(
    trial: &Trial<S>,
    inputs: &Tensors,
    axis: &str,
    start: usize,
    end: usize,
) -> Tensors {
    inputs
        .iter()
        .map(|(name, array)| {
            let start = if is_mask(trial, name, axis) { 0 } else { start };
            (name.clone(), array.slice(axis, start..end))
        })
        .collect()
}

/// Whether an input masks the axis.
pub(super) fn is_mask<S: Session>(trial: &Trial<S>, name: &str, axis: &str) -> bool {
    let input = trial.reference().manifest().input(name);
    input
        .and_then(|input| input.lengths.as_ref())
        .is_some_and(|mask| mask.axis == axis)
}
