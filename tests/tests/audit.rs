//! The ledger against our logs: what the tables alone cannot tell.

use std::process::{Command, Stdio};

use crumbtrail_tests::{Deployment, binary, has_engine};
use crumbtrail_warehouse::{Client, Endpoint};

/// A deployment that has imported so many clicks.
fn imported(events: u32) -> Deployment {
    let mut shop = Deployment::new("log:\n  partitions: 2\n");
    shop.start_engine();
    let load = shop.path("load");
    let made = Command::new(binary())
        .args(["generate", "load", "--sessions", "200", "--events", &events.to_string(), "--out"])
        .arg(&load)
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    let file = load.join("clicks.jsonl");
    shop.ok("import", ["--format", "native", file.to_str().unwrap()]);
    shop
}

#[tokio::test]
async fn a_ledger_that_speaks_of_other_records_than_the_log_has_is_found() {
    if !has_engine("a_ledger_that_speaks_of_other_records_than_the_log_has_is_found") {
        return;
    }
    let shop = imported(3_000);
    let calm = shop.run("audit", ["--log"]);
    let said = String::from_utf8_lossy(&calm.stderr);
    let stretches = shop.number("SELECT uniqExact(processor, partition, from_offset, to_offset) FROM batches");
    assert!(
        calm.status.success() && said.starts_with(&format!("{stretches} stretches of the ledger held against ")),
        "{said}"
    );
    assert!(said.contains("which agree with it") && !said.contains("not compared"), "{said}");

    // In every table alike: the view has nothing to hold it against.
    let (url, user, password) = shop.engine_access();
    let client = Client::new(&Endpoint { user, password, ..Endpoint::new(url) }).unwrap();
    let table = format!("{}.batches_e1", client.database());
    let of = "processor = 'journey' AND partition = 1 AND from_offset = 0";
    let standing = format!("(SELECT * FROM {table} WHERE {of} AND is_deleted = 0)");
    for values in [
        "version + 1 AS version, 1 AS is_deleted",
        "version + 2 AS version, position_checksum + 1 AS position_checksum",
    ] {
        client.execute(&format!("INSERT INTO {table} SELECT * REPLACE ({values}) FROM {standing}")).await.unwrap();
    }
    shop.ok("audit", [] as [&str; 0]);
    let found = shop.run("audit", ["--log"]);
    let text = String::from_utf8_lossy(&found.stdout);
    assert_eq!(found.status.code(), Some(4), "{text}");
    assert!(
        text.starts_with(
            "log        journey partition 1, breadcrumbs, conversions, journeys, stage_moves, log offsets 0 to "
        ),
        "{text}"
    );
    assert!(text.ends_with("\n1 rows that must not be\n"), "{text}");
}

#[tokio::test]
async fn a_partition_whose_ledger_and_rows_are_gone_is_found() {
    if !has_engine("a_partition_whose_ledger_and_rows_are_gone_is_found") {
        return;
    }
    let shop = imported(3_000);
    let (url, user, password) = shop.engine_access();
    let client = Client::new(&Endpoint { user, password, ..Endpoint::new(url) }).unwrap();
    let database = client.database();
    for gone in
        ["batches_e1 WHERE processor = 'sessionize' AND partition = 0", "touchpoints_e1 WHERE log_partition = 0"]
    {
        client.execute(&format!("DELETE FROM {database}.{gone}")).await.unwrap();
    }
    let found = shop.run("audit", ["--log"]);
    let text = String::from_utf8_lossy(&found.stdout);
    assert_eq!(found.status.code(), Some(4), "{text}");
    assert!(
        text.contains("log        sessionize partition 0, ") && text.contains("no row of this partition"),
        "{text}"
    );
}

#[test]
fn another_log_in_the_place_of_ours_is_found() {
    if !has_engine("another_log_in_the_place_of_ours_is_found") {
        return;
    }
    let (shop, other) = (imported(3_000), imported(500));
    let log = |shop: &Deployment| shop.data().join("log/touchpoints-e1.redb");
    std::fs::copy(log(&other), log(&shop)).unwrap();
    let found = shop.run("audit", ["--log"]);
    let text = String::from_utf8_lossy(&found.stdout);
    assert_eq!(found.status.code(), Some(4), "{text}");
    assert!(text.contains("log        sessionize partition 0, ") && text.contains("the log ends before it"), "{text}");
    assert!(!text.contains("journey"), "{text}");
}
