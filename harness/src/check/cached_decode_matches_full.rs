//! The cache is right: decoding step by step gives what one full pass gives.

use crate::{
    Case,
    backend::{Backend, Failure, Session},
    check::steps::matches_full,
    judge::judge,
    trial::Trial,
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "cached_decode_matches_full";

/// Half of the axis at once, then one position at a time, gives what the full pass gives.
#[track_caller]
pub fn cached_decode_matches_full(case: &Case, backend: impl Backend, axis: &str) {
    judge(NAME, case, &backend, |trial| examine(trial, axis));
}

/// Looks without judging.
pub fn examine<S: Session>(trial: &mut Trial<S>, axis: &str) -> Result<Verdict, Failure> {
    matches_full(trial, axis, |_| 2, ends)
}

/// Half of what follows the shortest prefix, then one position at a time.
fn ends(length: usize, shortest: usize) -> impl IntoIterator<Item = usize> {
    let shortest = shortest.min(length - 1);
    shortest + (length - shortest) / 2..=length
}
