//! One planted fault at a time, to show that checks notice: in graph, weights, config or calls, never
//! in outputs.
//!
//! Where a fault can be planted follows from the graph's operators and from the config, never from a
//! list of families. What a check says of a fault is evidence of its own; the check's verdict is what
//! it says without.

mod calls;
mod config;
mod graph;
mod keep;
mod mutants;
mod patch;
mod play;
mod scene;
mod weights;

use std::fmt;

use onnx_model::Model;
use serde_json::Value;

pub(crate) use calls::{Call, Watched};
pub use mutants::{Mutant, mutants};
pub(crate) use play::play;

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Another activation.
    ActivationSwapped,
    /// A bias of zeros.
    BiasZeroed,
    /// A cache that keeps what earlier runs left.
    CacheNotReset,
    /// A normalisation's epsilon, ten times as large.
    EpsilonTimesTen,
    /// A projection that reads half precision.
    HalfPrecision,
    /// Two attention heads in each other's place.
    HeadsSwapped,
    /// The last layer left out.
    LayerSkipped,
    /// The last projection reads one hundredth too much.
    LogitsScaled,
    /// A mask that hides nothing.
    MaskDropped,
    /// A mask that hides what should be seen.
    MaskInverted,
    /// A norm's weight of zeros.
    NormZeroed,
    /// Positions off by one.
    PositionsOffset,
    /// Rotary pairs of neighbours instead of halves.
    RopePairing,
    /// Another rotary base.
    RopeTheta,
    /// A square matrix with rows for columns.
    WeightTransposed,
    /// A window one wider.
    WindowOffByOne,
}

impl Fault {
    /// The name in evidence and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::ActivationSwapped => "activation-swapped",
            Self::BiasZeroed => "bias-zeroed",
            Self::CacheNotReset => "cache-not-reset",
            Self::EpsilonTimesTen => "epsilon-times-ten",
            Self::HalfPrecision => "half-precision",
            Self::HeadsSwapped => "heads-swapped",
            Self::LayerSkipped => "layer-skipped",
            Self::LogitsScaled => "logits-scaled",
            Self::MaskDropped => "mask-dropped",
            Self::MaskInverted => "mask-inverted",
            Self::NormZeroed => "norm-zeroed",
            Self::PositionsOffset => "positions-offset",
            Self::RopePairing => "rope-pairing",
            Self::RopeTheta => "rope-theta",
            Self::WeightTransposed => "weight-transposed",
            Self::WindowOffByOne => "window-off-by-one",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a fault is planted.
#[derive(Clone, Debug, PartialEq)]
enum Plant {
    /// Another graph, or why there is none: then the saboteur is broken, and that is evidence too.
    Graph(Result<Box<Model>, String>),
    /// Another weight.
    Weight(String, weights::Change),
    /// Another config; of several the first that the backend can load.
    Config(Vec<Value>),
    /// Other calls.
    Call(Call),
}
