//! Nonsense gets a clear error: never a panic, never a number.

use crate::{
    Case,
    array::{Array, Data, Tensors},
    backend::{Backend, Failure, Session},
    findings::Findings,
    judge::judge,
    reference::Input,
    trial::Trial,
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "refuses_bad_input";

/// Wrong rank, wrong dtype, an id past the vocabulary, a channel too few: each is an error.
#[track_caller]
pub fn refuses_bad_input(case: &Case, backend: impl Backend) {
    judge(NAME, case, &backend, examine);
}

/// Looks without judging. The recorded inputs come first: what refuses everything refuses nothing.
pub fn examine<S: Session>(trial: &mut Trial<S>) -> Result<Verdict, Failure> {
    let good = trial.views()?.into_iter().next().map(|view| view.inputs);
    let good = good.ok_or_else(|| Failure::not_run("there are no inputs"))?;
    trial.fresh(&good)?;

    let bad = bad(trial, &good);
    if bad.is_empty() {
        return Err(Failure::not_run("no bad input could be made"));
    }
    let mut findings = Findings::default();
    for (what, inputs) in bad {
        offer(trial, &mut findings, &what, &inputs)?;
    }
    Ok(findings.verdict())
}

/// Offers what must be refused and notes what comes of it.
pub(super) fn offer<S: Session>(
    trial: &mut Trial<S>,
    findings: &mut Findings,
    what: &str,
    inputs: &Tensors,
) -> Result<(), Failure> {
    trial.reset()?;
    match trial.attempt(inputs, 0) {
        Ok(Err(_)) => findings.refused(),
        Ok(Ok(outputs)) => findings.answered(what, &shapes(&outputs)),
        Err(said) => findings.panicked(what, &said),
    }
    Ok(())
}

/// The recorded inputs, each time with one of them spoilt in one way.
fn bad<S: Session>(trial: &Trial<S>, good: &Tensors) -> Vec<(String, Tensors)> {
    let inputs = &trial.reference().manifest().inputs;
    let read = inputs
        .iter()
        .filter_map(|input| Some((input, good.get(&input.name)?)));
    read.flat_map(|(input, array)| {
        let spoilt: Vec<(&str, Option<Array>)> = match (input.below, array.data()) {
            (Some(below), Data::I64(ids)) => vec![
                ("one axis too many", deeper(array)),
                ("floats where ids are due", floats(array, ids)),
                ("an id past the vocabulary", past(array, ids, below)),
            ],
            (_, Data::F32(values)) => vec![
                ("one axis too many", deeper(array)),
                ("integers where floats are due", integers(array, values)),
                ("one channel too few", narrower(input, array)),
            ],
            _ => Vec::new(),
        };
        spoilt.into_iter().filter_map(|(what, array)| {
            let mut inputs = good.clone();
            inputs.insert(input.name.clone(), array?);
            Some((format!("`{}` with {what}", input.name), inputs))
        })
    })
    .collect()
}

fn deeper(array: &Array) -> Option<Array> {
    let mut shape = array.shape().to_vec();
    shape.insert(0, 1);
    array.clone().reshaped(shape).ok()
}

fn floats(array: &Array, ids: &[i64]) -> Option<Array> {
    let floats = ids.iter().map(|&id| id as f32).collect();
    Array::new(
        array.axes().to_vec(),
        array.shape().to_vec(),
        Data::F32(floats),
    )
    .ok()
}

fn integers(array: &Array, values: &[f32]) -> Option<Array> {
    let integers = values.iter().map(|&value| i64::from(value > 0.0)).collect();
    Array::new(
        array.axes().to_vec(),
        array.shape().to_vec(),
        Data::I64(integers),
    )
    .ok()
}

fn past(array: &Array, ids: &[i64], below: i64) -> Option<Array> {
    let mut ids = ids.to_vec();
    *ids.last_mut()? = below;
    Array::new(
        array.axes().to_vec(),
        array.shape().to_vec(),
        Data::I64(ids),
    )
    .ok()
}

/// Channels are the first axis whose length is a number in the family file.
fn narrower(input: &Input, array: &Array) -> Option<Array> {
    let axis = input
        .axes
        .iter()
        .find(|axis| axis.parse::<usize>().is_ok())?;
    let length = array.size(axis).filter(|&length| length > 1)?;
    Some(array.slice(axis, 0..length - 1))
}

fn shapes(outputs: &Tensors) -> String {
    let shape = |(name, array): (&String, &Array)| format!("`{name}` {:?}", array.shape());
    outputs.iter().map(shape).collect::<Vec<_>>().join(", ")
}
