-- What became of dead letters: whether `crumbtrail redrive` made something of them, and what.
CREATE OR REPLACE VIEW {database}.dead_letter_fates {on_cluster}
(
    topic LowCardinality(String) COMMENT 'Where the record came from: topic or file',
    partition UInt32 COMMENT 'Partition of the source topic',
    offset UInt64 COMMENT 'Offset in the source partition, or number of the record in a file',
    site LowCardinality(String) COMMENT 'Site, as far as known when it died; empty if not',
    reason LowCardinality(String) COMMENT 'Stable reason why it died (malformed_json, missing_field, ...)',
    detail String COMMENT 'What a person needs to mend it: field, position, what was expected',
    became LowCardinality(String) COMMENT 'What it is now: dead if it was not redriven or is unreadable still; else the outcome of its touchpoint (counted, late, duplicate, bot, filtered or erased)',
    event_id String COMMENT 'Event or entry id of its touchpoint; empty while dead',
    occurred_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it happened, clock corrected, ms, UTC; NULL while dead'
)
AS SELECT
    letters.topic AS topic,
    letters.partition AS partition,
    letters.offset AS offset,
    letters.site AS site,
    letters.reason AS reason,
    letters.detail AS detail,
    if(redriven.fate = '', 'dead', redriven.fate) AS became,
    redriven.id AS event_id,
    if(redriven.fate = '', NULL, redriven.happened_at) AS occurred_at
FROM {database}.dead_letters AS letters
LEFT JOIN
(
    SELECT
        topic, partition, offset, origin_hash,
        any(toString(outcome)) AS fate, any(event_id) AS id, any(occurred_at) AS happened_at
    FROM {database}.touchpoints
    WHERE (topic, partition, offset, origin_hash) IN (
        SELECT topic, partition, offset, origin_hash FROM {database}.dead_letters)
    GROUP BY topic, partition, offset, origin_hash
) AS redriven ON redriven.topic = letters.topic AND redriven.partition = letters.partition
    AND redriven.offset = letters.offset AND redriven.origin_hash = letters.origin_hash
COMMENT 'What became of dead letters: whether crumbtrail redrive made something of them, and what'
