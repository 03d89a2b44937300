//! A real engine for tests, and rows to put into it.
#![allow(dead_code, reason = "every test file uses a part of it")]

use bytes::Bytes;
use crumbtrail_embedded::{EngineHandle, StartOptions, connect_or_start, locate_engine};
use crumbtrail_events::outcome::Counts;
use crumbtrail_events::touchpoint::Head;
use crumbtrail_events::{EventTime, Key, Kind, Outcome, Touchpoint};
use crumbtrail_sentiment::{FRICTION_NAMES, TOPIC_NAMES};
use crumbtrail_warehouse::insert::Inserter;
use crumbtrail_warehouse::migrate::{self, Report};
use crumbtrail_warehouse::observer::Silent;
use crumbtrail_warehouse::schema::Target;
use crumbtrail_warehouse::tables::{dead_letters, touchpoints};
use crumbtrail_warehouse::{
    Batch, Client, DeadLetterRow, Endpoint, Loader, Processor, RowVersion, TableId, TableRows, TouchpointRow,
    backoff::Backoff, place,
};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Whether the engine is here; if not, says so, and fails where `CI` is set.
pub(crate) fn engine_is_here(test: &str) -> bool {
    let Err(error) = locate_engine(None) else { return true };
    eprintln!("not run: {test}: {error}");
    assert!(std::env::var_os("CI").is_none(), "{test} must run where CI is set: {error}");
    false
}

/// An engine of the test's own.
pub(crate) fn start(data: &Path) -> EngineHandle {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/engine");
    assert!(program.is_file(), "cargo build -p crumbtrail-warehouse --example engine");
    let options = StartOptions { listen: Some("127.0.0.1:0".to_owned()), ..StartOptions::default() };
    connect_or_start(data, &program, &options).unwrap()
}

/// The endpoint of the file's one engine, which ends with the test process, with a database of the test's own.
pub(crate) fn endpoint(database: &str) -> Endpoint {
    static ENGINE: OnceLock<EngineHandle> = OnceLock::new();
    endpoint_of(ENGINE.get_or_init(|| start(&tempfile::tempdir().unwrap().keep())), database)
}

/// An engine's endpoint, with a database of the test's own.
pub(crate) fn endpoint_of(engine: &EngineHandle, database: &str) -> Endpoint {
    Endpoint {
        user: engine.user().to_owned(),
        password: engine.password().to_owned(),
        database: database.to_owned(),
        ..Endpoint::new(engine.url())
    }
}

pub(crate) fn target(database: &str) -> Target {
    Target { database: database.to_owned(), ..Target::single(&TOPIC_NAMES, &FRICTION_NAMES) }
}

/// A migrated database, merges stopped: what a test sees is right without them.
pub(crate) async fn migrated(database: &str) -> (Client, Report) {
    let client = Client::new(&endpoint(database)).unwrap();
    let report = migrate::migrate(&client, &target(database)).await.unwrap();
    for table in TableId::ALL {
        client.execute(&format!("SYSTEM STOP MERGES {database}.{}", table.in_epoch(1))).await.unwrap();
    }
    (client, report)
}

pub(crate) fn inserter(client: &Client) -> Inserter {
    Inserter::new(client.clone(), 1, Backoff::default(), Arc::new(Silent))
}

pub(crate) fn loader(client: &Client) -> Loader {
    Loader::new(inserter(client), true, 16 << 20)
}

/// The answer to a query as tab-separated text.
pub(crate) async fn ask(client: &Client, sql: &str) -> String {
    let sql = sql.replace("{db}", client.database());
    String::from_utf8(client.fetch(&sql, "TSVRaw").await.unwrap().to_vec()).unwrap().trim_end().to_owned()
}

/// A click at `at` ms, record number `offset` of the source.
pub(crate) fn click(site: &'static str, id: u64, at: i64) -> Touchpoint<'static> {
    Touchpoint {
        head: Head {
            outcome: Outcome::Counted,
            kind: Kind::PageView,
            key: Key::visitor(site, "v"),
            id,
            occurred_at: EventTime(at),
        },
        site,
        event_id: "e",
        visitor: "v",
        page: "/",
        topic: "clicks",
        offset: id,
        ..Touchpoint::default()
    }
}

/// A batch of touchpoints (and dead letters), one per log offset in `[from, from + outcomes.len())`.
pub(crate) fn touchpoint_batch(partition: u32, from: u64, outcomes: &[Outcome]) -> Batch {
    let mut tables = [TableId::Touchpoints, TableId::DeadLetters].map(|table| (table, Vec::new(), 0, 0u64));
    let mut counts = Counts::default();
    for (offset, &outcome) in (from..).zip(outcomes) {
        let touchpoint = Touchpoint {
            origin: u64::MAX - u64::from(partition),
            partition: 3,
            ..click("shop", u64::from(partition) << 32 | offset, 1_700_000_000_000 + offset as i64)
        };
        let version = RowVersion::new(1, offset, 0);
        let (_, rows, row_count, checksum) = &mut tables[usize::from(outcome == Outcome::Dead)];
        if outcome == Outcome::Dead {
            let row = DeadLetterRow { touchpoint: &touchpoint, log_partition: partition };
            dead_letters::encode(&row, version, rows);
        } else {
            let row = TouchpointRow { touchpoint: &touchpoint, outcome, session_id: 0, log_partition: partition };
            touchpoints::encode(&row, version, rows);
        }
        *row_count += 1;
        *checksum = checksum.wrapping_add(place::hash(&touchpoint));
        counts.add(outcome);
    }
    let record_count = outcomes.len() as u64;
    let with_rows = tables.into_iter().filter(|(table, _, rows, _)| *rows > 0 || *table == TableId::Touchpoints);
    Batch {
        processor: Processor::Sessionize,
        partition,
        from,
        to: from + record_count,
        tables: with_rows
            .map(|(table, rows, count, sum)| TableRows::new(table, vec![Bytes::from(rows)], count).adding_up_to(sum))
            .collect(),
        record_count,
        counts,
        position_checksum: from,
        watermark: EventTime(1_700_000_000_000),
        wall_ms: 1_700_000_000_000,
    }
}
