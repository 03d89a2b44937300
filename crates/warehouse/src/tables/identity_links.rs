//! `identity_links`: its columns in the order they are sent, and how a row becomes bytes.

use crate::rowbinary::columns;
use crate::version::RowVersion;
use crumbtrail_events::EventTime;
use crumbtrail_identity::LinkRow;

/// What a record made of a link.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// How the link stands now.
    pub link: &'a LinkRow<'a>,
    /// Event time of the record.
    pub at: EventTime,
}

columns! {
    /// Appends one row of `identity_links`, RowBinary, no allocation but the buffer's growth.
    pub fn encode(change: Change<'_>, version: RowVersion) {
        row => change.link;
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
        "changed_at": "DateTime64(3, 'UTC')" = change.at;
        "version": "UInt64" = version;
        "is_deleted": "UInt8" = false;
    }
}
