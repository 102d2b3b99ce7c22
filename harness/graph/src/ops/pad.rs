//! Axes made longer or shorter at their ends.

use candle_core::{Result, Tensor, bail};

use super::Operator;
use crate::{
    array::Array,
    node::{Built, Node, one},
};

pub(super) const OPERATORS: &[Operator] = &[("Pad", 11, pad)];

fn pad(node: &Node<'_>) -> Built {
    let mode = node.choice("mode", &["constant", "reflect", "edge", "wrap"])?;
    one(move |call| {
        let data = call.array(0)?;
        let pads = call.array(1)?.to_ints()?;
        let axes = call
            .ints(3)?
            .unwrap_or_else(|| (0..data.rank() as i64).collect());
        if pads.len() != 2 * axes.len() {
            bail!("has {} pads for {} axes", pads.len(), axes.len());
        }
        let value = call.optional(2)?;
        let mut tensor = data.tensor.clone();
        for (number, &axis) in axes.iter().enumerate() {
            let axis = data.axis(axis)?;
            let (before, after) = (pads[number], pads[number + axes.len()]);
            tensor = match mode {
                0 => surround(&tensor, axis, before, after, value)?,
                _ => repeat_edges(&tensor, axis, before, after, mode)?,
            };
        }
        Ok(data.with(tensor))
    })
}

/// With a constant before and after; negative pads cut.
pub(super) fn surround(
    tensor: &Tensor,
    axis: usize,
    before: i64,
    after: i64,
    value: Option<&Array>,
) -> Result<Tensor> {
    let cut = |pad: i64| usize::try_from(-pad).unwrap_or(0);
    let length = tensor.dims()[axis].saturating_sub(cut(before) + cut(after));
    let kept = tensor.narrow(axis, cut(before), length)?;
    let border = |pad: i64| -> Result<Option<Tensor>> {
        let Some(count) = usize::try_from(pad).ok().filter(|&count| count > 0) else {
            return Ok(None);
        };
        let mut shape = tensor.dims().to_vec();
        shape[axis] = count;
        Ok(Some(match value {
            None => Tensor::zeros(shape, tensor.dtype(), tensor.device())?,
            Some(value) => value
                .tensor
                .reshape(())?
                .broadcast_as(shape)?
                .contiguous()?,
        }))
    };
    let pieces = [border(before)?, Some(kept), border(after)?];
    let pieces: Vec<Tensor> = pieces
        .into_iter()
        .flatten()
        .filter(|piece| piece.dims()[axis] > 0)
        .collect();
    match &pieces[..] {
        [] => tensor.narrow(axis, 0, 0),
        [piece] => Ok(piece.clone()),
        pieces => Tensor::cat(pieces, axis),
    }
}

/// With what lies at the edges: mirrored, repeated, or from the other side.
fn repeat_edges(
    tensor: &Tensor,
    axis: usize,
    before: i64,
    after: i64,
    mode: usize,
) -> Result<Tensor> {
    let length = tensor.dims()[axis] as i64;
    if length == 0 {
        bail!("repeats the edge of an empty axis");
    }
    let inside = |place: i64| match mode {
        1 if length == 1 => 0,
        1 => {
            let period = 2 * (length - 1);
            let place = place.rem_euclid(period);
            place.min(period - place)
        }
        2 => place.clamp(0, length - 1),
        _ => place.rem_euclid(length),
    };
    let places: Vec<i64> = (-before..length + after).map(inside).collect();
    let count = places.len();
    let places = Tensor::from_vec(places, count, tensor.device())?;
    tensor.contiguous()?.index_select(&places, axis)
}
