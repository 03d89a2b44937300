//! Sessions that have ended and are kept because an event of theirs may come two days late, in memory and on disk.
//!
//! `cargo run --release -p crumbtrail-sessions --example late -- [visitors] [events each] [MiB in memory] [late events in a thousand]`
//! has as many visitors come within two days, and prints events per CPU second, memory and disk once all have come, and a sum over all rows, which
//! is the same wherever events lie. Without MiB all stays in memory.

use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Head, Touchpoint};
use crumbtrail_events::{EventTime, Key, Kind, Outcome};
use crumbtrail_scratch::Scratch;
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_sessions::{Budget, Limits, Out, RuleBook, Rules, Sessions};
use std::time::Instant;

const START: i64 = 1_760_000_000_000;
const LATENESS: i64 = 2 * 86_400_000;
/// From one event of a visit to the next.
const STEP: i64 = 40_000;

/// Adds up what rows say.
#[derive(Default)]
struct Tally {
    rows: u64,
    sum: u64,
}

impl Out for Tally {
    fn session(&mut self, row: &SessionRow<'_>) {
        self.rows += 1;
        let parts = [row.session_id, row.started_at.0 as u64, row.ended_at.0 as u64, u64::from(row.event_count)];
        let row = parts
            .into_iter()
            .fold(id_hash(row.entry_page), |hash, part| (hash ^ part).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        self.sum = self.sum.wrapping_add(row.rotate_left(29));
    }
    fn conversation(&mut self, _: &ConversationRow<'_>) {}
}

/// CPU time of this process, in seconds; 0 where the system does not tell.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or_default() / 1e9
}

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096
}

struct Shop {
    state: Sessions,
    tally: Tally,
    bytes: Vec<u8>,
    watermark: EventTime,
    events: u64,
}

impl Shop {
    fn view(&mut self, visitor: i64, n: i64, at: i64) {
        let (name, id) = (format!("7f3c9e2a-{visitor:08x}"), format!("e-{visitor:08x}-{n}"));
        let page = format!("/shop/category-{}", (visitor + n) % 500);
        let head = Head {
            outcome: Outcome::Counted,
            kind: Kind::PageView,
            key: Key::visitor("shop", &name),
            id: id_hash(&id),
            occurred_at: EventTime(at),
        };
        self.bytes.clear();
        Touchpoint {
            head,
            event_id: &id,
            site: "shop",
            visitor: &name,
            page: &page,
            country: "TH",
            ..Touchpoint::default()
        }
        .encode(&mut self.bytes);
        let judged = self.state.touchpoint(&self.bytes, self.watermark, &mut self.tally).expect("own bytes");
        assert_eq!(judged.outcome, Outcome::Counted);
        self.events += 1;
    }
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|arg| arg.parse::<i64>().expect("a number"));
    let (visitors, each) = (numbers.next().unwrap_or(1_000_000), numbers.next().unwrap_or(20));
    let budget = Budget::of(numbers.next().map_or(usize::MAX, |mib| (mib as usize) << 20));
    let late = numbers.next().unwrap_or(10);
    let limits = Limits { lateness_ms: LATENESS, ..Limits::default() };
    let book = RuleBook { default: Rules { limits, ..Rules::default() }, ..RuleBook::default() };
    let mut scratch = Scratch::new(std::env::temp_dir());
    let (state, tally) = (Sessions::new(book), Tally::default());
    let mut shop = Shop { state, tally, bytes: Vec::new(), watermark: EventTime::MIN, events: 0 };
    let (before, begun, cpu) = (resident(), Instant::now(), cpu_seconds());
    // One visit begins after the other, and each goes on for a while. `abreast` begin before the first one's next event.
    let begin = |visitor: i64| START + (visitor as i128 * i128::from(LATENESS) / i128::from(visitors)) as i64;
    let abreast = (visitors * STEP / LATENESS).max(1);
    let (mut next_tick, mut longest, mut dice) = (START, 0.0f64, 1u64);
    for newest in 0..visitors + abreast * each {
        let now = begin(newest);
        for n in 0..each {
            let visitor = newest - n * abreast;
            if (0..visitors).contains(&visitor) {
                shop.view(visitor, n, begin(visitor) + n * STEP);
                dice = dice.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
                if ((dice >> 33) as i64) % 1_000 < late {
                    let earlier = (dice >> 20) as i64 % (visitor + 1);
                    shop.view(earlier, 1_000 + shop.events as i64, begin(earlier) + STEP / 2);
                }
            }
        }
        if now >= next_tick {
            next_tick = now + 1_000;
            shop.watermark = EventTime(now - 60_000);
            let tick = Instant::now();
            shop.state.tick(shop.watermark, now, &mut shop.tally).expect("room on disk");
            shop.state.spill(&mut scratch, budget).expect("room on disk");
            longest = longest.max(tick.elapsed().as_secs_f64());
        }
    }
    let (events, rows) = (shop.events as f64, shop.tally.rows);
    let cpu_then = cpu_seconds();
    println!("{events} events, {rows} rows, the longest tick {:.1} ms", longest * 1e3);
    println!("{:.2} M events per CPU-s, {:.1} s", events / (cpu_then - cpu) / 1e6, begun.elapsed().as_secs_f64());
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    let (memory, disk) = (shop.state.resident_bytes(), shop.state.bytes_on_disk());
    println!(
        "in memory {:.0} MiB by capacity, {:.0} of RSS; on disk {:.0}",
        mib(memory),
        mib(resident() - before),
        mib(disk)
    );
    let mut wall = next_tick;
    while shop.state.open_sessions() > 0 {
        wall += 60_000;
        shop.state.tick(EventTime(wall), wall, &mut shop.tally).expect("room on disk");
    }
    let cpu_end = cpu_seconds() - cpu_then;
    println!(
        "closed in {cpu_end:.1} CPU-s, {} bytes on disk; {} rows, sum {:x}",
        shop.state.bytes_on_disk(),
        shop.tally.rows,
        shop.tally.sum
    );
}
