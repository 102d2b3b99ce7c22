//! How templates are written; shared with the build script, so that both read them alike.

use minijinja::{Environment, Error, syntax::SyntaxConfig};

/// The folder that template names are relative to.
pub(crate) const FOLDER: &str = "templates";

/// Control tags take no space of their own: a line that holds one leaves nothing behind.
pub(crate) fn config() -> Result<SyntaxConfig, Error> {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
}

/// Parses one template, and tells what is wrong with it and where.
#[allow(
    dead_code,
    reason = "the library adds templates to its environment instead"
)]
pub(crate) fn check(name: &str, source: &str) -> Result<(), String> {
    let mut environment = Environment::empty();
    let told = |error: Error| {
        let line = error.line().unwrap_or(1);
        let detail = error.detail().unwrap_or("does not parse").to_owned();
        format!("{FOLDER}/{name}:{line}: {detail}")
    };
    environment.set_syntax(config().map_err(told)?);
    environment.add_template(name, source).map_err(told)
}
