//! Comparisons, and what is done with their answers.

use candle_core::{Result, Tensor};
use onnx_model::Dtype;

use super::{
    Operator,
    arithmetic::{combine, flip, map, pairs, same_type},
};
use crate::{
    array::{Array, broadcast_shape},
    node::{Built, Node, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("And", 7, |_| both(|left, right| left & right)),
    ("Equal", 7, |_| {
        compare(Tensor::broadcast_eq, |left, right| left == right)
    }),
    ("Greater", 7, |_| {
        compare(Tensor::broadcast_gt, |left, right| left > right)
    }),
    ("GreaterOrEqual", 12, |_| {
        compare(Tensor::broadcast_ge, |left, right| left >= right)
    }),
    ("IsInf", 10, is_inf),
    ("IsNaN", 9, |_| {
        one(|call| test(call.array(0)?, f64::is_nan))
    }),
    ("Less", 7, |_| {
        compare(Tensor::broadcast_lt, |left, right| left < right)
    }),
    ("LessOrEqual", 12, |_| {
        compare(Tensor::broadcast_le, |left, right| left <= right)
    }),
    ("Not", 1, |_| {
        one(|call| map(call.array(0)?, |truth| i64::from(truth == 0)))
    }),
    ("Or", 7, |_| both(|left, right| left | right)),
    ("Where", 9, |_| {
        one(|call| choose(call.array(0)?, call.array(1)?, call.array(2)?))
    }),
    ("Xor", 7, |_| both(|left, right| left ^ right)),
];

fn both(function: fn(i64, i64) -> i64) -> Built {
    one(move |call| combine(call.array(0)?, call.array(1)?, function))
}

fn compare(floats: fn(&Tensor, &Tensor) -> Result<Tensor>, ints: fn(&i64, &i64) -> bool) -> Built {
    one(move |call| {
        let (left, right) = (call.array(0)?, call.array(1)?);
        same_type(left, right)?;
        if left.is_float() {
            return Array::truths(&floats(&left.tensor, &right.tensor)?);
        }
        let is_unsigned = left.dtype == Dtype::U64;
        let (values, shape) = pairs(left, right, Array::to_ints, |left, right| {
            i64::from(if is_unsigned {
                ints(&flip(left), &flip(right))
            } else {
                ints(&left, &right)
            })
        })?;
        Array::ints(values, shape, Dtype::Bool)
    })
}

/// Whether each float is of a kind.
fn test(input: &Array, is: impl Fn(f64) -> bool) -> Result<Array> {
    let values = input
        .to_doubles()?
        .into_iter()
        .map(|value| i64::from(is(value)));
    Array::ints(values.collect(), input.dims(), Dtype::Bool)
}

fn is_inf(node: &Node<'_>) -> Built {
    let (negative, positive) = (
        node.flag("detect_negative", true)?,
        node.flag("detect_positive", true)?,
    );
    one(move |call| {
        test(call.array(0)?, |value| {
            value.is_infinite() && if value > 0.0 { positive } else { negative }
        })
    })
}

/// Element by element, one of two arrays.
pub(super) fn choose(truth: &Array, yes: &Array, no: &Array) -> Result<Array> {
    same_type(yes, no)?;
    let shape = broadcast_shape(&broadcast_shape(truth.dims(), yes.dims())?, no.dims())?;
    let wide = |array: &Array| array.tensor.broadcast_as(shape.as_slice());
    let device = yes.tensor.device();
    let truth = truth
        .tensor
        .to_dtype(candle_core::DType::U8)?
        .to_device(device)?;
    let truth = truth.broadcast_as(shape.as_slice())?;
    Ok(yes.with(truth.where_cond(&wide(yes)?, &wide(no)?)?))
}
