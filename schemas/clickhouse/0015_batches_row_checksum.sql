-- What the rows of a stretch add up to, so that a row in another's place is seen.
ALTER TABLE {database}.batches_e{epoch} {on_cluster}
    ADD COLUMN IF NOT EXISTS row_checksum UInt64 COMMENT 'Sum over the rows of their position_hash, of touchpoints and dead_letters; 0 of other tables, without rows, and of builds that did not say' AFTER position_checksum
