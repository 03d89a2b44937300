//! What the events of one session add up to, and the row that says it.

use crate::attributes::{self, BOT, CUSTOMER, DEVICE, LANGUAGE, PLACE};
use crate::event::{Event, Order};
use crate::intern::{Interner, Symbol};
use crate::pick::{First, Last, stored_fields};
use crate::rows::{Cut, SessionRow};
use crate::rules::Rules;
use crate::window::Open;
use crumbtrail_events::{EventTime, Key, Kind, Micros};
use xxhash_rust::xxh3::xxh3_64;

/// The id of the session of `visitor` that begins with the event `first` (hash of its id); never 0.
#[must_use]
pub fn session_id(visitor: Key, first: u64) -> u64 {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&visitor.0.to_le_bytes());
    bytes[16..].copy_from_slice(&first.to_le_bytes());
    xxh3_64(&bytes).max(1)
}

/// The sum of a session's events: does not depend on the order they were added in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Summary {
    pub(crate) begin: Order,
    pub(crate) end: EventTime,
    pub(crate) size: u32,
    pub(crate) is_continuation: bool,
    /// A row of this session has been emitted and not retracted.
    pub(crate) is_emitted: bool,
    event_count: u32,
    view_count: u32,
    search_count: u32,
    product_view_count: u32,
    cart_add_count: u32,
    cart_remove_count: u32,
    checkout_count: u32,
    purchase_count: u32,
    revenue: i64,
    text_count: u32,
    score: i64,
    currency: First<Symbol>,
    entry_page: First<Symbol>,
    exit_page: Last<Symbol>,
    touch: First<Symbol>,
    customer: First<Symbol>,
    place: First<Symbol>,
    device: First<Symbol>,
    language: First<Symbol>,
    bot: First<Symbol>,
}

stored_fields!(Summary {
    begin,
    end,
    size,
    is_continuation,
    is_emitted,
    event_count,
    view_count,
    search_count,
    product_view_count,
    cart_add_count,
    cart_remove_count,
    checkout_count,
    purchase_count,
    revenue,
    text_count,
    score,
    currency,
    entry_page,
    exit_page,
    touch,
    customer,
    place,
    device,
    language,
    bot,
});

impl Summary {
    /// The sum of nothing yet.
    pub(crate) fn new(is_continuation: bool) -> Summary {
        Summary { is_continuation, ..Summary::default() }
    }

    /// What the cut needs to go on from it.
    pub(crate) fn open(&self) -> Open {
        Open { start: self.begin.0, last: self.end, size: self.size, is_continuation: self.is_continuation }
    }

    /// Adds one event.
    pub(crate) fn add(&mut self, event: &Event, interner: &Interner) {
        let order = event.order();
        self.begin = if self.size == 0 { order } else { self.begin.min(order) };
        self.end = if self.size == 0 { event.at } else { self.end.max(event.at) };
        self.size += 1;
        self.event_count += u32::from(event.kind != Kind::PagePing);
        match event.kind {
            Kind::PageView | Kind::ScreenView => {
                self.view_count += 1;
                self.entry_page.offer(order, event.page);
                self.exit_page.offer(order, event.page);
            }
            Kind::Search => self.search_count += 1,
            Kind::ProductView => self.product_view_count += 1,
            Kind::AddToCart => self.cart_add_count += 1,
            Kind::RemoveFromCart => self.cart_remove_count += 1,
            Kind::CheckoutStarted | Kind::CheckoutStep => self.checkout_count += 1,
            Kind::Purchase => {
                let (currency, revenue) = attributes::purchase(event.detail, interner);
                self.purchase_count += 1;
                self.revenue = self.revenue.saturating_add(revenue.0);
                self.currency.offer_some(order, currency);
            }
            _ => {}
        }
        if event.has(Event::HAS_SCORE) {
            self.text_count += 1;
            self.score += i64::from(event.score);
        }
        if !event.detail.is_none() {
            self.touch.offer_some(order, interner.part(event.detail, 0));
        }
        let [customer, place, device, language, bot] = interner.parts(event.attributes);
        debug_assert_eq!([CUSTOMER, PLACE, DEVICE, LANGUAGE, BOT], [0, 1, 2, 3, 4]);
        self.customer.offer_some(order, customer);
        if !place.is_none() {
            // A place with a country comes before one that has only coordinates.
            self.place.offer_ranked(u8::from(!event.has(Event::HAS_COUNTRY)), order, place);
        }
        self.device.offer_some(order, device);
        self.language.offer_some(order, language);
        self.bot.offer_some(order, bot);
    }

    /// Adds another sum.
    pub(crate) fn absorb(&mut self, other: &Summary) {
        self.begin = self.begin.min(other.begin);
        self.end = self.end.max(other.end);
        self.is_continuation &= other.is_continuation;
        self.size += other.size;
        self.event_count += other.event_count;
        self.view_count += other.view_count;
        self.search_count += other.search_count;
        self.product_view_count += other.product_view_count;
        self.cart_add_count += other.cart_add_count;
        self.cart_remove_count += other.cart_remove_count;
        self.checkout_count += other.checkout_count;
        self.purchase_count += other.purchase_count;
        self.revenue = self.revenue.saturating_add(other.revenue);
        self.text_count += other.text_count;
        self.score += other.score;
        self.currency.absorb(&other.currency);
        self.entry_page.absorb(&other.entry_page);
        self.exit_page.absorb(&other.exit_page);
        self.touch.absorb(&other.touch);
        self.customer.absorb(&other.customer);
        self.place.absorb(&other.place);
        self.device.absorb(&other.device);
        self.language.absorb(&other.language);
        self.bot.absorb(&other.bot);
    }

    /// The row.
    pub(crate) fn row<'a>(&self, of: Owner<'a>, cut: Cut, is_final: bool, rules: &Rules) -> SessionRow<'a> {
        let interner = of.interner;
        let customer = interner.str(self.customer.symbol());
        let place = attributes::place(self.place.symbol(), interner);
        let (device, browser, os) = attributes::device(self.device.symbol(), interner);
        let touch = attributes::touch(self.touch.symbol(), interner);
        SessionRow {
            deleted: false,
            is_final,
            site: of.site,
            session_id: session_id(of.key, self.begin.1),
            visitor: of.visitor,
            customer,
            person: if customer.is_empty() { of.key } else { Key::customer(of.site, customer) },
            started_at: self.begin.0,
            ended_at: self.end,
            is_engaged: self.end.since(self.begin.0) >= rules.engaged_ms
                || self.view_count >= rules.engaged_views
                || self.purchase_count > 0,
            cut,
            is_continuation: self.is_continuation,
            event_count: self.event_count,
            view_count: self.view_count,
            search_count: self.search_count,
            product_view_count: self.product_view_count,
            cart_add_count: self.cart_add_count,
            cart_remove_count: self.cart_remove_count,
            checkout_count: self.checkout_count,
            purchase_count: self.purchase_count,
            revenue: Micros(self.revenue),
            currency: interner.str(self.currency.symbol()),
            entry_page: interner.str(self.entry_page.symbol()),
            exit_page: interner.str(self.exit_page.symbol()),
            channel: touch.channel,
            source: touch.source,
            medium: touch.medium,
            campaign: touch.campaign,
            click_id: touch.click_id,
            referrer: touch.referrer,
            country: place.country,
            region: place.region,
            city: place.city,
            latitude: place.latitude,
            longitude: place.longitude,
            time_zone: place.time_zone,
            device,
            browser,
            os,
            language: interner.str(self.language.symbol()),
            bot: interner.str(self.bot.symbol()),
            score: (self.text_count > 0).then(|| (self.score as f64 / 1e4 / f64::from(self.text_count)) as f32),
            text_count: self.text_count,
        }
    }
}

/// Whose rows: the names a row repeats.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    pub(crate) key: Key,
    pub(crate) site: &'a str,
    pub(crate) visitor: &'a str,
    pub(crate) interner: &'a Interner,
}

impl<'a> Owner<'a> {
    /// The row that takes back the session which began with the event at `begin`.
    pub(crate) fn retraction(&self, begin: Order) -> SessionRow<'a> {
        SessionRow {
            deleted: true,
            is_final: true,
            site: self.site,
            session_id: session_id(self.key, begin.1),
            visitor: self.visitor,
            person: self.key,
            started_at: begin.0,
            ended_at: begin.0,
            ..SessionRow::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_do_not_depend_on_how_they_are_made() {
        let mut interner = Interner::new();
        let (home, cart) = (interner.text("/"), interner.text("/cart"));
        let event = |at, kind, page| Event { at: EventTime(at), id: at as u64, kind, page, ..Event::default() };
        let events = [
            event(5, Kind::PageView, home),
            event(6, Kind::PagePing, home),
            event(9, Kind::AddToCart, Symbol::NONE),
            event(20, Kind::ScreenView, cart),
        ];
        let sum = |events: &[Event]| {
            let mut sum = Summary::new(false);
            events.iter().for_each(|event| sum.add(event, &interner));
            sum
        };
        let whole = sum(&events);
        let mut turned = events;
        turned.reverse();
        assert_eq!(sum(&turned), whole);
        let mut joined = sum(&events[2..]);
        joined.absorb(&sum(&events[..2]));
        assert_eq!(joined, whole);
        let of = Owner { key: Key::visitor("s", "v"), site: "s", visitor: "v", interner: &interner };
        let row = whole.row(of, Cut::Gap, true, &Rules::default());
        assert_eq!((row.event_count, row.view_count, row.cart_add_count), (3, 2, 1), "a ping does not count");
        assert_eq!((row.entry_page, row.exit_page), ("/", "/cart"));
        assert_eq!((row.started_at, row.ended_at, row.is_engaged), (EventTime(5), EventTime(20), true));
        assert_eq!(row.person, of.key);
    }
}
