//! ONNX models as checked data: read, looked through, changed, written.
//!
//! [`Model::read`] takes nothing on trust: what it gives back has every value named once and defined
//! before it is used, and every tensor's bytes fit its shape. [`Model::edit`] changes a model and
//! checks it again, so that a [`Model`] is always one that holds together.
//!
//! What the graphs of this workspace do not use is refused rather than passed over in silence:
//! functions, sparse tensors, quantisation annotations, training.

mod check;
mod error;
mod links;
mod model;
pub mod proto;
mod tensor;

pub use error::{Kind, OnnxError};
pub use links::{Links, Use};
pub use model::Model;
pub use tensor::{Dtype, TensorError};
