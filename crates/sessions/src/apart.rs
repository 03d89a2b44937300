//! A hot visitor's late events. To sort one in, all that come after it are moved: for one of a million events, that is a
//! millisecond, and every other visitor of the partition waits. So what belongs far before the end of a long chain is first kept
//! apart, in order, and sorted in together with others, before rows are made or when they are many.
//!
//! ```text
//! live   ● ● ● ● ● ● ● ● ● ● ● ● ● ● ● ● ● ●        each event behind a ◌ moves once, not once for each ◌ before it
//!          ▲     ▲           ▲
//! apart    ◌     ◌           ◌
//! ```

use crate::chain::Chain;
use crate::event::Event;
use std::borrow::Cow;

impl Chain {
    /// Moving more events than these for one is too much.
    pub(crate) const FAR: usize = 1_024;
    /// So many are kept apart at most.
    const MANY: usize = 4_096;

    /// Live events that are not yet sorted in, in total order.
    #[inline]
    pub(crate) fn apart(&self) -> &[Event] {
        self.rare.as_ref().map_or(&[], |rare| &rare.apart)
    }

    /// Keeps an event apart.
    pub(crate) fn set_apart(&mut self, event: Event) {
        let apart = &mut self.rare().apart;
        let at = apart.partition_point(|other| other.order() < event.order());
        apart.insert(at, event);
        if apart.len() >= Chain::MANY {
            self.gather();
        }
    }

    /// Sorts in what is kept apart.
    #[inline]
    pub(crate) fn gather(&mut self) {
        if !self.apart().is_empty() {
            self.sort_in();
        }
    }

    #[cold]
    fn sort_in(&mut self) {
        let mut apart = std::mem::take(&mut self.rare().apart);
        self.make_room(apart.len());
        let mut end = self.live.len();
        self.live.resize(end + apart.len(), Event::default());
        // From the last on: what comes after it moves to the end, by as many places as are still to be filled.
        while let Some(event) = apart.last() {
            let at = self.live[..end].partition_point(|other| other.order() < event.order());
            self.live.copy_within(at..end, at + apart.len());
            self.live[at + apart.len() - 1] = *event;
            end = at;
            apart.pop();
        }
    }

    /// All live events in total order.
    pub(crate) fn events(&self) -> Cow<'_, [Event]> {
        if self.apart().is_empty() {
            return Cow::Borrowed(&self.live);
        }
        let mut events = [&self.live, self.apart()].concat();
        events.sort_by_key(Event::order);
        Cow::Owned(events)
    }

    /// Makes room for more live events: most sessions are short, so 1, 2, 4, 6, 8, then a quarter more than there are.
    pub(crate) fn make_room(&mut self, more: usize) {
        if self.live.capacity() - self.live.len() < more {
            let usual = match self.live.len() {
                0 | 1 => 1,
                2..8 => 2,
                many => many / 4,
            };
            self.live.reserve_exact(usual.max(more));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Class;
    use crumbtrail_events::{EventTime, Kind};

    fn event(at: i64) -> Event {
        Event::new(EventTime(at), at as u64, Kind::Click)
    }

    #[test]
    fn whatever_their_order_they_end_as_if_each_had_been_sorted_in() {
        // 7919 shares no factor with their number, so each comes once.
        let times: Vec<i64> = (0..20_000).map(|n| n * 7_919 % 20_000).collect();
        let mut chain = Chain::new(Class::PERSON);
        let mut has_been_apart = false;
        for (n, &at) in times.iter().enumerate() {
            chain.insert(event(at));
            has_been_apart |= !chain.apart().is_empty();
            if n % 500 == 0 {
                assert!(times[..=n].iter().all(|&at| chain.knows(at as u64)) && !chain.knows(20_000));
                let (start, end) = (times[..=n].iter().min(), times[..=n].iter().max());
                let span = chain.span();
                assert_eq!((Some(&span.0.0), Some(&span.1.0)), (start, end));
                assert_eq!(chain.head_of(event(20_000).order()).map(|head| head.at), Some(span.0));
                let events = chain.events();
                assert!(events.len() == n + 1 && events.is_sorted_by_key(|event| event.order()));
                assert_eq!(chain.live_event(at as u64), Some(&event(at)));
            }
        }
        assert!(has_been_apart);
        assert_eq!(chain.take(9_000), Some(event(9_000)));
        assert!(chain.apart().is_empty() && !chain.knows(9_000));
        assert!(chain.live.iter().map(|event| event.at().0).eq((0..20_000).filter(|&at| at != 9_000)));
    }

    #[test]
    fn a_short_chain_sorts_in_at_once() {
        let mut chain = Chain::new(Class::PERSON);
        (0..1_000).rev().for_each(|at| chain.insert(event(at)));
        assert!(chain.apart().is_empty() && chain.live.is_sorted_by_key(|event| event.order()));
    }
}
