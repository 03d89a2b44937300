//! What snapshots cost with many sessions open, and many people known: `cargo run --release -p crumbtrail-steps --example
//! snapshot -- [sessions] [people] [touchpoints of each]`. Prints how long taking one holds the partition up, its bytes, and how
//! long restoring it takes; then how long other session rules, told by a record of the log, hold it up, and what people weigh a day later,
//! when what they did is packed and lies on disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Head, Touchpoint};
use crumbtrail_events::{EventTime, Key, Kind, Outcome};
use crumbtrail_journeys::JourneyRules;
use crumbtrail_runtime::cutter::CutRules;
use crumbtrail_runtime::step::Effects;
use crumbtrail_runtime::{Context, Step};
use crumbtrail_scratch::Scratch;
use crumbtrail_sessions::RuleBook;
use crumbtrail_steps::sessionize::Sessionize;
use crumbtrail_steps::{Journey, Place, Ruling, Told};

const START: i64 = 1_760_000_000_000;

/// Ten minutes instead of thirty.
fn shorter_gap() -> RuleBook {
    let mut rules = RuleBook::default();
    rules.default.limits.gap_ms = 600_000;
    rules
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|arg| arg.parse::<u32>().expect("a number"));
    let mut number = |usual| numbers.next().unwrap_or(usual);
    let (sessions, people, each) = (number(1_000_000), number(100_000), number(10));
    println!("sessionize: {sessions} sessions of 2 events");
    let place = Place { partition: 0, of: 1 };
    let rules = crumbtrail_identity::Rules::default();
    let ruling = || Ruling::new(RuleBook::default(), Arc::new(|_: &str| Ok(shorter_gap())));
    let new = || Sessionize::new(ruling(), rules, false, place);
    other_rules(measure(new, filled(new(), sessions, 2)));
    println!("\njourney: {people} people with {each} touchpoints");
    let new = || Journey::new(Ruling::fixed(JourneyRules::default()));
    let restored = measure(new, filled(new(), people, each));
    println!("\na day later");
    measure(new, a_day_later(restored));
}

/// As many keys, with so many touchpoints each, within ten minutes.
fn filled<S: Step>(mut open: S, keys: u32, each: u32) -> S {
    let mut effects = Effects::new(open.tables());
    let mut bytes = Vec::new();
    let at = |n: u32| START + (f64::from(n) / f64::from(each * keys) * 600_000.0) as i64;
    for n in 0..each * keys {
        let (visitor, id) = (format!("7f3c9e2a-{:08x}", n / each), format!("e-{n:09}"));
        let page = format!("/shop/category-{}", n % 500);
        let head = Head {
            outcome: Outcome::Counted,
            kind: Kind::PageView,
            key: Key::visitor("shop", &visitor),
            id: id_hash(&id),
            occurred_at: EventTime(at(n)),
        };
        bytes.clear();
        let touchpoint =
            Touchpoint { head, event_id: &id, site: "shop", visitor: &visitor, page: &page, ..Touchpoint::default() };
        Touchpoint { country: "TH", city: "Bangkok", browser: "Chrome", os: "Android", ..touchpoint }
            .encode(&mut bytes);
        let context = Context { version: u64::from(n), watermark: EventTime(START - 5_000), wall_ms: 0 };
        open.record(&bytes, context, &mut effects).expect("own touchpoints");
        effects.passed.clear();
        effects.passed_bytes.clear();
    }
    open
}

/// Lets everything settle, and moves what may lie on disk there.
fn a_day_later<S: Step>(mut step: S) -> S {
    let mut effects = Effects::new(step.tables());
    for days in [0, 2] {
        let watermark = EventTime(START + days * 86_400_000);
        let begun = Instant::now();
        let context = Context { version: u64::from(u32::MAX), watermark, wall_ms: days * 86_400_000 };
        step.tick(context, &mut effects).expect("own touchpoints");
        println!("a tick of {:.1?}, which says {} rows", begun.elapsed(), effects.tables[0].rows);
        effects = Effects::new(step.tables());
    }
    let begun = Instant::now();
    step.spill(&mut Scratch::new(std::env::temp_dir())).expect("room");
    println!("moved to disk in {:.1?}", begun.elapsed());
    step
}

/// Gives the step as its snapshot restores it.
fn measure<S: Step>(step: impl Fn() -> S, mut open: S) -> S {
    let gauges = open.gauges();
    println!("{} open, {} bytes each in memory", gauges.open, gauges.resident_bytes / gauges.open);
    println!("{:.1} MB on disk", gauges.bytes_on_disk as f64 / 1e6);
    let begun = Instant::now();
    open.begin_save();
    let mut held = vec![begun.elapsed()];
    let blocks = open.blocks();
    let pieces = loop {
        let begun = Instant::now();
        let saved = open.save_on(CutRules::default().save_at_once);
        held.push(begun.elapsed());
        if let Some(pieces) = saved {
            break pieces;
        }
    };
    let all: Duration = held.iter().sum();
    println!(
        "held up for {:.1?}, then {} times for {:.1?} at most: {all:.1?}",
        held[0],
        held.len() - 1,
        held[1..].iter().max().expect("one")
    );
    let state = pieces.concat();
    let begun = Instant::now();
    let packed = zstd::bulk::compress(&state, 1).expect("bytes").len();
    println!(
        "{:.1} MB beside the blocks, {:.1} as they are stored (packed in {:.1?}, while the partition goes on)",
        state.len() as f64 / 1e6,
        packed as f64 / 1e6,
        begun.elapsed()
    );
    let blocks: Vec<_> = blocks.into_iter().map(|(_, block)| block).collect();
    let begun = Instant::now();
    let mut restored = step();
    restored.load(&state, &blocks).expect("what was saved");
    println!("restored in {:.1?}", begun.elapsed());
    assert_eq!(restored.gauges().open, gauges.open);
    restored
}

/// Tells a step other rules, and takes the ticks behind them, until all rows were said anew.
fn other_rules(mut step: impl Step) {
    let mut effects = Effects::new(step.tables());
    let mut record = Vec::new();
    Told { since: (EventTime(START), 1), text: "a shorter gap".to_owned() }.encode("rules", &mut record);
    let context = Context { version: u64::from(u32::MAX), watermark: EventTime(START - 5_000), wall_ms: 0 };
    let rows = |effects: &Effects| effects.tables.iter().map(|table| table.rows).sum::<u64>();
    step.tick(context, &mut effects).expect("own touchpoints");
    let before = rows(&effects);
    let begun = Instant::now();
    step.record(&record, context, &mut effects).expect("rules that can be read");
    println!("other rules held up for {:.1?}", begun.elapsed());
    let (mut held, mut seconds) = (Vec::new(), 0);
    while rows(&effects) < 2 * before && seconds < 1_000 {
        seconds += 1;
        let begun = Instant::now();
        step.tick(Context { version: context.version + 1, wall_ms: seconds * 1_000, ..context }, &mut effects)
            .expect("own touchpoints");
        held.push(begun.elapsed());
        effects.tables.iter_mut().for_each(|table| table.pieces = Default::default());
    }
    let all: Duration = held.iter().sum();
    held.sort_unstable();
    println!(
        "the {seconds} ticks behind them, which say {} rows anew, for {:.1?} in the mean, {:.1?} at most",
        rows(&effects) - before,
        all / held.len() as u32,
        held.last().expect("one")
    );
}
