//! Robots by what they do, told by a session's own events: more views in a minute than a person makes, or many views and
//! nothing that a person at a browser does besides.
//!
//! ```text
//! slots of 10 s, views in each     2  0  1  3  1  0  4
//!                                  └──── 7 ─────┘
//!                                     └──── 9 ─────┘      busiest minute: 9
//! ```
//!
//! A minute is six slots in a row of the corrected time's clock, so the count follows from the events alone, however they
//! arrived. Both signs are off unless a site sets where a person ends: what is plain at one site is odd at another.

use crate::event::Event;
use crate::stored::stored_fields;
use crumbtrail_events::Kind;

/// Where a person ends, at one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Page and screen views within a minute that a person still makes; more are a robot's. 0, the default: not looked at.
    pub views_a_minute: u32,
    /// So many page and screen views in [`Pace::alone_ms`] of a session's first, in a session that has nothing else, are a
    /// robot's. 0, the default: not looked at.
    pub views_alone: u32,
    /// How far behind the first view these lie, ms; exactly this far counts. Default 60 s.
    pub alone_ms: i64,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { views_a_minute: 0, views_alone: 0, alone_ms: 60_000 }
    }
}

/// Length of a slot, ms.
const SLOT_MS: i64 = 10_000;
/// Slots of a minute.
const SLOTS: usize = 6;

/// What a session's events show of who made them. Events come in total order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Behaviour {
    /// Views of the last six slots up to `newest`, slot n at place n mod 6.
    recent: [u32; SLOTS],
    newest: i64,
    busiest: u32,
    view_count: u32,
    /// Corrected time of the first view, ms, and the views so far that lie near enough to it.
    first_ms: i64,
    early_count: u32,
    has_deeds: bool,
}

stored_fields!(Behaviour { recent, newest, busiest, view_count, first_ms, early_count, has_deeds });

/// Whether a page or screen tells it by itself when it is shown; everything else is somebody's or a browser's doing.
fn is_shown(kind: Kind) -> bool {
    matches!(kind, Kind::PageView | Kind::ScreenView | Kind::ListView | Kind::ProductView | Kind::CartView)
}

impl Behaviour {
    /// Adds the next event.
    #[inline]
    pub(crate) fn add(&mut self, event: &Event, pace: &Pace) {
        if !matches!(event.kind, Kind::PageView | Kind::ScreenView) {
            // A message sent to somebody is not that somebody's doing.
            self.has_deeds |= event.may_start() && !is_shown(event.kind);
            return;
        }
        let slot = event.at().0.div_euclid(SLOT_MS);
        let place = |slot: i64| slot.rem_euclid(SLOTS as i64) as usize;
        if self.view_count == 0 {
            (self.newest, self.first_ms) = (slot, event.at().0);
        }
        let passed = slot.saturating_sub(self.newest).clamp(0, SLOTS as i64);
        (0..passed).for_each(|back| self.recent[place(slot - back)] = 0);
        self.newest = slot;
        self.recent[place(slot)] += 1;
        self.view_count += 1;
        self.busiest = self.busiest.max(self.recent.iter().sum());
        self.early_count += u32::from(event.at().0.saturating_sub(self.first_ms) <= pace.alone_ms);
    }

    /// Views in the busiest minute.
    pub(crate) fn busiest_minute(&self) -> u32 {
        self.busiest
    }

    /// The signs, by the names they have among the indicators, comma separated.
    pub(crate) fn signs(&self, pace: &Pace) -> &'static str {
        let is_fast = pace.views_a_minute > 0 && self.busiest > pace.views_a_minute;
        let is_alone = pace.views_alone > 0 && self.early_count >= pace.views_alone && !self.has_deeds;
        match (is_fast, is_alone) {
            (true, true) => "rate,no_assets",
            (true, false) => "rate",
            (false, true) => "no_assets",
            (false, false) => "",
        }
    }
}

/// The first of some signs.
pub(crate) fn first_sign(signs: &'static str) -> &'static str {
    signs.split(',').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::EventTime;

    const PACE: Pace = Pace { views_a_minute: 5, views_alone: 4, alone_ms: 60_000 };

    fn behaviour(events: impl IntoIterator<Item = (i64, Kind)>) -> Behaviour {
        let mut all = Behaviour::default();
        events.into_iter().for_each(|(ms, kind)| {
            all.add(&Event::new(EventTime(ms), 0, kind), &PACE);
        });
        all
    }

    fn views(times: &[i64]) -> Behaviour {
        behaviour(times.iter().map(|&ms| (ms, Kind::PageView)))
    }

    #[test]
    fn the_drawn_minute() {
        let counts = [2, 0, 1, 3, 1, 0, 4];
        let times: Vec<i64> = (0..7).flat_map(|slot| vec![slot * SLOT_MS + 5; counts[slot as usize]]).collect();
        assert_eq!(views(&times).busiest_minute(), 9);
        assert_eq!(views(&[]).busiest_minute(), 0);
    }

    #[test]
    fn a_minute_is_six_slots_to_the_millisecond() {
        // Slot 0 to slot 5 is a minute, slot 0 to slot 6 is none.
        assert_eq!(views(&[9_999, 9_999, 50_000]).busiest_minute(), 3);
        assert_eq!(views(&[9_999, 9_999, 59_999]).busiest_minute(), 3);
        assert_eq!(views(&[9_999, 9_999, 60_000]).busiest_minute(), 2);
        assert_eq!(views(&[-1, 0, 49_999]).busiest_minute(), 3, "before 1970 too");
        assert_eq!(views(&[-1, 0, 50_000]).busiest_minute(), 2);
        assert_eq!(views(&[0, 1, 2, i64::MAX]).busiest_minute(), 3);
    }

    #[test]
    fn more_than_the_pace_is_a_robots() {
        assert_eq!(behaviour((0..5).map(|n| (n, Kind::PageView)).chain([(5, Kind::Click)])).signs(&PACE), "");
        assert_eq!(behaviour((0..6).map(|n| (n, Kind::PageView)).chain([(6, Kind::Click)])).signs(&PACE), "rate");
        assert_eq!(views(&[0, 1, 2, 3, 4, 5]).signs(&PACE), "rate,no_assets");
        assert_eq!(first_sign("rate,no_assets"), "rate");
    }

    #[test]
    fn views_and_nothing_else_are_a_robots() {
        let far = [0, 30_000, 60_000, 60_000];
        assert_eq!(views(&far).signs(&PACE), "no_assets", "exactly the time apart counts");
        assert_eq!(views(&[0, 30_000, 60_000, 60_001]).signs(&PACE), "");
        assert_eq!(views(&far[..3]).signs(&PACE), "", "too few");
        let with =
            |kind| behaviour(far.map(|ms| (ms, Kind::PageView)).into_iter().chain([(70_000, kind)])).signs(&PACE);
        for kind in [Kind::ProductView, Kind::ListView, Kind::CartView, Kind::MessageSent] {
            assert_eq!(with(kind), "no_assets", "{kind:?} comes with a page, or to it");
        }
        for kind in [Kind::PagePing, Kind::Click, Kind::Search, Kind::AddToCart, Kind::Custom] {
            assert_eq!(with(kind), "", "{kind:?} is somebody's doing");
        }
    }

    #[test]
    fn nothing_is_a_robots_unless_a_site_says_so() {
        assert_eq!(views(&[0; 1_000]).signs(&Pace::default()), "");
    }
}
