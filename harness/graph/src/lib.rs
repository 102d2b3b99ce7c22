//! Runs ONNX graphs on candle-core.
//!
//! [`Graph::load`] checks every node, folds what is constant and plans the rest; [`Graph::run`] then
//! runs the plan as often as it is called, with any batch and sequence length that the graph allows.
//!
//! Floats are computed by candle on the graph's device. Integers and booleans (shapes, indices,
//! masks) are computed on the processor, where the shapes are needed.

mod array;
mod error;
mod graph;
mod node;
mod ops;
mod plan;
mod proto;

pub use error::{Error, Kind};
pub use graph::{Graph, Length, OPSETS, Port, tensor};
pub use ops::operators;
