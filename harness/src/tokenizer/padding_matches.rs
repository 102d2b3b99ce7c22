//! What is too short is filled up in the same way.

use tokenizers::{PaddingDirection, PaddingParams, PaddingStrategy, Tokenizer as Built};

use super::{
    Reference, Tokenizer,
    judge::{digits, judge},
};
use crate::{backend::Failure, findings::Findings};

/// The name of this check.
pub(super) const NAME: &str = "padding_matches";

/// A batch of unequal lengths has the ids and the mask that transformers gives it.
#[track_caller]
pub fn padding_matches(tokenizer: &Tokenizer) {
    judge(NAME, tokenizer, examine);
}

/// Looks without judging.
pub(super) fn examine(
    reference: &Reference,
    built: &mut Built,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let Some(padding) = &reference.padding else {
        return Err(Failure::not_run("no padded batch was recorded"));
    };
    let direction = match padding.side.as_str() {
        "left" => PaddingDirection::Left,
        _ => PaddingDirection::Right,
    };
    built
        .with_truncation(None)
        .map_err(|error| Failure::run(error.to_string()))?
        .with_padding(Some(PaddingParams {
            strategy: PaddingStrategy::BatchLongest,
            direction,
            pad_to_multiple_of: None,
            pad_id: padding.id,
            pad_type_id: padding.type_id,
            pad_token: padding.token.clone(),
        }));
    let numbers = padding.texts.iter();
    let texts: Vec<&str> = numbers
        .map(|&number| reference.text(number))
        .collect::<Result<_, _>>()?;
    let got = built
        .encode_batch(texts, true)
        .map_err(|error| Failure::run(error.to_string()))?;
    if got.len() != padding.ids.len() || got.len() != padding.attention_mask.len() {
        findings.complain(format!("{} rows and not {}", got.len(), padding.ids.len()));
        return Ok(());
    }
    for (number, row) in got.iter().enumerate() {
        let what = |kind: &str| format!("{kind} of row {number}");
        findings.equal(&what("ids"), row.get_ids(), &padding.ids[number]);
        findings.equal(
            &what("mask"),
            digits(row.get_attention_mask()).as_bytes(),
            padding.attention_mask[number].as_bytes(),
        );
    }
    Ok(())
}
