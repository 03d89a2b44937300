//! How far the tables are in partitions that other members of the group hold: what they say of it is in the ledger and in the
//! next log, whoever writes there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use crumbtrail_log::frame::FrameView;
use crumbtrail_log::{Log, LogError, Offset, OriginId, PartitionId};
use crumbtrail_runtime::Sink;
use crumbtrail_runtime::processor::origin_name;

/// The ledger is asked so often of a partition.
const EVERY: Duration = Duration::from_secs(1);
/// Rows that come of event time alone are in no record; they are a batch of the same second.
const LAST_ROWS: Duration = Duration::from_secs(2);
/// Records of which the ledger says nothing for so long, though ticks came behind them, are repeats, of which it never does. Longer
/// than a group takes to notice that a member is gone.
const REPEATS: Duration = Duration::from_secs(90);
/// Bytes asked of the log at once.
const READ_BYTES: usize = 1 << 20;

/// What others do of one processor's work.
pub struct Elsewhere<'a> {
    processor: &'static str,
    log: &'a Arc<dyn Log>,
    /// Where it passes on, which tells how far it has read.
    onward: Option<&'a Arc<dyn Log>>,
    sink: &'a dyn Sink,
    partitions: BTreeMap<u32, Seen>,
}

struct Seen {
    asked: Instant,
    whole_to: Offset,
    moved: Instant,
    is_behind: bool,
}

impl<'a> Elsewhere<'a> {
    pub fn new(
        processor: &'static str,
        log: &'a Arc<dyn Log>,
        onward: Option<&'a Arc<dyn Log>>,
        sink: &'a dyn Sink,
    ) -> Elsewhere<'a> {
        Elsewhere { processor, log, onward, sink, partitions: BTreeMap::new() }
    }

    /// Whether the tables lack something of a partition below `end`.
    ///
    /// # Errors
    /// A log cannot be read, or ClickHouse refuses.
    pub fn is_behind(&mut self, partition: u32, end: Offset) -> Result<bool> {
        let now = Instant::now();
        let new = Seen { asked: now, whole_to: Offset(0), moved: now, is_behind: true };
        let mut seen = self.partitions.remove(&partition).unwrap_or(new);
        if now - seen.asked >= EVERY {
            seen.asked = now;
            seen.is_behind = self.ask(partition, end, &mut seen)?;
        }
        let is_behind = seen.is_behind;
        self.partitions.insert(partition, seen);
        Ok(is_behind)
    }

    fn ask(&self, partition: u32, end: Offset, seen: &mut Seen) -> Result<bool> {
        let whole_to = match self.sink.chain_end(self.processor, partition) {
            Ok(whole_to) => whole_to.unwrap_or_default(),
            Err(error) if error.is_away => return Ok(true),
            Err(error) => return Err(error.into()),
        };
        if whole_to != seen.whole_to {
            (seen.whole_to, seen.moved) = (whole_to, seen.asked);
        }
        let silence = seen.moved.elapsed();
        Ok(match whole_to < end {
            false => false,
            true if !self.has_records(PartitionId(partition), whole_to, end)? => silence < LAST_ROWS,
            true => silence < REPEATS || self.has_unread(PartitionId(partition), end)?,
        })
    }

    /// Whether there are records in a stretch: without one there is no batch, and the ledger stays where it is.
    fn has_records(&self, partition: PartitionId, from: Offset, end: Offset) -> Result<bool> {
        let mut scratch = Vec::new();
        // What the log has forgotten is in the tables.
        let mut next = from.max(self.log.bounds(partition)?.0);
        while next < end {
            let frames = self.log.read(partition, next, READ_BYTES)?;
            let Some((last, _)) = frames.last() else { break };
            next = Offset(last.0 + 1);
            for (_, bytes) in frames.iter().take_while(|(at, _)| *at < end) {
                let frame = FrameView::parse(bytes, &mut scratch)
                    .map_err(|error| anyhow::anyhow!("{}: a frame cannot be read: {error}", self.log.name()))?;
                if frame.records().next().is_some() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether nobody has read so far, as the next log tells.
    fn has_unread(&self, partition: PartitionId, end: Offset) -> Result<bool, LogError> {
        let Some(onward) = self.onward else { return Ok(false) };
        let origin = OriginId::of(&origin_name(self.log.as_ref(), partition));
        for to in (0..onward.partitions()).map(PartitionId) {
            if onward.read_back(to, origin)?.is_none_or(|back| Offset(back.frontier) < end) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
