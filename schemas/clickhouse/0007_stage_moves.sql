-- Moves between the stages of a journey, forward and back, with the time spent in the stage left.
CREATE TABLE IF NOT EXISTS {database}.stage_moves_e{epoch} {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    person FixedString(16) COMMENT 'Key of the person the row belongs to: customer if known, else visitor (128 bits; the view shows 32 hexadecimal digits)',
    model LowCardinality(String) COMMENT 'Stage model',
    move_index UInt32 COMMENT 'Place in the order of the moves of this person; 0 is the entry into the first stage',
    customer String COMMENT 'Customer id; empty while the person is only a visitor',
    from_stage LowCardinality(String) COMMENT 'Stage left; empty for the first',
    to_stage LowCardinality(String) COMMENT 'Stage entered',
    direction LowCardinality(String) COMMENT 'forward, back or enter',
    moved_at DateTime64(3, 'UTC') COMMENT 'When, ms, UTC',
    duration_ms Int64 COMMENT 'Time spent in the stage left, milliseconds; 0 for the first',
    rule LowCardinality(String) COMMENT 'Name of the rule that fired',
    cause_event_hash UInt64 COMMENT 'Event id hash of the touchpoint that caused it (64 bits; the view shows 16 hexadecimal digits)',
    channel LowCardinality(String) COMMENT 'Channel of the last touch before it',
    version UInt64 COMMENT 'Version of the row: epoch (8 bits), log offset (40), index within the record (16); of equal keys the highest counts',
    is_deleted UInt8 COMMENT '1: this version takes the row back; 0: it stands'
)
ENGINE = {replacing_engine}
ORDER BY (site, person, model, move_index)
SETTINGS {table_settings}
COMMENT 'Moves between the stages of a journey, forward and back, with the time spent in the stage left.'
