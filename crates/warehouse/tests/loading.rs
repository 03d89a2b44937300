//! Loading on a real engine: ledger, chain, audit, repetition, hand-over.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{ask, endpoint, engine_is_here, loader, migrated, touchpoint_batch};
use crumbtrail_events::EventTime;
use crumbtrail_events::Outcome::{Bot, Counted, Dead, Duplicate, Late};
use crumbtrail_warehouse::ledger::{ChainEnd, START_ID_SQL, chain_end};
use crumbtrail_warehouse::observer::Silent;
use crumbtrail_warehouse::{Batch, Client, LoaderConfig, LoaderHandle, Processor, TableId};
use std::sync::Arc;
use std::time::Duration;

const AUDIT: &str = "SELECT kind, partition, table_name, from_offset, to_offset, expected_count, found_count
    FROM {db}.audit ORDER BY ALL";

#[test]
fn the_engine_and_the_ledger_ask_for_the_start_in_the_same_words() {
    assert_eq!(START_ID_SQL, crumbtrail_embedded::START_ID_SQL);
}

#[tokio::test]
async fn loading_twice_is_loading_once_and_the_audit_is_empty() {
    if !engine_is_here("loading_twice_is_loading_once_and_the_audit_is_empty") {
        return;
    }
    let (client, _) = migrated("l_twice").await;
    let batches = [
        touchpoint_batch(0, 0, &[Counted, Late, Counted]),
        touchpoint_batch(1, 0, &[Duplicate, Bot]),
        touchpoint_batch(0, 3, &[Counted]),
        touchpoint_batch(0, 4, &[]),
    ];
    let report = loader(&client).load(&batches).await.unwrap();
    assert_eq!((report.insert_count, report.row_count, report.repeat_count), (2, 6, 0));
    // The same again, cut into other loads, as after a kill.
    for batch in &batches {
        loader(&client).load(std::slice::from_ref(batch)).await.unwrap();
    }
    assert_eq!(ask(&client, "SELECT count() FROM {db}.touchpoints").await, "6");
    assert_eq!(ask(&client, "SELECT count() FROM {db}.batches").await, "20", "4 batches, 5 tables");
    assert_eq!(ask(&client, AUDIT).await, "");
    let end = |partition| chain_end(&client, 1, Processor::Sessionize, partition);
    assert_eq!(end(0).await.unwrap(), Some(ChainEnd { from: 0, to: 4 }));
    assert_eq!(end(1).await.unwrap(), Some(ChainEnd { from: 0, to: 2 }));
    assert_eq!(end(2).await.unwrap(), None);
    assert_eq!(chain_end(&client, 1, Processor::Journey, 0).await.unwrap(), None);
}

#[tokio::test]
async fn the_audit_says_what_is_wrong() {
    if !engine_is_here("the_audit_says_what_is_wrong") {
        return;
    }
    let (client, _) = migrated("l_audit").await;
    let load = async |batch| loader(&client).load(&[batch]).await.unwrap();
    load(touchpoint_batch(0, 0, &[Counted, Counted])).await;
    load(touchpoint_batch(0, 5, &[Counted])).await;
    assert_eq!(chain_end(&client, 1, Processor::Sessionize, 0).await.unwrap(), Some(ChainEnd { from: 0, to: 2 }));
    let holes = ask(&client, "SELECT DISTINCT kind, from_offset, to_offset FROM {db}.audit").await;
    assert_eq!(holes, "hole\t2\t5");
    load(touchpoint_batch(0, 2, &[Counted, Late, Counted])).await;
    assert_eq!(ask(&client, AUDIT).await, "", "the hole is filled");
    assert_eq!(chain_end(&client, 1, Processor::Sessionize, 0).await.unwrap(), Some(ChainEnd { from: 0, to: 6 }));

    let mut unbalanced = touchpoint_batch(1, 0, &[Counted]);
    unbalanced.record_count = 2;
    load(unbalanced).await;
    let kinds = ask(&client, "SELECT DISTINCT kind, partition, expected_count, found_count FROM {db}.audit").await;
    assert_eq!(kinds, "balance\t1\t2\t1");

    let mut short = touchpoint_batch(2, 0, &[Counted, Counted]);
    short.tables = touchpoint_batch(2, 0, &[Counted]).tables;
    load(short).await;
    let rows =
        ask(&client, "SELECT kind, table_name, expected_count, found_count FROM {db}.audit WHERE partition = 2").await;
    assert_eq!(rows, "rows\ttouchpoints\t2\t1");

    load(touchpoint_batch(3, 0, &[Counted])).await;
    load(touchpoint_batch(3, 0, &[Late])).await;
    let conflict = ask(&client, "SELECT DISTINCT kind FROM {db}.audit WHERE partition = 3 ORDER BY kind").await;
    assert!(conflict.starts_with("conflict"), "{conflict}");

    load(touchpoint_batch(4, 0, &[Counted, Counted])).await;
    load(touchpoint_batch(4, 1, &[Counted, Counted])).await;
    let overlap = ask(
        &client,
        "SELECT DISTINCT kind, from_offset, to_offset FROM {db}.audit WHERE partition = 4 AND kind != 'rows'",
    )
    .await;
    assert_eq!(overlap, "overlap\t1\t2");
}

/// Takes away the rows of a table that a condition names, and puts back the same with other values, if there are any.
async fn change(client: &Client, table: &str, of: &str, values: &str) {
    let table = format!("{}.{table}_e1", client.database());
    let standing = format!("(SELECT * FROM {table} WHERE {of} AND is_deleted = 0)");
    let put = async |values: &str| {
        client.execute(&format!("INSERT INTO {table} SELECT * REPLACE ({values}) FROM {standing}")).await.unwrap();
    };
    put("version + 1 AS version, 1 AS is_deleted").await;
    if !values.is_empty() {
        put(&format!("version + 2 AS version, {values}")).await;
    }
}

#[tokio::test]
async fn whatever_is_planted_makes_the_audit_speak() {
    if !engine_is_here("whatever_is_planted_makes_the_audit_speak") {
        return;
    }
    let first = "partition = 0 AND from_offset = 0";
    let sessionize = "processor = 'sessionize' AND partition = 0";
    // What is changed, of which rows, to what (nothing: taken away), and the kinds that it shows as.
    let plants: [(&str, &str, &str, &str); 20] = [
        ("touchpoints", "offset = 1", "", "rows"),
        ("touchpoints", "offset = 1", "'late' AS outcome", "rows"),
        ("touchpoints", "offset = 1", "700 AS offset", "places"),
        ("touchpoints", "offset = 1", "7 AS origin_hash", "places"),
        ("touchpoints", "offset = 1", "7 AS event_hash", "places"),
        // All of a stretch that was cut before any watermark was.
        ("touchpoints", "log_partition = 2", "", "rows"),
        ("dead_letters", "1", "", "rows"),
        ("dead_letters", "1", "700 AS offset", "places"),
        ("batches", "partition = 0 AND from_offset = 2", "", "hole"),
        ("batches", first, "", "hole"),
        ("batches", "processor = 'sessionize' AND partition = 0 AND from_offset = 4", "", "unclaimed"),
        ("batches", sessionize, "", "unclaimed"),
        ("batches", "partition = 0 AND table_name = 'conversations'", "", "uneven"),
        ("batches", "partition = 0 AND from_offset = 4 AND table_name = 'journeys'", "", "uneven"),
        ("batches", "from_offset = 2 AND table_name = 'sessions'", "5 AS position_checksum", "differ"),
        (
            "batches",
            "from_offset = 2 AND table_name = 'sessions'",
            "counted_count - 1 AS counted_count, late_count + 1 AS late_count",
            "differ",
        ),
        (
            "batches",
            "from_offset = 0 AND partition = 0 AND table_name = 'stage_moves'",
            "counted_count - 1 AS counted_count, late_count + 1 AS late_count",
            "differ",
        ),
        ("batches", "from_offset = 2 AND table_name = 'touchpoints'", "5 AS row_checksum", "places"),
        ("batches", "from_offset = 2 AND table_name = 'sessions'", "watermark_at + 60 AS watermark_at", "differ"),
        ("batches", "from_offset = 2 AND table_name = 'journeys'", "written_at - 60 AS written_at", "differ"),
    ];
    for (n, (table, of, values, expected)) in plants.into_iter().enumerate() {
        let (client, _) = migrated(&format!("l_plant_{n}")).await;
        let journey = |from, to| Batch {
            processor: Processor::Journey,
            to,
            tables: Vec::new(),
            ..touchpoint_batch(0, from, &[Counted, Counted])
        };
        let later = Batch { wall_ms: 1_700_000_000_000 + 3 * 3_600_000, ..touchpoint_batch(1, 0, &[Counted]) };
        let batches = [
            touchpoint_batch(0, 0, &[Counted, Counted]),
            touchpoint_batch(0, 2, &[Late, Counted]),
            touchpoint_batch(0, 4, &[Counted, Dead]),
            journey(0, 2),
            journey(2, 4),
            journey(4, 6),
            later,
            Batch { watermark: EventTime::MIN, ..touchpoint_batch(2, 0, &[Counted, Counted]) },
        ];
        loader(&client).load(&batches).await.unwrap();
        assert_eq!(ask(&client, AUDIT).await, "", "{table} {of} {values}");
        change(&client, table, of, values).await;
        let kinds = ask(&client, "SELECT DISTINCT kind FROM {db}.audit ORDER BY kind").await;
        assert_eq!(kinds, expected, "{table} {of} {values}");
    }
}

#[tokio::test]
async fn who_writes_no_touchpoints_has_an_empty_audit() {
    if !engine_is_here("who_writes_no_touchpoints_has_an_empty_audit") {
        return;
    }
    let (client, _) = migrated("l_without").await;
    let mut batch = touchpoint_batch(0, 0, &[Counted, Late, Dead]);
    batch.tables.retain(|rows| rows.table == TableId::DeadLetters);
    loader(&client).load(&[batch]).await.unwrap();
    assert_eq!(ask(&client, "SELECT count() FROM {db}.touchpoints").await, "0");
    assert_eq!(ask(&client, AUDIT).await, "");
}

#[tokio::test]
async fn the_audit_knows_the_tables_of_each_processor() {
    let view = include_str!("../../../schemas/clickhouse/0164_audit_view.sql");
    for processor in [Processor::Sessionize, Processor::Journey] {
        let names: Vec<String> = processor.tables().iter().map(|table| format!("'{}'", table.name())).collect();
        assert!(view.contains(&format!("[{}]", names.join(", "))), "{names:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handle_loads_behind_the_processors_back() {
    if !engine_is_here("the_handle_loads_behind_the_processors_back") {
        return;
    }
    let (client, _) = migrated("l_handle").await;
    let mut config = LoaderConfig::new(endpoint("l_handle"), Arc::new(Silent));
    config.pause = Duration::from_millis(20);
    let handle = LoaderHandle::spawn(config).unwrap();
    for from in 0..50 {
        for partition in 0..2 {
            handle.submit(touchpoint_batch(partition, from, &[Counted])).unwrap();
        }
    }
    assert!(handle.flush(Duration::from_secs(60)).unwrap());
    assert_eq!(handle.acked(Processor::Sessionize, 0), Some(50));
    assert_eq!(handle.acked(Processor::Sessionize, 1), Some(50));
    assert_eq!(handle.waiting_bytes(), 0);
    assert!(handle.close(Duration::from_secs(5)).unwrap());
    assert_eq!(ask(&client, "SELECT count() FROM {db}.touchpoints").await, "100");
    assert_eq!(ask(&client, AUDIT).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_waiting_does_not_mend_stops_the_handle() {
    if !engine_is_here("an_error_that_waiting_does_not_mend_stops_the_handle") {
        return;
    }
    // Nothing was migrated: there is no such table.
    let handle = LoaderHandle::spawn(LoaderConfig::new(endpoint("l_nowhere"), Arc::new(Silent))).unwrap();
    handle.submit(touchpoint_batch(0, 0, &[Counted])).unwrap();
    let error = handle.flush(Duration::from_secs(30)).unwrap_err();
    assert_eq!(error.kind(), "halted", "{error}");
    assert_eq!(handle.submit(touchpoint_batch(0, 1, &[Counted])).unwrap_err().kind(), "halted");
    assert_eq!(handle.acked(Processor::Sessionize, 0), None);
}
