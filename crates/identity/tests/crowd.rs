//! How many visitors of one customer link: whatever the order within the lateness, over ticks, restarts and several
//! partitions, touchpoints and standings end as a naive computation over everything says.

use crumbtrail_events::{EventTime, Key};
use crumbtrail_identity::{Customer, Evidence, How, IdKind, Identity, LinkRow, Out, Packing, Rules, Standing};
use crumbtrail_scratch::{Block, Scratch};
use proptest::prelude::*;
use std::collections::BTreeMap;

const DAY: i64 = 86_400_000;
const LOOK_BACK: i64 = 2 * DAY;
const LATENESS: i64 = DAY / 2;
const PARTITIONS: u8 = 2;
/// Customers whose claims to one id are kept.
const MOST_RIVALS: usize = 8;

#[derive(Clone, Copy, Debug)]
enum Said {
    Touch,
    Claim(u8),
    /// An operator links or unlinks.
    Operator(u8, bool),
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    visitor: u8,
    at: i64,
    delay: i64,
    said: Said,
    ticks: bool,
    restarts: bool,
}

fn rules((most_ids, most_ids_a_day): (u32, u32)) -> Rules {
    // Blocks of a few touchpoints, so that they fill.
    let packing = Packing { chunk_bytes: 100, block_chunks: 2, maps: 3 };
    Rules {
        look_back_ms: LOOK_BACK,
        lateness_ms: LATENESS,
        remember_ms: 1_000 * DAY,
        most_kept: 1_000,
        most_ids,
        most_ids_a_day,
        packing,
        ..Rules::default()
    }
}

/// Which touchpoints each person has, and the links as last told.
#[derive(Debug, Default, PartialEq)]
struct Tables {
    people: BTreeMap<Key, BTreeMap<u64, i64>>,
    links: BTreeMap<(String, String), Standing>,
}

impl Out for Tables {
    fn link(&mut self, row: &LinkRow<'_>) {
        assert_eq!((row.site, row.id_kind), ("shop", IdKind::Visitor));
        assert_eq!(row.reaches_from.is_some(), row.standing == Standing::Linked);
        self.links.insert((row.id.to_owned(), row.customer.to_owned()), row.standing);
    }

    fn hand_over(&mut self, passed: &[u8], from: Key, to: Key, name: &str) {
        assert_eq!(name, name_of(to), "who is a customer gets it under their name, nobody else under any");
        let id = u64::from_le_bytes(passed.try_into().unwrap());
        let at = self.people.get_mut(&from).and_then(|has| has.remove(&id)).expect("it was theirs");
        assert!(self.people.entry(to).or_default().insert(id, at).is_none(), "it was not theirs");
    }
}

fn visitor(n: u8) -> Key {
    Key::visitor("shop", &format!("v{n}"))
}

fn customer(n: u8) -> Key {
    Key::customer("shop", &format!("c{n}"))
}

/// The customer's id, if it is one's key.
fn name_of(person: Key) -> String {
    (0..=u8::MAX).find(|n| customer(*n) == person).map_or(String::new(), |n| format!("c{n}"))
}

/// Whose a touchpoint is; under their name, if it is a customer's.
fn whose(identity: &mut Identity, key: Key, at: EventTime, watermark: EventTime) -> Key {
    let Some(Customer { person, id }) = identity.person(key, at, watermark) else { return key };
    assert!(!id.is_empty() && id == name_of(person));
    person
}

fn play(arrivals: &[Arrival], bounds: (u32, u32)) -> Tables {
    let mut tables = Tables::default();
    let mut order: Vec<(i64, usize)> = arrivals.iter().enumerate().map(|(n, a)| (a.at + a.delay, n)).collect();
    order.sort_unstable();
    let mut partitions: Vec<Identity> = (0..PARTITIONS).map(|_| Identity::new(rules(bounds))).collect();
    let (mut watermark, mut scratch) = (EventTime::MIN, Scratch::new(std::env::temp_dir()));
    for (now, n) in order {
        let Arrival { visitor: v, at, said, ticks, restarts, .. } = arrivals[n];
        let identity = &mut partitions[usize::from(v % PARTITIONS)];
        let (key, at, event) = (visitor(v), EventTime(at), n as u64);
        let id = format!("v{v}");
        let (c, how) = match said {
            Said::Touch => (0, How::Seen),
            Said::Claim(c) => (c, How::Login),
            Said::Operator(c, _) => (c, How::Operator),
        };
        let (person, name) = (customer(c), format!("c{c}"));
        let id_kind = IdKind::Visitor;
        let evidence = Evidence { site: "shop", id_kind, id: &id, key, customer: &name, person, at, event, how };
        match said {
            Said::Touch => {
                let person = whose(identity, key, at, watermark);
                tables.people.entry(person).or_default().insert(event, at.0);
                identity.keep(key, at, &event.to_le_bytes());
            }
            Said::Operator(_, false) => identity.undo(&evidence, watermark, &mut tables).unwrap(),
            _ => identity.claim(&evidence, watermark, &mut tables).unwrap(),
        }
        if ticks {
            watermark = watermark.max(EventTime(now - LATENESS));
            identity.tick(watermark);
            identity.spill(&mut scratch).unwrap();
        }
        if restarts {
            let mut bytes = Vec::new();
            identity.save(&mut bytes);
            let blocks: Vec<Block> = identity.blocks().map(|(_, block)| Block::new(block.to_vec().unwrap())).collect();
            *identity = Identity::load(rules(bounds), &bytes, &blocks).unwrap();
            let mut again = Vec::new();
            identity.save(&mut again);
            assert_eq!(bytes, again);
        }
    }
    tables.people.retain(|_, has| !has.is_empty());
    tables
}

/// What was said of a visitor and a customer: the earliest claim, and the operator's last word.
#[derive(Clone, Copy, Default)]
struct Pair {
    claim: Option<(i64, usize)>,
    word: Option<(bool, (i64, usize))>,
}

/// The same from everything that was said, at once.
fn naive(arrivals: &[Arrival], (most, most_a_day): (u32, u32)) -> Tables {
    let mut pairs: BTreeMap<(u8, u8), Pair> = BTreeMap::new();
    let mut order: Vec<usize> = (0..arrivals.len()).collect();
    order.sort_unstable_by_key(|n| (arrivals[*n].at + arrivals[*n].delay, *n));
    for n in order {
        let Arrival { visitor, at, said, .. } = arrivals[n];
        match said {
            Said::Touch => {}
            Said::Claim(c) => {
                let claim = &mut pairs.entry((visitor, c)).or_default().claim;
                *claim = Some(claim.map_or((at, n), |first| first.min((at, n))));
            }
            Said::Operator(c, links) => {
                pairs.entry((visitor, c)).or_default().word = Some((links, (at, n)));
            }
        }
    }
    // Of each visitor the earliest are remembered.
    let has_words = pairs.values().any(|pair| pair.word.is_some());
    let all: Vec<(u8, u8, Pair)> = pairs.iter().map(|((v, c), pair)| (*v, *c, *pair)).collect();
    if !has_words {
        pairs.retain(|(v, _), pair| {
            let earlier = all.iter().filter(|(other, _, rival)| other == v && rival.claim < pair.claim);
            earlier.count() < MOST_RIVALS
        });
    }
    let counted = |partition: u8, c: u8| {
        let of = pairs.iter().filter(move |((v, other), pair)| {
            v % PARTITIONS == partition && *other == c && pair.word.is_none() && pair.claim.is_some()
        });
        of.map(|((v, _), pair)| (pair.claim.unwrap(), visitor(*v)))
    };
    let cut = |v: u8, c: u8, claim: (i64, usize)| {
        let ranks: Vec<((i64, usize), Key)> = counted(v % PARTITIONS, c).collect();
        let on = |day: i64| ranks.iter().filter(|((at, _), _)| at.div_euclid(DAY) == day).count();
        let is_shared =
            |((at, _), _): &&((i64, usize), Key)| most_a_day > 0 && on(at.div_euclid(DAY)) > most_a_day as usize;
        let shared = ranks.iter().filter(is_shared).map(|((at, _), _)| at.div_euclid(DAY)).min();
        let before = ranks.iter().filter(|(other, _)| *other < claim).count();
        if shared.is_some_and(|day| claim.0.div_euclid(DAY) >= day) {
            Some(Standing::Shared)
        } else {
            (most > 0 && before >= most as usize).then_some(Standing::OverLimit)
        }
    };
    let mut tables = Tables::default();
    let mut holders: BTreeMap<u8, (u8, i64)> = BTreeMap::new();
    for v in pairs.keys().map(|(v, _)| *v) {
        let of = pairs.iter().filter(|((other, _), _)| *other == v);
        // An operator's last word, else the earliest claim that is not cut.
        let said = of.clone().filter_map(|((_, c), pair)| match pair.word {
            Some((true, said)) => Some((said, *c)),
            _ => None,
        });
        let claimed = of.filter_map(|((_, c), pair)| match (pair.word, pair.claim) {
            (None, Some(claim)) if cut(v, *c, claim).is_none() => Some((claim, *c)),
            _ => None,
        });
        if let Some((_, c)) = said.max() {
            holders.insert(v, (c, i64::MIN));
        } else if let Some(((at, _), c)) = claimed.min() {
            holders.insert(v, (c, at - LOOK_BACK));
        }
    }
    for ((v, c), pair) in &pairs {
        let is_holder = holders.get(v).is_some_and(|(held, _)| held == c);
        let standing = match (pair.word, pair.claim) {
            (Some((false, _)), _) => Standing::Undone,
            _ if is_holder => Standing::Linked,
            (None, Some(claim)) => cut(*v, *c, claim).unwrap_or(Standing::Rival),
            _ => Standing::Rival,
        };
        tables.links.insert((format!("v{v}"), format!("c{c}")), standing);
    }
    for (n, Arrival { visitor: v, at, said, .. }) in arrivals.iter().enumerate() {
        if let Said::Touch = said {
            let held = holders.get(v).filter(|(_, from)| at >= from);
            let whose = held.map_or(visitor(*v), |(c, _)| customer(*c));
            tables.people.entry(whose).or_default().insert(n as u64, *at);
        }
    }
    tables
}

fn arrival(said: impl Strategy<Value = Said>, visitors: u8) -> impl Strategy<Value = Arrival> {
    let quarter = DAY / 4;
    (0..visitors, -4i64..20, 0..=2i64, said, prop::bool::ANY, prop::bool::weighted(0.1)).prop_map(
        move |(visitor, at, delay, said, ticks, restarts)| Arrival {
            visitor,
            at: at * quarter,
            delay: delay * quarter,
            said,
            ticks,
            restarts,
        },
    )
}

fn claims(customers: u8) -> impl Strategy<Value = Said> {
    prop_oneof![1 => Just(Said::Touch), 1 => (0..customers).prop_map(Said::Claim)]
}

fn words() -> impl Strategy<Value = Said> {
    prop_oneof![
        3 => Just(Said::Touch),
        4 => (0u8..2).prop_map(Said::Claim),
        1 => (0u8..2, prop::bool::ANY).prop_map(|(c, links)| Said::Operator(c, links)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn the_least_link_in_any_order(
        arrivals in prop::collection::vec(arrival(claims(2), 14), 1..80),
        delays in prop::collection::vec(0..=2i64, 80),
        bounds in (0u32..5, 0u32..4),
    ) {
        let expected = naive(&arrivals, bounds);
        prop_assert_eq!(&play(&arrivals, bounds), &expected);
        let other: Vec<Arrival> = arrivals.iter().zip(delays).map(|(a, n)| Arrival { delay: n * DAY / 4, ..*a }).collect();
        prop_assert_eq!(&play(&other, bounds), &expected);
    }

    /// A ninth customer's claim to an id makes another's go, and with it that one's place among its customer's.
    #[test]
    fn claims_that_are_not_remembered_take_no_place(
        arrivals in prop::collection::vec(arrival(claims(12), 4), 40..120),
        bounds in (0u32..3, 0u32..2),
    ) {
        let expected = naive(&arrivals, bounds);
        let mut tables = play(&arrivals, bounds);
        tables.links.retain(|pair, _| expected.links.contains_key(pair));
        prop_assert_eq!(tables, expected);
    }

    #[test]
    fn operators_links_take_no_place_and_are_not_cut(
        arrivals in prop::collection::vec(arrival(words(), 8), 1..60),
        bounds in (0u32..4, 0u32..4),
    ) {
        // In one breath: nothing is too old to change hands.
        let arrivals: Vec<Arrival> = arrivals.into_iter().map(|a| Arrival { ticks: false, delay: 0, ..a }).collect();
        prop_assert_eq!(play(&arrivals, bounds), naive(&arrivals, bounds));
    }
}

/// A customer who had too many visitors gets no place back when they are forgotten, not after a restart either.
#[test]
fn who_had_too_many_is_not_forgotten_with_their_visitors() {
    let rules = Rules { remember_ms: 10 * DAY, ..rules((2, 0)) };
    let (mut identity, mut tables) = (Identity::new(rules), Tables::default());
    let claim = |identity: &mut Identity, tables: &mut Tables, n: u8, at: i64| {
        let (id, customer) = (format!("v{n}"), customer(0));
        let evidence = Evidence {
            site: "shop",
            id_kind: IdKind::Visitor,
            id: &id,
            key: visitor(n),
            customer: "c0",
            person: customer,
            at: EventTime(at),
            event: u64::from(n),
            how: How::Login,
        };
        identity.claim(&evidence, EventTime(at), tables).unwrap();
        tables.links[&(id, "c0".to_owned())]
    };
    let first: Vec<Standing> = (0..3).map(|n| claim(&mut identity, &mut tables, n, i64::from(n))).collect();
    assert_eq!(first, [Standing::Linked, Standing::Linked, Standing::OverLimit]);
    let later = EventTime(100 * DAY);
    for n in 0..3 {
        assert_eq!(identity.person(visitor(n), later, later), None, "forgotten");
    }
    let mut bytes = Vec::new();
    identity.save(&mut bytes);
    let mut again = Identity::load(rules, &bytes, &[]).unwrap();
    for identity in [&mut identity, &mut again] {
        assert_eq!(claim(identity, &mut tables, 3, later.0), Standing::OverLimit);
    }
}
