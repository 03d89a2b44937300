//! How long to wait before the next try.

use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Waits grow from `first` by doubling up to `most`; jitter takes up to half away, so that many do not return at once.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// Before the second try.
    pub first: Duration,
    /// Never longer.
    pub most: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { first: Duration::from_millis(100), most: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// The wait after `failures` failures (from 1); `who` spreads the jitter and needs no random source.
    #[must_use]
    pub fn wait(&self, failures: u32, who: &str) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(20));
        let whole = doubled.min(self.most);
        let share = xxh3_64_with_seed(who.as_bytes(), u64::from(failures)) as f64 / u64::MAX as f64;
        whole.mul_f64(1.0 - share / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_within_their_jitter_and_stay_below_the_most() {
        let backoff = Backoff::default();
        for failures in 1..60 {
            let whole = (100u64 << (failures - 1).min(20)).min(30_000);
            let wait = backoff.wait(failures, "t").as_millis() as u64;
            assert!(wait <= whole && wait >= whole / 2, "{failures}: {wait}");
        }
        assert_ne!(backoff.wait(3, "a"), backoff.wait(3, "b"));
    }
}
