-- Feeling of what customers wrote, by channel and language.
CREATE OR REPLACE VIEW {database}.sentiment_daily {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day of the text, UTC',
    channel LowCardinality(String) COMMENT 'Channel it was written on',
    language LowCardinality(String) COMMENT 'Language of the text',
    text_count UInt64 COMMENT 'Texts, count',
    negative_count UInt64 COMMENT 'Negative texts, count',
    neutral_count UInt64 COMMENT 'Neutral texts, count',
    positive_count UInt64 COMMENT 'Positive texts, count',
    friction_count UInt64 COMMENT 'Texts that state a factual complaint, count',
    score_mean Nullable(Float64) COMMENT 'Mean score, -1 to 1'
)
AS SELECT
    site,
    toDate(occurred_at) AS day,
    channel,
    language,
    count() AS text_count,
    countIf(feeling = 'negative') AS negative_count,
    countIf(feeling = 'neutral') AS neutral_count,
    countIf(feeling = 'positive') AS positive_count,
    countIf(is_friction) AS friction_count,
    avg(score) AS score_mean
FROM {database}.touchpoints
WHERE outcome = 'counted' AND feeling != '' AND author IN ('', 'customer') AND bot = ''
GROUP BY site, day, channel, language
COMMENT 'Feeling of what customers wrote, by channel and language'
