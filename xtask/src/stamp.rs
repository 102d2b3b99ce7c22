//! Remembers what the last `regen --all` was made from and what it left, so that a run with nothing
//! to do does not parse and render everything to find that out.
//!
//! A stamp only ever saves work: `--check`, the freshness test and every other command generate anew.

use std::{env, fs, io, time::UNIX_EPOCH};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use crate::{files, workspace::Workspace};

/// The stamp of one workspace.
#[derive(Debug)]
pub struct Stamp<'a> {
    root: &'a Utf8Path,
    file: Utf8PathBuf,
    inputs: String,
}

impl<'a> Stamp<'a> {
    /// Looks at what goes in, before anything is made of it: the family files, the list of tokenizers, and this command, in
    /// which the templates and the generator are built, by its size and build time.
    pub fn of(workspace: &'a Workspace) -> io::Result<Self> {
        let root = workspace.root.as_path();
        let command = fs::metadata(env::current_exe()?)?;
        let built = command.modified()?.duration_since(UNIX_EPOCH);
        let mut hasher = Sha256::new();
        hasher.update(format!(
            "{} {}",
            command.len(),
            built.unwrap_or_default().as_nanos()
        ));
        hash(&mut hasher, &root.join("model-registry/families"))?;
        let tokenizers = root.join("model-registry/tokenizers.yaml");
        if tokenizers.exists() {
            hash(&mut hasher, &tokenizers)?;
        }
        Ok(Self {
            root,
            file: workspace.scratch().join("regen.stamp"),
            inputs: hex(hasher),
        })
    }

    /// How many files are as they should be, if nothing at all has changed since the stamp was left.
    pub fn unchanged(&self) -> Option<usize> {
        let left = fs::read_to_string(&self.file).ok()?;
        let (digests, count) = left.trim_end().rsplit_once(' ')?;
        (digests == self.digests().ok()?).then(|| count.parse().ok())?
    }

    /// Leaves it, after `count` files have been found or made right.
    pub fn leave(&self, count: usize) -> Result<()> {
        files::write(
            &self.file,
            format!("{} {count}\n", self.digests()?).as_bytes(),
        )
    }

    fn digests(&self) -> io::Result<String> {
        let mut hasher = Sha256::new();
        hash(&mut hasher, &self.root.join(generator::FOLDER))?;
        hash(&mut hasher, &self.root.join("model-registry/schema.json"))?;
        Ok(format!("{} {}", self.inputs, hex(hasher)))
    }
}

/// Every file below a path, by name and bytes.
fn hash(hasher: &mut Sha256, path: &Utf8Path) -> io::Result<()> {
    for entry in WalkDir::new(path).sort_by_file_name() {
        let entry = entry?;
        let name = entry.path().to_string_lossy();
        hasher.update(format!("\n{} {name} ", name.len()));
        if entry.file_type().is_file() {
            let bytes = fs::read(entry.path())?;
            hasher.update(format!("{} ", bytes.len()));
            hasher.update(&bytes);
        }
    }
    Ok(())
}

fn hex(hasher: Sha256) -> String {
    let digest = hasher.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
