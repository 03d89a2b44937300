//! Epochs side by side: which one the views show, and the step from one to the next.
//!
//! ```text
//! views ──► tables of epoch 1          views ─┐  tables of epoch 1 (untouched)
//!           tables of epoch 2   ═════►        └► tables of epoch 2
//! ```

use serde::Deserialize;

use crate::apply::run;
use crate::client::Client;
use crate::error::WarehouseError;
use crate::migrate;
use crate::schema::{FILES, SchemaFile, Target};
use crate::tables::TableId;

/// Which epochs the views of the tables show. They are one and the same, unless a server died while they were exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The least.
    pub oldest: u8,
    /// The greatest: where they are to point.
    pub newest: u8,
}

/// What the views show; `None` where there are none yet.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn shown(client: &Client) -> Result<Option<Shown>, WarehouseError> {
    #[derive(Deserialize)]
    struct Row {
        epoch: u8,
    }
    let names: Vec<String> = TableId::ALL.iter().map(|table| format!("'{}'", table.name())).collect();
    let sql = format!(
        "SELECT toUInt8OrZero(extract(create_table_query, 'FROM `?[a-zA-Z0-9_]+`?\\\\.[a-z_]+_e([0-9]+)')) AS epoch \
         FROM system.tables WHERE database = '{}' AND engine = 'View' AND name IN ({}) AND epoch > 0",
        client.database(),
        names.join(", ")
    );
    let epochs: Vec<u8> = client.rows::<Row>(&sql).await?.into_iter().map(|row| row.epoch).collect();
    Ok(epochs.iter().min().zip(epochs.iter().max()).map(|(&oldest, &newest)| Shown { oldest, newest }))
}

/// Epochs of which there are tables, least first.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn with_tables(client: &Client) -> Result<Vec<u8>, WarehouseError> {
    #[derive(Deserialize)]
    struct Row {
        epoch: u8,
    }
    let sql = format!(
        "SELECT DISTINCT toUInt8OrZero(extract(name, '^batches_e([0-9]+)$')) AS epoch FROM system.tables \
         WHERE database = '{}' AND epoch > 0 ORDER BY epoch",
        client.database()
    );
    Ok(client.rows::<Row>(&sql).await?.into_iter().map(|row| row.epoch).collect())
}

/// What the views get their rows from until they are exchanged, by a name of its own.
const STAGED: &str = "_next";

/// The views of the tables: the ones that say an epoch.
fn views() -> impl Iterator<Item = (&'static SchemaFile, &'static str)> {
    FILES.iter().filter(|file| file.is_view() && file.text.contains("{epoch}")).map(|file| (file, file.object()))
}

/// Which of them there are.
async fn there(client: &Client) -> Result<Vec<String>, WarehouseError> {
    #[derive(Deserialize)]
    struct Row {
        name: String,
    }
    let names: Vec<String> = views().map(|(_, name)| format!("'{name}'")).collect();
    let sql = format!(
        "SELECT name FROM system.tables WHERE database = '{}' AND name IN ({})",
        client.database(),
        names.join(", ")
    );
    Ok(client.rows::<Row>(&sql).await?.into_iter().map(|row| row.name).collect())
}

/// Makes, beside the views, those of the target's epoch; nobody sees them yet.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn stage(client: &Client, target: &Target) -> Result<(), WarehouseError> {
    for (file, name) in views() {
        let at = |name: &str| format!("VIEW {}.{name}", target.database);
        let sql = target.render(file).replacen(&at(name), &at(&format!("{name}{STAGED}")), 1);
        run(client, file, &sql).await?;
    }
    Ok(())
}

/// How many rows the audit of the staged views has: what it would have once they are exchanged.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn staged_audit(client: &Client, target: &Target) -> Result<u64, WarehouseError> {
    #[derive(Deserialize)]
    struct Row {
        findings: u64,
    }
    let Some(file) = FILES.iter().find(|file| file.object() == "audit") else { return Ok(0) };
    let rendered = target.render(file);
    let select = rendered.split_once("\nAS ").map_or("", |(_, select)| select);
    let mut select = select.rsplit_once("\nCOMMENT ").map_or(select, |(select, _)| select).to_owned();
    for (_, name) in views() {
        let at = format!("{}.{name}\n", target.database);
        select = select.replace(&at, &format!("{}.{name}{STAGED}\n", target.database));
    }
    let sql = format!("SELECT count() AS findings FROM ({select})");
    Ok(client.rows::<Row>(&sql).await?.first().map_or(0, |row| row.findings))
}

/// Exchanges the views with the staged ones in one statement, and brings the others up to date. What is left half done by a
/// server that dies meanwhile, a repetition ends.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn switch(client: &Client, target: &Target) -> Result<(), WarehouseError> {
    let on_cluster = target.cluster.as_ref().map_or(String::new(), |cluster| format!(" ON CLUSTER '{cluster}'"));
    // Whoever comes again after a half exchange must not exchange the done ones back.
    if shown(client).await?.is_some_and(|shown| shown.newest < target.epoch) {
        let (database, there) = (&target.database, there(client).await?);
        // What no build before knew has nothing to be exchanged with; it is made with the rest.
        let known = views().filter(|(_, name)| there.iter().any(|known| known == name));
        let pairs: Vec<String> =
            known.map(|(_, name)| format!("{database}.{name} AND {database}.{name}{STAGED}")).collect();
        client.execute(&format!("EXCHANGE TABLES {}{on_cluster}", pairs.join(", "))).await?;
    }
    show(client, target).await?;
    drop_staged(client, target).await
}

/// Whether staged views are left: an exchange is still to come, or was not tidied up after.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn has_staged(client: &Client) -> Result<bool, WarehouseError> {
    #[derive(Deserialize)]
    struct Row {
        staged: u64,
    }
    let names: Vec<String> = views().map(|(_, name)| format!("'{name}{STAGED}'")).collect();
    let sql = format!(
        "SELECT count() AS staged FROM system.tables WHERE database = '{}' AND name IN ({})",
        client.database(),
        names.join(", ")
    );
    Ok(client.rows::<Row>(&sql).await?.first().is_some_and(|row| row.staged > 0))
}

async fn drop_staged(client: &Client, target: &Target) -> Result<(), WarehouseError> {
    let on_cluster = target.cluster.as_ref().map_or(String::new(), |cluster| format!(" ON CLUSTER '{cluster}'"));
    for (_, name) in views() {
        let staged = format!("{}.{name}{STAGED}", target.database);
        client.execute(&format!("DROP VIEW IF EXISTS {staged}{on_cluster}")).await?;
    }
    Ok(())
}

/// Makes the tables of the target's epoch if there are none, and has every view show it, whatever it showed before.
///
/// # Errors
/// As [`migrate::migrate`].
pub async fn show(client: &Client, target: &Target) -> Result<migrate::Report, WarehouseError> {
    let report = migrate::migrate(client, target).await?;
    if shown(client).await?.is_none_or(|shown| shown == Shown { oldest: target.epoch, newest: target.epoch }) {
        return Ok(report);
    }
    // They are known as applied from an earlier time when they showed this epoch.
    for (file, _) in views() {
        run(client, file, &target.render(file)).await?;
    }
    Ok(report)
}

/// Removes the tables of an epoch that the views do not show.
///
/// # Errors
/// [`WarehouseError::Config`] if the views show it; unreachable, late, refused.
pub async fn drop_tables(client: &Client, target: &Target) -> Result<(), WarehouseError> {
    let epoch = target.epoch;
    if shown(client).await?.is_some_and(|shown| (shown.oldest..=shown.newest).contains(&epoch)) {
        let detail = format!("the views show epoch {epoch}: its tables are in use, and stay");
        return Err(WarehouseError::Config { detail });
    }
    // They may show what goes now.
    drop_staged(client, target).await?;
    let on_cluster = target.cluster.as_ref().map_or(String::new(), |cluster| format!(" ON CLUSTER '{cluster}'"));
    let database = &target.database;
    // First what says that they are there: a removal that is cut short is made whole by the next migration or removal.
    client
        .execute(&format!(
            "ALTER TABLE {database}.schema_migrations{on_cluster} DELETE WHERE epoch = {epoch} SETTINGS mutations_sync = 2"
        ))
        .await?;
    for file in FILES.iter().filter(|file| !file.is_view() && file.object().contains("{epoch}")) {
        let table = file.object().replace("{epoch}", &epoch.to_string());
        client.execute(&format!("DROP TABLE IF EXISTS {database}.{table}{on_cluster} SYNC")).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_of_a_table_is_exchanged() {
        for table in TableId::ALL {
            assert!(views().any(|(_, name)| name == table.name()), "{}", table.name());
        }
        // And those that show a table otherwise.
        let others =
            views().map(|(_, name)| name).filter(|name| TableId::ALL.iter().all(|table| table.name() != *name));
        assert_eq!(others.collect::<Vec<_>>(), ["identity_link_history"]);
    }
}
