//! Rows that the ledger says were inserted last, and of which none is there: of tables whose rows replace each other the audit
//! view cannot count, but the newest version of a row is never replaced.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::client::Client;
use crate::error::WarehouseError;
use crate::tables::TableId;

/// A stretch of which a table has no row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Vanished {
    /// Who wrote it.
    pub processor: String,
    /// Partition of the log the processor read.
    pub partition: u32,
    /// The table.
    pub table_name: String,
    /// First log offset, inclusive.
    pub from_offset: u64,
    /// End, exclusive.
    pub to_offset: u64,
    /// Rows that were inserted.
    pub row_count: u64,
}

/// Of each table and partition of an epoch, the newest stretch with rows, if the table has none of these: it was emptied, made anew, or
/// rows were deleted. Reads the versions of all rows.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn vanished(client: &Client, epoch: u8) -> Result<Vec<Vanished>, WarehouseError> {
    #[derive(Deserialize)]
    struct Found {
        counts: Vec<u64>,
    }
    let sql = format!(
        "SELECT toString(processor) AS processor, partition, toString(table_name) AS table_name, from_offset, to_offset, row_count
        FROM {database}.{ledger} FINAL
        WHERE epoch = {epoch} AND row_count > 0
        ORDER BY from_offset DESC LIMIT 1 BY processor, partition, table_name",
        database = client.database(),
        ledger = TableId::Batches.in_epoch(epoch),
    );
    let newest: Vec<Vanished> = client.rows(&sql).await?;
    let mut vanished = Vec::new();
    for table in TableId::ALL.into_iter().filter(|table| is_replaced(*table)) {
        let of_table: Vec<&Vanished> = newest.iter().filter(|stretch| stretch.table_name == table.name()).collect();
        if of_table.is_empty() {
            continue;
        }
        let mut counts = String::new();
        for stretch in &of_table {
            let comma = if counts.is_empty() { "" } else { ", " };
            let _ =
                write!(counts, "{comma}countIf(log_at >= {} AND log_at < {})", stretch.from_offset, stretch.to_offset);
        }
        let sql = format!(
            "WITH bitAnd(bitShiftRight(version, 16), 0xFFFFFFFFFF) AS log_at SELECT [{counts}] AS counts FROM {}.{}
            WHERE bitShiftRight(version, 56) = {epoch}",
            client.database(),
            table.in_epoch(epoch)
        );
        let found = client.rows::<Found>(&sql).await?.into_iter().next().map_or_else(Vec::new, |found| found.counts);
        let gone = of_table.into_iter().zip(found).filter(|(_, count)| *count == 0);
        vanished.extend(gone.map(|(stretch, _)| stretch.clone()));
    }
    Ok(vanished)
}

/// Whether a table's rows replace each other: of the others the audit view counts every row.
fn is_replaced(table: TableId) -> bool {
    !matches!(table, TableId::Touchpoints | TableId::DeadLetters | TableId::Batches)
}
