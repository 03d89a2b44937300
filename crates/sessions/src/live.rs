//! The live events of a chain, in total order. Few lie in one piece. Many lie in runs: a hot visitor's late event is sorted in by
//! moving what comes after it in its run, not a million events, for which every other visitor of the partition would wait.
//!
//! ```text
//!  ●●●●●●●● │ ●●●●●● │ ●●●●●●● │ ●●●●        a run that is full is halved; the last one is followed by another
//!                 ▲
//!                 ◌
//! ```
//!
//! Those of a quiet visitor may be away, on disk. Of them the ends are known; who wants the others has them come back first.

use crate::away::Away;
use crate::event::{Event, Order};
use crumbtrail_events::EventTime;
use std::borrow::Cow;
use std::{io, slice};

/// Events in total order.
#[derive(Clone, Debug)]
pub(crate) enum Live {
    /// In one piece.
    Few(Vec<Event>),
    /// Not so.
    Many(Box<Many>),
}

/// What few chains have, or those that wait: where it is told apart, nobody's next event is held up.
#[derive(Clone, Debug)]
pub(crate) enum Many {
    /// In runs.
    Here(Runs),
    /// On disk.
    Away(Away),
}

impl Many {
    fn here(&self) -> &Runs {
        match self {
            Many::Here(runs) => runs,
            Many::Away(_) => panic!("events that are away come back before they are read"),
        }
    }

    fn here_mut(&mut self) -> &mut Runs {
        match self {
            Many::Here(runs) => runs,
            Many::Away(_) => panic!("events that are away come back before they are changed"),
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            // Counting the room in a million events' runs at every event would cost more than it tells.
            Many::Here(Runs { runs, len }) => len * size_of::<Event>() + runs.capacity() * size_of::<Vec<Event>>(),
            Many::Away(_) => size_of::<Many>(),
        }
    }

    /// The first or the last one.
    fn end<'a>(
        &'a self,
        of: impl Fn(&'a Away) -> &'a Event,
        or: impl Fn(&'a [Vec<Event>]) -> Option<&'a Event>,
    ) -> Option<&'a Event> {
        match self {
            Many::Here(Runs { runs, .. }) => or(runs),
            Many::Away(away) => Some(of(away)),
        }
    }
}

/// Runs, none of them empty, and how many events they have together.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    runs: Vec<Vec<Event>>,
    len: usize,
}

/// Most events of a run.
const FULL: usize = 512;
/// Most events in one piece.
const FEW: usize = 2 * FULL;

impl Default for Live {
    fn default() -> Live {
        Live::Few(Vec::new())
    }
}

/// Room for one event more: most sessions are short, so 1, 2, 4, 6, 8, then a quarter more than there are; in runs an eighth.
fn make_room(events: &mut Vec<Event>, many: usize) {
    if events.len() == events.capacity() {
        events.reserve_exact(match events.len() {
            0 | 1 => 1,
            2..8 => 2,
            len => len / many,
        });
    }
}

impl Live {
    #[inline]
    fn runs(&self) -> &[Vec<Event>] {
        match self {
            Live::Few(events) => slice::from_ref(events),
            Live::Many(many) => &many.here().runs,
        }
    }

    #[inline]
    fn runs_mut(&mut self) -> &mut [Vec<Event>] {
        match self {
            Live::Few(events) => slice::from_mut(events),
            Live::Many(many) => &mut many.here_mut().runs,
        }
    }

    /// Sorted events, in memory.
    pub(crate) fn of(events: Vec<Event>) -> Live {
        if events.len() <= FEW {
            return Live::Few(events);
        }
        let runs = events.chunks(FULL).map(<[Event]>::to_vec).collect();
        Live::in_runs(runs, events.len())
    }

    fn in_runs(runs: Vec<Vec<Event>>, len: usize) -> Live {
        Live::Many(Box::new(Many::Here(Runs { runs, len })))
    }

    /// Events on disk.
    pub(crate) fn elsewhere(away: Away) -> Live {
        Live::Many(Box::new(Many::Away(away)))
    }

    /// Where they lie on disk, if they do.
    pub(crate) fn away(&self) -> Option<&Away> {
        match self {
            Live::Few(_) => None,
            Live::Many(many) => match &**many {
                Many::Here(_) => None,
                Many::Away(away) => Some(away),
            },
        }
    }

    /// All of them, read if they are away.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn whole(&self) -> io::Result<Cow<'_, Live>> {
        match self.away() {
            Some(away) => Ok(Cow::Owned(Live::of(away.read()?))),
            None => Ok(Cow::Borrowed(self)),
        }
    }

    /// An empty one with room for so many, as if they had come one by one.
    pub(crate) fn with_room(events: usize) -> Live {
        let room = if events <= 8 { events + usize::from(events > 2 && events % 2 == 1) } else { events.min(FEW) };
        Live::Few(Vec::with_capacity(room))
    }

    /// How many there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Live::Few(events) => events.len(),
            Live::Many(many) => match &**many {
                Many::Here(runs) => runs.len,
                Many::Away(away) => away.len(),
            },
        }
    }

    /// The first one.
    #[inline]
    pub(crate) fn first(&self) -> Option<&Event> {
        match self {
            Live::Few(events) => events.first(),
            Live::Many(many) => many.end(|away| &away.first, |runs| runs.first()?.first()),
        }
    }

    /// The last one.
    #[inline]
    pub(crate) fn last(&self) -> Option<&Event> {
        match self {
            Live::Few(events) => events.last(),
            Live::Many(many) => many.end(|away| &away.last, |runs| runs.last()?.last()),
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Event> + Clone {
        self.runs().iter().flatten()
    }

    /// Those from a place on.
    pub(crate) fn rest(&self, place: usize) -> impl Iterator<Item = &Event> {
        let (run, at) = self.find(place);
        let runs = &self.runs()[run..];
        let first = runs.first().map_or(&[][..], |events| &events[at..]);
        first.iter().chain(runs.get(1..).unwrap_or_default().iter().flatten())
    }

    /// Those from a place on.
    pub(crate) fn rest_mut(&mut self, place: usize) -> impl Iterator<Item = &mut Event> {
        let (run, at) = self.find(place);
        let mut runs = self.runs_mut()[run..].iter_mut();
        let first = runs.next().map_or(&mut [][..], |events| &mut events[at..]);
        first.iter_mut().chain(runs.flatten())
    }

    /// The run of a place, and the place within it.
    fn find(&self, place: usize) -> (usize, usize) {
        let mut at = place;
        for (run, events) in self.runs().iter().enumerate() {
            if at < events.len() {
                return (run, at);
            }
            at -= events.len();
        }
        (self.runs().len(), 0)
    }

    /// The run in which what stands at `order` belongs, and its place within it.
    #[inline]
    fn spot(&self, order: Order) -> (usize, usize) {
        let runs = self.runs();
        let begins_before = |events: &Vec<Event>| events.first().is_some_and(|first| first.order() <= order);
        let run = if runs.len() == 1 { 0 } else { runs.partition_point(begins_before).saturating_sub(1) };
        (run, runs[run].partition_point(|other| other.order() < order))
    }

    /// How many stand before `order`.
    pub(crate) fn place_of(&self, order: Order) -> usize {
        let (run, at) = self.spot(order);
        self.runs()[..run].iter().map(Vec::len).sum::<usize>() + at
    }

    /// The one at `order`.
    pub(crate) fn at(&self, order: Order) -> Option<&Event> {
        let (run, at) = self.spot(order);
        self.runs()[run].get(at).filter(|event| event.order() == order)
    }

    /// The one at `order`.
    pub(crate) fn at_mut(&mut self, order: Order) -> Option<&mut Event> {
        let (run, at) = self.spot(order);
        self.runs_mut()[run].get_mut(at).filter(|event| event.order() == order)
    }

    /// Those from a time on.
    pub(crate) fn since(&self, at: EventTime) -> impl Iterator<Item = &Event> {
        let (run, place) = self.spot(Order { at, ..Order::FIRST });
        let runs = self.runs();
        runs[run][place..].iter().chain(runs[run + 1..].iter().flatten())
    }

    /// The one with this id and time.
    pub(crate) fn find_at(&self, at: EventTime, id: u64) -> Option<&Event> {
        self.since(at).take_while(|event| event.at() == at).find(|event| event.id == id)
    }

    /// Adds an event at its place.
    #[inline]
    pub(crate) fn insert(&mut self, event: Event) {
        match self {
            Live::Few(events) if events.len() < FEW => {
                make_room(events, 4);
                let order = event.order();
                match events.last() {
                    Some(last) if last.order() > order => {
                        events.insert(events.partition_point(|other| other.order() < order), event);
                    }
                    _ => events.push(event),
                }
            }
            _ => self.insert_many(event),
        }
    }

    #[cold]
    fn insert_many(&mut self, event: Event) {
        let (order, is_last) = (event.order(), self.last().is_none_or(|last| last.order() <= event.order()));
        let (run, at) = self.spot(order);
        let many = match self {
            Live::Many(many) => many.here_mut(),
            Live::Few(events) => {
                let runs = events.chunks(FULL).map(<[Event]>::to_vec).collect();
                *self = Live::in_runs(runs, events.len());
                return self.insert_many(event);
            }
        };
        many.len += 1;
        if many.runs[run].len() < FULL {
            make_room(&mut many.runs[run], 8);
            many.runs[run].insert(at, event);
        } else if is_last {
            let mut next = Vec::with_capacity(FULL);
            next.push(event);
            many.runs.push(next);
        } else {
            let mut second = many.runs[run].split_off(FULL / 2);
            many.runs[run].shrink_to_fit();
            let (half, at) = if at <= FULL / 2 { (&mut many.runs[run], at) } else { (&mut second, at - FULL / 2) };
            half.insert(at, event);
            many.runs.insert(run + 1, second);
        }
    }

    /// Takes out the one at `order`.
    pub(crate) fn remove(&mut self, order: Order) -> Option<Event> {
        let (run, at) = self.spot(order);
        if self.runs()[run].get(at)?.order() != order {
            return None;
        }
        let event = self.runs_mut()[run].remove(at);
        if let Live::Many(many) = self {
            let many = many.here_mut();
            many.len -= 1;
            if many.runs[run].is_empty() {
                many.runs.remove(run);
            }
        }
        self.settle();
        Some(event)
    }

    /// Takes out those from a place on.
    pub(crate) fn split_off(&mut self, place: usize) -> Live {
        let (run, at) = self.find(place);
        let mut tail = match self {
            Live::Few(events) => return Live::Few(events.split_off(place)),
            Live::Many(many) => {
                let many = many.here_mut();
                let mut runs = many.runs.split_off(run);
                if at > 0
                    && let Some(first) = runs.first_mut()
                {
                    let rest = first.split_off(at);
                    many.runs.push(std::mem::replace(first, rest));
                }
                let len = many.len - place;
                many.len = place;
                Live::in_runs(runs, len)
            }
        };
        self.settle();
        tail.settle();
        tail
    }

    /// Takes out the first ones.
    pub(crate) fn take_first(&mut self, count: usize) -> Live {
        let rest = self.split_off(count);
        let mut first = std::mem::replace(self, rest);
        if let (Live::Few(first), Live::Few(rest)) = (&mut first, self) {
            // Which of the two has the room is of no matter: neither keeps much more than it needs.
            rest.shrink_to(rest.len() + rest.len() / 4);
            first.shrink_to_fit();
        }
        first
    }

    /// Puts what is few again into one piece.
    fn settle(&mut self) {
        if let Live::Many(many) = self
            && many.here().len <= FULL
        {
            *self = Live::Few(many.here().runs.concat());
        }
    }

    /// Bytes on the heap.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Live::Few(events) => events.capacity() * size_of::<Event>(),
            Live::Many(many) => many.heap_bytes(),
        }
    }
}

const _: () = assert!(size_of::<Live>() == 24);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::away::Packs;
    use crumbtrail_events::Kind;
    use crumbtrail_scratch::Scratch;

    fn event(at: i64) -> Event {
        Event::new(EventTime(at), at as u64, Kind::Click)
    }

    fn times(live: &Live) -> Vec<i64> {
        live.iter().map(|event| event.at().0).collect()
    }

    /// What a plain sorted list would say.
    fn check(live: &Live, expected: &[i64]) {
        assert_eq!(times(live), expected);
        assert_eq!(live.len(), expected.len());
        assert_eq!(live.first().map(|event| event.at().0), expected.first().copied());
        assert_eq!(live.last().map(|event| event.at().0), expected.last().copied());
        if let Live::Many(many) = live {
            assert!(many.here().runs.iter().all(|run| !run.is_empty() && run.len() <= FULL));
        }
        for place in [0, 1, FULL - 1, FULL, FULL + 1, expected.len() / 2, expected.len()] {
            let Some(rest) = expected.get(place..) else { continue };
            assert!(live.rest(place).map(|event| event.at().0).eq(rest.iter().copied()), "from {place}");
            assert!(live.clone().rest_mut(place).map(|event| event.at().0).eq(rest.iter().copied()), "from {place}");
            if let Some(&at) = rest.first() {
                assert_eq!(live.place_of(event(at).order()), place);
                assert_eq!(live.at(event(at).order()), Some(&event(at)));
                assert_eq!(live.find_at(EventTime(at), at as u64), Some(&event(at)));
                assert_eq!(live.find_at(EventTime(at), at as u64 + 1), None);
            }
        }
    }

    #[test]
    fn events_stand_in_order_however_they_come_and_go() {
        // 7919 shares no factor with their number, so each comes once.
        for step in [1, 7_919, 19_999] {
            let (mut live, mut expected) = (Live::default(), Vec::new());
            for n in 0..20_000 {
                let at = n * step % 20_000;
                live.insert(event(at));
                expected.push(at);
                if n % 977 == 0 || n == 19_999 {
                    expected.sort_unstable();
                    check(&live, &expected);
                }
            }
            for n in (0..20_000).filter(|n| n % 20 != 0) {
                assert_eq!(live.remove(event(n).order()), Some(event(n)));
                assert_eq!(live.remove(event(n).order()), None);
            }
            expected.retain(|n| n % 20 == 0);
            check(&live, &expected);
        }
    }

    #[test]
    fn those_that_are_away_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::new(folder.path().to_owned());
        let mut packs = Packs::default();
        let mut filling = packs.begin();
        let counts = [1, 20, FULL, FEW, FEW + 1, 5_000];
        let lives = counts.map(|count| {
            let mut live = Live::default();
            (0..count as i64).for_each(|at| live.insert(event(at * 7)));
            (filling.put(live.iter()), live)
        });
        let pack = packs.end(filling, &mut scratch).unwrap();
        for (at, live) in lives {
            let ends = (*live.first().unwrap(), *live.last().unwrap());
            let away = Live::elsewhere(Away::new(&pack, at, ends, live.len()));
            assert!(away.away().is_some() && away.heap_bytes() < 100);
            assert_eq!((away.len(), away.first(), away.last()), (live.len(), live.first(), live.last()));
            check(&away.whole().unwrap(), &times(&live));
            check(&away.clone().whole().unwrap(), &times(&live));
        }
        let bytes: usize = counts.into_iter().map(|count| count * 32 + 8).sum();
        assert_eq!(packs.bytes_on_disk(), bytes);
        drop(pack);
        assert_eq!(packs.bytes_on_disk(), 0, "of which no chain needs anything");
    }

    #[test]
    fn a_part_is_taken_out_of_either_end() {
        for count in [0, 1, 3, FULL, FULL + 1, FEW, FEW + 1, 5_000] {
            let all: Vec<i64> = (0..count as i64).collect();
            for place in [0, 1, FULL - 1, FULL, FULL + 1, count / 2, count].into_iter().filter(|&n| n <= count) {
                let mut live = Live::default();
                all.iter().for_each(|&at| live.insert(event(at)));
                let mut other = live.clone();
                let tail = live.split_off(place);
                check(&live, &all[..place]);
                check(&tail, &all[place..]);
                let first = other.take_first(place);
                check(&first, &all[..place]);
                check(&other, &all[place..]);
            }
        }
    }
}
