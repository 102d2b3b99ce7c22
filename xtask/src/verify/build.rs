//! Building the emitted tests once, and asking the binaries what they hold.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use super::Device;
use crate::{
    exit::{Exit, Failure, Result},
    workspace::Workspace,
};

/// The part of cargo's messages that matters here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<Utf8PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// The name of the emitted tests that need no family.
pub(super) const SMOKE: &str = "smoke";

/// Builds the test binaries of these names; cargo's own progress goes to standard error.
pub(crate) fn binaries(
    workspace: &Workspace,
    names: &[&str],
    device: Device,
) -> Result<BTreeMap<String, Utf8PathBuf>> {
    let mut command = workspace.cargo();
    command.args(["test", "--package", "generated", "--no-run"]);
    command.arg("--message-format=json-render-diagnostics");
    for name in names {
        command.args(["--test", name]);
    }
    if let Some(feature) = device.feature() {
        command.args(["--features", feature]);
    }
    command.stdout(Stdio::piped());

    let mut child = command.spawn().context("cannot start cargo")?;
    let stdout = child.stdout.take().context("cargo has no output")?;
    let mut binaries = BTreeMap::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.context("cannot read what cargo says")?;
        let Ok(message) = serde_json::from_str::<Message>(&line) else {
            continue;
        };
        let (Some(executable), Some(target)) = (message.executable, message.target) else {
            continue;
        };
        let is_test = target.kind.iter().any(|kind| kind == "test");
        if message.reason == "compiler-artifact" && is_test {
            binaries.insert(target.name, executable);
        }
    }
    let status = child.wait().context("cannot wait for cargo")?;
    if !status.success() {
        let message = "the emitted tests do not compile; cargo's messages are above";
        return Err(Failure::new(Exit::BuildFailed, message));
    }
    match names.iter().find(|name| !binaries.contains_key(**name)) {
        Some(name) => {
            let message = format!("cargo built no test binary `{name}`");
            Err(Failure::new(Exit::BuildFailed, message))
        }
        None => Ok(binaries),
    }
}

/// The paths of the tests that a binary holds.
pub(super) fn list(binary: &Utf8Path) -> Result<Vec<String>> {
    let output = Command::new(binary)
        .args(["--list", "--format", "terse"])
        .output()
        .with_context(|| format!("cannot start {binary}"))?;
    if !output.status.success() {
        let message = format!("{binary} --list ended with {}", output.status);
        return Err(Failure::new(Exit::BuildFailed, message));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect())
}
