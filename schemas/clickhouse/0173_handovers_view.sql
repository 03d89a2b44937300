-- Hand-overs: each time a conversation with an id went from one agent, department or channel to another.
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
    uniqExact(conversation_id) AS conversation_count
FROM
(
    SELECT
        site, conversation_id, channel, occurred_at, told,
        lagInFrame(told.2) OVER (
            PARTITION BY site, conversation_id, told.1 ORDER BY occurred_at, ifNull(device_at, occurred_at), event_hash
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS from_name
    FROM
    (
        SELECT
            *, arrayJoin([
                ('agent', if(author = 'bot', '', toString(agent))),
                ('department', toString(department)),
                ('channel', toString(channel))]) AS told
        FROM {database}.touchpoints
        WHERE outcome = 'counted' AND conversation_id != ''
    )
    WHERE told.2 != ''
)
WHERE from_name NOT IN ('', told.2)
GROUP BY site, day, what, channel, from_name, to_name
COMMENT 'Hand-overs: each time a conversation with an id went from one agent, department or channel to another'
