-- dead_letters as they are now: the latest version of every row, rows taken back hidden, right before any merge has run.
CREATE OR REPLACE VIEW {database}.dead_letters {on_cluster}
(
    topic LowCardinality(String) COMMENT 'Where the record came from: topic or file',
    partition UInt32 COMMENT 'Partition of the source topic',
    offset UInt64 COMMENT 'Offset in the source partition, or number of the record in a file',
    origin_hash String COMMENT 'Hash of the source the record came from: of a file its content, of a topic its name, partition and incarnation, 16 hexadecimal digits',
    event_hash String COMMENT 'Hash that tells apart the records of one offset, 16 hexadecimal digits',
    site LowCardinality(String) COMMENT 'Site, as far as known; empty if not',
    reason LowCardinality(String) COMMENT 'Stable reason (malformed_json, missing_field, ...)',
    detail String COMMENT 'What a person needs to mend it: field, position, what was expected',
    event_id String COMMENT 'Event or entry id, as far as it could be read',
    received_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the collector received it, ms, UTC; NULL if unknown',
    preview String COMMENT 'Beginning of the record with personal data redacted',
    character_count UInt32 COMMENT 'Length of the record, count of bytes; 0 if unknown',
    log_partition UInt32 COMMENT 'Partition of the log the record was read from; with the version it says which ledger row covers it',
    log_offset UInt64 COMMENT 'Offset of the log record the row was made from',
    log_epoch UInt8 COMMENT 'Routing epoch of that log: an earlier one than the table\'s where a rebuild took the row over',
    position_hash UInt64 COMMENT 'Hash of origin, partition, offset and event; the ledger has the sum over the rows of a stretch (row_checksum)'
)
AS WITH
    bitXor(
        bitXor(source.event_hash, source.offset * 0x9E3779B97F4A7C15),
        bitXor(source.partition * 0xBF58476D1CE4E5B9, source.origin_hash * 0x94D049BB133111EB)) AS place,
    bitXor(place, bitShiftRight(place, 30)) * 0xBF58476D1CE4E5B9 AS mixed,
    bitXor(mixed, bitShiftRight(mixed, 27)) * 0x94D049BB133111EB AS mixed_again
SELECT
    topic,
    partition,
    offset,
    lpad(lower(hex(source.origin_hash)), 16, '0') AS origin_hash,
    lpad(lower(hex(source.event_hash)), 16, '0') AS event_hash,
    site,
    reason,
    detail,
    event_id,
    if(toUnixTimestamp64Milli(source.received_at) = 0, NULL, source.received_at) AS received_at,
    preview,
    character_count,
    log_partition,
    bitAnd(bitShiftRight(version, 16), 0xFFFFFFFFFF) AS log_offset,
    toUInt8(bitShiftRight(version, 56)) AS log_epoch,
    bitXor(mixed_again, bitShiftRight(mixed_again, 31)) AS position_hash
FROM {database}.dead_letters_e{epoch} AS source FINAL
COMMENT 'Records that could not be read, with the reason and a redacted preview; the bytes are in the dead-letter topic'
