//! Files that are whole or not there: written beside their place, then renamed into it.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    process,
};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use walkdir::WalkDir;

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

/// The same for a script, which can be started afterwards.
pub(crate) fn write_script(path: &Utf8Path, text: &str) -> Result<()> {
    write(path, text.as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("cannot make {path} executable"))?;
    }
    Ok(())
}

/// Whether a file is what [`write`] leaves behind when it is killed.
pub fn is_leftover(path: &Utf8Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX))
}

/// Removes what processes that were killed have left in a folder; what another one is writing stays.
pub fn sweep(folder: &Utf8Path) -> Result<()> {
    let Ok(entries) = folder.read_dir_utf8() else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {folder}"))?;
        if writer(entry.file_name()).is_none_or(lives) {
            continue;
        }
        let path = entry.path();
        let removed = if path.is_dir() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        };
        removed.with_context(|| format!("cannot remove {path}"))?;
    }
    Ok(())
}

/// The process that a temporary file of [`write`], or a temporary folder of the recorder, is named after.
fn writer(name: &str) -> Option<i32> {
    let number = match name.strip_prefix(TEMPORARY_PREFIX) {
        Some(rest) => rest.strip_suffix(TEMPORARY_SUFFIX)?.split_once('-')?.0,
        None => {
            let (case, number) = name.strip_prefix('.')?.rsplit_once('.')?;
            case.rsplit_once('.')
                .filter(|(_, kind)| ["new", "old"].contains(kind))?;
            number
        }
    };
    number.parse().ok()
}

fn lives(process: i32) -> bool {
    #[cfg(unix)]
    {
        use nix::{errno::Errno, sys::signal, unistd::Pid};
        signal::kill(Pid::from_raw(process), None) != Err(Errno::ESRCH)
    }
    #[cfg(not(unix))]
    {
        // There is no telling, so it is left alone.
        let _ = process;
        true
    }
}

/// Copies a file, or a folder with all that is below it; `instead` has the texts of files that differ in
/// the copy. What is there already as it should be is left alone, and does not look changed to cargo.
pub fn copy_tree(
    from: &Utf8Path,
    to: &Utf8Path,
    instead: &BTreeMap<Utf8PathBuf, String>,
) -> Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry.with_context(|| format!("cannot read {from}"))?;
        let path = Utf8Path::from_path(entry.path()).context("a path that is not UTF-8")?;
        let below = path.strip_prefix(from).unwrap_or(path);
        // Joined to nothing, a path would end in a separator.
        let copy = if below.as_str().is_empty() {
            to.to_owned()
        } else {
            to.join(below)
        };
        if entry.file_type().is_dir() {
            fs::create_dir_all(&copy).with_context(|| format!("cannot make {copy}"))?;
            continue;
        }
        let contents = match instead.get(below) {
            Some(text) => text.clone().into_bytes(),
            None => fs::read(path).with_context(|| format!("cannot read {path}"))?,
        };
        if !fs::read(&copy).is_ok_and(|there| there == contents) {
            fs::write(&copy, contents).with_context(|| format!("cannot write {copy}"))?;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;

    #[test]
    fn what_the_living_write_is_not_swept_away() {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).expect("UTF-8");
        let living = process::id();
        // Larger than any process number that a system gives.
        let dead = i32::MAX;
        let rows = [
            (format!(".xtask-{living}-a.xml.tmp"), true),
            (format!(".xtask-{dead}-a.xml.tmp"), cfg!(not(unix))),
            (format!(".bert.relu.new.{living}"), true),
            (format!(".bert.relu.new.{dead}"), cfg!(not(unix))),
            (format!(".bert.old.{dead}"), cfg!(not(unix))),
            (format!(".bert.{dead}"), true),
            (format!("bert.old.{dead}"), true),
            (".gitignore".into(), true),
            ("bert".into(), true),
        ];
        for (name, _) in &rows {
            let path = folder.join(name);
            if name.contains("bert") {
                fs::create_dir(&path).expect("made");
                fs::write(path.join("file"), "").expect("written");
            } else {
                fs::write(&path, "").expect("written");
            }
        }
        sweep(&folder).expect("swept");
        for (name, stays) in rows {
            assert_eq!(folder.join(&name).exists(), stays, "{name}");
        }
        sweep(&folder.join("absent")).expect("nothing to do");
    }
}
