-- Which files of this folder were applied, and with which text.
CREATE TABLE IF NOT EXISTS {database}.schema_migrations {on_cluster}
(
    file LowCardinality(String) COMMENT 'File name; ttl TABLE DAYS says when a ttl of so many days ended that had been shorter than the next',
    epoch UInt8 COMMENT 'Routing epoch it was applied for',
    text_hash UInt64 COMMENT 'XXH3 of the file, parameters not yet filled in',
    rendered_hash UInt64 COMMENT 'XXH3 of the statement as it ran',
    applied_at DateTime64(3, 'UTC') COMMENT 'When it was applied, by the server, ms, UTC'
)
ENGINE = {migrations_engine}
ORDER BY (file, epoch)
SETTINGS {table_settings}
COMMENT 'Which files of schemas/clickhouse were applied, and with which text'
