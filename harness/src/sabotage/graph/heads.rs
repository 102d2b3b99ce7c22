//! Two attention heads that change places before their outputs are joined.

use onnx_model::proto::NodeProto;

use super::Planted;
use crate::sabotage::{patch::Patch, scene::Scene};

/// What joins heads: `[batch, heads, sequence, width]` to `[batch, sequence, heads, width]`.
const JOINS: [i64; 4] = [0, 2, 1, 3];

pub(super) fn places(scene: &Scene<'_>) -> Vec<Planted> {
    scene
        .all("Transpose")
        .filter_map(|(number, node)| {
            let perm = node.attribute("perm")?;
            let heads = node.input.first().filter(|_| perm.ints == JOINS)?;
            // Queries are laid out so as well; heads' outputs are products with probabilities.
            let (_, product) = scene.made_by(heads, "MatMul")?;
            scene.made_by(scene.origin(product.input.first()?), "Softmax")?;
            let mut patch = Patch::default();
            let swapped = swapped(&mut patch, heads);
            patch.rewire(number, 0, &swapped);
            Some(Planted::at(heads, patch))
        })
        .collect()
}

/// The second head, the first, then the others.
fn swapped(patch: &mut Patch, heads: &str) -> String {
    let [zero, one, two] = [0, 1, 2].map(|at| patch.ints(&[at]));
    let end = patch.ints(&[i64::MAX]);
    let first = patch.apply("Slice", &[heads, &zero, &one, &one]);
    let second = patch.apply("Slice", &[heads, &one, &two, &one]);
    let others = patch.apply("Slice", &[heads, &two, &end, &one]);
    let joined = NodeProto::new("Concat", &[&second, &first, &others], &[]);
    patch.add(joined.with_int("axis", 1))
}
