//! Graphs within nodes: run once, while a condition holds, or for every step of a sequence.

use candle_core::{Result, Tensor, bail};
use onnx_model::Dtype;

use super::Operator;
use crate::{
    Error,
    array::{Array, Value, axis},
    node::{Built, Node, many},
};

pub(super) const OPERATORS: &[Operator] =
    &[("If", 11, branch), ("Loop", 11, repeat), ("Scan", 11, scan)];

fn branch(node: &Node<'_>) -> Built {
    let (yes, no) = (node.body("then_branch")?, node.body("else_branch")?);
    many(move |call| {
        let taken = if call.array(0)?.to_int()? != 0 {
            &yes
        } else {
            &no
        };
        taken.run(call, Vec::new())
    })
}

/// One more slice for each of the outputs that are collected.
fn collect(collected: &mut [Vec<Array>], values: impl Iterator<Item = Value>) -> Result<()> {
    for (slices, value) in collected.iter_mut().zip(values) {
        match value {
            Value::Array(array) => slices.push(array),
            Value::Sequence(_) => bail!("collects sequences"),
        }
    }
    Ok(())
}

fn stack(slices: &[Array], place: usize) -> Result<Value> {
    let Some(first) = slices.first() else {
        bail!("collects the outputs of no steps");
    };
    let tensors: Vec<&Tensor> = slices.iter().map(|array| &array.tensor).collect();
    Ok(first.with(Tensor::stack(&tensors, place)?).into())
}

fn repeat(node: &Node<'_>) -> Built {
    let body = node.body("body")?;
    let inputs = node.proto.input.len();
    let states = inputs
        .checked_sub(2)
        .ok_or_else(|| node.wrong(format!("has {inputs} input (valid: 2 or more)")))?;
    let collects = node.proto.output.len().saturating_sub(states);
    many(move |call| {
        let most = match call.optional(0)? {
            Some(count) => count.to_int()?,
            None => i64::MAX,
        };
        let mut goes_on = match call.optional(1)? {
            Some(condition) => condition.to_int()? != 0,
            None => true,
        };
        let mut state: Vec<Value> = call.inputs[2..call.explicit]
            .iter()
            .flatten()
            .cloned()
            .collect();
        let mut collected = vec![Vec::new(); collects];
        let mut step = 0;
        while goes_on && step < most {
            let condition = Array::ints(vec![1], (), Dtype::Bool)?;
            let inputs = [Array::longs(vec![step], ())?.into(), condition.into()];
            let mut given = body
                .run(call, inputs.into_iter().chain(state).collect())?
                .into_iter();
            goes_on = match given.next() {
                Some(Value::Array(condition)) => condition.to_int()? != 0,
                _ => bail!("has a body without a condition"),
            };
            state = given.by_ref().take(states).collect();
            collect(&mut collected, given)?;
            step += 1;
        }
        for slices in &collected {
            state.push(stack(slices, 0)?);
        }
        Ok(state)
    })
}

fn scan(node: &Node<'_>) -> Built {
    let body = node.body("body")?;
    let scanned = node.count("num_scan_inputs")?;
    let scanned = scanned.ok_or_else(|| node.wrong("has no attribute `num_scan_inputs`"))?;
    let states = node
        .proto
        .input
        .len()
        .checked_sub(scanned)
        .ok_or_else(|| node.wrong("scans more inputs than it has"))?;
    let collects = node.proto.output.len().saturating_sub(states);
    let list = |name| Ok::<Vec<i64>, Error>(node.ints(name)?.unwrap_or_default());
    let (axes, out_axes) = (list("scan_input_axes")?, list("scan_output_axes")?);
    let (backwards, out_backwards) = (
        list("scan_input_directions")?,
        list("scan_output_directions")?,
    );
    many(move |call| {
        let at = |list: &[i64], place: usize| list.get(place).copied().unwrap_or(0);
        let mut state: Vec<Value> = call.inputs[..states].iter().flatten().cloned().collect();
        let inputs = (0..scanned).map(|place| {
            let array = call.array(states + place)?;
            Ok((array, array.axis(at(&axes, place))?))
        });
        let inputs: Vec<(&Array, usize)> = inputs.collect::<Result<_>>()?;
        let steps = inputs
            .first()
            .map_or(0, |(array, axis)| array.dims()[*axis]);
        if inputs
            .iter()
            .any(|(array, axis)| array.dims()[*axis] != steps)
        {
            bail!("scans inputs of different lengths");
        }
        let mut collected = vec![Vec::new(); collects];
        for step in 0..steps {
            let slices = inputs.iter().enumerate().map(|(place, (array, axis))| {
                let step = if at(&backwards, place) == 1 {
                    steps - 1 - step
                } else {
                    step
                };
                Ok(array
                    .with(array.tensor.narrow(*axis, step, 1)?.squeeze(*axis)?)
                    .into())
            });
            let given: Vec<Value> = state
                .into_iter()
                .map(Ok)
                .chain(slices)
                .collect::<Result<_>>()?;
            let mut given = body.run(call, given)?.into_iter();
            state = given.by_ref().take(states).collect();
            collect(&mut collected, given)?;
        }
        for (place, slices) in collected.iter_mut().enumerate() {
            if at(&out_backwards, place) == 1 {
                slices.reverse();
            }
            let rank = slices.first().map_or(0, Array::rank);
            state.push(stack(slices, axis(at(&out_axes, place), rank + 1)?)?);
        }
        Ok(state)
    })
}
