//! Order does not matter: however events arrive within the lateness, however they are split by ticks, wherever the state
//! is saved and restored, the final rows are those that a naive computation over all events gives.
//!
//! 300 cases each; `CRUMBTRAIL_CASES=10000` runs more.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Head, Touchpoint};
use crumbtrail_events::vocabulary::Channel;
use crumbtrail_events::{EventTime, Key, Kind, Micros, Outcome};
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_sessions::{Out, RuleBook, Rules, Sessions, session_id};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const GAP: i64 = 1_000;
const LATENESS: i64 = 3_000;
const LONGEST: i64 = 9_000;
const MOST: u32 = 12;

fn book() -> RuleBook {
    let default =
        Rules { gap_ms: GAP, lateness_ms: LATENESS, longest_ms: LONGEST, most_events: MOST, ..Rules::default() };
    RuleBook { default, ..RuleBook::default() }
}

/// One event of the test's own making.
#[derive(Clone, Debug)]
struct Made {
    visitor: u8,
    at: i64,
    name: u32,
    kind: Kind,
    page: u8,
    campaign: u8,
    country: u8,
    customer: u8,
    revenue: i64,
    score: Option<i8>,
}

impl Made {
    fn bytes(&self) -> Vec<u8> {
        let visitor = format!("v{}", self.visitor);
        let id = format!("e{}", self.name);
        let pick = |n: u8, from: [&'static str; 3]| from[usize::from(n) % 3];
        let mut bytes = Vec::new();
        Touchpoint {
            head: Head {
                outcome: Outcome::Counted,
                kind: self.kind,
                key: Key::visitor("shop", &visitor),
                id: id_hash(&id),
                occurred_at: EventTime(self.at),
            },
            event_id: &id,
            site: "shop",
            visitor: &visitor,
            customer: pick(self.customer, ["", "c1", "c2"]),
            page: pick(self.page, ["/", "/cart", "/p/:id"]),
            channel: if self.campaign.is_multiple_of(3) { Channel::None } else { Channel::PaidSearch },
            campaign: pick(self.campaign, ["", "spring", "summer"]),
            country: pick(self.country, ["", "TH", "ID"]),
            latitude: (self.country > 128).then_some(1.0),
            longitude: (self.country > 128).then_some(2.0),
            revenue: Micros(self.revenue),
            currency: if self.revenue > 0 { "THB" } else { "" },
            score: self.score.map(|score| f32::from(score) / 100.0),
            ..Touchpoint::default()
        }
        .encode(&mut bytes);
        bytes
    }
}

/// What a row says, as far as the oracle computes it.
type Said = (i64, i64, &'static str, bool, [u32; 4], i64, [String; 5], Option<f32>);

/// Rows as a table keeps them: the last version of each key.
#[derive(Default)]
struct Table {
    rows: BTreeMap<u64, (bool, bool, Said)>,
    talks: BTreeMap<String, (bool, bool, String)>,
    this_tick: BTreeSet<u64>,
}

impl Out for Table {
    fn session(&mut self, row: &SessionRow<'_>) {
        assert!(self.this_tick.insert(row.session_id), "two rows of one session in a tick");
        if row.deleted {
            let (deleted, _, said) = self.rows.get(&row.session_id).expect("a retraction of what was never said");
            assert!(!deleted, "taken back twice");
            assert_eq!(said.0, row.started_at.0, "a retraction keeps the start");
        }
        let said = (
            row.started_at.0,
            row.ended_at.0,
            row.cut.as_str(),
            row.is_continuation,
            [row.event_count, row.view_count, row.purchase_count, row.text_count],
            row.revenue.0,
            [row.entry_page, row.exit_page, row.campaign, row.country, row.customer].map(str::to_owned),
            row.score,
        );
        self.rows.insert(row.session_id, (row.deleted, row.is_final, said));
    }

    fn conversation(&mut self, row: &ConversationRow<'_>) {
        let mut said = *row;
        (said.deleted, said.is_final) = (false, false);
        if row.deleted {
            assert!(self.talks.get(row.conversation_id).is_some_and(|(deleted, ..)| !deleted));
        }
        self.talks.insert(row.conversation_id.to_owned(), (row.deleted, row.is_final, format!("{said:?}")));
    }
}

impl Table {
    fn finals(self) -> BTreeMap<u64, Said> {
        let rows = self.rows.into_iter().filter(|(_, (deleted, ..))| !deleted);
        rows.map(|(id, (_, is_final, said))| (id, (assert!(is_final, "{said:?}"), said).1)).collect()
    }
}

/// The same sessions, computed from a pile of events without any state: sort, cut, add up.
fn oracle(events: &[Made]) -> BTreeMap<u64, Said> {
    let mut rows = BTreeMap::new();
    for visitor in 0..3 {
        let mut mine: Vec<&Made> = events.iter().filter(|event| event.visitor == visitor).collect();
        mine.sort_by_key(|event| (event.at, id_hash(&format!("e{}", event.name))));
        mine.dedup_by_key(|event| event.name);
        let mut sessions: Vec<(Vec<&Made>, &'static str, bool)> = Vec::new();
        let (mut is_open, mut continues) = (false, false);
        let mut i = 0;
        while i < mine.len() {
            let event = mine[i];
            if is_open {
                let (session, why, _) = sessions.last_mut().unwrap();
                if event.at - session.last().unwrap().at > GAP {
                    (*why, is_open, continues) = ("gap", false, false);
                } else if event.at - session[0].at > LONGEST {
                    (*why, is_open, continues) = ("longest", false, true);
                } else if session.len() as u32 == MOST {
                    (*why, is_open, continues) = ("most", false, true);
                } else {
                    session.push(event);
                    i += 1;
                }
                continue;
            }
            if !event.kind.is_marketing() {
                sessions.push((vec![event], "gap", continues));
                is_open = true;
            }
            continues = false;
            i += 1;
        }
        for (session, why, is_continuation) in sessions {
            let first = |of: &dyn Fn(&Touchpoint<'_>) -> String| {
                session.iter().map(|event| of(&Touchpoint::decode(&event.bytes()).unwrap())).find(|s| !s.is_empty())
            };
            let text = |of: &dyn Fn(&Touchpoint<'_>) -> String| first(of).unwrap_or_default();
            let views: Vec<String> = session
                .iter()
                .filter(|event| event.kind.is_view())
                .map(|event| Touchpoint::decode(&event.bytes()).unwrap().page.to_owned())
                .collect();
            // In ten-thousandths, as stored.
            let scores: Vec<i64> = session.iter().filter_map(|e| e.score).map(|s| i64::from(s) * 100).collect();
            let count = |is: &dyn Fn(&Made) -> bool| session.iter().filter(|event| is(event)).count() as u32;
            let key = Key::visitor("shop", &format!("v{visitor}"));
            let said = (
                session[0].at,
                session.last().unwrap().at,
                why,
                is_continuation,
                [
                    count(&|e| e.kind != Kind::PagePing),
                    views.len() as u32,
                    count(&|e| e.kind == Kind::Purchase),
                    scores.len() as u32,
                ],
                session.iter().filter(|e| e.kind == Kind::Purchase).map(|e| e.revenue).sum(),
                [
                    views.first().cloned().unwrap_or_default(),
                    views.last().cloned().unwrap_or_default(),
                    text(&|t| t.campaign.to_owned()),
                    text(&|t| t.country.to_owned()),
                    text(&|t| t.customer.to_owned()),
                ],
                (!scores.is_empty()).then(|| (scores.iter().sum::<i64>() as f64 / 1e4 / scores.len() as f64) as f32),
            );
            rows.insert(session_id(key, id_hash(&format!("e{}", session[0].name))), said);
        }
    }
    rows
}

/// What happens between two touchpoints.
#[derive(Clone, Copy, Debug)]
enum Step {
    Next,
    Tick { wall: i64 },
    Restart,
}

fn made() -> impl Strategy<Value = Made> {
    const KINDS: [Kind; 7] = [
        Kind::PageView,
        Kind::Click,
        Kind::PagePing,
        Kind::MessageSent,
        Kind::Purchase,
        Kind::ScreenView,
        Kind::Comment,
    ];
    let first = (0u8..3, 0i64..30_000, 0usize..KINDS.len(), any::<u8>(), any::<u8>(), any::<u8>(), 0u8..6);
    (first, 0i64..100, proptest::option::of(-100i8..100)).prop_map(
        |((visitor, at, kind, page, campaign, country, customer), revenue, score)| Made {
            visitor,
            // Often on the edge of a gap.
            at: if at % 3 == 0 { at / GAP * GAP } else { at },
            name: 0,
            kind: KINDS[kind],
            page,
            campaign,
            country,
            customer,
            revenue,
            score,
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => Just(Step::Next),
        3 => (0i64..4_000).prop_map(|wall| Step::Tick { wall }),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..60)
}

/// Runs events in the order given. Ticks carry the highest watermark that makes none of the events to come late.
fn run(records: &[(i64, Vec<u8>)], steps: &[Step], expect: impl Fn(usize) -> Outcome) -> Table {
    let mut table = Table::default();
    let mut state = Sessions::new(book());
    let mut highest: Vec<i64> = records.iter().map(|(at, _)| *at).collect();
    for i in (1..highest.len()).rev() {
        highest[i - 1] = highest[i - 1].min(highest[i]);
    }
    let (mut i, mut wall, mut watermark) = (0, 1_000, EventTime::MIN);
    let mut turn = steps.iter().cycle();
    while i < records.len() {
        match turn.next().unwrap() {
            Step::Next => {
                let judged = state.touchpoint(&records[i].1, watermark, &mut table).unwrap();
                assert_eq!(judged.outcome, expect(i), "record {i}");
                i += 1;
            }
            Step::Tick { wall: ms } => {
                wall += ms;
                watermark = EventTime(highest[i] + LATENESS);
                table.this_tick.clear();
                state.tick(watermark, wall, &mut table);
            }
            Step::Restart => {
                let mut bytes = Vec::new();
                state.save(&mut bytes);
                state = Sessions::load(book(), &bytes).unwrap();
                let mut again = Vec::new();
                state.save(&mut again);
                assert_eq!(bytes, again, "a restored state is saved to the same bytes");
            }
        }
    }
    for ms in [0, 100_000] {
        table.this_tick.clear();
        wall += 10_000;
        state.tick(EventTime(60_000 + LATENESS + ms * 100_000), wall, &mut table);
    }
    assert_eq!((state.open_sessions(), state.open_conversations()), (0, 0));
    table
}

/// Puts `order` (random priorities) on events, but none more than the lateness behind another before it.
fn disorder(mut events: Vec<Made>, jitter: &[i64]) -> Vec<Made> {
    let mut keyed: Vec<(i64, Made)> =
        events.drain(..).enumerate().map(|(i, e)| (e.at + jitter[i % jitter.len()], e)).collect();
    keyed.sort_by_key(|(at, _)| *at);
    keyed.into_iter().map(|(_, event)| event).collect()
}

fn cases() -> ProptestConfig {
    let cases = std::env::var("CRUMBTRAIL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// How far events stray from their order: by up to `most` ms, in a pattern of random steps.
fn jitter() -> impl Strategy<Value = Vec<i64>> {
    let most = prop_oneof![Just(1), Just(300), Just(LATENESS), Just(40_000)];
    most.prop_flat_map(|most| proptest::collection::vec(0..most, 1..40))
}

fn check(mut events: Vec<Made>, jitter: &[i64], mut steps: Vec<Step>, repeats: &[prop::sample::Index]) {
    for (n, event) in events.iter_mut().enumerate() {
        event.name = n as u32;
    }
    steps.push(Step::Next);
    let truth = oracle(&events);
    let mut events = disorder(events, jitter);
    // Repeats come right after what they repeat: within the lateness for sure.
    let mut at: Vec<usize> = repeats.iter().map(|index| index.index(events.len())).collect();
    at.sort_unstable();
    at.dedup();
    for &n in at.iter().rev() {
        events.insert(n + 1, events[n].clone());
    }
    let records: Vec<(i64, Vec<u8>)> = events.iter().map(|event| (event.at, event.bytes())).collect();
    let is_repeat = |i: usize| i > 0 && events[i - 1].name == events[i].name;
    let table = run(&records, &steps, |i| if is_repeat(i) { Outcome::Duplicate } else { Outcome::Counted });
    assert_eq!(table.finals(), truth);
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn final_sessions_depend_on_the_set_of_events_alone(
        events in proptest::collection::vec(made(), 1..120),
        jitter in jitter(),
        steps in steps(),
        repeats in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        check(events, &jitter, steps, &repeats);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases().cases / 5, ..cases() })]

    /// One busy visitor: sessions are rolled over and folded while they go on.
    #[test]
    fn folding_and_rolling_over_change_nothing(
        mut events in proptest::collection::vec(made(), 200..400),
        jitter in jitter(),
        steps in steps(),
    ) {
        events.iter_mut().for_each(|event| event.visitor = 0);
        check(events, &jitter, steps, &[]);
    }
}
