-- Where people stall: who stands in each stage now, for how long, against how long those who left it stayed.
CREATE OR REPLACE VIEW {database}.stage_stalls {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    model LowCardinality(String) COMMENT 'Stage model',
    stage LowCardinality(String) COMMENT 'Stage',
    person_count UInt64 COMMENT 'People in the stage now, count',
    stalled_count UInt64 COMMENT 'People in it longer than the model\'s threshold, count',
    stalled_share Float64 COMMENT 'stalled_count / person_count, 0 to 1',
    waiting_ms_median Int64 COMMENT 'Median time the people in it have been there, up to the last touchpoint of the site, milliseconds',
    stay_ms_median Nullable(Int64) COMMENT 'Median time of those who left it, milliseconds; NULL if nobody did'
)
AS SELECT
    journey.site AS site,
    journey.model AS model,
    journey.stage AS stage,
    count() AS person_count,
    countIf(journey.is_stalled) AS stalled_count,
    stalled_count / person_count AS stalled_share,
    toInt64(quantileExact(dateDiff('millisecond', journey.stage_since_at, latest.last_at))) AS waiting_ms_median,
    any(stay.median_ms) AS stay_ms_median
FROM {database}.journeys AS journey
INNER JOIN (SELECT site, max(greatest(last_at, stage_since_at)) AS last_at FROM {database}.journeys GROUP BY site) AS latest
    ON journey.site = latest.site
LEFT JOIN
(
    SELECT site, model, from_stage, toNullable(toInt64(quantileExact(duration_ms))) AS median_ms
    FROM {database}.stage_moves
    WHERE from_stage != ''
    GROUP BY site, model, from_stage
) AS stay
    ON journey.site = stay.site AND journey.model = stay.model AND journey.stage = stay.from_stage
GROUP BY site, model, stage
COMMENT 'Where people stall: who stands in each stage now, for how long, against how long those who left it stayed'
