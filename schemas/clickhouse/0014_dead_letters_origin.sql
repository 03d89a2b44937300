-- Two files of one name have dead letters of one name and number: the origin tells them apart.
ALTER TABLE {database}.dead_letters_e{epoch} {on_cluster}
    ADD COLUMN IF NOT EXISTS origin_hash UInt64 COMMENT 'Hash of the source the record came from: of a file its content, of a topic its name, partition and incarnation; 0 in rows of builds that did not say' AFTER offset,
    MODIFY ORDER BY (topic, partition, offset, event_hash, origin_hash)
