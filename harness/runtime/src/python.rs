//! An interpreter that has pip: `$PYTHON`, then `python3`, then `python`.

use std::process::{Command, Output};

use camino::Utf8Path;

use crate::{Error, Search};

/// The first interpreter whose pip answers.
pub(crate) fn find(search: &Search) -> Result<&str, Error> {
    let answers = |interpreter: &&String| {
        let asked = command(search, interpreter, &search.root)
            .args(["-m", "pip", "--version"])
            .output();
        asked.is_ok_and(|output| output.status.success())
    };
    search
        .interpreters
        .iter()
        .find(answers)
        .map(String::as_str)
        .ok_or_else(|| Error::NoPython {
            tried: search.interpreters.join(", "),
        })
}

/// The interpreter in the environment of the search, with a working directory of its own.
pub(crate) fn command(search: &Search, interpreter: &str, directory: &Utf8Path) -> Command {
    let mut command = Command::new(interpreter);
    command
        .current_dir(directory)
        .envs(search.environment.iter().map(|(name, value)| (name, value)));
    command
}

/// What a process said, both ways.
pub(crate) fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).trim().to_owned()
}
