//! `conversations`: its columns in the order they are sent, and how a row becomes bytes.

use crate::rowbinary::columns;
use crate::rowbinary::span;
use crate::version::RowVersion;
use crumbtrail_sessions::rows::ConversationRow;

columns! {
    /// Appends one row of `conversations`, RowBinary, no allocation but the buffer's growth.
    pub fn encode(row: &ConversationRow<'_>, version: RowVersion) {
        "site": "LowCardinality(String)" = row.site;
        "conversation_id": "String" = row.conversation_id;
        "customer": "String" = row.customer;
        "visitor": "String" = row.visitor;
        "contact": "String" = row.contact;
        "person": "FixedString(16)" = row.person;
        "channel": "LowCardinality(String)" = row.channel.as_str();
        "status": "LowCardinality(String)" = row.status;
        "opened_at": "DateTime64(3, 'UTC')" = row.opened_at;
        "last_at": "DateTime64(3, 'UTC')" = row.last_at;
        "first_reply_at": "Nullable(DateTime64(3, 'UTC'))" = row.first_reply_at;
        "first_resolved_at": "Nullable(DateTime64(3, 'UTC'))" = row.first_resolved_at;
        "resolved_at": "Nullable(DateTime64(3, 'UTC'))" = row.resolved_at;
        "first_reply_ms": "Nullable(Int64)" = row.first_word_at.and_then(|word| span(word, row.first_reply_at));
        "first_resolution_ms": "Nullable(Int64)" = span(row.opened_at, row.first_resolved_at);
        "resolution_ms": "Nullable(Int64)" = span(row.opened_at, row.resolved_at);
        "first_reply_business_ms": "Nullable(Int64)" = row.first_reply_business_ms;
        "first_resolution_business_ms": "Nullable(Int64)" = row.first_resolution_business_ms;
        "resolution_business_ms": "Nullable(Int64)" = row.resolution_business_ms;
        "awaiting": "LowCardinality(String)" = row.awaiting;
        "waiting_since_at": "Nullable(DateTime64(3, 'UTC'))" = row.waiting_since;
        "requester_wait_ms": "Int64" = row.requester_wait_ms;
        "requester_wait_business_ms": "Int64" = row.requester_wait_business_ms;
        "agent_wait_ms": "Int64" = row.agent_wait_ms;
        "first_reply_due_at": "Nullable(DateTime64(3, 'UTC'))" = row.first_reply_due_at;
        "resolution_due_at": "Nullable(DateTime64(3, 'UTC'))" = row.resolution_due_at;
        "is_first_reply_breached": "Nullable(Bool)" = row.is_first_reply_breached;
        "is_resolution_breached": "Nullable(Bool)" = row.is_resolution_breached;
        "touch_class": "LowCardinality(String)" = row.touch_class;
        "is_final": "Bool" = row.is_final;
        "reopen_count": "UInt32" = row.reopen_count;
        "customer_message_count": "UInt32" = row.customer_message_count;
        "agent_message_count": "UInt32" = row.agent_message_count;
        "bot_message_count": "UInt32" = row.bot_message_count;
        "agent_count": "UInt32" = row.agent_count;
        "handover_count": "UInt32" = row.handover_count;
        "department_count": "UInt32" = row.department_count;
        "department_change_count": "UInt32" = row.department_change_count;
        "channel_change_count": "UInt32" = row.channel_change_count;
        "rating_first": "Nullable(Float32)" = row.rating_first;
        "rating_latest": "Nullable(Float32)" = row.rating_latest;
        "rating_move": "Nullable(Float32)" = row.rating_move;
        "rating_turn": "LowCardinality(String)" = row.rating_turn;
        "csat": "Nullable(Float32)" = row.csat;
        "nps": "Nullable(Float32)" = row.nps;
        "ces": "Nullable(Float32)" = row.ces;
        "rating_scale": "LowCardinality(String)" = row.scale.as_str();
        "score_start": "Nullable(Float32)" = row.score_start;
        "score_end": "Nullable(Float32)" = row.score_end;
        "score_worst": "Nullable(Float32)" = row.score_worst;
        "score_trend": "Nullable(Float32)" = row.score_trend;
        "language": "LowCardinality(String)" = row.language;
        "topics": "UInt32" = row.topics;
        "likes": "UInt32" = row.likes;
        "dislikes": "UInt32" = row.dislikes;
        "friction_count": "UInt32" = row.friction_count;
        "friction_kinds": "UInt32" = row.frictions;
        "question_count": "UInt32" = row.question_count;
        "complaint_count": "UInt32" = row.complaint_count;
        "suggestion_count": "UInt32" = row.suggestion_count;
        "praise_count": "UInt32" = row.praise_count;
        "priority": "LowCardinality(String)" = row.priority;
        "department": "LowCardinality(String)" = row.department;
        "store": "LowCardinality(String)" = row.store;
        "country": "LowCardinality(String)" = row.country;
        "city": "LowCardinality(String)" = row.city;
        "version": "UInt64" = version;
        "is_deleted": "UInt8" = row.deleted;
    }
}
