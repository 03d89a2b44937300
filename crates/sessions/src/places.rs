//! Where the events of a long chain stand, found by their ids: a time for each, which leads to its place in their order.

use crate::event::Event;
use crate::live::Live;
use crumbtrail_events::EventTime;
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
    pub(crate) fn of(events: &Live) -> Places {
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

    /// The event with this id among those that were noted.
    pub(crate) fn find<'a>(&self, id: u64, events: &'a Live) -> Option<&'a Event> {
        let mut found = None;
        self.table.find(hash(id << 32), |&entry| {
            if entry >> 32 == id & u64::from(u32::MAX) {
                found = event_of(id, entry as u32, events);
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

/// The event with this id and lower half of its time.
fn event_of(id: u64, low: u32, events: &Live) -> Option<&Event> {
    let (first, last) = (events.first()?.at().0, events.last()?.at().0);
    let mut at = first + i64::from(low.wrapping_sub(first as u32));
    while at <= last {
        if let Some(event) = events.find_at(EventTime(at), id) {
            return Some(event);
        }
        at += 1 << 32;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::Kind;

    #[test]
    fn events_are_found_by_their_ids_whenever_they_were() {
        let id = |n: i64| (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // Nine at a time, and times that agree in their lower half.
        let at = |n: i64| EventTime(-5_000 + n / 9 + (n / 300) * (1 << 32));
        let mut events = Live::default();
        (0..3_000).for_each(|n| events.insert(Event::new(at(n), id(n), Kind::Click)));
        let mut places = Places::of(&events);
        for n in 0..3_000 {
            assert_eq!(places.find(id(n), &events).map(|event| event.id), Some(id(n)));
        }
        assert_eq!(places.find(id(3_000), &events), None);
        let one = *places.find(id(500), &events).unwrap();
        events.remove(one.order());
        assert_eq!(places.find(one.id, &events), None, "of others that were noted there is none");
        places.remove(&one);
        assert_eq!(places.table.len(), 2_999);
    }

    #[test]
    fn of_ids_that_agree_in_a_half_each_is_found() {
        let ids = [1u64, 1 + (1 << 32), 1 + (5 << 32)];
        let mut events = Live::default();
        ids.iter().for_each(|&id| events.insert(Event::new(EventTime(7), id, Kind::Click)));
        let mut places = Places::of(&events);
        assert!(ids.iter().all(|&id| places.find(id, &events).map(|event| event.id) == Some(id)));
        places.remove(&Event::new(EventTime(7), ids[1], Kind::Click));
        assert_eq!(places.find(ids[2], &events).map(|event| event.id), Some(ids[2]));
    }
}
