//! Ids become the same text again.

use tokenizers::Tokenizer as Built;

use super::{Reference, Tokenizer, judge::judge};
use crate::{backend::Failure, findings::Findings};

/// The name of this check.
pub(super) const NAME: &str = "decodings_match";

/// Ids of whole texts become the text that transformers makes of them, character by character.
#[track_caller]
pub fn decodings_match(tokenizer: &Tokenizer) {
    judge(NAME, tokenizer, examine);
}

/// Looks without judging.
pub(super) fn examine(
    reference: &Reference,
    built: &mut Built,
    findings: &mut Findings,
) -> Result<(), Failure> {
    for expected in &reference.decodings {
        let Some(of) = reference.encodings.get(expected.encoding) else {
            let number = expected.encoding;
            return Err(Failure::load(format!("there is no encoding {number}")));
        };
        let got = built
            .decode(&of.ids, expected.skip_special)
            .map_err(|error| Failure::run(error.to_string()))?;
        let skipped = if expected.skip_special {
            ", special ids left out"
        } else {
            ""
        };
        let what = format!("the text of {}{skipped}", of.what());
        let characters = |text: &str| text.chars().collect::<Vec<_>>();
        findings.equal(&what, &characters(&got), &characters(&expected.text));
    }
    Ok(())
}
