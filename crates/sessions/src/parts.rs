//! How far the rows of a long chain have been said. To cut and sum up a hot visitor's million events at one tick would hold up every
//! other visitor of the partition. So of each chain a tick takes a part of [`crate::RuleBook::events_a_tick`] events at most, and remembers
//! where it stopped and the sum of the session open there: at the next tick it goes on, until the end is reached. Then it rests there, and
//! what is added at the end costs what it is. What is sorted in before that place is noted, and has it begin anew at the row it falls into.
//!
//! ```text
//!  tick 1       │ tick 2       │ tick 3    │          a part each; a row once its last event is behind it
//!  ●●●●●●●●●●●●●●●●●●●●●●●●●●●●●●●●●●●●●●●●●          sums go on across parts
//!  └── session ────┘└──── session ───┘└─open
//! ```
//!
//! Where parts end follows from the events and ticks alone, and what is remembered is in the snapshot: a replay and a restored state
//! say the same rows at the same ticks. Final rows are said of the whole chain, so they know nothing of this.

use crate::chain::{Base, Chain, Rare};
use crate::event::{Event, Order};
use crate::live::Live;
use crate::session::Summary;
use crate::told::Told;
use crate::window::Open;
use crumbtrail_events::EventTime;
use std::ops::Range;

/// The events of which rows are to be said now.
#[derive(Debug)]
pub(crate) struct Part {
    /// Their places among the live events.
    pub(crate) places: Range<usize>,
    /// The session open before them.
    pub(crate) carried: Option<Summary>,
    /// The first of them begins a session that goes on from a longer one.
    pub(crate) continues: bool,
    /// See [`Told::changed_from`].
    changed_from: EventTime,
}

impl Rare {
    /// Notes that an event was added or taken out.
    pub(crate) fn changed(&mut self, event: &Event) {
        let from = match &mut self.told {
            Some(told) if event.order() > told.to => &mut told.changed_from,
            _ => &mut self.changed_from,
        };
        *from = event.at().min(*from);
    }

    /// Forgets how far the chain was said: what has changed since the time before is said from its begin.
    pub(crate) fn begin_anew(&mut self) {
        if let Some(told) = self.told.take() {
            self.changed_from = self.changed_from.min(told.changed_from);
        }
    }

    /// The last head that nothing new precedes: the sessions before it stand as they were said, and so does that one begins there.
    fn head_before(&self, changed_from: EventTime) -> Order {
        let before = self.heads.partition_point(|head| head.at < changed_from);
        before.checked_sub(1).map_or(Order::FIRST, |n| self.heads[n])
    }
}

impl Chain {
    /// The next part, of `most` events; the whole chain if its rows are to be final.
    pub(crate) fn next_part(&mut self, is_final: bool, most: usize) -> Part {
        let len = self.live.len();
        let to = |from: usize| if is_final { len } else { len.min(from + most) };
        let Some(rare) = &mut self.rare else {
            return Part { places: 0..to(0), carried: None, continues: false, changed_from: EventTime::MIN };
        };
        let has_changed = rare.changed_from < EventTime::MAX;
        if let Some(told) = rare.told.take_if(|told| !(is_final || told.rests && has_changed)) {
            let from = self.live.place_of(told.to) + usize::from(self.live.at(told.to).is_some());
            return Part {
                places: from..to(from),
                carried: told.open,
                continues: false,
                changed_from: told.changed_from,
            };
        }
        rare.begin_anew();
        let changed_from = std::mem::replace(&mut rare.changed_from, EventTime::MAX);
        let from = if is_final { 0 } else { self.live.place_of(rare.head_before(changed_from)) };
        let carried = if from == 0 { self.carried().cloned() } else { None };
        let continues = from > 0 && self.live.rest(from).next().is_some_and(|head| head.has(Event::CONTINUES));
        Part { places: from..to(from), carried, continues, changed_from }
    }

    /// Remembers that the rows of a part were said, and the session open behind it.
    pub(crate) fn said(&mut self, part: &Part, open: Option<Summary>, most: usize) {
        let is_whole = part.places.end == self.live.len();
        let last = self.live.rest(part.places.end.saturating_sub(1)).next().map(Event::order);
        if let Some(to) = last
            && self.live.len() > most
        {
            let changed_from = if is_whole { EventTime::MAX } else { part.changed_from };
            self.rare().told = Some(Box::new(Told { to, changed_from, rests: is_whole, open }));
        }
        self.is_dirty = !is_whole || self.rare.as_ref().is_some_and(|rare| rare.changed_from < EventTime::MAX);
    }

    /// Whether the next part of it is due at the next tick.
    pub(crate) fn is_half_said(&self) -> bool {
        self.rare.as_ref().and_then(|rare| rare.told.as_ref()).is_some_and(|told| !told.rests)
    }

    /// Notes that a row of a session was said.
    pub(crate) fn mark_said(&mut self, Open { start, is_continuation, .. }: Open) {
        if let Some(head) = self.live.at_mut(start) {
            head.flags &= !Event::CONTINUES;
            head.flags |= Event::EMITTED | Event::flag(Event::CONTINUES, is_continuation);
        } else if let Some(Base::Session(sum)) = self.rare.as_mut().and_then(|rare| rare.base.as_mut()) {
            debug_assert_eq!(sum.open.start, start, "a row is said of what is there");
            sum.is_emitted = true;
        }
    }

    /// Finds the first events of the rows last said, where only the one before `places` and those within have changed; from 0, the sum's,
    /// too.
    pub(crate) fn find_heads_in(&mut self, places: Range<usize>, before_them: Option<Order>) {
        let order = |live: &Live, place: usize| live.rest(place).next().map(Event::order);
        let (begin, end) = (order(&self.live, places.start), order(&self.live, places.end));
        let Some(rare) = &mut self.rare else { return self.find_heads() };
        let base = match &rare.base {
            Some(Base::Session(sum)) if places.start == 0 && sum.is_emitted => Some(sum.open.start),
            _ => None,
        };
        let before = |order: Option<Order>| {
            order.map_or(rare.heads.len(), |order| rare.heads.partition_point(|&head| head < order))
        };
        let held = if places.start == 0 { 0 } else { before(begin) }..before(end);
        let found = self.live.rest(places.start).take(places.len()).filter(|event| event.has(Event::EMITTED));
        let found: Vec<Order> = base.into_iter().chain(found.map(Event::order)).collect();
        rare.heads.splice(held, found);
        if let Some(start) = before_them
            && let Err(at) = rare.heads.binary_search(&start)
        {
            rare.heads.insert(at, start);
        }
    }
}
