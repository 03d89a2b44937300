//! Loading on a real engine: ledger, chain, audit, repetition, hand-over.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{ask, endpoint, engine_is_here, loader, migrated, touchpoint_batch};
use crumbtrail_events::Outcome::{Bot, Counted, Duplicate, Late};
use crumbtrail_warehouse::ledger::{ChainEnd, START_ID_SQL, chain_end};
use crumbtrail_warehouse::observer::Silent;
use crumbtrail_warehouse::{LoaderConfig, LoaderHandle, Processor};
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
        touchpoint_batch(0, 10, &[Counted, Late, Counted]),
        touchpoint_batch(1, 5, &[Duplicate, Bot]),
        touchpoint_batch(0, 13, &[Counted]),
        touchpoint_batch(0, 14, &[]),
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
    assert_eq!(end(0).await.unwrap(), Some(ChainEnd { from: 10, to: 14 }));
    assert_eq!(end(1).await.unwrap(), Some(ChainEnd { from: 5, to: 7 }));
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
    short.tables.clear();
    load(short).await;
    let rows =
        ask(&client, "SELECT kind, table_name, expected_count, found_count FROM {db}.audit WHERE partition = 2").await;
    assert_eq!(rows, "rows\ttouchpoints\t2\t0");

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
