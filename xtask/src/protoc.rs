//! protoc, which candle-onnx needs to build and nothing of this workspace does.

use std::process::Command;

use anyhow::Context;
use camino::Utf8PathBuf;

use crate::{
    exit::{Exit, Failure, Result},
    files, output,
    python::Environment,
    workspace::Workspace,
};

/// Where it comes from: a wheel of Google's that holds it, and needs no other.
const WHEEL: &str = "grpcio-tools==1.85.1";

/// A script that behaves as protoc; what it calls is fetched once.
pub(crate) fn script(workspace: &Workspace) -> Result<Utf8PathBuf> {
    let folder = workspace.root.join("target/protoc");
    let script = folder.join("protoc");
    let python = Environment::Recorder.ensure(workspace)?;
    if !folder.join("grpc_tools").is_dir() {
        output::warn(format_args!("fetching {WHEEL}"));
        let options = ["--disable-pip-version-check", "install", "--quiet"];
        let status = Command::new(&python)
            .args(["-m", "pip"])
            .args(options)
            .args(["--no-deps", "--target", folder.as_str(), WHEEL])
            .current_dir(&workspace.root)
            .status()
            .with_context(|| format!("cannot start {python}"))?;
        if !status.success() {
            let message = "protoc was not fetched; pip's messages are above";
            return Err(Failure::new(Exit::Setup, message));
        }
    }
    let line =
        format!("#!/bin/sh\nPYTHONPATH='{folder}' exec '{python}' -m grpc_tools.protoc \"$@\"\n");
    files::write_script(&script, &line)?;
    Ok(script)
}
