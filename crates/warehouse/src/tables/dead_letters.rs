//! `dead_letters`: its columns in the order they are sent, and how a row becomes bytes.

use crate::rowbinary::columns;
use crate::rows::DeadLetterRow;
use crate::version::RowVersion;
use crumbtrail_events::EventTime;

columns! {
    /// Appends one row of `dead_letters`, RowBinary, no allocation but the buffer's growth.
    pub fn encode(row: &DeadLetterRow<'_>, version: RowVersion) {
        t => row.touchpoint;
        "topic": "LowCardinality(String)" = t.topic;
        "partition": "UInt32" = t.partition;
        "offset": "UInt64" = t.offset;
        "origin_hash": "UInt64" = t.origin;
        "event_hash": "UInt64" = t.head.id;
        "site": "LowCardinality(String)" = t.site;
        "reason": "LowCardinality(String)" = t.reason;
        "detail": "String" = t.detail;
        "event_id": "String" = t.event_id;
        "received_at": "DateTime64(3, 'UTC')" = EventTime(t.received_at);
        "preview": "String" = t.text;
        "character_count": "UInt32" = t.characters;
        "log_partition": "UInt32" = row.log_partition;
        "version": "UInt64" = version;
        "is_deleted": "UInt8" = false;
    }
}
