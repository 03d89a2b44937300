//! What the events of one session add up to, and the row that says it.

use crate::attributes::{self, BOT, DEVICE, LANGUAGE, PLACE};
use crate::behaviour::{Behaviour, first_sign};
use crate::engaged::Engaged;
use crate::event::{Event, Order};
use crate::intern::{Interner, Symbol};
use crate::pages::Pages;
use crate::place::Whence;
use crate::rows::{Cut, SessionRow};
use crate::rules::Rules;
use crate::stays::Stays;
use crate::stored::{Resolve, Stored, stored_fields};
use crate::window::Open;
use crumbtrail_events::wire::{Reader, WireError};
use crumbtrail_events::{Key, Kind, Micros};
use xxhash_rust::xxh3::xxh3_64;

/// The id of the session of `visitor` that begins with the event `first` (hash of its id); never 0.
#[must_use]
pub fn session_id(visitor: Key, first: u64) -> u64 {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&visitor.0.to_le_bytes());
    bytes[16..].copy_from_slice(&first.to_le_bytes());
    xxh3_64(&bytes).max(1)
}

/// The sum of a session's events, added in total order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Summary {
    /// The session as the cut knows it.
    pub(crate) open: Open,
    /// A row of this session has been emitted and not retracted.
    pub(crate) is_emitted: bool,
    counts: Counts,
    engaged: Engaged,
    behaviour: Behaviour,
    pages: Pages,
    stays: Stays,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    event_count: u32,
    ping_count: u32,
    view_count: u32,
    search_count: u32,
    product_view_count: u32,
    cart_add_count: u32,
    cart_remove_count: u32,
    checkout_count: u32,
    purchase_count: u32,
    cart_add_quantity: u32,
    cart_remove_quantity: u32,
    purchase_quantity: u32,
    cart_value: i64,
    revenue: i64,
    is_engaging: bool,
    text_count: u32,
    score: i64,
    score_worst: i16,
    currency: Symbol,
    entry_page: Symbol,
    exit_page: Symbol,
    /// Its first touch, direct or not.
    touch: Symbol,
    whence: Whence,
    device: Symbol,
    language: Symbol,
    bot: Symbol,
}

stored_fields!(Counts {
    event_count,
    ping_count,
    view_count,
    search_count,
    product_view_count,
    cart_add_count,
    cart_remove_count,
    checkout_count,
    purchase_count,
    cart_add_quantity,
    cart_remove_quantity,
    purchase_quantity,
    cart_value,
    revenue,
    is_engaging,
    text_count,
    score,
    score_worst,
    currency,
    entry_page,
    exit_page,
    touch,
    whence,
    device,
    language,
    bot,
});

impl Counts {
    fn commerce(&mut self, event: &Event, interner: &Interner) {
        let of = attributes::commerce(event.detail(interner), interner);
        first(&mut self.currency, of.currency);
        // Money of another currency cannot be added: the pieces count, their value does not.
        let is_foreign = !of.currency.is_none() && of.currency != self.currency;
        let value = if is_foreign { 0 } else { of.value.0 };
        match event.kind {
            Kind::AddToCart => {
                self.cart_add_count += 1;
                self.cart_add_quantity = self.cart_add_quantity.saturating_add(of.quantity);
                self.cart_value = self.cart_value.saturating_add(value).max(0);
            }
            Kind::RemoveFromCart => {
                self.cart_remove_count += 1;
                self.cart_remove_quantity = self.cart_remove_quantity.saturating_add(of.quantity);
                self.cart_value = self.cart_value.saturating_sub(value).max(0);
            }
            _ => {
                self.purchase_count += 1;
                self.purchase_quantity = self.purchase_quantity.saturating_add(of.quantity);
                self.revenue = self.revenue.saturating_add(value);
                self.cart_value = 0;
            }
        }
    }
}

/// Keeps the first symbol that names something.
pub(crate) fn first(held: &mut Symbol, found: Symbol) {
    if held.is_none() {
        *held = found;
    }
}

impl Summary {
    /// Adds one event; they come in total order. `self.open` is the caller's to set, by the cut.
    pub(crate) fn add(&mut self, event: &Event, rules: &Rules, interner: &Interner) {
        let counts = &mut self.counts;
        counts.event_count += u32::from(event.kind != Kind::PagePing);
        counts.is_engaging |= rules.conversions.has(event.kind) || event.kind.is_watched();
        self.behaviour.add(event, &rules.pace);
        match event.kind {
            Kind::PageView | Kind::ScreenView => {
                let page = event.page(interner);
                if counts.view_count == 0 {
                    counts.entry_page = page;
                }
                counts.view_count += 1;
                counts.exit_page = page;
                self.pages.view(page, interner);
                self.engaged.view();
            }
            Kind::PagePing => {
                counts.ping_count += 1;
                self.engaged.ping(event.device_ms(), rules.heartbeat_ms);
            }
            Kind::Search => counts.search_count += 1,
            Kind::ProductView => counts.product_view_count += 1,
            Kind::CheckoutStarted | Kind::CheckoutStep => counts.checkout_count += 1,
            Kind::AddToCart | Kind::RemoveFromCart | Kind::Purchase => counts.commerce(event, interner),
            _ => {}
        }
        if let Some(score) = event.score(interner) {
            counts.score_worst = if counts.text_count == 0 { score } else { counts.score_worst.min(score) };
            counts.text_count += 1;
            counts.score += i64::from(score);
        }
        if event.has(Event::RICH) && event.may_start() {
            first(&mut counts.touch, interner.part(event.detail(interner), 0));
        }
        let [_, place, device, language, bot] = interner.parts(event.attributes);
        const { assert!(PLACE == 1 && DEVICE == 2 && LANGUAGE == 3 && BOT == 4) };
        // A visit told has a place that says nothing but the shop, unless the record told more.
        if event.kind != Kind::StoreVisit || attributes::is_somewhere(place, interner) {
            counts.whence.offer(place, event.has(Event::HAS_COUNTRY));
        }
        if event.has(Event::HAS_FENCES) {
            self.stays.step(event.at(), place, &rules.stays, interner);
        }
        first(&mut counts.device, device);
        first(&mut counts.language, language);
        first(&mut counts.bot, bot);
    }

    /// Appends it to a snapshot.
    pub(crate) fn save(&self, out: &mut Vec<u8>, symbol: &mut dyn FnMut(Symbol) -> Symbol) {
        self.open.save(out, symbol);
        self.is_emitted.save(out, symbol);
        self.counts.save(out, symbol);
        self.engaged.save(out, symbol);
        self.behaviour.save(out, symbol);
        self.pages.save(out, symbol);
        self.stays.save(out, symbol);
    }

    /// Reads it back.
    pub(crate) fn load(reader: &mut Reader<'_>, symbol: &Resolve<'_>) -> Result<Summary, WireError> {
        Ok(Summary {
            open: Stored::load(reader, symbol)?,
            is_emitted: Stored::load(reader, symbol)?,
            counts: Stored::load(reader, symbol)?,
            engaged: Engaged::load(reader, symbol)?,
            behaviour: Stored::load(reader, symbol)?,
            pages: Pages::load(reader, symbol)?,
            stays: Stays::load(reader, symbol)?,
        })
    }

    /// Marks the symbols it holds.
    pub(crate) fn mark(&self, interner: &mut Interner) {
        self.open.mark(interner);
        self.counts.mark(interner);
        self.pages.mark(interner);
        self.stays.mark(interner);
    }

    /// The row.
    pub(crate) fn row<'a>(&'a self, of: Owner<'a>, cut: Cut, is_final: bool, rules: &Rules) -> SessionRow<'a> {
        let (open, counts, interner) = (&self.open, &self.counts, of.interner);
        let customer = interner.str(open.customer);
        let place = attributes::place(counts.whence.place, interner);
        let (device, browser, os) = attributes::device(counts.device, interner);
        let touch = attributes::touch(if open.touch.is_none() { counts.touch } else { open.touch }, interner);
        let signs = self.behaviour.signs(&rules.pace);
        let bot = interner.str(counts.bot);
        let score = |sum: i64, n: u32| (n > 0).then(|| (sum as f64 / 1e4 / f64::from(n)) as f32);
        let round = |degrees: f32| (degrees * 100.0).round() / 100.0;
        SessionRow {
            deleted: false,
            is_final,
            site: of.site,
            session_id: session_id(of.key, open.start.id),
            visitor: of.visitor,
            customer,
            person: if customer.is_empty() { of.key } else { Key::customer(of.site, customer) },
            started_at: open.start.at,
            ended_at: open.last,
            is_engaged: open.last.since(open.start.at) >= rules.engaged_ms
                || counts.view_count >= rules.engaged_views
                || counts.is_engaging,
            engaged_ms: self.engaged.ms(rules.heartbeat_ms, rules.minimum_visit_ms),
            cut,
            is_continuation: open.is_continuation,
            event_count: counts.event_count,
            ping_count: counts.ping_count,
            view_count: counts.view_count,
            search_count: counts.search_count,
            product_view_count: counts.product_view_count,
            cart_add_count: counts.cart_add_count,
            cart_remove_count: counts.cart_remove_count,
            checkout_count: counts.checkout_count,
            purchase_count: counts.purchase_count,
            cart_add_quantity: counts.cart_add_quantity,
            cart_remove_quantity: counts.cart_remove_quantity,
            purchase_quantity: counts.purchase_quantity,
            cart_value: Micros(counts.cart_value),
            revenue: Micros(counts.revenue),
            currency: interner.str(counts.currency),
            entry_page: interner.str(counts.entry_page),
            exit_page: interner.str(counts.exit_page),
            page_groups: self.pages.groups(interner),
            client_session: interner.str(open.client),
            channel: touch.channel,
            source: touch.source,
            medium: touch.medium,
            campaign: touch.campaign,
            click_id: touch.click_id,
            referrer: touch.referrer,
            country: place.country,
            region: place.region,
            city: place.city,
            latitude: place.latitude.map(round),
            longitude: place.longitude.map(round),
            time_zone: place.time_zone,
            device,
            browser,
            os,
            language: interner.str(counts.language),
            bot: if bot.is_empty() { first_sign(signs) } else { bot },
            bot_behaviour: signs,
            busiest_minute_view_count: self.behaviour.busiest_minute(),
            stays: self.stays.told(cut == Cut::Open, &rules.stays, interner),
            score: score(counts.score, counts.text_count),
            score_worst: score(i64::from(counts.score_worst), counts.text_count.min(1)),
            text_count: counts.text_count,
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
            session_id: session_id(self.key, begin.id),
            visitor: self.visitor,
            person: self.key,
            started_at: begin.at,
            ended_at: begin.at,
            ..SessionRow::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window;
    use crumbtrail_events::EventTime;

    /// The rows' numbers of these events, which one session has.
    fn sum(events: &[Event], rules: &Rules, interner: &Interner) -> Summary {
        let mut sum = Summary::default();
        window::cut(events, None, rules, interner, |segment| sum.open = segment.open);
        events.iter().for_each(|event| sum.add(event, rules, interner));
        sum
    }

    fn event(at: i64, kind: Kind, page: Symbol) -> Event {
        Event::new(EventTime(at), at as u64, kind).about(page, Symbol::NONE, None, &mut Interner::new())
    }

    fn owner(interner: &Interner) -> Owner<'_> {
        Owner { key: Key::visitor("s", "v"), site: "s", visitor: "v", interner }
    }

    #[test]
    fn a_row_says_what_its_events_add_up_to() {
        let mut interner = Interner::new();
        let (home, cart) = (interner.text("/"), interner.text("/cart"));
        let events = [
            event(4, Kind::Click, Symbol::NONE),
            event(5, Kind::PageView, home),
            event(6, Kind::PagePing, home),
            event(9, Kind::AddToCart, Symbol::NONE),
            event(20, Kind::ScreenView, cart),
        ];
        let rules = Rules::default();
        let whole = sum(&events, &rules, &interner);
        let row = whole.row(owner(&interner), Cut::Gap, true, &rules);
        assert_eq!((row.event_count, row.view_count, row.cart_add_count), (4, 2, 1), "a ping does not count");
        assert_eq!((row.ping_count, row.engaged_ms), (1, 5_000));
        assert_eq!((row.entry_page, row.exit_page), ("/", "/cart"), "of views, even if another event came first");
        assert_eq!((row.started_at, row.ended_at, row.is_engaged), (EventTime(4), EventTime(20), true));
        assert_eq!(row.page_groups.iter().collect::<Vec<_>>(), [("/", 1), ("/cart", 1)]);
        assert_eq!(row.person, owner(&interner).key);
    }

    #[test]
    fn engaged_is_ten_seconds_or_two_views_or_a_conversion() {
        let interner = Interner::new();
        let rules = Rules { conversions: crate::rules::Kinds::of(&[Kind::SignUp]), ..Rules::default() };
        let is_engaged = |events: &[(i64, Kind)]| {
            let events: Vec<Event> = events.iter().map(|&(at, kind)| event(at, kind, Symbol::NONE)).collect();
            sum(&events, &rules, &interner).row(owner(&interner), Cut::Gap, true, &rules).is_engaged
        };
        assert!(!is_engaged(&[(0, Kind::PageView), (9_999, Kind::Click)]));
        assert!(is_engaged(&[(0, Kind::PageView), (10_000, Kind::Click)]));
        assert!(is_engaged(&[(0, Kind::PageView), (10_001, Kind::Click)]));
        assert!(!is_engaged(&[(0, Kind::PageView), (1, Kind::PagePing)]));
        assert!(is_engaged(&[(0, Kind::PageView), (1, Kind::PageView)]));
        assert!(is_engaged(&[(0, Kind::SignUp)]));
        assert!(is_engaged(&[(0, Kind::MediaWatched)]) && is_engaged(&[(0, Kind::MediaCompleted)]));
        assert!(!is_engaged(&[(0, Kind::PageView), (1, Kind::MediaPlayed)]));
        assert!(!is_engaged(&[(0, Kind::Purchase)]), "conversions are the site's to say");
    }
}
