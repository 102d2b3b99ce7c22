//! A graph with all that belongs to it, as `touchstone.bench_graphs` writes it.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use candle_core::Tensor;
use serde_json::Value;

use crate::store::Store;

/// The folder of a graph, with what is small in memory.
pub(crate) struct Case {
    folder: Utf8PathBuf,
    pub(crate) config: Value,
    pub(crate) inputs: Store,
    pub(crate) weights: Store,
    /// What PyTorch gives, in float64.
    pub(crate) outputs: BTreeMap<String, Tensor>,
}

impl Case {
    pub(crate) fn open(folder: Utf8PathBuf) -> Result<Self> {
        let config = folder.join("config.json");
        let config =
            fs::read_to_string(&config).with_context(|| format!("cannot read {config}"))?;
        let store = |name| Store::open(folder.join(name));
        Ok(Self {
            config: serde_json::from_str(&config)?,
            inputs: store("inputs.safetensors")?,
            weights: store("weights.safetensors")?,
            outputs: store("outputs.safetensors")?.tensors()?,
            folder,
        })
    }

    /// The file of the graph.
    pub(crate) fn graph(&self) -> Utf8PathBuf {
        self.folder.join("graph.onnx")
    }
}
