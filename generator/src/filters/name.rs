//! Names: `xlm-roberta` becomes a module, a constant or a key, or is refused.

use proc_macro2::{Ident, Span, TokenTree};

/// Words of Python that are no identifiers; the soft ones are, but would read badly.
const PYTHON_KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

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
    if is_plain(&identifier) && !PYTHON_KEYWORDS.contains(&identifier.as_str()) {
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

/// Whether Rust keeps a plain word for itself.
fn is_rust_keyword(word: &str) -> bool {
    // From a token and not from text: proc-macro2 would keep every text, to tell its lines.
    let token = TokenTree::from(Ident::new(word, Span::call_site()));
    syn::parse2::<Ident>(token.into()).is_err()
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
