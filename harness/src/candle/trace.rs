//! A native run written down, so that it can be repeated without the harness.
//!
//! `TOUCHSTONE_TRACE` names a folder. A check run then leaves there, for every model that it builds, what
//! candle was given: the config as candle reads it, the checkpoint's weights, and its calls in their order. `cargo xtask repro` makes a project of its own of it.

use std::{
    env,
    fs::{self, OpenOptions},
    io::Write,
    sync::atomic::{AtomicUsize, Ordering},
};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use super::{Result, Tensors};
use crate::{backend::Precision, reference::Reference};

/// The variable that names the folder.
const VARIABLE: &str = "TOUCHSTONE_TRACE";

/// How many models and how many calls this process has written down.
static MODELS: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// One model's part of the folder.
#[derive(Debug)]
pub(super) struct Trace {
    folder: Utf8PathBuf,
    model: usize,
}

impl Trace {
    /// If the environment asks for one: begins it with the config as candle reads it.
    pub(super) fn begin(
        reference: &Reference,
        precision: Precision,
        last_position: &[&str],
        config: &Value,
        weights: &Utf8Path,
    ) -> Result<Option<Self>> {
        let Some(folder) = env::var(VARIABLE).ok().filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let trace = Self {
            folder: folder.into(),
            model: MODELS.fetch_add(1, Ordering::Relaxed),
        };
        fs::create_dir_all(&trace.folder)?;
        let config = serde_json::to_vec_pretty(config).map_err(candle_core::Error::wrap)?;
        fs::write(trace.folder.join("config.json"), config)?;
        fs::copy(weights, trace.folder.join("weights.safetensors"))?;
        trace.line(&json!({
            "model": trace.model,
            "case": reference.manifest().name(),
            "dtype": precision.name(),
            "last_position": last_position,
        }))?;
        Ok(Some(trace))
    }

    /// A forward pass is about to be made.
    pub(super) fn call(&self, inputs: &Tensors, position: usize) -> Result<()> {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        let name = format!("call-{call}.safetensors");
        inputs.save(&self.folder.join(&name))?;
        self.line(&json!({"model": self.model, "inputs": name, "position": position}))
    }

    /// These weights should be read: what is told of them is all that a check asks for.
    pub(super) fn due(&self, names: &[&str]) -> Result<()> {
        let names = serde_json::to_vec(names).map_err(candle_core::Error::wrap)?;
        Ok(fs::write(self.folder.join("due.json"), names)?)
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
