//! The enricher: one a thread, fills in what a record doesn't say outright.
//!
//! Strings it hands out point into the event, into static tables or into its own buffers, so a touchpoint is encoded
//! before the next event is enriched. Caches are keyed by what repeats: the address as given, the agent, the referrer's
//! host.

use std::sync::Arc;

use crumbtrail_events::touchpoint::Fences as Seen;
use crumbtrail_events::vocabulary::{Channel, Device};
use crumbtrail_events::{ClickEvent, Kind, SupportEntry, Touchpoint};
use memchr::memmem;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::addresses::Addresses;
use crate::agent::hints::Hints;
use crate::agent::sent::Sent;
use crate::agent::{Agent, Indicators, is_absent};
use crate::agents::Agents;
use crate::asn::Systems;
use crate::cache::Cache;
use crate::channel::referrer::{is_same, judge};
use crate::channel::{Book, ChannelRules, Clues, Decision, Referrer, source_name};
use crate::fence::Fences;
use crate::geo::Geo;
use crate::keyring::{Beside, Keyring};
use crate::network::AddressList;
use crate::page::{PageLabels, PageRules};
use crate::pii::{Redaction, redact_by, redact_json};
use crate::places::{Origin, Places};
use crate::query::{Parameters, clean, decoded, first_of, telling};
use crate::rules::{Rules, SiteRules};
use crate::url::{self, Parts};

/// Enriches clicks and support entries. Not shared: one a thread.
pub struct Enricher {
    rules: Arc<Rules>,
    addresses: Addresses,
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
    /// Addresses given while there is no geo database.
    pub no_database: u64,
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
    address: [String; 2],
    referrer: String,
    source: [String; 2],
    medium: [String; 2],
    campaign: [String; 2],
    term: [String; 2],
    content: [String; 2],
    click_id: [String; 2],
    search: [String; 2],
    name: String,
    step: String,
    tags: String,
    department: String,
    title: String,
    properties: String,
    fences: String,
    text: String,
    contact: Contact,
    hinted: Agent,
}

/// A contact's normal form and hashes.
#[derive(Debug, Default)]
struct Contact {
    normal: String,
    hash: String,
    beside: [String; 2],
}

/// In all but free text: the structured kinds.
const STRUCTURED: Redaction = Redaction { handles: false, names: false };

impl Missing {
    /// The counts by their stable names.
    #[must_use]
    pub const fn counts(&self) -> [(&'static str, u64); 4] {
        [
            ("no_database", self.no_database),
            ("place", self.places),
            ("damaged", self.geo_errors),
            ("agent", self.agents),
        ]
    }
}

impl Enricher {
    /// An enricher under `rules`; without `geo` places stay empty, without `contacts` (the keys of their hashes) contacts do.
    /// The touchpoint's event time decides which key counts.
    #[must_use]
    pub fn new(rules: Arc<Rules>, geo: Option<Arc<Geo>>, contacts: Option<Keyring>) -> Enricher {
        Enricher {
            rules,
            addresses: Addresses::new(10),
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

    /// Takes other rules and forgets what the old ones decided.
    pub fn set_rules(&mut self, rules: Arc<Rules>) {
        self.rules = rules;
        self.referrers.clear();
        self.pages.clear();
        self.decisions.clear();
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

    /// What enriching has missed so far.
    #[must_use]
    pub fn missing(&self) -> Missing {
        let Places { errors, unasked, unknown, .. } = self.places;
        Missing { geo_errors: errors, no_database: unasked, places: unknown, agents: self.agents.unknown }
    }

    /// The rules, to tell what a rule's number says.
    #[must_use]
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Fills the enrichment fields of `out`: host, page with its labels, referrer, channel, campaign fields, click id, place
    /// and network, device with versions, robot's indicators, search, contact, text and its length; title, step, properties and a name of the
    /// source's own without personal data. Leaves all others alone.
    ///
    /// Client hints in the click or its properties mend what the agent says. The device's own position, where sane, wins over the address's; it is laid on the fences, and
    /// inside one it fills the store that the event doesn't name.
    ///
    /// Returns the contact's hashes under the keys beside the one that counts, around a rotation.
    pub fn click<'a>(&'a mut self, event: &ClickEvent<'a>, out: &mut Touchpoint<'a>) -> Beside<'a> {
        self.enrich(event, &Hints::default(), out).1
    }

    /// As [`Enricher::click`], with further client hints, and with what the click says besides a touchpoint's fields.
    pub fn click_with<'a>(
        &'a mut self,
        event: &ClickEvent<'a>,
        hints: &Hints<'_>,
        out: &mut Touchpoint<'a>,
    ) -> Extras<'a> {
        self.enrich(event, hints, out).0
    }

    /// Both of the above: a copy for each, so that the one without extras doesn't pay for them.
    #[inline(always)]
    fn enrich<'a>(
        &'a mut self,
        event: &ClickEvent<'a>,
        hints: &Hints<'_>,
        out: &mut Touchpoint<'a>,
    ) -> (Extras<'a>, Beside<'a>) {
        let Enricher { rules, addresses, places, agents, referrers, pages, decisions, contacts, fences, flag, buffers } =
            self;
        let (site_number, site) = rules.of(event.site);
        let book: &Book = &rules.channels;

        let (page, came_from) = (addresses.find(event.url), addresses.find(event.referrer));
        let addresses: &'a Addresses = addresses;
        let parts = match page {
            Some(found) => {
                (out.host, out.page) = addresses.host_and_page(found);
                Parts { query: found.query, ..Parts::default() }
            }
            None => {
                let parts = url::split(event.url);
                (out.host, out.page) = (url::host_name(parts.host, &mut buffers.host), parts.page(&mut buffers.page));
                parts
            }
        };
        let labels = pages.labels(out.host, out.page, site_number, &site.pages);
        (out.page_group, out.content_type, out.content_topic) = (labels.group, labels.kind, labels.topic);
        if !site.kept_parameters.is_empty() {
            out.page = with_query(out.page, parts.page_query(), &site.kept_parameters, &mut buffers.address);
        }

        let kept = match Sent::of(event) {
            None => agents.of(event.user_agent),
            Some(sent) => agents.hinted(event.user_agent, &sent),
        };
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
        if rules.empty_agent_is_bot && is_absent(event.user_agent) {
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
            // What a device sends that does not know.
            && (latitude != 0.0 || longitude != 0.0)
        {
            (out.latitude, out.longitude, out.prepared.place) = (Some(latitude), Some(longitude), &[]);
            (out.accuracy_km, out.prepared.network) = (0, &[]);
            if let Some(fences) = fences {
                fences.look(latitude, longitude, event.properties, &mut buffers.fences);
                out.fences = &buffers.fences;
                if event.store.is_empty() {
                    out.store = Seen(out.fences).inside();
                }
            }
        }
        if event.kind == Kind::StoreVisit && Seen::can_name(event.store) {
            // A beacon, till or check-in knows better than a position.
            (out.fences, out.prepared.place) = (event.store, &[]);
        }

        let parameters = Parameters::of_url(&parts);
        let context = &event.campaign;
        let [source, medium, campaign] = [context.source, context.medium, context.name].map(telling);
        out.source = told(source, parameters.source, &mut buffers.source);
        out.medium = told(medium, parameters.medium, &mut buffers.medium);
        out.campaign = told(campaign, parameters.campaign, &mut buffers.campaign);
        out.term = told(context.term, parameters.term, &mut buffers.term);
        out.content = told(context.content, parameters.content, &mut buffers.content);
        out.click_id = match memchr::memchr2(b'@', b'%', parameters.click_id.as_bytes()) {
            None => parameters.click_id,
            Some(_) => click_id(&parameters, &mut buffers.click_id),
        };

        let is_campaign = parameters.is_campaign() || !(source.is_empty() && medium.is_empty() && campaign.is_empty());
        let referrer_host = match came_from {
            Some(found) => addresses.host_and_page(found).0,
            None => url::host_name(url::host(event.referrer), &mut buffers.referrer),
        };
        let referrer = referrers.judge(referrer_host, out.host, site_number, site, book);
        if let Referrer::External(_) = referrer {
            out.referrer = referrer_host;
        }
        let mut channel_rule = None;
        let touches = event.kind.is_view() || (is_campaign && event.kind != Kind::PagePing);
        if touches || is_campaign {
            let given = (out.source, out.medium, out.campaign);
            let clues = Clues::of(&parameters, is_campaign, given, referrer, &book.sources);
            if is_campaign && clues.goes_on() && !event.kind.is_marketing() {
                (out.source, out.medium, out.campaign) = ("", "", "");
                (out.term, out.content, out.click_id) = ("", "", "");
            } else if !touches {
                out.source = clues.folded(out.source);
            } else {
                let decision = decisions.decide(&clues, &book.rules);
                (out.channel, channel_rule) = (decision.channel, decision.rule);
                out.source = source_name(&parameters, &clues, out.source, out.referrer);
                if event.kind.is_marketing() && out.channel == Channel::Referral {
                    // A message is no referral, whatever its medium is called.
                    (out.channel, channel_rule) = (Channel::None, None);
                }
            }
        }

        let searched = match first_of(parts.page_query(), &site.search_parameters) {
            // In front of a route, too.
            "" if !parts.fragment.is_empty() => first_of(parts.query, &site.search_parameters),
            found => found,
        };
        out.search = told(event.search, searched, &mut buffers.search);
        if event.kind == Kind::Custom {
            // Other names are the vocabulary's.
            out.name = redact_by(event.name, STRUCTURED, &mut buffers.name);
        }
        out.step = redact_by(event.step, STRUCTURED, &mut buffers.step);
        out.title = redact_by(event.title, STRUCTURED, &mut buffers.title);
        out.properties = redact_json(event.properties, STRUCTURED, &mut buffers.properties);
        put_text(event.text, rules, &mut buffers.text, out);
        let beside = put_contact(event.contact, contacts.as_ref(), &site.calling_code, &mut buffers.contact, out);
        (Extras { origin, agent, indicators, channel_rule, labels }, beside)
    }

    /// Fills the enrichment fields of `out`: channel, place, network, contact, text and its length; properties, tags,
    /// department and product without personal data. Leaves all others alone. Returns what [`Enricher::click`] does.
    pub fn support<'a>(&'a mut self, entry: &SupportEntry<'a>, out: &mut Touchpoint<'a>) -> Beside<'a> {
        let Enricher { rules, places, contacts, buffers, .. } = self;
        out.channel = entry.channel;
        places.of(entry.ip).put(out);
        out.name = redact_by(entry.product, STRUCTURED, &mut buffers.name);
        out.tags = redact_by(entry.tags, STRUCTURED, &mut buffers.tags);
        out.department = redact_by(entry.department, STRUCTURED, &mut buffers.department);
        out.properties = redact_json(entry.properties, STRUCTURED, &mut buffers.properties);
        put_text(entry.text, rules, &mut buffers.text, out);
        put_contact(entry.contact, contacts.as_ref(), &rules.of(entry.site).1.calling_code, &mut buffers.contact, out)
    }
}

/// The page with what of its query is part of its address, in `[address, query]`.
fn with_query<'a>(page: &'a str, query: &str, kept: &[String], [address, buffer]: &'a mut [String; 2]) -> &'a str {
    let query = clean(query, kept, STRUCTURED, buffer);
    if query.is_empty() {
        return page;
    }
    address.clear();
    address.extend([page, "?", query]);
    address
}

/// The click id without personal data, by its name even where that is escaped.
fn click_id<'a>(parameters: &Parameters<'a>, [named, buffer]: &'a mut [String; 2]) -> &'a str {
    let id = match (parameters.click, parameters.click_id.split_once('=')) {
        (Some(click), Some((name, value))) if name.contains('%') => {
            named.clear();
            named.extend([click.name, "=", value]);
            named
        }
        _ => parameters.click_id,
    };
    redact_by(id, STRUCTURED, buffer)
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

/// The contact's hash under the key that counts at the touchpoint's time; gives those beside it.
#[inline]
fn put_contact<'a>(
    contact: &str,
    contacts: Option<&Keyring>,
    code: &str,
    room: &'a mut Contact,
    out: &mut Touchpoint<'a>,
) -> Beside<'a> {
    match contacts {
        Some(contacts) if !contact.is_empty() => {
            let at_ms = out.head.occurred_at.0;
            let Contact { normal, hash, beside } = room;
            out.contact = contacts.contact(contact, code, at_ms, normal, hash);
            contacts.beside(contact, code, at_ms, normal, beside)
        }
        _ => Beside::default(),
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
        if !clues.is_campaign || clues.goes_on() {
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
        // An event without a URL is on no page, not on the first one.
        if rules.is_empty() || (host.is_empty() && page.is_empty()) {
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
mod tests;
