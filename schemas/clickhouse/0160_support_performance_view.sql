-- How the service did, by channel and department.
CREATE OR REPLACE VIEW {database}.support_performance {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day the conversation was opened, UTC',
    channel LowCardinality(String) COMMENT 'Channel it began on',
    department LowCardinality(String) COMMENT 'Department or team, latest told',
    conversation_count UInt64 COMMENT 'Conversations, count',
    answered_count UInt64 COMMENT 'Conversations with a reply of a human agent, count',
    waiting_count UInt64 COMMENT 'Conversations whose customer waits for an answer now, count',
    answered_share Float64 COMMENT 'Share of answered conversations, 0 to 1',
    resolved_count UInt64 COMMENT 'Conversations with a resolution that holds, count',
    one_touch_count UInt64 COMMENT 'Resolved conversations that took one message of a human agent up to the resolution (touch_class one), count',
    reopened_count UInt64 COMMENT 'Conversations reopened at least once, count',
    handed_over_count UInt64 COMMENT 'Conversations with more than one agent, count',
    first_reply_ms_median Nullable(Int64) COMMENT 'Median time to the first reply, milliseconds; NULL without reply',
    first_reply_business_ms_median Nullable(Int64) COMMENT 'Median time to the first reply in which the service was open, milliseconds; NULL without reply',
    first_reply_breach_count UInt64 COMMENT 'Conversations whose first reply was due and came late or has not come, count',
    resolution_breach_count UInt64 COMMENT 'Conversations whose resolution (or close without one) was due and came late or has not come, count',
    resolution_ms_median Nullable(Int64) COMMENT 'Median time to the resolution that holds, milliseconds; NULL without',
    csat_count UInt64 COMMENT 'Conversations rated on the csat or stars scale, whatever else they were rated on, count',
    csat_share Nullable(Float64) COMMENT 'Share of 4 and 5 among their latest such ratings, 0 to 1; NULL without',
    nps Nullable(Float64) COMMENT 'Percent of 9 and 10 minus percent of 0 to 6 among the conversations\' latest nps ratings, -100 to 100; NULL without',
    ces_mean Nullable(Float64) COMMENT 'Mean of the conversations\' latest ces ratings, 1 to 7; NULL without',
    score_change_mean Nullable(Float64) COMMENT 'Mean of score at the end minus score at the start, -2 to 2; NULL without texts'
)
AS SELECT
    site,
    toDate(opened_at) AS day,
    channel,
    department,
    count() AS conversation_count,
    countIf(first_reply_at IS NOT NULL) AS answered_count,
    countIf(awaiting = 'agent') AS waiting_count,
    answered_count / conversation_count AS answered_share,
    countIf(resolved_at IS NOT NULL) AS resolved_count,
    countIf(touch_class = 'one') AS one_touch_count,
    countIf(reopen_count > 0) AS reopened_count,
    countIf(agent_count > 1) AS handed_over_count,
    toInt64OrNull(toString(quantileExact(first_reply_ms))) AS first_reply_ms_median,
    toInt64OrNull(toString(quantileExact(first_reply_business_ms))) AS first_reply_business_ms_median,
    countIf(is_first_reply_breached = true) AS first_reply_breach_count,
    countIf(is_resolution_breached = true) AS resolution_breach_count,
    toInt64OrNull(toString(quantileExact(resolution_ms))) AS resolution_ms_median,
    count(csat) AS csat_count,
    if(csat_count = 0, NULL, countIf(csat >= 4) / csat_count) AS csat_share,
    if(count(service.nps) = 0, NULL, 100 * (countIf(service.nps >= 9) - countIf(service.nps <= 6)) / count(service.nps)) AS nps,
    avg(ces) AS ces_mean,
    avg(score_end - score_start) AS score_change_mean
FROM {database}.conversations AS service
GROUP BY site, day, channel, department
COMMENT 'How the service did, by channel and department'
