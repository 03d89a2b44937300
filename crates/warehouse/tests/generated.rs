//! What is generated from `schemas/clickhouse` is fresh.

use crumbtrail_sentiment::{FRICTION_NAMES, TOPIC_NAMES};
use crumbtrail_warehouse::{docs, schema};

fn assert_fresh(path: &str, expected: &str) {
    let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{path} is stale: cargo run -p crumbtrail-warehouse --example tables");
}

#[test]
fn current_sql_is_the_sum_of_the_files() {
    assert_fresh("schemas/clickhouse/current.sql", &schema::current_sql(&TOPIC_NAMES, &FRICTION_NAMES));
}

#[test]
fn the_page_of_tables_is_fresh() {
    assert_fresh("docs/tables.md", &docs::tables_md());
}
