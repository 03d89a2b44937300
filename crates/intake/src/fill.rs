//! The fields of a touchpoint that are the event's own, field for field.

use std::sync::LazyLock;

use crumbtrail_events::garbage::is_garbage_id;
use crumbtrail_events::money::currency;
use crumbtrail_events::{ClickEvent, Kind, Micros, SupportEntry, Touchpoint};

/// A touchpoint without anything. Copied: setting a hundred fields one after the other is a kilobyte of code, with every record.
#[inline]
pub(crate) fn blank<'a>() -> Touchpoint<'a> {
    static BLANK: LazyLock<Touchpoint<'static>> = LazyLock::new(Touchpoint::default);
    *BLANK
}

/// An id that may link: garbage (`null`, `undefined`, …) links nobody.
pub(crate) fn linking(id: &str) -> &str {
    if is_garbage_id(id) { "" } else { id }
}

#[inline]
pub(crate) fn click<'a>(event: &ClickEvent<'a>, out: &mut Touchpoint<'a>) {
    out.head.kind = event.kind;
    out.event_id = event.event_id;
    out.visitor = event.visitor;
    out.customer = linking(event.customer);
    out.device_at = event.occurred_at;
    out.received_at = event.received_at;
    out.name = event.name;
    out.title = event.title;
    out.language = event.language;
    out.items = event.items;
    out.order_id = event.order_id;
    out.currency = currency(event.currency);
    out.step = event.step;
    out.client_session = event.client_session;
    out.properties = event.properties;
    out.store = event.store;
    out.rating = event.rating;
    out.revenue = match event.revenue {
        Some(amount) => Micros::from_f64(amount).unwrap_or_default(),
        // An order that does not say its total is worth its lines.
        None if event.kind == Kind::Purchase => Micros(
            event
                .items
                .iter()
                .fold(0, |sum, line| sum.saturating_add(line.price.0.saturating_mul(i64::from(line.quantity)))),
        ),
        None => Micros::default(),
    };
}

pub(crate) fn support<'a>(entry: &SupportEntry<'a>, out: &mut Touchpoint<'a>) {
    out.head.kind = entry.kind;
    out.event_id = entry.entry_id;
    out.visitor = linking(entry.visitor);
    out.customer = linking(entry.customer);
    out.conversation = entry.conversation;
    out.device_at = entry.occurred_at;
    out.received_at = entry.received_at;
    out.author = entry.author;
    out.language = entry.language;
    out.rating = entry.rating;
    out.scale = entry.scale;
    out.agent = entry.agent;
    out.department = entry.department;
    out.tags = entry.tags;
    out.priority = entry.priority;
    out.store = entry.store;
    out.name = entry.product;
    out.properties = entry.properties;
}
