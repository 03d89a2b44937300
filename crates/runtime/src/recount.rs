//! What a log's own records add up to, position by position: the ledger's checksums must say the same. No step is asked, only
//! who is new, a repeat, or behind a hole.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use crumbtrail_events::EventTime;
use crumbtrail_events::wire::{Reader, WireError};
use crumbtrail_log::frame::{FrameError, FrameView};
use crumbtrail_log::{Inbox, Log, LogError, Offset, PartitionId, Verdict};

use crate::head::{Head, TickTime};
use crate::provenance::position_hash;
use crate::snapshot::{SnapshotError, SnapshotStore};

/// Bytes asked of the log at once.
const READ_BYTES: usize = 8 << 20;

/// Why a log cannot be counted again.
#[derive(Debug, thiserror::Error)]
pub enum RecountError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A frame cannot be read.
    #[error("frame at offset {offset} cannot be read: {source}")]
    Frame {
        /// Log offset.
        offset: u64,
        /// What is wrong with it.
        source: FrameError,
    },
    /// The snapshots cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The snapshot's state is not ours.
    #[error("snapshot state: {0}")]
    State(#[from] WireError),
}

/// Records accepted from where the count began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub records: u64,
    /// Sum of the hashes of their origins and positions, as [`crate::Batch::position_checksum`].
    pub checksum: u64,
}

impl Sum {
    /// What came since an earlier sum of the same count.
    #[must_use]
    pub fn since(self, earlier: Sum) -> Sum {
        Sum { records: self.records - earlier.records, checksum: self.checksum.wrapping_sub(earlier.checksum) }
    }
}

/// What is known at an offset: the records before it, and what the ticks before it say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Records from where the count began.
    pub sum: Sum,
    /// As [`crate::Batch::watermark`].
    pub watermark: EventTime,
    /// As [`crate::Batch::wall_ms`].
    pub wall_ms: i64,
}

/// A count through one partition of a log.
pub struct Recount<'a> {
    log: &'a dyn Log,
    partition: PartitionId,
    inbox: Inbox,
    began: Offset,
    next: Offset,
    sum: Sum,
    time: TickTime,
    read: std::iter::Peekable<std::vec::IntoIter<(Offset, Bytes)>>,
    scratch: Vec<u8>,
}

impl<'a> Recount<'a> {
    /// Begins where the log does; or, where it has forgotten its begin, at the oldest snapshot of `processor` since, which knows
    /// what is a repeat. `None` if there is no such snapshot.
    ///
    /// # Errors
    /// The log or the snapshots cannot be read.
    pub fn begin(
        log: &'a dyn Log,
        partition: PartitionId,
        processor: &str,
        snapshots: Option<&SnapshotStore>,
    ) -> Result<Option<Recount<'a>>, RecountError> {
        let (first, _) = log.bounds(partition)?;
        let (began, inbox, time) = if first == Offset(0) {
            (first, Inbox::new(), TickTime::START)
        } else {
            let oldest = snapshots.map(|store| store.oldest(processor, partition.0, first)).transpose()?.flatten();
            let Some((offset, state)) = oldest else { return Ok(None) };
            let Head { inbox, time, .. } = Head::read(&mut Reader::new(&state))?;
            (offset, inbox, time)
        };
        let read = Vec::new().into_iter().peekable();
        let (next, sum, scratch) = (began, Sum::default(), Vec::new());
        Ok(Some(Recount { log, partition, inbox, began, next, sum, time, read, scratch }))
    }

    /// Where it began.
    #[must_use]
    pub fn began(&self) -> Offset {
        self.began
    }

    /// What it adds up to at each of these offsets: [`Recount::edges`] without what ticks say.
    ///
    /// # Errors
    /// As there.
    pub fn sums(self, offsets: &BTreeSet<u64>) -> Result<BTreeMap<u64, Sum>, RecountError> {
        let edges = self.edges(offsets, |_| ())?;
        Ok(edges.into_iter().map(|(offset, edge)| (offset, edge.sum)).collect())
    }

    /// What is known at each of these offsets, in order; those before where it began, and those that the log does not reach,
    /// have nothing. `passed` hears how far it is.
    ///
    /// # Errors
    /// The log or a frame of it cannot be read.
    pub fn edges(
        mut self,
        offsets: &BTreeSet<u64>,
        mut passed: impl FnMut(u64),
    ) -> Result<BTreeMap<u64, Edge>, RecountError> {
        let mut edges = BTreeMap::new();
        for &offset in offsets.range(self.began.0..) {
            let Some(edge) = self.up_to(Offset(offset))? else { break };
            edges.insert(offset, edge);
            passed(offset);
        }
        Ok(edges)
    }

    /// What all frames below `offset` come to; `None` if the log does not go so far.
    fn up_to(&mut self, offset: Offset) -> Result<Option<Edge>, RecountError> {
        while self.next < offset {
            if self.read.peek().is_none() {
                self.read = self.log.read(self.partition, self.next, READ_BYTES)?.into_iter().peekable();
            }
            // A home may leave offsets out.
            match self.read.next_if(|(at, _)| *at < offset) {
                Some((at, bytes)) => {
                    self.take(at, &bytes)?;
                    self.next = Offset(at.0 + 1);
                }
                None if self.read.peek().is_none() && self.log.bounds(self.partition)?.1 < offset => return Ok(None),
                None => self.next = offset,
            }
        }
        let watermark = self.inbox.watermark().map_or(EventTime::MIN, EventTime);
        Ok(Some(Edge { sum: self.sum, watermark, wall_ms: self.time.wall_ms }))
    }

    fn take(&mut self, offset: Offset, bytes: &[u8]) -> Result<(), RecountError> {
        let bad = |source| RecountError::Frame { offset: offset.0, source };
        let view = FrameView::parse(bytes, &mut self.scratch).map_err(bad)?;
        for record in view.records() {
            let verdict = self.inbox.judge(view.generation(), record.origin, record.position, record.previous);
            if verdict == Verdict::Accept {
                self.sum.records += 1;
                self.sum.checksum = self.sum.checksum.wrapping_add(position_hash(record.origin, record.position));
            }
        }
        if let Some(tick) = view.tick().map_err(bad)? {
            self.inbox.tick(&tick);
            self.time.take(tick.wall_ms, tick.closing);
        }
        Ok(())
    }
}
