-- What answers a conversation without an id of its own that waits: by the table its customer waits for ever if the reply fell into
-- another row, as it came after more than the gap of silence or named the person otherwise. Here it is the first later reply to the
-- same person on the same channel; one in a case with an id counts if that began after the question.
CREATE OR REPLACE VIEW {database}.answers_elsewhere {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    conversation_id String COMMENT 'Id of the conversation, one made of person, channel and first entry',
    opened_at DateTime64(3, 'UTC') COMMENT 'First entry, ms, UTC',
    asked_at DateTime64(3, 'UTC') COMMENT 'The first word that is not answered in it, ms, UTC',
    answered_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First message of a human agent after asked_at elsewhere, as far as the rows of conversations tell its time, ms, UTC; NULL without',
    settled_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First reply, resolution or close elsewhere after the customer\'s last word in it, ms, UTC; NULL while it still waits'
)
AS SELECT
    site,
    conversation_id,
    opened_at,
    minIf(at, what = 'asked') AS asked_at,
    minIf(next_reply_at, what = 'asked') AS answered_at,
    minIf(least(ifNull(next_reply_at, next_end_at), ifNull(next_end_at, next_reply_at)), what = 'last') AS settled_at
FROM
(
    SELECT
        site, conversation_id, opened_at, what, at,
        minIf(toNullable(at), what = 'reply') OVER later AS next_reply_at,
        minIf(toNullable(at), what = 'end') OVER later AS next_end_at
    FROM
    (
        -- `since` is what a question must come before to be answered by it.
        SELECT
            site, person, channel, conversation_id, opened_at,
            told.1 AS what, assumeNotNull(told.2) AS at, if(is_made OR what IN ('asked', 'last'), at, opened_at) AS since
        FROM
        (
            SELECT
                whose.site AS site, whose.person AS person, toString(conversations.channel) AS channel,
                whose.conversation_id AS conversation_id, whose.opened_at AS opened_at,
                startsWith(whose.conversation_id, '~') AS is_made,
                is_made AND awaiting = 'agent' AS is_asking,
                customer_message_count = 0 AND first_reply_at IS NULL AND agent_message_count > 0 AS is_agents_alone,
                arrayJoin(arrayFilter(it -> it.2 IS NOT NULL, [
                    ('asked', if(is_asking, waiting_since_at, NULL)),
                    ('last', multiIf(NOT is_asking, NULL, customer_message_count > 1, last_at, waiting_since_at)),
                    ('reply', first_reply_at),
                    ('reply', if(awaiting = 'customer', waiting_since_at, NULL)),
                    ('reply', if(is_agents_alone AND awaiting = '', whose.opened_at, NULL)),
                    ('end', first_resolved_at),
                    ('end', resolved_at),
                    ('end', if(status = 'closed', last_at, NULL))])) AS told
            FROM {database}.conversations AS conversations
            INNER JOIN {database}.conversation_people AS whose
                ON whose.site = conversations.site AND whose.conversation_id = conversations.conversation_id
                AND whose.opened_at = conversations.opened_at
            WHERE conversations.customer != '' OR conversations.visitor != '' OR conversations.contact != ''
        )
    )
    WINDOW later AS (
        PARTITION BY site, person, channel ORDER BY since DESC, what IN ('asked', 'last') DESC
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE what IN ('asked', 'last')
GROUP BY site, conversation_id, opened_at
HAVING answered_at IS NOT NULL OR settled_at IS NOT NULL
COMMENT 'Replies to waiting conversations without an id that fell into another conversation of the person'
