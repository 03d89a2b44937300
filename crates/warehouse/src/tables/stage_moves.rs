//! `stage_moves`: its columns in the order they are sent, and how a row becomes bytes.

use crate::rowbinary::columns;
use crate::version::RowVersion;
use crumbtrail_journeys::rows::StageMoveRow;

columns! {
    /// Appends one row of `stage_moves`, RowBinary, no allocation but the buffer's growth.
    pub fn encode(row: &StageMoveRow<'_>, version: RowVersion) {
        "site": "LowCardinality(String)" = row.site;
        "person": "FixedString(16)" = row.person;
        "model": "LowCardinality(String)" = row.model;
        "move_index": "UInt32" = row.move_index;
        "customer": "String" = row.customer;
        "from_stage": "LowCardinality(String)" = row.from_stage;
        "to_stage": "LowCardinality(String)" = row.to_stage;
        "direction": "LowCardinality(String)" = row.direction;
        "moved_at": "DateTime64(3, 'UTC')" = row.moved_at;
        "duration_ms": "Int64" = row.duration_ms;
        "rule": "LowCardinality(String)" = row.rule;
        "cause_event_hash": "UInt64" = row.cause;
        "channel": "LowCardinality(String)" = row.channel.as_str();
        "version": "UInt64" = version;
        "is_deleted": "UInt8" = row.deleted;
    }
}
