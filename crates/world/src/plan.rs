//! The world in compact form: who did what and when, before it is spelled out as events.
//!
//! An event is 72 bytes here and 500 when spelled out, so a world of millions fits into memory and is put in order
//! there.

use crumbtrail_events::Kind;

use crate::START_MS;
use crate::dice::Dice;
use crate::places::{CITIES, Tongue};
use crate::tally::Tally;
use crate::texts::Words;

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// No person: robots.
pub(crate) const NOBODY: u32 = u32::MAX;

/// Somebody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    pub(crate) number: u32,
    pub(crate) is_customer: bool,
    pub(crate) city: u8,
    pub(crate) tongue: Tongue,
    /// Agents of the devices they use; the same twice for those with one.
    pub(crate) agents: [u8; 2],
}

/// One stay of one device on the site, or one visit to a shop, or one message: what its events have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub(crate) visitor: Visitor,
    pub(crate) person: u32,
    pub(crate) agent: u8,
    pub(crate) city: u8,
    pub(crate) arrival: u8,
    pub(crate) tongue: Tongue,
    /// Index of the address within the city's networks; odd is IPv6.
    pub(crate) address: u32,
    /// How far the device's clock is off, ms.
    pub(crate) skew_ms: i32,
    pub(crate) has_refused: bool,
}

/// Where a visitor id comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visitor {
    /// Cookie of a person's first or second device.
    Device(u32, u8),
    /// Loyalty card read at a till.
    Card(u32),
    /// A robot keeps no cookies: a new one every time.
    Robot(u32),
}

/// A page of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// No page, no referrer.
    Nowhere,
    /// As a referrer: where the visit came from.
    Outside,
    /// As a referrer: the payment provider.
    Provider,
    Home,
    Category(u8),
    Product(u16),
    Search(u8),
    Cart,
    Checkout(u8),
    Return,
    Account,
    Close,
    Stores,
    Login,
    Welcome(u8),
}

/// What an event says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum What {
    /// An event of a kind whose page, lines and position say the rest.
    Plain(Kind),
    /// A step of the checkout, by number.
    CheckoutStep(u8),
    /// The payment could not be sent: a name of the source's own.
    PaymentError,
    /// An order, by number.
    Purchase(u32),
    /// A comment under a product, with stars.
    Comment(Words, u8),
    /// A marketing message's fate, by campaign.
    Message(Kind, u8),
    /// A shop was visited, by number.
    StoreVisit(u8),
    /// A step of getting started, by number.
    Onboarding(u8),
}

/// One click.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// True time, ms.
    pub(crate) at: i64,
    /// From then until it was sent, ms.
    pub(crate) queued_ms: u32,
    /// From then until it was received, ms.
    pub(crate) travel_ms: u16,
    /// The customer id was known.
    pub(crate) is_known: bool,
    pub(crate) line_count: u8,
    pub(crate) line_start: u32,
    pub(crate) visit: u32,
    pub(crate) page: Page,
    pub(crate) from: Page,
    pub(crate) what: What,
}

/// One line of a cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) product: u16,
    pub(crate) quantity: u8,
}

/// Who a support entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// The customer, by number of the person.
    Customer(u32),
    /// A device, by number of the person.
    Device(u32),
    /// A social handle, by number of the person.
    Handle(u32),
}

/// One support entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) at: i64,
    pub(crate) travel_ms: u32,
    /// Number of the conversation; 0: the source gives none.
    pub(crate) conversation: u32,
    pub(crate) named: Named,
    pub(crate) channel: crumbtrail_events::vocabulary::Channel,
    pub(crate) author: crumbtrail_events::vocabulary::Author,
    pub(crate) kind: Kind,
    pub(crate) words: Option<Words>,
    /// Rating and scale.
    pub(crate) rating: Option<(u8, crumbtrail_events::vocabulary::Scale)>,
    pub(crate) tells_language: bool,
    pub(crate) tongue: Tongue,
    pub(crate) agent: u8,
    pub(crate) product: Option<u16>,
    pub(crate) store: Option<u8>,
    pub(crate) tag: &'static str,
    pub(crate) city: u8,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) visits: Vec<Visit>,
    pub(crate) steps: Vec<Step>,
    pub(crate) lines: Vec<Line>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) conversations: u32,
    pub(crate) orders: u32,
    pub(crate) tally: Tally,
}

impl Plan {
    pub(crate) fn open(&mut self, visit: Visit) -> u32 {
        self.visits.push(visit);
        self.visits.len() as u32 - 1
    }

    /// Adds a step; fills in how long it travelled.
    pub(crate) fn push(&mut self, dice: &mut Dice, mut step: Step) {
        let roll = dice.bits();
        // One in a hundred waits in the device for a network.
        step.queued_ms = match roll % 100 {
            0 => 30_000 + (roll >> 8) as u32 % 450_000,
            _ => (roll >> 8) as u32 % 2_500,
        };
        step.travel_ms = 40 + ((roll >> 40) % 360) as u16;
        self.steps.push(step);
    }

    /// Remembers lines of a cart; where they are.
    pub(crate) fn keep(&mut self, lines: &[Line]) -> (u32, u8) {
        let start = self.lines.len() as u32;
        self.lines.extend_from_slice(lines);
        (start, lines.len() as u8)
    }
}

impl Step {
    /// When it is received, ms.
    pub(crate) fn received_at(&self) -> i64 {
        self.at + i64::from(self.queued_ms) + i64::from(self.travel_ms)
    }
}

/// A moment of a day by the person's own clock, in hours and up to 59 minutes more.
pub(crate) fn moment(dice: &mut Dice, city: u8, day: i64, hours: (i64, i64)) -> i64 {
    let local = START_MS + day * DAY - CITIES[usize::from(city)].ahead_min * MINUTE;
    local + dice.between(hours.0, hours.1) * HOUR + dice.between(0, 59 * MINUTE + 59 * SECOND)
}
