//! Recorded inputs made longer or shorter along an axis.

use crate::{
    array::{Array, Data, Tensors, position},
    backend::{Failure, Session},
    check::{
        change::{ends, row_of, special_ids},
        steps::is_mask,
    },
    trial::{Trial, View},
};

/// The view's inputs at another length. Each row keeps its valid positions and goes on with its own
/// ordinary tokens, over and over; a mask is 1 up to `valid[row]`, everywhere if there is none.
pub(super) fn grown<S: Session>(
    trial: &Trial<S>,
    view: &View,
    axis: &str,
    length: usize,
    valid: &[usize],
) -> Result<Tensors, Failure> {
    let special = special_ids(&trial.reference().manifest().config);
    let kept = kept(trial, view, axis);
    let grow = |(name, array): (&String, &Array)| {
        let Some(along) = array.axes().iter().position(|other| other == axis) else {
            return Ok((name.clone(), array.clone()));
        };
        let mut shape = array.shape().to_vec();
        shape[along] = length;
        let mask = is_mask(trial, name, axis);
        let input = trial.reference().manifest().input(name);
        let is_ids = input.is_some_and(|input| input.below.is_some());
        let skipped: &[i64] = if is_ids { &special } else { &[] };
        let at = |flat: usize| {
            let mut at = position(&shape, flat);
            let row = row_of(array, &at);
            let end = kept.get(row).copied().unwrap_or(usize::MAX);
            at[along] = source(array, &at, along, end, skipped);
            flat_index(array.shape(), &at)
        };
        let count = shape.iter().product();
        let data = match array.data() {
            Data::I64(_) if mask => Data::I64(ones(array, &shape, along, valid)),
            Data::I64(values) => Data::I64((0..count).map(|flat| values[at(flat)]).collect()),
            Data::F32(values) => Data::F32((0..count).map(|flat| values[at(flat)]).collect()),
            Data::F64(values) => Data::F64((0..count).map(|flat| values[at(flat)]).collect()),
        };
        let array = Array::new(array.axes().to_vec(), shape.clone(), data)
            .map_err(|error| Failure::run(error.to_string()))?;
        Ok((name.clone(), array))
    };
    view.inputs.iter().map(grow).collect()
}

/// How many recorded positions of each row are valid: padding holds any ids.
pub(super) fn kept<S: Session>(trial: &Trial<S>, view: &View, axis: &str) -> Vec<usize> {
    match view.row {
        Some(_) => trial.length(&view.inputs, axis).into_iter().collect(),
        None => ends(trial, axis),
    }
}

/// The place on the axis that a place past the row's end takes its value from.
fn source(array: &Array, at: &[usize], along: usize, end: usize, skipped: &[i64]) -> usize {
    let end = end.min(array.shape()[along]);
    if at[along] < end || end == 0 {
        return at[along].min(array.shape()[along].saturating_sub(1));
    }
    let is_ordinary = |place: &usize| {
        let mut there = at.to_vec();
        there[along] = *place;
        match array.data() {
            Data::I64(ids) => !skipped.contains(&ids[flat_index(array.shape(), &there)]),
            _ => true,
        }
    };
    let ordinary: Vec<usize> = (0..end).filter(is_ordinary).collect();
    let past = at[along] - end;
    match ordinary.len() {
        0 => past % end,
        count => ordinary[past % count],
    }
}

fn ones(array: &Array, shape: &[usize], along: usize, valid: &[usize]) -> Vec<i64> {
    let one = |flat: usize| {
        let at = position(shape, flat);
        let end = valid.get(row_of(array, &at)).copied();
        i64::from(end.is_none_or(|end| at[along] < end))
    };
    (0..shape.iter().product()).map(one).collect()
}

fn flat_index(shape: &[usize], at: &[usize]) -> usize {
    let lengths = shape.iter().zip(at);
    lengths.fold(0, |flat, (&length, &index)| flat * length + index)
}
