//! Python: laid out by its template, so only checked.

use ruff_python_parser::parse_module;

use super::Broken;

/// The text as it is written, but for its header; the parser misses a few errors that CPython finds.
pub(crate) fn layout(rendered: &str) -> Result<String, Broken> {
    match parse_module(rendered) {
        Ok(_) => Ok(rendered.to_owned()),
        Err(error) => {
            let offset = usize::from(error.location.start()).min(rendered.len());
            let before = rendered.get(..offset).unwrap_or(rendered);
            let line = before.rfind('\n').map_or(0, |newline| newline + 1);
            Err(Broken {
                message: error.error.to_string(),
                line: before.matches('\n').count() + 1,
                column: before[line..].chars().count(),
            })
        }
    }
}
