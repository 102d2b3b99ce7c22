//! What a comparison needs: graphs at real size, protoc, and the measuring program.

use std::{env, process::Command};

use anyhow::Context;
use camino::Utf8PathBuf;

use crate::{
    exit::{Exit, Failure, Result},
    interrupt, protoc,
    python::{self, Environment},
    workspace::Workspace,
};

/// Writes the graphs that are not there yet; gives the folder that holds them.
pub(super) fn graphs(workspace: &Workspace, names: &[&str]) -> Result<Utf8PathBuf> {
    let folder = workspace.root.join("target/bench-graphs");
    if names.iter().all(|name| folder.join(name).is_dir()) {
        return Ok(folder);
    }
    let mut command = python::module(workspace, Environment::Recorder, "touchstone.bench_graphs")?;
    command.arg(&folder).args(names);
    ended(command, Exit::Setup, "the graphs were not written")?;
    Ok(folder)
}

/// Builds the measuring program, which is no member of the workspace; gives its path.
pub(super) fn program(workspace: &Workspace, with_candle_onnx: bool) -> Result<Utf8PathBuf> {
    let target = workspace.root.join("target");
    let mut command = workspace.cargo();
    command
        .args([
            "build",
            "--release",
            "--locked",
            "--target-dir",
            target.as_str(),
        ])
        .args(["--manifest-path", "harness/graph/bench/Cargo.toml"]);
    if with_candle_onnx {
        command
            .args(["--features", "candle-onnx"])
            .env("PROTOC", protoc::script(workspace)?);
    }
    ended(
        command,
        Exit::BuildFailed,
        "the measuring program was not built",
    )?;
    Ok(target
        .join("release")
        .join(format!("graph-bench{}", env::consts::EXE_SUFFIX)))
}

/// Runs a command whose own messages stay visible.
fn ended(mut command: Command, exit: Exit, otherwise: &str) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {command:?}"))?;
    if interrupt::requested() {
        return Err(Failure::new(
            Exit::Interrupted,
            "stopped; the next run goes on",
        ));
    }
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(
            exit,
            format!("{otherwise}; messages are above"),
        ))
    }
}
