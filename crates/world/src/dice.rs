//! Seeded chance. All arithmetic is on integers, so that a seed makes the same world on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// A stream of chance, its own for every part of the world: one part grown by a draw leaves the others as they were.
#[derive(Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// Stream `stream` of `seed`.
    pub(crate) fn new(seed: u64, stream: u64) -> Dice {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Dice(rng)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`; 0 when it is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// An index of a list of `len`.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A number in `low..=high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).max(1) as u64) as i64
    }

    /// True `permille` times in a thousand.
    pub(crate) fn chance(&mut self, permille: u32) -> bool {
        self.below(1_000) < u64::from(permille)
    }

    /// An index, as likely as its weight.
    pub(crate) fn weighted(&mut self, weights: impl IntoIterator<Item = u32> + Clone) -> usize {
        let total: u64 = weights.clone().into_iter().map(u64::from).sum();
        let mut left = self.below(total);
        for (index, weight) in weights.into_iter().enumerate() {
            if left < u64::from(weight) {
                return index;
            }
            left -= u64::from(weight);
        }
        0
    }

    /// A count of at least 0 whose mean is `mean_tenths / 10` and whose long tail is a geometric's, 0 to `most`.
    pub(crate) fn geometric(&mut self, mean_tenths: u64, most: u64) -> u64 {
        let mut count = 0;
        while count < most && self.below(mean_tenths + 10) >= 10 {
            count += 1;
        }
        count
    }
}

/// A number that looks like none of its neighbours': for ids (SplitMix64's finish).
pub(crate) fn scramble(seed: u64, number: u64) -> u64 {
    let mut mixed = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_repeat() {
        let draw = |seed, stream| Dice::new(seed, stream).bits();
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn means_are_what_they_say() {
        let mut dice = Dice::new(7, 0);
        let sum: u64 = (0..20_000).map(|_| dice.geometric(45, 1_000)).sum();
        assert!((85_000..95_000).contains(&sum), "{sum}");
        let often = (0..20_000).filter(|_| dice.chance(300)).count();
        assert!((5_700..6_300).contains(&often), "{often}");
        let picked = (0..20_000).filter(|_| dice.weighted([1, 3]) == 1).count();
        assert!((14_600..15_400).contains(&picked), "{picked}");
        assert!((0..1_000).all(|_| (-3..=4).contains(&dice.between(-3, 4))));
    }
}
