//! Records at which processes crash: counted where the count survives, and set aside after the third time.
//!
//! A panic tells where it was. Of a process that just ended (out of memory, an overflown stack) only the frontier is known: the
//! next start from that very frontier marks each record before it decides it, until a tick says that it came past.
//! A process that ends in order takes its notes away.
//!
//! Of our own logs [`crate::suspects`] finds where a process just ended. What is set aside there stays so for every later owner of
//! the partition: a replay has to make the same rows.

use crumbtrail_events::wire::{Reader, WireError, put_varint};
use crumbtrail_log::{Offset, OriginId};
use hashbrown::HashMap;

use crate::notes::Notes;
use crate::owner::{Place, TICK};

/// Format version of a note.
const VERSION: u8 = 1;
/// So many processes may crash at a record; the next sets it aside.
pub const MOST_CRASHES: u32 = 3;
/// The reason of such a dead letter.
pub const REASON: &str = "quarantined";

/// What is noted of an origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Note {
    /// Where the last process started.
    frontier: u64,
    /// How many started there, one after the other, and did not end in order.
    starts: u64,
    /// The record at which processes ended; of meaning if `crashes` is not 0.
    record: u64,
    /// How many, one after the other.
    crashes: u32,
    /// The record that is being decided, plus 1; 0 if that is not noted.
    deciding: u64,
}

impl Note {
    fn encode(self) -> Vec<u8> {
        let mut out = vec![VERSION];
        for number in [self.frontier, self.starts, self.record, u64::from(self.crashes), self.deciding] {
            put_varint(&mut out, number);
        }
        out
    }

    fn decode(bytes: &[u8]) -> Result<Note, WireError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(WireError::Malformed("note of another format version"));
        }
        let (frontier, starts, record) = (reader.varint()?, reader.varint()?, reader.varint()?);
        Ok(Note { frontier, starts, record, crashes: reader.varint_u32()?, deciding: reader.varint()? })
    }
}

impl Note {
    /// What a process that starts at `frontier` makes of it.
    fn at_start(self, frontier: u64) -> Note {
        let is_again = self.starts > 0 && self.frontier == frontier;
        let (record, crashes) = match self.deciding.checked_sub(1) {
            Some(at) if self.crashes > 0 && at == self.record => (at, self.crashes + 1),
            Some(at) => (at, 1),
            None => (self.record, self.crashes),
        };
        Note { frontier, starts: if is_again { self.starts + 1 } else { 1 }, record, crashes, deciding: 0 }
    }

    /// Whether records are noted one by one.
    fn is_careful(self) -> bool {
        self.starts > 1
    }

    fn is_suspect(self, offset: u64) -> bool {
        self.crashes > 0 && self.record == offset
    }
}

/// Counts crashes by origin. A store that fails is no reason to stop: then nothing is counted.
pub struct Crashes {
    notes: Notes,
    origins: HashMap<OriginId, Note>,
}

impl Crashes {
    /// Counts in these notes.
    #[must_use]
    pub fn new(notes: Notes) -> Crashes {
        Crashes { notes, origins: HashMap::new() }
    }

    /// An origin starts at this frontier.
    pub fn started(&mut self, origin: OriginId, frontier: u64) {
        let found = self.notes.get(&name(origin)).unwrap_or_else(|error| {
            tracing::warn!(%error, "crashes cannot be counted");
            None
        });
        let before = found.and_then(|bytes| Note::decode(&bytes).ok()).unwrap_or_default();
        self.save(origin, before.at_start(frontier));
    }

    /// A record is about to be decided. True: it is to be set aside instead.
    #[inline]
    pub fn sets_aside(&mut self, origin: OriginId, offset: u64) -> bool {
        match self.origins.get(&origin) {
            Some(note) if note.is_careful() || note.crashes > 0 => self.looks_at(origin, *note, offset),
            _ => false,
        }
    }

    /// Whether processes have crashed at an origin's records, or may have: none of them is touched but at its turn.
    #[must_use]
    pub fn is_watched(&self, origin: OriginId) -> bool {
        self.origins.get(&origin).is_some_and(|note| note.is_careful() || note.crashes > 0)
    }

    #[cold]
    fn looks_at(&mut self, origin: OriginId, note: Note, offset: u64) -> bool {
        if note.is_suspect(offset) && note.crashes >= MOST_CRASHES {
            return true;
        }
        if note.is_careful() || note.is_suspect(offset) {
            self.save(origin, Note { deciding: offset + 1, ..note });
        } else if note.deciding != 0 {
            // Past the suspect: what happens now is not its doing.
            self.save(origin, Note { deciding: 0, ..note });
        }
        false
    }

    /// A panic while a record was being decided.
    pub fn crashed(&mut self, origin: OriginId, offset: u64) {
        if let Some(note) = self.origins.get(&origin) {
            self.save(origin, Note { deciding: offset + 1, ..*note });
        }
    }

    /// Everything below a frontier is decided for good.
    pub fn came_past(&mut self, origin: OriginId, frontier: u64) {
        let is_past = |note: &Note| frontier > note.frontier && (note.crashes == 0 || frontier > note.record);
        if self.origins.get(&origin).is_some_and(is_past) {
            self.left(origin);
        }
    }

    /// An origin is given up in order.
    pub fn left(&mut self, origin: OriginId) {
        if self.origins.remove(&origin).is_some()
            && let Err(error) = self.notes.remove(&name(origin))
        {
            tracing::warn!(%error, "a note on crashes stays");
        }
    }

    fn save(&mut self, origin: OriginId, note: Note) {
        self.origins.insert(origin, note);
        if let Err(error) = self.notes.put(&name(origin), note.encode()) {
            tracing::warn!(%error, "a crash would not be counted");
        }
    }
}

/// Counts ends of processes at records of our own logs, by partition.
pub(crate) struct StepCrashes {
    notes: Notes,
}

/// What is noted of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct StepNote {
    /// Where the last one ended, and how many did there one after the other.
    last: Place,
    crashes: u32,
    aside: Vec<Place>,
}

impl StepNote {
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_varint(&mut out, u64::from(self.crashes));
        put_varint(&mut out, self.aside.len() as u64);
        for (offset, number) in std::iter::once(&self.last).chain(&self.aside) {
            put_varint(&mut out, offset.0);
            put_varint(&mut out, u64::from(*number));
        }
        out
    }

    fn decode(bytes: &[u8]) -> Result<StepNote, WireError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(WireError::Malformed("note of another format version"));
        }
        let (crashes, count) = (reader.varint_u32()?, reader.varint()?);
        let mut place = || Ok((Offset(reader.varint()?), reader.varint_u32()?));
        let last = place()?;
        let aside = (0..count).map(|_| place()).collect::<Result<_, WireError>>()?;
        Ok(StepNote { last, crashes, aside })
    }
}

impl StepCrashes {
    pub(crate) fn new(notes: Notes) -> StepCrashes {
        StepCrashes { notes }
    }

    /// Records that are not to be given to the step.
    pub(crate) fn aside(&self, processor: &str, partition: u32) -> Vec<Place> {
        self.note(processor, partition).aside
    }

    /// A process ended at a record. A tick cannot be set aside, and is not counted.
    pub(crate) fn crashed(&self, processor: &str, partition: u32, at: Place) {
        if at.1 == TICK {
            return;
        }
        let mut note = self.note(processor, partition);
        note.crashes = if note.crashes > 0 && note.last == at { note.crashes + 1 } else { 1 };
        note.last = at;
        if note.crashes >= MOST_CRASHES && !note.aside.contains(&at) {
            note.aside.push(at);
        }
        if let Err(error) = self.notes.put(&of_partition(processor, partition), note.encode()) {
            tracing::warn!(%error, "a crash was not counted");
        }
    }

    fn note(&self, processor: &str, partition: u32) -> StepNote {
        let found = self.notes.get(&of_partition(processor, partition)).unwrap_or_else(|error| {
            tracing::warn!(%error, "crashes cannot be counted");
            None
        });
        found.and_then(|bytes| StepNote::decode(&bytes).ok()).unwrap_or_default()
    }
}

fn of_partition(processor: &str, partition: u32) -> String {
    format!("{processor}-{partition:05}")
}

fn name(origin: OriginId) -> String {
    format!("{:016x}", origin.0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;
    use crate::SnapshotStore;

    const A: OriginId = OriginId(0xa);

    struct Place {
        store: SnapshotStore,
        _runtime: tokio::runtime::Runtime,
    }

    impl Place {
        fn new() -> Place {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let store = SnapshotStore::new(Arc::new(InMemory::new()), "e1", runtime.handle().clone(), 1);
            Place { store, _runtime: runtime }
        }

        /// A process that starts at a frontier.
        fn start(&self, frontier: u64) -> Crashes {
            let mut crashes = Crashes::new(self.store.notes("crashes"));
            crashes.started(A, frontier);
            crashes
        }
    }

    #[test]
    fn after_three_panics_a_record_is_set_aside() {
        let place = Place::new();
        for _ in 0..3 {
            let mut process = place.start(10);
            assert!((10..14).all(|offset| !process.sets_aside(A, offset)));
            process.crashed(A, 13);
        }
        let mut process = place.start(10);
        let aside: Vec<u64> = (10..20).filter(|offset| process.sets_aside(A, *offset)).collect();
        assert_eq!(aside, [13]);
        process.came_past(A, 13);
        assert!(process.sets_aside(A, 13), "not past it");
        process.came_past(A, 14);
        assert!(!place.start(14).sets_aside(A, 13), "forgotten");
    }

    #[test]
    fn processes_that_just_end_show_where_from_the_second_start_on() {
        let place = Place::new();
        let mut ended = 0;
        loop {
            let mut process = place.start(10);
            // It ends at 13, without a word.
            if (10..=13).any(|offset| process.sets_aside(A, offset)) {
                break;
            }
            ended += 1;
            assert!(ended < 10);
        }
        assert_eq!(ended, 1 + MOST_CRASHES);
    }

    #[test]
    fn processes_that_come_past_or_end_in_order_set_nothing_aside() {
        let place = Place::new();
        for frontier in 0..9 {
            let mut process = place.start(frontier);
            assert!(!process.sets_aside(A, frontier), "each came one further");
        }
        for n in 0..9 {
            let mut process = place.start(20);
            assert!(!process.sets_aside(A, 20), "{n}");
            process.left(A);
        }
        for n in 0..9 {
            let mut process = place.start(30);
            assert!((30..31 + n).all(|offset| !process.sets_aside(A, offset)), "ended at another record each time");
        }
    }
}
