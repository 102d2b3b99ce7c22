//! Which inputs and weights each output depends on, as PyTorch's graph has it.

use std::collections::{BTreeMap, BTreeSet};

use onnx_model::{
    Model,
    proto::{NodeProto, TensorProto},
};

use super::Reference;
use crate::backend::Failure;

/// What each output depends on.
#[derive(Clone, Debug)]
pub struct Flow {
    upstream: BTreeMap<String, BTreeSet<String>>,
}

impl Flow {
    /// Follows the reference's graph from its outputs back. What only gives its shape, as every input
    /// of a batch does, is not depended on.
    pub fn of(reference: &Reference) -> Result<Self, Failure> {
        if reference.manifest().graph.is_none() {
            return Err(Failure::not_run(
                "the reference has no graph to say what depends on what",
            ));
        }
        let bytes = reference
            .graph()
            .map_err(|error| Failure::load(error.to_string()))?;
        Self::read(&bytes).map_err(|error| Failure::load(format!("graph.onnx.xz: {error}")))
    }

    fn read(bytes: &[u8]) -> Result<Self, onnx_model::OnnxError> {
        let model = Model::read(bytes)?.edit(|graph| {
            for node in &mut graph.node {
                if let ([shape], true) = (&node.output[..], node.is("Shape") || node.is("Size")) {
                    *node = NodeProto::constant(shape, TensorProto::of_ints("", &[0], &[]));
                }
            }
        })?;
        let links = model.links();
        let upstream = |output: &str| {
            let names = links.upstream(&[output]);
            names.into_iter().map(str::to_owned).collect()
        };
        let outputs = model.graph().output.iter().map(|output| output.name());
        Ok(Self {
            upstream: outputs
                .map(|name| (name.to_owned(), upstream(name)))
                .collect(),
        })
    }

    /// Whether an output depends on an input or a weight.
    pub fn reaches(&self, from: &str, output: &str) -> bool {
        self.upstream
            .get(output)
            .is_some_and(|names| names.contains(from))
    }

    /// Everything that some output depends on.
    pub fn all(&self) -> BTreeSet<String> {
        self.upstream.values().flatten().cloned().collect()
    }
}
