//! Sessions per user (Nexmark q11) in process: touchpoint bytes in, session rows out, on one thread.
//!
//! `cargo run --release -p crumbtrail-sessions --example q11 -- [events] [visitors] [events per visit] [minutes]` makes
//! clicks of Zipf-distributed visitors, disordered within 5 s, and prints events per CPU second, resident bytes per open session, and whether the
//! sessions equal those of a naive recomputation (sort every visitor's times, cut at the gap).

use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Head, Touchpoint};
use crumbtrail_events::vocabulary::{Channel, Device};
use crumbtrail_events::{EventTime, Key, Kind, Outcome};
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_sessions::{Limits, Out, RuleBook, Rules, Sessions};
use std::collections::HashMap;

const GAP: i64 = 30 * 60_000;

/// Counts final rows and adds up what they say; keeps nothing else.
#[derive(Default)]
struct Tally {
    rows: u64,
    finals: u64,
    retractions: u64,
    checksum: u64,
}

impl Out for Tally {
    fn session(&mut self, row: &SessionRow<'_>) {
        self.rows += 1;
        self.retractions += u64::from(row.deleted);
        if row.is_final && !row.deleted {
            self.finals += 1;
            self.checksum =
                self.checksum.wrapping_add(digest(row.visitor, row.started_at.0, row.ended_at.0, row.event_count));
        }
    }
    fn conversation(&mut self, _: &ConversationRow<'_>) {}
}

fn digest(visitor: &str, start: i64, end: i64, count: u32) -> u64 {
    let mut hash = id_hash(visitor);
    for part in [start as u64, end as u64, u64::from(count)] {
        hash = (hash ^ part).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
    hash
}

/// A small generator with a fixed seed: the same input every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    fn unit(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1u64 << 53) as f64
    }
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

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<usize>().expect("a number"));
    let events = args.next().unwrap_or(2_000_000);
    let visitors = args.next().unwrap_or(90_000);
    let per_visit = args.next().unwrap_or(10).max(1) as f64;
    let minutes = args.next().unwrap_or(24 * 60) as f64;
    let start = 1_760_000_000_000i64;

    let mut dice = Dice(11);
    let pages: Vec<String> = (0..500).map(|n| format!("/shop/category-{}/item-{n}", n % 20)).collect();
    let cities = [("TH", "Bangkok"), ("ID", "Jakarta"), ("SG", "Singapore"), ("GB", "London"), ("US", "Austin")];
    // Visits of a geometric number of events, 40 s apart in the mean, of visitors by Zipf (s = 0.6, by inversion).
    let mut order: Vec<(i64, i64, u32)> = Vec::with_capacity(events);
    while order.len() < events {
        let visitor = (visitors as f64 * dice.unit().powf(2.5)) as u32;
        let mut at = start + (dice.unit() * minutes * 60_000.0) as i64;
        while order.len() < events {
            order.push((at + (dice.roll() % 5_000) as i64, at, visitor));
            at += (-(1.0 - dice.unit()).ln() * 40_000.0) as i64;
            if dice.unit() < 1.0 / per_visit {
                break;
            }
        }
    }
    order.sort_unstable();
    let mut log = Vec::with_capacity(events * 190);
    let mut ends = Vec::with_capacity(events);
    for (n, &(_, at, visitor)) in order.iter().enumerate() {
        let (visitor_id, id) = (format!("7f3c9e2a-{visitor:08x}"), format!("e-{n:09}"));
        let (country, city) = cities[visitor as usize % cities.len()];
        let is_touch = dice.roll().is_multiple_of(8);
        Touchpoint {
            head: Head {
                outcome: Outcome::Counted,
                kind: [Kind::PageView, Kind::Click, Kind::ProductView, Kind::PageView][dice.roll() as usize % 4],
                key: Key::visitor("shop", &visitor_id),
                id: id_hash(&id),
                occurred_at: EventTime(at),
            },
            event_id: &id,
            site: "shop",
            visitor: &visitor_id,
            device_at: at - 12,
            received_at: at + 80,
            host: "shop.example",
            page: &pages[dice.roll() as usize % pages.len()],
            channel: if is_touch { Channel::OrganicSearch } else { Channel::None },
            referrer: if is_touch { "search.example" } else { "" },
            country,
            city,
            latitude: Some(13.75),
            longitude: Some(100.5),
            time_zone: "Asia/Bangkok",
            device: if visitor % 3 == 0 { Device::Desktop } else { Device::Mobile },
            browser: "Chrome",
            os: if visitor % 3 == 0 { "Windows" } else { "Android" },
            language: "th-TH",
            topic: "clicks",
            offset: n as u64,
            ..Touchpoint::default()
        }
        .encode(&mut log);
        ends.push(log.len());
    }
    println!("{events} events, {visitors} visitors, {:.0} bytes each", log.len() as f64 / events as f64);

    let mut naive: HashMap<u32, Vec<i64>> = HashMap::new();
    for &(_, at, visitor) in &order {
        naive.entry(visitor).or_default().push(at);
    }
    let mut expected = (0u64, 0u64);
    for (visitor, mut times) in naive {
        times.sort_unstable();
        let id = format!("7f3c9e2a-{visitor:08x}");
        for session in times.chunk_by(|a, b| b - a <= GAP) {
            let digest = digest(&id, session[0], session[session.len() - 1], session.len() as u32);
            expected = (expected.0 + 1, expected.1.wrapping_add(digest));
        }
    }
    let watermarks: Vec<i64> = order.iter().map(|&(arrived, ..)| arrived - 5_000).collect();
    drop(order);

    let before = resident();
    // The naive recomputation knows the gap rule alone.
    let limits = Limits { lateness_ms: 10_000, ..Limits::default() };
    let rules = Rules { limits, longest_ms: i64::MAX, most_events: u32::MAX, ..Rules::default() };
    let mut state = Sessions::new(RuleBook { default: rules, ..RuleBook::default() });
    let mut tally = Tally::default();
    let (mut watermark, mut next_tick) = (EventTime::MIN, start);
    // A tick every second of a stream that is read at many times its speed: 20 000 events between two.
    let speed = ((minutes * 60.0 * 2e4 / events as f64) as i64).max(1);
    let (mut peak, mut peak_rss, mut peak_open) = (0, 0, 1);
    let mut begin = 0;
    let cpu = cpu_seconds();
    for (n, &end) in ends.iter().enumerate() {
        let judged = state.touchpoint(&log[begin..end], watermark, &mut tally).expect("own touchpoints");
        assert_eq!(judged.outcome, Outcome::Counted);
        begin = end;
        if watermarks[n] >= next_tick {
            watermark = EventTime(watermarks[n]);
            next_tick = watermarks[n] + speed * 1_000;
            state.tick(watermark, watermarks[n] / speed, &mut tally).expect("nothing is on disk");
            if state.open_sessions() > peak_open {
                (peak_open, peak, peak_rss) = (state.open_sessions(), state.resident_bytes(), resident() - before);
            }
        }
    }
    state.tick(EventTime(start + 4 * 86_400_000), i64::MAX, &mut tally).expect("nothing is on disk");
    let cpu = cpu_seconds() - cpu;
    println!("{:.2} M events per CPU-s ({:.0} ns each)", events as f64 / cpu / 1e6, cpu * 1e9 / events as f64);
    println!(
        "{peak_open} open sessions at the peak: {} bytes each by capacity, {} of RSS",
        peak / peak_open,
        peak_rss / peak_open
    );
    println!("{} rows, {} retractions, {} sessions", tally.rows, tally.retractions, tally.finals);
    let is_exact = (tally.finals, tally.checksum) == expected;
    println!("exact against the naive recomputation ({} sessions): {is_exact}", expected.0);
    assert!(is_exact && state.open_sessions() == 0);
}
