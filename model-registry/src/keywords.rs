//! The words that Rust and Python keep for themselves, so that nothing can be named after them.

use proc_macro2::{Ident, Span, TokenTree};

/// Words of Python that are no identifiers; the soft ones are, but would read badly.
const PYTHON: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

/// Whether Python keeps a word for itself.
pub fn is_python_keyword(word: &str) -> bool {
    PYTHON.contains(&word)
}

/// Whether Rust keeps a word for itself; the word has to be spelled like an identifier.
pub fn is_rust_keyword(word: &str) -> bool {
    // From a token and not from text: proc-macro2 would keep every text, to tell its lines.
    let token = TokenTree::from(Ident::new(word, Span::call_site()));
    syn::parse2::<Ident>(token.into()).is_err()
}
