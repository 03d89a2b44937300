//! Customers with more than one id: in whatever order each partition hears of what was said, and whatever restarts, every
//! touchpoint ends with the person that a naive computation over everything names.

use crumbtrail_events::{EventTime, Key};
use crumbtrail_identity::{
    AliasEvidence, Customer, Evidence, How, IdKind, Identity, LinkRow, Out, Packing, Rules, Standing,
};
use crumbtrail_scratch::Block;
use proptest::prelude::*;
use std::collections::BTreeMap;

const LOOK_BACK: i64 = 300;
const LATENESS: i64 = 50;
const PARTITIONS: u32 = 3;
const CUSTOMERS: [&str; 5] = ["c0", "c1", "c2", "c3", "c4"];

fn rules() -> Rules {
    let packing = Packing { chunk_bytes: 100, block_chunks: 2, maps: 3 };
    Rules {
        look_back_ms: LOOK_BACK,
        lateness_ms: LATENESS,
        remember_ms: 100_000,
        most_kept: 1_000,
        packing,
        ..Rules::default()
    }
}

#[derive(Clone, Copy, Debug)]
enum Said {
    /// A touchpoint of a visitor, anonymous or a customer's.
    Touch(u8, Option<usize>),
    /// The first customer is another id of the second.
    Alias(usize, usize),
    /// An operator says so, or that it is not so.
    Operator(usize, usize, bool),
}

#[derive(Clone, Debug)]
struct Arrival {
    at: i64,
    /// How much later each partition hears of it.
    delays: [i64; PARTITIONS as usize],
    said: Said,
    ticks: bool,
    restarts: bool,
}

fn visitor(n: u8) -> Key {
    Key::visitor("shop", &format!("v{n}"))
}

fn customer(n: usize) -> Key {
    Key::customer("shop", CUSTOMERS[n])
}

/// The journeys: which touchpoints each person has, under which name they were told last, and the links as last told.
#[derive(Debug, Default)]
struct Tables {
    people: BTreeMap<Key, BTreeMap<u64, String>>,
    links: BTreeMap<(String, String), Standing>,
}

impl Out for Tables {
    fn link(&mut self, row: &LinkRow<'_>) {
        if row.id_kind == IdKind::Customer {
            self.links.insert((row.id.to_owned(), row.customer.to_owned()), row.standing);
        }
    }

    fn hand_over(&mut self, passed: &[u8], from: Key, to: Key, name: &str) {
        let id = u64::from_le_bytes(passed.try_into().unwrap());
        self.people.get_mut(&from).and_then(|has| has.remove(&id)).expect("it was theirs");
        let before = self.people.entry(to).or_default().insert(id, name.to_owned());
        assert!(before.is_none(), "it was not theirs");
    }
}

fn hear(
    identity: &mut Identity,
    partition: u32,
    id: u64,
    arrival: &Arrival,
    watermark: EventTime,
    tables: &mut Tables,
) {
    let at = EventTime(arrival.at);
    match arrival.said {
        Said::Touch(v, named) => {
            let key = visitor(v);
            if key.partition(PARTITIONS) != partition {
                return;
            }
            let (key, own, to) = match named {
                None => (key, "", identity.person(key, at, watermark)),
                Some(c) => {
                    let evidence = Evidence {
                        site: "shop",
                        id_kind: IdKind::Visitor,
                        id: "v",
                        key,
                        customer: CUSTOMERS[c],
                        person: customer(c),
                        at,
                        event: id,
                        how: How::Seen,
                    };
                    identity.claim(&evidence, watermark, tables).unwrap();
                    (customer(c), CUSTOMERS[c], identity.customer(customer(c), at, watermark))
                }
            };
            let Customer { person, id: name } = to.unwrap_or(Customer { person: key, id: own });
            assert!(tables.people.entry(person).or_default().insert(id, name.to_owned()).is_none());
            identity.keep(key, at, &id.to_le_bytes());
        }
        Said::Alias(a, b) | Said::Operator(a, b, _) => {
            let evidence = AliasEvidence {
                site: "shop",
                alias: CUSTOMERS[a],
                alias_key: customer(a),
                customer: CUSTOMERS[b],
                person: customer(b),
                at,
                event: id,
                is_operator: matches!(arrival.said, Said::Operator(..)),
                is_so: !matches!(arrival.said, Said::Operator(_, _, false)),
                is_home: customer(a).partition(PARTITIONS) == partition,
            };
            identity.alias(&evidence, watermark, tables).unwrap();
        }
    }
}

fn play(arrivals: &[Arrival]) -> Tables {
    let mut tables = Tables::default();
    for partition in 0..PARTITIONS {
        let mut identity = Identity::new(rules());
        let now = |n: usize| arrivals[n].at + arrivals[n].delays[partition as usize];
        let mut order: Vec<usize> = (0..arrivals.len()).collect();
        order.sort_by_key(|n| (now(*n), *n));
        let mut watermark = EventTime::MIN;
        for n in order {
            hear(&mut identity, partition, n as u64, &arrivals[n], watermark, &mut tables);
            if arrivals[n].ticks {
                watermark = watermark.max(EventTime(now(n) - LATENESS));
                identity.tick(watermark);
            }
            if arrivals[n].restarts {
                let mut bytes = Vec::new();
                identity.save(&mut bytes);
                let blocks: Vec<Block> = identity.blocks().map(|(_, block)| block.clone()).collect();
                identity = Identity::load(rules(), &bytes, &blocks).unwrap();
                let mut again = Vec::new();
                identity.save(&mut again);
                assert_eq!(bytes, again);
            }
        }
    }
    tables.people.retain(|_, has| !has.is_empty());
    tables
}

/// Whose id each customer's is, and from when on what is the one's is the other's.
type Arrows = BTreeMap<usize, (usize, i64)>;

/// What was said of which ids stands how, and the arrows that follow: worked out anew for every pair, from the least on.
fn arrows(arrivals: &[Arrival]) -> (Arrows, BTreeMap<(usize, usize), Standing>) {
    let mut firsts: BTreeMap<(usize, usize), (i64, usize)> = BTreeMap::new();
    let mut words: BTreeMap<(usize, usize), (i64, usize, bool)> = BTreeMap::new();
    for (n, arrival) in arrivals.iter().enumerate() {
        match arrival.said {
            Said::Alias(a, b) if a != b => {
                let first = firsts.entry((a, b)).or_insert((arrival.at, n));
                *first = (arrival.at, n).min(*first);
            }
            Said::Operator(a, b, links) if a != b => {
                let last = words.entry((a, b)).or_insert((arrival.at, n, links));
                *last = (arrival.at, n, links).max(*last);
            }
            _ => {}
        }
    }
    let mut standings: BTreeMap<(usize, usize), Standing> = BTreeMap::new();
    let mut claims = Vec::new();
    for pair in firsts.keys().chain(words.keys()) {
        standings.insert(*pair, Standing::Undone);
        match (words.get(pair), firsts.get(pair)) {
            (Some((at, n, true)), _) => claims.push((0, *at, *n, *pair, i64::MIN)),
            (None, Some((at, n))) => claims.push((1, *at, *n, *pair, at - LOOK_BACK)),
            _ => {}
        }
    }
    claims.sort_unstable();
    claims.dedup();
    let mut arrows = Arrows::new();
    for (.., (a, b), from) in claims {
        let standing = if arrows.contains_key(&a) {
            Standing::Rival
        } else if std::iter::successors(Some(b), |at| arrows.get(at).map(|(next, _)| *next)).any(|at| at == a) {
            Standing::Circle
        } else {
            arrows.insert(a, (b, from));
            Standing::Linked
        };
        standings.insert((a, b), standing);
    }
    (arrows, standings)
}

/// The people from everything that was said, at once, and the name each touchpoint is told under.
fn naive(arrivals: &[Arrival], arrows: &Arrows) -> BTreeMap<Key, BTreeMap<u64, usize>> {
    let mut people: BTreeMap<Key, BTreeMap<u64, usize>> = BTreeMap::new();
    for (n, arrival) in arrivals.iter().enumerate() {
        let Said::Touch(v, named) = arrival.said else { continue };
        let first = arrivals.iter().enumerate().filter_map(|(n, other)| match other.said {
            Said::Touch(w, Some(c)) if w == v => Some((other.at, n, c)),
            _ => None,
        });
        let held = first.min().filter(|(at, ..)| arrival.at >= at - LOOK_BACK).map(|(.., c)| c);
        let mut person = named.or(held);
        while let Some((next, from)) = person.and_then(|c| arrows.get(&c)).filter(|(_, from)| arrival.at >= *from) {
            let _ = from;
            person = Some(*next);
        }
        let key = person.map_or(visitor(v), customer);
        people.entry(key).or_default().insert(n as u64, person.unwrap_or(usize::MAX));
    }
    people
}

fn assert_right(arrivals: &[Arrival]) {
    let tables = play(arrivals);
    let (arrows, standings) = arrows(arrivals);
    let expected = naive(arrivals, &arrows);
    let ids = |people: &BTreeMap<Key, BTreeMap<u64, _>>| -> BTreeMap<Key, Vec<u64>> {
        people.iter().map(|(key, has): (&Key, &BTreeMap<u64, usize>)| (*key, has.keys().copied().collect())).collect()
    };
    let found: BTreeMap<Key, Vec<u64>> =
        tables.people.iter().map(|(key, has)| (*key, has.keys().copied().collect())).collect();
    assert_eq!(found, ids(&expected));
    for (key, has) in &tables.people {
        for (id, name) in has {
            let person = expected[key][id];
            assert_eq!(name, CUSTOMERS.get(person).unwrap_or(&""), "the name {id} is told under");
        }
    }
    let told: BTreeMap<(String, String), Standing> = standings
        .into_iter()
        .map(|((a, b), standing)| ((CUSTOMERS[a].to_owned(), CUSTOMERS[b].to_owned()), standing))
        .collect();
    assert_eq!(tables.links, told);
}

fn touch() -> impl Strategy<Value = Said> {
    (0u8..4, prop::option::of(0usize..5)).prop_map(|(v, c)| Said::Touch(v, c))
}

fn alias() -> impl Strategy<Value = Said> {
    (0usize..5, 0usize..5).prop_map(|(a, b)| Said::Alias(a, b))
}

fn arrival(said: impl Strategy<Value = Said>, most_late: i64) -> impl Strategy<Value = Arrival> {
    let delays = [0..=most_late, 0..=most_late, 0..=most_late];
    (0i64..1_000, delays, said, prop::bool::ANY, prop::bool::weighted(0.1))
        .prop_map(|(at, delays, said, ticks, restarts)| Arrival { at, delays, said, ticks, restarts })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn order_ticks_and_restarts_do_not_matter(
        arrivals in prop::collection::vec(arrival(prop_oneof![4 => touch(), 1 => alias()], LATENESS), 1..60),
    ) {
        assert_right(&arrivals);
    }

    /// In one breath: nothing is too old to change hands. Each partition hears the operators in an order of its own.
    #[test]
    fn whatever_operators_say_in_whatever_order_their_last_words_hold(
        arrivals in prop::collection::vec(arrival(prop_oneof![
            6 => touch(),
            2 => alias(),
            2 => (0usize..5, 0usize..5, prop::bool::ANY).prop_map(|(a, b, links)| Said::Operator(a, b, links)),
        ], 1_000), 1..60),
    ) {
        assert_right(&arrivals.into_iter().map(|arrival| Arrival { ticks: false, ..arrival }).collect::<Vec<_>>());
    }
}
