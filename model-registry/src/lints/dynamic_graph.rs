//! A graph that is proven at one shape only may have its shape burnt in.

use crate::{Family, error::Fault, outline::path};

pub(super) fn check(family: &Family) -> Vec<Fault> {
    let base = family
        .sizes
        .iter()
        .map(|(name, size)| (path(&["sizes", name]), size));
    let varied = family.variants.iter().flat_map(|(variant, of)| {
        of.sizes
            .iter()
            .map(move |(name, size)| (path(&["variants", variant, "sizes", name]), size))
    });
    base.chain(varied)
        .filter(|(_, size)| size.second.is_none())
        .map(|(key, size)| {
            let message = format!(
                "a single size, {}, which leaves the axis static",
                size.recorded
            );
            Fault::value(key, message, "a second size to prove the graph at")
        })
        .collect()
}
