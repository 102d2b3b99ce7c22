//! A native run written down, so that it can be repeated without the harness.
//!
//! `TOUCHSTONE_TRACE` names a folder. A check run then leaves there, for every model that it builds, what
//! candle was given: the config as candle reads it, the weights as candle asks for them, and its calls in
//! their order. `cargo xtask repro` makes a project of its own of it.

use std::{
    collections::HashMap,
    env,
    fs::{self, OpenOptions},
    io::Write,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use camino::Utf8PathBuf;
use candle_core::{Tensor, safetensors};
use serde_json::{Value, json};

use super::{Result, Tensors};
use crate::{backend::Precision, reference::Reference};

/// The variable that names the folder.
const VARIABLE: &str = "TOUCHSTONE_TRACE";

/// How many models and how many calls this process has written down.
static MODELS: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// The weights that a model asked for, by the names that it asked with.
#[derive(Clone, Debug, Default)]
pub(super) struct Weights(Arc<Mutex<HashMap<String, Tensor>>>);

impl Weights {
    pub(super) fn note(&self, name: &str, tensor: &Tensor) {
        let mut weights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        weights.insert(name.to_owned(), tensor.clone());
    }
}

/// One model's part of the folder.
#[derive(Debug)]
pub(super) struct Trace {
    folder: Utf8PathBuf,
    model: usize,
    weights: Weights,
}

impl Trace {
    /// If the environment asks for one: begins it with the config as candle reads it.
    pub(super) fn begin(
        reference: &Reference,
        precision: Precision,
        last_position: &[&str],
        config: &Value,
    ) -> Result<Option<Self>> {
        let Some(folder) = env::var(VARIABLE).ok().filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let trace = Self {
            folder: folder.into(),
            model: MODELS.fetch_add(1, Ordering::Relaxed),
            weights: Weights::default(),
        };
        fs::create_dir_all(&trace.folder)?;
        let config = serde_json::to_vec_pretty(config).map_err(candle_core::Error::wrap)?;
        fs::write(trace.folder.join("config.json"), config)?;
        trace.line(&json!({
            "model": trace.model,
            "case": reference.manifest().name(),
            "dtype": precision.name(),
            "last_position": last_position,
            "weights": format!("weights-{}.safetensors", trace.model),
        }))?;
        Ok(Some(trace))
    }

    /// Where weights are noted.
    pub(super) fn weights(&self) -> Weights {
        self.weights.clone()
    }

    /// The model is built, or is not: writes the weights that it asked for until then, and those that
    /// it did not ask for under the names that the checkpoint has for them.
    pub(super) fn built(&self, others: Vec<(String, Tensor)>) -> Result<()> {
        let mut weights = self
            .weights
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (name, tensor) in others {
            weights.entry(name).or_insert(tensor);
        }
        safetensors::save(
            &*weights,
            self.folder
                .join(format!("weights-{}.safetensors", self.model)),
        )
    }

    /// A forward pass is about to be made.
    pub(super) fn call(&self, inputs: &Tensors, position: usize) -> Result<()> {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        let name = format!("call-{call}.safetensors");
        inputs.save(&self.folder.join(&name))?;
        self.line(&json!({"model": self.model, "inputs": name, "position": position}))
    }

    /// The cache is emptied.
    pub(super) fn reset(&self) -> Result<()> {
        self.line(&json!({"model": self.model, "reset": true}))
    }

    fn line(&self, line: &Value) -> Result<()> {
        let path = self.folder.join("calls.ndjson");
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(writeln!(file, "{line}")?)
    }
}
