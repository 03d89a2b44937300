//! The source side: where intake reads other people's topics, partition by partition, each an origin.

use std::time::Duration;

use crate::error::LogError;
use crate::position::OriginId;

/// A set of source partitions, shared by the members of a group; used by one thread.
///
/// Partitions arrive in [`SourceEvent::Assigned`]; nothing is read from one until [`Source::start`].
pub trait Source: Send {
    /// Hands records to `sink`, a bounded batch at most, waiting up to `wait` for the first; or says what happened.
    ///
    /// # Errors
    /// When the source fails, or is no longer the one read before ([`LogError::Regressed`]).
    fn poll(&mut self, wait: Duration, sink: &mut dyn FnMut(SourceRecord<'_>)) -> Result<SourceEvent, LogError>;

    /// Reads an origin from an offset on, or from the first it still has; asked again, jumps there. Returns the offset
    /// it starts at.
    ///
    /// # Errors
    /// [`LogError::NotAssigned`]; [`LogError::Trimmed`] when retention outran us; [`LogError::Regressed`] when the
    /// topic ends before `from`: it was recreated.
    fn start(&mut self, origin: OriginId, from: Option<u64>) -> Result<u64, LogError>;

    /// Delivers nothing until resumed; still to be polled, so that the group does not think us dead.
    ///
    /// # Errors
    /// When the source fails.
    fn pause_all(&mut self) -> Result<(), LogError>;

    /// Delivers again, without a hole.
    ///
    /// # Errors
    /// When the source fails.
    fn resume_all(&mut self) -> Result<(), LogError>;

    /// Reports next offsets to be read, for the eyes of others. Only behind acknowledged ticks.
    ///
    /// # Errors
    /// When the source refuses; there is nothing to mend by repeating.
    fn commit(&mut self, offsets: &[(OriginId, u64)]) -> Result<(), LogError>;

    /// All origins of this source with their canonical names, ours or another member's.
    ///
    /// # Errors
    /// When the source cannot be asked.
    fn origins_declared(&mut self) -> Result<Vec<(OriginId, String)>, LogError>;

    /// Origins of this source that nothing comes of any more, because what they were was made anew under another name.
    ///
    /// # Errors
    /// When the source cannot be asked.
    fn ended(&mut self) -> Result<Vec<(OriginId, String)>, LogError> {
        Ok(Vec::new())
    }

    /// Hands over the first record at or behind an offset of each of these origins, as far as it comes in time, and goes on reading
    /// where it was. A source that cannot look hands over none.
    ///
    /// # Errors
    /// When the source cannot be asked.
    fn peek(&mut self, _: &[(OriginId, u64)], _: &mut dyn FnMut(SourceRecord<'_>)) -> Result<(), LogError> {
        Ok(())
    }

    /// Offset after an origin's last record as last heard of, for measuring lag; `None` if unknown.
    fn end(&self, _: OriginId) -> Option<u64> {
        None
    }
}

/// One record of a source, as it lies there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceRecord<'a> {
    /// Its source partition.
    pub origin: OriginId,
    /// Topic, or what stands for one.
    pub topic: &'a str,
    /// Partition of the topic.
    pub partition: u32,
    /// Offset in the partition.
    pub offset: u64,
    /// The bytes; `None` is a tombstone.
    pub payload: Option<&'a [u8]>,
    /// The key, if it has one.
    pub key: Option<&'a [u8]>,
    /// The record's own time in ms since 1970: the broker's or the producer's; 0 if it has none.
    pub timestamp_ms: i64,
}

/// What a source says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceEvent {
    /// Partitions are ours: read back, then answer with [`Source::start`] for each.
    Assigned(Vec<SourcePartition>),
    /// Partitions are no longer ours.
    Revoked(Vec<OriginId>),
    /// So many records were handed over, possibly none.
    Polled(usize),
    /// At this wall time, when the broker was asked, the origin's end was where we stood: every record the origin had
    /// then is delivered. Said once per question; silence renews nothing.
    EndConfirmed {
        /// The origin.
        origin: OriginId,
        /// Wall time in ms at which the question was sent.
        at_wall_ms: i64,
        /// Its end, our position.
        end: u64,
    },
}

/// A partition of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePartition {
    /// The origin it is.
    pub origin: OriginId,
    /// Canonical name, such as `kafka:clicks/3`.
    pub name: String,
    /// Topic.
    pub topic: String,
    /// Partition of the topic.
    pub partition: u32,
    /// First offset it has.
    pub start: u64,
    /// Offset after its last.
    pub end: u64,
}
