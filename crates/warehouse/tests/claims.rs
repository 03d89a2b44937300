//! Ledger rows on a real engine: taken by the start that took the rows, and by no other.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use bytes::Bytes;
use common::{ask, endpoint, endpoint_of, engine_is_here, inserter, loader, migrated, start, target, touchpoint_batch};
use crumbtrail_embedded::EngineHandle;
use crumbtrail_events::EventTime;
use crumbtrail_events::Outcome::{Counted, Late};
use crumbtrail_events::outcome::Counts;
use crumbtrail_warehouse::insert::Inserter;
use crumbtrail_warehouse::ledger::{ChainEnd, LedgerRow, ServerStart, chain_end, chain_ends};
use crumbtrail_warehouse::native::Block;
use crumbtrail_warehouse::observer::{Observer, Silent};
use crumbtrail_warehouse::tables::batches;
use crumbtrail_warehouse::{Client, Endpoint, LoadReport, Loader, Processor, Server, TableId, WarehouseError, migrate};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

const AUDIT: &str = "SELECT * FROM {db}.audit";

fn ledger_row(from_offset: u64, watermark: i64) -> Vec<u8> {
    let row = LedgerRow {
        epoch: 1,
        processor: Processor::Journey,
        partition: 3,
        table: TableId::StageMoves,
        from_offset,
        to_offset: from_offset + 7,
        content_hash: u64::MAX,
        position_checksum: u64::MAX - 1,
        row_checksum: 0,
        row_count: 4,
        record_count: 28,
        counts: Counts([1, 2, 3, 4, 5, 6, 7]),
        server_start: ServerStart(11),
        watermark_at: EventTime(watermark),
        written_at: EventTime(1_700_000_000_123),
    };
    let mut bytes = Vec::new();
    batches::encode(&row, &mut bytes);
    bytes
}

#[tokio::test]
async fn a_claim_is_taken_under_the_start_it_names_and_no_other() {
    if !engine_is_here("a_claim_is_taken_under_the_start_it_names_and_no_other") {
        return;
    }
    let (client, _) = migrated("c_start").await;
    let server = inserter(&client);
    let started = server.server_start().await.unwrap();
    let rows = ledger_row(0, -5);
    let count = async || ask(&client, "SELECT count() FROM {db}.batches_e1").await;

    for other in [started.0 ^ 1, 0, u64::MAX] {
        assert!(!server.claim_once("c:1", 1, &rows, ServerStart(other)).await.unwrap());
    }
    assert_eq!(count().await, "0");
    assert!(server.claim_once("c:1", 1, &rows, started).await.unwrap(), "a refused claim leaves no token");
    assert_eq!(count().await, "1");
    assert!(server.claim_once("c:1", 1, &rows, started).await.unwrap());
    assert_eq!(count().await, "1", "a repetition is known by its token");
    assert!(!server.claim_once("c:1", 1, &rows, ServerStart(started.0 ^ 1)).await.unwrap());
    assert!(loader(&client).rehearse().await.unwrap());
    assert_eq!(count().await, "1", "a rehearsal leaves nothing");

    // What is written is what a block would have written, value for value.
    server.insert(TableId::Batches, "b:1", 1, &[Bytes::from(rows.clone())]).await.unwrap();
    assert_eq!(
        (count().await.as_str(), ask(&client, "SELECT DISTINCT * FROM {db}.batches_e1").await.lines().count()),
        ("2", 1)
    );
    let [both, early] = [ledger_row(7, 1_700_000_000_000), ledger_row(14, i64::MIN)];
    assert!(server.claim_once("c:2", 2, &[both, early].concat(), started).await.unwrap());
    assert_eq!(
        ask(&client, "SELECT from_offset, watermark_at, counted_count, dead_count FROM {db}.batches ORDER BY ALL")
            .await,
        "0\t1969-12-31 23:59:59.995\t1\t7\n7\t2023-11-14 22:13:20.000\t1\t7\n14\t1900-01-01 00:00:00.000\t1\t7"
    );
}

#[tokio::test]
async fn many_batches_are_claimed_in_several_statements_compressed_or_not() {
    if !engine_is_here("many_batches_are_claimed_in_several_statements_compressed_or_not") {
        return;
    }
    let (plain, _) = migrated("c_many").await;
    let compressed = Client::new(&Endpoint { compress: true, ..endpoint("c_many") }).unwrap();
    for (partition, client) in [(0, &plain), (1, &compressed)] {
        let batches: Vec<_> = (0..200).map(|from| touchpoint_batch(partition, from, &[Counted])).collect();
        let report = loader(client).load(&batches).await.unwrap();
        assert_eq!(report, LoadReport { insert_count: 1 + 3, row_count: 200, repeat_count: 0 });
        let end = chain_end(client, 1, Processor::Sessionize, partition).await.unwrap();
        assert_eq!(end, Some(ChainEnd { from: 0, to: 200 }));
    }
    let whole = |partition| (Processor::Sessionize, partition, ChainEnd { from: 0, to: 200 });
    assert_eq!(chain_ends(&plain, 1).await.unwrap(), [whole(0), whole(1)]);
    assert_eq!(chain_ends(&plain, 9).await.unwrap(), [], "an epoch without tables");
    assert_eq!(ask(&plain, "SELECT count() FROM {db}.batches_e1").await, "2000");
    assert_eq!(ask(&plain, AUDIT).await, "");
}

/// A server that is stopped and started with an older copy of its data when the first claim is on its way.
struct Restored {
    data: PathBuf,
    copy: PathBuf,
    engine: Mutex<Option<EngineHandle>>,
    /// What the first claim was answered, and the ledger rows there were behind it.
    first: Mutex<Option<(bool, String)>>,
    /// Something before the server answers in its place when it refuses.
    is_hidden: bool,
}

impl Restored {
    fn inserter(&self) -> Inserter {
        inserter(&self.client())
    }

    fn client(&self) -> Client {
        Client::new(&endpoint_of(self.engine.lock().unwrap().as_ref().unwrap(), "c_restored")).unwrap()
    }

    fn put_back(&self) {
        let mut engine = self.engine.lock().unwrap();
        engine.take().unwrap().stop();
        copy(&self.copy, &self.data);
        *engine = Some(start(&self.data));
    }
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

impl Server for &Restored {
    fn epoch(&self) -> u8 {
        1
    }

    async fn server_start(&self) -> Result<ServerStart, WarehouseError> {
        self.inserter().server_start().await
    }

    async fn insert_once(&self, table: TableId, token: &str, count: u64, block: &Block) -> Result<(), WarehouseError> {
        self.inserter().insert_once(table, token, count, block).await
    }

    async fn claim_once(
        &self,
        token: &str,
        row_count: u64,
        rows: &[u8],
        started: ServerStart,
    ) -> Result<bool, WarehouseError> {
        if self.first.lock().unwrap().is_some() {
            let is_taken = self.inserter().claim_once(token, row_count, rows, started).await?;
            if self.is_hidden && !is_taken {
                return Err(WarehouseError::Server { code: 0, transient: true, detail: "500".to_owned() });
            }
            return Ok(is_taken);
        }
        self.put_back();
        let is_taken = self.inserter().claim_once(token, row_count, rows, started).await?;
        let count = ask(&self.client(), "SELECT count() FROM {db}.batches_e1").await;
        *self.first.lock().unwrap() = Some((is_taken, count));
        if self.is_hidden {
            return Err(WarehouseError::Server { code: 0, transient: true, detail: "500".to_owned() });
        }
        Ok(is_taken)
    }

    async fn wait(&self, _: TableId, _: &str, _: u32, _: &WarehouseError) {}

    fn observer(&self) -> &dyn Observer {
        &Silent
    }
}

async fn restored_meanwhile(is_hidden: bool) {
    let folder = tempfile::tempdir().unwrap();
    let (data, copied) = (folder.path().join("data"), folder.path().join("copy"));
    let engine = start(&data);
    let client = Client::new(&endpoint_of(&engine, "c_restored")).unwrap();
    migrate::migrate(&client, &target("c_restored")).await.unwrap();
    loader(&client).load(&[touchpoint_batch(0, 0, &[Counted, Counted])]).await.unwrap();
    engine.stop();
    copy(&data, &copied);

    let engine = Mutex::new(Some(start(&data)));
    let server = Restored { data, copy: copied, engine, first: Mutex::default(), is_hidden };
    let report =
        Loader::new(&server, true, 16 << 20).load(&[touchpoint_batch(0, 2, &[Counted, Late, Late])]).await.unwrap();
    assert_eq!(*server.first.lock().unwrap(), Some((false, "5".to_owned())), "no ledger row of rows that are gone");
    assert_eq!(report.repeat_count, 1);
    let client = server.client();
    assert_eq!(ask(&client, "SELECT count() FROM {db}.touchpoints").await, "5");
    assert_eq!(ask(&client, "SELECT count() FROM {db}.batches").await, "10");
    assert_eq!(ask(&client, AUDIT).await, "");
}

#[tokio::test]
async fn a_copy_put_back_before_the_claim_arrives_has_everything_inserted_again() {
    if engine_is_here("a_copy_put_back_before_the_claim_arrives_has_everything_inserted_again") {
        restored_meanwhile(false).await;
    }
}

#[tokio::test]
async fn a_refusal_that_a_balancer_hides_is_found_by_asking() {
    if engine_is_here("a_refusal_that_a_balancer_hides_is_found_by_asking") {
        restored_meanwhile(true).await;
    }
}
