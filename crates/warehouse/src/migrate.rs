//! Makes and upgrades the tables, and says whether they are what this build writes.

use crate::apply::run;
use crate::client::Client;
use crate::error::WarehouseError;
use crate::schema::{FILES, SchemaFile, Target};
use crate::tables::TableId;
use crate::ttl;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use xxhash_rust::xxh3::xxh3_64;

/// What a migration did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Files applied, in order.
    pub applied: Vec<&'static str>,
    /// Files that had been applied with the same text.
    pub unchanged_count: usize,
}

/// Applies the files that are new, views whose text changed or that are gone, and a ttl that changed. Every statement is
/// repeatable, so running it twice, or twice at once, does no harm. The views show the target's epoch then.
///
/// # Errors
/// Unreachable or refused; a table's file that was changed after it was applied; a statement that fails (with its file).
pub async fn migrate(client: &Client, target: &Target) -> Result<Report, WarehouseError> {
    apply(client, target, |_| true).await
}

/// As [`migrate`], of the tables alone: what the views show stays.
///
/// # Errors
/// As [`migrate`].
pub async fn migrate_tables(client: &Client, target: &Target) -> Result<Report, WarehouseError> {
    apply(client, target, |file| !file.is_view()).await
}

async fn apply(
    client: &Client,
    target: &Target,
    is_meant: impl Fn(&SchemaFile) -> bool,
) -> Result<Report, WarehouseError> {
    target.check()?;
    if target.database != client.database() {
        let detail = format!("the client speaks to {}, the tables are for {}", client.database(), target.database);
        return Err(WarehouseError::Config { detail });
    }
    let mut report = Report::default();
    let (base, rest) = FILES.split_at(2);
    // The database and the list of migrations themselves: asked for every time.
    for file in base {
        run(client, file, &target.render(file)).await?;
    }
    let (applied, present) = (applied(client, target).await?, present(client, target).await?);
    for file in rest.iter().filter(|file| is_meant(file)) {
        let sql = target.render(file);
        let (text_hash, rendered_hash) = (xxh3_64(file.text.as_bytes()), xxh3_64(sql.as_bytes()));
        match applied.get(file.file) {
            Some(&(_, rendered))
                if rendered == rendered_hash && (!file.is_view() || present.contains(file.object())) =>
            {
                report.unchanged_count += 1;
                continue;
            }
            Some(&(text, _)) if !file.is_view() => {
                if text != text_hash {
                    return Err(WarehouseError::MigrationChanged { file: file.file });
                }
                // The same file with other parameters: a ttl is followed, a cluster stays as the table was made.
                if !ttl::follow(client, target, file).await? {
                    tracing::warn!(
                        file = file.file,
                        "parameters changed after the table was made; the table keeps the old ones"
                    );
                    report.unchanged_count += 1;
                    continue;
                }
            }
            _ => {}
        }
        run(client, file, &sql).await?;
        let record = format!(
            "INSERT INTO {}.schema_migrations SELECT '{}', {}, {text_hash}, {rendered_hash}, now64(3)",
            target.database, file.file, target.epoch
        );
        run(client, file, &record).await?;
        report.applied.push(file.file);
    }
    ttl::follow_text(client, target).await?;
    Ok(report)
}

/// Tables and views there are.
async fn present(client: &Client, target: &Target) -> Result<HashSet<String>, WarehouseError> {
    #[derive(Deserialize)]
    struct Row {
        name: String,
    }
    let sql = format!("SELECT name FROM system.tables WHERE database = '{}'", target.database);
    Ok(client.rows::<Row>(&sql).await?.into_iter().map(|row| row.name).collect())
}

/// File → (text hash, rendered hash).
async fn applied(client: &Client, target: &Target) -> Result<HashMap<String, (u64, u64)>, WarehouseError> {
    #[derive(Deserialize)]
    struct Row {
        file: String,
        text_hash: u64,
        rendered_hash: u64,
    }
    let sql = format!(
        "SELECT file, text_hash, rendered_hash FROM {}.schema_migrations FINAL WHERE epoch = {}",
        target.database, target.epoch
    );
    let rows: Vec<Row> = client.rows(&sql).await?;
    Ok(rows.into_iter().map(|row| (row.file, (row.text_hash, row.rendered_hash))).collect())
}

/// Something that is not as this build needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Table or view.
    pub object: String,
    /// What is wrong and how to mend it.
    pub detail: String,
}

/// Compares the tables with what this build inserts: they exist, with these columns of these types (a table may have
/// more columns), and the views exist. Empty when all is well.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn verify(client: &Client, target: &Target) -> Result<Vec<Finding>, WarehouseError> {
    #[derive(Deserialize)]
    struct Row {
        table: String,
        name: String,
        r#type: String,
    }
    let sql = format!("SELECT table, name, type FROM system.columns WHERE database = '{}'", target.database);
    let rows: Vec<Row> = client.rows(&sql).await?;
    let mut columns: HashMap<&str, HashMap<&str, &str>> = HashMap::new();
    for row in &rows {
        columns.entry(&row.table).or_default().insert(&row.name, &row.r#type);
    }
    let mut findings = Vec::new();
    let mut find = |object: &str, detail: String| findings.push(Finding { object: object.to_owned(), detail });
    for table in TableId::ALL {
        let name = table.in_epoch(target.epoch);
        let Some(found) = columns.get(name.as_str()) else {
            find(&name, format!("no such table in {}; run `crumbtrail migrate`", target.database));
            continue;
        };
        for column in table.columns() {
            match found.get(column.name) {
                None => find(
                    &name,
                    format!(
                        "column {} is missing: if `crumbtrail migrate` does not add it, restore the table",
                        column.name
                    ),
                ),
                Some(&other) if other != column.type_name => find(
                    &name,
                    format!("column {} is {other} and should be {}; see the changelog", column.name, column.type_name),
                ),
                Some(_) => {}
            }
        }
    }
    for view in FILES.iter().filter(|file| file.is_view()) {
        if !columns.contains_key(view.object()) {
            find(view.object(), format!("no such view in {}; run `crumbtrail migrate`", target.database));
        }
    }
    Ok(findings)
}
