//! Native JSON, one object without line breaks; absent fields are left out.

use std::io::Write as _;

use super::{channel_name, event_name};
use crate::click::{Campaign, ClickEvent};
use crate::support::SupportEntry;
use crate::vocabulary::Scale;

/// Appends a click as native JSON.
pub fn click(click: &ClickEvent<'_>, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.string("event_id", click.event_id);
    object.string("site", click.site);
    object.time("occurred_at", click.occurred_at);
    object.time("sent_at", click.sent_at);
    object.time("received_at", click.received_at);
    object.string("visitor", click.visitor);
    object.string("customer", click.customer);
    object.string("name", event_name(click));
    object.string("url", click.url);
    object.string("referrer", click.referrer);
    object.string("title", click.title);
    object.string("user_agent", click.user_agent);
    object.string("ip", click.ip);
    object.single("latitude", click.latitude);
    object.single("longitude", click.longitude);
    object.string("language", click.language);
    if !click.items.is_empty() {
        let out = object.raw("items");
        for (index, item) in click.items.iter().enumerate() {
            out.push(if index == 0 { b'[' } else { b',' });
            let mut object = Object::open(out);
            object.string("product", item.product);
            object.string("name", item.name);
            object.string("category", item.category);
            object.double("price", (item.price.0 != 0).then(|| item.price.to_f64()));
            object.integer("quantity", i64::from(item.quantity));
            object.close();
        }
        out.push(b']');
    }
    object.string("order_id", click.order_id);
    object.double("revenue", click.revenue);
    object.string("currency", click.currency);
    object.string("search", click.search);
    object.string("step", click.step);
    object.string("store", click.store);
    object.string("text", click.text);
    object.single("rating", click.rating);
    if click.campaign != Campaign::default() {
        campaign(&click.campaign, object.raw("campaign"));
    }
    object.json("properties", click.properties);
    object.string("client_session", click.client_session);
    object.flag("consent", click.consent);
    object.string("contact", click.contact);
    object.string("previous_customer", click.previous_customer);
    object.close();
}

/// Appends a support entry as native JSON.
pub fn support(entry: &SupportEntry<'_>, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.string("entry_id", entry.entry_id);
    object.string("site", entry.site);
    object.time("occurred_at", entry.occurred_at);
    object.time("received_at", entry.received_at);
    object.string("customer", entry.customer);
    object.string("visitor", entry.visitor);
    object.string("contact", entry.contact);
    object.string("conversation", entry.conversation);
    object.string("channel", channel_name(entry.channel));
    object.string("author", entry.author.as_str());
    object.string("kind", entry.kind.as_str());
    object.string("text", entry.text);
    object.string("language", entry.language);
    object.single("rating", entry.rating);
    if entry.scale != Scale::None {
        object.string("scale", entry.scale.as_str());
    }
    object.string("agent", entry.agent);
    object.string("department", entry.department);
    if !entry.tags.is_empty() {
        let out = object.raw("tags");
        for (index, tag) in entry.tags.split(',').enumerate() {
            out.push(if index == 0 { b'[' } else { b',' });
            put_string(out, tag);
        }
        out.push(b']');
    }
    object.string("priority", entry.priority);
    object.string("store", entry.store);
    object.string("ip", entry.ip);
    object.string("product", entry.product);
    object.json("properties", entry.properties);
    object.close();
}

pub(super) fn campaign(campaign: &Campaign<'_>, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.string("source", campaign.source);
    object.string("medium", campaign.medium);
    object.string("name", campaign.name);
    object.string("term", campaign.term);
    object.string("content", campaign.content);
    object.close();
}

/// An object being written.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Object<'o> {
    pub(super) fn open(out: &'o mut Vec<u8>) -> Object<'o> {
        out.push(b'{');
        Object { out, first: true }
    }

    pub(super) fn close(self) {
        self.out.push(b'}');
    }

    /// Writes the key; the caller appends the value.
    pub(super) fn raw(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        put_string(self.out, key);
        self.out.push(b':');
        self.out
    }

    /// A string, unless it is empty.
    pub(super) fn string(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            put_string(self.raw(key), value);
        }
    }

    /// JSON text as it is, unless it is empty.
    pub(super) fn json(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.raw(key).extend_from_slice(value.as_bytes());
        }
    }

    pub(super) fn integer(&mut self, key: &str, value: i64) {
        // Writing to a vector cannot fail, here and below.
        let _ = write!(self.raw(key), "{value}");
    }

    fn time(&mut self, key: &str, value: i64) {
        if value != 0 {
            self.integer(key, value);
        }
    }

    pub(super) fn double(&mut self, key: &str, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            let _ = write!(self.raw(key), "{value}");
        }
    }

    pub(super) fn single(&mut self, key: &str, value: Option<f32>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            let _ = write!(self.raw(key), "{value}");
        }
    }

    fn flag(&mut self, key: &str, value: Option<bool>) {
        if let Some(value) = value {
            let _ = write!(self.raw(key), "{value}");
        }
    }
}

/// Appends a quoted and escaped string.
pub(crate) fn put_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => drop(write!(out, "\\u{control:04x}")),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}
