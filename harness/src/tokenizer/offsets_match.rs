//! Every id points to the same characters of its text.

use tokenizers::Tokenizer as Built;

use super::{Reference, Tokenizer, judge::judge};
use crate::{backend::Failure, findings::Findings};

/// The name of this check.
pub(super) const NAME: &str = "offsets_match";

/// In everything that was encoded, ids start and end where transformers says, counted in characters.
#[track_caller]
pub fn offsets_match(tokenizer: &Tokenizer) {
    judge(NAME, tokenizer, examine);
}

/// Looks without judging.
pub(super) fn examine(
    reference: &Reference,
    built: &mut Built,
    findings: &mut Findings,
) -> Result<(), Failure> {
    for expected in &reference.encodings {
        let got = reference.encode(built, expected)?;
        let spans = got.get_offsets().iter();
        let places: Vec<usize> = spans.flat_map(|&(start, end)| [start, end]).collect();
        let what = format!("offsets of {}", expected.what());
        findings.equal(&what, &places, &expected.offsets);
    }
    Ok(())
}
