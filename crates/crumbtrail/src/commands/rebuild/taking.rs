//! What a rebuild takes over: rows of the old tables that lie wholly before a moment, a statement a table, and how far it is.

use std::time::Duration;

use anyhow::Result;
use crumbtrail_warehouse::{Client, Endpoint, TableId};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::telling::{Telling, left};
use crate::say::span;
use crate::wiring::tables::Clickhouse;

/// How often the server is asked how far a statement is.
const ASK: Duration = Duration::from_secs(1);

/// Tables of which rows are taken over by their time, and that time.
pub(super) const BY_TIME: [(TableId, &str); 7] = [
    (TableId::Touchpoints, "occurred_at"),
    (TableId::Sessions, "ended_at"),
    (TableId::Conversations, "last_at"),
    (TableId::Journeys, "last_at"),
    (TableId::StageMoves, "moved_at"),
    (TableId::Conversions, "converted_at"),
    (TableId::Breadcrumbs, "last_at"),
];

/// A moment in SQL.
pub(super) fn moment(at: i64) -> String {
    format!("fromUnixTimestamp64Milli({at}, 'UTC')")
}

/// Takes over what lies wholly before the moment. Doing it twice changes nothing. Returns rows by table.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn take_over(clickhouse: &Clickhouse, from: u8, to: u8, at: i64) -> Result<Vec<(TableId, u64)>> {
    #[derive(Deserialize)]
    struct Row {
        rows: u64,
    }
    // Years of touchpoints are copied in one statement a table.
    let patient = Client::new(&Endpoint { timeout: Duration::from_secs(6 * 3_600), ..clickhouse.endpoint.clone() })?;
    let database = patient.database().to_owned();
    let mut taken = Vec::new();
    let tables = conditions(&database, to, at);
    for (n, (table, condition)) in tables.iter().enumerate() {
        let (old, new) = (table.in_epoch(from), table.in_epoch(to));
        let columns: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
        let columns = columns.join(", ");
        let copied = format!(
            "INSERT INTO {database}.{new} ({columns}) SELECT {columns} FROM {database}.{old} FINAL WHERE {condition} \
             SETTINGS max_partitions_per_insert_block = 0"
        );
        let what = format!("taking over rows of {}, table {} of {}", table.name(), n + 1, tables.len());
        while_telling(Telling::new(what), &patient, &new, patient.execute(&copied)).await?;
        let sql = format!("SELECT count() AS rows FROM {database}.{new} FINAL WHERE bitShiftRight(version, 56) < {to}");
        let rows = patient.rows::<Row>(&sql).await?;
        taken.push((*table, rows.first().map_or(0, |row| row.rows)));
    }
    for sql in said_again(&database, from, to, at) {
        patient.execute(&sql).await?;
    }
    Ok(taken)
}

/// Waits for a statement that inserts into `table`, and tells of it meanwhile. A server that tells nothing of its statements, or lets this
/// user see none, is asked no less patiently.
async fn while_telling<T>(mut telling: Telling, client: &Client, table: &str, statement: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let mut statement = std::pin::pin!(statement);
    loop {
        let asked = async {
            sleep(ASK).await;
            far(client, table).await
        };
        tokio::select! {
            done = &mut statement => {
                telling.end();
                return done;
            }
            far = asked => {
                let share = far.map(|Far { read, all }| read as f64 / all.max(1) as f64).filter(|share| *share < 1.0);
                let left = share.and_then(|share| left(begun.elapsed(), share, 1.0 - share));
                let since = || format!("for {}", span(begun.elapsed()));
                telling.tell(share, &left.map_or_else(since, |left| format!("about {} left", span(left))));
            }
        }
    }
}

/// Rows that a statement has read, and those there are to read.
#[derive(Deserialize)]
struct Far {
    read: u64,
    all: u64,
}

async fn far(client: &Client, table: &str) -> Option<Far> {
    let sql = format!(
        "SELECT max(read_rows) AS read, max(total_rows_approx) AS all FROM system.processes \
         WHERE query LIKE 'INSERT INTO {}.{table} %'",
        client.database()
    );
    client.rows::<Far>(&sql).await.ok()?.into_iter().next().filter(|far| far.read > 0)
}

/// The condition of rows whose key the new epoch's log made none of. A run that is done again finds rows there that it has taken over itself.
fn not_anew(database: &str, to: u8, table: TableId, key: &str) -> String {
    let new = table.in_epoch(to);
    format!("({key}) NOT IN (SELECT {key} FROM {database}.{new} FINAL WHERE bitShiftRight(version, 56) = {to})")
}

/// What is taken over of a table: its condition in the old one. Rows of the new epoch win over those of equal keys.
fn conditions(database: &str, to: u8, at: i64) -> Vec<(TableId, String)> {
    let at = moment(at);
    let not_anew = |table: TableId, key: &str| not_anew(database, to, table, key);
    let touchpoint =
        not_anew(TableId::Touchpoints, "site, occurred_at, event_hash, topic, partition, offset, origin_hash");
    let letter = not_anew(TableId::DeadLetters, "topic, partition, offset, event_hash, origin_hash");
    // Moves are numbered by person: those of one who is computed anew would stand between the new ones.
    let person = not_anew(TableId::Journeys, "site, person");
    // A cart whose last activity lies before is nobody's to find abandoned anew, though it may be so behind the moment; unless its session
    // reaches over: then it may begin later there, and is another one by its key.
    let cart = not_anew(TableId::Breadcrumbs, "site, visitor, last_at");
    let of = |table: TableId| match table {
        TableId::Touchpoints => Some(&touchpoint),
        TableId::Journeys | TableId::StageMoves => Some(&person),
        TableId::Breadcrumbs => Some(&cart),
        _ => None,
    };
    let by_time = BY_TIME.map(|(table, time)| {
        let more = of(table).map(|more| format!(" AND {more}")).unwrap_or_default();
        (table, format!("{time} < {at}{more}"))
    });
    let others = [(TableId::DeadLetters, letter), (TableId::IdentityLinks, "1".to_owned())];
    by_time.into_iter().chain(others).collect()
}

/// Statements that say rows taken over once more, above the taking back that hides them: somebody who came since then had rows of the new epoch
/// until they became a customer, and what stays their own is of before. Moves come first, for they are those of people who have no row anew,
/// and with this they have one.
fn said_again(database: &str, from: u8, to: u8, at: i64) -> [String; 2] {
    let at = moment(at);
    let nobody_anew = not_anew(database, to, TableId::Journeys, "site, person");
    [(TableId::StageMoves, "site, person, model, move_index", "moved_at"), (TableId::Journeys, "site, person", "last_at")]
        .map(|(table, key, time)| {
            let (old, new) = (table.in_epoch(from), table.in_epoch(to));
            let names = table.columns().iter().map(|column| column.name);
            let columns = names.clone().collect::<Vec<_>>().join(", ");
            let values = names.map(|name| if name == "version" { "taken_back + 1" } else { name }).collect::<Vec<_>>();
            format!(
                "INSERT INTO {database}.{new} ({columns}) SELECT {values} FROM (SELECT * FROM {database}.{old} FINAL WHERE {time} < {at}) AS told \
                 INNER JOIN (SELECT {key}, max(version) AS taken_back FROM {database}.{new} GROUP BY {key} \
                 HAVING argMax(is_deleted, version) = 1 AND bitShiftRight(taken_back, 56) = {to}) AS hidden USING ({key}) \
                 WHERE {nobody_anew} SETTINGS max_partitions_per_insert_block = 0",
                values = values.join(", ")
            )
        })
}
