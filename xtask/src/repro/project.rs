//! The files of a reproduction: a Cargo project or a script, with a page that says what it shows.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    process::Command,
};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use generator::Detail;
use model_registry::Program;

use super::{layers, manifest, page, subject::Subject, trace, upstream::Copy};
use crate::{
    exit::{Exit, Failure, OrExit, Result},
    protoc,
    python::Environment,
    sources,
    workspace::Workspace,
};

/// A project on disk.
#[derive(Debug)]
pub struct Project {
    folder: Utf8PathBuf,
    language: Language,
    needs_protoc: bool,
    /// The calls that PyTorch has not repeated yet.
    open: Option<Utf8PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Rust,
    Python,
}

/// The package that this workspace does not build itself, and the one of its folders that does.
pub(super) const ONNX: &str = "candle-onnx";
pub(super) const BENCH: &str = "harness/graph/bench";

/// What the reproductions have in common with the harness: how a checkpoint's weights are found.
const SHARED: [(&str, &str); 2] = [
    (
        "names.rs",
        include_str!("../../../harness/src/candle/names.rs"),
    ),
    (
        "checkpoint.rs",
        include_str!("../../../harness/src/candle/checkpoint.rs"),
    ),
];

fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]").next().unwrap_or(text)
}

/// The script of a Python reproduction.
const SCRIPT: &str = "reproduce.py";

impl Project {
    /// Writes the project of a subject to a folder; it can be run once it is complete.
    pub fn write(
        workspace: &Workspace,
        subject: &Subject<'_>,
        detail: Detail,
        folder: &Utf8Path,
    ) -> Result<Self> {
        workspace.make_folder(folder)?;
        let put = |name: &str, text: &str| {
            let path = folder.join(name);
            workspace.make_folder(path.parent().unwrap_or(folder))?;
            fs::write(&path, text).with_context(|| format!("cannot write {path}"))?;
            Ok::<_, Failure>(())
        };
        let needs_protoc =
            matches!(subject, Subject::Program(finding, _) if finding.head.package == ONNX);
        let lock = || {
            let from = if needs_protoc { BENCH } else { "." };
            let lock = workspace.root.join(from).join("Cargo.lock");
            fs::copy(&lock, folder.join("Cargo.lock"))
                .with_context(|| format!("cannot copy {lock}"))?;
            Ok::<_, Failure>(())
        };
        let (mut language, mut listening) = (Language::Rust, None);
        let mut open = None;
        match subject {
            Subject::Check(check) => {
                let templates = sources::templates(None)?;
                let sources = generator::reproduction(&check.case, &templates, detail);
                let sources = sources.or_exit(Exit::InvalidRegistry)?;
                let sources = sources.context("the case is not bound to candle-transformers")?;
                put("src/main.rs", &sources.main)?;
                put("src/candle.rs", &sources.kit)?;
                for (name, text) in SHARED {
                    put(&format!("src/candle/{name}"), without_tests(text))?;
                }
                if let Some(layers) = &sources.layers {
                    put("src/layers.rs", &layers.module)?;
                    listening = Some(layers::listening(workspace, &layers.listener)?);
                }
                put(
                    "Cargo.toml",
                    &manifest::manifest(&subject.name(), &manifest::bound()),
                )?;
                lock()?;
                let data = folder.join("data");
                trace::write(workspace, check, &data)?;
                open = Some(data);
                put("README.md", &page::of_check(check))?;
            }
            Subject::Program(finding, Program::Rust(code)) => {
                put("src/main.rs", code)?;
                put(
                    "Cargo.toml",
                    &manifest::manifest(&finding.name, &manifest::needs(finding)),
                )?;
                lock()?;
                put("README.md", &page::of_program(finding))?;
            }
            Subject::Program(finding, Program::Python(code)) => {
                language = Language::Python;
                put(SCRIPT, code)?;
                put("requirements.txt", &manifest::requirements(finding))?;
                put("README.md", &page::of_program(finding))?;
            }
        }
        let project = Self {
            folder: folder.to_owned(),
            language,
            needs_protoc,
            open,
        };
        if let Some(copy) = listening {
            project.patch(&copy)?;
        }
        Ok(project)
    }

    /// Lets PyTorch repeat the calls of projects, all in one process: starting it is what takes long.
    pub fn complete<'p>(
        workspace: &Workspace,
        projects: impl IntoIterator<Item = &'p Self>,
    ) -> Result<()> {
        let open = projects
            .into_iter()
            .filter_map(|project| project.open.clone());
        trace::expected(workspace, &open.collect::<Vec<_>>())
    }

    /// Builds against a changed copy of a package from now on.
    pub fn patch(&self, copy: &Copy) -> Result<()> {
        let path = self.folder.join("Cargo.toml");
        let place = copy.folder.strip_prefix(&self.folder);
        let place = place.unwrap_or(&copy.folder);
        let text = format!(
            "\n[patch.crates-io.{}]\npath = {:?}\n",
            copy.package,
            place.as_str()
        );
        let file = OpenOptions::new().append(true).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {path}"))?;
        Ok(())
    }

    /// What a person types in the folder.
    pub fn command_line(&self) -> &'static str {
        match self.language {
            Language::Rust => "cargo run",
            Language::Python => "pip install -r requirements.txt && python reproduce.py",
        }
    }

    /// Builds and runs it; what it prints is shown, and its exit code given.
    pub fn run(&self, target: &Utf8Path, workspace: &Workspace) -> Result<Option<i32>> {
        let status = self.command(target, workspace)?.status();
        let status = status.with_context(|| format!("cannot start {}", self.command_line()))?;
        Ok(status.code())
    }

    /// The process that builds and runs it.
    pub fn command(&self, target: &Utf8Path, workspace: &Workspace) -> Result<Command> {
        let mut command = match self.language {
            Language::Rust => {
                let mut command = Command::new(crate::workspace::cargo());
                command.args(["run", "--quiet"]);
                command.env("CARGO_TARGET_DIR", target);
                if self.needs_protoc {
                    command.env("PROTOC", protoc::script(workspace)?);
                }
                command
            }
            Language::Python => {
                let mut command = Command::new(Environment::Recorder.ensure(workspace)?);
                command.arg(SCRIPT).env("PYTHONDONTWRITEBYTECODE", "1");
                command
            }
        };
        // candle's errors bring one wherever the environment asks for it.
        command.env("RUST_BACKTRACE", "0");
        command.current_dir(&self.folder);
        Ok(command)
    }
}
