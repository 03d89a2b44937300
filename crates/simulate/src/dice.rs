//! Chance that a seed decides: everything random in a schedule is drawn here, in one order.

use std::sync::Arc;

use parking_lot::Mutex;

/// A stream of numbers that its seed alone decides (SplitMix64). Clones draw from the same stream.
#[derive(Clone, Debug)]
pub struct Dice(Arc<Mutex<u64>>);

impl Dice {
    /// The stream of a seed; `stream` tells apart the streams of one seed.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Dice {
        Dice(Arc::new(Mutex::new(mix(seed ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93)))))
    }

    /// Another stream, from where this one is; this one goes on as if nobody had asked.
    #[must_use]
    pub fn apart(&self) -> Dice {
        Dice::new(*self.0.lock(), 1)
    }

    /// The next number.
    pub fn roll(&self) -> u64 {
        let mut state = self.0.lock();
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(*state)
    }

    /// A number below `end` (0 if there is none).
    pub fn below(&self, end: u64) -> u64 {
        if end == 0 { 0 } else { ((u128::from(self.roll()) * u128::from(end)) >> 64) as u64 }
    }

    /// An index below `len`.
    pub fn index(&self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A time from `from` to `to` inclusive.
    pub fn between(&self, from: i64, to: i64) -> i64 {
        from + self.below((to - from) as u64 + 1) as i64
    }

    /// True so often in a thousand.
    pub fn chance(&self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// One of several.
    pub fn pick<T: Copy>(&self, from: &[T]) -> T {
        from[self.index(from.len())]
    }
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_and_streams_differ() {
        let drawn = |seed, stream| {
            let dice = Dice::new(seed, stream);
            (0..20).map(|_| dice.below(100)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(7, 1), drawn(7, 1));
        assert_ne!(drawn(7, 1), drawn(7, 2));
        assert!(drawn(7, 1).iter().all(|n| *n < 100));
        let dice = Dice::new(1, 1);
        assert!((0..1_000).all(|_| (3..=5).contains(&dice.between(3, 5))));
        assert_eq!(dice.below(0), 0);
    }
}
