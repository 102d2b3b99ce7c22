//! Rows of one length leave a mask nothing to hide.

use crate::{Family, Input, error::Fault, outline::path};

pub(super) fn check(family: &Family) -> Vec<Fault> {
    let base = family
        .inputs
        .iter()
        .map(|(name, input)| (path(&["inputs", name]), Some(input)));
    let varied = family.variants.iter().flat_map(|(variant, of)| {
        of.inputs.iter().map(move |(name, input)| {
            (path(&["variants", variant, "inputs", name]), input.as_ref())
        })
    });
    base.chain(varied)
        .filter_map(|(key, input)| match input {
            Some(Input::Lengths(lengths)) => Some((key, lengths)),
            _ => None,
        })
        .filter(|(_, lengths)| {
            lengths
                .values()
                .any(|rows| rows.len() > 1 && rows.iter().all(|row| *row == rows[0]))
        })
        .map(|(key, _)| {
            Fault::value(
                key,
                "rows of one length",
                "at least one row that is shorter",
            )
        })
        .collect()
}
