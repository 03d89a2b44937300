//! Where the events of a long chain stand, found by their ids: a time for each, which leads to its place in their order.

use crate::event::Event;
use hashbrown::HashTable;

/// For each event its id's and its time's lower halves. Two events that agree in both are as good as each other here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    table: HashTable<u64>,
}

fn entry(event: &Event) -> u64 {
    event.id << 32 | u64::from(event.at().0 as u32)
}

fn hash(entry: u64) -> u64 {
    (entry >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Places {
    /// The places of all these.
    pub(crate) fn of(events: &[Event]) -> Places {
        let mut places = Places { table: HashTable::with_capacity(events.len()) };
        events.iter().for_each(|event| places.insert(event));
        places
    }

    /// Notes an event.
    pub(crate) fn insert(&mut self, event: &Event) {
        let entry = entry(event);
        self.table.insert_unique(hash(entry), entry, |&entry| hash(entry));
    }

    /// Forgets an event.
    pub(crate) fn remove(&mut self, event: &Event) {
        let entry = entry(event);
        if let Ok(found) = self.table.find_entry(hash(entry), |&other| other == entry) {
            found.remove();
        }
    }

    /// The place of the event with this id in some of those that were noted, in total order.
    pub(crate) fn find(&self, id: u64, events: &[Event]) -> Option<usize> {
        let mut found = None;
        self.table.find(hash(id << 32), |&entry| {
            if entry >> 32 == id & u64::from(u32::MAX) {
                found = place(id, entry as u32, events);
            }
            found.is_some()
        });
        found
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.table.allocation_size()
    }
}

/// The place of the event with this id and lower half of its time.
fn place(id: u64, low: u32, events: &[Event]) -> Option<usize> {
    let (first, last) = (events.first()?.at().0, events.last()?.at().0);
    let mut at = first + i64::from(low.wrapping_sub(first as u32));
    while at <= last {
        let begin = events.partition_point(|event| event.at().0 < at);
        let same = events[begin..].iter().take_while(|event| event.at().0 == at);
        if let Some(n) = same.into_iter().position(|event| event.id == id) {
            return Some(begin + n);
        }
        at += 1 << 32;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::{EventTime, Kind};

    #[test]
    fn events_are_found_by_their_ids_whenever_they_were() {
        let id = |n: i64| (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // Nine at a time, and times that agree in their lower half.
        let at = |n: i64| EventTime(-5_000 + n / 9 + (n / 300) * (1 << 32));
        let mut events: Vec<Event> = (0..1_000).map(|n| Event::new(at(n), id(n), Kind::Click)).collect();
        events.sort_unstable_by_key(Event::order);
        let mut places = Places::of(&events);
        for n in 0..1_000 {
            assert_eq!(places.find(id(n), &events).map(|place| events[place].id), Some(id(n)));
        }
        assert_eq!(places.find(id(1_000), &events), None);
        let one = events.remove(500);
        assert_eq!(places.find(one.id, &events), None, "of others that were noted there is none");
        places.remove(&one);
        assert_eq!(places.table.len(), 999);
    }

    #[test]
    fn of_ids_that_agree_in_a_half_each_is_found() {
        let events = [1u64, 1 + (1 << 32), 1 + (5 << 32)].map(|id| Event::new(EventTime(7), id, Kind::Click));
        let mut places = Places::of(&events);
        assert!(events.iter().enumerate().all(|(n, event)| places.find(event.id, &events) == Some(n)));
        places.remove(&events[1]);
        assert_eq!(places.find(events[2].id, &events), Some(2));
    }
}
