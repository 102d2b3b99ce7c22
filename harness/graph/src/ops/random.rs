//! Random numbers in the shape of another tensor: what models draw and then scale by nothing.

use candle_core::{DType, Tensor};

use super::Operator;
use crate::{
    array::Array,
    node::{Built, Node, one},
};

/// Never computed while loading, whatever it depends on: see the plan.
pub(super) const OPERATORS: &[Operator] = &[("RandomNormalLike", 1, random_normal_like)];

fn random_normal_like(node: &Node<'_>) -> Built {
    let (mean, scale) = (node.float_or("mean", 0.0)?, node.float_or("scale", 1.0)?);
    let float32 = i64::from(onnx_model::Dtype::F32.code());
    if node.int("dtype")?.is_some_and(|dtype| dtype != float32) || node.float("seed")?.is_some() {
        return Err(node.unsupported(
            "random numbers of a seed, or of another type than float32, are not drawn",
        ));
    }
    one(move |call| {
        let like = Tensor::zeros(call.dims(0)?, DType::F32, call.device)?;
        Array::floats(like.randn_like(mean, scale)?)
    })
}
