//! Padding may stand on either side, as it does while a batch of prompts is decoded.

use crate::{
    Case,
    array::{Array, Data, Tensors, position},
    backend::{Backend, Failure, Session},
    canvas::Canvas,
    check::{
        both::in_both,
        change::{ends, row_of},
    },
    findings::Findings,
    judge::judge,
    trial::{BATCH, Trial},
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "left_padding_changes_nothing";

/// Rows moved to the right end, the mask with them, give what they give at the left end.
#[track_caller]
pub fn left_padding_changes_nothing(case: &Case, backend: impl Backend, axis: &str) {
    judge(NAME, case, &backend, |trial| examine(trial, axis));
}

/// Looks without judging, valid positions only. What is given for the last position only is compared
/// there: it is the last of every row that stands at the right end.
pub fn examine<S: Session>(trial: &mut Trial<S>, axis: &str) -> Result<Verdict, Failure> {
    if trial.masks(true).iter().all(|mask| mask.axis != axis) {
        return Err(Failure::refused("reads no mask"));
    }
    trial.require_output(axis)?;
    let inputs = trial.inputs()?;
    let length = trial.require(&inputs, axis, 2)?;
    let ends = ends(trial, axis);
    let by: Vec<usize> = ends.iter().map(|&end| length - end.min(length)).collect();
    if by.iter().all(|&by| by == 0) {
        return Err(Failure::not_run(format!("no row is padded along `{axis}`")));
    }
    let right = trial.forward(&inputs)?;
    let left = trial.once(&turned(&inputs, axis, &by)?)?;
    let mut findings = Findings::default();
    for (output, truth, left, right) in in_both(&trial.outputs()?, &left, &right) {
        if !left.has(axis) {
            continue;
        }
        let valid = |canvas: &Canvas| canvas.clone().below_each(BATCH, axis, &ends);
        let left = left.moved_each(BATCH, axis, &by);
        findings.between_runs(output, truth, &valid(&left), &valid(right));
    }
    Ok(findings.verdict())
}

/// Every row turned by its own number of places, so that what stood last stands first.
fn turned(inputs: &Tensors, axis: &str, by: &[usize]) -> Result<Tensors, Failure> {
    fn each<T: Copy>(values: &[T], from: &[usize]) -> Vec<T> {
        from.iter().map(|&index| values[index]).collect()
    }
    let turn = |(name, array): (&String, &Array)| {
        let Some(along) = array.axes().iter().position(|other| other == axis) else {
            return Ok((name.clone(), array.clone()));
        };
        let (shape, length) = (array.shape(), array.shape()[along]);
        let from = |flat: usize| {
            let mut at = position(shape, flat);
            let by = by.get(row_of(array, &at)).copied().unwrap_or(0);
            at[along] = (at[along] + length - by % length) % length;
            at.iter()
                .zip(shape)
                .fold(0, |flat, (&at, &length)| flat * length + at)
        };
        let from: Vec<usize> = (0..array.data().len()).map(from).collect();
        let data = match array.data() {
            Data::F32(values) => Data::F32(each(values, &from)),
            Data::F64(values) => Data::F64(each(values, &from)),
            Data::I64(values) => Data::I64(each(values, &from)),
        };
        let array = Array::new(array.axes().to_vec(), shape.to_vec(), data);
        let array = array.map_err(|error| Failure::run(error.to_string()))?;
        Ok((name.clone(), array))
    };
    inputs.iter().map(turn).collect()
}
