-- Contacts that wait for an answer now, on every channel, reviews and surveys without a word included; they leave the view when a
-- human agent replies, or the matter is resolved or closed. What is said after that is no contact until it is reopened.
CREATE OR REPLACE VIEW {database}.contacts_waiting {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    conversation_id String COMMENT 'Id of the conversation',
    channel LowCardinality(String) COMMENT 'Channel it began on, reviews and social mentions included',
    department LowCardinality(String) COMMENT 'Department or team, latest told',
    priority LowCardinality(String) COMMENT 'Priority, latest told',
    person String COMMENT 'Key of the person, 32 hexadecimal digits',
    opened_at DateTime64(3, 'UTC') COMMENT 'First entry, ms, UTC',
    waiting_since_at Nullable(DateTime64(3, 'UTC')) COMMENT 'The first word that is not answered, ms, UTC',
    waiting_ms Int64 COMMENT 'How long it has waited by now, milliseconds',
    was_answered_before Bool COMMENT 'A human agent replied to an earlier word',
    is_overdue Bool COMMENT 'The first reply was due by the policy that fits, and has not come'
)
AS SELECT
    site,
    conversation_id,
    channel,
    department,
    priority,
    person,
    opened_at,
    waiting_since_at,
    ifNull(dateDiff('millisecond', waiting_since_at, now64(3, 'UTC')), 0) AS waiting_ms,
    toBool(first_reply_at IS NOT NULL) AS was_answered_before,
    toBool(ifNull(first_reply_at IS NULL AND first_reply_due_at < now64(3, 'UTC'), 0)) AS is_overdue
FROM {database}.conversations
WHERE awaiting = 'agent'
COMMENT 'Contacts that wait for an answer now, on every channel'
