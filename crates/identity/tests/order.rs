//! Whoever a touchpoint ends with depends on what was said alone: not on the order it was said in within the lateness, not
//! on ticks or restarts. And it is whom a naive computation over everything names.

use crumbtrail_events::{EventTime, Key};
use crumbtrail_identity::{Customer, Evidence, How, IdKind, Identity, LinkRow, Mark, Out, Packing, Rules, Standing};
use crumbtrail_scratch::{Block, Scratch};
use proptest::prelude::*;
use std::collections::BTreeMap;

const LOOK_BACK: i64 = 300;
const LATENESS: i64 = 50;
const BEFORE_LOGIN: i64 = 30;

fn rules() -> Rules {
    // Blocks of a few touchpoints, so that they fill.
    let packing = Packing { chunk_bytes: 100, block_chunks: 2, maps: 3 };
    Rules {
        look_back_ms: LOOK_BACK,
        lateness_ms: LATENESS,
        before_login_ms: BEFORE_LOGIN,
        remember_ms: 100_000,
        most_kept: 1_000,
        packing,
        ..Rules::default()
    }
}

#[derive(Clone, Debug)]
enum Said {
    /// An anonymous touchpoint.
    Touch,
    /// A claim for a customer.
    Claim(u8),
    /// A click names a customer.
    Named(u8),
    /// An operator links or unlinks.
    Operator(u8, bool),
}

#[derive(Clone, Debug)]
struct Arrival {
    visitor: u8,
    at: i64,
    delay: i64,
    said: Said,
    ticks: bool,
    restarts: bool,
}

/// The journeys: which touchpoints each person has, and the links as last told.
#[derive(Debug, Default)]
struct Tables {
    people: BTreeMap<Key, BTreeMap<u64, i64>>,
    links: BTreeMap<(String, String), (Standing, Option<i64>)>,
}

impl Out for Tables {
    fn link(&mut self, row: &LinkRow<'_>) {
        let key = (row.id.to_owned(), row.customer.to_owned());
        self.links.insert(key, (row.standing, row.claimed_at.map(|at| at.0)));
    }

    fn hand_over(&mut self, passed: &[u8], from: Key, to: Key, name: &str) {
        assert_eq!(name, name_of(to), "who is a customer gets it under their name, nobody else under any");
        let id = u64::from_le_bytes(passed.try_into().unwrap());
        let at = self.people.get_mut(&from).and_then(|has| has.remove(&id)).expect("it was theirs");
        assert!(self.people.entry(to).or_default().insert(id, at).is_none(), "it was not theirs");
    }
}

/// An operator's: whether it links, when it was said, and as which arrival.
type Word = (bool, i64, usize);
/// A claim: when, and as which arrival.
type Claimed = (i64, usize);

fn visitor(n: u8) -> Key {
    Key::visitor("shop", &format!("v{n}"))
}

fn customer(n: u8) -> Key {
    Key::customer("shop", &format!("c{n}"))
}

/// The customer's id, if it is one's key.
fn name_of(person: Key) -> String {
    (0..3).find(|n| customer(*n) == person).map_or(String::new(), |n| format!("c{n}"))
}

/// Whose a touchpoint is; under their name, if it is a customer's.
fn whose(identity: &mut Identity, key: Key, at: EventTime, watermark: EventTime) -> Key {
    let Some(Customer { person, id }) = identity.person(key, at, watermark) else { return key };
    assert!(!id.is_empty() && id == name_of(person));
    person
}

fn play(arrivals: &[Arrival]) -> Tables {
    let mut identity = Identity::new(rules());
    let mut tables = Tables::default();
    let mut order: Vec<(i64, usize)> = arrivals.iter().enumerate().map(|(n, a)| (a.at + a.delay, n)).collect();
    order.sort_unstable();
    let mut watermark = EventTime::MIN;
    let mut marks: Vec<(u8, Mark)> = Vec::new();
    let mut scratch = Scratch::new(std::env::temp_dir());
    for (now, n) in order {
        let Arrival { visitor: v, at, ref said, ticks, restarts, .. } = arrivals[n];
        let (key, at, id) = (visitor(v), EventTime(at), n as u64);
        let name = format!("v{v}");
        let evidence = |customer: &'static str, person, how| Evidence {
            site: "shop",
            id_kind: IdKind::Visitor,
            id: &name,
            key,
            customer,
            person,
            at,
            event: id,
            how,
        };
        let names = ["c0", "c1", "c2"];
        match *said {
            Said::Touch => {
                let person = whose(&mut identity, key, at, watermark);
                tables.people.entry(person).or_default().insert(id, at.0);
                identity.keep(key, at, &id.to_le_bytes());
            }
            Said::Claim(c) => {
                identity
                    .claim(&evidence(names[usize::from(c)], customer(c), How::Seen), watermark, &mut tables)
                    .unwrap();
            }
            Said::Named(c) => {
                let mark = (at, id, customer(c));
                // What sessions still know: no more than what may change things.
                marks.retain(|(of, mark)| *of != v || mark.0 >= watermark.plus(-LATENESS - 2 * BEFORE_LOGIN));
                marks.push((v, mark));
                if !identity.is_known(key, mark, watermark) {
                    let known = |from: Mark, to: Mark| {
                        let of = marks.iter().filter(|(of, mark)| *of == v && *mark >= from && *mark <= to);
                        of.map(|(_, mark)| *mark).collect()
                    };
                    let evidence = evidence(names[usize::from(c)], customer(c), How::Seen);
                    identity.named(&evidence, watermark, known, &mut tables).unwrap();
                }
            }
            Said::Operator(c, true) => {
                identity
                    .claim(&evidence(names[usize::from(c)], customer(c), How::Operator), watermark, &mut tables)
                    .unwrap();
            }
            Said::Operator(c, false) => {
                identity
                    .undo(&evidence(names[usize::from(c)], customer(c), How::Operator), watermark, &mut tables)
                    .unwrap();
            }
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
            identity.begin_save();
            let in_parts = std::iter::repeat_with(|| identity.save_on(100)).flatten().next().expect("it ends");
            identity = Identity::load(rules(), &in_parts.concat(), &blocks).unwrap();
            let mut again = Vec::new();
            identity.save(&mut again);
            assert_eq!(bytes, again);
        }
    }
    tables.people.retain(|_, has| !has.is_empty());
    tables
}

/// Who is named last by a click before `at`, or soon after it and long after that; of the customers that count.
fn turn(named: &[(i64, usize, u8)], at: i64) -> Option<u8> {
    let last = named.iter().filter(|(said, ..)| *said <= at).max();
    let next = named.iter().filter(|(said, ..)| *said > at).min().filter(|(said, ..)| said - at <= BEFORE_LOGIN);
    let next = next.filter(|_| last.is_none_or(|(said, ..)| at - said > BEFORE_LOGIN));
    next.or(last).map(|(.., c)| *c)
}

/// The same from everything that was said, at once.
fn naive(arrivals: &[Arrival]) -> BTreeMap<Key, BTreeMap<u64, i64>> {
    let mut people: BTreeMap<Key, BTreeMap<u64, i64>> = BTreeMap::new();
    for v in 0..3 {
        let of = |n: usize, a: &Arrival| if a.visitor == v { Some((a.at, n, a.said.clone())) } else { None };
        let said: Vec<(i64, usize, Said)> = arrivals.iter().enumerate().filter_map(|(n, a)| of(n, a)).collect();
        let claim = |(at, n, said): &(i64, usize, Said)| match said {
            Said::Claim(c) | Said::Named(c) => Some((*at, *n, *c)),
            _ => None,
        };
        let first = said.iter().filter_map(claim).min();
        let named = said.iter().filter(|(.., said)| matches!(said, Said::Named(_)));
        let named: Vec<(i64, usize, u8)> = named.filter_map(claim).collect();
        for (at, n, said) in &said {
            if let Said::Touch = said {
                let held = first.filter(|(claimed, ..)| *at >= claimed - LOOK_BACK).map(|(.., c)| c);
                let whose = turn(&named, *at).or(held).map_or(visitor(v), customer);
                people.entry(whose).or_default().insert(*n as u64, *at);
            }
        }
    }
    people
}

fn arrival(said: impl Strategy<Value = Said>, most_late: i64) -> impl Strategy<Value = Arrival> {
    (0u8..3, 0i64..1_000, 0..=most_late, said, prop::bool::ANY, prop::bool::weighted(0.1))
        .prop_map(|(visitor, at, delay, said, ticks, restarts)| Arrival { visitor, at, delay, said, ticks, restarts })
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        6 => Just(Said::Touch),
        1 => (0u8..3).prop_map(Said::Claim),
        2 => (0u8..3).prop_map(Said::Named),
    ]
}

fn said_with_operators() -> impl Strategy<Value = Said> {
    prop_oneof![
        6 => Just(Said::Touch),
        1 => (0u8..3).prop_map(Said::Claim),
        2 => (0u8..3).prop_map(Said::Named),
        1 => (0u8..3, prop::bool::ANY).prop_map(|(c, links)| Said::Operator(c, links)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn order_ticks_and_restarts_do_not_matter(
        arrivals in prop::collection::vec(arrival(said(), LATENESS), 1..60),
        delays in prop::collection::vec(0..=LATENESS, 60),
    ) {
        let expected = naive(&arrivals);
        prop_assert_eq!(&play(&arrivals).people, &expected);
        let other: Vec<Arrival> =
            arrivals.iter().zip(delays).map(|(a, delay)| Arrival { delay, ..a.clone() }).collect();
        prop_assert_eq!(&play(&other).people, &expected);
    }

    /// Links and unlinks at random end in what the last words of the operators and the least claim say.
    #[test]
    fn whatever_operators_do_the_tables_are_those_of_their_last_words(
        arrivals in prop::collection::vec(arrival(said_with_operators(), 0), 1..60),
    ) {
        // In one breath: nothing is too old to change hands.
        let arrivals: Vec<Arrival> = arrivals.into_iter().map(|a| Arrival { ticks: false, ..a }).collect();
        let tables = play(&arrivals);
        let mut people: BTreeMap<Key, BTreeMap<u64, i64>> = BTreeMap::new();
        for v in 0..3 {
            let mut order: Vec<(i64, usize)> =
                arrivals.iter().enumerate().filter(|(_, a)| a.visitor == v).map(|(n, a)| (a.at, n)).collect();
            order.sort_unstable();
            // (operator's last word, earliest claim) of each customer.
            let mut words: [(Option<Word>, Option<Claimed>); 3] = Default::default();
            for &(at, n) in &order {
                match arrivals[n].said {
                    Said::Touch => {}
                    Said::Claim(c) | Said::Named(c) => {
                        words[usize::from(c)].1.get_or_insert((at, n));
                    }
                    Said::Operator(c, links) => {
                        words[usize::from(c)].0 = Some((links, at, n));
                    }
                }
            }
            // An operator's last word, else the earliest claim.
            let said_last = (0..3u8)
                .filter_map(|c| match words[usize::from(c)].0 {
                    Some((true, at, n)) => Some((at, n, c)),
                    _ => None,
                })
                .max();
            let claimed_first = (0..3u8)
                .filter_map(|c| match words[usize::from(c)] {
                    (None, Some((at, n))) => Some((at, n, c)),
                    _ => None,
                })
                .min();
            let holder = match said_last {
                Some((at, n, c)) => Some((false, at, n, c)),
                None => claimed_first.map(|(at, n, c)| (true, at, n, c)),
            };
            // Turns are those of whom no operator spoke of, if none holds it by their word.
            let named = |&(at, n): &(i64, usize)| match arrivals[n].said {
                Said::Named(c) if said_last.is_none() && words[usize::from(c)].0.is_none() => Some((at, n, c)),
                _ => None,
            };
            let named: Vec<(i64, usize, u8)> = order.iter().filter_map(named).collect();
            for &(at, n) in &order {
                if let Said::Touch = arrivals[n].said {
                    let whose = holder.filter(|(is_seen, claimed, ..)| !is_seen || at >= claimed - LOOK_BACK);
                    let whose = turn(&named, at).or(whose.map(|(.., c)| c)).map_or(visitor(v), customer);
                    people.entry(whose).or_default().insert(n as u64, at);
                }
            }
            for c in 0..3u8 {
                let standing = tables.links.get(&(format!("v{v}"), format!("c{c}"))).map(|(standing, _)| *standing);
                let expected = match words[usize::from(c)] {
                    (None, None) => None,
                    (Some((false, ..)), _) => Some(Standing::Undone),
                    _ if holder.is_some_and(|(.., held)| held == c) => Some(Standing::Linked),
                    _ => Some(Standing::Rival),
                };
                prop_assert_eq!(standing, expected, "v{} and c{}", v, c);
            }
        }
        prop_assert_eq!(tables.people, people);
    }
}
