//! Every table's business columns, for comparing a disturbed run with an undisturbed one.

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

/// Asserts that two deployments say the same in every table.
#[track_caller]
pub fn assert_equal(undisturbed: &Deployment, disturbed: &Deployment) {
    assert_says(&all(undisturbed), disturbed);
}

/// Asserts that a deployment says in every table what an undisturbed one said ([`all`]), and that its audit is empty.
#[track_caller]
pub fn assert_says(expected: &[Vec<String>], disturbed: &Deployment) {
    for (view, expected) in VIEWS.iter().zip(expected) {
        let found = business(disturbed, view);
        if *expected != found {
            let missing: Vec<_> = expected.iter().filter(|row| !found.contains(row)).take(3).collect();
            let extra: Vec<_> = found.iter().filter(|row| !expected.contains(row)).take(3).collect();
            panic!(
                "{view}: {} rows expected, {} found\nmissing: {missing:#?}\nextra: {extra:#?}",
                expected.len(),
                found.len()
            );
        }
    }
    assert_eq!(disturbed.sql("SELECT * FROM audit"), "", "the audit is empty");
}
