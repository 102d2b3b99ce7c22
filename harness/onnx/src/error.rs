//! Why bytes are no model that holds together.

use thiserror::Error;

/// What is wrong with a model, and where in it.
#[derive(Debug, Error)]
#[error("{place}: {kind}")]
pub struct OnnxError {
    /// Where: `node 3 (MatMul)`, `initializer x`, `model`.
    pub place: String,
    /// What is wrong.
    #[source]
    pub kind: Kind,
}

/// What is wrong with a model.
#[derive(Debug, Error)]
pub enum Kind {
    /// The bytes are no ONNX message.
    #[error("is no ONNX message: {0}")]
    Message(#[from] prost::DecodeError),
    /// Something that every model has is absent.
    #[error("has no {0}")]
    Missing(&'static str),
    /// A version that is not read.
    #[error("has {what} {found} (valid: {first} to {last})")]
    Version {
        what: &'static str,
        found: i64,
        first: i64,
        last: i64,
    },
    /// A part of the format that is not read.
    #[error("uses {0}, which is not read here")]
    Unsupported(&'static str),
    /// Two of what there may be one of.
    #[error("{what} `{name}` is there twice")]
    Twice { what: &'static str, name: String },
    /// A value that nothing before it gives.
    #[error("`{0}` is not defined before it is used")]
    Undefined(String),
    /// An attribute without a type, or without what its type promises.
    #[error("attribute `{name}` is not of its type: {found}")]
    Attribute { name: String, found: String },
    /// Graphs within graphs within graphs.
    #[error("has graphs nested deeper than {0}")]
    TooDeep(usize),
    /// A tensor that does not hold together.
    #[error(transparent)]
    Tensor(#[from] crate::TensorError),
}

impl Kind {
    pub(crate) fn at(self, place: impl Into<String>) -> OnnxError {
        OnnxError {
            place: place.into(),
            kind: self,
        }
    }
}
