//! How deep a snippet nests, told before it is parsed: the parser calls itself for each level, and a
//! stack that overflows ends the process without a word.

use proc_macro2::{Span, TokenStream, TokenTree};

/// Far more than anybody writes, and a fraction of what the stack of a thread holds.
const DEEPEST: usize = 512;
/// What brackets count for: the parser makes many calls for them, and one for a sign.
const BRACKETS: usize = 16;

/// Words that may open a level without brackets of their own.
const WORDS: [&str; 14] = [
    "as", "async", "break", "dyn", "else", "fn", "for", "if", "impl", "let", "match", "move",
    "return", "yield",
];

/// Where a snippet goes deeper than is read; text that is not Rust at all is left to the parser.
pub(super) fn too_deep(text: &str) -> Option<Span> {
    deeper(text.parse().ok()?, 0)
}

/// Every sign may nest what follows it, up to the next comma or semicolon.
fn deeper(tokens: TokenStream, above: usize) -> Option<Span> {
    let mut depth = above;
    for token in tokens {
        match &token {
            TokenTree::Punct(punct) if matches!(punct.as_char(), ',' | ';') => depth = above,
            TokenTree::Punct(_) => depth += 1,
            TokenTree::Ident(ident) if WORDS.iter().any(|word| ident == word) => depth += 1,
            TokenTree::Ident(_) | TokenTree::Literal(_) => {}
            TokenTree::Group(group) if depth + BRACKETS <= DEEPEST => {
                if let Some(span) = deeper(group.stream(), depth + BRACKETS) {
                    return Some(span);
                }
            }
            TokenTree::Group(_) => depth += BRACKETS,
        }
        if depth > DEEPEST {
            return Some(token.span());
        }
    }
    None
}
