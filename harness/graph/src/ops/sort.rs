//! The largest and smallest elements, and sums up to each place; computed on the processor.

use std::cmp::Ordering;

use candle_core::{Result, bail};

use super::{Operator, shape::lengths};
use crate::{
    array::Array,
    node::{Built, Call, Node, many, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("ArgMax", 12, |node| arg(node, true)),
    ("ArgMin", 12, |node| arg(node, false)),
    ("CumProd", 26, |node| {
        running(node, 1.0, |all, value| all * value, i64::wrapping_mul)
    }),
    ("CumSum", 11, |node| {
        running(node, 0.0, |all, value| all + value, i64::wrapping_add)
    }),
    ("TopK", 11, top_k),
];

/// An array as rows along one axis: how many elements lie before, along and after it.
fn lanes(dims: &[usize], axis: usize) -> (usize, usize, usize) {
    (
        dims[..axis].iter().product(),
        dims[axis],
        dims[axis + 1..].iter().product(),
    )
}

/// Every lane's elements, each with its value as it is compared.
enum Keys {
    Floats(Vec<f64>),
    Ints(Vec<i64>),
}

impl Keys {
    fn of(array: &Array) -> Result<Self> {
        if array.is_float() {
            return Ok(Self::Floats(array.to_doubles()?));
        }
        let ints = array.to_ints()?;
        Ok(Self::Ints(match array.dtype {
            onnx_model::Dtype::U64 => ints.into_iter().map(super::arithmetic::flip).collect(),
            _ => ints,
        }))
    }

    /// NaN comes after everything.
    fn compare(&self, left: usize, right: usize) -> Ordering {
        match self {
            Self::Floats(values) => values[left]
                .partial_cmp(&values[right])
                .unwrap_or_else(|| values[left].is_nan().cmp(&values[right].is_nan())),
            Self::Ints(values) => values[left].cmp(&values[right]),
        }
    }
}

fn arg(node: &Node<'_>, largest: bool) -> Built {
    let (axis, keep) = (node.int_or("axis", 0)?, node.flag("keepdims", true)?);
    let last = node.flag("select_last_index", false)?;
    one(move |call| {
        let input = call.array(0)?;
        let axis = input.axis(axis)?;
        let (before, along, after) = lanes(input.dims(), axis);
        if along == 0 {
            bail!("looks for the largest of no elements");
        }
        let keys = Keys::of(input)?;
        let mut found = Vec::with_capacity(before * after);
        for start in
            (0..before).flat_map(|row| (0..after).map(move |column| row * along * after + column))
        {
            let mut best = 0;
            for place in 1..along {
                let order = keys.compare(start + place * after, start + best * after);
                let order = if largest { order } else { order.reverse() };
                if order == Ordering::Greater || (last && order == Ordering::Equal) {
                    best = place;
                }
            }
            found.push(best as i64);
        }
        let mut shape = input.dims().to_vec();
        shape[axis] = 1;
        let found = Array::longs(found, shape)?;
        Ok(if keep {
            found
        } else {
            found.with(found.tensor.squeeze(axis)?)
        })
    })
}

fn top_k(node: &Node<'_>) -> Built {
    let (axis, largest) = (node.int_or("axis", -1)?, node.flag("largest", true)?);
    // Sorted is one of the orders that unsorted allows.
    node.flag("sorted", true)?;
    many(move |call| {
        let input = call.array(0)?;
        let axis = input.axis(axis)?;
        let count = lengths(&[call.array(1)?.to_int()?])?[0];
        let (before, along, after) = lanes(input.dims(), axis);
        if count > along {
            bail!("takes {count} of {along} elements");
        }
        let keys = Keys::of(input)?;
        let mut places = vec![0; before * count * after];
        for (row, column) in (0..before).flat_map(|row| (0..after).map(move |column| (row, column)))
        {
            let start = row * along * after + column;
            let mut order: Vec<usize> = (0..along).collect();
            // Stable: of equal elements the first comes first.
            order.sort_by(|&left, &right| {
                let order = keys.compare(start + left * after, start + right * after);
                if largest { order.reverse() } else { order }
            });
            for (rank, &place) in order[..count].iter().enumerate() {
                places[(row * count + rank) * after + column] = place as i64;
            }
        }
        let mut shape = input.dims().to_vec();
        shape[axis] = count;
        let places = Array::longs(places, shape)?;
        let device = input.tensor.device();
        let values = if count == 0 {
            input.tensor.narrow(axis, 0, 0)?
        } else {
            input
                .tensor
                .contiguous()?
                .gather(&places.tensor.to_device(device)?, axis)?
        };
        Ok(vec![input.with(values).into(), places.into()])
    })
}

fn running(
    node: &Node<'_>,
    start: f64,
    floats: fn(f64, f64) -> f64,
    ints: fn(i64, i64) -> i64,
) -> Built {
    let (exclusive, backwards) = (node.flag("exclusive", false)?, node.flag("reverse", false)?);
    one(move |call: &Call<'_>| {
        let input = call.array(0)?;
        let axis = input.axis(call.array(1)?.to_int()?)?;
        let lanes = lanes(input.dims(), axis);
        if input.is_float() {
            let mut values = input.to_doubles()?;
            accumulate(&mut values, lanes, exclusive, backwards, start, floats);
            return Array::from_doubles(values, input.dims(), input.dtype, input.tensor.device());
        }
        let mut values = input.to_ints()?;
        #[expect(clippy::cast_possible_truncation, reason = "zero or one")]
        accumulate(&mut values, lanes, exclusive, backwards, start as i64, ints);
        Array::ints(values, input.dims(), input.dtype)
    })
}

fn accumulate<T: Copy>(
    values: &mut [T],
    (before, along, after): (usize, usize, usize),
    exclusive: bool,
    backwards: bool,
    start: T,
    function: fn(T, T) -> T,
) {
    for lane in
        (0..before).flat_map(|row| (0..after).map(move |column| row * along * after + column))
    {
        let mut all = start;
        for step in 0..along {
            let place = lane + if backwards { along - 1 - step } else { step } * after;
            let value = values[place];
            let next = function(all, value);
            values[place] = if exclusive { all } else { next };
            all = next;
        }
    }
}
