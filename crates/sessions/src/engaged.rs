//! Engaged time, from heartbeats: a page that is looked at pings every so often, and each slot of that length counts once.
//!
//! ```text
//! view            ping   ping ping         ping       heartbeat 10 s, slots by the device's clock
//! │····│····│·····█·····│··█····█··│·······│··█···│
//!                 1        1 (the same slot)  1       3 slots: 5 s + (3 − 1) · 10 s = 25 s engaged
//! ```
//!
//! A ping belongs to the last view before it in its session. The first slot of a view is worth the minimum visit, every
//! further one a heartbeat; a ping without a view before it belongs to a view that was not seen. Views without pings
//! tell nothing. So: heartbeat · (slots − views with pings) + minimum visit · views with pings.

use crate::stored::{Resolve, Stored};
use crumbtrail_events::wire::{Reader, WireError};
use smallvec::SmallVec;

/// Slots of the views of one session.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Engaged {
    /// Of the views that are over: slots, and how many of these views had any.
    slots: u64,
    views: u64,
    /// Slots of the view that is shown: spans from the first to the last, in order, apart from each other. Mostly one.
    runs: SmallVec<[(i64, i64); 1]>,
}

impl Engaged {
    /// Another view is shown.
    pub(crate) fn view(&mut self) {
        (self.slots, self.views) = self.sums();
        self.runs.clear();
    }

    /// A ping at `device_ms` of the device's clock.
    pub(crate) fn ping(&mut self, device_ms: i64, heartbeat_ms: i64) {
        let slot = device_ms.div_euclid(heartbeat_ms.max(1));
        let at = self.runs.partition_point(|&(first, _)| first <= slot);
        let joins_left = at > 0 && self.runs[at - 1].1 >= slot.saturating_sub(1);
        let joins_right = self.runs.get(at).is_some_and(|&(first, _)| first == slot.saturating_add(1));
        match (joins_left, joins_right) {
            (true, true) => {
                self.runs[at - 1].1 = self.runs[at].1;
                self.runs.remove(at);
            }
            (true, false) => self.runs[at - 1].1 = self.runs[at - 1].1.max(slot),
            (false, true) => self.runs[at].0 = slot,
            (false, false) => self.runs.insert(at, (slot, slot)),
        }
    }

    /// Slots, and views with pings.
    fn sums(&self) -> (u64, u64) {
        let now: u64 = self.runs.iter().map(|&(first, last)| first.abs_diff(last) + 1).sum();
        (self.slots + now, self.views + u64::from(now > 0))
    }

    /// Engaged milliseconds.
    pub(crate) fn ms(&self, heartbeat_ms: i64, minimum_visit_ms: i64) -> i64 {
        let (slots, views) = self.sums();
        let times = |n: u64, ms: i64| ms.saturating_mul(i64::try_from(n).unwrap_or(i64::MAX));
        times(slots - views, heartbeat_ms).saturating_add(times(views, minimum_visit_ms))
    }

    /// Appends it to a snapshot.
    pub(crate) fn save(
        &self,
        out: &mut Vec<u8>,
        symbol: &mut dyn FnMut(crate::intern::Symbol) -> crate::intern::Symbol,
    ) {
        (self.slots, self.views).save(out, symbol);
        (self.runs.len() as u32).save(out, symbol);
        self.runs.iter().for_each(|run| run.save(out, symbol));
    }

    /// Reads it back.
    pub(crate) fn load(reader: &mut Reader<'_>, symbol: &Resolve<'_>) -> Result<Engaged, WireError> {
        let (slots, views) = Stored::load(reader, symbol)?;
        let mut runs = SmallVec::new();
        for _ in 0..u32::load(reader, symbol)? {
            runs.push(Stored::load(reader, symbol)?);
        }
        Ok(Engaged { slots, views, runs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: i64 = 10_000;

    /// Engaged ms of the views, each with pings at these times.
    fn engaged(views: &[&[i64]]) -> i64 {
        let mut engaged = Engaged::default();
        for pings in views {
            engaged.view();
            pings.iter().for_each(|&at| engaged.ping(at, SLOT));
        }
        engaged.ms(SLOT, 5_000)
    }

    #[test]
    fn slots_count_once_to_the_millisecond() {
        assert_eq!(engaged(&[&[]]), 0, "views without pings tell nothing");
        assert_eq!(engaged(&[&[9_999]]), 5_000);
        assert_eq!(engaged(&[&[0, 9_999]]), 5_000, "the same slot");
        assert_eq!(engaged(&[&[9_999, 10_000]]), 15_000, "the next slot");
        assert_eq!(engaged(&[&[9_999, 10_000, 10_001]]), 15_000);
        assert_eq!(engaged(&[&[-1, 0]]), 15_000, "before 1970 too");
    }

    #[test]
    fn the_drawn_example() {
        assert_eq!(engaged(&[&[15_000, 21_000, 26_000, 48_000]]), 25_000);
    }

    #[test]
    fn each_view_with_pings_has_its_minimum_visit() {
        assert_eq!(engaged(&[&[5_000, 15_000], &[], &[16_000, 25_000]]), 30_000);
    }

    #[test]
    fn a_stray_ping_belongs_to_a_view_that_was_not_seen() {
        let mut stray = Engaged::default();
        stray.ping(7, SLOT);
        assert_eq!(stray.ms(SLOT, 5_000), 5_000);
        stray.view();
        stray.ping(8, SLOT);
        assert_eq!(stray.ms(SLOT, 5_000), 10_000);
    }

    #[test]
    fn slots_in_any_order_are_the_same_slots() {
        let slots: [i64; 9] = [3, 1, 2, 9, 7, 8, 3, 20, 1];
        for turn in 0..slots.len() {
            let mut engaged = Engaged::default();
            (0..slots.len()).for_each(|i| engaged.ping(slots[(i + turn) % slots.len()] * SLOT, SLOT));
            assert_eq!(engaged.runs.as_slice(), [(1, 3), (7, 9), (20, 20)]);
        }
    }
}
