//! Names: `xlm-roberta` becomes a module, a constant or a key, or is refused.

use model_registry::{is_python_keyword, is_rust_keyword};

/// `xlm-roberta` → `xlm_roberta`; no raw identifiers, since a test's path would show them.
pub(crate) fn rust_identifier(name: &str) -> Result<String, String> {
    let identifier = name.replace('-', "_");
    if is_plain(&identifier) && !is_rust_keyword(&identifier) {
        Ok(identifier)
    } else {
        Err(format!(
            "{name:?} is not a Rust identifier: expected letters, digits, `_` and no keyword"
        ))
    }
}

/// `xlm-roberta` → `xlm_roberta`.
pub(crate) fn python_identifier(name: &str) -> Result<String, String> {
    let identifier = name.replace('-', "_");
    if is_plain(&identifier) && !is_python_keyword(&identifier) {
        Ok(identifier)
    } else {
        Err(format!(
            "{name:?} is not a Python identifier: expected letters, digits, `_` and no keyword"
        ))
    }
}

/// `xlm-roberta` → `XLM_ROBERTA`, which no keyword of either language is.
pub(crate) fn constant(name: &str) -> Result<String, String> {
    let identifier = name.replace('-', "_");
    if is_plain(&identifier) && identifier != "_" {
        Ok(identifier.to_ascii_uppercase())
    } else {
        Err(format!(
            "{name:?} does not name a constant: expected letters, digits and `_`"
        ))
    }
}

/// A bare key of TOML.
pub(crate) fn toml_key(name: &str) -> Result<String, String> {
    if !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    {
        Ok(name.to_owned())
    } else {
        Err(format!(
            "{name:?} is not a bare TOML key: expected letters, digits, `-` and `_`"
        ))
    }
}

/// ASCII, so that it looks like what it is; and not empty, not led by a digit.
fn is_plain(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit())
}
