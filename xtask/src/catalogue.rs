//! The model types that transformers has, as recorded from the pinned version.

use std::{collections::BTreeMap, fs, process::Stdio};

use anyhow::Context;
use serde::Deserialize;

use crate::{
    exit::{Exit, Failure, OrExit, Result},
    files, interrupt, output,
    python::{self, Environment},
    workspace::Workspace,
};

const FILE: &str = "catalogue.json";

/// `model-registry/catalogue.json`, as far as it matters here.
#[derive(Debug, Deserialize)]
pub struct Catalogue {
    /// The version that it was recorded from.
    pub transformers: String,
    /// Every model type.
    pub types: BTreeMap<String, Type>,
}

/// One model type.
#[derive(Debug, Deserialize)]
pub struct Type {
    /// Whether it stands for itself.
    pub standing: Standing,
    /// The types whose config holds its config.
    #[serde(default)]
    pub part_of: Vec<String>,
}

/// How a model type stands to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It has a base model and is no part of another.
    TopLevel,
    /// Its config is a part of another's.
    Part,
    /// Only task classes take its config.
    TaskOnly,
}

impl Catalogue {
    /// Reads the recorded list.
    pub fn read(workspace: &Workspace) -> Result<Self> {
        let path = workspace.registry().join(FILE);
        let text = fs::read_to_string(&path).with_context(|| {
            format!("cannot read {path} [make it with `cargo xtask record --catalogue`]")
        })?;
        serde_json::from_str(&text)
            .with_context(|| format!("{path} is no catalogue"))
            .or_exit(Exit::InvalidRegistry)
    }

    /// ` [similar: …]`, or nothing.
    pub fn near(&self, name: &str) -> String {
        let mut near: Vec<_> = self
            .types
            .keys()
            .map(|known| (strsim::damerau_levenshtein(name, known), known.as_str()))
            .filter(|(distance, known)| *distance <= 2 || known.starts_with(name))
            .collect();
        near.sort_unstable();
        let near: Vec<_> = near.into_iter().take(5).map(|(_, known)| known).collect();
        if near.is_empty() {
            String::new()
        } else {
            format!(" [similar: {}]", near.join(", "))
        }
    }
}

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
