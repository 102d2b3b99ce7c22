//! A folder that goes when the figures are taken, and stands in for the workspace.

use std::{collections::BTreeMap, fs};

use anyhow::Context;
use camino::Utf8PathBuf;

use crate::{exit::Result, files, workspace::Workspace};

/// The folder.
pub(super) struct Scratch {
    root: Utf8PathBuf,
}

impl Scratch {
    pub(super) fn new(workspace: &Workspace) -> Result<Self> {
        let root = workspace
            .scratch()
            .join(format!("kills-{}", std::process::id()));
        workspace.make_folder(&root)?;
        Ok(Self { root })
    }

    /// It as a workspace.
    pub(super) fn workspace(&self) -> Workspace {
        Workspace {
            root: self.root.clone(),
        }
    }

    /// Copies a file or folder of the workspace to the same place here.
    pub(super) fn copy(&self, workspace: &Workspace, path: &str) -> Result<()> {
        let (from, to) = (workspace.root.join(path), self.root.join(path));
        Ok(files::copy_tree(&from, &to, &BTreeMap::new())?)
    }

    /// Makes a file or folder of the workspace appear at the same place here.
    pub(super) fn link(&self, workspace: &Workspace, path: &str) -> Result<()> {
        let (from, to) = (workspace.root.join(path), self.root.join(path));
        workspace.make_folder(to.parent().unwrap_or(&self.root))?;
        #[cfg(unix)]
        std::os::unix::fs::symlink(&from, &to).with_context(|| format!("cannot link {to}"))?;
        let _ = from;
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Below target, where it is in nobody's way.
        let _ = fs::remove_dir_all(&self.root);
    }
}
