//! The one reader of wall time. Everything after intake takes time from ticks.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a flush of a log may take before it is an error.
pub(crate) const FLUSH_DEADLINE: Duration = Duration::from_secs(60);

/// Where wall time comes from: the system, or a hand that moves it in tests.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// The system's, held against one that does not jump: for what is said of time and never taken back.
    Steady(Arc<Mutex<Steady>>, Instant),
    /// Moved by hand.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `ms` until it is moved.
    #[must_use]
    pub fn manual(ms: i64) -> Clock {
        Clock::Manual(Arc::new(AtomicI64::new(ms)))
    }

    /// The system's clock, of which a jump ahead is not believed at once; see [`Steady`].
    #[must_use]
    pub fn steady() -> Clock {
        Clock::Steady(Arc::default(), Instant::now())
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        match self {
            Clock::Steady(steady, started) => {
                let mut steady = steady.lock().unwrap_or_else(PoisonError::into_inner);
                steady.of(Clock::System.now_ms(), started.elapsed())
            }
            Clock::System => std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            Clock::Manual(ms) => ms.load(Ordering::Relaxed),
        }
    }

    /// Moves a manual clock; does nothing to the system's.
    pub fn advance(&self, by_ms: i64) {
        if let Clock::Manual(ms) = self {
            ms.fetch_add(by_ms, Ordering::Relaxed);
        }
    }
}

/// Wall time that a log may be told. A clock that jumps ahead and back, as after a wrong answer of a time server, would otherwise make
/// late for good what comes until then, and have batches wait for it: neither claims nor ticks are ever taken back.
///
/// A jump ahead is believed once it has stood for ten minutes, counted by a clock that does not jump (a machine that slept, or whose
/// clock was behind, is right to jump); until then time goes on from where it was.
#[derive(Debug, Default)]
pub struct Steady {
    /// Wall time last believed, and when.
    last: Option<(i64, Duration)>,
    /// Since when it has been ahead.
    ahead: Option<Duration>,
}

/// So much ahead is no jump, ms: clocks are set by seconds now and then, and lateness is more.
const JUMP_MS: i64 = 60_000;
/// So long a jump must stand.
const BELIEVED_AFTER: Duration = Duration::from_secs(600);

impl Steady {
    /// What may be claimed, ms, where the wall says `wall_ms`. `now` is time since some start that does not jump.
    pub fn of(&mut self, wall_ms: i64, now: Duration) -> i64 {
        let (last_ms, at) = self.last.unwrap_or((wall_ms, now));
        let passed = i64::try_from(now.saturating_sub(at).as_millis()).unwrap_or(i64::MAX);
        let expected = last_ms.saturating_add(passed);
        let jump_ms = wall_ms.saturating_sub(expected);
        if jump_ms > JUMP_MS {
            let since = *self.ahead.get_or_insert_with(|| {
                tracing::error!(
                    jump_ms,
                    "the clock has jumped ahead: until it has stood so for ten minutes, the log is told the time that has passed since; is it right?"
                );
                now
            });
            if now.saturating_sub(since) < BELIEVED_AFTER {
                return expected;
            }
            tracing::warn!(jump_ms, "the clock is ahead still: it is believed");
        }
        (self.ahead, self.last) = (None, Some((wall_ms, now)));
        wall_ms
    }
}

/// What a log was told of time by a clock that was ahead and was believed, or was so at the start, and has gone back since. For the readers
/// time stands still until the clock has caught up, so that what waits for it (the end of a batch, rows told now and then) would wait for
/// days; a tick that says that all of it is due moves them on.
#[derive(Debug, Default)]
pub struct Behind {
    /// The latest time told, ms.
    told_ms: Option<i64>,
    /// When such a tick was last put.
    moved_on: Option<Duration>,
}

/// So often readers are moved on: each time a batch may end, and a snapshot be taken with it.
const MOVE_ON_EVERY: Duration = Duration::from_secs(30);

impl Behind {
    /// Whether a tick that says `wall_ms` is to say that all is due. `now` is time since some start that does not jump.
    pub fn moves_on(&mut self, wall_ms: i64, now: Duration) -> bool {
        let told_ms = self.told_ms.map_or(wall_ms, |told| told.max(wall_ms));
        self.told_ms = Some(told_ms);
        let behind_ms = told_ms.saturating_sub(wall_ms);
        if behind_ms <= JUMP_MS {
            self.moved_on = None;
            return false;
        }
        if self.moved_on.is_none() {
            tracing::error!(
                behind_ms,
                "the clock has gone back behind what the log was told: until it has caught up, what comes may be late, and batches end twice a \
                 minute"
            );
        }
        let is_due = self.moved_on.is_none_or(|moved_on| now.saturating_sub(moved_on) >= MOVE_ON_EVERY);
        if is_due {
            self.moved_on = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_moved_on_while_the_clock_is_behind_what_was_told() {
        let mut behind = Behind::default();
        let mut at = |second: u64, wall_s: i64| behind.moves_on(wall_s * 1_000, Duration::from_secs(second));
        assert!((0..600).all(|s| !at(s, 1_000_000 + s as i64)));
        assert!(!at(600, 1_000_550), "set back by less than a minute");
        assert!(!at(601, 1_000_000_000), "and far ahead");
        let moved = (602..700).filter(|s| at(*s, 1_000_000 + *s as i64)).collect::<Vec<_>>();
        assert_eq!(moved, [602, 632, 662, 692]);
        assert!(!at(700, 999_999_950) && !at(701, 1_000_000_001), "it has caught up");
        assert!(at(702, 1_000_702), "and goes back again");
    }

    #[test]
    fn a_jump_ahead_is_believed_once_it_has_stood() {
        const DAY_MS: i64 = 86_400_000;
        let mut steady = Steady::default();
        let second = Duration::from_secs;
        assert_eq!(steady.of(1_000_000, second(0)), 1_000_000);
        assert_eq!(steady.of(1_030_000, second(1)), 1_030_000, "half a minute is no jump");
        // Ahead by three days for nine minutes, and back.
        for s in 2..540 {
            assert_eq!(steady.of(1_030_000 + 3 * DAY_MS, second(s)), 1_030_000 + 1_000 * (s as i64 - 1));
        }
        assert_eq!(steady.of(1_570_000, second(540)), 1_570_000);
        // Back, and right again: ten minutes more of caution.
        assert_eq!(steady.of(1_570_000 - DAY_MS, second(541)), 1_570_000 - DAY_MS);
        assert_eq!(steady.of(1_572_000, second(542)), 1_571_000 - DAY_MS);
        assert_eq!(steady.of(2_171_000, second(1_141)), 2_170_000 - DAY_MS);
        assert_eq!(steady.of(2_172_000, second(1_142)), 2_172_000);
        assert_eq!(steady.of(2_173_000, second(1_143)), 2_173_000);
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = Clock::manual(5);
        assert_eq!(clock.now_ms(), 5);
        clock.advance(10);
        assert_eq!(clock.clone().now_ms(), 15);
        assert!(Clock::System.now_ms() > 1_600_000_000_000);
        assert!(Clock::System.now_ms().abs_diff(Clock::steady().now_ms()) < 5_000);
    }
}
