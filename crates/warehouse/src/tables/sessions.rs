//! `sessions`: its columns in the order they are sent, and how a row becomes bytes.

use crate::rowbinary::columns;
use crate::version::RowVersion;
use crumbtrail_sessions::rows::SessionRow;

columns! {
    /// Appends one row of `sessions`, RowBinary, no allocation but the buffer's growth.
    pub fn encode(row: &SessionRow<'_>, version: RowVersion) {
        "site": "LowCardinality(String)" = row.site;
        "started_at": "DateTime64(3, 'UTC')" = row.started_at;
        "session_id": "UInt64" = row.session_id;
        "visitor": "String" = row.visitor;
        "customer": "String" = row.customer;
        "person": "FixedString(16)" = row.person;
        "ended_at": "DateTime64(3, 'UTC')" = row.ended_at;
        "duration_ms": "UInt64" = row.ended_at.since(row.started_at).max(0) as u64;
        "is_final": "Bool" = row.is_final;
        "is_engaged": "Bool" = row.is_engaged;
        "engaged_ms": "Int64" = row.engaged_ms;
        "end_reason": "LowCardinality(String)" = row.cut.as_str();
        "is_continuation": "Bool" = row.is_continuation;
        "event_count": "UInt32" = row.event_count;
        "ping_count": "UInt32" = row.ping_count;
        "view_count": "UInt32" = row.view_count;
        "search_count": "UInt32" = row.search_count;
        "product_view_count": "UInt32" = row.product_view_count;
        "cart_add_count": "UInt32" = row.cart_add_count;
        "cart_remove_count": "UInt32" = row.cart_remove_count;
        "checkout_count": "UInt32" = row.checkout_count;
        "purchase_count": "UInt32" = row.purchase_count;
        "cart_add_quantity": "UInt32" = row.cart_add_quantity;
        "cart_remove_quantity": "UInt32" = row.cart_remove_quantity;
        "purchase_quantity": "UInt32" = row.purchase_quantity;
        "cart_value_micros": "Int64" = row.cart_value;
        "revenue_micros": "Int64" = row.revenue;
        "currency": "LowCardinality(String)" = row.currency;
        "entry_page": "String" = row.entry_page;
        "exit_page": "String" = row.exit_page;
        "page_groups": "Array(Tuple(page_group String, view_count UInt32))" = row.page_groups;
        "client_session": "String" = row.client_session;
        "channel": "LowCardinality(String)" = row.channel.as_str();
        "source": "LowCardinality(String)" = row.source;
        "medium": "LowCardinality(String)" = row.medium;
        "campaign": "LowCardinality(String)" = row.campaign;
        "click_id": "String" = row.click_id;
        "referrer": "LowCardinality(String)" = row.referrer;
        "country": "LowCardinality(String)" = row.country;
        "region": "LowCardinality(String)" = row.region;
        "city": "LowCardinality(String)" = row.city;
        "latitude": "Nullable(Float32)" = row.latitude;
        "longitude": "Nullable(Float32)" = row.longitude;
        "time_zone": "LowCardinality(String)" = row.time_zone;
        "device": "LowCardinality(String)" = row.device.as_str();
        "browser": "LowCardinality(String)" = row.browser;
        "os": "LowCardinality(String)" = row.os;
        "language": "LowCardinality(String)" = row.language;
        "bot": "LowCardinality(String)" = row.bot;
        "bot_behaviour": "LowCardinality(String)" = row.bot_behaviour;
        "busiest_minute_view_count": "UInt32" = row.busiest_minute_view_count;
        "stays": "Array(Tuple(store String, entered_at DateTime64(3, 'UTC'), left_at Nullable(DateTime64(3, 'UTC')), inside_ms UInt64, is_dwell Bool, visit_count UInt32))" = row.stays;
        "score": "Nullable(Float32)" = row.score;
        "score_worst": "Nullable(Float32)" = row.score_worst;
        "text_count": "UInt32" = row.text_count;
        "version": "UInt64" = version;
        "is_deleted": "UInt8" = row.deleted;
    }
}
