-- batches as they are now: the latest version of every row, rows taken back hidden, right before any merge has run.
CREATE OR REPLACE VIEW {database}.batches {on_cluster}
(
    epoch UInt8 COMMENT 'Routing epoch',
    processor LowCardinality(String) COMMENT 'Processor that wrote it: sessionize or journey',
    partition UInt32 COMMENT 'Partition of the log the processor read',
    table_name LowCardinality(String) COMMENT 'Table it speaks of',
    from_offset UInt64 COMMENT 'First log offset of the stretch, inclusive',
    to_offset UInt64 COMMENT 'End of the stretch, exclusive',
    content_hash UInt64 COMMENT 'XXH3 of the rows as bytes; 0 without rows',
    position_checksum UInt64 COMMENT 'Sum over the records of a hash of their origin and position',
    row_checksum UInt64 COMMENT 'Sum over the rows of their position_hash, of touchpoints and dead_letters; 0 of other tables, without rows, and of builds that did not say',
    row_count UInt64 COMMENT 'Rows inserted into the table, count',
    record_count UInt64 COMMENT 'Records of the log accepted in the stretch (repeats by position are not), count',
    counted_count UInt64 COMMENT 'Records with the outcome counted, count',
    late_count UInt64 COMMENT 'Records with the outcome late, count',
    duplicate_count UInt64 COMMENT 'Records with the outcome duplicate, count',
    bot_count UInt64 COMMENT 'Records with the outcome bot, count',
    filtered_count UInt64 COMMENT 'Records with the outcome filtered, count',
    erased_count UInt64 COMMENT 'Records with the outcome erased, count',
    dead_count UInt64 COMMENT 'Records with the outcome dead, count',
    server_start_id UInt64 COMMENT 'Which start of the server acknowledged the inserts: a hash of its start id, 0 if starts are not watched',
    watermark_at DateTime64(3, 'UTC') COMMENT 'Watermark of the partition at the end of the stretch, ms, UTC',
    written_at DateTime64(3, 'UTC') COMMENT 'Wall time of the tick that closed the stretch, ms, UTC'
)
AS SELECT
    epoch,
    processor,
    partition,
    table_name,
    from_offset,
    to_offset,
    content_hash,
    position_checksum,
    row_checksum,
    row_count,
    record_count,
    counted_count,
    late_count,
    duplicate_count,
    bot_count,
    filtered_count,
    erased_count,
    dead_count,
    server_start_id,
    watermark_at,
    written_at
FROM {database}.batches_e{epoch} AS source FINAL
COMMENT 'The ledger: which stretch of which log partition stands in which table'
