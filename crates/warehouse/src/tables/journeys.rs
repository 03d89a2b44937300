//! `journeys`: its columns in the order they are sent, and how a row becomes bytes.

use crate::rowbinary::columns;
use crate::version::RowVersion;
use crumbtrail_journeys::rows::JourneyRow;

columns! {
    /// Appends one row of `journeys`, RowBinary, no allocation but the buffer's growth.
    pub fn encode(row: &JourneyRow<'_>, version: RowVersion) {
        "site": "LowCardinality(String)" = row.site;
        "person": "FixedString(16)" = row.person;
        "customer": "String" = row.customer;
        "visitor": "String" = row.visitor;
        "model": "LowCardinality(String)" = row.model;
        "stage": "LowCardinality(String)" = row.stage;
        "stage_since_at": "DateTime64(3, 'UTC')" = row.stage_since;
        "is_stalled": "Bool" = row.is_stalled;
        "first_at": "DateTime64(3, 'UTC')" = row.first_at;
        "last_at": "DateTime64(3, 'UTC')" = row.last_at;
        "touchpoint_count": "UInt32" = row.touchpoint_count;
        "click_count": "UInt32" = row.click_count;
        "support_count": "UInt32" = row.support_count;
        "store_visit_count": "UInt32" = row.store_visit_count;
        "purchase_count": "UInt32" = row.purchase_count;
        "revenue_micros": "Int64" = row.revenue;
        "currency": "LowCardinality(String)" = row.currency;
        "first_channel": "LowCardinality(String)" = row.first_channel.as_str();
        "last_channel": "LowCardinality(String)" = row.last_channel.as_str();
        "country": "LowCardinality(String)" = row.country;
        "region": "LowCardinality(String)" = row.region;
        "city": "LowCardinality(String)" = row.city;
        "language": "LowCardinality(String)" = row.language;
        "device": "LowCardinality(String)" = row.device.as_str();
        "score_mean": "Nullable(Float32)" = row.score_mean;
        "score_last": "Nullable(Float32)" = row.score_last;
        "text_count": "UInt32" = row.text_count;
        "friction_count": "UInt32" = row.friction_count;
        "topics": "UInt32" = row.topics;
        "rating_last": "Nullable(Float32)" = row.rating_last;
        "rating_scale": "LowCardinality(String)" = row.rating_scale.as_str();
        "rating_at": "Nullable(DateTime64(3, 'UTC'))" = row.rating_at;
        "cancelled_at": "Nullable(DateTime64(3, 'UTC'))" = row.cancelled_at;
        "cart_abandoned_count": "UInt32" = row.cart_abandoned_count;
        "version": "UInt64" = version;
        "is_deleted": "UInt8" = row.deleted;
    }
}
