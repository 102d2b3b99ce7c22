//! Which of PyTorch's modules is the first that candle computes otherwise.

use std::{collections::BTreeMap, fs};

use anyhow::Context;
use camino::Utf8Path;
use generator::Detail;

use super::{
    manifest::CANDLE,
    project::Project,
    scratch,
    subject::Subject,
    upstream::{self, Copy},
    written,
};
use crate::{
    exit::{Exit, Failure, Result},
    files,
    python::{self, Environment},
    workspace::Workspace,
};

/// The package in which every tensor is made.
const PACKAGE: &str = "candle-core";

/// What is changed there: the end of the one function that new tensors come from.
const EDITS: [(&str, &str, &str); 2] = [
    (
        "src/tensor.rs",
        "    Tensor(Arc::new(tensor_))\n}\n\nimpl Tensor {\n",
        "    let tensor = Tensor(Arc::new(tensor_));\n    crate::touchstone::tell(&tensor);\n    tensor\n}\n\nimpl Tensor {\n",
    ),
    (
        "src/lib.rs",
        "\nmod tensor;\n",
        "\nmod tensor;\npub mod touchstone;\n",
    ),
];

/// Runs a check's calls on candle and in PyTorch, and prints module by module what candle has.
pub(super) fn compare(workspace: &Workspace, subject: &Subject<'_>) -> Result {
    let Subject::Check(check) = subject else {
        let message = format!(
            "`{}` is shown by a program of its own, which calls no model of PyTorch's [--layers takes a case and a check]",
            subject.name()
        );
        return Err(Failure::new(Exit::Usage, message));
    };
    let folder = scratch(workspace).join("layers").join(subject.name());
    let project = written(workspace, subject, Detail::Layers, &folder)?;
    Project::complete(workspace, [&project])?;
    let target = scratch(workspace).join("layers-target");
    let mut native = project.command(&target, workspace)?;
    // Lines, but none of the rest: where a tensor is made is told by them.
    native.env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
    let status = native.status().context("cannot start cargo")?;
    let data = folder.join("data");
    if !data.join("native.json").exists() {
        let message = "candle made no call that can be looked into; what it said is above";
        return Err(Failure::new(Exit::Unexpected, message));
    }
    let mut layers = python::module(workspace, Environment::Recorder, "touchstone.layers")?;
    layers.args([data.as_str(), "--case", &check.case.name()]);
    layers.args(["--root", workspace.root.as_str(), "--outputs"]);
    layers.args(
        check
            .case
            .candle
            .iter()
            .flat_map(|binding| binding.outputs.keys()),
    );
    let compared = layers.status().context("cannot start Python")?;
    if !compared.success() {
        let message = "PyTorch's modules could not be compared; its messages are above";
        return Err(Failure::new(Exit::Setup, message));
    }
    Ok(if status.success() {
        Exit::Ok
    } else {
        Exit::Unexpected
    })
}

/// The copy of candle-core that tells of its tensors: one for all projects, so that it is built once.
pub(super) fn listening(workspace: &Workspace, listener: &str) -> Result<Copy> {
    let folder = scratch(workspace).join("listening").join(PACKAGE);
    let copy = Copy {
        package: PACKAGE.to_owned(),
        folder: folder.clone(),
    };
    let source = upstream::published(workspace, PACKAGE, CANDLE)?;
    let mut instead = BTreeMap::new();
    for (file, replace, with) in EDITS {
        instead.insert(file.into(), edited(&source.join(file), replace, with)?);
    }
    files::copy_tree(&source, &folder, &instead)?;
    let module = folder.join("src/touchstone.rs");
    if !fs::read_to_string(&module).is_ok_and(|text| text == listener) {
        files::write(&module, listener.as_bytes())?;
    }
    Ok(copy)
}

fn edited(path: &Utf8Path, replace: &str, with: &str) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    if text.matches(replace).count() != 1 {
        let message = format!("{path}: what tells of tensors does not fit this version");
        return Err(Failure::new(Exit::Setup, message));
    }
    Ok(text.replace(replace, with))
}
