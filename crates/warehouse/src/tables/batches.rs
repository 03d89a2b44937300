//! `batches`: its columns in the order they are sent, and how a row becomes bytes.

use crate::ledger::LedgerRow;
use crate::rowbinary::columns;
use crumbtrail_events::Outcome;

columns! {
    /// Appends one row of `batches`, RowBinary, no allocation but the buffer's growth.
    pub fn encode(row: &LedgerRow) {
        "epoch": "UInt8" = row.epoch;
        "processor": "LowCardinality(String)" = row.processor.as_str();
        "partition": "UInt32" = row.partition;
        "table_name": "LowCardinality(String)" = row.table.name();
        "from_offset": "UInt64" = row.from_offset;
        "to_offset": "UInt64" = row.to_offset;
        "content_hash": "UInt64" = row.content_hash;
        "position_checksum": "UInt64" = row.position_checksum;
        "row_checksum": "UInt64" = row.row_checksum;
        "row_count": "UInt64" = row.row_count;
        "record_count": "UInt64" = row.record_count;
        "counted_count": "UInt64" = row.counts.of(Outcome::Counted);
        "late_count": "UInt64" = row.counts.of(Outcome::Late);
        "duplicate_count": "UInt64" = row.counts.of(Outcome::Duplicate);
        "bot_count": "UInt64" = row.counts.of(Outcome::Bot);
        "filtered_count": "UInt64" = row.counts.of(Outcome::Filtered);
        "erased_count": "UInt64" = row.counts.of(Outcome::Erased);
        "dead_count": "UInt64" = row.counts.of(Outcome::Dead);
        "server_start_id": "UInt64" = row.server_start.0;
        "watermark_at": "DateTime64(3, 'UTC')" = row.watermark_at;
        "written_at": "DateTime64(3, 'UTC')" = row.written_at;
        "version": "UInt64" = row.version();
        "is_deleted": "UInt8" = false;
    }
}
