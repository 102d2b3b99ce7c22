//! The last projection before an output reads one hundredth too much.

use super::Planted;
use crate::sabotage::{
    patch::Patch,
    scene::{Scene, output},
};

pub(super) fn places(scene: &Scene<'_>) -> Vec<Planted> {
    let projections = scene.projections();
    let mut planted: Vec<Planted> = Vec::new();
    for out in &scene.outputs {
        let upstream = scene.links.upstream(&[out]);
        let mut last_first = projections.iter().rev();
        let last = last_first.find(|(_, node, _)| upstream.contains(output(node)));
        let Some(&(number, node, input)) = last else {
            continue;
        };
        if planted.iter().any(|known| known.site == output(node)) {
            continue;
        }
        let mut patch = Patch::default();
        let scale = patch.float(1.01);
        let scaled = patch.apply("Mul", &[&node.input[input], &scale]);
        patch.rewire(number, input, &scaled);
        planted.push(Planted::at(output(node), patch));
    }
    planted
}
