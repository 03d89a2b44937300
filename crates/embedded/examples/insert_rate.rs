//! `insert_rate [ROWS]`: start time of the engine, and rows per second that the official crate writes through the HTTP
//! interface: a row of 23 columns, RowBinary, batches of 100,000.
#![allow(clippy::disallowed_methods, reason = "a measurement of the client, not the loader")]

use std::time::Instant;

use clickhouse::{Client, Compression, Row};
use crumbtrail_embedded::{StartOptions, connect_or_start};
use serde::Serialize;

#[derive(Row, Serialize)]
struct Wide<'a> {
    site: &'a str,
    visitor: u64,
    person: u64,
    event: [u8; 16],
    occurred_at: i64,
    received_at: i64,
    name: &'a str,
    url: &'a str,
    path: &'a str,
    referrer: &'a str,
    title: &'a str,
    channel: &'a str,
    campaign: &'a str,
    country: &'a str,
    city: &'a str,
    device: &'a str,
    browser: &'a str,
    os: &'a str,
    language: &'a str,
    revenue: f64,
    sentiment: f32,
    bot: bool,
    version: u64,
}

const COLUMNS: &str = "site LowCardinality(String), visitor UInt64, person UInt64, event FixedString(16), \
    occurred_at DateTime64(3), received_at DateTime64(3), name LowCardinality(String), url String, path String, \
    referrer String, title String, channel LowCardinality(String), campaign LowCardinality(String), \
    country LowCardinality(String), city LowCardinality(String), device LowCardinality(String), \
    browser LowCardinality(String), os LowCardinality(String), language LowCardinality(String), revenue Float64, \
    sentiment Float32, bot Bool, version UInt64";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |argument| argument.parse())?;
    let data = tempfile::tempdir()?;
    let program = std::env::current_exe()?.with_file_name("serve");
    let options = StartOptions { listen: Some("127.0.0.1:0".to_owned()), ..StartOptions::default() };
    let begun = Instant::now();
    let engine = connect_or_start(data.path(), &program, &options)?;
    println!("start (spawn to first answer): {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    let client = Client::default().with_url(engine.url()).with_user(engine.user()).with_password(engine.password());
    for (label, compression, fsync) in [
        ("lz4", Compression::Lz4, 0),
        ("lz4, fsync", Compression::Lz4, 1),
        ("plain", Compression::None, 0),
        ("plain, fsync", Compression::None, 1),
    ] {
        let client = client.clone().with_compression(compression);
        let engine_sql = format!(
            "CREATE OR REPLACE TABLE wide ({COLUMNS}) ENGINE = ReplacingMergeTree(version) ORDER BY (site, visitor, event) \
             SETTINGS fsync_after_insert = {fsync}, fsync_part_directory = {fsync}"
        );
        client.query(&engine_sql).execute().await?;
        for batch_rows in [1_000, 10_000, 100_000] {
            let begun = Instant::now();
            let total = rows.min(batch_rows * 20);
            let mut written = 0;
            while written < total {
                let mut insert = client.insert::<Wide<'_>>("wide").await?;
                for _ in 0..batch_rows.min(total - written) {
                    insert.write(&row(written)).await?;
                    written += 1;
                }
                insert.end().await?;
            }
            let rate = written as f64 / begun.elapsed().as_secs_f64();
            println!("{label}: {batch_rows} rows a batch: {rate:.0} rows/s ({written} rows)");
        }
    }
    println!("engine RSS: {}", rss(engine.endpoint().pid));
    engine.stop();
    Ok(())
}

fn row(number: u64) -> Wide<'static> {
    let mut event = [0; 16];
    event[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    event[8..].copy_from_slice(&number.to_le_bytes());
    Wide {
        site: "shop-th",
        visitor: number % 50_000,
        person: number % 30_000,
        event,
        occurred_at: 1_760_000_000_000 + number as i64 * 7,
        received_at: 1_760_000_000_500 + number as i64 * 7,
        name: ["page_view", "add_to_cart", "search", "purchase"][number as usize % 4],
        url: "https://shop.example/category/shoes/item-12345?utm_source=mail&utm_campaign=spring",
        path: "/category/shoes/item-12345",
        referrer: "https://search.example/",
        title: "Running shoes, blue, size 42",
        channel: "email",
        campaign: "spring",
        country: "TH",
        city: "Bangkok",
        device: "mobile",
        browser: "Chrome",
        os: "Android",
        language: "th",
        revenue: number as f64 / 7.0,
        sentiment: 0.5,
        bot: false,
        version: number,
    }
}

fn rss(pid: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("unknown").trim().to_owned()
}
