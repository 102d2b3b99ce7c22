//! What is too long is cut at the same place.

use tokenizers::Tokenizer as Built;

use super::{
    Reference, Tokenizer,
    judge::{judge, same_encodings},
};
use crate::{backend::Failure, findings::Findings};

/// The name of this check.
pub(super) const NAME: &str = "truncation_matches";

/// Texts and pairs that are cut have the ids, types and special ids that transformers leaves them.
#[track_caller]
pub fn truncation_matches(tokenizer: &Tokenizer) {
    judge(NAME, tokenizer, examine);
}

/// Looks without judging.
pub(super) fn examine(
    reference: &Reference,
    built: &mut Built,
    findings: &mut Findings,
) -> Result<(), Failure> {
    same_encodings(reference, built, findings, |of| of.max_length.is_some())
}
