//! From rendered text to the text that is written: checked by a parser, then laid out.

pub(crate) mod python;
pub(crate) mod rust;
mod spacing;

/// Where and why rendered text is not what it should be; the column counts from 0.
#[derive(Debug)]
pub(crate) struct Broken {
    /// What the parser says.
    pub(crate) message: String,
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The column, counted from 0.
    pub(crate) column: usize,
}
