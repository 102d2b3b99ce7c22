//! Another activation: the one that is easily taken for the right one.

use onnx_model::proto::NodeProto;

use super::Planted;
use crate::sabotage::{
    patch::Patch,
    scene::{Scene, other, output, two},
};

/// What quick GELU multiplies by; as a SiLU, it is 1.
const QUICK: f64 = 1.702;

pub(super) fn places(scene: &Scene<'_>) -> Vec<Planted> {
    let nodes = scene.nodes.iter();
    nodes
        .filter_map(|&(number, node)| {
            let patch = match node.op_type() {
                "Gelu" => gelu(number, node),
                "Relu" => relu(number, node),
                "Mul" => gated(scene, number, node).or_else(|| tanh_gelu(scene, number, node))?,
                _ => return None,
            };
            Some(Planted::at(output(node), patch))
        })
        .collect()
}

/// The error function and its approximation by tanh.
fn gelu(number: usize, node: &NodeProto) -> Patch {
    let is_exact = node
        .attribute("approximate")
        .is_none_or(|text| text.s() == b"none");
    let swapped = if is_exact { "tanh" } else { "none" };
    let mut patch = Patch::default();
    patch.change(number, node.clone().with_text("approximate", swapped));
    patch
}

fn relu(number: usize, node: &NodeProto) -> Patch {
    let mut swapped = node.clone();
    swapped.op_type = Some("Gelu".to_owned());
    let mut patch = Patch::default();
    patch.change(number, swapped);
    patch
}

/// x · sigmoid(x) becomes quick GELU, and quick GELU, x · sigmoid(1.702 · x), becomes GELU.
fn gated(scene: &Scene<'_>, number: usize, node: &NodeProto) -> Option<Patch> {
    let [first, second] = two(node)?;
    let mut patch = Patch::default();
    for (x, gate) in [(first, second), (second, first)] {
        let Some((_, sigmoid)) = scene.made_by(gate, "Sigmoid") else {
            continue;
        };
        let within = sigmoid.input.first()?;
        if within == x {
            let scale = patch.float(QUICK);
            let scaled = patch.apply("Mul", &[x, &scale]);
            let gate = patch.apply("Sigmoid", &[&scaled]);
            patch.change(number, NodeProto::new("Mul", &[x, &gate], &[output(node)]));
            return Some(patch);
        }
        let scaled = scene.made_by(within, "Mul");
        let scale = scaled.and_then(|(_, scaled)| scene.number(other(scaled, x)?));
        if scale.is_some() {
            patch.change(number, NodeProto::new("Gelu", &[x], &[output(node)]));
            return Some(patch);
        }
    }
    None
}

/// GELU by tanh, written out: x/2 · (1 + tanh(… (x + … x³))) becomes the one by the error function.
fn tanh_gelu(scene: &Scene<'_>, number: usize, node: &NodeProto) -> Option<Patch> {
    let [first, second] = two(node)?;
    for (halved, gate) in [(first, second), (second, first)] {
        let Some((_, sum)) = scene.made_by(gate, "Add") else {
            continue;
        };
        let Some((_, halved)) = scene.made_by(halved, "Mul") else {
            continue;
        };
        let is_tanh = two(sum)?
            .iter()
            .any(|value| scene.made_by(value, "Tanh").is_some());
        let x = two(halved)?
            .into_iter()
            .find(|value| scene.number(value).is_none())?;
        let is_cubed = !scene.readers(x, "Pow").is_empty();
        if is_tanh && is_cubed {
            let mut patch = Patch::default();
            patch.change(number, NodeProto::new("Gelu", &[x], &[output(node)]));
            return Some(patch);
        }
    }
    None
}
