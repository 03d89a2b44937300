//! `identity_links`: its columns in the order they are sent, and how a row becomes bytes.

use crate::rowbinary::columns;
use crate::version::RowVersion;
use crumbtrail_identity::LinkRow;

columns! {
    /// Appends one row of `identity_links`, RowBinary, no allocation but the buffer's growth.
    pub fn encode(row: &LinkRow<'_>, version: RowVersion) {
        "site": "LowCardinality(String)" = row.site;
        "id_kind": "LowCardinality(String)" = row.id_kind.as_str();
        "id": "String" = row.id;
        "customer": "String" = row.customer;
        "person": "FixedString(16)" = row.person;
        "standing": "LowCardinality(String)" = row.standing.as_str();
        "how": "LowCardinality(String)" = row.how.as_str();
        "claimed_at": "Nullable(DateTime64(3, 'UTC'))" = row.claimed_at;
        "reaches_from": "Nullable(DateTime64(3, 'UTC'))" = row.reaches_from;
        "claim_event": "UInt64" = row.claim_event;
        "moved_count": "UInt32" = row.moved_count;
        "version": "UInt64" = version;
        "is_deleted": "UInt8" = false;
    }
}
