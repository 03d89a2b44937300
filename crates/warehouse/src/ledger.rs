//! The ledger: what stands in which table, and how far that goes without a break.

use crate::batch::Processor;
use crate::client::Client;
use crate::error::WarehouseError;
use crate::tables::id::TableId;
use crumbtrail_events::EventTime;
use crumbtrail_events::outcome::Counts;
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

/// One row of `batches`: one table's part of a batch. Written only after the inserts it speaks of were acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// Routing epoch.
    pub epoch: u8,
    /// Who wrote it.
    pub processor: Processor,
    /// Partition of the log the processor read.
    pub partition: u32,
    /// Table it speaks of.
    pub table: TableId,
    /// First log offset, inclusive.
    pub from_offset: u64,
    /// End, exclusive.
    pub to_offset: u64,
    /// XXH3 of the rows as bytes; 0 without rows.
    pub content_hash: u64,
    /// Sum over the records of a hash of origin and position.
    pub position_checksum: u64,
    /// Sum over the rows of [`crate::place::hash`]; 0 of tables whose rows are not one a record.
    pub row_checksum: u64,
    /// Rows inserted.
    pub row_count: u64,
    /// Records of the log accepted.
    pub record_count: u64,
    /// Records by outcome.
    pub counts: Counts,
    /// Start of the server that acknowledged.
    pub server_start: ServerStart,
    /// Watermark at the end.
    pub watermark_at: EventTime,
    /// Wall time of the closing tick.
    pub written_at: EventTime,
}

impl LedgerRow {
    /// The version: of two equal claims the one of the later tick stands (a replay of the log makes the same one).
    #[must_use]
    pub fn version(&self) -> u64 {
        self.written_at.0.max(0) as u64
    }
}

/// SQL for a value that changes with every start of a server, and differs between the replicas of a cluster: the ids of
/// tables and databases a server makes afresh in memory when it starts. `uptime()` has whole seconds, and an embedded
/// engine restarts in a fifth of one. The embedded engine publishes the same text; a test compares them.
pub const START_ID_SQL: &str = "SELECT concat(toString(serverUUID()), '/', \
     (SELECT toString(any(uuid)) FROM system.databases WHERE name = 'INFORMATION_SCHEMA'), '/', \
     (SELECT toString(any(uuid)) FROM system.tables WHERE database = 'system' AND name = 'one'))";

/// Which start of which server: a hash of its start id; 0 if starts are not watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerStart(pub u64);

/// The start of the server that answers.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn server_start(client: &Client) -> Result<ServerStart, WarehouseError> {
    let id = client.fetch(START_ID_SQL, "TSVRaw").await?;
    match id.trim_ascii() {
        b"" => Err(WarehouseError::Answer { detail: "the server has no start id".to_owned() }),
        id => Ok(ServerStart(xxh3_64(id))),
    }
}

/// How far the ledger's unbroken chain goes for one partition of a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainEnd {
    /// First offset of the chain: the oldest ledger row.
    pub from: u64,
    /// End, exclusive: everything in `[from, to)` is in every table of the processor.
    pub to: u64,
}

impl ChainEnd {
    /// Up to where every table is whole: `to`, if the chain begins where logs begin. Otherwise the first rows are gone (a
    /// copy older than the first batch was put back, and somebody went on writing), and nothing counts.
    #[must_use]
    pub fn whole_to(self) -> Option<u64> {
        (self.from == 0).then_some(self.to)
    }
}

/// The end of the unbroken chain from the oldest ledger row, the lowest over the processor's tables; `None` if some
/// table has no ledger row. What lies behind a hole does not count: a database restored from a backup has one.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn chain_end(
    client: &Client,
    epoch: u8,
    processor: Processor,
    partition: u32,
) -> Result<Option<ChainEnd>, WarehouseError> {
    let of = format!(" AND processor = '{}' AND partition = {partition}", processor.as_str());
    Ok(chains(client, epoch, &of).await?.pop().map(|(_, _, end)| end))
}

/// As [`chain_end`], of every processor and partition that has one; none where the epoch has no tables.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn chain_ends(client: &Client, epoch: u8) -> Result<Vec<(Processor, u32, ChainEnd)>, WarehouseError> {
    match chains(client, epoch, "").await {
        Err(error) if error.is_unknown() => Ok(Vec::new()),
        chains => chains,
    }
}

async fn chains(client: &Client, epoch: u8, of: &str) -> Result<Vec<(Processor, u32, ChainEnd)>, WarehouseError> {
    #[derive(Deserialize)]
    struct Row {
        processor: String,
        partition: u32,
        table_count: usize,
        chain_from: u64,
        chain_to: u64,
    }
    let sql = format!(
        "SELECT toString(processor) AS processor, partition, count() AS table_count,
            max(first_offset) AS chain_from, min(last_offset) AS chain_to
        FROM (
            SELECT processor, partition, table_name, min(from_offset) AS first_offset,
                if(countIf(is_broken) = 0, max(to_offset), minIf(covered_to, is_broken)) AS last_offset
            FROM (
                SELECT processor, partition, table_name, from_offset, to_offset,
                    max(to_offset) OVER (
                        PARTITION BY processor, partition, table_name ORDER BY from_offset, to_offset
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered_to,
                    row_number() OVER (
                        PARTITION BY processor, partition, table_name ORDER BY from_offset, to_offset) > 1
                        AND from_offset > covered_to AS is_broken
                FROM {database}.{table} FINAL
                WHERE epoch = {epoch}{of})
            GROUP BY processor, partition, table_name)
        GROUP BY processor, partition ORDER BY processor, partition",
        database = client.database(),
        table = TableId::Batches.in_epoch(epoch),
    );
    let rows: Vec<Row> = client.rows(&sql).await?;
    let ends = rows.into_iter().filter_map(|row| {
        let processor =
            [Processor::Sessionize, Processor::Journey].into_iter().find(|p| p.as_str() == row.processor)?;
        let is_whole = row.table_count == processor.tables().len();
        is_whole.then_some((processor, row.partition, ChainEnd { from: row.chain_from, to: row.chain_to }))
    });
    Ok(ends.collect())
}

/// What the ledger says of one stretch: the positions of its records, and the tables that say so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Stretch {
    /// First log offset, inclusive.
    pub from_offset: u64,
    /// End, exclusive.
    pub to_offset: u64,
    /// Records accepted.
    pub record_count: u64,
    /// As [`LedgerRow::position_checksum`].
    pub position_checksum: u64,
    /// As [`LedgerRow::watermark_at`], ms.
    pub watermark_ms: i64,
    /// As [`LedgerRow::written_at`], ms.
    pub written_ms: i64,
    /// Tables, in order of their names, separated by commas.
    pub tables: String,
}

/// The stretches of one partition of a processor, by their offsets; more than one of a stretch where tables differ.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn stretches(
    client: &Client,
    epoch: u8,
    processor: Processor,
    partition: u32,
) -> Result<Vec<Stretch>, WarehouseError> {
    let sql = format!(
        "SELECT from_offset, to_offset, record_count, position_checksum,
            toUnixTimestamp64Milli(watermark_at) AS watermark_ms, toUnixTimestamp64Milli(written_at) AS written_ms,
            arrayStringConcat(arraySort(groupArray(toString(table_name))), ', ') AS tables
        FROM {database}.{table} FINAL
        WHERE epoch = {epoch} AND processor = '{processor}' AND partition = {partition}
        GROUP BY from_offset, to_offset, record_count, position_checksum, watermark_ms, written_ms ORDER BY ALL",
        database = client.database(),
        table = TableId::Batches.in_epoch(epoch),
        processor = processor.as_str(),
    );
    client.rows(&sql).await
}
