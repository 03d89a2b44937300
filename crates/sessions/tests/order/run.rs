//! Gives records to a partition in any order, with ticks and restarts between them, and keeps what it says as a table does.

use crumbtrail_events::{EventTime, Outcome};
use crumbtrail_scratch::Scratch;
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_sessions::{Budget, Limits, Out, Pace, RuleBook, Rules, Sessions, StayRules};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

pub(crate) const GAP: i64 = 1_000;
pub(crate) const TALK_GAP: i64 = 2 * GAP;
/// The silence after which the id of a conversation begins another.
pub(crate) const MEMORY: i64 = 3 * GAP;
pub(crate) const LATENESS: i64 = 3_000;
/// All events lie within so many ms of the start.
pub(crate) const SPAN: i64 = 30_000;
/// The start: half a span before midnight in Bangkok.
pub(crate) const START: i64 = 1_760_000_000_000 / 86_400_000 * 86_400_000 + 61_200_000 - SPAN / 2;

/// All that may go to disk does.
const EVERYTHING: Budget = Budget { bytes: 0, fewest: 1 };

/// Rules with short times, so that every edge is met often.
pub(crate) fn rules() -> Rules {
    let limits = Limits {
        gap_ms: GAP,
        lateness_ms: LATENESS,
        conversation_gap_ms: TALK_GAP,
        conversation_memory_ms: MEMORY,
        ..Limits::default()
    };
    let stays = StayRules { dwell_ms: 1_000, lost_after_ms: 1_500, exit_positions: 2 };
    let pace = Pace { views_a_minute: 2, views_alone: 2, alone_ms: 1_500 };
    Rules {
        limits,
        longest_ms: 9_000,
        most_events: 12,
        kept_events: 20,
        heartbeat_ms: 700,
        pace,
        stays,
        ..Rules::default()
    }
}

/// What happens between two records.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Next,
    Tick { wall: i64 },
    Restart,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => Just(Step::Next),
        3 => (0i64..4_000).prop_map(|wall| Step::Tick { wall }),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..60).prop_map(|mut steps| {
        steps.push(Step::Next);
        steps
    })
}

/// How far events stray from their order: by up to `most` ms, in a pattern of random steps.
pub(crate) fn jitter() -> impl Strategy<Value = Vec<i64>> {
    let most = prop_oneof![Just(1), Just(300), Just(LATENESS), Just(40_000)];
    most.prop_flat_map(|most| proptest::collection::vec(0..most, 1..40))
}

/// The `share`-th part of the cases asked for.
pub(crate) fn cases(share: u32) -> ProptestConfig {
    let all = std::env::var("CRUMBTRAIL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(10_000u32);
    ProptestConfig { cases: (all / share).max(1), failure_persistence: None, ..ProptestConfig::default() }
}

/// One record of the log.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The earliest event time of the records with its id: while that is in time, all of them are.
    pub(crate) since: i64,
    /// Another record with its id came before.
    pub(crate) is_repeat: bool,
    pub(crate) bytes: Vec<u8>,
}

/// Sorts records by their time and a jitter, and finds the repeats among them. `id` names what is the same event.
pub(crate) fn arrange<T: Clone>(events: &[T], jitter: &[i64], of: impl Fn(&T) -> (i64, u32, Vec<u8>)) -> Vec<Record> {
    let mut since = BTreeMap::new();
    let mut keyed = Vec::new();
    for (i, event) in events.iter().enumerate() {
        let (at, name, bytes) = of(event);
        let least: &mut i64 = since.entry(name).or_insert(at);
        *least = at.min(*least);
        keyed.push((at + jitter[i % jitter.len()], (at, name, bytes)));
    }
    keyed.sort_by_key(|(at, _)| *at);
    let mut seen = BTreeSet::new();
    let records = keyed.into_iter();
    records.map(|(_, (_, name, bytes))| Record { since: since[&name], is_repeat: !seen.insert(name), bytes }).collect()
}

/// By key whether the last version was taken back, whether it is final, and what it says.
type Versions<K, S> = BTreeMap<K, (bool, bool, S)>;

/// Rows as a table keeps them: the last version of each key.
#[derive(Default)]
pub(crate) struct Table<S> {
    pub(crate) sessions: Versions<(i64, u64), (S, String)>,
    pub(crate) talks: Versions<(String, i64), String>,
    this_tick: BTreeSet<(i64, String)>,
    /// Every row that was said, in order.
    said: DefaultHasher,
}

/// Makes what a test compares from a session's row.
pub(crate) trait Said: Sized {
    fn of(row: &SessionRow<'_>) -> Self;
}

impl<S: Said> Out for Table<S> {
    fn session(&mut self, row: &SessionRow<'_>) {
        let key = (row.started_at.0, row.session_id);
        assert!(self.this_tick.insert((key.0, key.1.to_string())), "two rows of one session in a tick");
        let text = format!("{row:?}");
        text.hash(&mut self.said);
        if row.deleted {
            let (deleted, ..) = self.sessions.get(&key).expect("a retraction of what was never said");
            assert!(!deleted, "taken back twice");
        }
        let whole = if row.is_final { text } else { String::new() };
        self.sessions.insert(key, (row.deleted, row.is_final, (S::of(row), whole)));
    }

    fn conversation(&mut self, row: &ConversationRow<'_>) {
        let key = (row.conversation_id.to_owned(), row.opened_at.0);
        assert!(self.this_tick.insert((key.1, key.0.clone())), "two rows of one conversation in a tick");
        let text = format!("{row:?}");
        text.hash(&mut self.said);
        if row.deleted {
            let (deleted, ..) = self.talks.get(&key).expect("a retraction of what was never said");
            assert!(!deleted, "taken back twice");
        }
        let whole = if row.is_final { text } else { String::new() };
        self.talks.insert(key, (row.deleted, row.is_final, whole));
    }
}

impl<S: std::fmt::Debug> Table<S> {
    /// The sessions that stand, as far as `S` tells and by every field; all must be final.
    pub(crate) fn final_sessions(self) -> BTreeMap<(i64, u64), (S, String)> {
        stand(self.sessions)
    }

    /// The conversations that stand, by every field.
    pub(crate) fn final_talks(self) -> BTreeMap<(String, i64), String> {
        stand(self.talks)
    }
}

fn stand<K: Ord, S: std::fmt::Debug>(rows: Versions<K, S>) -> BTreeMap<K, S> {
    let rows = rows.into_iter().filter(|(_, (deleted, ..))| !deleted);
    rows.map(|(id, (_, is_final, said))| (id, (assert!(is_final, "{said:?}"), said).1)).collect()
}

/// A state, and one whose events go to disk whenever they may: they say the same rows, and are saved to the same bytes.
struct Both<S> {
    states: [Sessions; 2],
    tables: [Table<S>; 2],
    scratch: Scratch,
}

impl<S: Said + Default> Both<S> {
    fn new(book: &RuleBook) -> Both<S> {
        let scratch = Scratch::new(std::env::temp_dir());
        let states = [book, book].map(|book| Sessions::new(book.clone()));
        Both { states, tables: Default::default(), scratch }
    }

    fn each<T: PartialEq + std::fmt::Debug>(&mut self, act: impl Fn(&mut Sessions, &mut Table<S>) -> T) -> T {
        self.tables.iter_mut().for_each(|table| table.this_tick.clear());
        let [one, other] = &mut self.states;
        let [of_one, of_other] = &mut self.tables;
        let (one, other) = (act(one, of_one), act(other, of_other));
        assert_eq!(one, other, "where events lie decides nothing");
        assert_eq!(of_one.said.finish(), of_other.said.finish(), "where events lie is not seen in rows");
        self.states[1].spill(&mut self.scratch, EVERYTHING).unwrap();
        one
    }

    fn saved(&mut self) -> Vec<u8> {
        self.each(|state, _| {
            let mut bytes = Vec::new();
            state.save(&mut bytes).unwrap();
            bytes
        })
    }

    fn tick(&mut self, watermark: EventTime, wall: i64) {
        self.each(|state, table| state.tick(watermark, wall, table).unwrap());
    }
}

/// Runs records in the order given. Ticks carry the highest watermark that makes none of those to come late.
pub(crate) fn run<S: Said + Default>(book: &RuleBook, records: &[Record], steps: &[Step]) -> Table<S> {
    run_changed(&[(0, book.clone())], records, steps)
}

/// As [`run`], by rules that hold from the record of a number on, the first from 0. Watermarks come with the last of them.
pub(crate) fn run_changed<S: Said + Default>(
    books: &[(usize, RuleBook)],
    records: &[Record],
    steps: &[Step],
) -> Table<S> {
    let (mut book, mut changes) = (&books[0].1, books[1..].iter().peekable());
    let mut both = Both::new(book);
    let mut highest: Vec<i64> = records.iter().map(|record| record.since).collect();
    for i in (1..highest.len()).rev() {
        highest[i - 1] = highest[i - 1].min(highest[i]);
    }
    let (mut i, mut wall, mut watermark) = (0, 1_000, EventTime::MIN);
    let mut turn = steps.iter().cycle();
    while i < records.len() {
        while let Some((_, next)) = changes.next_if(|(from, _)| *from <= i) {
            book = next;
            both.each(|state, table| state.change(book.clone(), table).unwrap());
        }
        match turn.next().unwrap() {
            Step::Next => {
                let judged = both.each(|state, table| state.touchpoint(&records[i].bytes, watermark, table).unwrap());
                let expected = if records[i].is_repeat { Outcome::Duplicate } else { Outcome::Counted };
                assert_eq!(judged.outcome, expected, "record {i}");
                i += 1;
            }
            Step::Tick { wall: ms } => {
                wall += ms;
                if changes.peek().is_none() {
                    watermark = EventTime(highest[i] + LATENESS);
                }
                both.tick(watermark, wall);
            }
            Step::Restart => {
                let bytes = both.saved();
                both.states = [book, book].map(|book| Sessions::load(book.clone(), &bytes).unwrap());
                assert_eq!(bytes, both.saved(), "a restored state is saved to the same bytes");
            }
        }
    }
    for (_, next) in changes {
        both.each(|state, table| state.change(next.clone(), table).unwrap());
    }
    for later in [2 * SPAN, 100 * 86_400_000] {
        wall += 10_000;
        both.tick(EventTime(START + later), wall);
    }
    assert_eq!(both.each(|state, _| (state.open_sessions(), state.open_conversations())), (0, 0));
    assert!(both.saved().len() < 28, "nothing is left");
    let [_, on_disk] = both.tables;
    on_disk
}
