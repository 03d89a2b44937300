//! What the journey step costs: touchpoints per second of processor time, and bytes per person.
//!
//! `cargo run --release -p crumbtrail-journeys --example journeys -- [people] [touchpoints] [touchpoints per tick] [MiB] [days]`
//!
//! A month (or so many days) of touchpoints of a shop, nearly in time order; the watermark trails by a minute, a tick comes every
//! so many touchpoints and tells a second of wall time (an import runs as fast as it can: its ticks are large; live, a
//! tick of 10,000 is 10,000 touchpoints per second). What is packed beyond so many MiB (0 to begin with) moves to files in the folder for
//! temporary ones. Every row is counted. All is repeated; the least time counts.

use std::time::Instant;

use crumbtrail_events::touchpoint::{Head, Item, Items};
use crumbtrail_events::vocabulary::{Author, Channel, Device, Feeling, Scale};
use crumbtrail_events::{EventTime, Key, Kind, Micros, Outcome, Touchpoint};
use crumbtrail_journeys::rows::{BreadcrumbRow, ConversionRow, JourneyRow, StageMoveRow};
use crumbtrail_journeys::{JourneyRules, Journeys, Out};
use crumbtrail_scratch::{Block, Scratch};

#[derive(Default, Debug)]
struct Rows {
    journeys: u64,
    moves: u64,
    conversions: u64,
    breadcrumbs: u64,
    retractions: u64,
}

impl Out for Rows {
    fn journey(&mut self, row: &JourneyRow<'_>) {
        self.journeys += 1;
        self.retractions += u64::from(row.deleted);
    }
    fn stage_move(&mut self, row: &StageMoveRow<'_>) {
        self.moves += 1;
        self.retractions += u64::from(row.deleted);
    }
    fn conversion(&mut self, row: &ConversionRow<'_>) {
        self.conversions += 1;
        self.retractions += u64::from(row.deleted);
    }
    fn breadcrumb(&mut self, row: &BreadcrumbRow<'_>) {
        self.breadcrumbs += 1;
        self.retractions += u64::from(row.deleted);
    }
}

/// SplitMix64: enough for a load.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }
}

const DAY: i64 = 86_400_000;
const START: i64 = 1_790_000_000_000;
const CITIES: [(&str, &str, &str); 4] = [
    ("TH", "Bangkok", "Bangkok"),
    ("ID", "Jakarta", "Jakarta"),
    ("TH", "Chiang Mai", "Chiang Mai"),
    ("GB", "England", "London"),
];

/// Sessions of about eight touchpoints, each at one place on one device.
fn load(people: u64, touchpoints: u64, days: u64) -> Vec<(i64, Vec<u8>)> {
    let mut dice = Dice(7);
    let mut all = Vec::with_capacity(touchpoints as usize);
    let mut items = Vec::new();
    while (all.len() as u64) < touchpoints {
        let who = dice.roll(people);
        let (visitor, customer) = (format!("visitor-{who:08}"), format!("c{who:07}"));
        let person =
            if who.is_multiple_of(3) { Key::customer("shop", &customer) } else { Key::visitor("shop", &visitor) };
        let (country, region, city) = CITIES[(who % 4) as usize];
        let mut at = START + dice.roll(days * DAY as u64) as i64;
        for step in 0..1 + dice.roll(15) {
            at += 1000 + dice.roll(90_000) as i64;
            let kind = match dice.roll(100) {
                0..55 => Kind::PageView,
                55..75 => Kind::ProductView,
                75..81 => Kind::Search,
                81..89 => Kind::AddToCart,
                89..91 => Kind::RemoveFromCart,
                91..94 => Kind::CheckoutStarted,
                94..96 => Kind::Purchase,
                _ => Kind::SupportMessage,
            };
            items.clear();
            let product = format!("sku-{}", dice.roll(50));
            let line =
                Item { product: &product, name: "A thing", category: "home", price: Micros(990_000), quantity: 1 };
            if !kind.is_support() && kind != Kind::PageView {
                Items::push(&mut items, &line);
            }
            let id = format!("evt-{}", all.len());
            let touchpoint = Touchpoint {
                head: Head {
                    outcome: Outcome::Counted,
                    kind,
                    key: person,
                    id: crumbtrail_events::ids::id_hash(&id),
                    occurred_at: EventTime(at),
                },
                event_id: &id,
                site: "shop",
                visitor: &visitor,
                customer: if who.is_multiple_of(3) { &customer } else { "" },
                page: "/products/:id",
                channel: match (step, kind.is_support()) {
                    (_, true) => Channel::Chat,
                    (0, _) => Channel::OrganicSearch,
                    _ => Channel::None,
                },
                source: if step == 0 { "google" } else { "" },
                country,
                region,
                city,
                device: if who.is_multiple_of(2) { Device::Mobile } else { Device::Desktop },
                language: "th",
                items: Items::from_buffer(&items),
                currency: if items.is_empty() { "" } else { "THB" },
                author: Author::Customer,
                feeling: if kind.is_support() { Feeling::Negative } else { Feeling::None },
                score: kind.is_support().then_some(-0.4),
                scale: Scale::None,
                session: person.0 as u64 ^ at as u64,
                ..Touchpoint::default()
            };
            let mut bytes = Vec::new();
            touchpoint.encode(&mut bytes);
            // Up to a minute of disorder.
            all.push((at + dice.roll(60_000) as i64, bytes));
        }
    }
    all.sort();
    all
}

/// Processor seconds of this process, from the kernel's own account; wall time where there is none.
fn processor_seconds(since: Instant) -> f64 {
    let Ok(text) = std::fs::read_to_string("/proc/self/schedstat") else { return since.elapsed().as_secs_f64() };
    text.split(' ')
        .next()
        .and_then(|ns| ns.parse::<f64>().ok())
        .map_or_else(|| since.elapsed().as_secs_f64(), |ns| ns / 1e9)
}

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let number = |i: usize, default| numbers.get(i).copied().unwrap_or(default);
    let (people, touchpoints, per_tick) = (number(0, 100_000), number(1, 2_000_000), number(2, 200_000));
    let most_resident = number(3, 0) as usize * (1 << 20);
    let mut scratch = Scratch::new(std::env::temp_dir());
    let days = number(4, 30);
    let input = load(people, touchpoints, days);
    let bytes: usize = input.iter().map(|(_, bytes)| bytes.len()).sum();
    println!("{} touchpoints of {} bytes, {people} people, {per_tick} a tick", input.len(), bytes / input.len());
    let clock = Instant::now();
    let mut least = f64::MAX;
    for round in 0..5 {
        let (mut journeys, mut rows) = (Journeys::new(JourneyRules::default()), Rows::default());
        let before = processor_seconds(clock);
        let mut wall = 0;
        let mut most_bytes = 0;
        for (i, (arrived, bytes)) in input.iter().enumerate() {
            let watermark = EventTime(arrived - 60_000);
            journeys.touchpoint(bytes, watermark).expect("a touchpoint");
            if (i as u64 + 1).is_multiple_of(per_tick) {
                wall += 1000;
                journeys.tick(watermark, wall, &mut rows).expect("what it packed");
                journeys.spill(&mut scratch, most_resident).expect("room");
            }
        }
        let reads = journeys.reads();
        journeys.tick(EventTime(START + (days as i64 + 30) * DAY), wall + 60_000, &mut rows).expect("what it packed");
        let seconds = processor_seconds(clock) - before;
        least = least.min(seconds);
        if round > 0 {
            continue;
        }
        // Once more, outside the measured time: memory half way, and the snapshot.
        let mut half = Journeys::new(JourneyRules::default());
        for (i, (arrived, bytes)) in input[..input.len() / 2].iter().enumerate() {
            half.touchpoint(bytes, EventTime(arrived - 60_000)).expect("a touchpoint");
            if (i as u64 + 1).is_multiple_of(per_tick) {
                half.tick(EventTime(arrived - 60_000), i as i64, &mut Rows::default()).expect("what it packed");
                half.spill(&mut scratch, most_resident).expect("room");
            }
        }
        most_bytes = most_bytes.max(half.resident_bytes());
        let mut saved = Vec::new();
        let before = processor_seconds(clock);
        half.save(&mut saved);
        let save = processor_seconds(clock) - before;
        let blocks: Vec<Block> = half.blocks().map(|(_, block)| block.clone()).collect();
        let before = processor_seconds(clock);
        let loaded = Journeys::load(JourneyRules::default(), &saved, &blocks).expect("its own snapshot");
        let load = processor_seconds(clock) - before;
        println!("{rows:?}");
        println!("end: {} bytes per person, all settled", journeys.resident_bytes() / journeys.people());
        println!(
            "half way: {} bytes per person, a day pending; {} a person on disk",
            most_bytes / half.people(),
            half.bytes_on_disk() / half.people()
        );
        println!(
            "{reads} reads from disk, {:.4} a touchpoint; {} at the end, all in one tick",
            reads as f64 / input.len() as f64,
            journeys.reads() - reads
        );
        println!(
            "snapshot: {} bytes per person beside blocks, saved in {save:.3} s, loaded in {load:.3} s",
            saved.len() / loaded.people()
        );
        println!("{:?}", journeys.met());
    }
    println!("{:.0} touchpoints per CPU-s", input.len() as f64 / least);
}
