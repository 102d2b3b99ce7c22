//! What a comparison needs: graphs at real size, protoc, and the measuring program.

use std::{env, process::Command};

use anyhow::Context;
use camino::Utf8PathBuf;

use crate::{
    exit::{Exit, Failure, Result},
    files, interrupt, output,
    python::{self, Environment},
    workspace::Workspace,
};

/// Where protoc comes from: a wheel of Google's that holds it, and needs no other.
const PROTOC: &str = "grpcio-tools==1.85.1";

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
            .env("PROTOC", protoc(workspace)?);
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

/// A script that behaves as protoc; what it calls is fetched once.
fn protoc(workspace: &Workspace) -> Result<Utf8PathBuf> {
    let folder = workspace.root.join("target/protoc");
    let script = folder.join("protoc");
    let python = Environment::Recorder.ensure(workspace)?;
    if !folder.join("grpc_tools").is_dir() {
        output::warn(format_args!("fetching {PROTOC}"));
        let mut command = Command::new(&python);
        command
            .args([
                "-m",
                "pip",
                "--disable-pip-version-check",
                "install",
                "--quiet",
                "--no-deps",
            ])
            .args(["--target", folder.as_str(), PROTOC])
            .current_dir(&workspace.root);
        ended(
            command,
            Exit::Setup,
            "protoc was not fetched [--without-candle-onnx does without]",
        )?;
    }
    let line =
        format!("#!/bin/sh\nPYTHONPATH='{folder}' exec '{python}' -m grpc_tools.protoc \"$@\"\n");
    files::write_script(&script, &line)?;
    Ok(script)
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
