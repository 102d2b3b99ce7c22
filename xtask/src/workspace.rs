//! Where things are: every path of the workspace that the commands touch, named once.

use std::{env, fs, process::Command};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use crate::exit::{Exit, Failure, Result};

/// The workspace by its root.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The folder with the `Cargo.toml` that lists the members.
    pub root: Utf8PathBuf,
}

/// The workspace at `root`, or the one that this command belongs to.
pub fn find(root: Option<Utf8PathBuf>) -> Result<Workspace> {
    let root = root.unwrap_or_else(|| {
        // Cargo says at run time where the package is, so that a checkout can be moved.
        let package = env::var("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
        Utf8Path::new(&package)
            .parent()
            .unwrap_or(Utf8Path::new("."))
            .to_owned()
    });
    if !root.join("model-registry/families").is_dir() {
        let message = format!("`{root}` is no Touchstone workspace: no model-registry/families");
        return Err(Failure::new(Exit::Usage, message));
    }
    // Tests are started in another folder, and are told of files below this one.
    let root = camino::absolute_utf8(&root).with_context(|| format!("cannot find {root}"))?;
    Ok(Workspace { root })
}

/// The cargo that this command was started by, or the one that is found.
pub(crate) fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

impl Workspace {
    /// cargo, about to work on this workspace.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(cargo());
        command.current_dir(&self.root);
        command
    }

    /// The registry's folder.
    pub fn registry(&self) -> Utf8PathBuf {
        self.root.join("model-registry")
    }

    /// What belongs to the suite below `target`; it can be deleted at any time.
    pub fn scratch(&self) -> Utf8PathBuf {
        self.root.join("target/touchstone")
    }

    /// Where run files go.
    pub fn runs(&self) -> Utf8PathBuf {
        self.scratch().join("runs")
    }

    /// The newest complete run.
    pub fn latest_run(&self) -> Utf8PathBuf {
        self.runs().join("latest.ndjson")
    }

    /// The Python twin of the harness and the recorder.
    pub fn python(&self) -> Utf8PathBuf {
        self.root.join("harness/python")
    }

    /// A path as a user would type it from the root.
    pub fn relative<'a>(&self, path: &'a Utf8Path) -> &'a Utf8Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    /// Makes a folder with its parents.
    pub fn make_folder(&self, folder: &Utf8Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {folder}"))?;
        Ok(())
    }
}
