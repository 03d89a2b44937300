//! Records of our own logs at which processes just end (out of memory, an overflown stack): no panic tells where.
//!
//! Who takes a partition over leaves a mark, and takes it away when it gives the partition up in order. What costs a note a frame, or a note
//! a record, begins only when marks were found:
//!
//! ```text
//! start   the one before it                        what is noted
//! 1       gave the partition up                    that it started
//! 2       started at the same place, and ended     each frame, up to where the log ends now
//! 3 to 5  ended at a frame                         each record of that frame
//! 6       is the third that ended at one record    nothing: the record is set aside (`StepCrashes`)
//! ```
//!
//! A frame, or a record, that is come past was not to blame.

use crumbtrail_events::wire::{Reader, WireError, put_varint};
use crumbtrail_log::Offset;

use crate::notes::Notes;
use crate::owner::{Noting, Place};
use crate::quarantine::StepCrashes;

/// Format version of a mark.
const VERSION: u8 = 1;

/// What lies there while somebody has a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    /// Where the owner started.
    from: u64,
    /// How many started there, one after the other, and did not end in order.
    starts: u64,
    /// The frame that is being taken, plus 1; 0 if that is not noted.
    frame: u64,
    /// The record of it that is being decided, plus 1; 0 if that is not noted.
    record: u64,
}

impl Mark {
    fn encode(self) -> Vec<u8> {
        let mut out = vec![VERSION];
        for number in [self.from, self.starts, self.frame, self.record] {
            put_varint(&mut out, number);
        }
        out
    }

    fn decode(bytes: &[u8]) -> Result<Mark, WireError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(WireError::Malformed("mark of another format version"));
        }
        let mut number = || reader.varint();
        Ok(Mark { from: number()?, starts: number()?, frame: number()?, record: number()? })
    }

    /// The record at which whoever left the mark ended.
    fn place(self) -> Option<Place> {
        let (frame, record) = (self.frame.checked_sub(1)?, self.record.checked_sub(1)?);
        Some((Offset(frame), u32::try_from(record).ok()?))
    }
}

/// The marks of partitions. A store that fails is no reason to stop: then nothing is noted.
pub(crate) struct Marks {
    notes: Notes,
}

impl Marks {
    pub(crate) fn new(notes: Notes) -> Marks {
        Marks { notes }
    }

    /// Counts the end of whoever had a partition, if it left a mark at a record. Before it is asked what is set aside.
    pub(crate) fn count(&self, crashes: &StepCrashes, processor: &str, partition: u32) {
        let name = name(processor, partition);
        let mark = self.found(&name);
        if let Some(place) = mark.place() {
            crashes.crashed(processor, partition, place);
            // Counted, and not once more.
            put(&self.notes, &name, Mark { record: 0, ..mark });
        }
    }

    /// An owner starts at `from`, of a log that ends at `end`.
    pub(crate) fn started(self, processor: &str, partition: u32, from: Offset, end: Offset) -> Suspects {
        let name = name(processor, partition);
        let before = self.found(&name);
        let starts = if before.starts > 0 && before.from == from.0 { before.starts + 1 } else { 1 };
        let frame = if before.frame > from.0 { before.frame } else { 0 };
        let mark = Mark { from: from.0, starts, frame, record: 0 };
        put(&self.notes, &name, mark);
        Suspects { notes: self.notes, name, mark, end }
    }

    fn found(&self, name: &str) -> Mark {
        let found = self.notes.get(name).unwrap_or_else(|error| {
            tracing::warn!(%error, "ends of processes cannot be counted");
            None
        });
        found.and_then(|bytes| Mark::decode(&bytes).ok()).unwrap_or_default()
    }
}

/// What is suspected of the frames that the owner of a partition takes.
pub(crate) struct Suspects {
    notes: Notes,
    name: String,
    mark: Mark,
    /// Frames are noted up to here: those that were there when it started.
    end: Offset,
}

impl Suspects {
    /// A frame is about to be taken. If it is the one at which a process ended, what notes its records.
    #[inline]
    pub(crate) fn before(&mut self, offset: Offset) -> Option<Noting> {
        if self.mark.frame == 0 && self.mark.starts < 2 { None } else { self.look_at(offset) }
    }

    /// It was taken.
    #[inline]
    pub(crate) fn after(&mut self, offset: Offset) {
        if self.mark.frame != 0 || self.mark.starts >= 2 {
            self.come_past(offset);
        }
    }

    #[cold]
    fn look_at(&mut self, offset: Offset) -> Option<Noting> {
        if self.mark.frame == offset.0 + 1 {
            let (notes, name, mark) = (self.notes.clone(), self.name.clone(), self.mark);
            return Some(Box::new(move |(_, number)| {
                put(&notes, &name, Mark { record: u64::from(number) + 1, ..mark });
            }));
        }
        // Those before a suspect were come past already.
        if self.mark.frame == 0 {
            put(&self.notes, &self.name, Mark { frame: offset.0 + 1, ..self.mark });
        }
        None
    }

    #[cold]
    fn come_past(&mut self, offset: Offset) {
        let next = offset.0 + 1;
        let was_suspect = self.mark.frame != 0 && self.mark.frame <= next;
        if was_suspect {
            self.mark.frame = 0;
        }
        let is_through = next >= self.end.0 && self.mark.frame == 0;
        if is_through {
            self.mark.starts = 1;
        }
        if was_suspect || is_through {
            put(&self.notes, &self.name, self.mark);
        }
    }

    /// The partition is given up in order.
    pub(crate) fn left(&self) {
        if let Err(error) = self.notes.remove(&self.name) {
            tracing::warn!(%error, "the mark of a partition stays");
        }
    }
}

fn put(notes: &Notes, name: &str, mark: Mark) {
    if let Err(error) = notes.put(name, mark.encode()) {
        tracing::warn!(%error, "the end of a process would not be counted");
    }
}

fn name(processor: &str, partition: u32) -> String {
    format!("{processor}-{partition:05}-held")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;
    use crate::SnapshotStore;
    use crate::owner::TICK;

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

        /// A process takes the partition over at an offset of a log of 100 frames.
        fn start(&self, from: u64) -> Suspects {
            let crashes = StepCrashes::new(self.store.notes("crashes"));
            Marks::new(self.store.notes("crashes")).count(&crashes, "sessionize", 0);
            Marks::new(self.store.notes("crashes")).started("sessionize", 0, Offset(from), Offset(100))
        }

        fn aside(&self) -> Vec<super::Place> {
            StepCrashes::new(self.store.notes("crashes")).aside("sessionize", 0)
        }
    }

    /// Takes frames of three records each; false if it ends at a record.
    fn take(suspects: &mut Suspects, mut frames: std::ops::Range<u64>, end: Option<(u64, u32)>) -> bool {
        frames.all(|frame| {
            let mut noting = suspects.before(Offset(frame));
            for record in [0, 1, 2, TICK] {
                noting.iter_mut().for_each(|noting| noting((Offset(frame), record)));
                if end == Some((frame, record)) {
                    return false;
                }
            }
            suspects.after(Offset(frame));
            true
        })
    }

    #[test]
    fn the_sixth_start_sets_aside_what_ended_the_others() {
        let place = Place::new();
        for start in 1..=5 {
            assert!(!take(&mut place.start(10), 10..90, Some((40, 1))), "{start}");
            assert!(place.aside().is_empty(), "{start}");
        }
        let mut sixth = place.start(10);
        assert_eq!(place.aside(), [(Offset(40), 1)]);
        assert!(take(&mut sixth, 10..100, None));
        // Nothing is noted any more, and nothing is left to count.
        assert!(sixth.mark.starts == 1 && sixth.mark.frame == 0);
        place.start(10);
        assert_eq!(place.aside(), [(Offset(40), 1)]);
    }

    #[test]
    fn ends_elsewhere_each_time_at_a_tick_or_in_order_set_nothing_aside() {
        let place = Place::new();
        for n in 0..20 {
            assert!(!take(&mut place.start(10), 10..90, Some((40, n % 3))), "another record of one frame");
        }
        for n in 0..20 {
            assert!(!take(&mut place.start(10), 10..90, Some((20 + n, 0))), "another frame");
        }
        for _ in 0..20 {
            assert!(!take(&mut place.start(10), 10..90, Some((40, TICK))), "a tick");
        }
        for _ in 0..9 {
            let mut process = place.start(10);
            assert!(take(&mut process, 10..50, None));
            process.left();
        }
        assert_eq!(place.start(10).mark.starts, 1);
        assert!(place.aside().is_empty());
    }

    #[test]
    fn nothing_is_noted_before_two_ended_at_one_place() {
        let place = Place::new();
        for from in 0..9 {
            let mut process = place.start(from);
            assert!(process.before(Offset(from)).is_none() && process.mark.starts == 1, "each came further");
        }
        let again = place.start(8);
        assert_eq!(again.mark.starts, 2);
    }
}
