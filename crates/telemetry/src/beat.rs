//! The beat of a loop: told at each of its turns, looked at by whoever asks how it is. A thread that hangs in a client's code says nothing
//! by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A loop's own end of its beat. It is looked for until this is dropped; a default one nobody looks for.
#[derive(Debug, Default)]
pub struct Beat(Arc<Pulse>);

impl Beat {
    /// A turn begins.
    pub fn turn(&self) {
        self.0.told_ms.store(self.0.passed_ms(Instant::now()), Ordering::Relaxed);
    }

    /// What takes as long as it takes, and has deadlines of its own for whom it asks: no turn is expected until this is dropped.
    #[must_use]
    pub fn at_work(&self) -> AtWork {
        self.0.at_work.fetch_add(1, Ordering::Relaxed);
        AtWork(self.0.clone())
    }

    pub(crate) fn pulse(&self) -> Arc<Pulse> {
        self.0.clone()
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.0.at_work.store(ENDED, Ordering::Relaxed);
    }
}

/// While it is there, no turn is expected.
#[derive(Debug)]
pub struct AtWork(Arc<Pulse>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.told_ms.store(self.0.passed_ms(Instant::now()), Ordering::Relaxed);
        let _ = self.0.at_work.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |at_work| match at_work {
            0 | ENDED => None,
            at_work => Some(at_work - 1),
        });
    }
}

/// So many works that there will be no turn any more.
const ENDED: u32 = u32::MAX;

/// What is known of a beat.
#[derive(Debug)]
pub(crate) struct Pulse {
    begun: Instant,
    /// When the last turn began, since `begun`.
    told_ms: AtomicU64,
    at_work: AtomicU32,
}

impl Default for Pulse {
    fn default() -> Pulse {
        Pulse { begun: Instant::now(), told_ms: AtomicU64::new(0), at_work: AtomicU32::new(0) }
    }
}

impl Pulse {
    fn passed_ms(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.begun).as_millis()).unwrap_or(u64::MAX)
    }

    /// For how long there has been no turn, where one is expected.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        if self.at_work.load(Ordering::Relaxed) > 0 {
            return Duration::ZERO;
        }
        Duration::from_millis(self.passed_ms(now).saturating_sub(self.told_ms.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_but_not_of_who_is_at_work_or_has_ended() {
        let beat = Beat::default();
        let pulse = beat.pulse();
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        let silence = |seconds| pulse.silence(later(seconds)).as_secs();
        assert!((40..45).contains(&silence(40)));
        let (outer, inner) = (beat.at_work(), beat.at_work());
        drop(inner);
        assert_eq!(silence(4_000), 0);
        std::thread::sleep(Duration::from_millis(1_100));
        let before = pulse.silence(later(0));
        drop(outer);
        assert!(before.is_zero() && silence(0) == 0, "the work's end is a beat");
        std::thread::sleep(Duration::from_millis(1_100));
        assert_eq!(silence(0), 1);
        beat.turn();
        assert_eq!(silence(0), 0);
        let late = beat.at_work();
        drop(beat);
        drop(late);
        assert_eq!(silence(4_000), 0);
    }
}
