//! What it costs to claim a load in the ledger: one request that the server judges, against a block between two questions for
//! its start, as it once was done. In turns, so that a busy machine is as busy for both.
//!
//! `cargo run --release -p crumbtrail-warehouse --example claim_cost -- DATA_FOLDER [TURNS]` starts an engine on the folder (the
//! example `engine` must be built) and prints medians, in microseconds a claim, the engine's processor time a claim, and
//! the ratios.

use crumbtrail_embedded::{StartOptions, connect_or_start};
use crumbtrail_events::EventTime;
use crumbtrail_events::outcome::Counts;
use crumbtrail_warehouse::insert::Inserter;
use crumbtrail_warehouse::ledger::LedgerRow;
use crumbtrail_warehouse::observer::Silent;
use crumbtrail_warehouse::schema::Target;
use crumbtrail_warehouse::tables::batches;
use crumbtrail_warehouse::{Client, Endpoint, Processor, Server as _, TableId, backoff::Backoff, migrate, native};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let data = arguments.next().ok_or("a data folder is needed")?;
    let turns: u64 = arguments.next().map_or(Ok(300), |turns| turns.parse())?;
    let program = std::env::current_exe()?.with_file_name("engine");
    let engine = connect_or_start(Path::new(&data), &program, &StartOptions::default())?;
    let endpoint = Endpoint {
        user: engine.user().to_owned(),
        password: engine.password().to_owned(),
        ..Endpoint::new(engine.url())
    };
    let client = Client::new(&endpoint)?;
    migrate::migrate(&client, &Target::single(&["billing"], &["late"])).await?;
    let server = Inserter::new(client, 1, Backoff::default(), Arc::new(Silent));
    let started = server.server_start().await?;
    let pid = engine.endpoint().pid.to_string();
    for batch_count in [1, 8, 80] {
        let (mut one, mut three) = (Vec::new(), Vec::new());
        let mut cpu = [0.0, 0.0];
        for turn in 0..turns {
            let (rows, row_count) = rows(turn * 1_000, batch_count);
            let (begun, before) = (Instant::now(), cpu_us(&pid)?);
            if !server.claim_once(&format!("one:{batch_count}:{turn}"), row_count, &rows, started).await? {
                return Err("the engine restarted".into());
            }
            one.push(begun.elapsed().as_micros());
            let (begun, between) = (Instant::now(), cpu_us(&pid)?);
            server.server_start().await?;
            let block = native::block(TableId::Batches.columns(), [&rows[..]], row_count)?;
            server.insert_once(TableId::Batches, &format!("three:{batch_count}:{turn}"), row_count, &block).await?;
            server.server_start().await?;
            three.push(begun.elapsed().as_micros());
            cpu[0] += between - before;
            cpu[1] += cpu_us(&pid)? - between;
        }
        let (one, three) = (median(one), median(three));
        let [cpu_one, cpu_three] = cpu.map(|sum| sum / turns as f64);
        println!(
            "{batch_count} batches: {one} us in one request, {three} us in three, ratio {:.2}; \
             engine {cpu_one:.0} us and {cpu_three:.0} us, ratio {:.2}",
            one as f64 / three as f64,
            cpu_one / cpu_three
        );
    }
    Ok(())
}

fn rows(from: u64, batch_count: u64) -> (Vec<u8>, u64) {
    let (mut out, mut row_count) = (Vec::new(), 0);
    for batch in 0..batch_count {
        for &table in Processor::Sessionize.tables() {
            let row = LedgerRow {
                epoch: 1,
                processor: Processor::Sessionize,
                partition: 7,
                table,
                from_offset: from + batch,
                to_offset: from + batch + 1,
                content_hash: from.wrapping_mul(0x9E37_79B9_7F4A_7C15),
                position_checksum: from.wrapping_mul(0xD6E8_FEB8_6659_FD93),
                row_checksum: 0,
                row_count: 12_345,
                record_count: 23_456,
                counts: Counts::default(),
                server_start: Default::default(),
                watermark_at: EventTime(1_700_000_000_000),
                written_at: EventTime(1_700_000_000_000),
            };
            batches::encode(&row, &mut out);
            row_count += 1;
        }
    }
    (out, row_count)
}

fn median(mut times: Vec<u128>) -> u128 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Processor time of a process so far, in microseconds (ticks of 10 ms: only sums say something).
fn cpu_us(pid: &str) -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).ok_or("no such field");
    Ok((ticks(11)? + ticks(12)?) * 10_000.0)
}
