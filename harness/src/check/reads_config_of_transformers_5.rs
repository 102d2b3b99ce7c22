//! A config as transformers 5 writes it is read as it is.

use super::as_written;
use crate::{
    Case,
    backend::{Backend, Failure},
    judge::judge,
    trial::Trial,
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "reads_config_of_transformers_5";

/// The model that is built from the `config.json` that transformers 5 saves, without any translation,
/// gives what PyTorch gave.
#[track_caller]
pub fn reads_config_of_transformers_5(case: &Case, backend: impl Backend) {
    judge(NAME, case, &backend, |trial| examine(trial, &backend));
}

/// Looks without judging.
pub fn examine<B: Backend>(trial: &mut Trial<B::Session>, backend: &B) -> Result<Verdict, Failure> {
    let config = trial.reference().manifest().config.clone();
    as_written::examine(trial, backend, &config)
}
