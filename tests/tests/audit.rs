//! The ledger against our logs: what the tables alone cannot tell.

use std::path::Path;
use std::process::{Command, Stdio};

use crumbtrail_log::local::LocalLog;
use crumbtrail_log::{Log as _, Offset, PartitionId};
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

/// A statement of the owner of the tables.
async fn execute(shop: &Deployment, statement: &str) {
    let (url, user, password) = shop.engine_access();
    let client = Client::new(&Endpoint { user, password, ..Endpoint::new(url) }).unwrap();
    client.execute(statement).await.unwrap();
}

/// What the audit finds, with `--log` or not: the lines before its explanations.
#[track_caller]
fn found(shop: &Deployment, arguments: &[&str]) -> Vec<String> {
    let out = shop.run("audit", arguments);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(matches!(out.status.code(), Some(0 | 4)), "{text}{}", String::from_utf8_lossy(&out.stderr));
    let findings = text.lines().take_while(|line| !line.is_empty()).map(str::to_owned);
    let findings: Vec<String> = findings.filter(|line| !line.starts_with("the audit of epoch")).collect();
    assert_eq!(out.status.code() == Some(0), findings.is_empty(), "{text}");
    findings
}

#[tokio::test]
async fn a_watermark_that_was_moved_in_every_table_alike_is_found() {
    if !has_engine("a_watermark_that_was_moved_in_every_table_alike_is_found") {
        return;
    }
    let shop = imported(3_000);
    for (column, processor, what) in
        [("watermark_at", "sessionize", "watermark"), ("written_at", "journey", "wall time")]
    {
        let change = |by: i64| {
            format!(
                "ALTER TABLE crumbtrail.batches_e1 UPDATE {column} = {column} + {by} WHERE processor = '{processor}' AND partition = 0 \
                 AND from_offset = 0 SETTINGS mutations_sync = 2"
            )
        };
        execute(&shop, &change(3_600)).await;
        assert_eq!(found(&shop, &[]), [""; 0], "the tables have nothing to hold it against");
        let told = found(&shop, &["--log"]);
        assert!(told.len() == 1 && told[0].starts_with(&format!("log        {processor} partition 0, ")), "{told:?}");
        assert!(told[0].contains(&format!("; the ledger's {what} at its end is ")), "{told:?}");
        execute(&shop, &change(-3_600)).await;
        assert_eq!(found(&shop, &["--log"]), [""; 0]);
    }
}

#[tokio::test]
async fn rows_that_are_gone_from_any_table_are_found() {
    if !has_engine("rows_that_are_gone_from_any_table_are_found") {
        return;
    }
    let shop = imported(3_000);
    assert_eq!(found(&shop, &[]), [""; 0]);
    let written = shop.sql("SELECT DISTINCT table_name FROM batches WHERE row_count > 0 ORDER BY table_name");
    for table in written.lines().filter(|table| !["touchpoints", "dead_letters"].contains(table)) {
        let kept = format!("crumbtrail.{table}_kept");
        execute(&shop, &format!("CREATE TABLE {kept} AS crumbtrail.{table}_e1")).await;
        // All rows; then the newest.
        for (leave, partitions) in [("0", 2), ("bitAnd(bitShiftRight(version, 16), 0xFFFFFFFFFF) < 3", 1)] {
            execute(&shop, &format!("EXCHANGE TABLES {kept} AND crumbtrail.{table}_e1")).await;
            execute(&shop, &format!("INSERT INTO crumbtrail.{table}_e1 SELECT * FROM {kept} WHERE {leave}")).await;
            let told = found(&shop, &[]);
            let is_of =
                |line: &String| line.starts_with("vanished   ") && line.contains(&format!(", {table}, log offsets"));
            assert!(told.len() >= partitions && told.iter().all(is_of), "{table}: {told:?}");
            execute(&shop, &format!("EXCHANGE TABLES {kept} AND crumbtrail.{table}_e1")).await;
            execute(&shop, &format!("TRUNCATE TABLE {kept}")).await;
        }
        execute(&shop, &format!("DROP TABLE {kept} SYNC")).await;
    }
    assert_eq!(found(&shop, &["--log"]), [""; 0]);
}

#[test]
fn the_log_of_an_epoch_that_is_not_shown_is_not_held_against_the_tables() {
    if !has_engine("the_log_of_an_epoch_that_is_not_shown_is_not_held_against_the_tables") {
        return;
    }
    let shop = imported(500);
    shop.ok("rebuild", [""; 0]);
    // The configuration says epoch 1 still.
    let said = shop.ok("audit", [""; 0]);
    assert!(said.starts_with("the audit of epoch 2 is empty"), "{said}");
    let said = shop.fails("audit", ["--log"]);
    assert!(
        said.contains("the views show epoch 2, the configuration says 1") && said.contains("set `epoch: 2`"),
        "{said}"
    );
    shop.with_config("log:\n  partitions: 2\n", "log:\n  partitions: 2\nepoch: 2\n");
    assert_eq!(found(&shop, &["--log"]), [""; 0]);
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

/// Where the log of touchpoints ends, by partition.
fn ends(shop: &Deployment) -> Vec<Offset> {
    let log = LocalLog::open(&shop.data().join("log"), "touchpoints-e1", 2).unwrap();
    (0..2).map(|partition| log.bounds(PartitionId(partition)).unwrap().1).collect()
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

#[test]
fn an_older_copy_of_our_log_is_refused_until_the_log_is_put_back_and_never_grows_meanwhile() {
    if !has_engine("an_older_copy_of_our_log_is_refused_until_the_log_is_put_back_and_never_grows_meanwhile") {
        return;
    }
    let mut shop = Deployment::new("log:\n  partitions: 2\n");
    shop.start_engine();
    let import = |prefix: &str, count: usize| {
        let line = |n: usize| {
            let at = 1_760_000_000_000i64 + n as i64 * 1_000;
            format!(
                "{{\"event_id\":\"{prefix}{n}\",\"visitor\":\"v{n}\",\"occurred_at\":{at},\"name\":\"page_view\"}}\n"
            )
        };
        let file = shop.write(&format!("{prefix}.jsonl"), (0..count).map(line).collect::<String>());
        ["--keep-open".into(), "--format".into(), "native".into(), file.into_os_string()]
    };
    let log = shop.data().join("log");
    let [older, newest] = ["older", "newest"].map(|name| shop.path(name));
    shop.ok("import", import("a", 50));
    copy(&log, &older);
    shop.ok("import", import("b", 3_000));
    copy(&log, &newest);

    copy(&older, &log);
    let before = ends(&shop);
    let link = ["link", "--visitor", "v1", "--customer", "c1", "--site", "default"].map(Into::into).to_vec();
    let starts = [
        ("import", import("c", 3_000).to_vec()),
        ("import", import("c", 3_000).to_vec()),
        ("import", import("c", 3_000).to_vec()),
        ("run", vec!["all".into(), "--until-idle".into()]),
        ("redrive", vec![]),
        ("identity", link),
    ];
    for (command, arguments) in starts {
        let mut words = std::collections::VecDeque::from(arguments);
        let said = match command {
            // The word behind it is a command, too.
            "identity" => {
                let link = words.pop_front().unwrap();
                let told = Command::new(binary())
                    .arg(command)
                    .arg(link)
                    .arg("--config")
                    .arg(shop.config())
                    .args(words)
                    .output();
                String::from_utf8_lossy(&told.unwrap().stderr).into_owned()
            }
            _ => shop.fails(command, words),
        };
        assert!(
            said.contains("the tables go to offset") && said.contains("Put the log back as it was"),
            "{command}: {said}"
        );
        assert_eq!(ends(&shop), before, "{command}");
    }
    let checked = shop.run("check", [""; 0]);
    let said = String::from_utf8_lossy(&checked.stdout);
    assert_eq!(checked.status.code(), Some(4), "{said}");
    assert!(said.contains("MEND  ends of our logs: ") && said.contains("how: put the log back"), "{said}");

    copy(&newest, &log);
    let said = shop.ok("check", [""; 0]);
    assert!(said.contains("ok    ends of our logs: "), "{said}");
    shop.ok("import", import("c", 3_000));
    assert_eq!(shop.number("SELECT count() FROM touchpoints WHERE outcome = 'counted'"), 6_050);
    assert_eq!(found(&shop, &["--log"]), [""; 0]);
}
