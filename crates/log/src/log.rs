//! The log trait: what a processor may ask of a log, whatever its home.

use std::time::Duration;

use bytes::Bytes;

use crate::error::LogError;
use crate::frame;
use crate::position::{Generation, Offset, OriginId, PartitionId, Position};

/// A partitioned, append-only, durable sequence of frames.
///
/// Appends to one partition keep their order. Nothing appended is promised before [`Log::flush`] says so.
pub trait Log: Send + Sync {
    /// Its name, such as `touchpoints-e1`; of a Kafka log also its topic.
    fn name(&self) -> &str;

    /// Number of partitions; constant within an epoch.
    fn partitions(&self) -> u32;

    /// Whether frames should be compressed by their writer (a Kafka client compresses whole batches itself).
    fn wants_lz4(&self) -> bool {
        false
    }

    /// Queues a frame. Blocks while too much is queued, up to a deadline of the home's own.
    ///
    /// # Errors
    /// When the partition does not exist, writing has halted, or the queue stays full. A frame refused is not queued.
    fn append(&self, partition: PartitionId, frame: Vec<u8>) -> Result<(), LogError>;

    /// Returns once everything appended before is durable: synced to disk, or acknowledged by all in-sync replicas.
    ///
    /// # Errors
    /// [`LogError::TimedOut`] when the deadline passes (what is queued stays queued); [`LogError::Halted`] when
    /// something was not delivered and never will be; [`LogError::DiskFull`] and others of the store.
    fn flush(&self, deadline: Duration) -> Result<(), LogError>;

    /// First offset still held, and the offset the next durable frame will get at the earliest.
    ///
    /// # Errors
    /// When the partition does not exist or the home cannot be asked.
    fn bounds(&self, partition: PartitionId) -> Result<(Offset, Offset), LogError>;

    /// Durable frames from `from` on, in order: as many as fit into `max_bytes`, at least one if there is one. Does
    /// not wait for more. Empty at the end.
    ///
    /// # Errors
    /// [`LogError::Trimmed`] when `from` lies before the start; [`LogError::Regressed`] when beyond the end.
    fn read(&self, partition: PartitionId, from: Offset, max_bytes: usize) -> Result<Vec<(Offset, Bytes)>, LogError>;

    /// The newest tick's statement about an origin in a partition, if there is one.
    ///
    /// # Errors
    /// As [`Log::read_back_many`].
    fn read_back(&self, partition: PartitionId, origin: OriginId) -> Result<Option<ReadBack>, LogError> {
        Ok(self.read_back_many(partition, &[origin])?.pop().flatten())
    }

    /// The newest statement about each of these origins in a partition, found by reading backwards in windows that
    /// double, until all are found or there is nothing more to find. An origin that a writer's tick does not declare
    /// is given up after [`GIVE_UP_FRAMES`]: to start too low is safe, only slower.
    ///
    /// # Errors
    /// When the log cannot be read, or a frame in it cannot.
    fn read_back_many(&self, partition: PartitionId, origins: &[OriginId]) -> Result<Vec<Option<ReadBack>>, LogError> {
        read_back(self, partition, origins)
    }

    /// Forgets frames before an offset; their offsets are not given again. A home may forget fewer (Kafka's retention
    /// does it there). A kill in the middle leaves some of them, readable from the new start on.
    ///
    /// # Errors
    /// When the partition does not exist or the home fails.
    fn trim(&self, partition: PartitionId, before: Offset) -> Result<(), LogError>;

    /// Joins a group that shares the partitions; see [`Subscription`].
    ///
    /// # Errors
    /// When the home cannot be reached or refuses.
    fn subscribe(&self, member: Member<'_>) -> Result<Box<dyn Subscription>, LogError>;
}

/// Who subscribes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// The consumer group: one per processor.
    pub group: &'a str,
    /// This member's number among `count`, for homes that deal partitions by number (`partition % count == index`).
    pub index: u32,
    /// Number of members, for such homes.
    pub count: u32,
    /// Name of this member that survives its restart (Kafka's `group.instance.id`).
    pub instance: String,
}

/// One member's view of a log; used by one thread.
///
/// Partitions arrive as [`Event::Assigned`]; nothing is read from one until its owner answers with
/// [`Subscription::start`].
pub trait Subscription: Send {
    /// What happened next; [`Event::Idle`] after `wait` without anything.
    ///
    /// # Errors
    /// When the home fails or the log is no longer the one read before ([`LogError::Regressed`]).
    fn next(&mut self, wait: Duration) -> Result<Event, LogError>;

    /// Reads a partition from an offset on; asked again, jumps there.
    ///
    /// # Errors
    /// [`LogError::NotAssigned`], [`LogError::Trimmed`] or [`LogError::Regressed`].
    fn start(&mut self, partition: PartitionId, from: Offset) -> Result<(), LogError>;

    /// Delivers nothing of a partition until resumed.
    ///
    /// # Errors
    /// When the home fails.
    fn pause(&mut self, partition: PartitionId) -> Result<(), LogError>;

    /// Delivers a paused partition again, without a hole.
    ///
    /// # Errors
    /// When the home fails.
    fn resume(&mut self, partition: PartitionId) -> Result<(), LogError>;

    /// Reports that frames below an offset are processed, for the eyes of others; nothing is ever started from it.
    ///
    /// # Errors
    /// When the home refuses; there is nothing to mend by repeating.
    fn report(&mut self, partition: PartitionId, processed: Offset) -> Result<(), LogError>;

    /// Whether it says of another partition next that it is ours: dealt together, they may be taken over together.
    fn deals_another(&self) -> bool {
        false
    }

    /// Offsets between the next frame to be delivered and the end as last seen; `None` before the end was seen.
    fn lag(&self, partition: PartitionId) -> Option<u64>;
}

/// What a subscription says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A partition is ours: load its state, then answer with [`Subscription::start`].
    Assigned(PartitionId),
    /// A partition is no longer ours: stop; someone else may already be at work, which is harmless.
    Revoked(PartitionId),
    /// The next frame of a started partition.
    Frame {
        /// Its partition.
        partition: PartitionId,
        /// Its offset.
        offset: Offset,
        /// Its bytes, as appended.
        bytes: Bytes,
    },
    /// Everything there was has been delivered; said again whenever more came and was delivered.
    AtEnd {
        /// The partition.
        partition: PartitionId,
        /// Its end at that moment.
        end: Offset,
    },
    /// Nothing happened.
    Idle,
}

/// An origin's state as its own log remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBack {
    /// Next source offset to be decided.
    pub frontier: u64,
    /// Last position sent to the partition.
    pub last: Position,
    /// Event time in ms below which nothing more is expected, or [`crate::tick::NO_WATERMARK`].
    pub watermark: i64,
    /// Configuration under which it was decided; a start with a lower one is refused.
    pub generation: Generation,
}

/// Frames scanned backwards before an origin that the newest ticks do not declare is taken as never heard of.
pub const GIVE_UP_FRAMES: u64 = 256;

const FIRST_WINDOW: u64 = 16;
const READ_BYTES: usize = 8 << 20;

fn read_back<L: Log + ?Sized>(
    log: &L,
    partition: PartitionId,
    origins: &[OriginId],
) -> Result<Vec<Option<ReadBack>>, LogError> {
    let (start, end) = log.bounds(partition)?;
    let mut found: Vec<Option<ReadBack>> = vec![None; origins.len()];
    let mut missing = origins.len();
    let mut undeclared = vec![false; origins.len()];
    let mut window = FIRST_WINDOW;
    let mut high = end;
    while missing > 0 && high > start {
        let low = Offset(high.0.saturating_sub(window).max(start.0));
        let mut newest: Vec<Option<ReadBack>> = vec![None; origins.len()];
        let mut from = low;
        'window: while from < high {
            let frames = log.read(partition, from, READ_BYTES)?;
            let Some(&(last, _)) = frames.last() else { break };
            for (offset, bytes) in frames {
                if offset >= high {
                    break 'window;
                }
                let tick = frame::parse_tick(&bytes).map_err(|source| LogError::Frame {
                    log: log.name().to_owned(),
                    partition,
                    offset,
                    source,
                })?;
                let Some(tick) = tick else { continue };
                for (index, origin) in origins.iter().enumerate() {
                    if let Some(said) = tick.origins.iter().find(|said| said.origin == *origin) {
                        newest[index] = Some(ReadBack {
                            frontier: said.frontier,
                            last: said.last,
                            watermark: said.watermark,
                            generation: said.generation,
                        });
                    }
                    let declares = tick.declared.iter().any(|(declared, _)| declared == origin);
                    undeclared[index] = !tick.declared.is_empty() && !declares;
                }
            }
            from = Offset(last.0 + 1);
        }
        for (index, newest) in newest.into_iter().enumerate() {
            if let (None, Some(newest)) = (found[index], newest) {
                found[index] = Some(newest);
                missing -= 1;
            }
        }
        let given_up = end.0 - low.0 >= GIVE_UP_FRAMES
            && found.iter().zip(&undeclared).all(|(found, undeclared)| found.is_some() || *undeclared);
        if given_up {
            break;
        }
        high = low;
        window *= 2;
    }
    Ok(found)
}
