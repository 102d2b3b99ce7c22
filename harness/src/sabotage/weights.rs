//! Faults in weights: a bias or a norm set to nothing, a square matrix the wrong way round.

use std::collections::BTreeSet;

use onnx_model::proto::NodeProto;

use super::{Fault, Plant, scene::Scene};
use crate::reference::{Reference, Weight};

/// Operators whose second input is a norm's weight.
const NORMALISATIONS: [&str; 4] = [
    "BatchNormalization",
    "GroupNormalization",
    "InstanceNormalization",
    "LayerNormalization",
];

/// Every weight that reaches an output and can matter, with the faults it has a place for, in the
/// graph's order.
pub(super) fn places(scene: &Scene<'_>, reference: &Reference) -> Vec<(Fault, String, Plant)> {
    let manifest = reference.manifest();
    let mut seen = BTreeSet::new();
    let mut places = Vec::new();
    for &(_, node) in &scene.nodes {
        for value in &node.input {
            let Some(weight) = manifest.weights.iter().find(|known| known.name == *value) else {
                continue;
            };
            let is_inert = manifest.inert.iter().any(|(name, _)| name == value);
            if is_inert || weight.dtype != "f32" || !seen.insert(value.as_str()) {
                continue;
            }
            if let Some((fault, change)) = fault(scene, weight) {
                let plant = Plant::Weight(weight.name.clone(), change);
                places.push((fault, weight.name.clone(), plant));
            }
        }
    }
    places
}

/// What is done to a weight's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// All of them become zero.
    Zero,
    /// Rows become columns; there are so many of each.
    Transpose(usize),
}

impl Change {
    /// The changed bytes of float32 numbers.
    pub(super) fn made(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Zero => vec![0; bytes.len()],
            Self::Transpose(rows) => {
                let (words, _) = bytes.as_chunks::<4>();
                let columns = (0..rows).flat_map(|column| (0..rows).map(move |row| (row, column)));
                columns
                    .flat_map(|(row, column)| words[row * rows + column])
                    .collect()
            }
        }
    }
}

fn fault(scene: &Scene<'_>, weight: &Weight) -> Option<(Fault, Change)> {
    match weight.shape.as_slice() {
        [_] if weight.name.ends_with("bias") => Some((Fault::BiasZeroed, Change::Zero)),
        [_] if is_norm(scene, &weight.name) => Some((Fault::NormZeroed, Change::Zero)),
        &[rows, columns] if rows == columns && rows > 1 => {
            Some((Fault::WeightTransposed, Change::Transpose(rows)))
        }
        _ => None,
    }
}

/// Whether something normalised is multiplied by it.
fn is_norm(scene: &Scene<'_>, name: &str) -> bool {
    let multiplies = |node: &NodeProto| {
        let is_second = node.input.get(1).is_some_and(|input| input == name);
        node.is("Mul") || (is_second && NORMALISATIONS.iter().any(|op_type| node.is(op_type)))
    };
    let mut values = vec![name.to_owned()];
    while let Some(value) = values.pop() {
        for (_, node) in scene.links.consumers(&value) {
            if multiplies(node) {
                return true;
            }
            // Gemma multiplies by one plus the weight.
            let is_plus_one = node.is("Add")
                && node
                    .input
                    .iter()
                    .any(|input| scene.links.constant(input).is_some());
            if is_plus_one
                || ["Reshape", "Unsqueeze", "Cast"]
                    .iter()
                    .any(|op| node.is(op))
            {
                values.extend(node.output.iter().cloned());
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        let bytes = |values: [f32; 4]| values.map(f32::to_le_bytes).concat();
        let transposed = Change::Transpose(2).made(&bytes([1.0, 2.0, 3.0, 4.0]));
        assert_eq!(transposed, bytes([1.0, 3.0, 2.0, 4.0]));
        assert_eq!(Change::Zero.made(&bytes([1.0; 4])), vec![0; 16]);
    }
}
