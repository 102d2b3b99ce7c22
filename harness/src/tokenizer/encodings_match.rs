//! Texts become the same ids, with special ids and without.

use tokenizers::Tokenizer as Built;

use super::{
    Reference, Tokenizer,
    judge::{judge, same_encodings},
};
use crate::{backend::Failure, findings::Findings};

/// The name of this check.
pub(super) const NAME: &str = "encodings_match";

/// Every whole text has the ids, types and special ids that transformers gives it.
#[track_caller]
pub fn encodings_match(tokenizer: &Tokenizer) {
    judge(NAME, tokenizer, examine);
}

/// Looks without judging.
pub(super) fn examine(
    reference: &Reference,
    built: &mut Built,
    findings: &mut Findings,
) -> Result<(), Failure> {
    same_encodings(reference, built, findings, |of| {
        of.text.is_some() && of.max_length.is_none()
    })
}
