//! `record` into a folder of its own, of references that are absent or were recorded from other facts.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    process::{Command, ExitStatus, Stdio},
};

use anyhow::Context;
use camino::Utf8PathBuf;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Found, Stage, Subject, scratch::Scratch};
use crate::{
    bench::this_program,
    exit::{Exit, Failure, Result},
    files, select, sources,
    workspace::Workspace,
};

/// What the recorder reads; the references are the scratch's own.
const LINKED: [&str; 4] = ["generated", "harness", "model-registry", "target/python"];

const MANIFEST: &str = "manifest.json";

/// The line that ends a manifest: the digest of everything above it.
const DIGEST: &str = " \"digest\": \"";

/// A case's reference, file by file; empty if there is none.
type Files = BTreeMap<String, Vec<u8>>;

/// The part of a manifest that matters here.
#[derive(Deserialize)]
struct Manifest {
    recorded_from: String,
    files: BTreeMap<String, String>,
}

pub(super) struct Record {
    workspace: Workspace,
    families: Vec<String>,
    /// What a whole recording leaves, by case.
    new: BTreeMap<String, Files>,
    /// What was there before this round.
    old: BTreeMap<String, Files>,
}

impl Record {
    pub(super) fn new(
        workspace: &Workspace,
        scratch: &Scratch,
        arguments: &[String],
    ) -> Result<Self> {
        if arguments.is_empty() {
            let message =
                "name a family after `--`; recording all of them a hundred times takes days";
            return Err(Failure::new(Exit::Usage, message));
        }
        for path in LINKED {
            scratch.link(workspace, path)?;
        }
        let workspace = scratch.workspace();
        let registry = sources::registry(&workspace)?;
        let families = select::families(&registry, arguments)?;
        let cases = families.iter().flat_map(|family| family.cases());
        let cases: Vec<_> = cases.map(|case| case.name()).collect();
        let mut record = Self {
            workspace,
            families: families
                .iter()
                .map(|family| family.family.clone())
                .collect(),
            new: BTreeMap::new(),
            old: BTreeMap::new(),
        };
        workspace_folder(&record)?;
        let mut first = record.command()?;
        first.stdout(Stdio::null());
        let ended = first.status().context("cannot start record")?;
        if !ended.success() {
            let message = format!("record ended with {ended}; its messages are above");
            return Err(Failure::new(Exit::Setup, message));
        }
        for case in cases {
            let files = record.read(&case)?;
            record.new.insert(case, files);
        }
        Ok(record)
    }

    fn references(&self) -> Utf8PathBuf {
        self.workspace.root.join("snapshots/references")
    }

    fn read(&self, case: &str) -> Result<Files> {
        let folder = self.references().join(case);
        let entries = match folder.read_dir_utf8() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Files::new()),
            entries => entries.with_context(|| format!("cannot read {folder}"))?,
        };
        let mut files = Files::new();
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {folder}"))?;
            let path = entry.path();
            let bytes = fs::read(path).with_context(|| format!("cannot read {path}"))?;
            files.insert(entry.file_name().to_owned(), bytes);
        }
        Ok(files)
    }

    /// What is among the references and is none.
    fn leftovers(&self) -> Result<Vec<String>> {
        let folder = self.references();
        let mut left = Vec::new();
        for entry in folder
            .read_dir_utf8()
            .with_context(|| format!("cannot read {folder}"))?
        {
            let entry = entry.with_context(|| format!("cannot read {folder}"))?;
            if !self.new.contains_key(entry.file_name()) {
                left.push(format!("leftover {}", entry.file_name()));
            }
        }
        Ok(left)
    }

    /// Whether a reference is whole and recorded from the facts of today.
    fn is_new(&self, case: &str, files: &Files) -> bool {
        match (sound(files), sound(&self.new[case])) {
            (Ok(found), Ok(wanted)) => found.recorded_from == wanted.recorded_from,
            _ => false,
        }
    }
}

fn workspace_folder(record: &Record) -> Result<()> {
    record.workspace.make_folder(&record.references())
}

/// The manifest, if it and everything that it names are whole.
fn sound(files: &Files) -> Result<Manifest, String> {
    let text = files.get(MANIFEST).ok_or("it has no manifest")?;
    let text = str::from_utf8(text).map_err(|error| error.to_string())?;
    let (body, tail) = text.rsplit_once(DIGEST).ok_or("its manifest is cut off")?;
    if tail.strip_suffix("\"\n}\n") != Some(&*hex(body.as_bytes())) {
        return Err("its manifest is damaged".into());
    }
    let manifest: Manifest = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for (name, digest) in &manifest.files {
        if files.get(name).map(|bytes| hex(bytes)).as_ref() != Some(digest) {
            return Err(format!("its {name} is missing or damaged"));
        }
    }
    Ok(manifest)
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The same reference, whole, but recorded from other facts.
fn aged(files: &Files) -> Result<Files, String> {
    let from = sound(files)?.recorded_from;
    let mut aged = files.clone();
    let text = String::from_utf8_lossy(&files[MANIFEST]).replace(&from, "0000000000000000");
    let (body, _) = text.rsplit_once(DIGEST).unwrap_or_default();
    let text = format!("{body}{DIGEST}{}\"\n}}\n", hex(body.as_bytes()));
    aged.insert(MANIFEST.into(), text.into_bytes());
    sound(&aged)?;
    Ok(aged)
}

impl Subject for Record {
    fn timed(&self) -> usize {
        1
    }

    /// One case after the other has work to do: importing PyTorch takes long enough.
    fn prepare(&mut self, round: usize) -> Result<()> {
        let cases = self.new.len();
        for (number, (case, new)) in self.new.iter().enumerate() {
            let folder = self.references().join(case);
            let old = match (number == round % cases, (round / cases).is_multiple_of(2)) {
                (false, _) => new.clone(),
                (true, true) => aged(new)
                    .map_err(|fault| Failure::new(Exit::Setup, format!("{case}: {fault}")))?,
                (true, false) => Files::new(),
            };
            if folder.exists() {
                fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {folder}"))?;
            }
            for (name, bytes) in &old {
                files::write(&folder.join(name), bytes)?;
            }
            self.old.insert(case.clone(), old);
        }
        Ok(())
    }

    fn command(&self) -> Result<Command> {
        let mut command = this_program(&self.workspace)?;
        command.arg("record").args(&self.families);
        Ok(command)
    }

    fn inspect(&mut self) -> Result<Found> {
        let (mut untouched, mut done, mut torn) = (true, true, Vec::new());
        for (case, old) in &self.old {
            let found = self.read(case)?;
            let (is_old, is_new) = (found == *old, self.is_new(case, &found));
            untouched &= is_old;
            done &= is_new;
            // Between the old one and the new one there is a moment without any; that is no reference.
            if !is_old && !is_new && !found.is_empty() {
                let fault = sound(&found)
                    .err()
                    .unwrap_or("it is neither old nor new".into());
                torn.push(format!("{case}: {fault}"));
            }
        }
        let stage = Stage::of(untouched, done);
        // A reference is believed by its digests, so a false one would be whole and wrong: neither old nor new.
        Ok(Found {
            stage,
            torn,
            false_passes: Vec::new(),
            // A recording takes long; it is not repeated only to find that it works.
            nothing_to_mend: untouched && self.leftovers()?.is_empty(),
        })
    }

    fn wanting(&mut self, ended: ExitStatus) -> Result<Vec<String>> {
        let mut wanting = Vec::new();
        if ended.code() != Some(Exit::Ok.code().into()) {
            wanting.push(format!("record ended with {ended}"));
        }
        for case in self.new.keys() {
            if !self.is_new(case, &self.read(case)?) {
                wanting.push(format!("{case} is not recorded"));
            }
        }
        wanting.extend(self.leftovers()?);
        Ok(wanting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Files {
        let body = format!(
            "{{\n \"recorded_from\": \"abc\",\n \"files\": {{\"a.gz\": \"{}\"}},\n",
            hex(b"a")
        );
        let manifest = format!("{body}{DIGEST}{}\"\n}}\n", hex(body.as_bytes()));
        Files::from([
            (MANIFEST.into(), manifest.into()),
            ("a.gz".into(), b"a".to_vec()),
        ])
    }

    #[test]
    fn a_reference_that_was_torn_is_told_from_a_whole_one() {
        let whole = reference();
        assert_eq!(
            sound(&whole).map(|manifest| manifest.recorded_from),
            Ok("abc".into())
        );
        let old = aged(&whole).expect("whole");
        assert_eq!(
            sound(&old).map(|manifest| manifest.recorded_from),
            Ok("0000000000000000".into())
        );
        let with = |name: &str, bytes: &[u8]| {
            let mut files = reference();
            files.insert(name.into(), bytes.into());
            sound(&files).err().expect("refused")
        };
        assert_eq!(with("a.gz", b"b"), "its a.gz is missing or damaged");
        assert_eq!(
            with(MANIFEST, &whole[MANIFEST][..40]),
            "its manifest is cut off"
        );
        let changed = String::from_utf8_lossy(&whole[MANIFEST]).replace("abc", "abd");
        assert_eq!(
            with(MANIFEST, changed.as_bytes()),
            "its manifest is damaged"
        );
        assert_eq!(
            sound(&Files::new()).err().as_deref(),
            Some("it has no manifest")
        );
    }
}
