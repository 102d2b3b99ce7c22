//! Sequences of tensors.

use candle_core::{Result, Tensor, bail};

use super::{
    Operator,
    index::place,
    shape::{join, lengths, parts},
};
use crate::{
    array::{Array, Value},
    node::{Built, Call, Node, many, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("ConcatFromSequence", 11, concat),
    ("SequenceAt", 11, |_| one(at)),
    ("SequenceConstruct", 11, |_| {
        many(|call| {
            Ok(vec![Value::Sequence(
                call.arrays()?.into_iter().cloned().collect(),
            )])
        })
    }),
    ("SequenceEmpty", 11, empty),
    ("SequenceErase", 11, |_| many(erase)),
    ("SequenceInsert", 11, |_| many(insert)),
    ("SequenceLength", 11, |_| {
        one(|call| Array::longs(vec![call.sequence(0)?.len() as i64], ()))
    }),
    ("SplitToSequence", 11, split),
];

fn at(call: &Call<'_>) -> Result<Array> {
    let arrays = call.sequence(0)?;
    let place = place(call.array(1)?.to_int()?, arrays.len())?;
    Ok(arrays[usize::try_from(place)?].clone())
}

/// What will be in it says what it holds.
fn empty(node: &Node<'_>) -> Built {
    node.int("dtype")?;
    many(|_| Ok(vec![Value::Sequence(Vec::new())]))
}

fn erase(call: &Call<'_>) -> Result<Vec<Value>> {
    let mut arrays = call.sequence(0)?.to_vec();
    let place = match call.optional(1)? {
        Some(index) => place(index.to_int()?, arrays.len())?,
        None => place(-1, arrays.len())?,
    };
    arrays.remove(usize::try_from(place)?);
    Ok(vec![Value::Sequence(arrays)])
}

fn insert(call: &Call<'_>) -> Result<Vec<Value>> {
    let mut arrays = call.sequence(0)?.to_vec();
    let place = match call.optional(2)? {
        // The end is a place too.
        Some(index) if index.to_int()? != arrays.len() as i64 => {
            usize::try_from(place(index.to_int()?, arrays.len())?)?
        }
        _ => arrays.len(),
    };
    arrays.insert(place, call.array(1)?.clone());
    Ok(vec![Value::Sequence(arrays)])
}

fn split(node: &Node<'_>) -> Built {
    let (axis, keep) = (node.int_or("axis", 0)?, node.flag("keepdims", true)?);
    many(move |call| {
        let input = call.array(0)?;
        let axis = input.axis(axis)?;
        let length = input.dims()[axis];
        let split = call.optional(1)?;
        let sizes = match split {
            None => vec![1; length],
            Some(split) if split.rank() == 0 => {
                let size = lengths(&split.to_ints()?)?[0];
                if size == 0 {
                    bail!("splits into parts of no length");
                }
                (0..length.div_ceil(size))
                    .map(|part| size.min(length - part * size))
                    .collect()
            }
            Some(split) => lengths(&split.to_ints()?)?,
        };
        let mut arrays = Vec::with_capacity(sizes.len());
        for part in parts(input, axis, &sizes)? {
            if let Value::Array(part) = part {
                arrays.push(if keep || split.is_some() {
                    part
                } else {
                    part.with(part.tensor.squeeze(axis)?)
                });
            }
        }
        Ok(vec![Value::Sequence(arrays)])
    })
}

fn concat(node: &Node<'_>) -> Built {
    let axis = node
        .int("axis")?
        .ok_or_else(|| node.wrong("has no attribute `axis`"))?;
    let stack = node.flag("new_axis", false)?;
    one(move |call| {
        let arrays = call.sequence(0)?;
        if !stack {
            return join(&arrays.iter().collect::<Vec<_>>(), axis);
        }
        let Some(first) = arrays.first() else {
            bail!("stacks nothing");
        };
        let axis = crate::array::axis(axis, first.rank() + 1)?;
        let tensors: Vec<&Tensor> = arrays.iter().map(|array| &array.tensor).collect();
        Ok(first.with(Tensor::stack(&tensors, axis)?))
    })
}
