//! `breadcrumbs`: its columns in the order they are sent, and how a row becomes bytes.

use crate::rowbinary::columns;
use crate::version::RowVersion;
use crumbtrail_journeys::rows::BreadcrumbRow;

columns! {
    /// Appends one row of `breadcrumbs`, RowBinary, no allocation but the buffer's growth.
    pub fn encode(row: &BreadcrumbRow<'_>, version: RowVersion) {
        "site": "LowCardinality(String)" = row.site;
        "breadcrumb_id": "UInt64" = row.breadcrumb_id;
        "person": "FixedString(16)" = row.person;
        "customer": "String" = row.customer;
        "visitor": "String" = row.visitor;
        "kind": "LowCardinality(String)" = row.kind;
        "began_at": "DateTime64(3, 'UTC')" = row.began_at;
        "last_at": "DateTime64(3, 'UTC')" = row.last_at;
        "true_at": "DateTime64(3, 'UTC')" = row.true_at;
        "how": "LowCardinality(String)" = row.how;
        "phase": "LowCardinality(String)" = row.phase;
        "step": "LowCardinality(String)" = row.step;
        "value_micros": "Int64" = row.value;
        "peak_value_micros": "Int64" = row.peak_value;
        "currency": "LowCardinality(String)" = row.currency;
        "item_count": "UInt32" = row.item_count;
        "severity": "UInt8" = row.severity;
        "evidence": "Array(UInt64)" = row.evidence;
        "channel": "LowCardinality(String)" = row.channel.as_str();
        "device": "LowCardinality(String)" = row.device.as_str();
        "city": "LowCardinality(String)" = row.city;
        "country": "LowCardinality(String)" = row.country;
        "version": "UInt64" = version;
        "is_deleted": "UInt8" = row.deleted;
    }
}
