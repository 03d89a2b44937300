//! The enricher: one a thread, fills in what a record doesn't say outright.
//!
//! Strings it hands out point into the event, into static tables or into its own buffers, so a touchpoint is encoded
//! before the next event is enriched. Caches are keyed by what repeats: the address as given, the agent, the referrer's
//! host.

use std::net::IpAddr;
use std::sync::Arc;

use crumbtrail_events::touchpoint::Section;
use crumbtrail_events::vocabulary::{Channel, Device};
use crumbtrail_events::{ClickEvent, Kind, SupportEntry, Touchpoint};
use hashbrown::HashMap;
use memchr::memmem;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::agent::{Agent, indicator};
use crate::cache::Cache;
use crate::channel::{Clues, Referrer, channel};
use crate::contact::ContactHasher;
use crate::geo::{Geo, Place};
use crate::ip::client_address;
use crate::pii::redact_with;
use crate::query::{Parameters, decoded, first_of};
use crate::rules::{Rules, SiteRules, covers};
use crate::sources::{Source, Sources};
use crate::url::{self, lowered};

/// Places kept apart before the table is begun anew.
const MOST_PLACES: usize = 1 << 16;

/// Enriches clicks and support entries. Not shared: one a thread.
pub struct Enricher {
    rules: Arc<Rules>,
    sources: &'static Sources,
    places: Places,
    agents: Agents,
    referrers: Cache<Referrer>,
    contacts: Option<ContactHasher>,
    flag: memmem::Finder<'static>,
    buffers: Buffers,
}

/// One buffer per field that may need one, so that all can be handed out together.
#[derive(Default)]
struct Buffers {
    host: String,
    page: String,
    referrer: String,
    source: String,
    medium: String,
    campaign: String,
    term: String,
    content: String,
    search: String,
    search_clean: String,
    text: String,
    contact: String,
}

impl Enricher {
    /// An enricher under `rules`; without `geo` places stay empty, without `contacts` contacts do.
    #[must_use]
    pub fn new(rules: Arc<Rules>, geo: Option<Arc<Geo>>, contacts: Option<ContactHasher>) -> Enricher {
        Enricher {
            rules,
            sources: Sources::shipped(),
            places: Places::new(geo),
            agents: Agents::new(),
            referrers: Cache::new(9),
            contacts,
            flag: memmem::Finder::new("\"webdriver\""),
            buffers: Buffers::default(),
        }
    }

    /// Takes another geo database (a reloaded file) and forgets the places of the old one.
    pub fn set_geo(&mut self, geo: Option<Arc<Geo>>) {
        self.places = Places::new(geo);
    }

    /// Look-ups that failed because the geo database is damaged; such places stay empty.
    #[must_use]
    pub fn geo_error_count(&self) -> u64 {
        self.places.errors
    }

    /// Fills the enrichment fields of `out`: host, page, referrer, channel, campaign fields, click id, place, device,
    /// browser, os, bot, search, contact, text and its length. Leaves all others alone.
    ///
    /// The device's own position, where sane, wins over the address's.
    pub fn click<'a>(&'a mut self, event: &ClickEvent<'a>, out: &mut Touchpoint<'a>) {
        let Enricher { rules, sources, places, agents, referrers, contacts, flag, buffers } = self;
        let (site_number, site) = rules.of(event.site);

        let page = url::split(event.url);
        out.host = lowered(page.host, &mut buffers.host);
        out.page = url::page(page.path, &mut buffers.page);

        let known = agents.of(event.user_agent);
        put_device(known.agent, out);
        out.prepared.device = &known.section;
        let own = match () {
            () if event.user_agent.is_empty() && rules.empty_agent_is_bot => indicator::EMPTY_AGENT,
            () if has_flag(flag, event.properties) => indicator::CLIENT_FLAG,
            () => "",
        };
        if !own.is_empty() {
            (out.bot, out.device, out.prepared.device) = (own, Device::Bot, &[]);
        }

        put_place(places.of(event.ip), out);
        if let (Some(latitude), Some(longitude)) = (event.latitude, event.longitude)
            && latitude.abs() <= 90.0
            && longitude.abs() <= 180.0
        {
            (out.latitude, out.longitude, out.prepared.place) = (Some(latitude), Some(longitude), &[]);
        }

        let parameters = Parameters::read(page.query);
        let context = &event.campaign;
        let told = |told: &'a str, raw, buffer| if told.is_empty() { decoded(raw, buffer) } else { told };
        out.source = told(context.source, parameters.source, &mut buffers.source);
        out.medium = told(context.medium, parameters.medium, &mut buffers.medium);
        out.campaign = told(context.name, parameters.campaign, &mut buffers.campaign);
        out.term = told(context.term, parameters.term, &mut buffers.term);
        out.content = told(context.content, parameters.content, &mut buffers.content);
        out.click_id = parameters.click_id;

        let is_campaign = parameters.is_campaign()
            || !(context.source.is_empty() && context.medium.is_empty() && context.name.is_empty());
        let (referrer, referrer_host) = if event.referrer.is_empty() {
            (Referrer::Absent, "")
        } else {
            let host = lowered(url::host(event.referrer), &mut buffers.referrer);
            (referrers.judge(host, out.host, site_number, site, sources), host)
        };
        if let Referrer::External(_) = referrer {
            out.referrer = referrer_host;
        }
        let touches = event.kind.is_view() || (is_campaign && event.kind != Kind::PagePing);
        if touches {
            put_channel(&parameters, is_campaign, referrer, sources, out);
            if event.kind.is_marketing() && out.channel == Channel::Referral {
                // A message is no referral, whatever its medium is called.
                out.channel = Channel::None;
            }
        }

        let search = if event.search.is_empty() {
            decoded(first_of(page.query, &site.search_parameters), &mut buffers.search)
        } else {
            event.search
        };
        out.search = redact_with(search, rules.redact_handles, &mut buffers.search_clean);
        put_text(event.text, rules, &mut buffers.text, out);
        put_contact(event.contact, contacts, &mut buffers.contact, out);
    }

    /// Fills the enrichment fields of `out`: channel, place, contact, text and its length. Leaves all others alone.
    pub fn support<'a>(&'a mut self, entry: &SupportEntry<'a>, out: &mut Touchpoint<'a>) {
        let Enricher { rules, places, contacts, buffers, .. } = self;
        out.channel = entry.channel;
        put_place(places.of(entry.ip), out);
        put_text(entry.text, rules, &mut buffers.text, out);
        put_contact(entry.contact, contacts, &mut buffers.contact, out);
    }
}

/// The place's fields, and the section they make; empty if that is not known.
fn put_place<'a>((place, section): (Place<'a>, &'a [u8]), out: &mut Touchpoint<'a>) {
    out.prepared.place = section;
    out.country = place.country;
    out.region = place.region;
    out.city = place.city;
    out.latitude = place.latitude;
    out.longitude = place.longitude;
    out.time_zone = place.time_zone;
}

fn put_device(agent: Agent, out: &mut Touchpoint<'_>) {
    out.device = if agent.bot.is_empty() { agent.device } else { Device::Bot };
    out.browser = agent.browser;
    out.os = agent.os;
    out.bot = agent.bot;
}

fn put_text<'a>(text: &'a str, rules: &Rules, buffer: &'a mut String, out: &mut Touchpoint<'a>) {
    if !text.is_empty() {
        out.characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        out.text = redact_with(text, rules.redact_handles, buffer);
    }
}

fn put_contact<'a>(
    contact: &str,
    contacts: &mut Option<ContactHasher>,
    buffer: &'a mut String,
    out: &mut Touchpoint<'a>,
) {
    if !contact.is_empty()
        && let Some(contacts) = contacts
    {
        out.contact = contacts.hash(contact, buffer);
    }
}

/// The channel, and the source where the campaign names none: the click id's, the referrer's known name or its host.
fn put_channel(
    parameters: &Parameters<'_>,
    is_campaign: bool,
    referrer: Referrer,
    sources: &Sources,
    out: &mut Touchpoint<'_>,
) {
    let click = parameters.click;
    let known = match click {
        _ if !is_campaign => Source::default(),
        _ if !out.source.is_empty() => sources.by_name(out.source),
        Some(click) => click.source,
        None => Source::default(),
    };
    let medium = if out.medium.is_empty() { click.map_or("", |click| click.medium) } else { out.medium };
    out.channel = channel(&Clues { is_campaign, source: out.source, medium, campaign: out.campaign, known, referrer });
    if out.source.is_empty() {
        out.source = match (click, referrer) {
            (Some(click), _) => click.source.name,
            (None, Referrer::External(source)) if !source.name.is_empty() => source.name,
            (None, Referrer::External(_)) => out.referrer,
            _ => "",
        };
    }
}

/// Whether the page's script wrote `"webdriver": true` into the properties.
fn has_flag(finder: &memmem::Finder<'_>, properties: &str) -> bool {
    if properties.is_empty() {
        return false;
    }
    finder.find(properties.as_bytes()).is_some_and(|at| {
        let value = properties[at + finder.needle().len()..].trim_start();
        value.strip_prefix(':').is_some_and(|value| value.trim_start().starts_with("true"))
    })
}

impl Cache<Referrer> {
    /// What the referrer's host is to a page on `host` (both lower-case).
    fn judge(&mut self, referrer: &str, host: &str, number: usize, site: &SiteRules, sources: &Sources) -> Referrer {
        if referrer.is_empty() {
            return Referrer::Absent;
        }
        let bare = |host: &'_ str| -> usize { if host.starts_with("www.") { 4 } else { 0 } };
        if referrer[bare(referrer)..] == host[bare(host)..] {
            return Referrer::Internal;
        }
        let hash = xxh3_64_with_seed(referrer.as_bytes(), number as u64);
        if let Some(known) = self.get(hash) {
            return known;
        }
        let among = |hosts: &[String]| hosts.iter().any(|own| covers(own, referrer));
        let judged = if among(&site.own_hosts) {
            Referrer::Internal
        } else {
            match sources.at_host(referrer) {
                _ if among(&site.excluded_referrers) => Referrer::Excluded,
                source if source.class == crate::sources::Class::Payment => Referrer::Excluded,
                source => Referrer::External(source),
            }
        };
        self.put(hash, judged);
        judged
    }
}

/// Agents by hash; the few different readings are kept once, the first of them that of no agent.
struct Agents {
    cache: Cache<u16>,
    list: Vec<KeptAgent>,
}

struct KeptAgent {
    agent: Agent,
    section: Box<[u8]>,
}

impl KeptAgent {
    fn new(agent: Agent) -> KeptAgent {
        let mut touchpoint = Touchpoint::default();
        put_device(agent, &mut touchpoint);
        KeptAgent { agent, section: section(&touchpoint, Section::Device) }
    }
}

fn section(touchpoint: &Touchpoint<'_>, section: Section) -> Box<[u8]> {
    let mut bytes = Vec::new();
    touchpoint.encode_section(section, &mut bytes);
    bytes.into()
}

impl Agents {
    fn new() -> Agents {
        Agents { cache: Cache::new(11), list: vec![KeptAgent::new(Agent::default())] }
    }

    fn of(&mut self, text: &str) -> &KeptAgent {
        if text.is_empty() {
            return &self.list[0];
        }
        let hash = xxh3_64(text.as_bytes());
        if let Some(number) = self.cache.get(hash) {
            return &self.list[usize::from(number)];
        }
        let agent = Agent::read(text);
        let number = self.list.iter().position(|known| known.agent == agent).unwrap_or_else(|| {
            self.list.push(KeptAgent::new(agent));
            self.list.len() - 1
        });
        // Readings are combinations of the tables' families: thousands at most.
        if let Ok(number) = u16::try_from(number) {
            self.cache.put(hash, number);
        }
        &self.list[number]
    }
}

/// Places by address; those of one record of the database are kept once.
struct Places {
    geo: Option<Arc<Geo>>,
    by_address: Cache<u32>,
    by_record: HashMap<usize, u32>,
    /// Number 0 is the empty place.
    list: Vec<KeptPlace>,
    errors: u64,
}

#[derive(Default)]
struct KeptPlace {
    country: Box<str>,
    region: Box<str>,
    city: Box<str>,
    latitude: Option<f32>,
    longitude: Option<f32>,
    time_zone: Box<str>,
    section: Box<[u8]>,
}

impl Places {
    fn new(geo: Option<Arc<Geo>>) -> Places {
        let list = vec![KeptPlace::default()];
        Places { geo, by_address: Cache::new(12), by_record: HashMap::new(), list, errors: 0 }
    }

    /// The place of an address, and the section it makes.
    fn of(&mut self, text: &str) -> (Place<'_>, &[u8]) {
        if text.is_empty() || self.geo.is_none() {
            return (Place::default(), &[]);
        }
        let hash = xxh3_64(text.as_bytes());
        let number = match self.by_address.get(hash) {
            Some(number) => number,
            None => {
                let number = client_address(text).map_or(0, |address| self.find(address));
                self.by_address.put(hash, number);
                number
            }
        };
        let kept = &self.list[number as usize];
        let place = Place {
            country: &kept.country,
            region: &kept.region,
            city: &kept.city,
            latitude: kept.latitude,
            longitude: kept.longitude,
            time_zone: &kept.time_zone,
        };
        (place, &kept.section)
    }

    fn find(&mut self, address: IpAddr) -> u32 {
        let Some(geo) = &self.geo else { return 0 };
        let (record, place) = match geo.find(address) {
            Ok(Some(found)) => found,
            Ok(None) => return 0,
            Err(_) => {
                self.errors += 1;
                return 0;
            }
        };
        if let Some(number) = self.by_record.get(&record) {
            return *number;
        }
        if self.list.len() >= MOST_PLACES {
            self.by_address.clear();
            self.by_record.clear();
            self.list.truncate(1);
        }
        let number = self.list.len() as u32;
        let mut touchpoint = Touchpoint::default();
        put_place((place, &[]), &mut touchpoint);
        self.list.push(KeptPlace {
            section: section(&touchpoint, Section::Place),
            country: place.country.into(),
            region: place.region.into(),
            city: place.city.into(),
            latitude: place.latitude,
            longitude: place.longitude,
            time_zone: place.time_zone.into(),
        });
        self.by_record.insert(record, number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmdb_writer::{Layout, write_mmdb};
    use crumbtrail_events::click::Campaign;
    use crumbtrail_events::touchpoint::Prepared;

    const CHROME: &str =
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36";

    fn geo() -> Arc<Geo> {
        let bangkok = Place {
            country: "TH",
            region: "Bangkok",
            city: "Bangkok",
            latitude: Some(13.75),
            longitude: Some(100.5),
            time_zone: "Asia/Bangkok",
        };
        let rows = [("203.0.113.0/24".parse().unwrap(), bangkok)];
        Arc::new(Geo::from_bytes(write_mmdb(&rows, Layout::Flat, 0).unwrap()).unwrap())
    }

    fn enricher() -> Enricher {
        let mut rules = Rules::default();
        rules.default.own_hosts = vec!["shop.example".into(), "blog.example".into()];
        rules.default.excluded_referrers = vec!["bank.example".into()];
        Enricher::new(Arc::new(rules), Some(geo()), Some(ContactHasher::new(b"key", "66")))
    }

    fn view<'a>() -> ClickEvent<'a> {
        ClickEvent {
            kind: Kind::PageView,
            url: "https://www.shop.example/",
            user_agent: CHROME,
            ip: "203.0.113.7, 10.0.0.1",
            ..ClickEvent::default()
        }
    }

    /// Channel, source, medium, campaign and referrer of an event.
    fn touch(event: ClickEvent<'_>) -> (Channel, String, String, String, String) {
        let mut enricher = enricher();
        let mut out = Touchpoint::default();
        enricher.click(&event, &mut out);
        (out.channel, out.source.into(), out.medium.into(), out.campaign.into(), out.referrer.into())
    }

    fn expected(channel: Channel, rest: [&str; 4]) -> (Channel, String, String, String, String) {
        let [source, medium, campaign, referrer] = rest.map(String::from);
        (channel, source, medium, campaign, referrer)
    }

    #[test]
    fn a_click_is_filled_in() {
        let mut enricher = enricher();
        let event = ClickEvent {
            url: "https://WWW.shop.example/orders/100023/?utm_source=fb&utm_medium=cpc&utm_campaign=summer%20sale&fbclid=x1&q=shoes",
            referrer: "https://l.facebook.com/l.php?u=x",
            text: "call 081-234-5678",
            contact: "a@example.com",
            ..view()
        };
        for _ in 0..2 {
            let mut out = Touchpoint::default();
            enricher.click(&event, &mut out);
            assert_eq!((out.host, out.page, out.search), ("www.shop.example", "/orders/:id", "shoes"));
            assert_eq!((out.channel, out.source, out.medium), (Channel::PaidSocial, "fb", "cpc"));
            assert_eq!((out.campaign, out.click_id, out.referrer), ("summer sale", "fbclid=x1", "l.facebook.com"));
            assert_eq!((out.device, out.browser, out.os, out.bot), (Device::Desktop, "Chrome", "Windows", ""));
            assert_eq!((out.country, out.city, out.time_zone), ("TH", "Bangkok", "Asia/Bangkok"));
            assert_eq!((out.latitude, out.longitude), (Some(13.75), Some(100.5)));
            assert_eq!((out.text, out.characters, out.contact.len()), ("call [phone]", 17, 32));
        }
    }

    #[test]
    fn prepared_sections_are_what_encoding_the_fields_writes() {
        let mut enricher = enricher();
        let flagged = ClickEvent { properties: "{\"webdriver\":true}", ..view() };
        let here = ClickEvent { latitude: Some(1.0), longitude: Some(2.0), ..view() };
        for event in
            [view(), flagged, here, ClickEvent::default(), ClickEvent { user_agent: "Googlebot/2.1", ..view() }]
        {
            for _ in 0..2 {
                let mut out = Touchpoint::default();
                enricher.click(&event, &mut out);
                let (mut prepared, mut plain) = (Vec::new(), Vec::new());
                out.encode(&mut prepared);
                Touchpoint { prepared: Prepared::default(), ..out }.encode(&mut plain);
                assert_eq!(prepared, plain);
            }
        }
    }

    #[test]
    fn touches_come_from_outside_only() {
        let none = expected(Channel::None, ["", "", "", ""]);
        for (referrer, kind, result) in [
            ("", Kind::PageView, expected(Channel::Direct, ["", "", "", ""])),
            ("", Kind::Click, none.clone()),
            ("https://shop.example/cart", Kind::PageView, none.clone()),
            ("https://blog.example/post", Kind::PageView, none.clone()),
            ("https://www.paypal.com/checkout", Kind::PageView, none.clone()),
            ("https://pay.bank.example/ok", Kind::PageView, none.clone()),
            (
                "https://www.google.co.th/",
                Kind::PageView,
                expected(Channel::OrganicSearch, ["google", "", "", "www.google.co.th"]),
            ),
            ("https://www.google.co.th/", Kind::AddToCart, expected(Channel::None, ["", "", "", "www.google.co.th"])),
            (
                "android-app://com.google.android.gm/",
                Kind::PageView,
                expected(Channel::Email, ["gmail", "", "", "com.google.android.gm"]),
            ),
            (
                "https://forum.example/t/1",
                Kind::PageView,
                expected(Channel::Referral, ["forum.example", "", "", "forum.example"]),
            ),
        ] {
            assert_eq!(touch(ClickEvent { referrer, kind, ..view() }), result, "{referrer} {kind:?}");
        }
    }

    #[test]
    fn campaigns_count_on_any_event_but_pings() {
        let url = "https://shop.example/?gclid=abc";
        let paid = expected(Channel::PaidSearch, ["google", "", "", ""]);
        assert_eq!(touch(ClickEvent { url, ..view() }), paid);
        assert_eq!(touch(ClickEvent { url, kind: Kind::AddToCart, ..view() }), paid);
        assert_eq!(touch(ClickEvent { url, kind: Kind::PagePing, ..view() }).0, Channel::None);
        let campaign = Campaign { source: "crm", medium: "email", name: "winback", ..Campaign::default() };
        let message = ClickEvent { kind: Kind::MessageClicked, campaign, url: "", ..view() };
        assert_eq!(touch(message), expected(Channel::Email, ["crm", "email", "winback", ""]));
        let odd = Campaign { source: "crm", medium: "drip", ..Campaign::default() };
        assert_eq!(touch(ClickEvent { kind: Kind::MessageSent, campaign: odd, ..view() }).0, Channel::None);
        // The payment provider doesn't steal the campaign's visit, nor does it hide a campaign.
        let back = ClickEvent { url, referrer: "https://www.paypal.com/", ..view() };
        assert_eq!(touch(back), paid);
    }

    #[test]
    fn unknown_stays_empty() {
        let mut enricher = enricher();
        let mut out = Touchpoint::default();
        enricher.click(&ClickEvent { ip: "198.51.100.1", ..ClickEvent::default() }, &mut out);
        assert_eq!(out, Touchpoint::default());
        let mut out = Touchpoint::default();
        enricher.set_geo(None);
        enricher.click(&ClickEvent { ip: "203.0.113.1", ..ClickEvent::default() }, &mut out);
        assert_eq!(out, Touchpoint::default());
    }

    #[test]
    fn the_devices_own_position_wins_when_sane() {
        let mut enricher = enricher();
        for (latitude, longitude, expected) in [
            (Some(1.3), Some(103.8), (Some(1.3), Some(103.8))),
            (Some(f32::NAN), Some(103.8), (Some(13.75), Some(100.5))),
            (Some(91.0), Some(0.0), (Some(13.75), Some(100.5))),
            (Some(1.3), None, (Some(13.75), Some(100.5))),
        ] {
            let mut out = Touchpoint::default();
            enricher.click(&ClickEvent { latitude, longitude, ..view() }, &mut out);
            assert_eq!((out.latitude, out.longitude, out.city), (expected.0, expected.1, "Bangkok"));
        }
    }

    #[test]
    fn robots_carry_the_indicator() {
        let strict = Rules { empty_agent_is_bot: true, ..Rules::default() };
        let mut strict = Enricher::new(Arc::new(strict), None, None);
        let mut lax = enricher();
        let flagged = ClickEvent { properties: "{\"a\":1,\"webdriver\": true}", ..view() };
        let unflagged = ClickEvent { properties: "{\"webdriver\":false}", ..view() };
        let silent = ClickEvent { user_agent: "", ..view() };
        let crawler = ClickEvent { user_agent: "Googlebot/2.1", ..view() };
        let bot = |enricher: &mut Enricher, event: &ClickEvent<'_>| {
            let mut out = Touchpoint::default();
            enricher.click(event, &mut out);
            assert_eq!(out.bot.is_empty(), out.device != Device::Bot);
            out.bot.to_owned()
        };
        assert_eq!(bot(&mut lax, &flagged), "client_flag");
        assert_eq!(bot(&mut lax, &unflagged), "");
        assert_eq!(bot(&mut lax, &silent), "");
        assert_eq!(bot(&mut strict, &silent), "empty_agent");
        assert_eq!(bot(&mut lax, &crawler), "user_agent");
    }

    #[test]
    fn a_support_entry_is_filled_in() {
        let mut enricher = enricher();
        let entry = SupportEntry {
            channel: Channel::Chat,
            text: "ติดต่อ 0812345678",
            contact: "@somchai",
            ip: "203.0.113.9",
            ..SupportEntry::default()
        };
        let mut out = Touchpoint::default();
        enricher.support(&entry, &mut out);
        assert_eq!((out.channel, out.text, out.characters), (Channel::Chat, "ติดต่อ [phone]", 17));
        assert_eq!((out.city, out.contact.len()), ("Bangkok", 32));
    }

    #[test]
    fn more_places_than_are_kept_stay_right() {
        let names: Vec<String> = (0..70_000).map(|n| format!("{n}")).collect();
        let network = |n: usize| crate::mmdb_writer::Network {
            address: IpAddr::from([20 + (n >> 16) as u8, (n >> 8) as u8, n as u8, 0]),
            prefix: 24,
        };
        let rows: Vec<_> =
            names.iter().enumerate().map(|(n, name)| (network(n), Place { city: name, ..Place::default() })).collect();
        let geo = Geo::from_bytes(write_mmdb(&rows, Layout::Flat, 0).unwrap()).unwrap();
        let mut places = Places::new(Some(Arc::new(geo)));
        for n in (0..70_000).chain(0..10) {
            let address = network(n).address_at(9).to_string();
            assert_eq!(places.of(&address).0.city, names[n]);
        }
        assert!(places.list.len() <= MOST_PLACES);
    }
}
