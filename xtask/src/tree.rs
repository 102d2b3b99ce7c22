//! The emitted tree on disk against what it should be, and the smallest change from one to the other.
//!
//! Only files that carry our mark are ever overwritten or removed, and nothing is judged by its age.

use std::{collections::BTreeMap, fs, io::ErrorKind};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use generator::{FOLDER, MARK};
use rayon::prelude::*;
use walkdir::WalkDir;

use crate::files;

/// The mark stands below a file's doc comment, so within its first lines.
const MARK_WITHIN_LINES: usize = 10;

/// Which part of the tree is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of it: a marked file that is not expected is an orphan.
    Whole,
    /// Some files: the others are not looked at.
    Part,
}

/// How the tree on disk differs from what it should be; paths are relative to the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Emitted files whose bytes differ.
    pub stale: Vec<Utf8PathBuf>,
    /// Emitted files that are not there.
    pub missing: Vec<Utf8PathBuf>,
    /// Marked files that are no longer emitted.
    pub orphaned: Vec<Utf8PathBuf>,
    /// Files in the place of an emitted one that do not carry our mark.
    pub unmarked: Vec<Utf8PathBuf>,
    /// Other files in the folder that holds only emitted ones.
    pub foreign: Vec<Utf8PathBuf>,
    /// Temporary files of a run that was killed.
    pub leftovers: Vec<Utf8PathBuf>,
    /// Folders without a file that stays.
    pub empty: Vec<Utf8PathBuf>,
    /// How many files are as they should be.
    pub unchanged: usize,
}

impl Difference {
    /// Whether nothing is left to do or to complain about.
    pub fn is_none(&self) -> bool {
        self.findings().is_empty()
    }

    /// Everything that differs: what it is, and where.
    pub fn findings(&self) -> Vec<(&'static str, &Utf8Path)> {
        let kinds = [
            ("stale", &self.stale),
            ("missing", &self.missing),
            ("orphaned", &self.orphaned),
            ("unmarked", &self.unmarked),
            ("foreign", &self.foreign),
            ("leftover", &self.leftovers),
            ("empty", &self.empty),
        ];
        let each = kinds
            .into_iter()
            .flat_map(|(kind, paths)| paths.iter().map(move |path| (kind, path.as_path())));
        each.collect()
    }
}

/// Compares the tree below `root` with the files that should be there.
pub fn compare(
    root: &Utf8Path,
    expected: &BTreeMap<Utf8PathBuf, String>,
    scope: Scope,
) -> Result<Difference> {
    let mut difference = Difference::default();
    for (path, text) in expected {
        let full = root.join(path);
        match fs::read(&full) {
            Ok(bytes) if bytes == text.as_bytes() => difference.unchanged += 1,
            // What bears no mark in its new form is ours by its place: a schema has no comments.
            Ok(bytes) if has_mark(text.as_bytes()) && !has_mark(&bytes) => {
                difference.unmarked.push(path.clone());
            }
            Ok(_) => difference.stale.push(path.clone()),
            Err(error) if is_absent(error.kind()) => difference.missing.push(path.clone()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {full}")),
        }
    }
    scan(root, expected, scope, &mut difference)?;
    Ok(difference)
}

/// Writes and removes what the difference says; refuses, before the first change, to touch what is not ours.
pub fn apply(
    root: &Utf8Path,
    expected: &BTreeMap<Utf8PathBuf, String>,
    difference: &Difference,
) -> Result<()> {
    refuse_unmarked(difference)?;
    for path in difference.leftovers.iter().chain(&difference.orphaned) {
        fs::remove_file(root.join(path)).with_context(|| format!("cannot remove {path}"))?;
    }
    let written: Vec<_> = difference.missing.iter().chain(&difference.stale).collect();
    written
        .into_par_iter()
        .try_for_each(|path| files::write(&root.join(path), expected[path].as_bytes()))?;
    for folder in &difference.empty {
        // What Python left there is not worth keeping; anything else makes the folder stay.
        let full = root.join(folder);
        let cache = full.join("__pycache__");
        if cache.is_dir() {
            fs::remove_dir_all(&cache).with_context(|| format!("cannot remove {cache}"))?;
        }
        fs::remove_dir(&full).with_context(|| format!("cannot remove {folder}"))?;
    }
    Ok(())
}

/// Fails if a file that is not ours stands where one should be written.
pub fn refuse_unmarked(difference: &Difference) -> Result<()> {
    if difference.unmarked.is_empty() {
        return Ok(());
    }
    let list: Vec<_> = difference
        .unmarked
        .iter()
        .map(|path| format!("  {path}"))
        .collect();
    anyhow::bail!(
        "these files are in the way and lack our mark; nothing was written [move them, or delete them if they may be replaced]:\n{}",
        list.join("\n"),
    );
}

/// Whether a file carries our mark near its top.
pub fn has_mark(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').take(MARK_WITHIN_LINES);
    lines.any(|line| {
        line.windows(MARK.len())
            .any(|window| window == MARK.as_bytes())
    })
}

/// Finds what is in the folder and should not be.
fn scan(
    root: &Utf8Path,
    expected: &BTreeMap<Utf8PathBuf, String>,
    scope: Scope,
    difference: &mut Difference,
) -> Result<()> {
    let top = root.join(FOLDER);
    if !top.exists() {
        return Ok(());
    }
    // Folders with how many files stay in them; a file counts for all its parents.
    let mut folders: BTreeMap<Utf8PathBuf, usize> = BTreeMap::new();
    let walk = WalkDir::new(&top)
        .min_depth(1)
        .sort_by_file_name()
        .into_iter();
    for entry in walk.filter_entry(|entry| !is_cache(entry)) {
        let entry = entry.with_context(|| format!("cannot read {top}"))?;
        let Some(full) = Utf8Path::from_path(entry.path()) else {
            anyhow::bail!("{} is not UTF-8; rename it", entry.path().display());
        };
        let path = full.strip_prefix(root).unwrap_or(full).to_owned();
        if entry.file_type().is_dir() {
            folders.entry(path).or_default();
            continue;
        }
        let stays = expected.contains_key(&path) || classify(full, &path, scope, difference)?;
        if stays {
            let above = path
                .ancestors()
                .skip(1)
                .take_while(|folder| *folder != FOLDER);
            above.for_each(|folder| *folders.entry(folder.to_owned()).or_default() += 1);
        }
    }
    if scope == Scope::Whole {
        let wanted = |folder: &Utf8Path| expected.keys().any(|path| path.starts_with(folder));
        let empty = folders
            .into_iter()
            .filter(|(folder, files)| *files == 0 && !wanted(folder));
        // The deepest first, so that each is empty when its turn comes.
        difference.empty = empty.map(|(folder, _)| folder).rev().collect();
    }
    Ok(())
}

/// Judges a file that is not expected; whether it stays.
fn classify(
    full: &Utf8Path,
    path: &Utf8Path,
    scope: Scope,
    difference: &mut Difference,
) -> Result<bool> {
    if files::is_leftover(path) {
        difference.leftovers.push(path.to_owned());
        return Ok(false);
    }
    if scope == Scope::Part {
        return Ok(true);
    }
    let bytes = fs::read(full).with_context(|| format!("cannot read {full}"))?;
    let ours = has_mark(&bytes);
    let list = if ours {
        &mut difference.orphaned
    } else {
        &mut difference.foreign
    };
    list.push(path.to_owned());
    Ok(!ours)
}

/// Whether nothing of that name is there; a file where a folder should be is told when writing.
fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// What Python leaves beside the files it runs.
fn is_cache(entry: &walkdir::DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    name == "__pycache__" || name == ".pytest_cache" || name.ends_with(".pyc")
}
