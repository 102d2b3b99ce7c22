//! Runs ONNX graphs on candle-core.
//!
//! [`Graph::load`] checks every node, folds what is constant and plans the rest; [`Graph::run`] then
//! runs the plan as often as it is called, with any batch and sequence length that the graph allows.
//!
//! Floats are computed by candle on the graph's device. Integers and booleans (shapes, indices,
//! masks) are computed on the processor, where the shapes are needed.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use candle_core::{Device, Tensor};
//! use candle_graph::Graph;
//! use onnx_model::Model;
//!
//! # // y = relu(x), for any number of float32, as ONNX.
//! # let bytes = [
//! #     0x08, 0x0a, 0x3a, 0x32, 0x0a, 0x0c, 0x0a, 0x01, 0x78, 0x12, 0x01, 0x79, 0x22, 0x04, 0x52,
//! #     0x65, 0x6c, 0x75, 0x5a, 0x10, 0x0a, 0x01, 0x78, 0x12, 0x0b, 0x0a, 0x09, 0x08, 0x01, 0x12,
//! #     0x05, 0x0a, 0x03, 0x12, 0x01, 0x6e, 0x62, 0x10, 0x0a, 0x01, 0x79, 0x12, 0x0b, 0x0a, 0x09,
//! #     0x08, 0x01, 0x12, 0x05, 0x0a, 0x03, 0x12, 0x01, 0x6e, 0x42, 0x04, 0x0a, 0x00, 0x10, 0x14,
//! # ];
//! // In general the bytes of a file: here y = relu(x), for any number of float32.
//! let model = Model::read(&bytes)?;
//! let graph = Graph::load(&model, &Device::Cpu)?;
//!
//! for values in [vec![-1.0, 2.0], vec![3.0_f32]] {
//!     let x = Tensor::new(values, &Device::Cpu)?;
//!     let outputs = graph.run(&BTreeMap::from([("x".to_owned(), x.clone())]))?;
//!     assert_eq!(outputs["y"].to_vec1::<f32>()?, x.relu()?.to_vec1::<f32>()?);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Set RAYON_NUM_THREADS, to 1 for small graphs: without it candle 0.11.1 reads the number of cores from
//! the system in every product of two matrices, which costs more than small ones do.
//!
//! What cannot be run is refused while loading, with the node and the reason; [`operators`] lists what
//! is known, and [`OPSETS`] the versions of the standard that are read.

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
