//! Tokenizers: whether the crate `tokenizers` reads a class's file as transformers does.
//!
//! Every id, offset and character is compared; there is no tolerance. Each file beside this one is a check.

mod decodings_match;
mod encodings_match;
mod judge;
mod offsets_match;
mod padding_matches;
mod pairs_match;
mod reference;
mod truncation_matches;

pub use decodings_match::decodings_match;
pub use encodings_match::encodings_match;
pub use judge::{Examine, record};
pub use offsets_match::offsets_match;
pub use padding_matches::padding_matches;
pub use pairs_match::pairs_match;
pub use reference::{Decoding, Encoding, Padding, Reference};
pub use truncation_matches::truncation_matches;

/// One recorded tokenizer class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokenizer {
    /// Its name in the registry: `bert`.
    pub name: &'static str,
    /// transformers' class: `BertTokenizer`.
    pub class: &'static str,
}

/// Every check, by name.
pub const CHECKS: [(&str, Examine); 6] = [
    (encodings_match::NAME, encodings_match::examine),
    (offsets_match::NAME, offsets_match::examine),
    (pairs_match::NAME, pairs_match::examine),
    (truncation_matches::NAME, truncation_matches::examine),
    (padding_matches::NAME, padding_matches::examine),
    (decodings_match::NAME, decodings_match::examine),
];
