//! Functions of one number: roots, logarithms, trigonometry, rounding.

use candle_core::{Result, Tensor};

use super::{Operator, erf};
use crate::{
    array::Array,
    node::{Built, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("Acos", 7, |_| on_processor(f64::acos)),
    ("Acosh", 9, |_| on_processor(f64::acosh)),
    ("Asin", 7, |_| on_processor(f64::asin)),
    ("Asinh", 9, |_| on_processor(f64::asinh)),
    ("Atan", 7, |_| on_processor(f64::atan)),
    ("Atanh", 9, |_| on_processor(f64::atanh)),
    ("Ceil", 6, |_| floats(Tensor::ceil)),
    ("Cos", 7, |_| floats(Tensor::cos)),
    ("Cosh", 9, |_| on_processor(f64::cosh)),
    ("Erf", 9, |_| floats(erf::of)),
    ("Exp", 6, |_| floats(Tensor::exp)),
    ("Floor", 6, |_| floats(Tensor::floor)),
    ("Log", 6, |_| floats(Tensor::log)),
    ("Reciprocal", 6, |_| floats(Tensor::recip)),
    ("Round", 11, |_| on_processor(f64::round_ties_even)),
    ("Sin", 7, |_| floats(Tensor::sin)),
    ("Sinh", 9, |_| on_processor(f64::sinh)),
    ("Sqrt", 6, |_| floats(Tensor::sqrt)),
    ("Tan", 7, |_| on_processor(f64::tan)),
    ("Tanh", 6, |_| floats(Tensor::tanh)),
];

/// A function that candle has.
pub(super) fn floats(
    function: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
) -> Built {
    one(move |call| {
        let input = call.floats(0)?;
        Ok(input.with(function(&input.tensor)?))
    })
}

/// A function that candle has not: computed on the processor in float64.
fn on_processor(function: fn(f64) -> f64) -> Built {
    one(move |call| map(call.array(0)?, function))
}

/// The same function of every element, computed on the processor in float64.
pub(super) fn map(input: &Array, function: impl Fn(f64) -> f64) -> Result<Array> {
    let values = input.to_doubles()?.into_iter().map(function).collect();
    Array::from_doubles(values, input.dims(), input.dtype, input.tensor.device())
}
