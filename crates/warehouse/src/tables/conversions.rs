//! `conversions`: its columns in the order they are sent, and how a row becomes bytes.

use crate::rowbinary::columns;
use crate::version::RowVersion;
use crumbtrail_journeys::rows::ConversionRow;

columns! {
    /// Appends one row of `conversions`, RowBinary, no allocation but the buffer's growth.
    pub fn encode(row: &ConversionRow<'_>, version: RowVersion) {
        "site": "LowCardinality(String)" = row.site;
        "conversion_id": "UInt64" = row.conversion_id;
        "person": "FixedString(16)" = row.person;
        "customer": "String" = row.customer;
        "converted_at": "DateTime64(3, 'UTC')" = row.converted_at;
        "kind": "LowCardinality(String)" = row.kind;
        "order_id": "String" = row.order_id;
        "revenue_micros": "Int64" = row.revenue;
        "currency": "LowCardinality(String)" = row.currency;
        "has_cart": "Bool" = row.has_cart;
        "touch_count": "UInt32" = row.touch_count;
        "first_channel": "LowCardinality(String)" = row.first_channel.as_str();
        "first_source": "LowCardinality(String)" = row.first_source;
        "first_campaign": "LowCardinality(String)" = row.first_campaign;
        "first_touch_at": "Nullable(DateTime64(3, 'UTC'))" = row.first_touch_at;
        "last_channel": "LowCardinality(String)" = row.last_channel.as_str();
        "last_source": "LowCardinality(String)" = row.last_source;
        "last_campaign": "LowCardinality(String)" = row.last_campaign;
        "last_touch_at": "Nullable(DateTime64(3, 'UTC'))" = row.last_touch_at;
        "city": "LowCardinality(String)" = row.city;
        "country": "LowCardinality(String)" = row.country;
        "device": "LowCardinality(String)" = row.device.as_str();
        "version": "UInt64" = version;
        "is_deleted": "UInt8" = row.deleted;
    }
}
