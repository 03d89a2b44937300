-- Records that could not be read, with the reason and a redacted preview; the bytes are in the dead-letter topic.
CREATE TABLE IF NOT EXISTS {database}.dead_letters_e{epoch} {on_cluster}
(
    topic LowCardinality(String) COMMENT 'Where the record came from: topic or file',
    partition UInt32 COMMENT 'Partition of the source topic',
    offset UInt64 COMMENT 'Offset in the source partition, or number of the record in a file',
    event_hash UInt64 COMMENT 'Hash that tells apart the records of one offset (64 bits; the view shows 16 hexadecimal digits)',
    site LowCardinality(String) COMMENT 'Site, as far as known; empty if not',
    reason LowCardinality(String) COMMENT 'Stable reason (malformed_json, missing_field, ...)',
    detail String COMMENT 'What a person needs to mend it: field, position, what was expected',
    event_id String COMMENT 'Event or entry id, as far as it could be read',
    received_at DateTime64(3, 'UTC') COMMENT 'When the collector received it, ms, UTC; 1970 if unknown',
    preview String COMMENT 'Beginning of the record with personal data redacted',
    character_count UInt32 COMMENT 'Length of the record, count of bytes; 0 if unknown',
    log_partition UInt32 COMMENT 'Partition of the log the record was read from; with the version it says which ledger row covers it',
    version UInt64 COMMENT 'Version of the row: epoch (8 bits), log offset (40), index within the record (16); of equal keys the highest counts',
    is_deleted UInt8 COMMENT '1: this version takes the row back; 0: it stands'
)
ENGINE = {replacing_engine}
ORDER BY (topic, partition, offset, event_hash)
{dead_letters_ttl}
SETTINGS {table_settings}
COMMENT 'Records that could not be read, with the reason and a redacted preview; the bytes are in the dead-letter topic.'
