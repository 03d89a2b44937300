//! When writers are asked to go back: once per hole, at the log's end as of start, and again only after a wait. Pure.

use crumbtrail_log::{Gap, Offset};

/// Wall time, as ticks tell it, after which a writer is asked again: longer than going back takes to show in the log.
pub const ASK_AGAIN_MS: i64 = 30_000;

/// What one partition's reader has asked for.
///
/// ```text
/// log      1.1   3.1   4.1 │ 5.1    tick        2.1   3.1   4.1   5.1
/// reader   held  gap   gap │ ask    –           held  held  held  held
///                          └ end as of start: behind it the remedy cannot lie already
/// ```
#[derive(Debug)]
pub struct Asks {
    /// Where the log ended when its reader started.
    from: Offset,
    asked: Vec<Asked>,
}

#[derive(Debug)]
struct Asked {
    gap: Gap,
    /// Where the log ended when it was asked: the answer lies behind.
    end: Offset,
    /// Wall time of the first tick behind it.
    since_ms: Option<i64>,
}

impl Asks {
    /// Of a reader that starts when the log ends at `end`.
    #[must_use]
    pub fn new(end: Offset) -> Asks {
        Asks { from: end, asked: Vec::new() }
    }

    /// Which of the holes open after the frame before `next` are to be asked for now. `tick_ms` is the wall time of that
    /// frame's tick, if it had one. Each is to be followed by [`Asks::note`].
    pub fn due(&mut self, next: Offset, tick_ms: Option<i64>, open: impl Iterator<Item = Gap>) -> Vec<Gap> {
        let open: Vec<Gap> = open.collect();
        self.asked.retain(|asked| open.contains(&asked.gap));
        if next < self.from {
            return Vec::new();
        }
        let is_due = |gap: &Gap| match self.asked.iter_mut().find(|asked| asked.gap == *gap) {
            None => true,
            Some(asked) if next < asked.end => false,
            Some(asked) => tick_ms.is_some_and(|now| {
                let since = *asked.since_ms.get_or_insert(now);
                now.saturating_sub(since) >= ASK_AGAIN_MS
            }),
        };
        open.into_iter().filter(is_due).collect()
    }

    /// Whether a hole was asked for before and is still open.
    #[must_use]
    pub fn is_asked(&self, gap: &Gap) -> bool {
        self.asked.iter().any(|asked| asked.gap == *gap)
    }

    /// Notes that a hole is asked for, by a message sent when the log ended at `end`.
    pub fn note(&mut self, gap: Gap, end: Offset) {
        self.asked.retain(|asked| asked.gap != gap);
        self.asked.push(Asked { gap, end, since_ms: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_log::{OriginId, Position};

    const A: Gap = Gap { origin: OriginId(1), expected_after: Position { offset: 5, seq: 1 } };
    const B: Gap = Gap { origin: OriginId(2), expected_after: Position { offset: 9, seq: 1 } };

    /// Asks for what is due, as its reader does; the log ends at `end`.
    fn ask(asks: &mut Asks, next: u64, tick_ms: Option<i64>, open: &[Gap], end: u64) -> Vec<Gap> {
        let due = asks.due(Offset(next), tick_ms, open.iter().copied());
        for gap in &due {
            asks.note(*gap, Offset(end));
        }
        due
    }

    #[test]
    fn a_hole_is_asked_for_once_and_only_at_the_logs_end_as_of_start() {
        let mut asks = Asks::new(Offset(10));
        assert_eq!(ask(&mut asks, 7, Some(0), &[A], 12), []);
        assert_eq!(ask(&mut asks, 9, Some(0), &[], 12), [], "healed further on");
        assert_eq!(ask(&mut asks, 10, None, &[B], 12), [B]);
        for next in 11..100 {
            assert_eq!(ask(&mut asks, next, Some(0), &[B], 12), []);
        }
        assert_eq!(ask(&mut asks, 100, None, &[B, A], 12), [A], "another hole is asked for at once");
    }

    #[test]
    fn it_is_asked_for_again_after_a_wait_that_starts_behind_the_question() {
        let mut asks = Asks::new(Offset(0));
        let hour = 3_600_000;
        assert_eq!(ask(&mut asks, 1, Some(0), &[A], 50), [A]);
        assert_eq!(ask(&mut asks, 49, Some(hour), &[A], 60), [], "these ticks are older than the question");
        assert_eq!(ask(&mut asks, 50, None, &[A], 60), []);
        assert_eq!(ask(&mut asks, 51, Some(2 * hour), &[A], 60), []);
        assert_eq!(ask(&mut asks, 52, Some(2 * hour + ASK_AGAIN_MS - 1), &[A], 60), []);
        assert_eq!(ask(&mut asks, 53, Some(2 * hour + ASK_AGAIN_MS), &[A], 60), [A]);
        assert_eq!(ask(&mut asks, 60, Some(3 * hour), &[A], 70), []);
    }

    #[test]
    fn a_hole_that_opens_again_is_another() {
        let mut asks = Asks::new(Offset(0));
        let later = Gap { expected_after: Position { offset: 6, seq: 1 }, ..A };
        assert_eq!(ask(&mut asks, 1, Some(0), &[A], 2), [A]);
        assert_eq!(ask(&mut asks, 2, Some(0), &[later], 3), [later]);
        assert!(asks.is_asked(&later) && !asks.is_asked(&A));
    }
}
