//! A chain: the events of one key and class that the gap connects, from which its sessions are computed anew.
//!
//! Events are kept one by one, in total order (*live*), for every cut follows from that order. Only where a chain has
//! more than [`crate::rules::Rules::kept_events`] behind the horizon, those before them are folded into a sum (*base*) whose cuts stand: what
//! comes to be sorted before its end is late. Ids of folded events are kept as long as the sum is open, to know repeats.
//!
//! ```text
//!                          horizon = watermark − lateness
//!  base (a sum)   live events, in total order
//!  ███████████████● ●●●  ● │● ●   ●●  ●        ●
//!                 └─ kept ─┘
//! ```

use crate::conversation;
use crate::event::{Event, Order};
use crate::intern::Interner;
use crate::live::Live;
use crate::places::Places;
use crate::rows::Cut;
use crate::rules::Limits;
use crate::session;
use crate::told::Told;
use crumbtrail_events::EventTime;
use crumbtrail_events::vocabulary::Channel;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// What a chain is about: events of different classes never meet. Codes are stored in snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Class(pub(crate) u8);

impl Class {
    /// Sessions of people.
    pub(crate) const PERSON: Class = Class(0);
    /// Sessions of robots.
    pub(crate) const ROBOT: Class = Class(1);
    /// A conversation with an id.
    pub(crate) const CASE: Class = Class(2);

    /// Conversations without an id, on one channel.
    pub(crate) fn talk(channel: Channel) -> Class {
        Class(32 + channel as u8)
    }

    /// Whether its rows are sessions (else conversations).
    pub(crate) fn is_session(self) -> bool {
        self <= Class::ROBOT
    }

    /// The silence that separates two chains.
    pub(crate) fn gap_ms(self, limits: &Limits) -> i64 {
        match self {
            Class::CASE => limits.conversation_memory_ms,
            _ if self.is_session() => limits.gap_ms,
            _ => limits.conversation_gap_ms,
        }
    }

    /// The silence after which the chain's rows are final.
    pub(crate) fn settle_ms(self, limits: &Limits) -> i64 {
        if self == Class::CASE { limits.conversation_gap_ms } else { self.gap_ms(limits) }
    }

    /// The channel of a talk.
    pub(crate) fn channel(self) -> Channel {
        self.0.checked_sub(32).and_then(Channel::from_code).unwrap_or_default()
    }
}

/// Hashes of ids are hashes already.
#[derive(Clone, Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxhash_rust::xxh3::xxh3_64(bytes);
    }
    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }
}

/// A set of ids.
pub(crate) type Ids = HashSet<u64, BuildHasherDefault<IdHasher>>;

/// The sum of the folded events.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Base {
    /// Of the session that was open at the horizon.
    Session(Box<session::Summary>),
    /// Of a conversation.
    Conversation(Box<conversation::Summary>),
}

/// What few chains need.
#[derive(Clone, Debug)]
pub(crate) struct Rare {
    /// The folded events.
    pub(crate) base: Option<Base>,
    /// Sessions whose end was folded: their last row is due at the next tick.
    pub(crate) done: Vec<(session::Summary, Cut)>,
    /// First events of rows that were emitted and are to be taken back.
    pub(crate) stale: Vec<Order>,
    /// The last of the folded events: what would come before it is late.
    pub(crate) folded_to: Order,
    /// Ids of the folded events of the base.
    pub(crate) folded: Ids,
    /// Where the live events stand, if there are more than [`Chain::SCANNED`]; not stored.
    pub(crate) places: Places,
    /// First events of the rows last said; not stored.
    pub(crate) heads: Vec<Order>,
    /// Time of the earliest event that has come since rows were last said, up to where that has got.
    pub(crate) changed_from: EventTime,
    /// How far the rows of a long chain have been said.
    pub(crate) told: Option<Box<Told>>,
}

impl Default for Rare {
    fn default() -> Rare {
        Rare {
            base: None,
            done: Vec::new(),
            stale: Vec::new(),
            folded_to: Order::FIRST,
            folded: Ids::default(),
            places: Places::default(),
            heads: Vec::new(),
            changed_from: EventTime::MIN,
            told: None,
        }
    }
}

/// A chain.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    /// Events one by one, in total order.
    pub(crate) live: Live,
    /// The rest.
    pub(crate) rare: Option<Box<Rare>>,
    /// A bit for each id it knows, and maybe for some it has forgotten: most chains don't know most ids. Not stored.
    filter: u32,
    /// Its class.
    pub(crate) class: Class,
    /// Its rows are not what was emitted last.
    pub(crate) is_dirty: bool,
    /// A final row was emitted and nothing came since (conversations with an id outlive that).
    pub(crate) is_settled: bool,
}

impl Chain {
    /// Up to so many live events, a repeat is looked for by reading them all.
    pub(crate) const SCANNED: usize = 48;

    /// A chain without events.
    pub(crate) fn new(class: Class) -> Chain {
        Chain { live: Live::default(), rare: None, filter: 0, class, is_dirty: false, is_settled: false }
    }

    /// The rare part, made if need be.
    pub(crate) fn rare(&mut self) -> &mut Rare {
        if self.rare.is_none() {
            self.rare = Some(Box::default());
            self.find_heads();
        }
        self.rare.get_or_insert_default()
    }

    fn base(&self) -> Option<&Base> {
        self.rare.as_ref().and_then(|rare| rare.base.as_ref())
    }

    fn base_span(&self) -> Option<(Order, EventTime)> {
        self.base().map(|base| match base {
            Base::Session(sum) => (sum.open.start, sum.open.last),
            Base::Conversation(sum) => (sum.begin(), sum.end()),
        })
    }

    /// Times of its first and last event.
    pub(crate) fn span(&self) -> (EventTime, EventTime) {
        let live = match (self.live.first(), self.live.last()) {
            (Some(first), Some(last)) => Some((first.at(), last.at())),
            _ => None,
        };
        match (self.base_span(), live) {
            (Some((start, end)), Some((first, last))) => (start.at.min(first), end.max(last)),
            (Some((start, end)), None) => (start.at, end),
            (None, Some(span)) => span,
            (None, None) => (EventTime::MAX, EventTime::MIN),
        }
    }

    /// Whether an event with this id is among those it still knows.
    #[inline]
    pub(crate) fn knows(&self, id: u64) -> bool {
        self.filter & filter_bit(id) != 0 && self.finds(id)
    }

    fn finds(&self, id: u64) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.folded.contains(&id)) || self.live_event(id).is_some()
    }

    /// Adds a live event at its place.
    pub(crate) fn insert(&mut self, event: Event) {
        self.filter |= filter_bit(event.id);
        self.live.insert(event);
        if self.live.len() == Chain::SCANNED + 1 {
            let places = Places::of(&self.live);
            self.rare().places = places;
        } else if self.live.len() > Chain::SCANNED {
            self.rare().places.insert(&event);
        }
        if let Some(rare) = &mut self.rare {
            rare.changed(&event);
        }
    }

    /// Takes out the live event with this id, as if it had never come; `None` if there is none. A row that it
    /// begins is the caller's to take back.
    pub(crate) fn take(&mut self, id: u64) -> Option<Event> {
        let order = self.live_event(id)?.order();
        let event = self.live.remove(order)?;
        let is_long = self.live.len() > Chain::SCANNED;
        let rare = self.rare();
        if is_long {
            rare.places.remove(&event);
        } else {
            rare.places = Places::default();
        }
        rare.begin_anew();
        rare.changed(&event);
        self.is_dirty = true;
        self.find_heads();
        Some(event)
    }

    /// Splits off what the gap no longer connects with its beginning, once an event was taken out.
    pub(crate) fn split_off(&mut self, gap_ms: i64) -> Option<Chain> {
        let mut last = self.base_span().map(|(_, end)| end);
        let at = self.live.iter().position(|event| {
            let before = last.replace(event.at());
            before.is_some_and(|before| event.at().since(before) > gap_ms)
        })?;
        let mut tail = Chain::new(self.class);
        tail.live = self.live.split_off(at);
        tail.is_dirty = true;
        if let Some(rare) = &mut self.rare {
            rare.places = Places::default();
            rare.begin_anew();
            // The row of the session that is split stands for both parts. As the later one may be said before that has been said
            // anew, it is taken back.
            let split = rare.heads.iter().rfind(|&&head| self.live.last().is_some_and(|last| head <= last.order()));
            if let Some(&head) = split {
                rare.stale.push(head);
                match (self.live.at_mut(head), &mut rare.base) {
                    (Some(event), _) => event.flags &= !Event::EMITTED,
                    (None, Some(Base::Session(sum))) => sum.is_emitted = false,
                    (None, _) => {}
                }
            }
            // What is to be taken back stays with its event, which may yet begin a row again.
            let moved = rare.stale.extract_if(.., |begin| tail.live_event(begin.id).is_some()).collect();
            tail.rare().stale = moved;
        }
        self.rebuild();
        tail.rebuild();
        Some(tail)
    }

    /// The live event with this id.
    pub(crate) fn live_event(&self, id: u64) -> Option<&Event> {
        match &self.rare {
            Some(rare) if self.live.len() > Chain::SCANNED => rare.places.find(id, &self.live),
            _ => self.live.iter().find(|event| event.id == id),
        }
    }

    /// Whether what stands at `order` would have to be sorted in before events that were folded.
    pub(crate) fn is_folded_past(&self, order: Order) -> bool {
        self.rare.as_ref().is_some_and(|rare| order < rare.folded_to)
    }

    /// Takes in the events of another chain of its class. One of them at most has a base: whatever joins two chains comes
    /// before all of the later one, and would be late if that was folded.
    pub(crate) fn absorb(&mut self, other: Chain) {
        self.is_settled = false;
        self.filter |= other.filter;
        if let Some(ours) = &mut self.rare {
            ours.begin_anew();
        }
        for &event in other.live.iter() {
            self.insert(event);
        }
        if let Some(theirs) = other.rare {
            let ours = self.rare();
            ours.changed_from = EventTime::MIN;
            ours.done.extend(theirs.done);
            ours.stale.extend(theirs.stale);
            ours.folded.extend(theirs.folded);
            ours.folded_to = ours.folded_to.max(theirs.folded_to);
            debug_assert!(ours.base.is_none() || theirs.base.is_none(), "two folded chains never meet");
            ours.base = ours.base.take().or(theirs.base);
        }
        self.find_heads();
    }

    /// The sum of the session open before the live events.
    pub(crate) fn carried(&self) -> Option<&session::Summary> {
        match self.base() {
            Some(Base::Session(sum)) => Some(sum),
            _ => None,
        }
    }

    /// The first event of the session that `order` lies in, as of the last emission; `None` if it lies in none.
    pub(crate) fn head_of(&self, order: Order) -> Option<Order> {
        if let Some(rare) = &self.rare
            && rare.heads.len() > 1
            && let Some(&head) = rare.heads[..rare.heads.partition_point(|&head| head <= order)].last()
        {
            return Some(head);
        }
        match self.base_span() {
            Some((begin, _)) => Some(begin),
            None => self.live.iter().find(|event| event.may_start()).map(Event::order),
        }
        .filter(|&head| head <= order)
    }

    /// Finds the first events of the rows last emitted; those of a chain without a rare part only if there is more than one.
    pub(crate) fn find_heads(&mut self) {
        let base = match self.base() {
            Some(Base::Session(sum)) => sum.is_emitted.then_some(sum.open.start),
            Some(Base::Conversation(sum)) => sum.is_emitted.then_some(sum.begin()),
            None => None,
        };
        let live = self.live.iter().filter(|event| event.has(Event::EMITTED)).map(Event::order);
        let heads = base.into_iter().chain(live);
        if self.rare.is_some() || heads.clone().nth(1).is_some() {
            let heads: Vec<Order> = heads.collect();
            self.rare().heads = heads;
        }
    }

    /// The watermark that, once passed, closes it (or, when it is settled, ends the memory of it).
    pub(crate) fn closes_at(&self, limits: &Limits) -> EventTime {
        let (_, end) = self.span();
        let silence = if self.is_settled { self.class.gap_ms(limits) } else { self.class.settle_ms(limits) };
        end.plus(silence).plus(limits.lateness_ms)
    }

    /// After the final row of a conversation with an id: keeps its sum alone.
    pub(crate) fn settle(&mut self) {
        self.is_settled = true;
        self.live = Live::default();
        if let Some(rare) = &mut self.rare {
            // A repeat of what settled is late.
            rare.folded = Ids::default();
        }
    }

    /// Marks the symbols it holds.
    pub(crate) fn mark(&self, interner: &mut Interner) {
        // Packs know what those that are away name.
        if self.live.away().is_none() {
            self.live.iter().for_each(|event| event.mark(interner));
        }
        if let Some(rare) = &self.rare {
            match &rare.base {
                Some(Base::Session(sum)) => sum.mark(interner),
                Some(Base::Conversation(sum)) => sum.mark(interner),
                None => {}
            }
            rare.done.iter().for_each(|(sum, _)| sum.mark(interner));
            rare.told.iter().filter_map(|told| told.open.as_ref()).for_each(|sum| sum.mark(interner));
        }
    }

    /// Restores what is not stored.
    pub(crate) fn rebuild(&mut self) {
        let folded = self.rare.iter().flat_map(|rare| &rare.folded).copied();
        let ids = self.live.iter().map(|event| event.id).chain(folded);
        self.filter = ids.fold(0, |filter, id| filter | filter_bit(id));
        if self.live.len() > Chain::SCANNED {
            let places = Places::of(&self.live);
            self.rare().places = places;
        }
        self.find_heads();
    }

    /// Bytes it holds on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let rare = self.rare.as_ref().map_or(0, |rare| {
            let base = match &rare.base {
                Some(Base::Session(_)) => size_of::<session::Summary>(),
                Some(Base::Conversation(sum)) => size_of::<conversation::Summary>() + sum.heap_bytes(),
                None => 0,
            };
            size_of::<Rare>()
                + base
                + rare.done.capacity() * size_of::<(session::Summary, Cut)>()
                + (rare.stale.capacity() + rare.heads.capacity()) * size_of::<Order>()
                + rare.folded.capacity() * 10
                + rare.places.heap_bytes()
                + rare.told.as_ref().map_or(0, |_| size_of::<Told>())
        });
        self.live.heap_bytes() + rare
    }
}

const _: () = assert!(size_of::<Chain>() <= 40);

/// The bit of an id, a hash, in a chain's filter.
#[inline]
fn filter_bit(id: u64) -> u32 {
    1 << (id & 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rules;
    use crumbtrail_events::Kind;

    fn event(at: i64) -> Event {
        Event::new(EventTime(at), at as u64, Kind::Click)
    }

    #[test]
    fn events_stand_in_total_order_however_they_come() {
        let mut chain = Chain::new(Class::PERSON);
        for at in [5, 1, 9, 7, 3] {
            chain.insert(event(at));
        }
        assert_eq!(chain.live.iter().map(|e| e.at().0).collect::<Vec<_>>(), [1, 3, 5, 7, 9]);
        assert_eq!(chain.span(), (EventTime(1), EventTime(9)));
        assert!(chain.knows(7) && !chain.knows(8));
    }

    #[test]
    fn repeats_are_known_in_long_and_in_folded_chains() {
        let (mut chain, interner) = (Chain::new(Class::PERSON), Interner::new());
        (0..200).for_each(|at| chain.insert(event(at)));
        let all_known = |chain: &Chain| (0..200).all(|id| chain.knows(id)) && !chain.knows(200);
        assert!(all_known(&chain));
        chain.fold(120, &Rules::default(), &interner);
        assert_eq!(chain.live.len(), 80);
        assert!(all_known(&chain));
        chain.fold(79, &Rules::default(), &interner);
        assert!(all_known(&chain));
        assert_eq!(chain.span(), (EventTime(0), EventTime(199)));
    }

    #[test]
    fn a_chain_without_its_bridge_is_two() {
        let mut chain = Chain::new(Class::PERSON);
        [0, 10, 20, 30, 31].into_iter().for_each(|at| chain.insert(event(at)));
        assert!(chain.split_off(10).is_none());
        chain.take(20);
        let tail = chain.split_off(10).unwrap();
        assert_eq!((chain.span(), tail.span()), ((EventTime(0), EventTime(10)), (EventTime(30), EventTime(31))));
        assert!(chain.split_off(10).is_none() && tail.knows(31) && !chain.knows(31));
    }

    #[test]
    fn an_event_taken_out_leaves_no_trace() {
        let mut chain = Chain::new(Class::PERSON);
        (0..60).for_each(|at| chain.insert(event(at)));
        chain.live.rest_mut(5).take(1).for_each(|event| event.flags = Event::EMITTED);
        assert_eq!(chain.take(5).map(|event| (event.at(), event.flags)), Some((EventTime(5), Event::EMITTED)));
        assert!(!chain.knows(5) && chain.knows(6) && chain.take(5).is_none());
        (6..40).for_each(|id| assert!(chain.take(id).is_some()));
        assert!((40..60).all(|id| chain.knows(id)) && !chain.knows(39));
    }
}
