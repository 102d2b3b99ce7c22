//! A check run once more and written down by the harness, and what PyTorch gives for each of its calls.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use super::subject::Check;
use crate::{
    exit::{Exit, Failure, Result},
    python::{self, Environment},
    verify::{Device, binaries, launch::Launcher},
    workspace::Workspace,
};

/// Fills `folder` with config, weights and inputs; what PyTorch gives is [`expected`].
pub(super) fn write(workspace: &Workspace, check: &Check<'_>, folder: &Utf8Path) -> Result<()> {
    workspace.make_folder(folder)?;
    let binary = binary(workspace, &check.test.category)?;
    let mut command =
        Launcher::rust(workspace, &binary).command(std::slice::from_ref(&check.test), 1);
    command.env("TOUCHSTONE_TRACE", folder);
    // Its verdict is no matter here: what it did is.
    let output = command
        .output()
        .with_context(|| format!("cannot start {binary}"))?;
    let calls = folder.join("calls.ndjson");
    if !calls.exists() {
        let message = format!(
            "the check left no trace of a model\n{}",
            String::from_utf8_lossy(&output.stdout)
        );
        return Err(Failure::new(Exit::Unexpected, message));
    }
    Ok(())
}

/// The tests of a category, built once a command.
fn binary(workspace: &Workspace, category: &str) -> Result<Utf8PathBuf> {
    static BUILT: Mutex<BTreeMap<String, Utf8PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if !built.contains_key(category) {
        built.extend(binaries(workspace, &[category], Device::Cpu)?);
    }
    match built.get(category) {
        Some(binary) => Ok(binary.clone()),
        None => {
            let message = format!("cargo built no test binary `{category}`");
            Err(Failure::new(Exit::BuildFailed, message))
        }
    }
}

/// Adds what PyTorch gives to folders that hold calls.
pub(super) fn expected(workspace: &Workspace, folders: &[Utf8PathBuf]) -> Result<()> {
    if folders.is_empty() {
        return Ok(());
    }
    let mut replay = python::module(workspace, Environment::Recorder, "touchstone.replay")?;
    replay
        .args(["--root", workspace.root.as_str()])
        .args(folders);
    let status = replay.status().context("cannot start Python")?;
    if !status.success() {
        let message = "PyTorch could not repeat the calls; its messages are above";
        return Err(Failure::new(Exit::Setup, message));
    }
    Ok(())
}
