//! Pauses between attempts: doubling, bounded, with jitter from a seed.

use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    random: u64,
    failures: u32,
    pause: Option<(Instant, String)>,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration, seed: u64) -> Backoff {
        Backoff { first, longest, random: seed, failures: 0, pause: None }
    }

    /// What is left of a pause and why it lasts.
    pub(crate) fn pausing(&self, now: Instant) -> Option<(Duration, String)> {
        let (until, detail) = self.pause.as_ref()?;
        let left = until.checked_duration_since(now).filter(|left| !left.is_zero())?;
        Some((left, detail.clone()))
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.pause = None;
    }

    /// Starts a pause: between half and all of what doubling asks for.
    pub(crate) fn failed(&mut self, now: Instant, detail: &str) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.failures.min(20)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = 0.5 + (self.random >> 33) as f64 / f64::from(1u32 << 31) / 2.0;
        let pause = doubled.mul_f64(share.min(1.0));
        self.pause = Some((now + pause, detail.to_owned()));
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_within_bounds_and_end_with_success() {
        let now = Instant::now();
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1), 7);
        for step in 0..40u32 {
            let full = Duration::from_millis(100).saturating_mul(1 << step.min(10)).min(Duration::from_secs(1));
            let pause = backoff.failed(now, "down");
            assert!(pause >= full / 2 && pause <= full, "{step}: {pause:?}");
            assert!(backoff.pausing(now).is_some() && backoff.pausing(now + full).is_none());
        }
        backoff.succeeded();
        assert!(backoff.pausing(now).is_none());
        let mut other = Backoff::new(Duration::from_millis(100), Duration::from_secs(1), 8);
        let mut same = Backoff::new(Duration::from_millis(100), Duration::from_secs(1), 8);
        assert_eq!(other.failed(now, ""), same.failed(now, ""));
    }
}
