//! Pairs of texts become the same ids, joined in the same way.

use tokenizers::Tokenizer as Built;

use super::{Reference, Tokenizer, judge::judge};
use crate::{backend::Failure, findings::Findings};

/// The name of this check.
pub(super) const NAME: &str = "pairs_match";

/// Every whole pair has the ids, types and special ids that transformers gives it.
#[track_caller]
pub fn pairs_match(tokenizer: &Tokenizer) {
    judge(NAME, tokenizer, examine);
}

/// Looks without judging.
pub(super) fn examine(
    reference: &Reference,
    built: &mut Built,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let whole = reference.encodings.iter();
    for expected in whole.filter(|of| of.pair.is_some() && of.max_length.is_none()) {
        let got = reference.encode(built, expected)?;
        findings.same_encoding(&got, expected);
    }
    Ok(())
}
