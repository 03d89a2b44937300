-- Two files of one name, and one file that has grown, have records of one name, number, event and time: the origin tells them apart.
ALTER TABLE {database}.touchpoints_e{epoch} {on_cluster}
    ADD COLUMN IF NOT EXISTS origin_hash UInt64 COMMENT 'Hash of the source the record came from: of a file its content, of a topic its name, partition and incarnation; 0 in rows of builds that did not say' AFTER offset,
    MODIFY ORDER BY (site, toDate(occurred_at), log_partition, topic, partition, occurred_at, event_hash, offset, origin_hash)
