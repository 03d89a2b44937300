//! Where the events of a long chain stand, found by their ids: a time for each, which leads to its place in their order.

use crate::event::Event;
use crate::live::Live;
use crumbtrail_events::EventTime;
use hashbrown::HashTable;

/// For each event its id's and its time's lower halves. Two events that agree in both are as good as each other here. Many lie in
/// several tables, as a table that grows is made anew at once, however large it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// One, or [`TABLES`].
    tables: Vec<HashTable<u64>>,
}

/// Tables of many events; a power of two.
const TABLES: usize = 64;
/// So many lie in one table.
const FEW: usize = 4_096;

fn entry(event: &Event) -> u64 {
    event.id << 32 | u64::from(event.at().0 as u32)
}

fn hash(entry: u64) -> u64 {
    (entry >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Places {
    /// The places of all these.
    pub(crate) fn of(events: &Live) -> Places {
        let count = if events.len() > FEW { TABLES } else { 1 };
        let mut places = Places { tables: vec![HashTable::with_capacity(events.len() / count); count] };
        events.iter().for_each(|event| places.insert(event));
        places
    }

    /// The table of an entry: by bits of its hash that tell little of its place in there.
    fn table(&self, entry: u64) -> usize {
        (hash(entry) >> 40) as usize & self.tables.len().wrapping_sub(1)
    }

    /// Notes an event.
    pub(crate) fn insert(&mut self, event: &Event) {
        if self.tables.is_empty() {
            self.tables.push(HashTable::new());
        }
        let entry = entry(event);
        let at = self.table(entry);
        self.tables[at].insert_unique(hash(entry), entry, |&entry| hash(entry));
        if self.tables.len() == 1 && self.tables[0].len() > FEW {
            let held = std::mem::replace(&mut self.tables, vec![HashTable::new(); TABLES]);
            for entry in held.into_iter().flatten() {
                let at = self.table(entry);
                self.tables[at].insert_unique(hash(entry), entry, |&entry| hash(entry));
            }
        }
    }

    /// Forgets an event.
    pub(crate) fn remove(&mut self, event: &Event) {
        let entry = entry(event);
        let at = self.table(entry);
        if let Some(table) = self.tables.get_mut(at)
            && let Ok(found) = table.find_entry(hash(entry), |&other| other == entry)
        {
            found.remove();
        }
    }

    /// The event with this id among those that were noted.
    pub(crate) fn find<'a>(&self, id: u64, events: &'a Live) -> Option<&'a Event> {
        let mut found = None;
        let table = self.tables.get(self.table(id << 32))?;
        table.find(hash(id << 32), |&entry| {
            if entry >> 32 == id & u64::from(u32::MAX) {
                found = event_of(id, entry as u32, events);
            }
            found.is_some()
        });
        found
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        // Those of a hot visitor are alike: this is asked at every event.
        self.tables.first().map_or(0, HashTable::allocation_size) * self.tables.len()
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
        (0..10_000).for_each(|n| events.insert(Event::new(at(n), id(n), Kind::Click)));
        let mut places = Places::of(&events);
        assert_eq!(places.tables.len(), TABLES);
        for n in 0..10_000 {
            assert_eq!(places.find(id(n), &events).map(|event| event.id), Some(id(n)));
        }
        assert_eq!(places.find(id(10_000), &events), None);
        let one = *places.find(id(500), &events).unwrap();
        events.remove(one.order());
        assert_eq!(places.find(one.id, &events), None, "of others that were noted there is none");
        places.remove(&one);
        assert_eq!(places.tables.iter().map(HashTable::len).sum::<usize>(), 9_999);
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
