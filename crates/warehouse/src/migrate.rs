//! Makes and upgrades the tables, and says whether they are what this build writes.

use crate::apply::run;
use crate::client::Client;
use crate::error::{HOW_TO_BRING_BACK, WarehouseError};
use crate::schema::{FILES, SchemaFile, Target};
use crate::tables::TableId;
use crate::ttl;
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap, HashSet};
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
/// Unreachable or refused; a table's file that was changed after it was applied; a statement that fails (with its file);
/// [`WarehouseError::Dropped`] when a table that was made is not there any more.
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
    refuse(target, &gone(target, &applied, &present))?;
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

/// Tables that were made and are not there any more: a table without its rows would pass for one that has them, so none of
/// these is made again by itself. Empty when all is well, or nothing was made yet.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn dropped(client: &Client, target: &Target) -> Result<Vec<String>, WarehouseError> {
    if !present(client, target).await?.contains(MIGRATIONS) {
        return Ok(Vec::new());
    }
    // What was made first, then what there is: another process may be making tables at this moment.
    let applied = applied(client, target).await?;
    Ok(gone(target, &applied, &present(client, target).await?))
}

/// Refuses to go on while tables are gone.
///
/// # Errors
/// [`WarehouseError::Dropped`].
pub fn refuse(target: &Target, gone: &[String]) -> Result<(), WarehouseError> {
    let names: Vec<String> = gone.iter().map(|table| format!("{}.{table}", target.database)).collect();
    match names.as_slice() {
        [] => Ok(()),
        [one] => Err(WarehouseError::Dropped { what: format!("the table {one}") }),
        several => Err(WarehouseError::Dropped { what: format!("each of the tables {}", several.join(", ")) }),
    }
}

/// Makes tables that are gone anew, empty, and takes back all that the ledger says: whoever reads it then begins at the log's begin, and
/// loads what stands in the other tables a second time, which changes no row there. Says which tables. Killed in between it is refused
/// as before, or done.
///
/// # Errors
/// As [`migrate`].
pub async fn anew(client: &Client, target: &Target) -> Result<Vec<String>, WarehouseError> {
    let gone = dropped(client, target).await?;
    if gone.is_empty() {
        return Ok(gone);
    }
    let (database, on_cluster) = (&target.database, target.on_cluster());
    let ledger = TableId::Batches.in_epoch(target.epoch);
    if !gone.contains(&ledger) {
        // Not row by row: the server would take ledger rows that say the same for repetitions of those it had.
        client.execute(&format!("TRUNCATE TABLE {database}.{ledger} {on_cluster} SYNC")).await?;
    }
    let files: Vec<String> = FILES
        .iter()
        .filter(|file| !file.is_view() && gone.contains(&object(target, file)))
        .map(|file| format!("'{}'", file.file))
        .collect();
    client
        .execute(&format!(
            "ALTER TABLE {database}.{MIGRATIONS} {on_cluster} DELETE WHERE epoch = {} AND file IN ({}) SETTINGS mutations_sync = 2",
            target.epoch,
            files.join(", ")
        ))
        .await?;
    migrate_tables(client, target).await?;
    Ok(gone)
}

/// The table of what was applied.
const MIGRATIONS: &str = "schema_migrations";

fn object(target: &Target, file: &SchemaFile) -> String {
    file.object().replace("{epoch}", &target.epoch.to_string())
}

fn gone(target: &Target, applied: &HashMap<String, (u64, u64)>, present: &HashSet<String>) -> Vec<String> {
    let made = FILES.iter().filter(|file| !file.is_view() && applied.contains_key(file.file));
    let tables: BTreeSet<String> = made.map(|file| object(target, file)).collect();
    tables.into_iter().filter(|table| !present.contains(table)).collect()
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
    /// What is wrong.
    pub detail: String,
    /// How to mend it.
    pub mend: String,
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
    let dropped = dropped(client, target).await?;
    let views: Vec<&str> = FILES.iter().filter(|file| file.is_view()).map(SchemaFile::object).collect();
    let is_there = |object: &str| columns.contains_key(object);
    let any = TableId::ALL.iter().any(|table| is_there(&table.in_epoch(target.epoch)));
    if !any && dropped.is_empty() && !views.iter().any(|view| is_there(view)) {
        return Ok(vec![nothing(client, target).await?]);
    }
    let mut findings = Vec::new();
    let mut find = |object: &str, detail: String, mend: &str| {
        findings.push(Finding { object: object.to_owned(), detail, mend: mend.to_owned() });
    };
    for table in TableId::ALL {
        let name = table.in_epoch(target.epoch);
        let Some(found) = columns.get(name.as_str()) else {
            if dropped.contains(&name) {
                find(&name, "it was made, and somebody dropped it".to_owned(), HOW_TO_BRING_BACK);
            } else {
                find(&name, "there is no such table".to_owned(), MIGRATE);
            }
            continue;
        };
        for column in table.columns() {
            match found.get(column.name) {
                None => find(&name, format!("column {} is missing", column.name), COLUMN),
                Some(&other) if other != column.type_name => {
                    find(&name, format!("column {} is {other} and should be {}", column.name, column.type_name), TYPE);
                }
                Some(_) => {}
            }
        }
    }
    for view in views.into_iter().filter(|view| !is_there(view)) {
        find(view, "there is no such view".to_owned(), MIGRATE);
    }
    Ok(findings)
}

const MIGRATE: &str = "`crumbtrail migrate` makes it, as does every start of `run` and `import`";
const COLUMN: &str = "`crumbtrail migrate` adds what an older build did not have; a column that somebody dropped comes back with a copy of the \
     table, or with `crumbtrail rebuild`, which makes all tables anew";
const TYPE: &str = "`ALTER TABLE … MODIFY COLUMN` if somebody changed it; if another build made the table, CHANGELOG.md says how to go from \
     that one to this";

/// That nothing was made yet; where the database is not there though others have our tables, perhaps it is one of those.
async fn nothing(client: &Client, target: &Target) -> Result<Finding, WarehouseError> {
    #[derive(Deserialize)]
    struct Row {
        database: String,
    }
    let sql =
        format!("SELECT DISTINCT database FROM system.tables WHERE name = '{MIGRATIONS}' ORDER BY database LIMIT 5");
    let others: Vec<String> = client.rows::<Row>(&sql).await?.into_iter().map(|row| row.database).collect();
    let detail = format!("there are no tables of epoch {} in the database {}", target.epoch, target.database);
    let others: Vec<String> = others.into_iter().filter(|other| *other != target.database).collect();
    let mend = match others.as_slice() {
        [] => "`crumbtrail migrate` makes them, as does the first start of `run` or `import`".to_owned(),
        others => format!(
            "if they are in another database, name it (`clickhouse.database`; there are some in {}); else `crumbtrail migrate` makes them",
            others.join(", ")
        ),
    };
    Ok(Finding { object: target.database.clone(), detail, mend })
}
