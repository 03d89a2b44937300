//! The view `audit` (schemas/clickhouse/0164_audit_view.sql), computed over the simulated tables; and what SQL cannot see,
//! two different rows of one key and version.

use std::collections::BTreeMap;

use crumbtrail_warehouse::TableId;

use crate::database::Database;
use crate::rows::{Final, Row, column, merge};

/// Records by outcome, as the ledger has them.
const OUTCOMES: [(&str, &str); 7] = [
    ("counted", "counted_count"),
    ("late", "late_count"),
    ("duplicate", "duplicate_count"),
    ("bot", "bot_count"),
    ("filtered", "filtered_count"),
    ("erased", "erased_count"),
    ("dead", "dead_count"),
];

/// Processor, partition, table.
type Chain = (String, i64, String);
type Stretch = (i64, i64);

#[derive(Default)]
struct Claims {
    count: usize,
    accepted: i64,
    decided: i64,
}

/// What is wrong, in words.
///
/// # Errors
/// A table cannot be read.
pub fn find(database: &Database) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for table in TableId::ALL {
        let torn = merge(table, &database.blocks(table))?.torn;
        found.extend(
            torn.iter().take(1).map(|key| format!("torn: {} has two rows of one version: {key:?}", table.name())),
        );
    }
    let ledger = merge(TableId::Batches, &database.blocks(TableId::Batches))?;
    let of = |row: &Row, name: &str| row[column(TableId::Batches, name)].clone();
    let mut chains: BTreeMap<Chain, BTreeMap<Stretch, Claims>> = BTreeMap::new();
    let mut outcomes: BTreeMap<(i64, &str), (Stretch, i64)> = BTreeMap::new();
    for row in ledger.rows.values() {
        let processor = of(row, "processor").text().to_owned();
        let (partition, table) = (of(row, "partition").number(), of(row, "table_name").text().to_owned());
        let stretch = (of(row, "from_offset").number(), of(row, "to_offset").number());
        for (outcome, count) in OUTCOMES {
            let wanted = if outcome == "dead" { "dead_letters" } else { "touchpoints" };
            if processor == "sessionize" && table == wanted {
                let (range, sum) = outcomes.entry((partition, outcome)).or_insert((stretch, 0));
                *range = (range.0.min(stretch.0), range.1.max(stretch.1));
                *sum += of(row, count).number();
            }
        }
        let claims = chains.entry((processor, partition, table)).or_default().entry(stretch).or_default();
        claims.count += 1;
        claims.accepted = claims.accepted.max(of(row, "record_count").number());
        claims.decided = claims.decided.max(OUTCOMES.iter().map(|(_, count)| of(row, count).number()).sum());
    }
    let mut ends: BTreeMap<(String, i64), Vec<i64>> = BTreeMap::new();
    for ((processor, partition, table), stretches) in &chains {
        let place = format!("{processor} {partition} {table}");
        let mut covered: Option<i64> = None;
        for ((from, to), claims) in stretches {
            match covered {
                Some(covered) if *from > covered => found.push(format!("hole: {place}: {covered} to {from}")),
                Some(covered) if *from < covered => found.push(format!("overlap: {place}: {from} to {covered}")),
                None if *from != 0 => found.push(format!("hole: {place}: begins at {from}")),
                _ => {}
            }
            covered = Some(covered.unwrap_or(0).max(*to));
            if claims.count > 1 {
                found.push(format!("conflict: {place}: {from} to {to} has {} claims", claims.count));
            }
            if claims.accepted != claims.decided {
                let (accepted, decided) = (claims.accepted, claims.decided);
                found.push(format!("balance: {place}: {from} to {to}: {accepted} accepted, {decided} decided"));
            }
        }
        ends.entry((processor.clone(), *partition)).or_default().push(covered.unwrap_or(0));
    }
    for ((processor, partition), ends) in ends {
        if ends.iter().min() != ends.iter().max() {
            found.push(format!("uneven: {processor} {partition}: {ends:?}"));
        }
    }
    let rows = table_rows(database)?;
    for ((partition, outcome), ((from, to), records)) in outcomes {
        let of = rows.get(&(partition, outcome.to_owned()));
        let counted = of.map_or(0, |offsets| offsets.range(from..to).map(|(_, count)| *count).sum::<i64>());
        if counted != records {
            found.push(format!(
                "rows: partition {partition}, {outcome}: {records} in the ledger, {counted} in the table"
            ));
        }
    }
    Ok(found)
}

/// Rows per partition and outcome, by log offset.
fn table_rows(database: &Database) -> Result<BTreeMap<(i64, String), BTreeMap<i64, i64>>, String> {
    let mut rows: BTreeMap<(i64, String), BTreeMap<i64, i64>> = BTreeMap::new();
    for table in [TableId::Touchpoints, TableId::DeadLetters] {
        let Final { rows: shown, .. } = merge(table, &database.blocks(table))?;
        for row in shown.values() {
            let of = |name| row[column(table, name)].clone();
            let outcome = match table {
                TableId::Touchpoints => of("outcome").text().to_owned(),
                _ => "dead".to_owned(),
            };
            let offset = of("version").number() >> 16 & 0xFF_FFFF_FFFF;
            *rows.entry((of("log_partition").number(), outcome)).or_default().entry(offset).or_default() += 1;
        }
    }
    Ok(rows)
}
