-- Hand-overs: each time a conversation went from one agent, department or channel to another. An entry without a conversation id is
-- of the conversation which its customer (else visitor, else contact) had on its channel then. An id that came back after
-- conversation_memory_days is another conversation.
CREATE OR REPLACE VIEW {database}.handovers {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day of the hand-over, UTC',
    what LowCardinality(String) COMMENT 'What changed: agent (people only), department or channel',
    channel LowCardinality(String) COMMENT 'Channel of the entry that told it',
    from_name String COMMENT 'Agent, department or channel it went from',
    to_name String COMMENT 'Agent, department or channel it went to',
    handover_count UInt64 COMMENT 'Hand-overs, count',
    conversation_count UInt64 COMMENT 'Conversations they happened in, count'
)
AS SELECT
    site,
    toDate(occurred_at) AS day,
    told.1 AS what,
    channel,
    from_name,
    told.2 AS to_name,
    count() AS handover_count,
    uniqExact(conversation_id, opened_at) AS conversation_count
FROM
(
    SELECT
        site, conversation_id, opened_at, channel, occurred_at, told,
        lagInFrame(told.2) OVER (
            PARTITION BY site, conversation_id, opened_at, told.1 ORDER BY occurred_at, ifNull(device_at, occurred_at), event_hash
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS from_name
    FROM
    (
        SELECT
            entries.site AS site,
            if(entries.told_id != '', entries.told_id, own.conversation_id) AS conversation_id,
            own.opened_at AS opened_at,
            toString(entries.channel) AS channel,
            entries.occurred_at AS occurred_at,
            entries.device_at AS device_at,
            entries.event_hash AS event_hash,
            arrayJoin([
                ('agent', if(entries.author = 'bot', '', toString(entries.agent))),
                ('department', toString(entries.department)),
                ('channel', toString(entries.channel))]) AS told
        FROM
        (
            SELECT
                site, conversation_id AS told_id, channel, occurred_at, device_at, event_hash, author, agent, department,
                multiIf(customer != '', 'u' || customer, visitor != '', 'v' || visitor, 'c' || contact) AS who,
                if(told_id != '', ('', told_id), (toString(channel), who)) AS matter
            FROM {database}.touchpoints
            WHERE outcome = 'counted' AND author != ''
        ) AS entries
        ASOF LEFT JOIN
        (
            SELECT
                site, conversation_id, opened_at, last_at,
                multiIf(customer != '', 'u' || customer, visitor != '', 'v' || visitor, 'c' || contact) AS who,
                if(startsWith(conversation_id, '~'), (toString(channel), who), ('', conversation_id)) AS matter
            FROM {database}.conversations
        ) AS own
            ON own.site = entries.site AND own.matter = entries.matter AND own.opened_at <= entries.occurred_at
        WHERE entries.told_id != '' OR (entries.who != 'c' AND entries.occurred_at <= own.last_at)
    )
    WHERE told.2 != ''
)
WHERE from_name NOT IN ('', told.2)
GROUP BY site, day, what, channel, from_name, to_name
COMMENT 'Hand-overs: each time a conversation went from one agent, department or channel to another'
