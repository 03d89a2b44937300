//! The view `audit` (schemas/clickhouse/0164_audit_view.sql), computed over the simulated tables; and what SQL cannot see,
//! two different rows of one key and version.

use std::collections::BTreeMap;

use crumbtrail_warehouse::TableId;

use crate::rows::{Tables, columns};

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
type Chain<'a> = (&'a str, i64, &'a str);
type Stretch = (i64, i64);

#[derive(Default)]
struct Claims {
    count: usize,
    accepted: i64,
    decided: i64,
}

/// What is wrong, in words.
#[must_use]
pub fn find(tables: &Tables<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (table, shown) in tables {
        let torn = shown.torn.first().map(|key| format!("torn: {} has two rows of one version: {key:?}", table.name()));
        found.extend(torn);
    }
    let [processor, partition, table, from, to, accepted] =
        columns(TableId::Batches, ["processor", "partition", "table_name", "from_offset", "to_offset", "record_count"]);
    let counts = columns(TableId::Batches, OUTCOMES.map(|(_, count)| count));
    let mut chains: BTreeMap<Chain<'_>, BTreeMap<Stretch, Claims>> = BTreeMap::new();
    let mut outcomes: BTreeMap<(i64, &str), (Stretch, i64)> = BTreeMap::new();
    for row in tables[&TableId::Batches].rows.values() {
        let (processor, partition, table) = (row[processor].text(), row[partition].number(), row[table].text());
        let stretch = (row[from].number(), row[to].number());
        for ((outcome, _), count) in OUTCOMES.iter().zip(counts) {
            let wanted = if *outcome == "dead" { "dead_letters" } else { "touchpoints" };
            if processor == "sessionize" && table == wanted {
                let (range, sum) = outcomes.entry((partition, outcome)).or_insert((stretch, 0));
                *range = (range.0.min(stretch.0), range.1.max(stretch.1));
                *sum += row[count].number();
            }
        }
        let claims = chains.entry((processor, partition, table)).or_default().entry(stretch).or_default();
        claims.count += 1;
        claims.accepted = claims.accepted.max(row[accepted].number());
        claims.decided = claims.decided.max(counts.iter().map(|count| row[*count].number()).sum());
    }
    let mut ends: BTreeMap<(&str, i64), Vec<i64>> = BTreeMap::new();
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
        ends.entry((processor, *partition)).or_default().push(covered.unwrap_or(0));
    }
    for ((processor, partition), ends) in ends {
        if ends.iter().min() != ends.iter().max() {
            found.push(format!("uneven: {processor} {partition}: {ends:?}"));
        }
    }
    let rows = table_rows(tables);
    for ((partition, outcome), ((from, to), records)) in outcomes {
        let of = rows.get(&(partition, outcome));
        let counted = of.map_or(0, |offsets| offsets.range(from..to).map(|(_, count)| *count).sum::<i64>());
        if counted != records {
            found.push(format!(
                "rows: partition {partition}, {outcome}: {records} in the ledger, {counted} in the table"
            ));
        }
    }
    found
}

/// Rows per partition and outcome, by log offset.
fn table_rows<'a>(tables: &Tables<'a>) -> BTreeMap<(i64, &'a str), BTreeMap<i64, i64>> {
    let mut rows: BTreeMap<(i64, &str), BTreeMap<i64, i64>> = BTreeMap::new();
    for table in [TableId::Touchpoints, TableId::DeadLetters] {
        let [partition, version] = columns(table, ["log_partition", "version"]);
        let outcome = (table == TableId::Touchpoints).then(|| columns(table, ["outcome"])[0]);
        for row in tables[&table].rows.values() {
            let offset = row[version].number() >> 16 & 0xFF_FFFF_FFFF;
            let outcome = outcome.map_or("dead", |outcome| row[outcome].text());
            *rows.entry((row[partition].number(), outcome)).or_default().entry(offset).or_default() += 1;
        }
    }
    rows
}
