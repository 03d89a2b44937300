//! Where batches go: ClickHouse in production, a vector in tests, nowhere in benchmarks.

use crumbtrail_events::EventTime;
use crumbtrail_events::outcome::Counts;
use crumbtrail_log::position::Offset;

use crate::step::TableRows;

/// The rows a partition made from the log range `[from, to)`, cut by log content alone, so that a replay cuts the same.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Processor name.
    pub processor: &'static str,
    /// Partition of the processor's input log.
    pub partition: u32,
    /// First log offset covered.
    pub from: Offset,
    /// First log offset not covered.
    pub to: Offset,
    /// Rows by the step's table numbers.
    pub tables: Vec<TableRows>,
    /// Records accepted, counted where they are read.
    pub record_count: u64,
    /// Records by outcome, counted where they are judged.
    pub counts: Counts,
    /// Sum of the hashes of the accepted records' origins and positions (wrapping): order does not matter, a lost or
    /// doubled record does.
    pub position_checksum: u64,
    /// The watermark at the cut.
    pub watermark: EventTime,
    /// Wall time of the last tick before the cut, ms.
    pub wall_ms: i64,
}

impl Batch {
    /// Encoded bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tables.iter().map(TableRows::bytes).sum()
    }
}

/// Why rows cannot be delivered, now or ever.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    /// What happened and what to do.
    pub message: String,
    /// Whether whom it was about is only away, so that asking again later may help.
    pub is_away: bool,
}

/// Takes batches and acknowledges them once they and their ledger rows are durable.
pub trait Sink: Send + Sync {
    /// Whether there is room; while there is none the partition is paused.
    fn has_room(&self) -> bool;
    /// Queues a batch.
    ///
    /// # Errors
    /// The sink has stopped for good.
    fn submit(&self, batch: Batch) -> Result<(), SinkError>;
    /// First log offset of this partition that is not yet acknowledged by every table, as far as this process knows.
    fn acked(&self, processor: &'static str, partition: u32) -> Option<Offset>;
    /// End of the unbroken chain of the ledger for this partition, asked of the database; `None` when the ledger holds
    /// nothing of it, so that no snapshot may be used.
    ///
    /// # Errors
    /// The database cannot be asked.
    fn chain_end(&self, processor: &'static str, partition: u32) -> Result<Option<Offset>, SinkError>;
}

/// A sink that acknowledges everything and keeps nothing: for benchmarks of what comes before it.
#[derive(Debug, Default)]
pub struct NullSink {
    acked: parking_lot::Mutex<hashbrown::HashMap<(&'static str, u32), Offset>>,
}

impl Sink for NullSink {
    fn has_room(&self) -> bool {
        true
    }

    fn submit(&self, batch: Batch) -> Result<(), SinkError> {
        self.acked.lock().insert((batch.processor, batch.partition), batch.to);
        Ok(())
    }

    fn acked(&self, processor: &'static str, partition: u32) -> Option<Offset> {
        self.acked.lock().get(&(processor, partition)).copied()
    }

    fn chain_end(&self, _: &'static str, _: u32) -> Result<Option<Offset>, SinkError> {
        Ok(Some(Offset(u64::MAX)))
    }
}
