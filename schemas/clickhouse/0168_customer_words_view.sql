-- When the customer spoke in each conversation: messages, mentions, contacts opened, matters reopened, and ratings where these begin a
-- contact. What the service or an automaton opened has no row until the customer says something. Touchpoints know each word; where these
-- are not kept (any more), the columns of the conversation stand for them.
CREATE OR REPLACE VIEW {database}.customer_words {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    conversation_id String COMMENT 'Id of the conversation',
    opened_at DateTime64(3, 'UTC') COMMENT 'First entry of the conversation, whoever made it, ms, UTC',
    visitor String COMMENT 'Visitor id, empty if unknown',
    customer String COMMENT 'Customer it is of, aliases followed; empty if unknown',
    person String COMMENT 'Key of the journey it belongs to, 32 hexadecimal digits',
    said_at Array(DateTime64(3, 'UTC')) COMMENT 'The words in the order of time, ms, UTC; never empty. Without touchpoints: the first entry, and the first word that waits'
)
AS SELECT
    whose.site AS site,
    whose.conversation_id AS conversation_id,
    whose.opened_at AS opened_at,
    whose.visitor AS visitor,
    whose.customer AS customer,
    whose.person AS person,
    arraySort(arrayConcat(words.said_at, multiIf(
        NOT has_word OR (notEmpty(words.said_at) AND length(words.said_at) >= customer_message_count), [],
        NOT is_since_word, [whose.opened_at],
        first_reply_at IS NULL, [assumeNotNull(waiting_since_at)],
        [whose.opened_at, assumeNotNull(waiting_since_at)]))) AS said_at
FROM
(
    SELECT
        site, conversation_id, opened_at, customer_message_count, first_reply_at, waiting_since_at,
        -- Where a matter was reopened, what waits may be that.
        awaiting = 'agent' AND reopen_count = 0 AS is_since_word,
        customer_message_count > 0 OR first_reply_at IS NOT NULL OR is_since_word OR (requester_wait_ms > 0 AND reopen_count = 0)
            OR (rating_first IS NOT NULL AND channel IN ('review', 'survey', 'social', 'comment')) AS has_word
    FROM {database}.conversations
) AS conversations
INNER JOIN {database}.conversation_people AS whose
    ON whose.site = conversations.site AND whose.conversation_id = conversations.conversation_id
    AND whose.opened_at = conversations.opened_at
LEFT JOIN
(
    SELECT own.site AS site, own.conversation_id AS conversation_id, own.opened_at AS opened_at, groupArray(entries.occurred_at) AS said_at
    FROM
    (
        SELECT
            site, occurred_at, conversation_id AS told_id, kind, toString(channel) AS channel,
            multiIf(customer != '', 'u' || customer, visitor != '', 'v' || visitor, 'c' || contact) AS who,
            if(told_id != '', ('', told_id), (channel, who)) AS matter
        FROM {database}.touchpoints
        WHERE outcome = 'counted' AND author = 'customer' AND kind IN ('message', 'mention', 'opened', 'reopened', 'rating')
    ) AS entries
    ASOF INNER JOIN
    (
        SELECT
            site, conversation_id, opened_at, last_at, toString(channel) AS channel,
            multiIf(customer != '', 'u' || customer, visitor != '', 'v' || visitor, 'c' || contact) AS who,
            if(startsWith(conversation_id, '~'), (channel, who), ('', conversation_id)) AS matter
        FROM {database}.conversations
    ) AS own
        ON own.site = entries.site AND own.matter = entries.matter AND own.opened_at <= entries.occurred_at
    WHERE (entries.told_id != '' OR (entries.who != 'c' AND entries.occurred_at <= own.last_at))
        AND (entries.kind != 'rating' OR own.channel IN ('review', 'survey', 'social', 'comment'))
    GROUP BY site, conversation_id, opened_at
) AS words
    ON words.site = whose.site AND words.conversation_id = whose.conversation_id AND words.opened_at = whose.opened_at
WHERE notEmpty(said_at)
COMMENT 'When the customer spoke in each conversation'
