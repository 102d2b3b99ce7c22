//! What can go wrong between the registry and the emitted files, told with its place and its neighbourhood.

use std::{error::Error as _, fmt, fmt::Write as _};

use crate::syntax;

/// Lines shown before and after the one that is at fault.
const NEIGHBOURS: usize = 2;

/// One file that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.report())]
pub struct Error {
    /// The family whose file it is, if it is a family's.
    pub family: Option<String>,
    /// The template that was rendered: `rust/encoder_only.rs.j2`.
    pub template: String,
    pub(crate) kind: ErrorKind,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum ErrorKind {
    /// There is no template of that name.
    Missing { known: Vec<String> },
    /// The template does not parse, or asks for what it is not given.
    Template {
        error: minijinja::Error,
        source: Option<String>,
    },
    /// What was rendered is not the language that it should be.
    Output {
        language: &'static str,
        message: String,
        line: usize,
        column: usize,
        rendered: String,
    },
    /// The registry asks for something that no file can hold.
    Registry {
        path: String,
        line: Option<usize>,
        message: String,
    },
    /// No family has that name.
    UnknownFamily { name: String, similar: Vec<String> },
}

impl Error {
    pub(crate) fn registry(
        family: &str,
        path: impl fmt::Display,
        line: Option<usize>,
        message: impl fmt::Display,
    ) -> Self {
        let kind = ErrorKind::Registry {
            path: path.to_string(),
            line,
            message: message.to_string(),
        };
        Self {
            family: Some(family.to_owned()),
            template: String::new(),
            kind,
        }
    }

    fn report(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text.trim_end().to_owned()
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let template = format!("{}/{}", syntax::FOLDER, self.template);
        match &self.kind {
            ErrorKind::UnknownFamily { name, similar } => {
                write!(out, "no family is called `{name}`")?;
                if !similar.is_empty() {
                    write!(out, " [similar: {}]", similar.join(", "))?;
                }
                return Ok(());
            }
            ErrorKind::Registry {
                path,
                line,
                message,
            } => {
                out.push_str(path);
                if let Some(line) = line {
                    write!(out, ":{line}")?;
                }
                return write!(out, ": {message}");
            }
            ErrorKind::Missing { known } => {
                writeln!(
                    out,
                    "{template}: no such template [known: {}]",
                    known.join(", ")
                )?;
            }
            ErrorKind::Template { error, source } => {
                let at = error.name().unwrap_or(&self.template);
                let line = error.line().unwrap_or(1);
                writeln!(out, "{}/{at}:{line}: {}", syntax::FOLDER, told(error))?;
                if let Some(source) = source {
                    write_window(out, source, line, None)?;
                }
                let mut cause = error.source();
                while let Some(error) = cause {
                    match error.downcast_ref::<minijinja::Error>() {
                        Some(error) => {
                            write!(out, "  = caused by: {}", told(error))?;
                            if let (Some(name), Some(line)) = (error.name(), error.line()) {
                                write!(out, " ({}/{name}:{line})", syntax::FOLDER)?;
                            }
                            out.push('\n');
                        }
                        None => writeln!(out, "  = caused by: {error}")?,
                    }
                    cause = error.source();
                }
            }
            ErrorKind::Output {
                language,
                message,
                line,
                column,
                rendered,
            } => {
                writeln!(
                    out,
                    "{template}: its line {line} as rendered is not {language}: {message}"
                )?;
                write_window(out, rendered, *line, Some(*column))?;
            }
        }
        match &self.family {
            Some(family) => writeln!(
                out,
                "  = while rendering {template} for the family {family}"
            ),
            None => writeln!(out, "  = while rendering {template}"),
        }
    }
}

/// The message of one template error without its place, which is told apart.
fn told(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// The line at fault with its neighbours, and a caret where the column (from 0) is known.
fn write_window(out: &mut String, source: &str, at: usize, column: Option<usize>) -> fmt::Result {
    let first = at.saturating_sub(NEIGHBOURS).max(1);
    let last = at + NEIGHBOURS;
    let width = last.to_string().len();
    for (line, text) in (1..)
        .zip(source.lines())
        .skip(first - 1)
        .take(last + 1 - first)
    {
        let mark = if line == at { '>' } else { ' ' };
        let text = format!("{mark} {line:width$} | {text}");
        writeln!(out, "{}", text.trim_end())?;
        if let (Some(column), true) = (column, line == at) {
            writeln!(out, "  {:width$} | {:column$}^", "", "")?;
        }
    }
    Ok(())
}
