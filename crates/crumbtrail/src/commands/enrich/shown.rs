//! What a record gains, as JSON: `added` holds the columns, `why` a sentence for each decision.

use crumbtrail_enrich::agent::hints::Hints;
use crumbtrail_enrich::consent::Consent;
use crumbtrail_enrich::fence::{Fences, Position};
use crumbtrail_enrich::hashing::is_hash;
use crumbtrail_enrich::{Enricher, Extras, Hasher, Rules, media};
use crumbtrail_events::clock::correct;
use crumbtrail_events::touchpoint::Head;
use crumbtrail_events::vocabulary::{Author, Channel, Device};
use crumbtrail_events::{ClickEvent, EventTime, Kind, SupportEntry, Touchpoint};
use crumbtrail_intake::{Decoded, Settings, WithoutConsent};
use crumbtrail_sentiment::{Label, Reading};
use serde_json::{Map, Value, json};

/// Reads a text, with the language its record told.
pub(super) type Read<'a> = dyn FnMut(&str, &str) -> Reading + 'a;

/// Columns or reasons in the order they are put; empty ones are left out.
#[derive(Default)]
struct Columns(Map<String, Value>);

impl Columns {
    fn text(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.0.insert(name.to_owned(), value.into());
        }
    }

    fn names(&mut self, name: &str, values: impl Iterator<Item = &'static str>) {
        let values: Vec<Value> = values.map(Value::from).collect();
        if !values.is_empty() {
            self.0.insert(name.to_owned(), values.into());
        }
    }

    fn count(&mut self, name: &str, value: u32) {
        if value > 0 {
            self.0.insert(name.to_owned(), value.into());
        }
    }

    fn number(&mut self, name: &str, value: Option<impl Into<f64>>) {
        if let Some(value) = value {
            // Six digits behind the point: what is meant, not how a float is stored.
            self.0.insert(name.to_owned(), json!((value.into() * 1e6).round() / 1e6));
        }
    }
}

/// A record of which only this is stored.
fn outcome(name: &str, because: &str) -> Value {
    json!({ "added": { "outcome": name }, "why": { "outcome": because } })
}

pub(super) fn rejected(reason: &str, detail: &str) -> Value {
    json!({ "rejected": { "reason": reason, "detail": detail } })
}

pub(super) fn record<'a>(
    decoded: &mut Decoded<'a>,
    site: &'a str,
    (enricher, hasher): (&mut Enricher, Option<&'a mut Hasher>),
    fences: &Fences,
    settings: &Settings,
    read: &mut Read<'_>,
) -> Value {
    let (mut added, mut why) = (Columns::default(), Columns::default());
    match decoded {
        Decoded::Click(event) => {
            if event.site.is_empty() {
                event.site = site;
            }
            let at = correct(event.occurred_at, event.sent_at, event.received_at, 0).at;
            let kind = media::kind_of(event.kind, event.name, event.properties);
            if kind != event.kind {
                added.text("kind", kind.as_str());
                why.text("kind", "a media event: its name tells what became of it, its properties how far it got");
                event.kind = kind;
            }
            if let Some((because, kept)) = refused(event, settings) {
                // All else would tell whose it was.
                return outcome("erased", &format!("{because}; {kept}"));
            }
            if let Some(hasher) = hasher {
                hasher.click(event, at.0);
                for (name, id) in [
                    ("visitor", event.visitor),
                    ("customer", event.customer),
                    ("previous_customer", event.previous_customer),
                    ("order_id", event.order_id),
                    ("client_session", event.client_session),
                ] {
                    hashed(name, id, &mut added, &mut why);
                }
            }
            click(event, at, enricher, fences, (&mut added, &mut why));
            if let Some(bot) = why.0.get("bot").and_then(Value::as_str)
                && settings.drop_bots
                && added.0.contains_key("bot")
            {
                return outcome("bot", &format!("{bot}; site, kind and time are kept (enrich.drop_bots)"));
            }
            feeling(event.text, event.language, read, &mut added);
        }
        Decoded::Support(entry) => {
            if entry.site.is_empty() {
                entry.site = site;
            }
            let at = correct(entry.occurred_at, 0, entry.received_at, 0).at;
            if let Some(hasher) = hasher {
                hasher.support(entry, at.0);
                for (name, id) in [
                    ("visitor", entry.visitor),
                    ("customer", entry.customer),
                    ("conversation", entry.conversation),
                    ("agent", entry.agent),
                ] {
                    hashed(name, id, &mut added, &mut why);
                }
            }
            support(entry, at, enricher, &mut added, &mut why);
            if entry.author == Author::Customer {
                feeling(entry.text, entry.language, read, &mut added);
            } else if !entry.text.is_empty() {
                why.text(
                    "feeling",
                    &format!("none: of {}, and only what customers write is read", entry.author.as_str()),
                );
            }
        }
    }
    json!({ "added": added.0, "why": why.0 })
}

/// Of a click without consent: why it is, and what its row keeps.
fn refused(event: &ClickEvent<'_>, settings: &Settings) -> Option<(&'static str, &'static str)> {
    let consent = Consent::of_page(event.consent, event.url);
    if consent.allows_profile(!settings.must_consent) {
        return None;
    }
    let because = match (consent, event.consent) {
        (Consent::Untold, _) => "nothing is said of consent (privacy.consent_required)",
        (_, Some(_)) => "consent is false",
        _ => "gcs in the page's URL says no",
    };
    let kept = match settings.without_consent {
        WithoutConsent::Stub => "site, kind and time are kept",
        WithoutConsent::Counts => "what can be counted is kept, and nobody's id (privacy.without_consent)",
    };
    Some((because, kept))
}

/// An id, if it is hashed.
fn hashed(name: &str, id: &str, added: &mut Columns, why: &mut Columns) {
    if is_hash(id) {
        added.text(name, id);
        why.text(name, "its hash under the key that counts at the event's time (privacy.hash_fields)");
    }
}

/// A touchpoint of this time, which decides by which key is hashed.
fn of_time(at: EventTime) -> Touchpoint<'static> {
    Touchpoint { head: Head { occurred_at: at, ..Head::default() }, ..Touchpoint::default() }
}

fn click(
    event: &ClickEvent<'_>,
    at: EventTime,
    enricher: &mut Enricher,
    fences: &Fences,
    (added, why): (&mut Columns, &mut Columns),
) {
    let rules = enricher.rules().clone();
    let mut out = of_time(at);
    let extras = enricher.click_with(event, &Hints::default(), &mut out);
    for (name, value) in [("host", out.host), ("page", out.page), ("referrer", out.referrer)] {
        added.text(name, value);
    }
    let labels = extras.labels;
    for (name, value) in [("page_group", labels.group), ("content_type", labels.kind), ("content_topic", labels.topic)]
    {
        added.text(name, value);
    }
    added.text("channel", out.channel.as_str());
    for (name, value) in [
        ("source", out.source),
        ("medium", out.medium),
        ("campaign", out.campaign),
        ("term", out.term),
        ("content", out.content),
        ("click_id", out.click_id),
    ] {
        added.text(name, value);
    }
    device(event, &out, &extras, added, why);
    place(event.ip, &out, &extras, added, why);
    why.text("channel", &channel_rule(&rules, &out, &extras));
    let at = event.latitude.zip(event.longitude).and_then(|(y, x)| Position::new(f64::from(y), f64::from(x)));
    let inside: Vec<&str> = at.map_or_else(Vec::new, |at| {
        fences.near(at).filter(|(_, distance)| *distance <= 0.0).map(|(fence, _)| fence.name.as_str()).collect()
    });
    if !inside.is_empty() {
        added.0.insert("fences".to_owned(), inside.clone().into());
    }
    added.text("store", out.store);
    match (event.store, inside.as_slice(), out.store) {
        (_, [], _) => {}
        ("", _, "") => {
            why.text("store", "none, though the position is inside: the device tells an accuracy that is too coarse");
        }
        ("", ..) => why.text("store", "the device's position is inside this fence"),
        _ => why.text("store", "the event names it, and knows better than a position"),
    }
    added.text("search", out.search);
    if event.kind == Kind::Custom {
        redacted("name", event.name, out.name, added, why);
    }
    redacted("step", event.step, out.step, added, why);
    for (name, given, kept) in [("title", event.title, out.title), ("properties", event.properties, out.properties)] {
        redacted(name, given, kept, added, why);
    }
    text(event.text, &out, added, why);
    contact(event.contact, out.contact, added, why);
}

fn redacted(name: &str, given: &str, kept: &str, added: &mut Columns, why: &mut Columns) {
    added.text(name, kept);
    if kept != given {
        why.text(name, "personal data is replaced by typed marks");
    }
}

fn support(entry: &SupportEntry<'_>, at: EventTime, enricher: &mut Enricher, added: &mut Columns, why: &mut Columns) {
    let mut out = of_time(at);
    enricher.support(entry, &mut out);
    added.text("channel", out.channel.as_str());
    located(&out, added);
    why.text("channel", "as the entry says");
    let place = match (entry.ip, out.geo_edition, out.country) {
        ("", ..) => "no address".to_owned(),
        (_, "", _) => "no geo database, or it knows no place of this address".to_owned(),
        (_, edition, "") => format!("{edition} knows no place of this address, or it is private or unreadable"),
        (_, edition, _) => edition.to_owned(),
    };
    why.text("place", &place);
    for (name, given, kept) in [
        ("name", entry.product, out.name),
        ("tags", entry.tags, out.tags),
        ("department", entry.department, out.department),
        ("properties", entry.properties, out.properties),
    ] {
        redacted(name, given, kept, added, why);
    }
    text(entry.text, &out, added, why);
    contact(entry.contact, out.contact, added, why);
}

/// A contact's hash, or why there is none.
fn contact(given: &str, hash: &str, added: &mut Columns, why: &mut Columns) {
    added.text("contact", hash);
    if !given.is_empty() {
        why.text(
            "contact",
            match hash {
                "" => "none: no privacy.key, or it is no e-mail address, phone number or handle",
                _ => "its hash under the key that counts at the event's time",
            },
        );
    }
}

fn device(event: &ClickEvent<'_>, out: &Touchpoint<'_>, extras: &Extras<'_>, added: &mut Columns, why: &mut Columns) {
    let agent = extras.agent;
    if out.device != Device::Unknown {
        added.text("device", out.device.as_str());
        let because = match (out.bot, agent.is_unknown(), event.user_agent) {
            ("", true, _) => "no agent's rule, but what the client sent besides",
            ("", _, "") => "no agent was sent: from the client's hints or context",
            ("", ..) => "the agent, mended by client hints where they were sent",
            _ => "a robot, whatever else the agent says",
        };
        why.text("device", because);
    }
    for (name, value) in [
        ("brand", agent.brand),
        ("browser", agent.browser),
        ("browser_version", agent.browser_version.as_str()),
        ("os", agent.os),
        ("os_version", agent.os_version.as_str()),
        ("bot", out.bot),
    ] {
        added.text(name, value);
    }
    let said = extras.indicators.to_string();
    added.text("bot_indicators", &said);
    if !said.is_empty() {
        let verdict = if out.bot.is_empty() { "a hint alone makes no robot" } else { "a robot" };
        why.text("bot", &format!("{verdict}: {said}"));
    }
    if agent.is_unknown() {
        why.text("browser", &format!("no rule knows the agent {:?}", event.user_agent));
    }
}

/// What is known of where the record came from, by the names of its columns.
fn located(out: &Touchpoint<'_>, added: &mut Columns) {
    for (name, value) in
        [("country", out.country), ("region", out.region), ("city", out.city), ("time_zone", out.time_zone)]
    {
        added.text(name, value);
    }
    added.number("latitude", out.latitude);
    added.number("longitude", out.longitude);
    added.count("accuracy_km", out.accuracy_km);
    added.text("geo_edition", out.geo_edition);
    added.count("asn", out.asn);
    added.text("network_owner", out.network_owner);
}

fn place(ip: &str, out: &Touchpoint<'_>, extras: &Extras<'_>, added: &mut Columns, why: &mut Columns) {
    let origin = extras.origin;
    located(out, added);
    let network = origin.network().map(|network| network.to_string()).unwrap_or_default();
    let told = out.latitude.is_some() && out.latitude != origin.place().latitude;
    let because = match (ip, origin.edition(), origin.place().is_empty()) {
        (_, _, true) if told => "the device told its position".to_owned(),
        ("", ..) => "no address".to_owned(),
        (_, "", _) => "no geo database".to_owned(),
        (_, edition, true) => format!("{edition} knows no place of this address, or it is private or unreadable"),
        (_, edition, false) => {
            let position = if told { "; the position is the device's own" } else { "" };
            format!("{edition}, network {network}{position}")
        }
    };
    why.text("place", &because);
}

fn channel_rule(rules: &Rules, out: &Touchpoint<'_>, extras: &Extras<'_>) -> String {
    match extras.channel_rule.and_then(|rule| rules.channels.rules.rule(rule)) {
        Some((line, text)) => format!("line {line} of the channel rules: {text}"),
        None if out.channel == Channel::None => {
            "no touch: not a view from outside (`crumbtrail explain channel` says more)".to_owned()
        }
        None => "no rule holds".to_owned(),
    }
}

fn text(given: &str, out: &Touchpoint<'_>, added: &mut Columns, why: &mut Columns) {
    redacted("text", given, out.text, added, why);
    added.count("character_count", out.characters);
}

fn feeling(text: &str, told: &str, read: &mut Read<'_>, added: &mut Columns) {
    if text.trim().is_empty() {
        return;
    }
    let reading = read(text, told);
    let label = match reading.label {
        Label::Negative => "negative",
        Label::Neutral => "neutral",
        Label::Positive => "positive",
    };
    added.text("feeling", label);
    added.number("score", Some(reading.score));
    added.number("confidence", Some(reading.confidence));
    added.text("says", reading.kind.as_str());
    added.names("topics", reading.topics.iter());
    added.names("likes", reading.likes.iter());
    added.names("dislikes", reading.dislikes.iter());
    added.names("friction_kinds", reading.frictions.iter());
    if told.is_empty() {
        added.text("language", reading.language.as_str());
    }
}
