//! `regen --all` on a tree in which every third file is missing and the others are stale.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    process::{Command, ExitStatus, Stdio},
};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use super::{Found, Stage, Subject, scratch::Scratch};
use crate::{
    bench::this_program,
    exit::{Exit, Result},
    files, sources,
    tree::{self, Scope},
    workspace::Workspace,
};

/// A file that is no longer emitted.
const ORPHAN: &str = "generated/tests/vision/gone.rs";

pub(super) struct Regen {
    workspace: Workspace,
    /// What should be there.
    new: BTreeMap<Utf8PathBuf, String>,
    /// What was there before this round.
    old: BTreeMap<Utf8PathBuf, Option<String>>,
}

impl Regen {
    pub(super) fn new(workspace: &Workspace, scratch: &Scratch) -> Result<Self> {
        scratch.copy(workspace, "model-registry/families")?;
        let workspace = scratch.workspace();
        let registry = sources::registry(&workspace)?;
        let new = sources::emitted(&registry, &sources::templates(None)?)?;
        Ok(Self {
            workspace,
            new,
            old: BTreeMap::new(),
        })
    }

    fn is(&self, path: &Utf8Path, text: Option<&String>) -> Result<bool> {
        let full = self.workspace.root.join(path);
        match fs::read(&full) {
            Ok(bytes) => Ok(text.is_some_and(|text| text.as_bytes() == bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(text.is_none()),
            Err(error) => Err(error).with_context(|| format!("cannot read {full}"))?,
        }
    }
}

impl Subject for Regen {
    fn prepare(&mut self, round: usize) -> Result<()> {
        self.old.clear();
        for (number, (path, text)) in self.new.iter().enumerate() {
            let full = self.workspace.root.join(path);
            let old = (!(number + round).is_multiple_of(3)).then(|| format!("{text}\n"));
            match &old {
                Some(old) => files::write(&full, old.as_bytes())?,
                None if full.exists() => {
                    fs::remove_file(&full).with_context(|| format!("cannot remove {full}"))?;
                }
                None => {}
            }
            self.old.insert(path.clone(), old);
        }
        let orphan = format!("//! Gone.\n// {}\n", generator::MARK);
        files::write(&self.workspace.root.join(ORPHAN), orphan.as_bytes())?;
        self.old.insert(ORPHAN.into(), Some(orphan));
        Ok(())
    }

    fn command(&self) -> Result<Command> {
        let mut command = this_program(&self.workspace)?;
        command.args(["regen", "--all"]);
        Ok(command)
    }

    fn inspect(&mut self) -> Result<Found> {
        let (mut untouched, mut done, mut torn) = (true, true, Vec::new());
        for (path, old) in &self.old {
            let (is_old, is_new) = (
                self.is(path, old.as_ref())?,
                self.is(path, self.new.get(path))?,
            );
            untouched &= is_old;
            done &= is_new;
            if !is_old && !is_new {
                torn.push(path.to_string());
            }
        }
        let mut command = self.command()?;
        command
            .arg("--check")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let status = command.status().context("cannot start regen --check")?;
        let mut false_passes = Vec::new();
        if status.success() && !done {
            false_passes.push("regen --check says that a half written tree is fresh".to_owned());
        }
        let stage = Stage::of(untouched, done);
        Ok(Found {
            stage,
            torn,
            false_passes,
            nothing_to_mend: false,
        })
    }

    fn wanting(&mut self, ended: ExitStatus) -> Result<Vec<String>> {
        let mut wanting = Vec::new();
        if ended.code() != Some(Exit::Ok.code().into()) {
            wanting.push(format!("regen ended with {ended}"));
        }
        let difference = tree::compare(&self.workspace.root, &self.new, Scope::Whole)?;
        let findings = difference.findings();
        wanting.extend(findings.iter().map(|(kind, path)| format!("{kind} {path}")));
        // The schema lies outside the folder that is scanned.
        let registry = self.workspace.registry();
        let beside = registry
            .read_dir_utf8()
            .with_context(|| format!("cannot read {registry}"))?;
        for entry in beside {
            let entry = entry.with_context(|| format!("cannot read {registry}"))?;
            if files::is_leftover(entry.path()) {
                wanting.push(format!(
                    "leftover {}",
                    self.workspace.relative(entry.path())
                ));
            }
        }
        Ok(wanting)
    }
}
