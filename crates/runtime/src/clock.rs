//! The one reader of wall time. Everything after intake takes time from ticks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// How long a flush of a log may take before it is an error.
pub(crate) const FLUSH_DEADLINE: Duration = Duration::from_secs(60);

/// Where wall time comes from: the system, or a hand that moves it in tests.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// Moved by hand.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `ms` until it is moved.
    #[must_use]
    pub fn manual(ms: i64) -> Clock {
        Clock::Manual(Arc::new(AtomicI64::new(ms)))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        match self {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = Clock::manual(5);
        assert_eq!(clock.now_ms(), 5);
        clock.advance(10);
        assert_eq!(clock.clone().now_ms(), 15);
        assert!(Clock::System.now_ms() > 1_600_000_000_000);
    }
}
