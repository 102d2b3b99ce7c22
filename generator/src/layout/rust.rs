//! Rust: parsed, printed, and set apart; no other process, so that bytes depend on our lock file alone.

use super::{Broken, spacing};

/// The text as it is written, but for its header: comments other than doc comments are gone.
pub(crate) fn layout(rendered: &str) -> Result<String, Broken> {
    let mut file = syn::parse_file(rendered).map_err(|error| broken(&error))?;
    spacing::set_apart(&mut file);
    Ok(prettyplease::unparse(&file))
}

fn broken(error: &syn::Error) -> Broken {
    let at = error.span().start();
    Broken {
        message: error.to_string(),
        line: at.line.max(1),
        column: at.column,
    }
}
