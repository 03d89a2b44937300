//! What of a person's touchpoints lies packed on the [shelf](crate::shelf): the older part, all of it settled.

use crumbtrail_events::EventTime;
use crumbtrail_events::wire::{Reader, WireError, put_varint};
use smallvec::SmallVec;

use crate::snapshot::{Stored, stored};

/// Some of a person's touchpoints, and where they lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The youngest one's time.
    pub(crate) newest: EventTime,
    /// Number of the block.
    pub(crate) block: u32,
    /// Where in the block.
    pub(crate) at: u32,
    /// Bytes.
    pub(crate) length: u32,
    /// Touchpoints.
    pub(crate) count: u32,
}
stored!(Segment { newest, block, at, length, count });

/// A person's packed touchpoints, the oldest segment first: none is younger than what is pending.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    pub(crate) segments: SmallVec<[Segment; 1]>,
    /// Of each touchpoint, in order, some bits of its id: whether an id may be here is told without reading.
    ids: Marks,
}
stored!(Packed { segments, ids });

#[derive(Debug, Default)]
struct Marks(Vec<u32>);

impl Stored for Marks {
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.0.len() as u64);
        self.0.iter().for_each(|mark| out.extend_from_slice(&mark.to_le_bytes()));
    }
    fn get(reader: &mut Reader<'_>) -> Result<Marks, WireError> {
        let count = usize::try_from(reader.varint()?).ok().and_then(|count| count.checked_mul(4));
        let bytes = reader.take(count.ok_or(WireError::Truncated)?)?;
        Ok(Marks(bytes.as_chunks().0.iter().map(|mark| u32::from_le_bytes(*mark)).collect()))
    }
}

fn mark(id: u64) -> u32 {
    (id >> 32) as u32
}

impl Packed {
    /// Touchpoints.
    pub(crate) fn count(&self) -> usize {
        self.ids.0.len()
    }

    /// The oldest segment's youngest touchpoint: when it is too old, the segment is.
    pub(crate) fn oldest(&self) -> Option<EventTime> {
        self.segments.first().map(|segment| segment.newest)
    }

    /// Whether a touchpoint of this time and id may belong among these, or be one of them.
    pub(crate) fn concerns(&self, at: EventTime, id: u64) -> bool {
        self.segments.last().is_some_and(|last| at <= last.newest) || self.ids.0.contains(&mark(id))
    }

    /// Whether one of this time may be here.
    pub(crate) fn reaches(&self, at: EventTime) -> bool {
        self.segments.last().is_some_and(|last| at <= last.newest)
    }

    /// Adds a segment, and the ids of its touchpoints.
    pub(crate) fn push(&mut self, segment: Segment, ids: impl ExactSizeIterator<Item = u64>) {
        self.ids.0.reserve_exact(ids.len());
        self.ids.0.extend(ids.map(mark));
        self.segments.push(segment);
    }

    /// Takes off the oldest segment.
    pub(crate) fn pop_oldest(&mut self) {
        if self.segments.is_empty() {
            return;
        }
        let count = self.segments.remove(0).count as usize;
        self.ids.0.drain(..count.min(self.ids.0.len()));
        self.ids.0.shrink_to_fit();
        self.segments.shrink_to_fit();
    }

    /// Whether it contradicts itself: what a stored one must not before it is used.
    pub(crate) fn is_sound(&self) -> bool {
        let count: u64 = self.segments.iter().map(|segment| u64::from(segment.count)).sum();
        let is_sorted = self.segments.is_sorted_by_key(|segment| segment.newest);
        !self.segments.is_empty() && is_sorted && count == self.ids.0.len() as u64
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        let segments = if self.segments.spilled() { self.segments.capacity() * size_of::<Segment>() } else { 0 };
        size_of::<Packed>() + segments + self.ids.0.capacity() * 4
    }
}
