-- The proof: what contradicts the promise that every record ends in exactly one outcome and stands in the tables once.
-- Empty when all is right.
CREATE OR REPLACE VIEW {database}.audit {on_cluster}
(
    kind String COMMENT 'hole: a stretch of the log nobody loaded; overlap: loaded under two cuts; conflict: the same stretch loaded with two contents; balance: accepted records are not the sum of their outcomes; uneven: tables of one processor end apart; rows: the table holds another number of records with this outcome than the ledger',
    epoch UInt8 COMMENT 'Routing epoch',
    processor LowCardinality(String) COMMENT 'Processor: sessionize or journey',
    partition UInt32 COMMENT 'Partition of the log the processor read',
    table_name String COMMENT 'Table',
    from_offset UInt64 COMMENT 'First log offset concerned',
    to_offset UInt64 COMMENT 'End of the stretch concerned, exclusive',
    expected_count Int64 COMMENT 'What the ledger says, in records; offsets for hole, overlap and uneven',
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
            row_number() OVER (PARTITION BY epoch, processor, partition, table_name ORDER BY from_offset, to_offset) AS place,
            max(to_offset) OVER (
                PARTITION BY epoch, processor, partition, table_name ORDER BY from_offset, to_offset
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered_to
        FROM stretches
    ),
    ledger_outcomes AS
    (
        SELECT
            epoch,
            processor,
            partition,
            table_name,
            entry.1 AS outcome,
            min(from_offset) AS range_from,
            max(to_offset) AS range_to,
            sum(entry.2) AS records
        FROM {database}.batches
        ARRAY JOIN [
            ('counted', counted_count), ('late', late_count), ('duplicate', duplicate_count), ('bot', bot_count),
            ('filtered', filtered_count), ('erased', erased_count), ('dead', dead_count)] AS entry
        WHERE processor = 'sessionize'
            AND table_name = if(entry.1 = 'dead', 'dead_letters', 'touchpoints')
            AND {ttl_keeps_rows}
        GROUP BY epoch, processor, partition, table_name, outcome
    ),
    table_rows AS
    (
        SELECT log_epoch, log_partition, outcome, log_offset, count() AS rows
        FROM {database}.touchpoints
        GROUP BY log_epoch, log_partition, outcome, log_offset
        UNION ALL
        SELECT log_epoch, log_partition, 'dead', log_offset, count()
        FROM {database}.dead_letters
        GROUP BY log_epoch, log_partition, log_offset
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
    'a stretch begins elsewhere than the one before it ended' AS detail
FROM chains
WHERE place > 1 AND chains.from_offset != covered_to
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
    'uneven', epoch, processor, partition, '', min(ends), max(ends), toInt64(max(ends)), toInt64(min(ends)),
    'tables of one processor end at different offsets'
FROM
(
    SELECT epoch, processor, partition, table_name, max(to_offset) AS ends
    FROM stretches
    GROUP BY epoch, processor, partition, table_name
)
GROUP BY epoch, processor, partition
HAVING min(ends) != max(ends)
UNION ALL
SELECT
    'rows', epoch, processor, partition, table_name, range_from, range_to, toInt64(any(records)),
    toInt64(sumIf(rows, log_offset >= range_from AND log_offset < range_to)) AS found,
    concat('the table holds another number of records with the outcome ', outcome)
FROM ledger_outcomes
LEFT JOIN table_rows ON ledger_outcomes.epoch = table_rows.log_epoch AND ledger_outcomes.partition = table_rows.log_partition
    AND ledger_outcomes.outcome = table_rows.outcome
GROUP BY epoch, processor, partition, table_name, outcome, range_from, range_to
HAVING any(records) != found
COMMENT 'The proof: what contradicts the promise that every record ends in exactly one outcome and stands in the tables once'
