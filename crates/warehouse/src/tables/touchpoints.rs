//! `touchpoints`: its columns in the order they are sent, and how a row becomes bytes.

use crate::rowbinary::columns;
use crate::rowbinary::millis;
use crate::rows::TouchpointRow;
use crate::version::RowVersion;

columns! {
    /// Appends one row of `touchpoints`, RowBinary, no allocation but the buffer's growth.
    pub fn encode(row: &TouchpointRow<'_>, version: RowVersion) {
        t => row.touchpoint;
        "site": "LowCardinality(String)" = t.site;
        "occurred_at": "DateTime64(3, 'UTC')" = t.head.occurred_at;
        "event_hash": "UInt64" = t.head.id;
        "topic": "LowCardinality(String)" = t.topic;
        "partition": "UInt32" = t.partition;
        "offset": "UInt64" = t.offset;
        "event_id": "String" = t.event_id;
        "kind": "LowCardinality(String)" = t.head.kind.as_str();
        "outcome": "LowCardinality(String)" = row.outcome.as_str();
        "name": "LowCardinality(String)" = t.name;
        "visitor": "String" = t.visitor;
        "customer": "String" = t.customer;
        "contact": "String" = t.contact;
        "session_id": "UInt64" = row.session_id;
        "conversation_id": "String" = t.conversation;
        "device_at": "Nullable(DateTime64(3, 'UTC'))" = millis(t.device_at);
        "received_at": "Nullable(DateTime64(3, 'UTC'))" = millis(t.received_at);
        "host": "LowCardinality(String)" = t.host;
        "page": "String" = t.page;
        "title": "String" = t.title;
        "referrer": "LowCardinality(String)" = t.referrer;
        "channel": "LowCardinality(String)" = t.channel.as_str();
        "source": "LowCardinality(String)" = t.source;
        "medium": "LowCardinality(String)" = t.medium;
        "campaign": "LowCardinality(String)" = t.campaign;
        "term": "LowCardinality(String)" = t.term;
        "content": "LowCardinality(String)" = t.content;
        "click_id": "String" = t.click_id;
        "country": "LowCardinality(String)" = t.country;
        "region": "LowCardinality(String)" = t.region;
        "city": "LowCardinality(String)" = t.city;
        "latitude": "Nullable(Float32)" = t.latitude;
        "longitude": "Nullable(Float32)" = t.longitude;
        "time_zone": "LowCardinality(String)" = t.time_zone;
        "device": "LowCardinality(String)" = t.device.as_str();
        "browser": "LowCardinality(String)" = t.browser;
        "os": "LowCardinality(String)" = t.os;
        "bot": "LowCardinality(String)" = t.bot;
        "language": "LowCardinality(String)" = t.language;
        "items": "Array(Tuple(product String, name String, category String, price_micros Int64, quantity UInt32))" = t.items;
        "order_id": "String" = t.order_id;
        "revenue_micros": "Int64" = t.revenue;
        "currency": "LowCardinality(String)" = t.currency;
        "search": "String" = t.search;
        "step": "LowCardinality(String)" = t.step;
        "client_session": "String" = t.client_session;
        "properties": "String" = t.properties;
        "store": "LowCardinality(String)" = t.store;
        "author": "LowCardinality(String)" = if t.head.kind.is_support() { t.author.as_str() } else { "" };
        "agent": "LowCardinality(String)" = t.agent;
        "department": "LowCardinality(String)" = t.department;
        "rating": "Nullable(Float32)" = t.rating;
        "rating_scale": "LowCardinality(String)" = t.scale.as_str();
        "priority": "LowCardinality(String)" = t.priority;
        "tags": "String" = t.tags;
        "text": "String" = t.text;
        "character_count": "UInt32" = t.characters;
        "feeling": "LowCardinality(String)" = t.feeling.as_str();
        "score": "Nullable(Float32)" = t.score;
        "confidence": "Nullable(Float32)" = t.confidence;
        "topics": "UInt32" = t.topics;
        "is_friction": "Bool" = t.friction;
        "flag": "LowCardinality(String)" = t.reason;
        "model": "LowCardinality(String)" = t.model;
        "log_partition": "UInt32" = row.log_partition;
        "version": "UInt64" = version;
        "is_deleted": "UInt8" = false;
    }
}
