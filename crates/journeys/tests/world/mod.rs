//! What the tests of journeys share: simple events, their encoding, and tables that take rows as a database would.

#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod oracle;

use std::collections::{BTreeMap, BTreeSet};

use crumbtrail_events::touchpoint::{Head, Item, Items};
use crumbtrail_events::vocabulary::{Author, Channel, Device, Feeling, Scale};
use crumbtrail_events::{EventTime, Key, Kind, Micros, Outcome, Touchpoint};
use crumbtrail_journeys::rows::{BreadcrumbRow, ConversionRow, JourneyRow, StageMoveRow};
use crumbtrail_journeys::{JourneyRules, Journeys, Out};

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The person who is a customer.
pub(crate) const CUSTOMER: u8 = 2;

/// Whose name a row says: the customer's in all of theirs, nobody's in others.
fn check_name(person: Key, deleted: bool, customer: &str) {
    let is_theirs = person == Event { person: CUSTOMER, ..Event::new(Kind::PageView, 0) }.key();
    assert_eq!(customer, if is_theirs && !deleted { "c-1" } else { "" });
}

/// One touchpoint, plainly.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) person: u8,
    pub(crate) at: i64,
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    pub(crate) channel: Channel,
    pub(crate) author: Author,
    pub(crate) feeling: Feeling,
    pub(crate) rating: Option<(Scale, f32)>,
    /// (product, price, quantity)
    pub(crate) items: Vec<(String, i64, u32)>,
    pub(crate) revenue: i64,
    pub(crate) currency: &'static str,
    pub(crate) step: &'static str,
    pub(crate) city: &'static str,
}

impl Event {
    pub(crate) fn new(kind: Kind, at: i64) -> Event {
        Event {
            person: 0,
            at,
            id: at as u64,
            kind,
            channel: Channel::None,
            author: Author::Customer,
            feeling: Feeling::None,
            rating: None,
            items: Vec::new(),
            revenue: 0,
            currency: "",
            step: "",
            city: "",
        }
    }

    pub(crate) fn item(mut self, product: &str, price: i64, quantity: u32) -> Event {
        self.items.push((product.to_owned(), price, quantity));
        self.currency = "THB";
        self
    }

    /// Of a visitor; of [`CUSTOMER`] a customer's.
    pub(crate) fn key(&self) -> Key {
        match self.customer() {
            "" => Key::visitor("shop", &format!("v{}", self.person)),
            customer => Key::customer("shop", customer),
        }
    }

    /// Under whose name it is passed on.
    pub(crate) fn customer(&self) -> &'static str {
        if self.person == CUSTOMER { "c-1" } else { "" }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut items = Vec::new();
        for (product, price, quantity) in &self.items {
            Items::push(&mut items, &Item { product, price: Micros(*price), quantity: *quantity, ..Item::default() });
        }
        let visitor = format!("v{}", self.person);
        let touchpoint = Touchpoint {
            head: Head {
                outcome: Outcome::Counted,
                kind: self.kind,
                key: self.key(),
                id: self.id,
                occurred_at: EventTime(self.at),
            },
            site: "shop",
            visitor: &visitor,
            customer: self.customer(),
            channel: self.channel,
            author: self.author,
            feeling: self.feeling,
            rating: self.rating.map(|(_, rating)| rating),
            scale: self.rating.map_or(Scale::None, |(scale, _)| scale),
            items: Items::from_buffer(&items),
            revenue: Micros(self.revenue),
            currency: self.currency,
            step: self.step,
            city: self.city,
            device: Device::Mobile,
            ..Touchpoint::default()
        };
        let mut bytes = Vec::new();
        touchpoint.encode(&mut bytes);
        bytes
    }
}

/// The columns of a move that the oracle knows: from, to, at, duration, rule.
pub(crate) type MoveSaid = (String, String, i64, i64, String);
/// … of a conversion: at, kind, has cart, touches, first channel, last channel.
pub(crate) type ConversionSaid = (i64, String, bool, u32, Channel, Channel);
/// … of an abandoned cart: began, last, true at, how, phase, step, value, peak, pieces.
pub(crate) type CartSaid = (i64, i64, i64, String, String, String, i64, i64, u32);

/// Tables that hold the last version of every row and forget what was retracted. Every row is also kept as text, all
/// columns, for comparing runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tables {
    pub(crate) journeys: BTreeMap<Key, String>,
    pub(crate) stages: BTreeMap<Key, (String, bool, u32, u32)>,
    pub(crate) ratings: BTreeMap<Key, Option<(Scale, f32, i64)>>,
    pub(crate) moves: BTreeMap<(Key, u32), (MoveSaid, String)>,
    pub(crate) conversions: BTreeMap<u64, (Key, ConversionSaid, String)>,
    pub(crate) carts: BTreeMap<u64, (Key, CartSaid, String)>,
    /// Every row, in the order they were said.
    pub(crate) rows: Vec<(u8, String)>,
    said: BTreeSet<(u8, u128, u64)>,
}

impl Tables {
    /// One tick: checks that no key is said twice.
    pub(crate) fn tick(&mut self, journeys: &mut Journeys, watermark: i64, wall_ms: i64) {
        self.said.clear();
        journeys.tick(EventTime(watermark), wall_ms, self).expect("what it packed");
    }

    /// From here on other rules hold.
    pub(crate) fn change(&mut self, journeys: &mut Journeys, rules: &JourneyRules) {
        self.said.clear();
        journeys.change(rules.clone(), self);
    }

    /// The tables alone, without how they came to be.
    pub(crate) fn net(&self) -> Tables {
        Tables { rows: Vec::new(), said: BTreeSet::new(), ..self.clone() }
    }

    fn once(&mut self, table: u8, person: u128, key: u64, row: &impl std::fmt::Debug) {
        self.rows.push((table, format!("{row:?}")));
        assert!(self.said.insert((table, person, key)), "a key was said twice in one tick");
    }
}

impl Out for Tables {
    fn journey(&mut self, row: &JourneyRow<'_>) {
        check_name(row.person, row.deleted, row.customer);
        self.once(0, row.person.0, 0, row);
        if row.deleted {
            assert!(self.journeys.remove(&row.person).is_some(), "a journey was retracted that was never said");
            self.stages.remove(&row.person);
            self.ratings.remove(&row.person);
            return;
        }
        let text = format!("{row:?}");
        let before = self.journeys.insert(row.person, text.clone());
        assert_ne!(before, Some(text), "an unchanged journey was said again");
        let stage = (row.stage.to_owned(), row.is_stalled, row.touchpoint_count, row.cart_abandoned_count);
        self.stages.insert(row.person, stage);
        let rating = row.rating_last.zip(row.rating_at).map(|(rating, at)| (row.rating_scale, rating, at.0));
        self.ratings.insert(row.person, rating);
    }

    fn stage_move(&mut self, row: &StageMoveRow<'_>) {
        check_name(row.person, row.deleted, row.customer);
        self.once(1, row.person.0, row.move_index.into(), row);
        let key = (row.person, row.move_index);
        if row.deleted {
            assert!(self.moves.remove(&key).is_some(), "a move was retracted that was never said");
            return;
        }
        let said =
            (row.from_stage.to_owned(), row.to_stage.to_owned(), row.moved_at.0, row.duration_ms, row.rule.to_owned());
        self.moves.insert(key, (said, format!("{row:?}")));
    }

    fn conversion(&mut self, row: &ConversionRow<'_>) {
        check_name(row.person, row.deleted, row.customer);
        self.once(2, 0, row.conversion_id, row);
        if row.deleted {
            assert!(self.conversions.remove(&row.conversion_id).is_some(), "a conversion was retracted unsaid");
            return;
        }
        let said = (
            row.converted_at.0,
            row.kind.to_owned(),
            row.has_cart,
            row.touch_count,
            row.first_channel,
            row.last_channel,
        );
        self.conversions.insert(row.conversion_id, (row.person, said, format!("{row:?}")));
    }

    fn breadcrumb(&mut self, row: &BreadcrumbRow<'_>) {
        check_name(row.person, row.deleted, row.customer);
        self.once(3, 0, row.breadcrumb_id, row);
        if row.deleted {
            assert!(self.carts.remove(&row.breadcrumb_id).is_some(), "a breadcrumb was retracted unsaid");
            return;
        }
        let said = (
            row.began_at.0,
            row.last_at.0,
            row.true_at.0,
            row.how.to_owned(),
            row.phase.to_owned(),
            row.step.to_owned(),
            row.value.0,
            row.peak_value.0,
            row.item_count,
        );
        self.carts.insert(row.breadcrumb_id, (row.person, said, format!("{row:?}")));
    }
}
