//! What a visitor with a million events costs the others, and whether closed state is freed.
//!
//! `cargo run --release -p crumbtrail-sessions --example hot -- [events of the hot visitor] [events of others] [turns] [hours] [kept_events]`
//! sends an hour of events (or more, of as many in all), a tick a second: without the hot visitor; with it; with its events up to 3 seconds, and up to 50 minutes late; and with one in a
//! hundred of them sent again, some seconds later and under another time. Prints how long the others' events, the hot
//! visitor's and the ticks took: median, 99th percentile and worst; then the state's bytes at the peak, an event kept, and after all has closed.
//! Of several turns, the least time of each event and tick counts: what another program on the machine took is left out.

use std::time::Instant;

use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Head, Touchpoint};
use crumbtrail_events::{EventTime, Key, Kind, Outcome};
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_sessions::{Out, RuleBook, Rules, Sessions};

const START: i64 = 1_760_000_000_000;
const HOUR: i64 = 3_600_000;

struct Rows(u64);

impl Out for Rows {
    fn session(&mut self, _: &SessionRow<'_>) {
        self.0 += 1;
    }
    fn conversation(&mut self, _: &ConversationRow<'_>) {}
}

/// How the hot visitor's events come.
#[derive(Clone, Copy, Debug)]
struct Hot {
    events: usize,
    /// How late they are at most, s.
    late_s: i64,
    /// Every so manieth of them comes again; 0 for none.
    again: usize,
    /// How long it goes on, hours.
    hours: usize,
    kept_events: u32,
}

/// The time of the hot visitor's `number`-th event, which is sent at `now`.
fn time(hot: Hot, now: i64, number: usize) -> i64 {
    let late_ms = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    now + (number % 1_000) as i64 - (late_ms % (hot.late_s * 1_000 + 1) as u64) as i64
}

/// Bytes of one event of a visitor.
fn event(out: &mut Vec<u8>, at: i64, visitor: &str, number: usize) {
    let id = format!("{visitor}-{number}");
    out.clear();
    Touchpoint {
        head: Head {
            outcome: Outcome::Counted,
            kind: if number.is_multiple_of(3) { Kind::PageView } else { Kind::Click },
            key: Key::visitor("shop", visitor),
            id: id_hash(&id),
            occurred_at: EventTime(at),
        },
        event_id: &id,
        site: "shop",
        visitor,
        received_at: at + 80,
        page: ["/", "/cart", "/p/:id", "/c/:id"][number % 4],
        country: "TH",
        browser: "Chrome",
        ..Touchpoint::default()
    }
    .encode(out);
}

fn percentiles(mut nanos: Vec<u64>) -> String {
    nanos.sort_unstable();
    let at =
        |permille: usize| nanos.get(nanos.len() * permille / 1_000).or(nanos.last()).map_or(0.0, |&ns| ns as f64 / 1e3);
    format!("{:.1} / {:.1} / {:.1} µs", at(500), at(990), at(1_000))
}

/// How long the others' events, the hot visitor's and the ticks took, ns.
type Times = [Vec<u64>; 3];

fn run(hot: Hot, others: usize, turns: usize) {
    let (mut least, told) = turn(hot, others);
    for _ in 1..turns {
        let (times, _) = turn(hot, others);
        least.iter_mut().flatten().zip(times.iter().flatten()).for_each(|(least, time)| *least = *time.min(least));
    }
    let [others, hot, ticks] = least;
    println!("{}", told[0]);
    println!("  others' events  {}  (median / 99 % / worst)", percentiles(others));
    println!("  the hot one's   {}", percentiles(hot));
    println!("  ticks           {}", percentiles(ticks));
    println!("{}", told[1]);
}

fn turn(hot: Hot, others: usize) -> (Times, [String; 2]) {
    let default = Rules { kept_events: hot.kept_events, ..Rules::default() };
    let mut state = Sessions::new(RuleBook { default, ..RuleBook::default() });
    let mut rows = Rows(0);
    let seconds = 3_600 * hot.hours;
    let (mut bytes, mut other_ns, mut hot_ns, mut tick_ns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut sent_hot, mut sent_others, mut peak) = (0, 0, 0);
    for second in 0..seconds as i64 {
        let (now, watermark) = (START + second * 1_000, EventTime(START + second * 1_000 - 5_000));
        // Spread evenly over the hour, the hot visitor's among the others'.
        let due = |count: usize| count * (second as usize + 1) / seconds;
        while sent_hot < due(hot.events) || sent_others < due(others) {
            if sent_hot < due(hot.events) {
                event(&mut bytes, time(hot, now, sent_hot), "hot", sent_hot);
                let began = Instant::now();
                let judged = state.touchpoint(&bytes, watermark, &mut rows).expect("own touchpoints");
                hot_ns.push(began.elapsed().as_nanos() as u64);
                assert_eq!(judged.outcome, Outcome::Counted);
                if hot.again > 0 && sent_hot.is_multiple_of(hot.again) {
                    // What was sent half of the way back, received now.
                    event(&mut bytes, now - 7, "hot", sent_hot / 2);
                    let began = Instant::now();
                    let judged = state.touchpoint(&bytes, watermark, &mut rows).expect("own touchpoints");
                    hot_ns.push(began.elapsed().as_nanos() as u64);
                    assert_eq!(judged.outcome, Outcome::Duplicate);
                }
                sent_hot += 1;
            }
            if sent_others < due(others) {
                let visitor = format!("v{}", (sent_others * 7_919) % (others / 10).max(1));
                event(&mut bytes, now + (sent_others % 1_000) as i64, &visitor, sent_others);
                let began = Instant::now();
                state.touchpoint(&bytes, watermark, &mut rows).expect("own touchpoints");
                other_ns.push(began.elapsed().as_nanos() as u64);
                sent_others += 1;
            }
        }
        let began = Instant::now();
        state.tick(EventTime(now - 5_000), now, &mut rows).expect("nothing is on disk");
        tick_ns.push(began.elapsed().as_nanos() as u64);
        peak = peak.max(state.resident_bytes());
    }
    let open = state.open_sessions();
    let end = START + hot.hours as i64 * HOUR + 8 * HOUR;
    state.tick(EventTime(end), end, &mut rows).expect("nothing is on disk");
    let ran = format!("{hot:?}, others' events {others}, rows {}", rows.0);
    let held = format!(
        "  state           {:.1} MiB at the peak, {:.0} bytes an event; {open} open, then {} open in {:.1} MiB",
        peak as f64 / 1048576.0,
        peak as f64 / (hot.events + others).max(1) as f64,
        state.open_sessions(),
        state.resident_bytes() as f64 / 1048576.0
    );
    ([other_ns, hot_ns, tick_ns], [ran, held])
}

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<usize>().expect("a number"));
    let hot = args.next().unwrap_or(1_000_000);
    let others = args.next().unwrap_or(1_000_000);
    let turns = args.next().unwrap_or(1);
    let hours = args.next().unwrap_or(1);
    let kept_events = args.next().map_or(Rules::default().kept_events, |kept| kept as u32);
    let hot = |late_s, again| Hot { events: hot, late_s, again, hours, kept_events };
    run(Hot { events: 0, ..hot(0, 0) }, others, turns);
    run(hot(0, 0), others, turns);
    run(hot(3, 0), others, turns);
    run(hot(3_000, 0), others, turns);
    run(hot(0, 100), others, turns);
}
