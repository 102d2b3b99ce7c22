//! Finds or fetches the library of ONNX Runtime, the one that the wheel on PyPI holds.
//!
//! In this order: the file that `ORT_DYLIB_PATH` names; the one below `target/onnxruntime/`; and
//! otherwise the pinned wheel, downloaded by pip, verified by its sha256, and unpacked there. Any
//! number of tests may ask at once: one fetches, the others wait for its lock.

mod error;
mod fetch;
mod python;
mod search;
mod wheel;

pub use error::{Error, REMEDY};
pub use search::{Search, ensure};
pub use wheel::{VERSION, Wheel};
