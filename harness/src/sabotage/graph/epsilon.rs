//! A normalisation's epsilon, ten times as large.

use super::Planted;
use crate::sabotage::{
    patch::Patch,
    scene::{Scene, output, two},
};

const NORMALISATIONS: [&str; 4] = [
    "BatchNormalization",
    "GroupNormalization",
    "InstanceNormalization",
    "LayerNormalization",
];

/// What an operator takes where nothing is said.
const DEFAULT: f32 = 1e-5;

/// A constant under a root is an epsilon up to this.
const LARGEST: f64 = 1e-2;

pub(super) fn places(scene: &Scene<'_>) -> Vec<Planted> {
    let nodes = scene.nodes.iter();
    nodes
        .filter_map(|&(number, node)| {
            let mut patch = Patch::default();
            if NORMALISATIONS.iter().any(|op_type| node.is(op_type)) {
                let epsilon = node.attribute("epsilon").and_then(|epsilon| epsilon.f);
                let epsilon = epsilon.unwrap_or(DEFAULT) * 10.0;
                patch.change(number, node.clone().with_float("epsilon", epsilon));
                return Some(Planted::at(output(node), patch));
            }
            // Written out, it is added to what a root is taken of.
            if !node.is("Add") || scene.readers(output(node), "Sqrt").is_empty() {
                return None;
            }
            let numbers = two(node)?.map(|value| scene.number(value));
            let at = numbers.iter().position(Option::is_some)?;
            let epsilon =
                numbers[at].filter(|epsilon| (f64::MIN_POSITIVE..LARGEST).contains(epsilon))?;
            let larger = patch.float(epsilon * 10.0);
            patch.rewire(number, at, &larger);
            Some(Planted::at(output(node), patch))
        })
        .collect()
}
