//! Random numbers, in the shape of another tensor.

use super::Operator;
use crate::{
    Error,
    node::{Kernel, Node, one},
};

/// Never computed while loading, whatever they depend on: see the plan.
pub(super) const OPERATORS: &[Operator] = &[
    ("RandomNormalLike", 1, |node| {
        random(node, ["mean", "scale"], true)
    }),
    ("RandomUniformLike", 1, |node| {
        random(node, ["low", "high"], false)
    }),
];

fn random(
    node: &Node<'_>,
    [first, second]: [&'static str; 2],
    normal: bool,
) -> std::result::Result<Kernel, Error> {
    let bounds = (node.float_or(first, 0.0)?, node.float_or(second, 1.0)?);
    if node.int("dtype")?.is_some_and(|dtype| dtype != 1) || node.float("seed")?.is_some() {
        return Err(node.unsupported(
            "random numbers of a seed, or of another type than float32, are not drawn",
        ));
    }
    one(move |call| {
        let like = &call.array(0)?.tensor;
        let like = candle_core::Tensor::zeros(like.dims(), candle_core::DType::F32, call.device)?;
        crate::array::Array::floats(if normal {
            like.randn_like(bounds.0, bounds.1)?
        } else {
            like.rand_like(bounds.0, bounds.1)?
        })
    })
}
