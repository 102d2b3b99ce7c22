//! Numbers that look random and come again with the same seed: splitmix64.

/// A sequence.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number from 0 up to 1.
    pub(super) fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_evenly_and_come_again() {
        let mut random = Random::new(7);
        let first: Vec<_> = (0..1_000).map(|_| random.share()).collect();
        for tenth in 0..10 {
            let inside = first
                .iter()
                .filter(|share| (**share * 10.0) as usize == tenth);
            let inside = inside.count();
            assert!((60..=140).contains(&inside), "{inside} in tenth {tenth}");
        }
        let mut again = Random::new(7);
        assert!(first.iter().all(|share| *share == again.share()));
        assert_ne!(Random::new(8).share(), first[0]);
    }
}
