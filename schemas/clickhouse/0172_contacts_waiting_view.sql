-- Contacts that wait for an answer now, on every channel, reviews and surveys without a word included; they leave the view when a
-- human agent replies, or the matter is resolved or closed, also where that fell into another conversation (answers_elsewhere). What is
-- said after the end is no contact until it is reopened.
CREATE OR REPLACE VIEW {database}.contacts_waiting {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    conversation_id String COMMENT 'Id of the conversation',
    channel LowCardinality(String) COMMENT 'Channel it began on, reviews and social mentions included',
    department LowCardinality(String) COMMENT 'Department or team, latest told',
    priority LowCardinality(String) COMMENT 'Priority, latest told',
    person String COMMENT 'Key of the journey it belongs to, 32 hexadecimal digits',
    opened_at DateTime64(3, 'UTC') COMMENT 'First entry, ms, UTC',
    waiting_since_at Nullable(DateTime64(3, 'UTC')) COMMENT 'The first word that is not answered, ms, UTC; where one before it was answered elsewhere, the last word',
    waiting_ms Int64 COMMENT 'How long it has waited by now, milliseconds',
    was_answered_before Bool COMMENT 'A human agent replied to an earlier word',
    is_overdue Bool COMMENT 'The first reply was due by the policy that fits, and has not come'
)
AS SELECT
    waiting.site AS site,
    waiting.conversation_id AS conversation_id,
    channel,
    department,
    priority,
    whose.person AS person,
    waiting.opened_at AS opened_at,
    if(elsewhere.answered_at IS NULL, waiting.waiting_since_at, last_at) AS waiting_since_at,
    ifNull(dateDiff('millisecond', waiting_since_at, now64(3, 'UTC')), 0) AS waiting_ms,
    toBool(first_reply_at IS NOT NULL OR elsewhere.answered_at IS NOT NULL) AS was_answered_before,
    toBool(ifNull(NOT was_answered_before AND first_reply_due_at < now64(3, 'UTC'), 0)) AS is_overdue
FROM {database}.conversations AS waiting
INNER JOIN {database}.conversation_people AS whose
    ON whose.site = waiting.site AND whose.conversation_id = waiting.conversation_id AND whose.opened_at = waiting.opened_at
LEFT JOIN {database}.answers_elsewhere AS elsewhere
    ON elsewhere.site = waiting.site AND elsewhere.conversation_id = waiting.conversation_id AND elsewhere.opened_at = waiting.opened_at
WHERE awaiting = 'agent' AND elsewhere.settled_at IS NULL
COMMENT 'Contacts that wait for an answer now, on every channel'
