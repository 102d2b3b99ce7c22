//! `record --catalogue`: the list of the model types that transformers has.

use std::{fs, process::Stdio};

use anyhow::Context;

use crate::{
    exit::{Exit, Failure, Result},
    files, interrupt, output,
    python::{self, Environment},
    workspace::Workspace,
};

const FILE: &str = "catalogue.json";

/// Records the list anew, or says how the installed transformers differs from it.
pub(crate) fn record(workspace: &Workspace, check: bool) -> Result {
    let path = workspace.registry().join(FILE);
    let fresh = workspace.scratch().join(FILE);
    workspace.make_folder(&workspace.scratch())?;
    let mut command = python::module(workspace, Environment::Recorder, "touchstone.catalogue")?;
    if check {
        command.arg("--compare").arg(&path);
    } else {
        command.arg("--write").arg(&fresh);
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start the recorder")?;
    if interrupt::requested() {
        return Err(Failure::new(
            Exit::Interrupted,
            "stopped; nothing is written",
        ));
    }
    output::say(String::from_utf8_lossy(&output.stdout).trim_end());
    match (check, output.status.code()) {
        (true, Some(0)) => Ok(Exit::Ok),
        (true, Some(1)) => Ok(Exit::Unexpected),
        (false, Some(0)) => {
            let text = fs::read(&fresh).with_context(|| format!("cannot read {fresh}"))?;
            files::write(&path, &text)?;
            Ok(Exit::Ok)
        }
        _ => {
            let message = format!("the list could not be made: {}", output.status);
            Err(Failure::new(Exit::Setup, message))
        }
    }
}
