//! Every table's business columns, for comparing a disturbed run with an undisturbed one.

use std::collections::HashSet;

use crate::Deployment;

/// The views that carry the promise.
pub const VIEWS: [&str; 9] = [
    "touchpoints",
    "sessions",
    "conversations",
    "journeys",
    "stage_moves",
    "conversions",
    "breadcrumbs",
    "dead_letters",
    "identity_links",
];

/// Columns that say how a row came about, not what it says: they may differ between two runs on the same input.
/// `moved_count` tells of one change what had come until then.
const NOT_BUSINESS: [&str; 6] = ["version", "is_deleted", "log_partition", "log_offset", "log_epoch", "moved_count"];

/// All rows of a view as sorted lines of its business columns.
#[must_use]
pub fn business(deployment: &Deployment, view: &str) -> Vec<String> {
    let except = NOT_BUSINESS.join("|");
    let text = deployment.sql(&format!("SELECT * EXCEPT '^({except})$' FROM {view} ORDER BY ALL"));
    text.lines().map(str::to_owned).collect()
}

/// The business columns of every view.
#[must_use]
pub fn all(deployment: &Deployment) -> Vec<Vec<String>> {
    VIEWS.iter().map(|view| business(deployment, view)).collect()
}

/// Every row of every table and of the ledger with all its columns, also of those taken back: what the same log, read once more, must make
/// again, version by version. The one column left out tells which start of the server answered.
#[must_use]
pub fn with_versions(deployment: &Deployment) -> Vec<Vec<String>> {
    let rows = |view: &str| {
        let table = format!("{view}_e1");
        let key = deployment.sql(&format!(
            "SELECT sorting_key FROM system.tables WHERE database = currentDatabase() AND name = '{table}'"
        ));
        let newest = format!("SELECT * FROM {table} ORDER BY version DESC LIMIT 1 BY {}", key.trim());
        let text = deployment.sql(&format!("SELECT * EXCEPT '^server_start_id$' FROM ({newest}) ORDER BY ALL"));
        text.lines().map(str::to_owned).collect()
    };
    VIEWS.iter().chain(&["batches"]).map(|view| rows(view)).collect()
}

/// Asserts that a deployment whose log was read once more has the rows that it had ([`with_versions`]), and an empty audit. Whoever
/// was started for it has ticked: behind the end that the ledger had it goes on.
#[track_caller]
pub fn assert_replayed(before: &[Vec<String>], deployment: &Deployment) {
    for ((view, before), mut found) in VIEWS.iter().chain(&["batches"]).zip(before).zip(with_versions(deployment)) {
        if *view == "batches" {
            let before: HashSet<_> = before.iter().collect();
            found.retain(|row| before.contains(row));
        }
        assert_same(view, before, &found);
    }
    assert_eq!(deployment.sql("SELECT * FROM audit"), "", "the audit is empty");
}

/// Asserts that two deployments say the same in every table.
#[track_caller]
pub fn assert_equal(undisturbed: &Deployment, disturbed: &Deployment) {
    assert_says(&all(undisturbed), disturbed);
}

/// Asserts that a deployment says in every table what an undisturbed one said ([`all`]), and that its audit is empty.
#[track_caller]
pub fn assert_says(expected: &[Vec<String>], disturbed: &Deployment) {
    for (view, expected) in VIEWS.iter().zip(expected) {
        assert_same(view, expected, &business(disturbed, view));
    }
    assert_eq!(disturbed.sql("SELECT * FROM audit"), "", "the audit is empty");
}

#[track_caller]
fn assert_same(view: &str, expected: &[String], found: &[String]) {
    if expected != found {
        let missing: Vec<_> = expected.iter().filter(|row| !found.contains(row)).take(3).collect();
        let extra: Vec<_> = found.iter().filter(|row| !expected.contains(row)).take(3).collect();
        panic!(
            "{view}: {} rows expected, {} found\nmissing: {missing:#?}\nextra: {extra:#?}",
            expected.len(),
            found.len()
        );
    }
}
