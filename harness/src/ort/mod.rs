//! Families as graphs, run by ONNX Runtime.

mod graph;
mod pool;
mod runtime;
mod session;
mod values;

pub use graph::{Graph, graph};
pub use session::GraphSession;
