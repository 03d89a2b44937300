//! Writes what is generated from `schemas/clickhouse`: `current.sql` beside it, and `docs/tables.md`.

use crumbtrail_sentiment::{FRICTION_NAMES, TOPIC_NAMES};
use crumbtrail_warehouse::{docs, schema};
use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::create_dir_all(root.join("docs"))?;
    std::fs::write(root.join("docs/tables.md"), docs::tables_md())?;
    std::fs::write(root.join("schemas/clickhouse/current.sql"), schema::current_sql(&TOPIC_NAMES, &FRICTION_NAMES))
}
