//! Where text for people and programs leaves: a reader that has gone away is no reason to panic.

use std::{
    fmt::Display,
    io::{self, Write},
};

/// A line on standard output: what the command was asked for.
pub fn say(text: impl Display) {
    let _gone = writeln!(io::stdout().lock(), "{text}");
}

/// A line on standard error: what the user should know besides.
pub fn warn(text: impl Display) {
    let _gone = writeln!(io::stderr().lock(), "{text}");
}

/// `1 file`, `2 files`.
pub fn count(n: usize, noun: &str) -> String {
    let plural = match noun.strip_suffix('y') {
        _ if n == 1 => noun.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None => format!("{noun}s"),
    };
    format!("{n} {plural}")
}
