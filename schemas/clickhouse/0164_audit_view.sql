-- The proof: what contradicts the promise that every record ends in exactly one outcome and stands in the tables once.
-- Empty when all is right. `crumbtrail audit` prints it with what each kind means and what to do.
CREATE OR REPLACE VIEW {database}.audit {on_cluster}
(
    kind String COMMENT 'hole: a stretch of the log nobody loaded; overlap: loaded under two cuts; conflict: the same stretch loaded with two contents; balance: accepted records are not the sum of their outcomes; differ: tables tell different counts, checksums or times of one stretch; uneven: tables of one processor end apart; rows: the table holds another number of records with this outcome than the ledger; places: as many, but not the same ones; unclaimed: rows that no ledger row speaks of, though the ledger went on elsewhere',
    epoch UInt8 COMMENT 'Routing epoch',
    processor LowCardinality(String) COMMENT 'Processor: sessionize or journey',
    partition UInt32 COMMENT 'Partition of the log the processor read',
    table_name String COMMENT 'Table; empty where it is about several',
    from_offset UInt64 COMMENT 'First log offset concerned',
    to_offset UInt64 COMMENT 'End of the stretch concerned, exclusive',
    expected_count Int64 COMMENT 'What the ledger says, in records; offsets for hole, overlap and uneven, the sum of hashes for places',
    found_count Int64 COMMENT 'What is found, in the same unit',
    detail String COMMENT 'What is wrong, in words'
)
AS WITH
    stretches AS
    (
        SELECT
            epoch, processor, partition, table_name, from_offset, to_offset,
            count() AS claim_count,
            max(record_count) AS accepted,
            max(counted_count + late_count + duplicate_count + bot_count + filtered_count + erased_count + dead_count) AS decided
        FROM {database}.batches
        GROUP BY epoch, processor, partition, table_name, from_offset, to_offset
    ),
    chains AS
    (
        SELECT
            *,
            max(to_offset) OVER (
                PARTITION BY epoch, processor, partition, table_name ORDER BY from_offset, to_offset
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered_to
        FROM stretches
    ),
    claims AS
    (
        SELECT
            epoch, partition, table_name, from_offset,
            max(to_offset) AS end_offset,
            max(watermark_at) AS marked_at,
            max(row_count) AS row_claim,
            any(row_checksum) AS row_sum,
            maxForEach(if(table_name = 'dead_letters',
                [0, 0, 0, 0, 0, 0, dead_count],
                [counted_count, late_count, duplicate_count, bot_count, filtered_count, erased_count, 0])) AS records
        FROM {database}.batches
        WHERE processor = 'sessionize' AND table_name IN ('touchpoints', 'dead_letters')
        GROUP BY epoch, partition, table_name, from_offset
    ),
    table_rows AS
    (
        SELECT
            log_epoch, log_partition, 'touchpoints' AS row_table, log_offset,
            [countIf(outcome = 'counted'), countIf(outcome = 'late'), countIf(outcome = 'duplicate'), countIf(outcome = 'bot'),
                countIf(outcome = 'filtered'), countIf(outcome = 'erased'), 0] AS rows,
            sum(position_hash) AS row_sum
        FROM {database}.touchpoints
        GROUP BY log_epoch, log_partition, log_offset
        UNION ALL
        SELECT log_epoch, log_partition, 'dead_letters', log_offset, [0, 0, 0, 0, 0, 0, count()], sum(position_hash)
        FROM {database}.dead_letters
        GROUP BY log_epoch, log_partition, log_offset
    ),
    placed_rows AS
    (
        SELECT
            log_epoch, log_partition, row_table, rows, table_rows.row_sum AS found_sum, log_offset,
            if(log_offset < end_offset, from_offset, 0xFFFFFFFFFFFFFFFF) AS place
        FROM table_rows
        ASOF LEFT JOIN claims ON table_rows.log_epoch = claims.epoch AND table_rows.log_partition = claims.partition
            AND table_rows.row_table = claims.table_name AND table_rows.log_offset >= claims.from_offset
    ),
    compared AS
    (
        SELECT
            row_epoch, row_partition, row_table, place,
            max(claim_end) AS stretch_end,
            -- Not `max`: once a server has compiled it (at the fourth question; 26.7), times before 1970, which stand for none, are the highest.
            anyIf(marked_at, claim_end > 0) AS watermark_at,
            max(row_claim) AS row_claims,
            sumForEach(records) AS claimed,
            sumForEach(rows) AS found,
            sum(claimed_sum) AS sum_claimed,
            sum(found_sum) AS sum_found,
            max(log_offset) AS last_offset
        FROM
        (
            SELECT
                epoch AS row_epoch, partition AS row_partition, table_name AS row_table, from_offset AS place,
                end_offset AS claim_end, marked_at, row_claim,
                records, [0, 0, 0, 0, 0, 0, 0] AS rows, row_sum AS claimed_sum, 0 AS found_sum, 0 AS log_offset
            FROM claims
            UNION ALL
            SELECT
                log_epoch, log_partition, row_table, place, 0, toDateTime64(0, 3, 'UTC'), 0,
                [0, 0, 0, 0, 0, 0, 0], rows, 0, found_sum, log_offset
            FROM placed_rows
        )
        GROUP BY row_epoch, row_partition, row_table, place
    ),
    ends AS
    (
        SELECT epoch, partition, max(to_offset) AS end_offset, max(written_at) AS ended_at
        FROM {database}.batches
        WHERE processor = 'sessionize'
        GROUP BY epoch, partition
    ),
    -- What a ttl may have taken that has been made longer since: rows of a ledger row as in `ttl_keeps_rows`.
    taken_by_ttl AS
    (
        SELECT if(count() = 0, toDateTime64('1900-01-01 00:00:00', 3, 'UTC'),
            max(applied_at - toIntervalDay(greatest(toInt32OrZero(splitByChar(' ', toString(file))[3]), 8) - 8))) AS until
        FROM {database}.schema_migrations
        WHERE startsWith(file, 'ttl ')
    ),
    newest AS
    (
        SELECT epoch, max(ended_at) AS went_on_at
        FROM ends
        GROUP BY epoch
    )
SELECT
    if(chains.from_offset > covered_to, 'hole', 'overlap') AS kind,
    epoch,
    processor,
    partition,
    table_name,
    least(chains.from_offset, covered_to) AS from_offset,
    greatest(chains.from_offset, covered_to) AS to_offset,
    toInt64(covered_to) AS expected_count,
    toInt64(chains.from_offset) AS found_count,
    if(covered_to = 0, 'the first stretch does not begin where the log does',
        'a stretch begins elsewhere than the one before it ended') AS detail
FROM chains
WHERE chains.from_offset != covered_to
UNION ALL
SELECT
    'conflict', epoch, processor, partition, table_name, from_offset, to_offset, 1, toInt64(claim_count),
    'one stretch was loaded with different contents'
FROM stretches
WHERE claim_count > 1
UNION ALL
SELECT
    'balance', epoch, processor, partition, table_name, from_offset, to_offset, toInt64(accepted), toInt64(decided),
    'accepted records are not the sum of their outcomes'
FROM stretches
WHERE accepted != decided
UNION ALL
SELECT
    'differ', epoch, processor, partition, '', from_offset, to_offset, 1,
    toInt64(uniqExact(record_count, counted_count, late_count, duplicate_count, bot_count, filtered_count, erased_count, dead_count,
        position_checksum, watermark_at, written_at)) AS told_count,
    'the ledger rows of one stretch tell different counts, checksums or times, table by table'
FROM {database}.batches
GROUP BY epoch, processor, partition, from_offset, to_offset
HAVING told_count > 1
UNION ALL
SELECT
    'uneven', epoch, processor, partition, '', min(ends), max(ends), toInt64(max(ends)), toInt64(min(ends)),
    'tables of one processor end at different offsets, or one is missing from the ledger'
FROM
(
    SELECT epoch, processor, partition, known_table, max(if(table_name = known_table, to_offset, 0)) AS ends
    FROM stretches
    ARRAY JOIN if(processor = 'sessionize',
        ['touchpoints', 'sessions', 'conversations', 'dead_letters', 'identity_links'],
        ['journeys', 'stage_moves', 'conversions', 'breadcrumbs']) AS known_table
    GROUP BY epoch, processor, partition, known_table
)
GROUP BY epoch, processor, partition
HAVING min(ends) != max(ends)
UNION ALL
SELECT
    finding.1, row_epoch, 'sessionize', row_partition, row_table,
    if(finding.1 = 'unclaimed', ends.end_offset, place),
    if(finding.1 = 'unclaimed', last_offset + 1, stretch_end),
    toInt64(finding.3), toInt64(finding.4),
    multiIf(
        finding.1 = 'rows', concat('the table holds another number of records with the outcome ', finding.2),
        finding.1 = 'places', 'the table holds as many records as the ledger says, but not the same ones',
        'rows stand behind the end of the ledger, though that of other partitions went on for hours')
FROM compared
INNER JOIN newest ON compared.row_epoch = newest.epoch
LEFT JOIN ends ON compared.row_epoch = ends.epoch AND compared.row_partition = ends.partition
CROSS JOIN taken_by_ttl
ARRAY JOIN multiIf(
    place = 0xFFFFFFFFFFFFFFFF,
    if(last_offset >= ends.end_offset AND newest.went_on_at > ends.ended_at + INTERVAL 2 HOUR,
        [('unclaimed', '', 0, arraySum(found))], []),
    NOT ({ttl_keeps_rows}) OR watermark_at < taken_by_ttl.until OR (row_table = 'touchpoints' AND row_claims = 0),
    [],
    claimed = found,
    if(sum_claimed != 0 AND sum_claimed != sum_found, [('places', '', sum_claimed, sum_found)], []),
    arrayFilter(counts -> counts.3 != counts.4, arrayMap(
        (outcome, expected, there) -> ('rows', outcome, expected, there),
        ['counted', 'late', 'duplicate', 'bot', 'filtered', 'erased', 'dead'], claimed, found))) AS finding
COMMENT 'The proof: what contradicts the promise that every record ends in exactly one outcome and stands in the tables once'
