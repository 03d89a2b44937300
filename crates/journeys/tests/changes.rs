//! Rules that change after touchpoints were folded for good: what a person keeps, and what begins anew.

mod world;

use crumbtrail_events::{EventTime, Kind};
use crumbtrail_journeys::model::StageModel;
use crumbtrail_journeys::{JourneyRules, Journeys};
use world::{DAY, Event, Tables};

/// Touchpoints are kept for so long.
const KEPT: i64 = 31 * DAY;

fn rules(change: &[(&str, &str)]) -> JourneyRules {
    let text = change.iter().fold(StageModel::RETAIL.to_owned(), |text, (from, to)| text.replace(from, to));
    let models = vec![StageModel::from_yaml(&text).expect("a model")];
    JourneyRules { models, history_ms: KEPT, ..JourneyRules::default() }
}

/// A purchase on day 0 that is folded for good when the rules change, on a day; then another one, two days later.
fn play(change: &JourneyRules, day: i64) -> Vec<(String, String, i64)> {
    let (mut journeys, mut tables) = (Journeys::new(rules(&[])), Tables::default());
    let buy = |journeys: &mut Journeys, day: i64| {
        let bytes = Event::new(Kind::Purchase, day * DAY).encode();
        journeys.touchpoint(&bytes, EventTime::MIN).expect("a touchpoint");
    };
    buy(&mut journeys, 0);
    tables.tick(&mut journeys, 1, 0);
    tables.tick(&mut journeys, day * DAY, 10_000);
    tables.change(&mut journeys, change);
    let mut bytes = Vec::new();
    journeys.save(&mut bytes);
    journeys = Journeys::load(change.clone(), &bytes, &[]).expect("its own bytes");
    tables.tick(&mut journeys, day * DAY + 1, 20_000);
    buy(&mut journeys, day + 2);
    tables.tick(&mut journeys, (day + 3) * DAY, 30_000);
    let said = tables.moves.values().map(|((from, to, at, ..), _)| (from.clone(), to.clone(), at / DAY));
    said.collect()
}

fn moves(expected: &[(&str, &str, i64)]) -> Vec<(String, String, i64)> {
    expected.iter().map(|(from, to, day)| ((*from).to_owned(), (*to).to_owned(), *day)).collect()
}

#[test]
fn a_person_keeps_their_stage_and_what_was_counted_by_name() {
    let second = [("", "purchase", 0), ("purchase", "loyalty", 62)];
    assert_eq!(play(&rules(&[("model: retail", "model: own")]), 60), moves(&second));
    // A rule of another count counts from here on.
    let third = rules(&[("count: 2, within: 90d", "count: 3, within: 90d")]);
    assert_eq!(play(&third, 60), moves(&second[..1]));
}

#[test]
fn in_a_stage_that_is_gone_they_begin_anew_with_the_next_touchpoint() {
    let renamed = rules(&[
        ("name: purchase,", "name: owner,"),
        ("to: purchase", "to: owner"),
        ("from: [purchase, ", "from: [owner, "),
        ("consideration, purchase, ", "consideration, owner, "),
    ]);
    let said = play(&renamed, 60);
    assert_eq!(said[0], ("".to_owned(), "purchase".to_owned(), 0));
    assert_eq!(said[1].0, "", "from nowhere");
    assert_eq!(said[1].2, 62);
}

#[test]
fn a_silence_that_was_over_is_not_told_twice() {
    let expected = [("", "purchase", 0), ("purchase", "awareness", 180)];
    for (day, name) in [(200, "retail"), (200, "own"), (400, "retail"), (400, "own")] {
        let said = play(&rules(&[("model: retail", &format!("model: {name}"))]), day);
        assert_eq!(said[..2], moves(&expected), "{name}, day {day}");
        assert_eq!(said.len(), 3, "{said:?}");
        assert_eq!(said[2].2, day + 2);
    }
}
