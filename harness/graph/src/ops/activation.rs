//! Activations, and the softmax family.

use candle_core::{D, DType, Result, Tensor};
use candle_nn::ops::softmax_last_dim;

use super::{
    Operator,
    arithmetic::number,
    elementwise::{floats, map},
    erf,
    logic::choose,
};
use crate::{
    array::{Array, axis},
    node::{Built, Call, Node, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("Celu", 12, celu),
    ("Clip", 11, |_| one(clip)),
    ("Elu", 6, elu),
    ("Gelu", 20, gelu),
    ("HardSigmoid", 6, hard_sigmoid),
    ("HardSwish", 14, |_| {
        floats(|x| x * ((x / 6.0)? + 0.5)?.clamp(0.0, 1.0)?)
    }),
    ("Hardmax", 13, hardmax),
    ("LeakyRelu", 6, leaky_relu),
    ("LogSoftmax", 13, |node| along(node, log_softmax)),
    ("Mish", 18, |_| floats(|x| x * softplus(x)?.tanh()?)),
    ("PRelu", 9, |_| one(p_relu)),
    ("Relu", 6, |_| one(relu)),
    ("Selu", 6, selu),
    ("Shrink", 9, shrink),
    ("Sigmoid", 6, |_| floats(candle_nn::ops::sigmoid)),
    ("Softmax", 13, |node| along(node, softmax)),
    ("Softplus", 1, |_| floats(softplus)),
    ("Softsign", 1, |_| floats(|x| x / (x.abs()? + 1.0)?)),
    ("Swish", 24, swish),
    ("ThresholdedRelu", 10, thresholded_relu),
];

fn relu(call: &Call<'_>) -> Result<Array> {
    let input = call.array(0)?;
    if input.is_float() {
        return Ok(input.with(input.tensor.relu()?));
    }
    super::arithmetic::map(input, |value| value.max(0))
}

fn clip(call: &Call<'_>) -> Result<Array> {
    let mut result = call.array(0)?.clone();
    if let Some(least) = call.optional(1)? {
        result = result.with(result.tensor.broadcast_maximum(&least.tensor)?);
    }
    if let Some(most) = call.optional(2)? {
        result = result.with(result.tensor.broadcast_minimum(&most.tensor)?);
    }
    Ok(result)
}

fn elu(node: &Node<'_>) -> Built {
    let alpha = node.float_or("alpha", 1.0)?;
    floats(move |x| x.elu(alpha))
}

fn celu(node: &Node<'_>) -> Built {
    let alpha = node.float_or("alpha", 1.0)?;
    floats(move |x| (x / alpha)?.elu(1.0)? * alpha)
}

fn selu(node: &Node<'_>) -> Built {
    let alpha = node.float_or("alpha", 1.673_263_2)?;
    let gamma = node.float_or("gamma", 1.050_701)?;
    floats(move |x| x.elu(alpha)? * gamma)
}

fn gelu(node: &Node<'_>) -> Built {
    match node.choice("approximate", &["none", "tanh"])? {
        0 => floats(erf::gelu),
        _ => floats(Tensor::gelu),
    }
}

fn hard_sigmoid(node: &Node<'_>) -> Built {
    let (alpha, beta) = (node.float_or("alpha", 0.2)?, node.float_or("beta", 0.5)?);
    floats(move |x| x.affine(alpha, beta)?.clamp(0.0, 1.0))
}

fn leaky_relu(node: &Node<'_>) -> Built {
    let alpha = node.float_or("alpha", 0.01)?;
    floats(move |x| x.relu()? - (x.neg()?.relu()? * alpha)?)
}

fn p_relu(call: &Call<'_>) -> Result<Array> {
    let (input, slope) = (call.array(0)?, call.array(1)?);
    let zero = number(0.0, input)?.tensor;
    let positive = Array::truths(&input.tensor.broadcast_ge(&zero)?)?;
    choose(
        &positive,
        input,
        &input.with(input.tensor.broadcast_mul(&slope.tensor)?),
    )
}

/// log(1 + exp(x)), in the form that neither overflows nor loses small numbers.
fn softplus(x: &Tensor) -> Result<Tensor> {
    x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?
}

fn swish(node: &Node<'_>) -> Built {
    let alpha = node.float_or("alpha", 1.0)?;
    floats(move |x| x * candle_nn::ops::sigmoid(&(x * alpha)?)?)
}

fn thresholded_relu(node: &Node<'_>) -> Built {
    let alpha = node.float_or("alpha", 1.0)?;
    one(move |call| map(call.array(0)?, |x| if x > alpha { x } else { 0.0 }))
}

fn shrink(node: &Node<'_>) -> Built {
    let (bias, lambda) = (node.float_or("bias", 0.0)?, node.float_or("lambd", 0.5)?);
    one(move |call| {
        let shrunk = |x: f64| match x {
            x if x < -lambda => x + bias,
            x if x > lambda => x - bias,
            _ => 0.0,
        };
        map(call.array(0)?, shrunk)
    })
}

/// A function along one axis, which is brought to the end for it.
fn along(node: &Node<'_>, function: fn(&Tensor) -> Result<Tensor>) -> Built {
    let axis = node.int_or("axis", -1)?;
    floats(move |x| {
        if x.elem_count() == 0 {
            return Ok(x.clone());
        }
        let axis = self::axis(axis, x.rank())?;
        if axis == x.rank() - 1 {
            return function(x);
        }
        function(&x.transpose(axis, D::Minus1)?)?.transpose(axis, D::Minus1)
    })
}

/// Half precision is widened for it: sums of many exponentials would lose their digits.
pub(super) fn softmax(x: &Tensor) -> Result<Tensor> {
    let dtype = x.dtype();
    if matches!(dtype, DType::F16 | DType::BF16) {
        return softmax_last_dim(&x.to_dtype(DType::F32)?.contiguous()?)?.to_dtype(dtype);
    }
    softmax_last_dim(&x.contiguous()?)
}

fn log_softmax(x: &Tensor) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.max_keepdim(D::Minus1)?)?;
    centred.broadcast_sub(&centred.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

/// One where the first largest element is, zero elsewhere.
fn hardmax(node: &Node<'_>) -> Built {
    let axis = node.int_or("axis", -1)?;
    floats(move |x| {
        let axis = self::axis(axis, x.rank())?;
        let places = x.argmax_keepdim(axis)?.contiguous()?;
        let zeros = x.zeros_like()?.contiguous()?;
        zeros.scatter(&places, &places.ones_like()?.to_dtype(x.dtype())?, axis)
    })
}
