//! On a device that several customers use, the whole sessionize step passes each touchpoint on to whose turn it was: whatever the order
//! within the lateness, however it is ticked and restored.

use std::collections::BTreeMap;

use crumbtrail_events::touchpoint::{Head, Role, To};
use crumbtrail_events::{EventTime, Key, Kind, Outcome, Touchpoint};
use crumbtrail_runtime::step::Effects;
use crumbtrail_runtime::{Context, Step as _};
use crumbtrail_sessions::{Limits, RuleBook, Rules};
use crumbtrail_steps::{Place, Ruling, Sessionize};
use proptest::prelude::*;

const SPAN: i64 = 2_000;
const GAP: i64 = 60;
const BEFORE_LOGIN: i64 = 60;
const LOOK_BACK: i64 = 500;
const LATENESS: i64 = 150;

const NAMES: [&str; 4] = ["", "a", "b", "c"];

#[derive(Clone, Debug)]
struct Made {
    visitor: usize,
    at: i64,
    delay: i64,
    /// Whom it names, if anybody.
    customer: usize,
    kind: Kind,
    ticks: bool,
    restarts: bool,
}

fn made() -> impl Strategy<Value = Made> {
    let kind = prop_oneof![4 => Just(Kind::PageView), 1 => Just(Kind::Login), 1 => Just(Kind::MessageOpened)];
    let who = (0usize..2, prop_oneof![3 => Just(0usize), 1 => 1usize..4]);
    let when = (0..SPAN, prop_oneof![Just(0), 0..LATENESS]);
    (who, when, kind, any::<bool>(), prop::bool::weighted(0.05)).prop_map(
        |((visitor, customer), (at, delay), kind, ticks, restarts)| {
            let at = if at % 3 == 0 { at / GAP * GAP } else { at };
            Made { visitor, at, delay, customer, kind, ticks, restarts }
        },
    )
}

fn visitor(n: usize) -> String {
    format!("v{n}")
}

fn step() -> Sessionize {
    let limits = Limits { gap_ms: GAP, lateness_ms: LATENESS, ..Limits::default() };
    let book = RuleBook { default: Rules { limits, ..Rules::default() }, ..RuleBook::default() };
    let identity = crumbtrail_identity::Rules {
        look_back_ms: LOOK_BACK,
        before_login_ms: BEFORE_LOGIN,
        lateness_ms: LATENESS,
        ..crumbtrail_identity::Rules::default()
    };
    Sessionize::new(Ruling::fixed(book), identity, false, Place { partition: 0, of: 1 })
}

/// In whose journey each touchpoint ends.
fn play(all: &[Made], delays: impl Fn(usize) -> i64) -> BTreeMap<u64, Key> {
    let mut order: Vec<(i64, usize)> = all.iter().enumerate().map(|(n, made)| (made.at + delays(n), n)).collect();
    order.sort_unstable();
    let (mut own, mut whose) = (step(), BTreeMap::new());
    let mut watermark = EventTime::MIN;
    for (now, n) in order {
        let Made { visitor: v, at, customer, kind, ticks, restarts, .. } = all[n];
        let name = visitor(v);
        let head = Head {
            outcome: Outcome::Counted,
            kind,
            key: Key::visitor("shop", &name),
            id: n as u64,
            occurred_at: EventTime(at),
        };
        let mut payload = Vec::new();
        Touchpoint { head, site: "shop", visitor: &name, customer: NAMES[customer], ..Touchpoint::default() }
            .encode(&mut payload);
        let mut effects = Effects::new(own.tables());
        let context = Context { version: n as u64, watermark, wall_ms: 0 };
        own.record(&payload, context, &mut effects).unwrap();
        assert_eq!(effects.counts.of(Outcome::Counted), 1, "nothing is late");
        for (to, range) in &effects.passed {
            let passed = Touchpoint::decode(&effects.passed_bytes[range.clone()]).unwrap();
            let To::Key(key) = *to else { panic!("to all") };
            if passed.role == Role::Taken {
                assert_eq!(whose.remove(&passed.head.id), Some(key), "it is taken from whom it was with");
            } else {
                assert_eq!(whose.insert(passed.head.id, key), None, "it is with nobody else");
            }
        }
        if ticks {
            watermark = watermark.max(EventTime(now - LATENESS));
            own.tick(Context { version: n as u64, watermark, wall_ms: now }, &mut effects).unwrap();
        }
        if restarts {
            let mut bytes = Vec::new();
            own.save(&mut bytes);
            let blocks: Vec<_> = own.blocks().into_iter().map(|(_, block)| block).collect();
            own = step();
            own.load(&bytes, &blocks).unwrap();
        }
    }
    whose
}

/// The rule, of everything at once.
fn naive(all: &[Made]) -> BTreeMap<u64, Key> {
    let mut whose = BTreeMap::new();
    for (n, made) in all.iter().enumerate() {
        let of = |other: &&(usize, &Made)| other.1.visitor == made.visitor && other.1.customer > 0;
        let all: Vec<(usize, &Made)> = all.iter().enumerate().collect();
        let claims = all.iter().filter(of).map(|(n, made)| (made.at, *n, made.customer));
        let marks: Vec<_> = all
            .iter()
            .filter(of)
            .filter(|(_, made)| !made.kind.is_marketing())
            .map(|(n, made)| (made.at, *n, made.customer))
            .collect();
        let last = marks.iter().filter(|(at, ..)| *at <= made.at).max();
        let next = marks.iter().filter(|(at, ..)| *at > made.at).min().filter(|(at, ..)| at - made.at <= BEFORE_LOGIN);
        let next = next.filter(|_| last.is_none_or(|(at, ..)| made.at - at > BEFORE_LOGIN));
        let held = claims.min().filter(|(at, ..)| made.at >= at - LOOK_BACK);
        let customer = match made.customer {
            0 => next.or(last).copied().or(held).map_or(0, |(.., customer)| customer),
            named => named,
        };
        let own = Key::visitor("shop", &visitor(made.visitor));
        let person = if customer == 0 { own } else { Key::customer("shop", NAMES[customer]) };
        whose.insert(n as u64, person);
    }
    whose
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_touchpoint_ends_with_whose_turn_it_was(
        all in prop::collection::vec(made(), 1..80),
        delays in prop::collection::vec(0..LATENESS, 80),
    ) {
        let expected = naive(&all);
        prop_assert_eq!(&play(&all, |n| all[n].delay), &expected);
        prop_assert_eq!(&play(&all, |n| delays[n]), &expected);
    }
}
