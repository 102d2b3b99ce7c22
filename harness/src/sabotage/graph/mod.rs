//! Faults in a graph, one file each: where a graph has a place for them, and how they are planted.

mod activation;
mod epsilon;
mod half;
mod heads;
mod layers;
mod logits;
mod mask;
mod positions;
mod rope;
mod window;

#[cfg(test)]
mod tests;

use serde_json::Value;

use super::{Fault, patch::Patch, scene::Scene};

/// A place in the graph and the changes that plant the fault there.
pub(super) struct Planted {
    pub(super) site: String,
    pub(super) patch: Patch,
}

impl Planted {
    fn at(site: &str, patch: Patch) -> Self {
        let site = site.to_owned();
        Self { site, patch }
    }
}

/// Every place for every fault; the config only tells how long a window is.
pub(super) fn places(scene: &Scene<'_>, config: &Value) -> Vec<(Fault, Vec<Planted>)> {
    vec![
        (Fault::ActivationSwapped, activation::places(scene)),
        (Fault::EpsilonTimesTen, epsilon::places(scene)),
        (Fault::HalfPrecision, half::places(scene)),
        (Fault::HeadsSwapped, heads::places(scene)),
        (Fault::LayerSkipped, layers::places(scene)),
        (Fault::LogitsScaled, logits::places(scene)),
        (Fault::MaskDropped, mask::dropped(scene)),
        (Fault::MaskInverted, mask::inverted(scene)),
        (Fault::PositionsOffset, positions::places(scene)),
        (Fault::RopePairing, rope::pairing(scene)),
        (Fault::RopeTheta, rope::theta(scene)),
        (Fault::WindowOffByOne, window::places(scene, config)),
    ]
}
