//! The operators, one file a group; each entry names one, the first opset whose meaning it has, and
//! what reads a node's attributes and gives its kernel.

mod activation;
mod arithmetic;
mod attention;
mod control;
mod conv;
mod convert;
mod depthwise;
mod einsum;
mod elementwise;
mod erf;
mod fourier;
mod index;
mod linear;
mod logic;
mod norm;
mod pad;
mod pool;
mod random;
mod recurrent;
mod reduce;
mod resize;
mod sample;
mod scatter;
mod sequence;
mod shape;
mod sort;
mod windows;

use crate::{
    Error,
    node::{Kernel, Node},
};

type Operator = (&'static str, i64, fn(&Node<'_>) -> Result<Kernel, Error>);

const GROUPS: [&[Operator]; 24] = [
    activation::OPERATORS,
    arithmetic::OPERATORS,
    attention::OPERATORS,
    control::OPERATORS,
    convert::OPERATORS,
    conv::OPERATORS,
    einsum::OPERATORS,
    elementwise::OPERATORS,
    fourier::OPERATORS,
    index::OPERATORS,
    linear::OPERATORS,
    logic::OPERATORS,
    norm::OPERATORS,
    pad::OPERATORS,
    pool::OPERATORS,
    random::OPERATORS,
    recurrent::OPERATORS,
    reduce::OPERATORS,
    resize::OPERATORS,
    sample::OPERATORS,
    scatter::OPERATORS,
    sequence::OPERATORS,
    shape::OPERATORS,
    sort::OPERATORS,
];

/// The operators of the default domain that are known, each with the first opset in which it means
/// what is computed here.
pub fn operators() -> impl Iterator<Item = (&'static str, i64)> {
    let all = GROUPS.into_iter().flatten();
    all.map(|&(name, since, _)| (name, since))
}

/// What a node does, or why it cannot be done here.
pub(crate) fn kernel(node: &Node<'_>) -> Result<Kernel, Error> {
    let (op_type, domain, opset) = (node.proto.op_type(), node.proto.domain(), node.opset);
    if !domain.is_empty() && domain != "ai.onnx" {
        return Err(node.unsupported(format!("the operators of domain `{domain}` are not known")));
    }
    let mut all = GROUPS.into_iter().flatten();
    match all.find(|(name, _, _)| *name == op_type) {
        None => Err(node.unsupported(format!("operator `{op_type}` (opset {opset}) is not known"))),
        Some(&(_, since, _)) if opset < since => {
            let what =
                format!("`{op_type}` of opset {opset} is not known, only from opset {since} on");
            Err(node.unsupported(what))
        }
        Some((_, _, build)) => build(node),
    }
}
