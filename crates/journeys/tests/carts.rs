//! Abandonment as a marketer would tell it, with the watermark moved by hand.

mod world;

use crumbtrail_events::{EventTime, Kind};
use crumbtrail_journeys::rows::{BreadcrumbRow, ConversionRow, JourneyRow, StageMoveRow};
use crumbtrail_journeys::{JourneyRules, Journeys, Out};
use world::{Event, HOUR, MINUTE, Tables};

const NOON: i64 = 1_800_000_000_000;

struct Shop {
    journeys: Journeys,
    tables: Tables,
    watermark: i64,
    wall: i64,
}

impl Shop {
    fn new() -> Shop {
        Shop {
            journeys: Journeys::new(JourneyRules::default()),
            tables: Tables::default(),
            watermark: NOON - HOUR,
            wall: 0,
        }
    }

    fn sees(&mut self, event: Event) {
        self.journeys.touchpoint(&event.encode(), EventTime(self.watermark)).expect("a touchpoint");
    }

    /// A tick at `minutes` after noon; wall time enough for the next correction.
    fn is_told_at(&mut self, minutes: i64) -> Vec<(String, String, i64)> {
        self.watermark = NOON + minutes * MINUTE;
        self.wall += 5000;
        self.tables.tick(&mut self.journeys, self.watermark, self.wall);
        self.tables.carts.values().map(|(_, said, _)| (said.3.clone(), said.4.clone(), said.6)).collect()
    }
}

fn at(minutes: i64, kind: Kind) -> Event {
    Event::new(kind, NOON + minutes * MINUTE)
}

fn left(phase: &str, value: i64) -> Vec<(String, String, i64)> {
    vec![("left".to_owned(), phase.to_owned(), value)]
}

#[test]
fn time_alone_tells_a_cart_one_millisecond_after_the_hour() {
    let mut shop = Shop::new();
    shop.sees(at(0, Kind::AddToCart).item("kettle", 500, 2));
    assert_eq!(shop.is_told_at(0), []);
    assert_eq!(shop.is_told_at(60), [], "a purchase at the hour itself would still count");
    shop.tables.tick(&mut shop.journeys, NOON + HOUR + 1, 60_000);
    assert_eq!(shop.tables.carts.len(), 1, "nothing arrived, the timer alone says it");
}

#[test]
fn a_late_purchase_within_the_hour_takes_it_back_and_a_later_one_does_not() {
    for (purchase, expected) in [(59, vec![]), (60, vec![]), (61, left("checkout", 500))] {
        let mut shop = Shop::new();
        shop.sees(at(-5, Kind::AddToCart).item("kettle", 500, 1));
        shop.sees(at(0, Kind::CheckoutStarted));
        assert_eq!(shop.is_told_at(90), left("checkout", 500));
        shop.sees(at(purchase, Kind::Purchase));
        assert_eq!(shop.is_told_at(91), expected, "purchase at minute {purchase}");
        let has_cart: Vec<bool> = shop.tables.conversions.values().map(|(_, said, _)| said.2).collect();
        assert_eq!(has_cart, [true], "either way the purchase had a cart");
    }
}

#[test]
fn what_lies_ahead_of_the_watermark_is_not_told_yet() {
    let mut shop = Shop::new();
    shop.sees(at(0, Kind::AddToCart).item("kettle", 500, 1));
    shop.sees(at(300, Kind::PageView));
    assert_eq!(shop.is_told_at(30), [], "a purchase may be on its way from a slower partition");
    assert_eq!(shop.is_told_at(61), left("cart", 500));
}

#[test]
fn a_cart_taken_apart_is_emptied() {
    let mut shop = Shop::new();
    shop.sees(at(0, Kind::AddToCart).item("kettle", 500, 1));
    shop.sees(at(10, Kind::RemoveFromCart).item("kettle", 500, 1));
    assert_eq!(shop.is_told_at(69), []);
    assert_eq!(shop.is_told_at(71), [("emptied".to_owned(), "cart".to_owned(), 0)]);
    let peak: Vec<i64> = shop.tables.carts.values().map(|(_, said, _)| said.7).collect();
    assert_eq!(peak, [500]);
}

#[test]
fn corrections_wait_for_the_wall_and_are_never_lost() {
    let mut shop = Shop::new();
    shop.sees(at(0, Kind::PageView));
    shop.tables.tick(&mut shop.journeys, NOON, 10_000);
    assert_eq!(shop.tables.rows.len(), 2, "the first word comes at once: a journey and its first move");
    shop.sees(at(1, Kind::PageView));
    shop.tables.tick(&mut shop.journeys, NOON, 14_999);
    assert_eq!((shop.tables.rows.len(), shop.journeys.owed()), (2, 1));
    shop.tables.tick(&mut shop.journeys, NOON, 15_000);
    assert_eq!((shop.tables.rows.len(), shop.journeys.owed()), (3, 0));
}

struct Mute;

impl Out for Mute {
    fn journey(&mut self, _: &JourneyRow<'_>) {}
    fn stage_move(&mut self, _: &StageMoveRow<'_>) {}
    fn conversion(&mut self, _: &ConversionRow<'_>) {}
    fn breadcrumb(&mut self, _: &BreadcrumbRow<'_>) {}
}

#[test]
fn damaged_snapshots_are_refused_without_a_panic() {
    let mut shop = Shop::new();
    shop.sees(at(0, Kind::AddToCart).item("kettle", 500, 1));
    shop.is_told_at(0);
    let mut bytes = Vec::new();
    shop.journeys.save(&mut bytes);
    for end in 0..bytes.len() {
        assert!(Journeys::load(JourneyRules::default(), &bytes[..end], &[]).is_err(), "cut at {end}");
    }
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0xFF;
        // Most flips are noticed; what is not must still be a state that works.
        if let Ok(mut journeys) = Journeys::load(JourneyRules::default(), &damaged, &[]) {
            let _ = journeys.tick(EventTime(NOON + 2 * HOUR), 60_000, &mut Mute);
        }
    }
    assert!(Journeys::load(JourneyRules { models: Vec::new(), ..JourneyRules::default() }, &bytes, &[]).is_err());
}

/// The persons of journey rows, in the order in which they are said.
#[derive(Default)]
struct Order(Vec<u128>);

impl Out for Order {
    fn journey(&mut self, row: &JourneyRow<'_>) {
        self.0.push(row.person.0);
    }
    fn stage_move(&mut self, _: &StageMoveRow<'_>) {}
    fn conversion(&mut self, _: &ConversionRow<'_>) {}
    fn breadcrumb(&mut self, _: &BreadcrumbRow<'_>) {}
}

/// A timer rings early where activity has moved what it is for; after a restart it does not. Rows must come in one order
/// all the same, or the same stretch of the log would be claimed with two contents.
#[test]
fn a_restored_state_says_its_rows_in_the_same_order() {
    let mut shop = Shop::new();
    let of = |person, event: Event| Event { person, ..event };
    shop.sees(of(1, at(0, Kind::AddToCart).item("kettle", 500, 1)));
    shop.sees(of(2, at(20, Kind::AddToCart).item("kettle", 500, 1)));
    shop.is_told_at(21);
    shop.sees(of(1, at(50, Kind::AddToCart).item("cup", 50, 1)));
    shop.is_told_at(51);
    let mut bytes = Vec::new();
    shop.journeys.save(&mut bytes);
    let mut restored = Journeys::load(JourneyRules::default(), &bytes, &[]).expect("its own bytes");
    let (mut running, mut again) = (Order::default(), Order::default());
    shop.journeys.tick(EventTime(NOON + 200 * MINUTE), 1_000_000, &mut running).unwrap();
    restored.tick(EventTime(NOON + 200 * MINUTE), 1_000_000, &mut again).unwrap();
    assert_eq!(running.0.len(), 2);
    assert_eq!(running.0, again.0);
}
