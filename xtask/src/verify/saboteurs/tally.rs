//! Counting mutants by status, and the score.

use std::collections::BTreeMap;

use serde::Serialize;

use super::mutants::{Mutant, Status};

/// How many there are of each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    /// All of them.
    pub applicable: usize,
    /// See [`Status::Detected`].
    pub detected: usize,
    /// See [`Status::Survived`].
    pub survived: usize,
    /// See [`Status::Equivalent`].
    pub equivalent: usize,
    /// See [`Status::Unread`].
    pub unread: usize,
    /// See [`Status::Stillborn`].
    pub stillborn: usize,
    /// The detected among those that could be; absent if none could.
    pub score: Option<f64>,
}

impl Tally {
    /// Counts.
    pub fn of<'m>(mutants: impl Iterator<Item = &'m Mutant>) -> Self {
        let mut tally = Self::default();
        for mutant in mutants {
            tally.applicable += 1;
            *tally.count(mutant.status) += 1;
        }
        let could = tally.detected + tally.survived;
        tally.score = (could > 0).then(|| tally.detected as f64 / could as f64);
        tally
    }

    fn count(&mut self, status: Status) -> &mut usize {
        match status {
            Status::Detected => &mut self.detected,
            Status::Survived => &mut self.survived,
            Status::Equivalent => &mut self.equivalent,
            Status::Unread => &mut self.unread,
            Status::Stillborn => &mut self.stillborn,
        }
    }

    /// One tally for each value of what `key` names.
    pub fn by<'m, K: Ord>(
        mutants: impl Iterator<Item = &'m Mutant>,
        key: impl Fn(&'m Mutant) -> K,
    ) -> BTreeMap<K, Self> {
        let mut groups: BTreeMap<K, Vec<&Mutant>> = BTreeMap::new();
        for mutant in mutants {
            groups.entry(key(mutant)).or_default().push(mutant);
        }
        groups
            .into_iter()
            .map(|(key, mutants)| (key, Self::of(mutants.into_iter())))
            .collect()
    }
}
