//! What a record gains, as JSON: `added` holds the columns, `why` a sentence for each decision.

use crumbtrail_enrich::agent::hints::Hints;
use crumbtrail_enrich::fence::{Fences, Position};
use crumbtrail_enrich::{Enricher, Extras, Rules};
use crumbtrail_events::vocabulary::{Channel, Device};
use crumbtrail_events::{ClickEvent, SupportEntry, Touchpoint};
use crumbtrail_intake::Decoded;
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

    fn number(&mut self, name: &str, value: Option<impl Into<f64>>) {
        if let Some(value) = value {
            // Six digits behind the point: what is meant, not how a float is stored.
            self.0.insert(name.to_owned(), json!((value.into() * 1e6).round() / 1e6));
        }
    }
}

pub(super) fn rejected(reason: &str, detail: &str) -> Value {
    json!({ "rejected": { "reason": reason, "detail": detail } })
}

pub(super) fn record(
    decoded: Decoded<'_>,
    site: &str,
    enricher: &mut Enricher,
    fences: &Fences,
    read: &mut Read<'_>,
) -> Value {
    let (mut added, mut why) = (Columns::default(), Columns::default());
    match decoded {
        Decoded::Click(mut event) => {
            if event.site.is_empty() {
                event.site = site;
            }
            click(&event, enricher, fences, &mut added, &mut why);
            feeling(event.text, event.language, read, &mut added);
        }
        Decoded::Support(mut entry) => {
            if entry.site.is_empty() {
                entry.site = site;
            }
            support(&entry, enricher, &mut added, &mut why);
            feeling(entry.text, entry.language, read, &mut added);
        }
    }
    json!({ "added": added.0, "why": why.0 })
}

fn click(event: &ClickEvent<'_>, enricher: &mut Enricher, fences: &Fences, added: &mut Columns, why: &mut Columns) {
    let rules = enricher.rules().clone();
    let mut out = Touchpoint::default();
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
        added.0.insert("fences".to_owned(), inside.into());
    }
    added.text("store", out.store);
    added.text("search", out.search);
    for (name, given, kept) in [("title", event.title, out.title), ("properties", event.properties, out.properties)] {
        redacted(name, given, kept, added, why);
    }
    text(event.text, &out, added, why);
    added.text("contact", out.contact);
}

fn redacted(name: &str, given: &str, kept: &str, added: &mut Columns, why: &mut Columns) {
    added.text(name, kept);
    if kept != given {
        why.text(name, "personal data is replaced by typed marks");
    }
}

fn support(entry: &SupportEntry<'_>, enricher: &mut Enricher, added: &mut Columns, why: &mut Columns) {
    let mut out = Touchpoint::default();
    enricher.support(entry, &mut out);
    added.text("channel", out.channel.as_str());
    for (name, value) in
        [("country", out.country), ("region", out.region), ("city", out.city), ("time_zone", out.time_zone)]
    {
        added.text(name, value);
    }
    redacted("properties", entry.properties, out.properties, added, why);
    text(entry.text, &out, added, why);
    added.text("contact", out.contact);
}

fn device(event: &ClickEvent<'_>, out: &Touchpoint<'_>, extras: &Extras<'_>, added: &mut Columns, why: &mut Columns) {
    if out.device != Device::Unknown {
        added.text("device", out.device.as_str());
    }
    let agent = extras.agent;
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

fn place(ip: &str, out: &Touchpoint<'_>, extras: &Extras<'_>, added: &mut Columns, why: &mut Columns) {
    let origin = extras.origin;
    for (name, value) in
        [("country", out.country), ("region", out.region), ("city", out.city), ("time_zone", out.time_zone)]
    {
        added.text(name, value);
    }
    added.number("latitude", out.latitude);
    added.number("longitude", out.longitude);
    added.number("accuracy_km", origin.place().accuracy_km);
    let network = origin.network().map(|network| network.to_string()).unwrap_or_default();
    added.text("network", &network);
    if origin.system().number > 0 {
        added.0.insert("asn".to_owned(), origin.system().number.into());
        added.text("organisation", origin.system().organisation);
    }
    added.text("geo_edition", origin.edition());
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
    if out.characters > 0 {
        added.0.insert("characters".to_owned(), out.characters.into());
    }
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
