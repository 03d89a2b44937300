-- How the service did, by channel and department. A reply to a conversation without an id that fell into another one of the person
-- (answers_elsewhere) is that conversation's.
CREATE OR REPLACE VIEW {database}.support_performance {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day the conversation was opened, UTC',
    channel LowCardinality(String) COMMENT 'Channel it began on',
    department LowCardinality(String) COMMENT 'Department or team, latest told',
    conversation_count UInt64 COMMENT 'Conversations, count',
    asked_count UInt64 COMMENT 'Conversations in which the customer said something, count',
    answered_count UInt64 COMMENT 'Of these, those with a reply of a human agent after it, count',
    waiting_count UInt64 COMMENT 'Conversations whose customer waits for an answer now, count',
    answered_share Nullable(Float64) COMMENT 'Share of answered ones among those asked, 0 to 1; NULL if none was',
    resolved_count UInt64 COMMENT 'Conversations with a resolution that holds, count',
    one_touch_count UInt64 COMMENT 'Resolved conversations that took one message of a human agent up to the resolution (touch_class one), count',
    reopened_count UInt64 COMMENT 'Conversations reopened at least once, count',
    handed_over_count UInt64 COMMENT 'Conversations with more than one agent, count',
    first_reply_ms_median Nullable(Int64) COMMENT 'Median time to the first reply from the opening (elsewhere: from the customer\'s first word), milliseconds; NULL without reply',
    first_reply_business_ms_median Nullable(Int64) COMMENT 'Median time to the first reply in which the service was open, replies elsewhere left out, milliseconds; NULL without reply',
    first_reply_breach_count UInt64 COMMENT 'Of those asked, whose first reply was due and came late or has not come, count',
    resolution_breach_count UInt64 COMMENT 'Conversations whose resolution (or close without one) was due and came late or has not come, count',
    resolution_ms_median Nullable(Int64) COMMENT 'Median time to the resolution that holds, milliseconds; NULL without',
    csat_count UInt64 COMMENT 'Conversations rated on the csat or stars scale, whatever else they were rated on, count',
    csat_share Nullable(Float64) COMMENT 'Share of 4 and 5 among their latest such ratings, 0 to 1; NULL without',
    nps Nullable(Float64) COMMENT 'Percent of 9 and 10 minus percent of 0 to 6 among the conversations\' latest nps ratings, -100 to 100; NULL without',
    ces_mean Nullable(Float64) COMMENT 'Mean of the conversations\' latest ces ratings, 1 to 7; NULL without',
    score_change_mean Nullable(Float64) COMMENT 'Mean of score at the end minus score at the start, -2 to 2; NULL without texts'
)
AS WITH
    customer_message_count > 0 OR first_reply_at IS NOT NULL OR requester_wait_ms > 0 OR awaiting = 'agent'
        OR (rating_first IS NOT NULL AND channel IN ('review', 'survey', 'social', 'comment')) AS is_asked,
    first_reply_at IS NULL AND answered_at IS NOT NULL AS is_elsewhere
SELECT
    service.site AS site,
    toDate(service.opened_at) AS day,
    channel,
    department,
    count() AS conversation_count,
    countIf(is_asked) AS asked_count,
    countIf(first_reply_at IS NOT NULL OR is_elsewhere) AS answered_count,
    countIf(awaiting = 'agent' AND settled_at IS NULL) AS waiting_count,
    if(asked_count = 0, NULL, answered_count / asked_count) AS answered_share,
    countIf(resolved_at IS NOT NULL) AS resolved_count,
    countIf(touch_class = 'one') AS one_touch_count,
    countIf(reopen_count > 0) AS reopened_count,
    countIf(agent_count > 1) AS handed_over_count,
    toInt64OrNull(toString(quantileExact(if(is_elsewhere, dateDiff('millisecond', asked_at, answered_at), first_reply_ms)))) AS first_reply_ms_median,
    toInt64OrNull(toString(quantileExact(first_reply_business_ms))) AS first_reply_business_ms_median,
    countIf(is_asked AND if(is_elsewhere, answered_at > first_reply_due_at, is_first_reply_breached) = true) AS first_reply_breach_count,
    countIf(is_resolution_breached = true) AS resolution_breach_count,
    toInt64OrNull(toString(quantileExact(resolution_ms))) AS resolution_ms_median,
    count(csat) AS csat_count,
    if(csat_count = 0, NULL, countIf(csat >= 4) / csat_count) AS csat_share,
    if(count(service.nps) = 0, NULL, 100 * (countIf(service.nps >= 9) - countIf(service.nps <= 6)) / count(service.nps)) AS nps,
    avg(ces) AS ces_mean,
    avg(score_end - score_start) AS score_change_mean
FROM {database}.conversations AS service
LEFT JOIN {database}.answers_elsewhere AS elsewhere
    ON elsewhere.site = service.site AND elsewhere.conversation_id = service.conversation_id AND elsewhere.opened_at = service.opened_at
GROUP BY site, day, channel, department
COMMENT 'How the service did, by channel and department'
