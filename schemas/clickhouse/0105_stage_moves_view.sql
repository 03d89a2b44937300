-- stage_moves as they are now: the latest version of every row, rows taken back hidden, right before any merge has run.
CREATE OR REPLACE VIEW {database}.stage_moves {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    person String COMMENT 'Key of the person the row belongs to: customer if known, else visitor; 32 hexadecimal digits',
    model LowCardinality(String) COMMENT 'Stage model',
    move_index UInt32 COMMENT 'Place in the order of the moves of this person; 0 is the entry into the first stage',
    customer String COMMENT 'Customer id; empty while the person is only a visitor',
    from_stage LowCardinality(String) COMMENT 'Stage left; empty for the first',
    to_stage LowCardinality(String) COMMENT 'Stage entered',
    direction LowCardinality(String) COMMENT 'forward, back or enter',
    moved_at DateTime64(3, 'UTC') COMMENT 'When, ms, UTC',
    duration_ms Int64 COMMENT 'Time spent in the stage left, milliseconds; 0 for the first',
    rule LowCardinality(String) COMMENT 'Name of the rule that fired',
    cause_event_hash String COMMENT 'Event id hash of the touchpoint that caused it, 16 hexadecimal digits',
    channel LowCardinality(String) COMMENT 'Channel of the last touch before it'
)
AS SELECT
    site,
    lower(hex(source.person)) AS person,
    model,
    move_index,
    customer,
    from_stage,
    to_stage,
    direction,
    moved_at,
    duration_ms,
    rule,
    lpad(lower(hex(source.cause_event_hash)), 16, '0') AS cause_event_hash,
    channel
FROM {database}.stage_moves_e{epoch} AS source FINAL
COMMENT 'Moves between the stages of a journey, forward and back, with the time spent in the stage left'
