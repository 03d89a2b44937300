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
    one_touch_count UInt64 COMMENT 'Resolved conversations with one message of an agent or none, count',
    reopened_count UInt64 COMMENT 'Conversations reopened at least once, count',
    handed_over_count UInt64 COMMENT 'Conversations with more than one agent, count',
    first_reply_ms_median Nullable(Int64) COMMENT 'Median time to the first reply, milliseconds; NULL without reply',
    first_reply_business_ms_median Nullable(Int64) COMMENT 'Median time to the first reply in which the service was open, milliseconds; NULL without reply',
    first_reply_breach_count UInt64 COMMENT 'Conversations whose first reply was due and came late or has not come, count',
    resolution_breach_count UInt64 COMMENT 'Conversations whose resolution was due and came late or has not come, count',
    resolution_ms_median Nullable(Int64) COMMENT 'Median time to the resolution that holds, milliseconds; NULL without',
    csat_count UInt64 COMMENT 'Conversations rated on the csat or stars scale, count',
    csat_share Nullable(Float64) COMMENT 'Share of 4 and 5 among them, 0 to 1; NULL without',
    nps Nullable(Float64) COMMENT 'Percent of 9 and 10 minus percent of 0 to 6 among nps ratings, -100 to 100; NULL without',
    ces_mean Nullable(Float64) COMMENT 'Mean of ces ratings, 1 to 7; NULL without',
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
    countIf(resolved_at IS NOT NULL AND agent_message_count <= 1) AS one_touch_count,
    countIf(reopen_count > 0) AS reopened_count,
    countIf(agent_count > 1) AS handed_over_count,
    toInt64OrNull(toString(quantileExact(first_reply_ms))) AS first_reply_ms_median,
    toInt64OrNull(toString(quantileExact(first_reply_business_ms))) AS first_reply_business_ms_median,
    countIf(is_first_reply_breached = true) AS first_reply_breach_count,
    countIf(is_resolution_breached = true) AS resolution_breach_count,
    toInt64OrNull(toString(quantileExact(resolution_ms))) AS resolution_ms_median,
    countIf(rating_scale IN ('csat', 'stars') AND rating_latest IS NOT NULL) AS csat_count,
    if(csat_count = 0, NULL, countIf(rating_scale IN ('csat', 'stars') AND rating_latest >= 4) / csat_count) AS csat_share,
    if(countIf(rating_scale = 'nps') = 0, NULL,
        100 * (countIf(rating_scale = 'nps' AND rating_latest >= 9) - countIf(rating_scale = 'nps' AND rating_latest <= 6))
            / countIf(rating_scale = 'nps')) AS nps,
    avgIf(rating_latest, rating_scale = 'ces') AS ces_mean,
    avg(score_end - score_start) AS score_change_mean
FROM {database}.conversations
GROUP BY site, day, channel, department
COMMENT 'How the service did, by channel and department'
