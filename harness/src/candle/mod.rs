//! Families on candle: as candle-transformers implements them, and as graphs.

mod checkpoint;
mod config;
mod device;
mod graph;
mod model;
mod names;
mod native;
mod tensors;
mod trace;

pub use candle_core::Result;

pub use config::{Field, Json};
pub use graph::{Graph, GraphSession, graph};
pub use model::Model;
pub use names::{Derived, Piece};
pub use native::{Native, NativeSession, native};
pub use tensors::Tensors;

pub(crate) use device::open;

/// A builder over the checkpoint's weights, as every candle-transformers constructor takes it.
pub type VarBuilder = candle_nn::VarBuilder<'static>;
