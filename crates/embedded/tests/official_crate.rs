//! The official Rust client.
#![allow(clippy::disallowed_methods, reason = "this test is a client, not the loader")]

mod common;

use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};

use common::{engine_is_here, owner, shared};

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Visit {
    id: u64,
    site: String,
    seen: bool,
    scores: Vec<f64>,
    note: Option<String>,
}

fn visits() -> Vec<Visit> {
    (0..2_000)
        .map(|id| Visit {
            id,
            site: format!("site {}\n\nDROP TABLE visits", id % 7),
            seen: id % 2 == 0,
            scores: vec![id as f64; (id % 4) as usize],
            note: (id % 3 == 0).then(|| "note".to_owned()),
        })
        .collect()
}

#[tokio::test]
async fn the_official_crate_reads_writes_is_refused_and_meets_errors() {
    if !engine_is_here("the_official_crate_reads_writes_is_refused_and_meets_errors") {
        return;
    }
    let server = tokio::task::spawn_blocking(shared).await.unwrap();
    for compression in [clickhouse::Compression::None, clickhouse::Compression::Lz4] {
        let reader = Client::default().with_url(server.url()).with_compression(compression);
        let writer = reader.clone().with_user(server.user()).with_password(server.password());
        writer.query("CREATE OR REPLACE TABLE visits (id UInt64, site String, seen Bool, scores Array(Float64), note Nullable(String)) ENGINE = MergeTree ORDER BY id").execute().await.unwrap();

        let mut insert = writer.insert::<Visit>("visits").await.unwrap();
        for visit in visits() {
            insert.write(&visit).await.unwrap();
        }
        insert.end().await.unwrap();
        // Encoded once, sent with settings and a token, as the loader does.
        let mut raw = writer
            .insert_formatted_with("INSERT INTO visits (id, site, seen, scores, note) FORMAT RowBinary")
            .with_setting("insert_deduplication_token", "t1");
        let mut row = 5_000_u64.to_le_bytes().to_vec();
        row.extend([1, b'x', 1, 0, 1]);
        raw.send(row.into()).await.unwrap();
        raw.end().await.unwrap();

        let all =
            reader.query("SELECT ?fields FROM visits WHERE id < 5000 ORDER BY id").fetch_all::<Visit>().await.unwrap();
        assert_eq!(all, visits());
        let one = reader
            .query("SELECT site FROM visits WHERE id = {id:UInt64}")
            .param("id", 5_000)
            .fetch_one::<String>()
            .await
            .unwrap();
        assert_eq!(one, "x");
        let none =
            reader.query("SELECT id FROM visits WHERE id = ?").bind(9_999).fetch_optional::<u64>().await.unwrap();
        assert_eq!(none, None);
        // Beyond what is answered whole.
        let mut cursor = reader.query("SELECT number FROM numbers(500000)").fetch::<u64>().unwrap();
        let (mut count, mut sum) = (0_u64, 0_u64);
        while let Some(number) = cursor.next().await.unwrap() {
            count += 1;
            sum += number;
        }
        assert_eq!((count, sum), (500_000, 500_000 * 499_999 / 2));

        let message = |error: clickhouse::error::Error| error.to_string();
        let refused = reader.query("DROP TABLE visits").execute().await.unwrap_err();
        assert!(message(refused).contains("(READONLY)"));
        let mut insert = reader.insert::<Visit>("visits").await.unwrap();
        let written = insert.write(&visits()[0]).await;
        let refused = match written {
            Ok(()) => insert.end().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(message(refused).contains("(READONLY)"));
        let unknown = reader.query("SELECT * FROM no_such_table").fetch_one::<u64>().await.unwrap_err();
        assert!(message(unknown).contains("(UNKNOWN_TABLE)"));
        let mut late = reader
            .query("SELECT toUInt64(throwIf(number = 900000)) + number AS n FROM numbers(1000000)")
            .fetch::<u64>()
            .unwrap();
        let late = loop {
            match late.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the error in the middle went unnoticed"),
                Err(error) => break message(error),
            }
        };
        assert!(late.contains("395") || late.contains("FUNCTION_THROW_IF"), "{late}");
        let stranger = reader.clone().with_user("root").with_password("x");
        let refused = stranger.query("SELECT 1").fetch_one::<u8>().await.unwrap_err();
        assert!(message(refused).contains("(AUTHENTICATION_FAILED)"));
    }
    assert_eq!(tokio::task::spawn_blocking(|| owner(shared(), "SELECT count() FROM visits")).await.unwrap(), "2001\n");
}
