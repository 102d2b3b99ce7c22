//! A prompt may come in chunks: the cache takes several positions at once, wherever it stands.

use crate::{
    Case,
    backend::{Backend, Failure, Session},
    check::steps::matches_full,
    judge::judge,
    trial::Trial,
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "chunked_prefill_matches_full";

/// The prompt in chunks of uneven sizes, then single positions, gives what one full pass gives.
#[track_caller]
pub fn chunked_prefill_matches_full(case: &Case, backend: impl Backend, axis: &str) {
    judge(NAME, case, &backend, |trial| examine(trial, axis));
}

/// Looks without judging.
pub fn examine<S: Session>(trial: &mut Trial<S>, axis: &str) -> Result<Verdict, Failure> {
    matches_full(trial, axis, |shortest| shortest + 3, ends)
}

/// Where the chunks end: a first one, a larger and a smaller of at least two positions each where
/// there is room, then one position at a time.
fn ends(length: usize, shortest: usize) -> Vec<usize> {
    let first = (shortest + (length - shortest) / 4).min(length - 2);
    let rest = length - first;
    let second = first + (rest * 2).div_ceil(5).max(2);
    let third = (second + (rest / 4).max(2)).min(length);
    let mut ends = vec![first, second, third];
    ends.extend(third + 1..=length);
    ends.dedup();
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_uneven_and_cover_the_whole() {
        let table: [(usize, usize, &[usize]); 5] = [
            (10, 1, &[3, 6, 8, 9, 10]),
            (6, 1, &[2, 4, 6]),
            (4, 1, &[1, 3, 4]),
            (44, 34, &[36, 40, 42, 43, 44]),
            (13, 10, &[10, 12, 13]),
        ];
        for (length, shortest, expected) in table {
            assert_eq!(ends(length, shortest), expected, "{length} from {shortest}");
        }
    }
}
