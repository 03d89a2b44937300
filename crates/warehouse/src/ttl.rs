//! A table's ttl follows the configuration, and what an older, shorter one has taken is no fault to the audit.

use crate::apply::run;
use crate::client::Client;
use crate::error::WarehouseError;
use crate::schema::{FILES, SchemaFile, Target};
use serde::Deserialize;

/// Makes the ttl of a file's table what the target says; `false` if the file's table has none to set.
///
/// A ttl that grows is noted in `schema_migrations` as `ttl TABLE DAYS`, with its last moment: the audit then leaves alone
/// what it may have taken until then.
///
/// # Errors
/// Unreachable or refused.
pub(crate) async fn follow(client: &Client, target: &Target, file: &SchemaFile) -> Result<bool, WarehouseError> {
    let Some(wanted) = target.ttl(file) else { return Ok(false) };
    let table = file.object().replace("{epoch}", &target.epoch.to_string());
    let there = days(client, &target.database, &table).await?;
    if there == wanted.days {
        return Ok(true);
    }
    if let Some(there) = there.filter(|there| wanted.days.is_none_or(|days| days > *there)) {
        let note = format!(
            "INSERT INTO {}.schema_migrations SELECT 'ttl {table} {there}', {}, 0, 0, now64(3)",
            target.database, target.epoch
        );
        run(client, file, &note).await?;
    }
    let change = if wanted.days.is_some() { format!("MODIFY {}", wanted.clause) } else { "REMOVE TTL".to_owned() };
    let on_cluster = target.on_cluster();
    run(client, file, &format!("ALTER TABLE {}.{table} {on_cluster} {change}", target.database)).await?;
    tracing::info!(table, before = ?there, now = ?wanted.days, "ttl changed, days");
    Ok(true)
}

/// Gives the texts of touchpoints the ttl that the target says: what is older has none, and its row stays.
///
/// # Errors
/// Unreachable or refused.
pub(crate) async fn follow_text(client: &Client, target: &Target) -> Result<(), WarehouseError> {
    let table = format!("touchpoints_e{}", target.epoch);
    let Some(file) = FILES.iter().find(|file| file.object() == "touchpoints_e{epoch}") else { return Ok(()) };
    let sql = format!(
        "SELECT extract(create_table_query, '`text` String[^,]* TTL [^,]*toIntervalDay\\\\((\\\\d+)\\\\)') AS days
        FROM system.tables WHERE database = '{}' AND name = '{table}'",
        target.database
    );
    let (there, wanted) = (number(client, &sql).await?, target.text_ttl_days);
    if there == wanted {
        return Ok(());
    }
    let change =
        wanted.map_or("REMOVE TTL".to_owned(), |days| format!("TTL toDateTime(occurred_at) + INTERVAL {days} DAY"));
    let on_cluster = target.on_cluster();
    run(client, file, &format!("ALTER TABLE {}.{table} {on_cluster} MODIFY COLUMN text {change}", target.database))
        .await?;
    tracing::info!(table, before = ?there, now = ?wanted, "ttl of texts changed, days");
    Ok(())
}

/// Days that a table's ttl keeps rows; `None` without one.
async fn days(client: &Client, database: &str, table: &str) -> Result<Option<u32>, WarehouseError> {
    let sql = format!(
        "SELECT extract(engine_full, 'TTL .*toIntervalDay\\\\((\\\\d+)\\\\)') AS days
        FROM system.tables WHERE database = '{database}' AND name = '{table}'"
    );
    number(client, &sql).await
}

async fn number(client: &Client, sql: &str) -> Result<Option<u32>, WarehouseError> {
    #[derive(Deserialize)]
    struct Row {
        days: String,
    }
    let rows: Vec<Row> = client.rows(sql).await?;
    Ok(rows.first().and_then(|row| row.days.parse().ok()))
}
