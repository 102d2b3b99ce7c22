//! What is wrong with the registry's files, each fault with its place.

use std::{fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use camino::{Utf8Path, Utf8PathBuf};

use crate::{
    Source, Transformers,
    finding::FINDINGS,
    outline::{Outline, Path, Place},
};

/// Everything that is wrong, sorted by place; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(Vec<Error>);

impl Errors {
    /// The faults, if there are any.
    pub(crate) fn check(mut errors: Vec<Error>) -> Result<(), Self> {
        errors.sort();
        errors.dedup();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self(errors))
        }
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &Error> {
        self.0.iter()
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            let gap = if i == 0 { "" } else { "\n\n" };
            write!(f, "{gap}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

impl From<Box<Error>> for Errors {
    fn from(error: Box<Error>) -> Self {
        Self(vec![*error])
    }
}

/// One fault, shown with the lines it stands in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{rendered}")]
pub struct Error {
    /// The file, as seen from the workspace root.
    pub path: Utf8PathBuf,
    /// Counted from 1; 0 if the fault is the whole file's.
    pub line: usize,
    /// Counted from 1; 0 if the fault is the whole file's.
    pub column: usize,
    /// The way to the key, dotted: `transformers.config.hidden_size`; empty if the fault is the whole file's.
    pub key: String,
    /// What is wrong and what was found.
    pub message: String,
    /// What would be valid.
    pub help: String,
    rendered: String,
}

impl Error {
    /// A fault of a file that cannot be shown.
    pub(crate) fn whole(path: &Utf8Path, message: impl fmt::Display, help: &str) -> Self {
        let path = from_workspace(path);
        let message = visible(&message.to_string());
        let place = visible(path.as_str());
        let rendered = format!("error: {message}\n --> {place}\n  = help: {help}");
        Self {
            path,
            line: 0,
            column: 0,
            key: String::new(),
            message,
            help: help.into(),
            rendered,
        }
    }

    /// A fault at a place of a file.
    pub(crate) fn at(
        path: &Utf8Path,
        text: &str,
        place: Range<usize>,
        key: &[String],
        message: String,
        help: String,
    ) -> Self {
        let path = from_workspace(path);
        let key = visible(&key.join("."));
        let [message, help] = [message, help].map(|words| visible(&words));
        let place = first_line(text, place);
        let before = &text[..place.start];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let caret = AnnotationKind::Primary.span(place).label(key.as_str());
        let source = Snippet::source(text).path(path.as_str()).annotation(caret);
        let mut report = Level::ERROR.primary_title(message.as_str()).element(source);
        if !help.is_empty() {
            report = report.element(Level::HELP.message(help.as_str()));
        }
        let rendered = Renderer::plain().term_width(TERM_WIDTH).render(&[report]);
        // The lines of the file itself may hold such characters too.
        let lines: Vec<_> = rendered.split('\n').map(visible).collect();
        let rendered = lines.join("\n");
        Self {
            path,
            line,
            column,
            key,
            message,
            help,
            rendered,
        }
    }
}

/// Wide enough that no line of a family file is cut.
const TERM_WIDTH: usize = 400;

/// Text that a terminal shows and does not obey: a mark for each character that would move the
/// cursor, change colours or turn the direction of what follows, as wide as the carets below it count.
fn visible(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let shown = |c: char| if obeyed(c) { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// A fault that knows its key but not yet its line: lines are looked up only for what is wrong.
#[derive(Debug)]
pub(crate) struct Fault {
    key: Path,
    on: On,
    message: String,
    help: String,
}

#[derive(Debug)]
enum On {
    Key,
    Value,
    Snippet(Source, Range<usize>),
}

impl Fault {
    /// A key that should not be there, or not be so called.
    pub(crate) fn key(key: Path, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            key,
            on: On::Key,
            message: message.into(),
            help: help.into(),
        }
    }

    /// A value that should be another.
    pub(crate) fn value(key: Path, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            key,
            on: On::Value,
            message: message.into(),
            help: help.into(),
        }
    }

    /// A part, in bytes, of a snippet.
    pub(crate) fn snippet(
        key: Path,
        source: &Source,
        part: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let on = On::Snippet(source.clone(), part);
        Self {
            key,
            on,
            message: message.into(),
            help: help.into(),
        }
    }

    /// The fault of a lint, whose name a waiver would have to give.
    pub(crate) fn of_rule(mut self, rule: &str) -> Self {
        self.help = format!("{}, or waive `{rule}` with a reason", self.help);
        self
    }

    /// Moves a fault of `transformers.config` to `checkpoint` if that is where the field is.
    pub(crate) fn where_given(mut self, transformers: &Transformers) -> Self {
        if let [top, section, field, ..] = self.key.as_mut_slice()
            && top == "transformers"
            && section == "config"
            && !transformers.config.contains_key(field)
            && transformers.checkpoint.contains_key(field)
        {
            *section = "checkpoint".to_owned();
        }
        self
    }

    pub(crate) fn locate(self, path: &Utf8Path, text: &str, outline: &Outline) -> Error {
        let opens = |place: &Place| text[place.value.start..].starts_with(['{', '[']);
        let place = match (outline.find(&self.key), &self.on) {
            (None, _) => 0..0,
            (Some((_, place)), On::Snippet(source, part)) => {
                let start = within(text, place.value.start, source.as_str(), part.start);
                let end = within(text, place.value.start, source.as_str(), part.end);
                start..end.max(start)
            }
            // A bracket says less than the key before it.
            (Some((found, place)), On::Value)
                if *found == self.key && !place.value.is_empty() && !opens(place) =>
            {
                place.value.clone()
            }
            (Some((_, place)), _) => place.key.clone().unwrap_or_else(|| place.value.clone()),
        };
        Error::at(path, text, place, &self.key, self.message, self.help)
    }
}

/// The registry's files are named from its folder, people start at the workspace root.
pub(crate) fn from_workspace(path: &Utf8Path) -> Utf8PathBuf {
    if path.starts_with(FINDINGS) {
        return path.to_owned();
    }
    Utf8Path::new("model-registry").join(path)
}

/// A caret under more than a line hides what it points at.
fn first_line(text: &str, place: Range<usize>) -> Range<usize> {
    let part = &text[place.clone()];
    let end = part.find('\n').unwrap_or(part.len());
    let part = part[..end].trim_end();
    place.start..place.start + part.len()
}

/// The offset in the file of an offset in a scalar that starts at `start`.
///
/// Quotes, escapes, indentation and folding all lengthen the file's text, so both are walked side
/// by side over the characters that they share.
fn within(text: &str, start: usize, scalar: &str, offset: usize) -> usize {
    let mut file = text[start..].char_indices();
    let mut here = start;
    for wanted in scalar[..offset].chars().filter(|c| !c.is_whitespace()) {
        if let Some((at, found)) = file.find(|(_, found)| *found == wanted) {
            here = start + at + found.len_utf8();
        }
    }
    // What follows is where the next character stands, not the space before it.
    match scalar[offset..].chars().next() {
        Some(next) if !next.is_whitespace() => text[here..]
            .find(next)
            .map_or(here, |skipped| here + skipped),
        _ => here,
    }
}
