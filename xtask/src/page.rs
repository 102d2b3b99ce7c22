//! A generated page below docs/: written where it differs, or told to be stale.

use std::{fs, io::ErrorKind};

use anyhow::Context;
use camino::Utf8Path;

use crate::{
    exit::{Exit, Failure, Result},
    files, output,
};

/// Writes the page if it differs; where nothing may be written, fails with what `stale` says of the page
/// as it is.
pub(crate) fn settle(
    root: &Utf8Path,
    page: &str,
    text: &str,
    check: bool,
    stale: impl FnOnce(&str) -> String,
) -> Result {
    let path = root.join(page);
    let written = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read.with_context(|| format!("cannot read {page}"))?,
    };
    match (written == text, check) {
        (true, _) => output::say(format_args!("fresh: {page}")),
        (false, true) => return Err(Failure::new(Exit::Stale, stale(&written))),
        (false, false) => {
            files::write(&path, text.as_bytes()).with_context(|| format!("cannot write {page}"))?;
            output::say(format_args!("written: {page}"));
        }
    }
    Ok(Exit::Ok)
}
