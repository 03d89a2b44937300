//! What an event costs, and a session weighs, with ten thousand sessions open and with ten million.
//!
//! `cargo run --release -p crumbtrail-sessions --example state -- [events of a visit] [sessions open …]`, e.g. `-- 4 10000 10000000`,
//! keeps as many sessions open in each of several states. Every visitor comes in another order each ten minutes, so that any of
//! them is as likely to be next; a visit has so many events and goes idle, another one begins. When the first have closed, the
//! states take turns: of each some thousand events are timed, ticks and rows included. Prints the median and the least of these
//! turns, and bytes by capacity; with one number of sessions, resident ones, too.

use std::time::Instant;

use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Head, Touchpoint};
use crumbtrail_events::vocabulary::{Channel, Device};
use crumbtrail_events::{EventTime, Key, Kind, Outcome};
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_sessions::{Limits, Out, RuleBook, Rules, Sessions};

const START: i64 = 1_760_000_000_000;
const MINUTE: i64 = 60_000;
/// Each visitor under way has one event in it.
const ROUND: i64 = 10 * MINUTE;
const LATENESS: i64 = 10_000;
/// Events of a turn.
const TURN: usize = 65_536;

#[derive(Default)]
struct Rows(u64);

impl Out for Rows {
    fn session(&mut self, row: &SessionRow<'_>) {
        self.0 += u64::from(row.event_count > 0);
    }
    fn conversation(&mut self, _: &ConversationRow<'_>) {}
}

/// A state and the visitors it hears of.
struct Site {
    state: Sessions,
    rows: Rows,
    /// Visits under way.
    seats: u64,
    visit: u64,
    /// Events so far.
    sent: u64,
    next_tick: i64,
    frame: Vec<u8>,
    ends: Vec<usize>,
    nanos: Vec<f64>,
}

impl Site {
    fn new(open: usize, visit: u64) -> Site {
        // Idle, a session stays open for half an hour: three rounds.
        let seats = (open as u64 * visit / (visit + 3)).max(1);
        let limits = Limits { lateness_ms: LATENESS, ..Limits::default() };
        let rules = RuleBook { default: Rules { limits, ..Rules::default() }, ..RuleBook::default() };
        Site {
            state: Sessions::new(rules),
            rows: Rows::default(),
            seats,
            visit,
            sent: 0,
            next_tick: START,
            frame: Vec::new(),
            ends: Vec::new(),
            nanos: Vec::new(),
        }
    }

    fn time(&self) -> i64 {
        let (round, place) = (self.sent / self.seats, self.sent % self.seats);
        START + round as i64 * ROUND + (place as i128 * i128::from(ROUND) / i128::from(self.seats)) as i64
    }

    /// Writes the next event, of a seat in this round's order.
    fn write(&mut self) {
        let (round, place) = (self.sent / self.seats, self.sent % self.seats);
        // A step that shares no factor with the number of seats goes through all of them.
        let mut step = (self.seats * 618 / 1000 + round * 7_919) | 1;
        while gcd(step, self.seats) != 1 {
            step += 2;
        }
        let seat = ((u128::from(place) * u128::from(step) + u128::from(round)) % u128::from(self.seats)) as u64;
        let visitor = format!("7f3c9e2a-{:08x}", seat + (round + seat % self.visit) / self.visit * self.seats);
        let (at, id, dice) = (self.time(), format!("e-{:09}", self.sent), seat.wrapping_mul(0x9E37_79B9) >> 7);
        let is_touch = (self.sent * 7 + seat).is_multiple_of(8);
        Touchpoint {
            head: Head {
                outcome: Outcome::Counted,
                kind: [Kind::PageView, Kind::Click, Kind::ProductView][self.sent as usize % 3],
                key: Key::visitor("shop", &visitor),
                id: id_hash(&id),
                occurred_at: EventTime(at),
            },
            event_id: &id,
            site: "shop",
            visitor: &visitor,
            device_at: at - 12,
            received_at: at + 80,
            page: PAGES[(self.sent % 7) as usize],
            channel: if is_touch { Channel::OrganicSearch } else { Channel::None },
            referrer: if is_touch { "search.example" } else { "" },
            country: ["TH", "ID", "SG", "GB"][dice as usize % 4],
            device: if seat.is_multiple_of(3) { Device::Desktop } else { Device::Mobile },
            browser: "Chrome",
            os: "Android",
            language: "th-TH",
            ..Touchpoint::default()
        }
        .encode(&mut self.frame);
        self.ends.push(self.frame.len());
        self.sent += 1;
    }

    /// A frame of events up to the next tick, and then that; how many events, and how long they took.
    fn frame(&mut self) -> (usize, f64) {
        self.frame.clear();
        self.ends.clear();
        while self.ends.len() < 1_024 && self.time() < self.next_tick {
            self.write();
        }
        let watermark = EventTime(self.next_tick - 1_000);
        let began = Instant::now();
        let mut begin = 0;
        for (n, &end) in self.ends.iter().enumerate() {
            if n.is_multiple_of(Sessions::AHEAD) {
                // As the runtime does with the records of a frame.
                let begins = [begin].into_iter().chain(self.ends[n..].iter().copied());
                self.state.look_ahead(begins.take(self.ends.len() - n).map(|at| head(&self.frame[at..]).key));
            }
            let judged = self.state.touchpoint(&self.frame[begin..end], watermark, &mut self.rows).expect("own bytes");
            assert_eq!(judged.outcome, Outcome::Counted);
            begin = end;
        }
        if self.time() >= self.next_tick {
            self.state.tick(EventTime(self.next_tick), self.next_tick, &mut self.rows).expect("nothing is on disk");
            self.next_tick += 1_000;
        }
        (self.ends.len(), began.elapsed().as_nanos() as f64)
    }

    fn turn(&mut self) {
        let (mut events, mut nanos) = (0, 0.0);
        while events < TURN {
            let (more, took) = self.frame();
            events += more;
            nanos += took;
        }
        self.nanos.push(nanos / events as f64);
    }
}

const PAGES: [&str; 7] = ["/", "/cart", "/p/:id", "/c/:id", "/search", "/help/:id", "/checkout"];

fn head(bytes: &[u8]) -> Head {
    Head::peek(bytes).expect("own bytes")
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096
}

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<usize>().expect("a number"));
    let visit = args.next().unwrap_or(4).max(1);
    let mut sizes: Vec<usize> = args.collect();
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000, 1_000_000];
    }
    let before = resident();
    let mut sites: Vec<Site> = sizes.iter().map(|&open| Site::new(open, visit as u64)).collect();
    for site in &mut sites {
        // Until as many have closed as begin.
        while site.sent < site.seats * (visit as u64 + 4) {
            site.frame();
        }
    }
    for _ in 0..60 {
        sites.iter_mut().for_each(Site::turn);
    }
    let mut first = None;
    println!("sessions open  ns an event: median, least (of the first)  bytes a session by capacity  rows an event");
    for site in &mut sites {
        site.nanos.sort_unstable_by(f64::total_cmp);
        let (median, least) = (site.nanos[site.nanos.len() / 2], site.nanos[0]);
        let &mut (of_median, of_least) = first.get_or_insert((median, least));
        println!(
            "{:>13}  {median:>7.0} ({:.2})  {least:>7.0} ({:.2})  {:>6.0}  {:.2}",
            site.state.open_sessions(),
            median / of_median,
            least / of_least,
            site.state.resident_bytes() as f64 / site.state.open_sessions() as f64,
            site.rows.0 as f64 / site.sent as f64,
        );
    }
    if let [site] = &sites[..] {
        println!("resident: {:.0} bytes a session", (resident() - before) as f64 / site.state.open_sessions() as f64);
    }
}
