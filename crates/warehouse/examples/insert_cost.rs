//! What a row of `touchpoints` costs: to encode, to turn into columns, to insert.
//!
//! `cargo run --release -p crumbtrail-warehouse --example insert_cost -- DATA_FOLDER [ROWS]` starts an engine on the folder
//! (the example `engine` must be built) and prints microseconds a row: CPU of this process, CPU of the engine.

use bytes::Bytes;
use crumbtrail_embedded::{StartOptions, connect_or_start};
use crumbtrail_events::touchpoint::Head;
use crumbtrail_events::vocabulary::{Channel, Device};
use crumbtrail_events::{EventTime, Key, Kind, Outcome, Touchpoint};
use crumbtrail_warehouse::Server as _;
use crumbtrail_warehouse::insert::Inserter;
use crumbtrail_warehouse::observer::Silent;
use crumbtrail_warehouse::schema::Target;
use crumbtrail_warehouse::tables::touchpoints;
use crumbtrail_warehouse::{Client, Endpoint, RowVersion, TableId, TouchpointRow, backoff::Backoff, migrate, native};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

const PAGES: [&str; 4] = ["/", "/products/:id", "/cart", "/checkout"];
const CITIES: [&str; 3] = ["Bangkok", "Jakarta", "Leeds"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let data = arguments.next().ok_or("a data folder is needed")?;
    let rows: u64 = arguments.next().map_or(Ok(100_000), |rows| rows.parse())?;
    let program = std::env::current_exe()?.with_file_name("engine");
    let engine = connect_or_start(Path::new(&data), &program, &StartOptions::default())?;
    let endpoint = Endpoint {
        user: engine.user().to_owned(),
        password: engine.password().to_owned(),
        ..Endpoint::new(engine.url())
    };

    let started = cpu_us("self")?;
    let bytes = encode(rows);
    let encoded = cpu_us("self")?;
    let block = native::block(TableId::Touchpoints.columns(), [&bytes[..]], rows)?;
    let turned = cpu_us("self")?;
    println!(
        "rows: {rows}, {} bytes each as rows, {} as columns",
        bytes.len() as u64 / rows,
        block.bytes.iter().map(Bytes::len).sum::<usize>() as u64 / rows
    );
    println!("encode:  {:.3} us a row", (encoded - started) / rows as f64);
    println!("columns: {:.3} us a row", (turned - encoded) / rows as f64);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = Client::new(&endpoint)?;
        migrate::migrate(&client, &Target::single(&["billing"], &["late"])).await?;
        let inserter = Inserter::new(client, 1, Backoff::default(), Arc::new(Silent));
        let pieces = [Bytes::from(bytes)];
        for round in 0..5 {
            let (ours, theirs) = (cpu_us("self")?, cpu_us(&engine.endpoint().pid.to_string())?);
            inserter.insert(TableId::Touchpoints, &format!("cost:{round}"), rows, &pieces).await?;
            let (ours, theirs) = (cpu_us("self")? - ours, cpu_us(&engine.endpoint().pid.to_string())? - theirs);
            println!("insert:  {:.3} us a row here, {:.3} in the engine", ours / rows as f64, theirs / rows as f64);
        }
        Ok(())
    })
}

fn encode(rows: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let ids: Vec<String> = (0..20_000).map(|n| format!("visitor-{n}")).collect();
    for n in 0..rows {
        let touchpoint = Touchpoint {
            head: Head {
                outcome: Outcome::Counted,
                kind: [Kind::PageView, Kind::Click, Kind::ProductView][n as usize % 3],
                key: Key::visitor("shop", "v"),
                id: n.wrapping_mul(0x9E37_79B9_7F4A_7C15),
                occurred_at: EventTime(1_700_000_000_000 + n as i64 * 20),
            },
            event_id: &ids[n as usize * 7 % ids.len()],
            site: "shop",
            visitor: &ids[n as usize * 13 % ids.len()],
            received_at: 1_700_000_000_500 + n as i64 * 20,
            host: "www.example.com",
            page: PAGES[n as usize % PAGES.len()],
            channel: Channel::PaidSearch,
            source: "google",
            medium: "cpc",
            country: "TH",
            city: CITIES[n as usize % CITIES.len()],
            latitude: Some(13.75),
            longitude: Some(100.5),
            device: Device::Mobile,
            browser: "Chrome",
            os: "Android",
            language: "th",
            topic: "clicks",
            offset: n,
            ..Touchpoint::default()
        };
        let row =
            TouchpointRow { touchpoint: &touchpoint, outcome: Outcome::Counted, session_id: n / 10, log_partition: 0 };
        touchpoints::encode(&row, RowVersion::new(1, n, 0), &mut out);
    }
    out
}

/// User and system time of a process so far, microseconds (Linux: a tick is 10 ms).
fn cpu_us(process: &str) -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).ok_or("no such field");
    Ok((ticks(11)? + ticks(12)?) * 10_000.0)
}
