//! Compact steps and entries spelled out as events, in buffers that are used again.

use std::fmt::Write as _;
use std::net::IpAddr;

use crumbtrail_enrich::mmdb_writer::Network;
use crumbtrail_events::click::Campaign;
use crumbtrail_events::touchpoint::{Item, Items};
use crumbtrail_events::vocabulary::{Author, Scale};
use crumbtrail_events::{ClickEvent, Kind, Micros, SupportEntry};

use crate::SITE;
use crate::arrivals::{ARRIVALS, CAMPAIGNS, PROVIDERS};
use crate::catalogue::{CATEGORIES, PRODUCTS, STORES, price_micros};
use crate::devices::AGENTS;
use crate::dice::scramble;
use crate::places::{CITIES, CURRENCIES, Tongue};
use crate::plan::{Entry, Line, NOBODY, Named, Page, Plan, Step, Visit, Visitor, What};
use crate::shopping::{CHECKOUT, ONBOARDING};
use crate::texts::{SEARCHES, Texts};

/// Numbers of products in ids begin here.
const FIRST_PRODUCT: u16 = 1_001;

/// Spells events out.
pub(crate) struct Renderer<'w> {
    seed: u64,
    plan: &'w Plan,
    texts: &'w Texts,
    networks: Vec<[Option<Network>; 2]>,
    buffers: Buffers,
}

#[derive(Default)]
struct Buffers {
    id: String,
    visitor: String,
    customer: String,
    contact: String,
    url: String,
    referrer: String,
    title: String,
    ip: String,
    order: String,
    conversation: String,
    agent: String,
    text: String,
    product: String,
    properties: String,
    items: Vec<u8>,
}

impl Buffers {
    fn clear(&mut self) {
        let Buffers {
            id,
            visitor,
            customer,
            contact,
            url,
            referrer,
            title,
            ip,
            order,
            conversation,
            agent,
            text,
            product,
            properties,
            items,
        } = self;
        let strings = [
            id,
            visitor,
            customer,
            contact,
            url,
            referrer,
            title,
            ip,
            order,
            conversation,
            agent,
            text,
            product,
            properties,
        ];
        strings.into_iter().for_each(String::clear);
        items.clear();
    }
}

/// Appends formatted text; writing into a string cannot fail.
macro_rules! put {
    ($out:expr, $($format:tt)*) => {{ let _ = write!($out, $($format)*); }};
}

impl<'w> Renderer<'w> {
    pub(crate) fn new(seed: u64, plan: &'w Plan, texts: &'w Texts) -> Renderer<'w> {
        let networks = CITIES.iter().map(|city| city.networks.map(|network| network.parse().ok())).collect();
        Renderer { seed, plan, texts, networks, buffers: Buffers::default() }
    }

    /// The click of a step.
    pub(crate) fn click(&mut self, number: u32) -> ClickEvent<'_> {
        self.buffers.clear();
        let step = self.plan.steps[number as usize];
        let visit = self.plan.visits[step.visit as usize];
        let city = &CITIES[usize::from(visit.city)];
        put!(self.buffers.id, "{:016x}", scramble(self.seed, u64::from(number)));
        self.put_visitor(visit.visitor);
        if step.is_known && visit.person != NOBODY {
            put_customer(&mut self.buffers.customer, visit.person);
        }
        self.put_address(&visit);
        let is_entry = step.from == Page::Outside && step.what == What::Plain(Kind::PageView);
        self.put_pages(&step, &visit, is_entry);
        let (kind, name) = kind_of(step.what);
        self.put_lines(&step, city.currency);
        let received = step.received_at();
        let skew = i64::from(visit.skew_ms);
        let mut click = ClickEvent {
            site: SITE,
            occurred_at: step.at + skew,
            sent_at: step.at + i64::from(step.queued_ms) + skew,
            received_at: received,
            kind,
            name,
            language: city.browser_language,
            consent: visit.has_refused.then_some(false),
            ..ClickEvent::default()
        };
        if usize::from(visit.agent) < AGENTS.len() {
            click.user_agent = AGENTS[usize::from(visit.agent)].2;
        }
        if step.line_count > 0 || kind == Kind::Purchase {
            click.currency = CURRENCIES[city.currency].0;
        }
        match step.what {
            What::CheckoutStep(number) => click.step = CHECKOUT[usize::from(number)],
            What::Onboarding(number) => click.step = ONBOARDING[usize::from(number)],
            What::Purchase(order) => {
                put!(self.buffers.order, "T{order:06}");
                let lines = lines_of(self.plan, &step);
                let micros: i64 =
                    lines.iter().map(|line| price_micros(line.product, city.currency) * i64::from(line.quantity)).sum();
                click.revenue = Some(Micros(micros).to_f64());
            }
            What::Comment(words, stars) => {
                self.texts.write(words, &mut self.buffers.text);
                click.language = words.tongue.tag();
                click.rating = Some(f32::from(stars));
            }
            What::Message(_, campaign) => {
                let (name, medium, source) = CAMPAIGNS[usize::from(campaign)];
                click.campaign = Campaign { source, medium, name, term: "", content: "" };
            }
            What::StoreVisit(store) => {
                let store = &STORES[usize::from(store)];
                click.store = store.id;
                // The till stands where the shop is, give or take its walls.
                let drift = (scramble(self.seed, step.at as u64) % 200) as f32 / 1e6;
                click.latitude = Some(store.position.0 + drift);
                click.longitude = Some(store.position.1 + drift);
            }
            What::Plain(Kind::Search) => {
                if let Page::Search(term) = step.page {
                    click.search = SEARCHES[visit.tongue as usize][usize::from(term)];
                }
            }
            What::Plain(Kind::Login | Kind::SignUp) => put_mailbox(&mut self.buffers.contact, visit.person),
            _ => {}
        }
        let buffers = &self.buffers;
        ClickEvent {
            event_id: &buffers.id,
            visitor: &buffers.visitor,
            customer: &buffers.customer,
            url: &buffers.url,
            referrer: &buffers.referrer,
            title: &buffers.title,
            ip: &buffers.ip,
            items: Items::from_buffer(&buffers.items),
            order_id: &buffers.order,
            text: &buffers.text,
            contact: &buffers.contact,
            properties: &buffers.properties,
            ..click
        }
    }

    /// The support entry of that number.
    pub(crate) fn support(&mut self, number: u32) -> SupportEntry<'_> {
        self.buffers.clear();
        let entry: Entry = self.plan.entries[number as usize];
        put!(self.buffers.id, "s{:016x}", scramble(!self.seed, u64::from(number)));
        match entry.named {
            Named::Customer(person) => put_customer(&mut self.buffers.customer, person),
            Named::Device(person) => self.put_visitor(Visitor::Device(person, 0)),
            Named::Handle(person) => put!(self.buffers.contact, "@fan_{person}"),
        }
        if entry.conversation > 0 {
            put!(self.buffers.conversation, "case-{:06}", entry.conversation);
        }
        if let Some(words) = entry.words {
            self.texts.write(words, &mut self.buffers.text);
        }
        if let Some(product) = entry.product {
            put!(self.buffers.product, "P-{}", FIRST_PRODUCT + product);
        }
        let is_agents = entry.author == Author::Agent;
        if is_agents {
            put!(self.buffers.agent, "agent-{:02}", entry.agent);
        }
        if entry.author == Author::Customer && entry.channel != crumbtrail_events::vocabulary::Channel::Phone {
            self.put_ip(entry.city, number);
        }
        let buffers = &self.buffers;
        SupportEntry {
            entry_id: &buffers.id,
            site: SITE,
            occurred_at: entry.at,
            received_at: entry.at + i64::from(entry.travel_ms),
            customer: &buffers.customer,
            visitor: &buffers.visitor,
            contact: &buffers.contact,
            conversation: &buffers.conversation,
            channel: entry.channel,
            author: entry.author,
            kind: entry.kind,
            text: &buffers.text,
            language: if entry.tells_language { entry.tongue.tag() } else { "" },
            rating: entry.rating.map(|(rating, _)| f32::from(rating)),
            scale: entry.rating.map_or(Scale::None, |(_, scale)| scale),
            agent: &buffers.agent,
            department: if is_agents { department(entry.tongue) } else { "" },
            tags: entry.tag,
            priority: if entry.tag == "billing" || entry.tag == "checkout" { "high" } else { "" },
            store: entry.store.map_or("", |store| STORES[usize::from(store)].id),
            ip: &buffers.ip,
            product: &buffers.product,
            properties: "",
        }
    }

    fn put_visitor(&mut self, visitor: Visitor) {
        let out = &mut self.buffers.visitor;
        match visitor {
            Visitor::Device(person, device) => {
                put!(out, "v-{:012x}", scramble(self.seed ^ 1, u64::from(person) * 2 + u64::from(device)) >> 16);
            }
            Visitor::Card(person) => put!(out, "card-{:07}", 4_000_000 + person),
            Visitor::Robot(number) => put!(out, "v-{:012x}", scramble(self.seed ^ 2, u64::from(number)) >> 16),
        }
    }

    fn put_address(&mut self, visit: &Visit) {
        self.put_ip(visit.city, visit.address);
        // Some collectors hand on the forwarding header, with its proxies.
        if visit.address % 20 == 7 {
            self.buffers.ip.push_str(", 10.1.0.7");
        }
    }

    fn put_ip(&mut self, city: u8, index: u32) {
        let [v4, v6] = self.networks[usize::from(city)];
        let network = if index % 5 < 2 { v6 } else { v4 };
        let address = network.map(|network| network.address_at(u128::from(index)));
        match address {
            Some(IpAddr::V4(address)) => put!(self.buffers.ip, "{address}"),
            Some(IpAddr::V6(address)) => put!(self.buffers.ip, "{address}"),
            None => {}
        }
    }

    fn put_pages(&mut self, step: &Step, visit: &Visit, is_entry: bool) {
        if step.page == Page::Nowhere {
            return;
        }
        let Buffers { url, referrer, title, properties, .. } = &mut self.buffers;
        put_url(url, step.page, visit.tongue);
        if is_entry {
            let arrival = &ARRIVALS[usize::from(visit.arrival)];
            let click_id = scramble(self.seed ^ 3, u64::from(step.visit));
            let week = (step.at - crate::START_MS) / (7 * crate::plan::DAY) + 22;
            put_query(url, arrival.query, click_id, week);
        }
        match step.from {
            Page::Outside if visit.person != NOBODY => {
                referrer.push_str(ARRIVALS[usize::from(visit.arrival)].referrer);
            }
            Page::Outside | Page::Nowhere => {}
            Page::Provider => referrer.push_str(PROVIDERS[CITIES[usize::from(visit.city)].currency]),
            page => put_url(referrer, page, visit.tongue),
        }
        put_title(title, step.page, visit.tongue);
        if is_entry {
            let width = [390, 412, 1_440, 820][usize::from(visit.agent) % 4];
            put!(properties, r#"{{"viewport_width":{width}}}"#);
        }
    }

    fn put_lines(&mut self, step: &Step, currency: usize) {
        let push = |items: &mut Vec<u8>, id: &mut String, line: Line| {
            let (category, name, _) = PRODUCTS[usize::from(line.product)];
            id.clear();
            put!(id, "P-{}", FIRST_PRODUCT + line.product);
            let item = Item {
                product: id,
                name,
                category: CATEGORIES[usize::from(category)].0,
                price: Micros(price_micros(line.product, currency)),
                quantity: u32::from(line.quantity),
            };
            Items::push(items, &item);
        };
        let Buffers { items, product, .. } = &mut self.buffers;
        for line in lines_of(self.plan, step) {
            push(items, product, *line);
        }
        // What is looked at, wished for or commented on is told as one line too.
        let is_about =
            matches!(step.what, What::Plain(Kind::ProductView | Kind::Wishlist | Kind::Share) | What::Comment(..));
        if let (Page::Product(product_number), true) = (step.page, is_about) {
            push(items, product, Line { product: product_number, quantity: 1 });
        }
    }
}

fn lines_of<'p>(plan: &'p Plan, step: &Step) -> &'p [Line] {
    let start = step.line_start as usize;
    &plan.lines[start..start + usize::from(step.line_count)]
}

fn kind_of(what: What) -> (Kind, &'static str) {
    match what {
        What::Plain(kind) | What::Message(kind, _) => (kind, ""),
        What::CheckoutStep(_) => (Kind::CheckoutStep, ""),
        What::PaymentError => (Kind::Custom, "payment_error_shown"),
        What::Purchase(_) => (Kind::Purchase, ""),
        What::Comment(..) => (Kind::Comment, ""),
        What::StoreVisit(_) => (Kind::StoreVisit, ""),
        What::Onboarding(_) => (Kind::OnboardingStep, ""),
    }
}

fn put_customer(out: &mut String, person: u32) {
    put!(out, "C-{}", 100_000 + person);
}

fn put_mailbox(out: &mut String, person: u32) {
    put!(out, "member{person}@mail.example");
}

const fn department(tongue: Tongue) -> &'static str {
    match tongue {
        Tongue::English => "care-en",
        Tongue::Thai => "care-th",
        Tongue::Indonesian => "care-id",
    }
}

fn put_url(out: &mut String, page: Page, tongue: Tongue) {
    put!(out, "https://{}/{}/", crate::OWN_HOSTS[0], tongue.tag());
    match page {
        Page::Nowhere | Page::Outside | Page::Provider | Page::Home => {}
        Page::Category(category) => put!(out, "c/{}", CATEGORIES[usize::from(category)].1),
        Page::Product(product) => put!(out, "product/P-{}", FIRST_PRODUCT + product),
        Page::Search(term) => {
            out.push_str("search?q=");
            put_encoded(out, SEARCHES[tongue as usize][usize::from(term)]);
        }
        Page::Cart => out.push_str("cart"),
        Page::Checkout(step) => put!(out, "checkout/{}", CHECKOUT[usize::from(step)]),
        Page::Return => out.push_str("checkout/confirm"),
        Page::Account => out.push_str("account"),
        Page::Close => out.push_str("account/close"),
        Page::Stores => out.push_str("stores"),
        Page::Login => out.push_str("login"),
        Page::Welcome(step) => put!(out, "welcome/{}", ONBOARDING[usize::from(step)]),
    }
}

fn put_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => out.push(char::from(byte)),
            _ => put!(out, "%{byte:02X}"),
        }
    }
}

fn put_query(out: &mut String, query: &str, id: u64, week: i64) {
    let mut left = query;
    while let Some((before, rest)) = left.split_once('{') {
        out.push_str(before);
        let (place, after) = rest.split_once('}').unwrap_or((rest, ""));
        if place == "week" {
            put!(out, "{week}");
        } else {
            put!(out, "{id:016x}");
        }
        left = after;
    }
    out.push_str(left);
}

fn put_title(out: &mut String, page: Page, tongue: Tongue) {
    match page {
        Page::Product(product) => out.push_str(PRODUCTS[usize::from(product)].1),
        Page::Category(category) => out.push_str(CATEGORIES[usize::from(category)].0),
        Page::Search(term) => out.push_str(SEARCHES[tongue as usize][usize::from(term)]),
        Page::Cart => out.push_str("Cart"),
        Page::Checkout(_) | Page::Return => out.push_str("Checkout"),
        Page::Account | Page::Close => out.push_str("Account"),
        Page::Stores => {
            out.push_str("Our shops: ");
            STORES.iter().take(4).for_each(|store| put!(out, "{} · ", store.name));
        }
        Page::Login => out.push_str("Sign in"),
        Page::Welcome(_) => out.push_str("Welcome"),
        Page::Home | Page::Nowhere | Page::Outside | Page::Provider => {}
    }
    out.push_str(if out.is_empty() { "Tamarind" } else { " | Tamarind" });
}
