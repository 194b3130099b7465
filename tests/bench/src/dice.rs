//! Repeatable chance: SplitMix64.

/// A source of numbers, the same for the same seed.
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

impl ports::Entropy for Dice {
    /// Only names of connections come from it.
    fn fill(&self, bytes: &mut [u8]) {
        let mut dice = self.clone();
        for byte in bytes {
            let [first, ..] = dice.next().to_le_bytes();
            *byte = first;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_within_the_bound() {
        let roll = || {
            let mut dice = Dice(7);
            (0..100).map(|_| dice.below(6)).collect::<Vec<_>>()
        };
        assert_eq!(roll(), roll());
        assert!(roll().iter().all(|n| *n < 6) && roll().contains(&5));
    }
}
