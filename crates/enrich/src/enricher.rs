//! The enricher: one a thread, fills in what a record doesn't say outright.
//!
//! Strings it hands out point into the event, into static tables or into its own buffers, so a touchpoint is encoded
//! before the next event is enriched. Caches are keyed by what repeats: the address as given, the agent, the referrer's
//! host.

use std::sync::Arc;

use crumbtrail_events::vocabulary::{Channel, Device};
use crumbtrail_events::{ClickEvent, Kind, SupportEntry, Touchpoint};
use memchr::memmem;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::agent::hints::Hints;
use crate::agent::{Agent, Indicators};
use crate::agents::Agents;
use crate::asn::Systems;
use crate::cache::Cache;
use crate::channel::referrer::{is_same, judge};
use crate::channel::{Book, ChannelRules, Clues, Decision, Referrer, source_name};
use crate::fence::Fences;
use crate::geo::Geo;
use crate::keyring::Keyring;
use crate::network::AddressList;
use crate::page::{PageLabels, PageRules};
use crate::pii::{Redaction, redact_by, redact_json};
use crate::places::{Origin, Places};
use crate::query::{Parameters, decoded, first_of};
use crate::rules::{Rules, SiteRules};
use crate::url;

/// Enriches clicks and support entries. Not shared: one a thread.
pub struct Enricher {
    rules: Arc<Rules>,
    places: Places,
    agents: Agents,
    referrers: Cache<Referrer>,
    pages: Cache<[u16; 3]>,
    decisions: Cache<Decision>,
    contacts: Option<Keyring>,
    fences: Option<Arc<Fences>>,
    flag: memmem::Finder<'static>,
    buffers: Buffers,
}

/// What a click says, with what a touchpoint has no field for: the network, the rule that decided.
#[derive(Clone, Copy, Debug)]
pub struct Extras<'a> {
    /// What the address says: place with accuracy, network, system, the database's edition.
    pub origin: Origin<'a>,
    /// What the agent says, mended by hints: brand and versions, too.
    pub agent: &'a Agent,
    /// Every indicator that says the click is a robot's, deciding or not.
    pub indicators: Indicators,
    /// Number of the channel rule that decided; `None` where none was asked.
    pub channel_rule: Option<u16>,
    /// Group, type and topic of the page.
    pub labels: PageLabels<'a>,
}

/// What enriching has missed so far: columns left empty, never events lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Look-ups that failed because a database is damaged.
    pub geo_errors: u64,
    /// Addresses given that the geo database doesn't know.
    pub places: u64,
    /// Agents given that no rule knows.
    pub agents: u64,
}

/// One buffer per field that may need one, so that all can be handed out together.
#[derive(Default)]
struct Buffers {
    host: String,
    page: String,
    referrer: String,
    source: [String; 2],
    medium: [String; 2],
    campaign: [String; 2],
    term: [String; 2],
    content: [String; 2],
    search: [String; 2],
    title: String,
    properties: String,
    text: String,
    contact: [String; 2],
    hinted: Agent,
}

/// In parameters, searches, titles and properties: the structured kinds.
const STRUCTURED: Redaction = Redaction { handles: false, names: false };

impl Enricher {
    /// An enricher under `rules`; without `geo` places stay empty, without `contacts` (the keys of their hashes) contacts do.
    /// The touchpoint's event time decides which key counts.
    #[must_use]
    pub fn new(rules: Arc<Rules>, geo: Option<Arc<Geo>>, contacts: Option<Keyring>) -> Enricher {
        Enricher {
            rules,
            places: Places::new(geo, None),
            agents: Agents::new(),
            referrers: Cache::new(9),
            pages: Cache::new(10),
            decisions: Cache::new(8),
            contacts,
            fences: None,
            flag: memmem::Finder::new("\"webdriver\""),
            buffers: Buffers::default(),
        }
    }

    /// Takes another geo database (a reloaded file) and forgets the places of the old one.
    pub fn set_geo(&mut self, geo: Option<Arc<Geo>>) {
        self.places.set_geo(geo);
    }

    /// Takes another ASN database and forgets what the old one said.
    pub fn set_systems(&mut self, systems: Option<Arc<Systems>>) {
        self.places.set_systems(systems);
    }

    /// Takes another list of robots' addresses.
    pub fn set_robots(&mut self, robots: Option<Arc<AddressList>>) {
        self.places.set_robots(robots);
    }

    /// Takes another table of fences: a device's position inside one tells the shop.
    pub fn set_fences(&mut self, fences: Option<Arc<Fences>>) {
        self.fences = fences;
    }

    /// Look-ups that failed because the geo database is damaged; such places stay empty.
    #[must_use]
    pub fn geo_error_count(&self) -> u64 {
        self.places.errors
    }

    /// What enriching has missed so far.
    #[must_use]
    pub fn missing(&self) -> Missing {
        Missing { geo_errors: self.places.errors, places: self.places.unknown, agents: self.agents.unknown }
    }

    /// The rules, to tell what a rule's number says.
    #[must_use]
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Fills the enrichment fields of `out`: host, page with its labels, referrer, channel, campaign fields, click id, place
    /// and network, device with versions, robot's indicators, search, contact, text and its length; title and properties
    /// without personal data. Leaves all others alone.
    ///
    /// The device's own position, where sane, wins over the address's; inside a fence it fills the store that the event
    /// doesn't name.
    pub fn click<'a>(&'a mut self, event: &ClickEvent<'a>, out: &mut Touchpoint<'a>) {
        self.enrich(event, &Hints::default(), out);
    }

    /// As [`Enricher::click`], with client hints, and with what the click says besides a touchpoint's fields.
    pub fn click_with<'a>(
        &'a mut self,
        event: &ClickEvent<'a>,
        hints: &Hints<'_>,
        out: &mut Touchpoint<'a>,
    ) -> Extras<'a> {
        self.enrich(event, hints, out)
    }

    /// Both of the above: a copy for each, so that the one without extras doesn't pay for them.
    #[inline(always)]
    fn enrich<'a>(&'a mut self, event: &ClickEvent<'a>, hints: &Hints<'_>, out: &mut Touchpoint<'a>) -> Extras<'a> {
        let Enricher { rules, places, agents, referrers, pages, decisions, contacts, fences, flag, buffers } = self;
        let (site_number, site) = rules.of(event.site);
        let book: &Book = &rules.channels;

        let parts = url::split(event.url);
        out.host = url::host_name(parts.host, &mut buffers.host);
        out.page = parts.page(&mut buffers.page);
        let labels = pages.labels(out.host, out.page, site_number, &site.pages);
        (out.page_group, out.content_type, out.content_topic) = (labels.group, labels.kind, labels.topic);

        let kept = agents.of(event.user_agent);
        let mut agent = &kept.agent;
        if hints.is_empty() {
            kept.put(out);
        } else {
            buffers.hinted = agent.with(hints);
            agent = &buffers.hinted;
            agent.put(out);
        }
        let origin = places.of(event.ip);
        let mut indicators = agent.indicators.and(origin.said());
        if has_flag(flag, event.properties) {
            indicators = indicators.and(Indicators::CLIENT_FLAG);
        }
        if event.user_agent.is_empty() && rules.empty_agent_is_bot {
            indicators = indicators.and(Indicators::EMPTY_AGENT);
        }
        out.bot = indicators.among(rules.decisive).first();
        if !out.bot.is_empty() {
            (out.device, out.prepared.device) = (Device::Bot, &[]);
        }
        if indicators != agent.indicators {
            (out.bot_indicators, out.prepared.agent) = (indicators.as_str(), &[]);
        }

        origin.put(out);
        if let (Some(latitude), Some(longitude)) = (event.latitude, event.longitude)
            && latitude.abs() <= 90.0
            && longitude.abs() <= 180.0
        {
            (out.latitude, out.longitude, out.prepared.place) = (Some(latitude), Some(longitude), &[]);
            (out.accuracy_km, out.prepared.network) = (0, &[]);
            if let Some(fences) = fences
                && event.store.is_empty()
            {
                out.store = fences.store_at(latitude, longitude, event.properties);
            }
        }

        let parameters = Parameters::of_url(&parts);
        let context = &event.campaign;
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
            let host = url::host_name(url::host(event.referrer), &mut buffers.referrer);
            (referrers.judge(host, out.host, site_number, site, book), host)
        };
        if let Referrer::External(_) = referrer {
            out.referrer = referrer_host;
        }
        let mut channel_rule = None;
        let touches = event.kind.is_view() || (is_campaign && event.kind != Kind::PagePing);
        if touches {
            let given = (out.source, out.medium, out.campaign);
            let clues = Clues::of(&parameters, is_campaign, given, referrer, &book.sources);
            let decision = decisions.decide(&clues, &book.rules);
            (out.channel, channel_rule) = (decision.channel, decision.rule);
            out.source = source_name(&parameters, referrer, out.source, out.referrer);
            if event.kind.is_marketing() && out.channel == Channel::Referral {
                // A message is no referral, whatever its medium is called.
                (out.channel, channel_rule) = (Channel::None, None);
            }
        }

        out.search = told(event.search, first_of(parts.query, &site.search_parameters), &mut buffers.search);
        out.title = redact_by(event.title, STRUCTURED, &mut buffers.title);
        out.properties = redact_json(event.properties, STRUCTURED, &mut buffers.properties);
        put_text(event.text, rules, &mut buffers.text, out);
        put_contact(event.contact, contacts.as_ref(), rules, &mut buffers.contact, out);
        Extras { origin, agent, indicators, channel_rule, labels }
    }

    /// Fills the enrichment fields of `out`: channel, place, network, contact, text and its length; properties without personal
    /// data. Leaves all others alone.
    pub fn support<'a>(&'a mut self, entry: &SupportEntry<'a>, out: &mut Touchpoint<'a>) {
        let Enricher { rules, places, contacts, buffers, .. } = self;
        out.channel = entry.channel;
        places.of(entry.ip).put(out);
        out.properties = redact_json(entry.properties, STRUCTURED, &mut buffers.properties);
        put_text(entry.text, rules, &mut buffers.text, out);
        put_contact(entry.contact, contacts.as_ref(), rules, &mut buffers.contact, out);
    }
}

/// What the source told, or else what the URL says, without personal data.
#[inline]
fn told<'a>(told: &'a str, raw: &'a str, [first, second]: &'a mut [String; 2]) -> &'a str {
    let text = if told.is_empty() { decoded(raw, first) } else { told };
    redact_by(text, STRUCTURED, second)
}

fn put_text<'a>(text: &'a str, rules: &Rules, buffer: &'a mut String, out: &mut Touchpoint<'a>) {
    if !text.is_empty() {
        out.characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        out.text = redact_by(text, rules.redaction, buffer);
    }
}

/// The contact's hash under the key that counts at the touchpoint's time.
fn put_contact<'a>(
    contact: &str,
    contacts: Option<&Keyring>,
    rules: &Rules,
    [normal, buffer]: &'a mut [String; 2],
    out: &mut Touchpoint<'a>,
) {
    if !contact.is_empty()
        && let Some(contacts) = contacts
    {
        out.contact = contacts.contact(contact, &rules.calling_code, out.head.occurred_at.0, normal, buffer);
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
    fn judge(&mut self, referrer: &str, host: &str, number: usize, site: &SiteRules, book: &Book) -> Referrer {
        if referrer.is_empty() {
            return Referrer::Absent;
        }
        if is_same(referrer, host) {
            return Referrer::Internal;
        }
        let hash = xxh3_64_with_seed(referrer.as_bytes(), number as u64);
        if let Some(known) = self.get(hash) {
            return known;
        }
        // Not the page's own host: the verdict is the same for all pages of the site.
        let (judged, _) = judge(referrer, "", site, &book.sources);
        self.put(hash, judged);
        judged
    }
}

impl Cache<Decision> {
    /// The rules' decision. Campaigns are few and each brings many visits; without one there is nothing to think about.
    #[inline]
    fn decide(&mut self, clues: &Clues<'_>, rules: &ChannelRules) -> Decision {
        if !clues.is_campaign {
            return rules.decide(clues);
        }
        let hash = xxh3_64_with_seed(clues.source.as_bytes(), clues.class() as u64);
        let hash = xxh3_64_with_seed(clues.medium.as_bytes(), hash);
        let hash = xxh3_64_with_seed(clues.campaign.as_bytes(), hash);
        if let Some(known) = self.get(hash) {
            return known;
        }
        let decision = rules.decide(clues);
        self.put(hash, decision);
        decision
    }
}

impl Cache<[u16; 3]> {
    fn labels<'a>(&mut self, host: &str, page: &str, number: usize, rules: &'a PageRules) -> PageLabels<'a> {
        if rules.is_empty() {
            return PageLabels::default();
        }
        let hash = xxh3_64_with_seed(page.as_bytes(), xxh3_64_with_seed(host.as_bytes(), number as u64));
        let found = match self.get(hash) {
            Some(found) => found,
            None => {
                let found = rules.find(host, page);
                self.put(hash, found);
                found
            }
        };
        rules.labels(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asn::System;
    use crate::geo::Place;
    use crate::keyring::Key;
    use crate::mmdb_writer::{Layout, write_mmdb, write_systems};
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
            accuracy_km: Some(20),
        };
        let rows = [("203.0.113.0/24".parse().unwrap(), bangkok)];
        Arc::new(Geo::from_bytes(write_mmdb(&rows, Layout::Flat, 0).unwrap()).unwrap())
    }

    /// One key until the 100th day of 1970, another from then on.
    fn keys() -> Keyring {
        let keys = [Key::new(*b"a key of a shop.", 0), Key::new(*b"a later key of it", CHANGE)];
        Keyring::new(&keys, 0).unwrap()
    }

    const CHANGE: i64 = 100 * 86_400_000;

    fn enricher() -> Enricher {
        let mut rules = Rules { calling_code: "66".into(), ..Rules::default() };
        rules.default.own_hosts = vec!["shop.example".into(), "blog.example".into()];
        rules.default.excluded_referrers = vec!["bank.example".into()];
        Enricher::new(Arc::new(rules), Some(geo()), Some(keys()))
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
        enricher.set_systems(Some(systems()));
        let flagged = ClickEvent { properties: "{\"webdriver\":true}", ..view() };
        let elsewhere = ClickEvent { ip: "203.0.113.200", ..view() };
        let here = ClickEvent { latitude: Some(1.0), longitude: Some(2.0), ..view() };
        for event in [
            view(),
            elsewhere,
            flagged,
            here,
            ClickEvent::default(),
            ClickEvent { user_agent: "Googlebot/2.1", ..view() },
        ] {
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

    /// The address of [`view`] in a data centre's network.
    fn systems() -> Arc<Systems> {
        let rows = [("203.0.113.0/25".parse().unwrap(), System { number: 16_509, organisation: "AMAZON-02" })];
        Arc::new(Systems::from_bytes(write_systems(&rows, 0).unwrap()).unwrap())
    }

    #[test]
    fn what_address_agent_and_page_say_stands_in_the_touchpoint() {
        let mut rules = Rules::default();
        rules.default.pages = PageRules::read("/products/** group=Shoes type=product topic=running\n").unwrap();
        let mut enricher = Enricher::new(Arc::new(rules), Some(geo()), None);
        enricher.set_systems(Some(systems()));
        let event = ClickEvent { url: "https://shop.example/products/100023", ..view() };
        for _ in 0..2 {
            let mut out = Touchpoint::default();
            enricher.click(&event, &mut out);
            assert_eq!((out.accuracy_km, out.geo_edition), (20, "Crumbtrail-City-Flat"));
            assert_eq!((out.asn, out.network_owner), (16_509, "AMAZON-02"));
            assert_eq!((out.browser_version, out.os_version), ("126.0", "10"));
            assert_eq!((out.bot, out.bot_indicators), ("", "data_centre"), "a hint alone makes no robot");
            assert_eq!((out.page_group, out.content_type, out.content_topic), ("Shoes", "product", "running"));
        }
        let phone = "Mozilla/5.0 (Linux; Android 13; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile \
                     Safari/537.36";
        let mut out = Touchpoint::default();
        enricher.click(&ClickEvent { user_agent: phone, ip: "198.51.100.1", ..view() }, &mut out);
        assert_eq!((out.brand, out.bot_indicators, out.geo_edition, out.asn), ("Samsung", "", "", 0));
        let crawler = ClickEvent { user_agent: "Googlebot/2.1", latitude: Some(1.0), longitude: Some(2.0), ..view() };
        let mut out = Touchpoint::default();
        enricher.click(&crawler, &mut out);
        assert_eq!((out.bot, out.bot_indicators), ("user_agent", "user_agent,data_centre"));
        assert_eq!((out.accuracy_km, out.asn), (0, 16_509), "the radius is the address's, not the device's");
    }

    #[test]
    fn a_position_inside_a_fence_tells_the_shop() {
        let point = r#"{"type":"Feature","properties":{"name":"Siam","store":"s1"},
            "geometry":{"type":"Point","coordinates":[100.5347,13.7466]}}"#;
        let json = format!(r#"{{"type":"FeatureCollection","features":[{point}]}}"#);
        let mut enricher = enricher();
        let here = ClickEvent { latitude: Some(13.7466), longitude: Some(100.5347), ..view() };
        let store = |enricher: &mut Enricher, event: &ClickEvent<'_>| {
            let mut out = Touchpoint { store: event.store, ..Touchpoint::default() };
            enricher.click(event, &mut out);
            out.store.to_owned()
        };
        assert_eq!(store(&mut enricher, &here), "", "without fences");
        enricher.set_fences(Some(Arc::new(Fences::read(&json, 0.0).unwrap())));
        for (event, expected) in [
            (here, "s1"),
            (ClickEvent { store: "s9", ..here }, "s9"),
            (ClickEvent { latitude: Some(13.7566), ..here }, ""),
            (ClickEvent { latitude: None, ..here }, ""),
            (ClickEvent { properties: r#"{"accuracy_m":30}"#, ..here }, "s1"),
            (ClickEvent { properties: r#"{"accuracy_m":300}"#, ..here }, ""),
        ] {
            assert_eq!(store(&mut enricher, &event), expected, "{event:?}");
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
        let both = ClickEvent { user_agent: "Googlebot/2.1", ..flagged };
        let mut out = Touchpoint::default();
        let said = lax.click_with(&both, &Hints::default(), &mut out).indicators;
        assert_eq!(said.to_string(), "client_flag,user_agent");
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
    fn a_contact_is_hashed_under_the_key_of_its_time() {
        let mut enricher = enricher();
        let mut hash = |at: i64| {
            let mut out = Touchpoint::default();
            out.head.occurred_at.0 = at;
            enricher.click(&ClickEvent { contact: "A@b.co", ..view() }, &mut out);
            let clicked = out.contact.to_owned();
            let mut out = Touchpoint { head: out.head, ..Touchpoint::default() };
            enricher.support(&SupportEntry { contact: " a@b.co", ..SupportEntry::default() }, &mut out);
            assert_eq!(out.contact, clicked);
            clicked
        };
        assert_eq!(hash(0), hash(CHANGE - 1));
        assert_ne!(hash(0), hash(CHANGE));
    }

    #[test]
    fn extras_say_what_decided() {
        let mut rules = Rules::default();
        rules.default.pages = PageRules::read(crate::page::SHIPPED).unwrap();
        let mut enricher = Enricher::new(Arc::new(rules), Some(geo()), None);
        let event = ClickEvent { url: "https://shop.example/products/100023?gclid=x", ..view() };
        let rules = enricher.rules().clone();
        for _ in 0..2 {
            let mut out = Touchpoint::default();
            let extras = enricher.click_with(&event, &Hints::default(), &mut out);
            assert_eq!(extras.origin.place().accuracy_km, Some(20));
            assert_eq!(extras.origin.network().map(|network| network.to_string()).as_deref(), Some("203.0.113.0/24"));
            assert_eq!(extras.origin.edition(), "Crumbtrail-City-Flat");
            assert_eq!((extras.agent.browser_version.as_str(), extras.agent.os_version.as_str()), ("126.0", "10"));
            assert_eq!((extras.labels.group, extras.labels.kind), ("Product", "product"));
            let rule = extras.channel_rule.and_then(|rule| rules.channels.rules.rule(rule));
            assert_eq!(rule.map(|(_, text)| text), Some("channel paid_search: paid; class is search"));
        }
        let hints = Hints { platform: "Windows", platform_version: "15.0", ..Hints::default() };
        let mut out = Touchpoint::default();
        assert_eq!(enricher.click_with(&event, &hints, &mut out).agent.os_version.as_str(), "11");
        assert_eq!(enricher.missing(), Missing::default());
        let mut out = Touchpoint::default();
        enricher.click(&ClickEvent { ip: "8.8.8.8", user_agent: "something odd", ..view() }, &mut out);
        assert_eq!(enricher.missing(), Missing { geo_errors: 0, places: 1, agents: 1 });
    }

    #[test]
    fn personal_data_in_parameters_titles_and_properties_is_redacted() {
        let mut enricher = enricher();
        let url = "https://shop.example/?utm_source=a&utm_content=somchai%40example.com&utm_term=0812345678&q=4111111111111111";
        let mut out = Touchpoint::default();
        let (title, properties) = ("Inbox of a@b.co", "{\"plan\":\"gold\",\"phone\":\"x\",\"note\":\"a@b.co\"}");
        enricher.click(&ClickEvent { url, title, properties, ..view() }, &mut out);
        assert_eq!((out.content, out.term, out.search), ("[email]", "[phone]", "[card]"));
        assert_eq!(out.title, "Inbox of [email]");
        assert_eq!(out.properties, "{\"plan\":\"gold\",\"phone\":\"[phone]\",\"note\":\"[email]\"}");
        let mut out = Touchpoint::default();
        enricher.support(&SupportEntry { properties, ..SupportEntry::default() }, &mut out);
        assert!(!out.properties.contains("a@b.co"));
    }
}
