//! Partitions dealt to a processor while the tables could not be asked how far they go: asked again, ever more rarely.

use std::time::Duration;

use crumbtrail_log::PartitionId;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const FIRST: Duration = Duration::from_millis(200);
const MOST: Duration = Duration::from_secs(20);

struct Waiting {
    partition: PartitionId,
    failures: u32,
    at: Duration,
}

/// Partitions that wait for their owner.
#[derive(Default)]
pub(crate) struct Awaited(Vec<Waiting>);

impl Awaited {
    /// A partition is dealt: due at once.
    pub(crate) fn add(&mut self, partition: PartitionId) {
        self.forget(partition);
        self.0.push(Waiting { partition, failures: 0, at: Duration::ZERO });
    }

    /// A partition is taken over, or no longer ours.
    pub(crate) fn forget(&mut self, partition: PartitionId) {
        self.0.retain(|waiting| waiting.partition != partition);
    }

    /// Those that are due, in the order in which they were dealt.
    pub(crate) fn due(&self, now: Duration) -> Vec<PartitionId> {
        self.0.iter().filter(|waiting| waiting.at <= now).map(|waiting| waiting.partition).collect()
    }

    /// It could not be taken over now; returns how long it waits.
    pub(crate) fn failed(&mut self, partition: PartitionId, now: Duration) -> Duration {
        let Some(waiting) = self.0.iter_mut().find(|waiting| waiting.partition == partition) else {
            return Duration::ZERO;
        };
        let whole = FIRST.saturating_mul(1 << waiting.failures.min(10)).min(MOST);
        waiting.failures += 1;
        // Up to half is taken away, so that many do not come back at once.
        let seed = u64::from(waiting.failures);
        let share = xxh3_64_with_seed(&partition.0.to_le_bytes(), seed) as f64 / u64::MAX as f64;
        let wait = whole.mul_f64(1.0 - share / 2.0);
        waiting.at = now + wait;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_differ_and_end_when_it_is_taken_over() {
        let (a, b) = (PartitionId(0), PartitionId(1));
        let mut awaited = Awaited::default();
        awaited.add(a);
        awaited.add(b);
        assert_eq!(awaited.due(Duration::ZERO), [a, b]);
        let mut now = Duration::ZERO;
        for failures in 0..12 {
            let (first, second) = (awaited.failed(a, now), awaited.failed(b, now));
            let whole = FIRST.saturating_mul(1 << failures).min(MOST);
            assert!(first <= whole && first >= whole / 2 && first != second, "{first:?} of {whole:?}");
            assert!(awaited.due(now).is_empty());
            now += first.max(second);
            assert_eq!(awaited.due(now), [a, b]);
        }
        awaited.forget(a);
        assert_eq!(awaited.due(now), [b]);
    }
}
