//! The touchpoints of one person that others may still join, or that may still change hands, in (event time, id) order.

use crumbtrail_events::{EventTime, Touchpoint};
use hashbrown::HashSet;

use crate::point::{Context, Detail, Line, NOTHING, PLAIN, Point, Seen, changes_cart};
use crate::snapshot::stored;
use crate::strings::{Strings, Sym};

/// Up to so many touchpoints a repeated id is looked for one by one; beyond, in a set.
const FEW: usize = 32;
/// How many recent contexts a touchpoint is compared with before it gets one of its own.
const RECENT: usize = 4;

/// What became of a touchpoint that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It is new.
    New,
    /// Its id is here already: of the two the older one counts.
    Repeat,
}

/// Nothing changed from here on: behind the last.
const BEHIND: usize = usize::MAX;

/// Pending touchpoints and what belongs to them.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) points: Vec<Point>,
    pub(crate) contexts: Vec<Context>,
    pub(crate) details: Vec<Detail>,
    pub(crate) lines: Vec<Line>,
    ids: Ids,
}
stored!(Pending { points, contexts, details, lines, ids });

/// The set of ids, made when there are many; never stored.
#[derive(Debug, Default)]
struct Ids(Option<Box<HashSet<u64>>>);

impl crate::snapshot::Stored for Ids {
    fn put(&self, _: &mut Vec<u8>) {}
    fn get(_: &mut crumbtrail_events::wire::Reader<'_>) -> Result<Ids, crumbtrail_events::wire::WireError> {
        Ok(Ids(None))
    }
}

impl Pending {
    pub(crate) fn len(&self) -> usize {
        self.points.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The time of the `i`-th.
    pub(crate) fn at(&self, i: usize) -> Option<EventTime> {
        self.points.get(i).map(|point| point.at)
    }

    /// How many are older than `at`.
    pub(crate) fn before(&self, at: EventTime) -> usize {
        self.points.partition_point(|point| point.at < at)
    }

    /// The youngest one's time.
    pub(crate) fn newest(&self) -> Option<EventTime> {
        self.points.last().map(|point| point.at)
    }

    /// The `i`-th with all that belongs to it.
    #[inline]
    pub(crate) fn seen(&self, i: usize) -> Seen<'_> {
        let point = &self.points[i];
        let detail = if point.detail == PLAIN { &NOTHING } else { &self.details[point.detail as usize] };
        let lines = &self.lines[detail.line_start as usize..][..detail.line_count as usize];
        Seen { point, context: &self.contexts[point.context as usize], detail, lines }
    }

    /// Takes in one touchpoint; its name only if a rule asks for names. Gives also the first place that changed.
    pub(crate) fn insert(
        &mut self,
        touchpoint: &Touchpoint<'_>,
        with_name: bool,
        strings: &mut Strings,
    ) -> (Inserted, usize) {
        let head = touchpoint.head;
        let (mut outcome, mut changed) = (Inserted::New, BEHIND);
        if self.holds(head.id) {
            outcome = Inserted::Repeat;
            match self.points.iter().position(|point| point.id == head.id) {
                Some(old) if self.points[old].at > head.occurred_at => {
                    self.points.remove(old);
                    changed = old;
                }
                _ => return (outcome, changed),
            }
        }
        let point = Point {
            at: head.occurred_at,
            id: head.id,
            context: self.context_of(touchpoint, strings),
            detail: self.detail_of(touchpoint, with_name, strings),
            kind: head.kind,
            channel: touchpoint.channel,
            author: touchpoint.author,
        };
        let place = match self.points.last() {
            Some(last) if (last.at, last.id) > (point.at, point.id) => {
                self.points.partition_point(|other| (other.at, other.id) < (point.at, point.id))
            }
            _ => self.points.len(),
        };
        self.points.insert(place, point);
        if let Some(ids) = &mut self.ids.0 {
            ids.insert(point.id);
        }
        (outcome, changed.min(place))
    }

    /// Takes out the touchpoint of this time and id; the place it had.
    pub(crate) fn remove(&mut self, at: EventTime, id: u64) -> Option<usize> {
        let place = self.points.binary_search_by_key(&(at, id), |point| (point.at, point.id)).ok()?;
        self.points.remove(place);
        if let Some(ids) = &mut self.ids.0 {
            ids.remove(&id);
        }
        Some(place)
    }

    fn holds(&mut self, id: u64) -> bool {
        if self.points.len() <= FEW {
            return self.points.iter().any(|point| point.id == id);
        }
        let ids = self.ids.0.get_or_insert_with(|| Box::new(self.points.iter().map(|point| point.id).collect()));
        ids.contains(&id)
    }

    fn context_of(&mut self, touchpoint: &Touchpoint<'_>, strings: &mut Strings) -> u32 {
        let recent = self.contexts.iter().enumerate().rev().take(RECENT);
        for (i, context) in recent {
            if context.is_of(touchpoint, strings) {
                return i as u32;
            }
        }
        self.contexts.push(Context::of(touchpoint, strings));
        (self.contexts.len() - 1) as u32
    }

    fn detail_of(&mut self, touchpoint: &Touchpoint<'_>, with_name: bool, strings: &mut Strings) -> u32 {
        let mut detail = Detail::of(touchpoint, with_name, strings);
        if changes_cart(touchpoint.head.kind) {
            detail.line_start = self.lines.len() as u32;
            self.lines.extend(touchpoint.items.iter().map(|item| Line::of(&item)));
            detail.line_count = self.lines.len() as u32 - detail.line_start;
            if detail.line_count == 0 {
                detail.line_start = 0;
            }
        }
        if detail == NOTHING {
            return PLAIN;
        }
        self.details.push(detail);
        (self.details.len() - 1) as u32
    }

    /// Forgets the `n` oldest and what belonged to them alone.
    pub(crate) fn drop_front(&mut self, n: usize) {
        if n == 0 {
            return;
        }
        if n == self.points.len() {
            self.clear();
            return;
        }
        self.points.drain(..n);
        self.points.shrink_to(self.points.len() * 2);
        self.ids.0 = None;
        let old =
            (std::mem::take(&mut self.contexts), std::mem::take(&mut self.details), std::mem::take(&mut self.lines));
        let mut moved = vec![u32::MAX; old.0.len()];
        for point in &mut self.points {
            let slot = &mut moved[point.context as usize];
            if *slot == u32::MAX {
                *slot = self.contexts.len() as u32;
                self.contexts.push(old.0[point.context as usize]);
            }
            point.context = *slot;
            if point.detail == PLAIN {
                continue;
            }
            let mut detail = old.1[point.detail as usize];
            if detail.line_count > 0 {
                let lines = &old.2[detail.line_start as usize..][..detail.line_count as usize];
                detail.line_start = self.lines.len() as u32;
                self.lines.extend_from_slice(lines);
            }
            point.detail = self.details.len() as u32;
            self.details.push(detail);
        }
    }

    /// Appends others, none of them older than its own.
    pub(crate) fn append(&mut self, other: &Pending) {
        let [contexts, details, lines] = [self.contexts.len(), self.details.len(), self.lines.len()].map(|n| n as u32);
        self.contexts.extend_from_slice(&other.contexts);
        self.lines.extend_from_slice(&other.lines);
        self.details.extend(other.details.iter().map(|detail| {
            let line_start = if detail.line_count == 0 { 0 } else { detail.line_start + lines };
            Detail { line_start, ..*detail }
        }));
        self.points.extend(other.points.iter().map(|point| {
            let detail = if point.detail == PLAIN { PLAIN } else { point.detail + details };
            Point { context: point.context + contexts, detail, ..*point }
        }));
        self.ids.0 = None;
    }

    /// Forgets everything, and keeps little memory for what comes next.
    pub(crate) fn clear(&mut self) {
        self.points.clear();
        self.points.shrink_to(FEW);
        self.contexts.clear();
        self.contexts.shrink_to(RECENT);
        self.details.clear();
        self.details.shrink_to(FEW);
        self.lines.clear();
        self.lines.shrink_to(FEW);
        self.ids.0 = None;
    }

    /// Whether every index points inside: what a stored one must promise before it is used.
    pub(crate) fn is_sound(&self) -> bool {
        let (contexts, details, lines) = (self.contexts.len(), self.details.len(), self.lines.len() as u64);
        self.points.iter().all(|point| {
            (point.context as usize) < contexts && (point.detail == PLAIN || (point.detail as usize) < details)
        }) && self.details.iter().all(|d| u64::from(d.line_start) + u64::from(d.line_count) <= lines)
    }

    pub(crate) fn mark(&self, keep: &mut dyn FnMut(Sym)) {
        self.contexts.iter().for_each(|context| context.mark(keep));
        self.details.iter().for_each(|detail| detail.mark(keep));
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        size_of::<Pending>()
            + self.points.capacity() * size_of::<Point>()
            + self.contexts.capacity() * size_of::<Context>()
            + self.details.capacity() * size_of::<Detail>()
            + self.lines.capacity() * size_of::<Line>()
            + self.ids.0.as_ref().map_or(0, |ids| ids.capacity() * 9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::Kind;
    use crumbtrail_events::touchpoint::Head;

    fn touchpoint(at: i64, id: u64, city: &'static str) -> Touchpoint<'static> {
        Touchpoint {
            head: Head { kind: Kind::CheckoutStep, occurred_at: EventTime(at), id, ..Head::default() },
            city,
            step: if at % 2 == 0 { "pay" } else { "" },
            ..Touchpoint::default()
        }
    }

    #[test]
    fn order_is_time_then_id_and_an_id_counts_once_at_its_oldest() {
        let mut strings = Strings::new();
        let mut pending = Pending::default();
        for (at, id) in [(5, 1), (3, 9), (3, 2), (8, 4)] {
            assert_eq!(pending.insert(&touchpoint(at, id, "Bangkok"), false, &mut strings).0, Inserted::New);
        }
        assert_eq!(pending.insert(&touchpoint(9, 4, "Bangkok"), false, &mut strings), (Inserted::Repeat, BEHIND));
        // (5, 1) stood at 2 and stands there again, as (4, 1).
        assert_eq!(pending.insert(&touchpoint(4, 1, "Jakarta"), false, &mut strings), (Inserted::Repeat, 2));
        let order: Vec<_> =
            (0..pending.len()).map(|i| (pending.seen(i).point.at.0, pending.seen(i).point.id)).collect();
        assert_eq!(order, [(3, 2), (3, 9), (4, 1), (8, 4)]);
    }

    #[test]
    fn what_is_taken_out_may_come_back() {
        let mut strings = Strings::new();
        let mut pending = Pending::default();
        for at in 0..100 {
            pending.insert(&touchpoint(at, at as u64, "Bangkok"), false, &mut strings);
        }
        assert_eq!(pending.remove(EventTime(40), 41), None);
        assert_eq!(pending.remove(EventTime(40), 40), Some(40));
        assert_eq!((pending.len(), pending.before(EventTime(42))), (99, 41));
        assert_eq!(pending.insert(&touchpoint(40, 40, "Bangkok"), false, &mut strings), (Inserted::New, 40));
        assert_eq!(pending.insert(&touchpoint(40, 40, "Bangkok"), false, &mut strings).0, Inserted::Repeat);
    }

    #[test]
    fn dropping_the_front_keeps_what_the_rest_needs() {
        let mut strings = Strings::new();
        let mut pending = Pending::default();
        for at in 0..100 {
            let city = if at < 60 { "Bangkok" } else { "Jakarta" };
            pending.insert(&touchpoint(at, 1000 + at as u64, city), false, &mut strings);
        }
        pending.drop_front(59);
        assert!(pending.is_sound());
        assert_eq!(pending.contexts.len(), 2);
        assert_eq!(strings.get(pending.seen(0).context.city), "Bangkok");
        assert_eq!(strings.get(pending.seen(1).context.city), "Jakarta");
        assert_eq!(strings.get(pending.seen(1).detail.step), "pay");
        assert_eq!(strings.get(pending.seen(0).detail.step), "");
    }
}
