-- Moves into and out of each stage by day.
CREATE OR REPLACE VIEW {database}.stage_daily {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    model LowCardinality(String) COMMENT 'Stage model',
    day Date COMMENT 'Day of the moves, UTC',
    stage LowCardinality(String) COMMENT 'Stage',
    entered_count UInt64 COMMENT 'Moves into the stage, count',
    left_count UInt64 COMMENT 'Moves out of the stage, count',
    forward_count UInt64 COMMENT 'Moves into it that went forward, count',
    back_count UInt64 COMMENT 'Moves into it that went back, count',
    net_count Int64 COMMENT 'entered_count - left_count'
)
AS SELECT
    site,
    model,
    toDate(moved_at) AS day,
    side.1 AS stage,
    countIf(side.2 = 1) AS entered_count,
    countIf(side.2 = -1) AS left_count,
    countIf(side.2 = 1 AND direction = 'forward') AS forward_count,
    countIf(side.2 = 1 AND direction = 'back') AS back_count,
    sum(side.2) AS net_count
FROM {database}.stage_moves
ARRAY JOIN [(toString(to_stage), toInt64(1)), (toString(from_stage), toInt64(-1))] AS side
WHERE side.1 != ''
GROUP BY site, model, day, stage
COMMENT 'Moves into and out of each stage by day'
