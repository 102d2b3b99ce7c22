//! Decoding through a cache, chunk by chunk.

use crate::{
    array::Tensors,
    backend::{Failure, Session},
    canvas::{Canvas, Canvases},
    trial::Trial,
};

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
