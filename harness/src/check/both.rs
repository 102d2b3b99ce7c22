//! The outputs that two runs both gave, beside each other.

use crate::{
    canvas::{Canvas, Canvases},
    reference::{Output, Truth},
};

/// Each output with its truth, and what one run and the other gave; what either lacks is left out.
pub(super) fn in_both<'a>(
    outputs: &'a [(Output, Truth)],
    one: &'a Canvases,
    other: &'a Canvases,
) -> impl Iterator<Item = (&'a Output, &'a Truth, &'a Canvas, &'a Canvas)> {
    outputs.iter().filter_map(|(output, truth)| {
        let name = &output.name;
        Some((output, truth, one.get(name)?, other.get(name)?))
    })
}
