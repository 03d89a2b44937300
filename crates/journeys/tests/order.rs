//! The set of final rows depends on the touchpoints alone, and on whose they are in the end: not on the order they arrive in
//! within the horizon, not on whom they belonged to before, not on where ticks fall, not on a stop and a start between.
//! And they are the rows that a naive oracle computes.

mod world;

use crumbtrail_events::touchpoint::{Role, hand_over};
use crumbtrail_events::vocabulary::{Author, Channel, Feeling, Scale};
use crumbtrail_events::{EventTime, Kind};
use crumbtrail_journeys::model::StageModel;
use crumbtrail_journeys::{JourneyRules, Journeys};
use crumbtrail_scratch::{Block, Scratch};
use proptest::prelude::*;
use world::oracle::truth;
use world::{DAY, Event, HOUR, MINUTE, Tables};

/// Short, so that touchpoints settle all the time.
const HORIZON: i64 = 5 * HOUR;

/// Shorter than the tests' 300 days, so that touchpoints are settled for good.
const HISTORY: i64 = 40 * DAY;

fn rules() -> JourneyRules {
    JourneyRules { horizon_ms: HORIZON, history_ms: HISTORY, throttle_ms: 5000, ..JourneyRules::default() }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![
        Kind::PageView,
        Kind::PagePing,
        Kind::ProductView,
        Kind::Search,
        Kind::AddToCart,
        Kind::AddToCart,
        Kind::AddToCart,
        Kind::RemoveFromCart,
        Kind::RemoveFromCart,
        Kind::CartView,
        Kind::CheckoutStarted,
        Kind::CheckoutStep,
        Kind::Purchase,
        Kind::Purchase,
        Kind::SignUp,
        Kind::Subscribed,
        Kind::Cancelled,
        Kind::MessageSent,
        Kind::SupportMessage,
        Kind::SupportReopened,
        Kind::SupportRating,
        Kind::SupportMention,
    ])
}

prop_compose! {
    /// Times on a coarse grid, so that exact thresholds (an hour, 90 and 180 days) and equal times happen.
    fn event()(
        person in 0u8..3,
        far in prop::sample::select(vec![0, 0, 0, 0, 0, 1, 7, 89, 90, 179, 180, 300]),
        step_of_20_min in 0i64..60,
        kind in kinds(),
        channel in prop::sample::select(vec![
            Channel::None, Channel::Direct, Channel::PaidSearch, Channel::Chat, Channel::Review, Channel::Social,
        ]),
        (author, feeling) in (
            prop::sample::select(vec![Author::Customer, Author::Customer, Author::Agent, Author::Bot, Author::System]),
            prop::sample::select(Feeling::ALL.to_vec()),
        ),
        rating in prop::option::of((prop::sample::select(vec![Scale::Nps, Scale::Stars]), 0u8..11)),
        items in prop::collection::vec((0u8..3, 0i64..4, 0u32..3), 0..3),
        step in prop::sample::select(vec!["", "address", "payment"]),
        city in prop::sample::select(vec!["", "Bangkok", "Jakarta"]),
    ) -> Event {
        Event {
            person,
            at: 1_800_000_000_000 + far * DAY + step_of_20_min * 20 * MINUTE,
            channel,
            author,
            feeling,
            rating: rating.filter(|_| kind == Kind::SupportRating).map(|(scale, rating)| (scale, f32::from(rating))),
            items: items.into_iter().map(|(product, price, n)| (format!("p{product}"), price * 1_000_000, n)).collect(),
            currency: "THB",
            revenue: 5_000_000,
            step,
            city,
            ..Event::new(kind, 0)
        }
    }
}

/// An arrival: the event, how long after its time it comes, and what happens after it.
#[derive(Clone, Debug)]
struct Arrival {
    event: Event,
    delay: i64,
    /// A repeat of the same id comes with it, so much later (or earlier) in event time.
    repeat: Option<i64>,
    ticks: bool,
    /// How much of the possible the watermark moves, in eighths.
    eighths: i64,
    wall_step: i64,
    restarts: bool,
    /// Afterwards one of the touchpoints that are there goes to this person.
    hands_over: Option<(prop::sample::Index, u8)>,
}

prop_compose! {
    fn arrival()(
        event in event(),
        delay in 0..HORIZON,
        repeat in prop::option::weighted(0.1, -HOUR..HOUR),
        ticks in prop::bool::weighted(0.6),
        eighths in 0i64..9,
        wall_step in 0i64..4000,
        restarts in prop::bool::weighted(0.15),
        hands_over in prop::option::weighted(0.4, (any::<prop::sample::Index>(), 0u8..3)),
    ) -> Arrival {
        Arrival { event, delay, repeat, ticks, eighths, wall_step, restarts, hands_over }
    }
}

fn restart(journeys: &Journeys, rules: &JourneyRules) -> Journeys {
    let mut bytes = Vec::new();
    journeys.save(&mut bytes);
    let blocks: Vec<Block> =
        journeys.blocks().map(|(_, block)| Block::new(block.to_vec().expect("it was written"))).collect();
    let loaded = Journeys::load(rules.clone(), &bytes, &blocks).expect("its own snapshot");
    let mut again = Vec::new();
    loaded.save(&mut again);
    assert_eq!(bytes, again, "a loaded state saves the same bytes");
    loaded
}

/// Bytes of a block: a few touchpoints.
const BLOCK: usize = 300;

/// Where what is packed lies: so much of it in memory, if any may lie on disk.
type MostResident = Option<usize>;

/// Both copies of each repeat, next to each other.
fn records(arrivals: &[Arrival]) -> Vec<Vec<Event>> {
    let copies = |arrival: &Arrival| {
        let event = arrival.event.clone();
        let repeat = arrival.repeat.map(|shift| Event { at: event.at + shift, ..event.clone() });
        std::iter::once(event).chain(repeat).collect()
    };
    arrivals.iter().map(copies).collect()
}

/// As it comes: disordered, with ticks, corrections, restarts, changing hands, and by rules that hold from the arrival of a
/// number on. Gives the records as they belong in the end.
fn disturbed(arrivals: &[Arrival], end: i64, rules: &[(usize, JourneyRules)]) -> (Tables, Vec<Vec<Event>>) {
    let (tables, records, _) = lying(None, arrivals, end, rules);
    (tables, records)
}

/// Gives the last state, too.
fn lying(
    most_resident: MostResident,
    arrivals: &[Arrival],
    end: i64,
    rules: &[(usize, JourneyRules)],
) -> (Tables, Vec<Vec<Event>>, Vec<u8>) {
    let mut scratch = Scratch::new(std::env::temp_dir());
    let mut records = records(arrivals);
    let oldest = |events: &Vec<Event>| events.iter().map(|event| event.at).min().unwrap_or(end);
    let times: Vec<i64> = records.iter().map(oldest).collect();
    let mut order: Vec<usize> = (0..records.len()).collect();
    order.sort_by_key(|&i| times[i] + arrivals[i].delay);
    let (mut rules_now, mut changes) = (&rules[0].1, rules[1..].iter().peekable());
    let (mut journeys, mut tables) = (Journeys::new(rules_now.clone()).in_blocks_of(BLOCK), Tables::default());
    let (mut watermark, mut wall) = (i64::MIN, 0);
    for (place, &i) in order.iter().enumerate() {
        while let Some((_, next)) = changes.next_if(|(from, _)| *from <= place) {
            rules_now = next;
            tables.change(&mut journeys, next);
        }
        for event in &records[i] {
            journeys.touchpoint(&event.encode(), EventTime(watermark)).expect("a touchpoint");
        }
        let arrival = &arrivals[i];
        if let Some((which, person)) = arrival.hands_over {
            let number = order[which.index(place + 1)];
            // Sessionize passes an id on once: a repeated one is never handed over.
            if let [event] = &mut records[number][..]
                && event.at >= watermark.saturating_sub(HISTORY)
                && event.person != person
            {
                let mut hand = |event: &Event, role| {
                    let mut bytes = Vec::new();
                    hand_over(&event.encode(), event.key(), role, event.customer(), &mut bytes).expect("a touchpoint");
                    journeys.touchpoint(&bytes, EventTime(watermark)).expect("a touchpoint");
                };
                hand(event, Role::Taken);
                event.person = person;
                hand(event, Role::Given);
            }
        }
        if arrival.ticks {
            // As far as the horizon allows, seen what is still to come.
            let rest = order[place + 1..].iter().map(|&i| times[i]).min().unwrap_or(end);
            let highest = (rest + HORIZON).min(end);
            let from = watermark.max(1_800_000_000_000 - DAY);
            watermark = watermark.max(from + (highest - from).max(0) / 8 * arrival.eighths);
            wall += arrival.wall_step;
            tables.tick(&mut journeys, watermark, wall);
            if let Some(most) = most_resident {
                journeys.spill(&mut scratch, most).expect("room");
            }
        }
        if arrival.restarts {
            journeys = restart(&journeys, rules_now);
        }
    }
    changes.for_each(|(_, next)| tables.change(&mut journeys, next));
    tables.tick(&mut journeys, end, wall + 5000);
    assert_eq!(journeys.owed(), 0);
    assert_eq!(journeys.met().behind_horizon, 0, "the test keeps its own promise");
    assert_eq!(journeys.met().missed, 0, "what changes hands was there");
    let mut bytes = Vec::new();
    journeys.save(&mut bytes);
    (tables, records, bytes)
}

/// In order, in one piece.
fn plain(records: &[Vec<Event>], end: i64, rules: JourneyRules) -> Tables {
    let mut events: Vec<Event> = records.iter().flatten().cloned().collect();
    events.sort_by_key(|event| (event.at, event.id));
    let (mut journeys, mut tables) = (Journeys::new(rules), Tables::default());
    for event in &events {
        journeys.touchpoint(&event.encode(), EventTime::MIN).expect("a touchpoint");
    }
    tables.tick(&mut journeys, end, 0);
    tables
}

fn check_oracle(tables: &Tables, records: &[Vec<Event>], end: i64) {
    let events: Vec<Event> = records.iter().flatten().cloned().collect();
    for person in 0..3 {
        let own: Vec<Event> = events.iter().filter(|event| event.person == person).cloned().collect();
        let Some(first) = own.first() else { continue };
        let key = first.key();
        let expected = truth(&own, end);
        let moves: Vec<_> = tables.moves.range((key, 0)..=(key, u32::MAX)).map(|(_, row)| row.0.clone()).collect();
        assert_eq!(moves, expected.moves, "moves");
        let mut carts: Vec<_> = tables.carts.values().filter(|row| row.0 == key).map(|row| row.1.clone()).collect();
        carts.sort();
        assert_eq!(carts, expected.carts, "carts");
        let own = tables.conversions.values().filter(|row| row.0 == key);
        let mut conversions: Vec<_> = own.map(|row| row.1.clone()).collect();
        let mut expected_conversions = expected.conversions;
        conversions.sort();
        expected_conversions.sort();
        assert_eq!(conversions, expected_conversions, "conversions");
        let stage = (expected.stage, expected.is_stalled, expected.touchpoints, carts.len() as u32);
        assert_eq!(tables.stages.get(&key), Some(&stage), "journey");
        assert_eq!(tables.ratings.get(&key), Some(&expected.rating), "rating");
    }
}

/// The retail model with other rules; called otherwise, if wanted.
fn other(name: &str) -> StageModel {
    let retail = include_str!("../models/retail.yaml");
    let text = retail.replace("model: retail", &format!("model: {name}")).replace("count: 2", "count: 3");
    StageModel::from_yaml(&text.replace("silence: 180d", "silence: 60d")).expect("a model")
}

fn others() -> impl Strategy<Value = Vec<(usize, JourneyRules)>> {
    let model = prop::sample::select(vec![StageModel::retail(), other("retail"), other("other")]);
    let minutes = prop::sample::select(vec![5, 60, 600]);
    let other = (0usize..15, model, minutes, 0..2i64).prop_map(|(arrivals, model, minutes, days)| {
        let rules = JourneyRules {
            models: vec![model],
            cart_abandoned_after_ms: minutes * MINUTE,
            horizon_ms: HORIZON + days * DAY,
            ..kept()
        };
        (arrivals, rules)
    });
    prop::collection::vec(other, 1..4)
}

/// Nothing is settled for good.
fn kept() -> JourneyRules {
    JourneyRules { history_ms: 1_000 * DAY, ..rules() }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Where all touchpoints are kept, rules that held for a while are as if they had never been.
    #[test]
    fn journeys_are_folded_anew_under_other_rules(
        mut arrivals in prop::collection::vec(arrival(), 1..40),
        before in others(),
        wait in prop::sample::select(vec![0, HOUR + 1, DAY, 181 * DAY]),
    ) {
        for (i, arrival) in arrivals.iter_mut().enumerate() {
            arrival.event.id = (i as u64 * 7919) % 1009;
        }
        let newest = records(&arrivals).into_iter().flatten().map(|event| event.at).max().unwrap_or_default();
        let mut from = 0;
        let mut all = Vec::new();
        for (arrivals, rules) in before.into_iter().chain([(0, kept())]) {
            all.push((from, rules));
            from += arrivals;
        }
        let (disturbed, records) = disturbed(&arrivals, newest + wait, &all);
        prop_assert_eq!(disturbed.net(), plain(&records, newest + wait, kept()).net());
        let in_memory = lying(None, &arrivals, newest + wait, &all);
        prop_assert!(lying(Some(0), &arrivals, newest + wait, &all) == in_memory, "on disk it says the same");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_depend_on_the_touchpoints_alone(
        mut arrivals in prop::collection::vec(arrival(), 1..40),
        wait in prop::sample::select(vec![-300 * DAY, -10 * HOUR, 0, HOUR, HOUR + 1, DAY, 181 * DAY]),
    ) {
        for (i, arrival) in arrivals.iter_mut().enumerate() {
            // Ids out of time order.
            arrival.event.id = (i as u64 * 7919) % 1009;
        }
        let newest = records(&arrivals).into_iter().flatten().map(|event| event.at).max().unwrap_or_default();
        let end = newest + wait;
        let (disturbed, records) = disturbed(&arrivals, end, &[(0, rules())]);
        let plain = plain(&records, end, rules());
        check_oracle(&plain, &records, end);
        prop_assert_eq!(disturbed.net(), plain.net());
        let in_memory = lying(None, &arrivals, end, &[(0, rules())]);
        for most_resident in [0, BLOCK + BLOCK / 2, 1 << 20] {
            let elsewhere = lying(Some(most_resident), &arrivals, end, &[(0, rules())]);
            prop_assert!(elsewhere == in_memory, "with {most_resident} bytes in memory it says the same");
        }
    }
}
