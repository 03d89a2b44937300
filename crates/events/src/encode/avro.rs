//! Bodies in our own Avro schemas. Framing is [`crate::avro::confluent`]'s and [`crate::avro::single_object`]'s.

use super::{channel_name, event_name};
use crate::click::{Campaign, ClickEvent};
use crate::support::SupportEntry;
use crate::vocabulary::{Author, Scale};
use crate::wire::put_signed;

/// Symbols of `SupportChannel`, in the schema's order.
const CHANNELS: [&str; 9] = ["chat", "email", "phone", "ticket", "review", "survey", "social", "comment", "store"];
/// Symbols of `SupportKind`, in the schema's order.
const KINDS: [&str; 8] = ["message", "opened", "assigned", "resolved", "reopened", "closed", "rating", "mention"];

/// Appends the body of a click in `click_event.avsc`.
pub fn click(click: &ClickEvent<'_>, out: &mut Vec<u8>) {
    string(out, click.event_id);
    string(out, click.site);
    put_signed(out, click.occurred_at);
    optional_time(out, click.sent_at);
    optional_time(out, click.received_at);
    string(out, click.visitor);
    optional(out, click.customer);
    string(out, event_name(click));
    optional(out, click.url);
    optional(out, click.referrer);
    optional(out, click.title);
    optional(out, click.user_agent);
    optional(out, click.ip);
    optional_double(out, click.latitude.map(shortest));
    optional_double(out, click.longitude.map(shortest));
    optional(out, click.language);
    let count = click.items.iter().count();
    if count > 0 {
        put_signed(out, count as i64);
        for item in click.items.iter() {
            string(out, item.product);
            optional(out, item.name);
            optional(out, item.category);
            optional_double(out, (item.price.0 != 0).then(|| item.price.to_f64()));
            put_signed(out, i64::from(item.quantity).min(i64::from(i32::MAX)));
        }
    }
    put_signed(out, 0);
    optional(out, click.order_id);
    optional_double(out, click.revenue);
    optional(out, click.currency);
    optional(out, click.search);
    optional(out, click.step);
    optional(out, click.store);
    optional(out, click.text);
    optional_double(out, click.rating.map(shortest));
    if click.campaign == Campaign::default() {
        out.push(0);
    } else {
        out.push(2);
        let Campaign { source, medium, name, term, content } = click.campaign;
        for field in [source, medium, name, term, content] {
            optional(out, field);
        }
    }
    optional(out, click.properties);
    optional(out, click.client_session);
    match click.consent {
        None => out.push(0),
        Some(consent) => out.extend_from_slice(&[2, u8::from(consent)]),
    }
    optional(out, click.contact);
    optional(out, click.previous_customer);
}

/// Appends the body of a support entry in `support_entry.avsc`.
pub fn support(entry: &SupportEntry<'_>, out: &mut Vec<u8>) {
    string(out, entry.entry_id);
    string(out, entry.site);
    put_signed(out, entry.occurred_at);
    optional_time(out, entry.received_at);
    optional(out, entry.customer);
    optional(out, entry.visitor);
    optional(out, entry.contact);
    optional(out, entry.conversation);
    symbol(out, &CHANNELS, channel_name(entry.channel));
    symbol(out, &Author::ALL.map(Author::as_str), entry.author.as_str());
    symbol(out, &KINDS, entry.kind.as_str());
    optional(out, entry.text);
    optional(out, entry.language);
    optional_double(out, entry.rating.map(shortest));
    match entry.scale {
        Scale::None => out.push(0),
        scale => {
            out.push(2);
            put_signed(out, scale as i64 - 1);
        }
    }
    optional(out, entry.agent);
    optional(out, entry.department);
    if !entry.tags.is_empty() {
        put_signed(out, entry.tags.split(',').count() as i64);
        entry.tags.split(',').for_each(|tag| string(out, tag));
    }
    put_signed(out, 0);
    optional(out, entry.priority);
    optional(out, entry.store);
    optional(out, entry.ip);
    optional(out, entry.product);
    optional(out, entry.properties);
}

fn string(out: &mut Vec<u8>, value: &str) {
    put_signed(out, value.len() as i64);
    out.extend_from_slice(value.as_bytes());
}

fn optional(out: &mut Vec<u8>, value: &str) {
    if value.is_empty() {
        return out.push(0);
    }
    out.push(2);
    string(out, value);
}

fn optional_time(out: &mut Vec<u8>, value: i64) {
    if value == 0 {
        return out.push(0);
    }
    out.push(2);
    put_signed(out, value);
}

fn optional_double(out: &mut Vec<u8>, value: Option<f64>) {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(2);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

/// The double nearest to a single's shortest decimal form: 13.75639 stays that instead of 13.756389617919922.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

/// Appends the index of a symbol. Channels and kinds that are no support's cannot be written; the first symbol stands.
fn symbol(out: &mut Vec<u8>, symbols: &[&str], name: &str) {
    put_signed(out, symbols.iter().position(|symbol| *symbol == name).unwrap_or(0) as i64);
}
