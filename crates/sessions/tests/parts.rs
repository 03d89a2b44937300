//! Of a long chain rows are said a part at a time. Once all has been said, they are those of the whole chain cut at once,
//! whatever came in between; and a restored state says the same rows at the same ticks.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Head, Touchpoint};
use crumbtrail_events::{EventTime, Key, Kind, Outcome};
use crumbtrail_scratch::Scratch;
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_sessions::{Budget, Limits, Out, RuleBook, Rules, Sessions};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const GAP: i64 = 1_000;
const SPAN: i64 = 60_000;
/// All that may go to disk does.
const EVERYTHING: Budget = Budget { bytes: 0, fewest: 1 };

/// Every row as it was said, and those that stand.
#[derive(Default)]
struct Table {
    said: Vec<String>,
    rows: BTreeMap<(i64, u64), (i64, i64, String)>,
    this_tick: BTreeSet<(i64, u64)>,
}

impl Out for Table {
    fn session(&mut self, row: &SessionRow<'_>) {
        self.said.push(format!("{row:?}"));
        let key = (row.started_at.0, row.session_id);
        assert!(self.this_tick.insert(key), "two rows of one session in a tick");
        if row.deleted {
            assert!(self.rows.remove(&key).is_some(), "a row taken back that did not stand");
        } else {
            self.rows.insert(key, (row.started_at.0, row.ended_at.0, format!("{row:?}")));
        }
    }
    fn conversation(&mut self, _: &ConversationRow<'_>) {}
}

impl Table {
    /// Nothing may stand in the rows of two sessions.
    fn check(&self) {
        let mut spans: Vec<(i64, i64)> = self.rows.values().map(|&(start, end, _)| (start, end)).collect();
        spans.sort_unstable();
        assert!(spans.is_sorted_by(|one, next| one.1 <= next.0), "{spans:?}");
    }
}

/// The same rows stand.
fn same(parts: &Table, whole: &Table) {
    for (part, whole) in parts.rows.values().zip(whole.rows.values()) {
        assert_eq!(part, whole);
    }
    assert_eq!(parts.rows.len(), whole.rows.len());
}

fn book(events_a_tick: usize, most_events: u32, kept_events: u32) -> RuleBook {
    let limits = Limits { gap_ms: GAP, lateness_ms: 10_000, ..Limits::default() };
    let default = Rules { limits, most_events, kept_events, ..Rules::default() };
    RuleBook { default, events_a_tick, correction_ms: 5, ..RuleBook::default() }
}

fn touchpoint(n: usize, at: i64) -> Vec<u8> {
    let id = format!("e-{n}");
    let kind = [Kind::PageView, Kind::Click, Kind::PagePing, Kind::MessageSent][n % 4];
    let key = Key::visitor("shop", "hot");
    let head = Head { outcome: Outcome::Counted, kind, key, id: id_hash(&id), occurred_at: EventTime(at) };
    let page = ["/", "/cart", "/p/1"][n % 3];
    let customer = if n.is_multiple_of(41) { ["c1", "c2"][n / 41 % 2] } else { "" };
    let mut bytes = Vec::new();
    let touchpoint =
        Touchpoint { head, event_id: &id, site: "shop", visitor: "hot", page, customer, ..Touchpoint::default() };
    Touchpoint { received_at: at + 80, ..touchpoint }.encode(&mut bytes);
    bytes
}

fn restored(state: &Sessions, book: &RuleBook) -> Sessions {
    let mut bytes = Vec::new();
    state.save(&mut bytes).unwrap();
    Sessions::load(book.clone(), &bytes).unwrap()
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many more events.
    Events(usize),
    Tick,
    /// One of the events before comes once more, received earlier, so many ms off.
    Again(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![3 => (1usize..40).prop_map(Step::Events), 4 => Just(Step::Tick), 1 => (-900i64..900).prop_map(Step::Again)];
    proptest::collection::vec(step, 1..40)
}

/// Gives events and ticks to a state whose events go to disk whenever they may, and to one that is restored again and again.
struct Pair {
    scratch: Scratch,
    book: RuleBook,
    one: (Sessions, Table),
    other: (Sessions, Table),
    wall: i64,
}

impl Pair {
    fn tick(&mut self, watermark: EventTime) {
        self.wall += 1;
        for (state, table) in [&mut self.one, &mut self.other] {
            table.this_tick.clear();
            state.tick(watermark, self.wall, table).unwrap();
            table.check();
        }
        assert_eq!(self.one.1.said, self.other.1.said, "a restored state says what the other does");
        self.one.0.spill(&mut self.scratch, EVERYTHING).unwrap();
        self.other.0 = restored(&self.other.0, &self.book);
    }

    fn take(&mut self, bytes: &[u8], watermark: EventTime) -> Outcome {
        let [one, other] =
            [&mut self.one, &mut self.other].map(|(state, table)| state.touchpoint(bytes, watermark, table).unwrap());
        assert_eq!(one, other);
        one.outcome
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_said_in_parts_is_the_whole(
        times in proptest::collection::vec(prop_oneof![0..SPAN, (0..SPAN / 500).prop_map(|n| n * 500)], 100..900),
        steps in steps(),
        late in prop_oneof![Just(1i64), Just(2_000), Just(9_000), Just(SPAN)],
        events_a_tick in prop_oneof![Just(48usize), Just(70), Just(130)],
        most_events in prop_oneof![Just(3u32), Just(20), Just(1_000)],
        kept_events in prop_oneof![Just(10u32), Just(10_000)],
    ) {
        // In order, but for what strays.
        let mut times = times;
        times.sort_unstable();
        let mut events: Vec<(i64, i64)> =
            times.iter().enumerate().map(|(n, &at)| (at + (n as i64 * 7_919) % late, at)).collect();
        events.sort_unstable();
        let book = book(events_a_tick, most_events, kept_events);
        let new = || (Sessions::new(book.clone()), Table::default());
        let scratch = Scratch::new(std::env::temp_dir());
        let mut pair = Pair { scratch, book: book.clone(), one: new(), other: new(), wall: 0 };
        let (mut given, mut counted) = (0, BTreeMap::new());
        let mut turn = steps.iter().cycle();
        // The watermark stays where nothing of what is to come is late.
        let watermark = |given: usize| {
            let least = events[given..].iter().map(|&(_, at)| at).min().unwrap_or(SPAN);
            EventTime(if kept_events > 100 { i64::MIN } else { least })
        };
        for _ in 0..3_000 {
            if given == events.len() {
                break;
            }
            match *turn.next().unwrap() {
                Step::Events(count) => {
                    for (n, &(_, at)) in events.iter().enumerate().skip(given).take(count) {
                        prop_assert_eq!(pair.take(&touchpoint(n, at), watermark(given)), Outcome::Counted);
                        counted.insert(n, at);
                    }
                    given = events.len().min(given + count);
                }
                Step::Tick => pair.tick(watermark(given)),
                Step::Again(shift) if given > 0 && kept_events > 100 => {
                    let n = given * 7 / 11;
                    let at = (counted[&n] - shift.abs()).max(0);
                    prop_assert_eq!(pair.take(&touchpoint(n, at), watermark(given)), Outcome::Duplicate);
                    counted.insert(n, at);
                }
                Step::Again(_) => pair.tick(watermark(given)),
            }
            if steps.iter().all(|step| !matches!(step, Step::Events(_))) {
                break;
            }
        }
        // Nothing more comes: what is left is said.
        let last = watermark(given);
        for _ in 0..2 * events.len() / events_a_tick + 40 {
            pair.tick(last);
        }
        let silent = pair.one.1.said.len();
        for _ in 0..10 {
            pair.tick(last);
        }
        prop_assert_eq!(pair.one.1.said.len(), silent, "all has been said");
        let whole = RuleBook { events_a_tick: usize::MAX, ..book };
        let (mut at_once, mut table) = (Sessions::new(whole), Table::default());
        for (&n, &at) in &counted {
            at_once.touchpoint(&touchpoint(n, at), EventTime::MIN, &mut table).unwrap();
        }
        at_once.tick(EventTime::MIN, 1, &mut table).unwrap();
        if kept_events > 100 {
            same(&pair.one.1, &table);
        }
        // And in the end, the final ones, by either.
        let end = EventTime(i64::MAX / 2);
        pair.tick(end);
        table.this_tick.clear();
        at_once.tick(end, 2, &mut table).unwrap();
        same(&pair.one.1, &table);
    }
}
