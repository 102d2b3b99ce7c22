//! Files that are whole or not there: written beside their place, then renamed into it.

use std::{
    fs::{self, File},
    process,
};

use anyhow::{Context, Result};
use camino::Utf8Path;

const TEMPORARY_PREFIX: &str = ".xtask-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Replaces or makes a file; a kill at any moment leaves the old one or the new one.
pub fn write(path: &Utf8Path, contents: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    let name = path.file_name().unwrap_or_default();
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {folder}"))?;
    let temporary = folder.join(format!(
        "{TEMPORARY_PREFIX}{}-{name}{TEMPORARY_SUFFIX}",
        process::id()
    ));
    let written = fs::write(&temporary, contents)
        .with_context(|| format!("cannot write {temporary}"))
        .and_then(|()| {
            fs::rename(&temporary, path).with_context(|| format!("cannot write {path}"))
        });
    if written.is_err() {
        // The first error is the one to tell; the next run removes what stays behind.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Whether a file is what [`write`] leaves behind when it is killed.
pub fn is_leftover(path: &Utf8Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX))
}

/// Waits until no other process holds this lock; it ends with the returned value.
pub fn lock(path: &Utf8Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {folder}"))?;
    }
    let file = File::create(path).with_context(|| format!("cannot make the lock {path}"))?;
    file.lock()
        .with_context(|| format!("cannot take the lock {path}"))?;
    Ok(file)
}
