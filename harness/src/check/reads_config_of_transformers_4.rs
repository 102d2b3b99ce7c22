//! A config as transformers 4 wrote it, which most checkpoints on the hub have, is read as it is.

use std::fs;

use serde_json::Value;

use super::as_written;
use crate::{
    Case,
    backend::{Backend, Failure},
    judge::judge,
    trial::Trial,
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "reads_config_of_transformers_4";

/// The model that is built from the `config.json` that transformers 4 saved, without any translation,
/// gives what PyTorch gave. transformers 5 reads both configs as the same model: that is proved when
/// the older one is recorded.
#[track_caller]
pub fn reads_config_of_transformers_4(case: &Case, backend: impl Backend) {
    judge(NAME, case, &backend, |trial| examine(trial, &backend));
}

/// Looks without judging.
pub fn examine<B: Backend>(trial: &mut Trial<B::Session>, backend: &B) -> Result<Verdict, Failure> {
    let config = older(trial)?;
    as_written::examine(trial, backend, &config)
}

fn older<S>(trial: &Trial<S>) -> Result<Value, Failure>
where
    S: crate::backend::Session,
{
    let reference = trial.reference();
    let name = reference.manifest().name();
    let path = format!("snapshots/older-configs/{name}.json");
    let text = fs::read_to_string(reference.root().join(&path)).map_err(|error| {
        let mend = "cargo xtask record --older-configs";
        Failure::not_run(format!("{path}: {error} [{mend}]"))
    })?;
    serde_json::from_str(&text).map_err(|error| Failure::load(format!("{path}: {error}")))
}
