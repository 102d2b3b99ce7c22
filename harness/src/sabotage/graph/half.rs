//! Half precision posing as single: what one projection reads is rounded to 11 bits.

use onnx_model::{Dtype, proto::NodeProto};

use super::Planted;
use crate::sabotage::{
    patch::Patch,
    scene::{Scene, output},
};

pub(super) fn places(scene: &Scene<'_>) -> Vec<Planted> {
    let places = scene.projections().into_iter();
    places
        .map(|(number, node, input)| {
            let mut patch = Patch::default();
            let cast = |value: &str, to: Dtype| {
                NodeProto::new("Cast", &[value], &[]).with_int("to", to.code().into())
            };
            let rounded = patch.add(cast(&node.input[input], Dtype::F16));
            let restored = patch.add(cast(&rounded, Dtype::F32));
            patch.rewire(number, input, &restored);
            Planted::at(output(node), patch)
        })
        .collect()
}
