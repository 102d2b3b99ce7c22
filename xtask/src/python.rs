//! The three Python environments below `target/python`: made once, made anew when a pin changes.

use std::{
    env, fs,
    process::{Command, Stdio},
};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest, Sha256};

use crate::{
    exit::{Exit, Failure, Result},
    files, interrupt, output,
    workspace::Workspace,
};

/// The oldest Python that the pinned wheels exist for.
const OLDEST: (u32, u32) = (3, 11);

/// The file in an environment that says from which pins it was completed.
const STAMP: &str = "touchstone-pins";

/// An environment with its pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// onnxruntime alone.
    Ort,
    /// PyTorch, transformers and what recording needs.
    Recorder,
    /// The last transformers before 5, without PyTorch.
    Older,
}

impl Environment {
    /// Its folder's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ort => "ort",
            Self::Recorder => "recorder",
            Self::Older => "older",
        }
    }

    fn requirements(self) -> &'static str {
        match self {
            Self::Ort => "requirements-ort.txt",
            Self::Recorder => "requirements-record.txt",
            Self::Older => "requirements-older.txt",
        }
    }

    fn folder(self, workspace: &Workspace) -> Utf8PathBuf {
        workspace.root.join("target/python").join(self.name())
    }

    /// Its interpreter, whether it exists or not.
    pub fn python(self, workspace: &Workspace) -> Utf8PathBuf {
        let inside = if cfg!(windows) {
            "Scripts/python.exe"
        } else {
            "bin/python"
        };
        self.folder(workspace).join(inside)
    }

    /// Makes it if it is absent, unfinished or made from other pins; gives its interpreter.
    pub fn ensure(self, workspace: &Workspace) -> Result<Utf8PathBuf> {
        let requirements = workspace.python().join(self.requirements());
        let pins =
            fs::read(&requirements).with_context(|| format!("cannot read {requirements}"))?;
        let pins = Sha256::digest(&pins)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        let folder = self.folder(workspace);
        let stamp = folder.join(STAMP);
        let python = self.python(workspace);
        let made_from = || fs::read_to_string(&stamp).ok();
        if python.exists() && made_from().as_deref() == Some(&*pins) {
            return Ok(python);
        }

        let lock = folder.with_file_name(format!("{}.lock", self.name()));
        let _lock = files::lock(&lock)?;
        if python.exists() && made_from().as_deref() == Some(&*pins) {
            return Ok(python);
        }
        if made_from().is_some() || (folder.exists() && !python.exists()) {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {folder}"))?;
        }
        if !python.exists() {
            let base = find()?;
            output::warn(format_args!(
                "making {} with {base}",
                workspace.relative(&folder)
            ));
            call(
                Command::new(base).args(["-m", "venv", folder.as_str()]),
                self,
            )?;
        }
        output::warn(format_args!(
            "installing {}",
            workspace.relative(&requirements)
        ));
        let pip = [
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
            "--requirement",
        ];
        call(Command::new(&python).args(pip).arg(&requirements), self)?;
        files::write(&stamp, pins.as_bytes())?;
        Ok(python)
    }
}

/// A Python on this machine that is new enough: `$PYTHON`, then the usual names.
fn find() -> Result<String> {
    let named = env::var("PYTHON").ok().filter(|name| !name.is_empty());
    let usual = [
        "python3",
        "python",
        "python3.14",
        "python3.13",
        "python3.12",
        "python3.11",
    ];
    let candidates = named.into_iter().chain(usual.map(str::to_owned));
    let mut tried = Vec::new();
    for candidate in candidates {
        match version(&candidate) {
            Some(found) if found >= OLDEST => return Ok(candidate),
            Some((major, minor)) => tried.push(format!("{candidate} is {major}.{minor}")),
            None => tried.push(format!("{candidate} does not run")),
        }
    }
    let (major, minor) = OLDEST;
    let message = format!(
        "found no Python {major}.{minor} or newer: {} [name one: PYTHON=/path/to/python cargo xtask setup]",
        tried.join(", "),
    );
    Err(Failure::new(Exit::Setup, message))
}

fn version(python: &str) -> Option<(u32, u32)> {
    let print = "import sys; print(*sys.version_info[:2])";
    let output = Command::new(python)
        .args(["-c", print])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn call(command: &mut Command, environment: Environment) -> Result<()> {
    let line = format!("{command:?}");
    let status = command
        .status()
        .with_context(|| format!("cannot start {line}"))?;
    if interrupt::requested() {
        return Err(Failure::new(
            Exit::Interrupted,
            "stopped; the next run completes the environment",
        ));
    }
    if !status.success() {
        let name = environment.name();
        let message = format!(
            "{line} ended with {status}, so the Python environment `{name}` is not complete [its messages are above; Debian and Ubuntu need the package python3-venv]"
        );
        return Err(Failure::new(Exit::Setup, message));
    }
    Ok(())
}

/// A module of the Python twin of the harness, started from the workspace's root; makes its
/// environment if need be.
pub fn module(workspace: &Workspace, environment: Environment, name: &str) -> Result<Command> {
    let mut command = Command::new(environment.ensure(workspace)?);
    let (variable, folder) = path(workspace);
    command.args(["-m", name]).env(variable, folder);
    // The exporter walks sets: without this two recordings may name a graph's values otherwise.
    command.env("PYTHONHASHSEED", "0");
    command.current_dir(&workspace.root);
    Ok(command)
}

/// The setting that makes the Python twin of the harness importable.
pub fn path(workspace: &Workspace) -> (&'static str, Utf8PathBuf) {
    ("PYTHONPATH", workspace.python())
}

/// The emitted Python tests of a family.
pub fn test_file(category: &str, family: &str) -> Utf8PathBuf {
    let module = family.replace('-', "_");
    Utf8Path::new("generated/python")
        .join(category)
        .join(format!("test_{module}.py"))
}
