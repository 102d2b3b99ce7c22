//! A reference with one fault planted on purpose; what PyTorch gave stays as it was recorded.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::Reference;
use crate::backend::Failure;

/// What is otherwise than recorded.
pub(crate) enum Planted {
    /// The ONNX model.
    Graph(Vec<u8>),
    /// The bytes of one weight.
    Weight(String, Vec<u8>),
    /// The config.
    Config(Value),
}

impl Reference {
    /// The same case with a fault.
    pub(crate) fn sabotaged(&self, planted: Planted) -> Result<Self, Failure> {
        let mut manifest = self.manifest.clone();
        let mut graph = None;
        let mut weights = self.weights()?;
        match planted {
            Planted::Graph(model) => graph = Some(model),
            Planted::Weight(name, bytes) => weights = Arc::new(weights.with(&name, &bytes)?),
            Planted::Config(config) => manifest.config = config,
        }
        Ok(Self {
            root: self.root.clone(),
            folder: self.folder.clone(),
            manifest,
            inputs: self.inputs.clone(),
            truths: self.truths.clone(),
            stored: self.stored.clone(),
            weights: OnceLock::from(Ok(weights)),
            planted: graph,
            is_sabotaged: true,
        })
    }

    /// Whether it has a planted fault: what is made of it must not be taken for the recorded case's.
    pub(crate) fn is_sabotaged(&self) -> bool {
        self.is_sabotaged
    }
}
