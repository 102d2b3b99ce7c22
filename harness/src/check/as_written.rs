//! A forward pass of a model that is built from a `config.json` as transformers writes it.

use serde_json::Value;

use crate::{
    backend::{Backend, Failure},
    check::forward_matches_reference,
    trial::Trial,
    verdict::Verdict,
};

/// Builds the model with nothing done to the config, and looks whether its numbers are PyTorch's: a
/// field that is read under another name may fall back to a default without a word.
pub(super) fn examine<B: Backend>(
    trial: &Trial<B::Session>,
    backend: &B,
    config: &Value,
) -> Result<Verdict, Failure> {
    let mut other = trial.built_with(backend, config)?;
    forward_matches_reference::examine(&mut other)
}
