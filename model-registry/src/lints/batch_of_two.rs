//! A batch of one hides what goes wrong between rows.

use crate::{Family, error::Fault, outline::path};

pub(super) fn check(family: &Family) -> Vec<Fault> {
    let sizes = [(path(&["sizes", "batch"]), &family.sizes)]
        .into_iter()
        .chain(
            family
                .variants
                .iter()
                .map(|(name, of)| (path(&["variants", name, "sizes", "batch"]), &of.sizes)),
        );
    sizes
        .filter(|(_, sizes)| sizes.get("batch").is_some_and(|batch| batch.recorded < 2))
        .map(|(key, _)| Fault::value(key, "a batch of one row", "at least two rows"))
        .collect()
}
