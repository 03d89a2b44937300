//! What the world does to a load on its way: disorder, repeats, late records, shared devices, robots, heartbeats,
//! campaigns, carts, marketing messages and clocks that are off. Everything follows from the seed and the event's number.
//!
//! Sessions are then no longer a known number: that is what the query of docs/sql/sessions.sql is for.

use std::fmt::Write as _;

use crumbtrail_events::click::Campaign;
use crumbtrail_events::touchpoint::{Item, Items};
use crumbtrail_events::{ClickEvent, Kind, Micros};

use crate::devices::AGENTS;
use crate::dice::scramble;
use crate::plan::{HOUR, MINUTE, SECOND};

/// An event that happened and has not arrived; ordered by arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sent {
    pub(crate) arrives: i64,
    pub(crate) number: u64,
    pub(crate) received: i64,
    pub(crate) at: i64,
    pub(crate) visitor: u32,
    pub(crate) page: u16,
}

/// Of a thousand events, so many come minutes later than others.
const DISORDERED: u64 = 30;
/// So many come hours later.
const LATE: u64 = 3;
/// So many come twice.
const REPEATED: u64 = 20;

/// Draws for one event, in a fixed order.
struct Draws(u64, u64);

impl Draws {
    fn of(seed: u64, number: u64) -> Draws {
        Draws(scramble(seed ^ 9, number), 0)
    }

    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.1 += 1;
        scramble(self.0, self.1) % bound
    }
}

/// When an event arrives, and its repeat, if it is sent twice: every other repeat was received before what arrived first,
/// and every third is told to have happened 3 s later.
pub(crate) fn arrivals(seed: u64, mut sent: Sent) -> [Option<Sent>; 2] {
    let mut draws = Draws::of(seed ^ 1, sent.number);
    let fate = draws.below(1_000);
    let delay = match fate {
        _ if fate < LATE => draws.below(6 * HOUR as u64) as i64 + 3 * HOUR,
        _ if fate < LATE + DISORDERED => draws.below(25 * MINUTE as u64) as i64,
        _ => 0,
    };
    (sent.arrives, sent.received) = (sent.arrives + delay, sent.received + delay);
    let again = (draws.below(1_000) < REPEATED).then(|| {
        let mut again = Sent { arrives: sent.arrives + draws.below(10 * MINUTE as u64) as i64, ..sent };
        again.received = if draws.below(2) == 0 { sent.received - SECOND } else { again.arrives };
        again.at += if draws.below(3) == 0 { 3 * SECOND } else { 0 };
        again
    });
    [Some(sent), again]
}

/// Strings and lines of the event being spelled.
#[derive(Default)]
pub(crate) struct Rough {
    customer: String,
    client_session: String,
    url: String,
    items: Vec<u8>,
}

impl Rough {
    /// The click as it is really sent.
    pub(crate) fn change<'a>(&'a mut self, seed: u64, sent: Sent, mut click: ClickEvent<'a>) -> ClickEvent<'a> {
        let mut draws = Draws::of(seed, sent.number);
        let visitor = u64::from(sent.visitor);
        let Rough { customer, client_session, url, items } = self;
        [&mut *customer, &mut *client_session, &mut *url].into_iter().for_each(String::clear);
        items.clear();
        if visitor % 3 == 0 && draws.below(10) < 4 {
            // One in ten of these devices is shared by two people.
            let person = if visitor % 30 == 0 { draws.below(2) } else { 0 };
            let _ = write!(customer, "c-{visitor}-{person}");
        }
        if visitor % 4 == 1 && draws.below(10) < 8 {
            let _ = write!(client_session, "s-{}", sent.at / (5 * MINUTE));
        }
        if visitor % 50 == 7 && draws.below(2) == 0 {
            click.user_agent = AGENTS[AGENTS.len() - 1].2;
        }
        if visitor % 5 == 1 {
            // A clock that shows whole ten seconds and is off: equal times, told apart by the device's or the id alone.
            let skew = draws.below(3) as i64 * SECOND - SECOND;
            click.occurred_at = sent.at.div_euclid(10 * SECOND) * 10 * SECOND + skew;
            click.sent_at = sent.received + skew;
        }
        let price = Micros(1_250_000 * (1 + draws.below(40) as i64));
        click.kind = match draws.below(100) {
            0..12 => Kind::PagePing,
            12..15 => Kind::AddToCart,
            15 => Kind::RemoveFromCart,
            16 => Kind::Purchase,
            17 => Kind::Search,
            18 => Kind::CheckoutStep,
            19 => [Kind::MessageSent, Kind::MessageOpened][draws.below(2) as usize],
            _ => click.kind,
        };
        match click.kind {
            Kind::AddToCart | Kind::RemoveFromCart => {
                let line = Item { product: "P-1001", price, quantity: 1 + draws.below(3) as u32, ..Item::default() };
                Items::push(items, &line);
                click.items = Items::from_buffer(items);
                click.currency = "THB";
            }
            Kind::Purchase => (click.revenue, click.currency) = (Some(price.0 as f64 / 1e6), "THB"),
            _ => {}
        }
        if !click.referrer.is_empty() && draws.below(10) < 3 {
            click.referrer = ["", "https://www.google.com/", "https://www.paypal.com/", "https://blog.example/"]
                [draws.below(4) as usize];
            match draws.below(6) {
                n @ 0..3 => {
                    let name = ["spring", "summer", "autumn"][n as usize];
                    click.campaign = Campaign { source: "news", medium: "email", name, ..Campaign::default() };
                }
                3 => {
                    let _ = write!(url, "{}?gclid={}", click.url, sent.number);
                    click.url = url;
                }
                _ => {}
            }
        }
        (click.customer, click.client_session) = (customer, client_session);
        click
    }
}
