//! What a processor hands over: the rows of one stretch of one log partition, ready to send.

use crate::tables::id::TableId;
use bytes::Bytes;
use crumbtrail_events::EventTime;
use crumbtrail_events::outcome::Counts;
use xxhash_rust::xxh3::Xxh3;

/// Who writes tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Processor {
    /// Sessions, conversations, touchpoints, dead letters.
    Sessionize,
    /// Journeys and what follows from them.
    Journey,
}

impl Processor {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Processor::Sessionize => "sessionize",
            Processor::Journey => "journey",
        }
    }

    /// The tables it writes; each gets a ledger row for every batch, also when the batch has no row for it.
    #[must_use]
    pub const fn tables(self) -> &'static [TableId] {
        match self {
            Processor::Sessionize => &[
                TableId::Touchpoints,
                TableId::Sessions,
                TableId::Conversations,
                TableId::DeadLetters,
                TableId::IdentityLinks,
            ],
            Processor::Journey => &[TableId::Journeys, TableId::StageMoves, TableId::Conversions, TableId::Breadcrumbs],
        }
    }
}

/// The rows of one table in a batch, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRows {
    /// Table.
    pub table: TableId,
    /// RowBinary, as the encoders of [`crate::tables`] make it; every piece whole rows.
    pub pieces: Vec<Bytes>,
    /// Rows in it.
    pub row_count: u64,
    /// XXH3 of the rows, wherever the pieces end; 0 without rows.
    pub content_hash: u64,
    /// Sum over the rows of [`crate::place::hash`]; 0 of tables whose rows are not one a record.
    pub row_checksum: u64,
}

impl TableRows {
    /// Rows with their hash.
    #[must_use]
    pub fn new(table: TableId, pieces: Vec<Bytes>, row_count: u64) -> TableRows {
        let mut hash = Xxh3::new();
        pieces.iter().for_each(|piece| hash.update(piece));
        let content_hash = if row_count == 0 { 0 } else { hash.digest() };
        TableRows { table, pieces, row_count, content_hash, row_checksum: 0 }
    }

    /// With what its rows add up to.
    #[must_use]
    pub fn adding_up_to(self, row_checksum: u64) -> TableRows {
        TableRows { row_checksum, ..self }
    }

    /// Bytes of the rows.
    #[must_use]
    pub fn size(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }
}

/// Everything that follows from one stretch `[from, to)` of one partition of a processor's log.
///
/// Stretches of a partition follow each other without a hole; where they are cut depends on the log alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Who made it.
    pub processor: Processor,
    /// Partition of the log it read.
    pub partition: u32,
    /// First log offset, inclusive.
    pub from: u64,
    /// End, exclusive: where the next batch begins.
    pub to: u64,
    /// Rows, at most one entry a table; tables without rows may be left out.
    pub tables: Vec<TableRows>,
    /// Records accepted in the stretch, counted where they are read, apart from `counts`.
    pub record_count: u64,
    /// What became of them, counted where they are judged.
    pub counts: Counts,
    /// Sum over the records of a hash of their origin and position.
    pub position_checksum: u64,
    /// Watermark at the end.
    pub watermark: EventTime,
    /// Wall time of the tick that closed it, ms since the epoch.
    pub wall_ms: i64,
}

impl Batch {
    /// Bytes of its rows, the measure queues are bounded by; never 0.
    #[must_use]
    pub fn size(&self) -> usize {
        256 + self.tables.iter().map(TableRows::size).sum::<usize>()
    }
}
