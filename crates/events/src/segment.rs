//! The Segment spec: `track`, `page`, `screen`, `identify`, `group` and `alias` messages, as most clickstreams in Kafka
//! look.
//!
//! * visitor: `anonymousId`, for an alias `previousId`, else `userId` (server-side messages know nothing else).
//! * previous customer: `previousId` of an alias with a `userId`, unless it is the `anonymousId`. The spec does not say which
//!   of the two a previous id is, so without an `anonymousId` it is taken for both; an id nobody ever had changes nothing.
//! * name: `event` of a track through [`crate::names`]; a page is a page view, a screen a screen view; an identify or
//!   alias with a `userId` is a login; a group, and an identify without a user, are kept under their type's name.
//! * times: `originalTimestamp` is the device's clock where a collector added it (`timestamp` is then corrected already),
//!   else `timestamp` is; without both, `sentAt`, then `receivedAt`.
//! * `properties` (else `traits`) are kept whole as JSON; what has a field of its own is read out of them. They are free
//!   by the spec: numbers may stand in quotes, and a value that cannot be used there is passed over, never a reject.
//! * `traits.email`, else `traits.phone`, is the contact.
//! * `context.consent.categoryPreferences.analytics` is the consent, `context.sessionId` the client's session.

use crate::click::ClickEvent;
use crate::json::cursor::{Cursor, Token};
use crate::json::{number, price, quantity, raw_object, string, time, wrong};
use crate::kind::Kind;
use crate::names;
use crate::reject::{Fault, Reason, Reject};
use crate::scratch::{Arena, Scratch};
use crate::touchpoint::{Item, Items};

/// The raw parts of a message: which of them is read how depends on the type, which may come last.
#[derive(Default)]
struct Parts<'a> {
    message: &'a str,
    event: &'a str,
    name: &'a str,
    anonymous: &'a str,
    user: &'a str,
    previous: &'a str,
    timestamp: i64,
    original: i64,
    properties: &'a str,
    traits: &'a str,
    context: &'a str,
}

/// Reads a message.
///
/// # Errors
/// As [`crate::json::click`]; `missing_field.type`, and `unknown_type` for a type outside the spec.
pub fn click<'a>(bytes: &'a [u8], scratch: &'a mut Scratch) -> Result<ClickEvent<'a>, Reject> {
    let (mut arena, items, _) = scratch.open(bytes.len());
    let arena = &mut arena;
    let mut click = ClickEvent::default();
    let parts = top(bytes, arena, &mut click)?;
    if !parts.context.is_empty() {
        context(parts.context, arena, &mut click)?;
    }
    if !parts.properties.is_empty() {
        properties(parts.properties, arena, &mut click, items)?;
    }
    if !parts.traits.is_empty() {
        traits(parts.traits, arena, &mut click)?;
    }
    click.customer = parts.user;
    click.visitor = first(&[parts.anonymous, parts.previous, parts.user]);
    if parts.message == "alias" && !parts.user.is_empty() && parts.previous != parts.anonymous {
        click.previous_customer = parts.previous;
    }
    let clocks = [parts.original, parts.timestamp, click.sent_at, click.received_at];
    click.occurred_at = clocks.into_iter().find(|at| *at != 0).unwrap_or_default();
    click.properties = if parts.properties.is_empty() { parts.traits } else { parts.properties };
    (click.kind, click.name) = match parts.message {
        "track" => names::kind_and_name(parts.event),
        "page" => (Kind::PageView, ""),
        "screen" => (Kind::ScreenView, ""),
        "identify" | "alias" if !parts.user.is_empty() => (Kind::Login, parts.message),
        "identify" | "alias" | "group" => (Kind::Custom, parts.message),
        "" => return Err(Reject::new(Reason::MissingField, "type: required")),
        _ => return Err(Reject::new(Reason::UnknownType, "type: none of track, page, screen, identify, group, alias")),
    };
    if parts.message == "track" && parts.event.is_empty() {
        return Err(Reject::new(Reason::MissingField, "event: required for a track"));
    }
    if click.kind.is_view() {
        click.title = first(&[click.title, parts.name]);
    }
    click.items = Items::from_buffer(items);
    Ok(click)
}

fn first<'a>(choices: &[&'a str]) -> &'a str {
    choices.iter().copied().find(|choice| !choice.is_empty()).unwrap_or_default()
}

fn top<'a>(bytes: &'a [u8], arena: &mut Arena<'a>, click: &mut ClickEvent<'a>) -> Result<Parts<'a>, Fault> {
    let mut parts = Parts::default();
    let mut cursor = Cursor::new(bytes)?;
    cursor.open_object()?;
    let mut first = true;
    while let Some(key) = cursor.key(&mut first, arena)? {
        let token = cursor.peek()?;
        let c = &mut cursor;
        match key.as_bytes() {
            b"type" => parts.message = string(c, token, arena, key)?,
            b"event" => parts.event = string(c, token, arena, key)?,
            b"name" => parts.name = string(c, token, arena, key)?,
            b"messageId" => click.event_id = string(c, token, arena, key)?,
            b"anonymousId" => parts.anonymous = id(c, token, arena, key)?,
            b"userId" => parts.user = id(c, token, arena, key)?,
            b"previousId" => parts.previous = id(c, token, arena, key)?,
            b"timestamp" => parts.timestamp = time(c, token, arena, key)?,
            b"originalTimestamp" => parts.original = time(c, token, arena, key)?,
            b"sentAt" => click.sent_at = time(c, token, arena, key)?,
            b"receivedAt" => click.received_at = time(c, token, arena, key)?,
            b"properties" => parts.properties = raw_object(c, token, key)?,
            b"traits" => parts.traits = raw_object(c, token, key)?,
            b"context" => parts.context = raw_object(c, token, key)?,
            _ => drop(c.raw_value(1)?),
        }
    }
    cursor.end()?;
    Ok(parts)
}

/// An id: a string, or a whole number as servers with numeric keys send it.
fn id<'a>(cursor: &mut Cursor<'a>, token: Token, arena: &mut Arena<'a>, field: &str) -> Result<&'a str, Fault> {
    match token {
        Token::Number => cursor.raw_number(),
        Token::String | Token::Null => string(cursor, token, arena, field),
        found => Err(wrong(field, "a string", found)),
    }
}

fn context<'a>(raw: &'a str, arena: &mut Arena<'a>, click: &mut ClickEvent<'a>) -> Result<(), Fault> {
    members(raw, arena, &mut |key, value, arena| {
        match key {
            "ip" => click.ip = value.text(arena)?,
            "userAgent" => click.user_agent = value.text(arena)?,
            "userAgentData" if value.raw.starts_with('{') => click.client_hints = value.raw,
            "locale" => click.language = value.text(arena)?,
            "site" => click.site = value.text(arena)?,
            "sessionId" => click.client_session = value.text(arena)?,
            "page" => members(value.raw, arena, &mut |key, value, arena| {
                match key {
                    "url" => click.url = value.text(arena)?,
                    "referrer" => click.referrer = value.text(arena)?,
                    "title" => click.title = value.text(arena)?,
                    _ => {}
                }
                Ok(())
            })?,
            "campaign" => members(value.raw, arena, &mut |key, value, arena| {
                match key {
                    "source" => click.campaign.source = value.text(arena)?,
                    "medium" => click.campaign.medium = value.text(arena)?,
                    "name" => click.campaign.name = value.text(arena)?,
                    "term" => click.campaign.term = value.text(arena)?,
                    "content" => click.campaign.content = value.text(arena)?,
                    _ => {}
                }
                Ok(())
            })?,
            "location" => members(value.raw, arena, &mut |key, value, _| {
                match key {
                    "latitude" => click.latitude = value.degrees(90.0),
                    "longitude" => click.longitude = value.degrees(180.0),
                    _ => {}
                }
                Ok(())
            })?,
            "consent" => members(value.raw, arena, &mut |key, value, arena| {
                if key != "categoryPreferences" {
                    return Ok(());
                }
                members(value.raw, arena, &mut |key, value, _| {
                    if key.eq_ignore_ascii_case("analytics") {
                        click.consent = value.raw.parse().ok();
                    }
                    Ok(())
                })
            })?,
            "traits" => traits(value.raw, arena, click)?,
            _ => {}
        }
        Ok(())
    })
}

fn traits<'a>(raw: &'a str, arena: &mut Arena<'a>, click: &mut ClickEvent<'a>) -> Result<(), Fault> {
    let (mut email, mut phone) = ("", "");
    members(raw, arena, &mut |key, value, arena| {
        match key {
            "email" => email = value.text(arena)?,
            "phone" => phone = value.text(arena)?,
            _ => {}
        }
        Ok(())
    })?;
    click.contact = first(&[email, phone, click.contact]);
    Ok(())
}

fn properties<'a>(
    raw: &'a str,
    arena: &mut Arena<'a>,
    click: &mut ClickEvent<'a>,
    items: &mut Vec<u8>,
) -> Result<(), Fault> {
    let mut single = Item { quantity: 1, ..Item::default() };
    let mut title = "";
    // Revenue, else total, else value: the spec's order of what an order was worth.
    let mut worth = [None; 3];
    members(raw, arena, &mut |key, value, arena| {
        match key {
            "products" => {
                items.clear();
                elements(value.raw, arena, &mut |value, arena| {
                    let mut item = Item { quantity: 1, ..Item::default() };
                    members(value.raw, arena, &mut |key, value, arena| product(key, &value, arena, &mut item))?;
                    Items::push(items, &item);
                    Ok(())
                })?;
            }
            "order_id" | "orderId" => click.order_id = value.text(arena)?,
            "revenue" => worth[0] = value.number(),
            "total" => worth[1] = value.number(),
            "value" => worth[2] = value.number(),
            "currency" => click.currency = value.text(arena)?,
            "query" => click.search = value.text(arena)?,
            "step" => click.step = value.text(arena)?,
            "store" | "store_id" => click.store = value.text(arena)?,
            "review_body" | "comment" => click.text = value.text(arena)?,
            "rating" => click.rating = value.number().map(|rating| rating as f32).filter(|rating| rating.abs() <= 1e6),
            "url" => click.url = first(&[value.text(arena)?, click.url]),
            "referrer" => click.referrer = first(&[value.text(arena)?, click.referrer]),
            "title" => title = value.text(arena)?,
            _ => product(key, &value, arena, &mut single)?,
        }
        Ok(())
    })?;
    click.revenue = worth.into_iter().flatten().next();
    // In a page's or screen's properties `name` is its own name, not a product's.
    if items.is_empty() && !single.product.is_empty() {
        Items::push(items, &single);
    } else {
        title = first(&[title, click.title, single.name]);
    }
    click.title = first(&[title, click.title]);
    Ok(())
}

fn product<'a>(key: &str, value: &Value<'a>, arena: &mut Arena<'a>, item: &mut Item<'a>) -> Result<(), Fault> {
    match key {
        "product_id" | "productId" => item.product = first(&[value.text(arena)?, item.product]),
        "sku" => item.product = first(&[item.product, value.text(arena)?]),
        "name" => item.name = value.text(arena)?,
        "category" => item.category = value.text(arena)?,
        "price" => item.price = price(value.number()).unwrap_or_default(),
        "quantity" => item.quantity = quantity(value.number()).unwrap_or(1),
        _ => {}
    }
    Ok(())
}

/// A value of free-form JSON: checked already, read leniently.
#[derive(Clone, Copy)]
struct Value<'a> {
    raw: &'a str,
}

impl<'a> Value<'a> {
    /// A string's text, or a number as it is written; anything else is empty.
    fn text(&self, arena: &mut Arena<'a>) -> Result<&'a str, Fault> {
        match self.raw.as_bytes().first() {
            Some(b'"') => Cursor::trusted(self.raw).string(arena),
            Some(b'-' | b'0'..=b'9') => Ok(self.raw),
            _ => Ok(""),
        }
    }

    /// A number, also in quotes.
    fn number(&self) -> Option<f64> {
        let bare = self.raw.trim_matches('"');
        bare.starts_with(|c: char| c.is_ascii_digit() || c == '-').then(|| number::float(bare)).flatten()
    }

    fn degrees(&self, limit: f64) -> Option<f32> {
        self.number().filter(|degrees| degrees.abs() <= limit).map(|degrees| degrees as f32)
    }
}

type Visit<'v, 'a> = &'v mut dyn FnMut(Value<'a>, &mut Arena<'a>) -> Result<(), Fault>;
type VisitMember<'v, 'a> = &'v mut dyn FnMut(&'a str, Value<'a>, &mut Arena<'a>) -> Result<(), Fault>;

/// Calls `visit` for each member of an object; anything else has none.
fn members<'a>(raw: &'a str, arena: &mut Arena<'a>, visit: VisitMember<'_, 'a>) -> Result<(), Fault> {
    if !raw.starts_with('{') {
        return Ok(());
    }
    let mut cursor = Cursor::trusted(raw);
    cursor.open_object()?;
    let mut first = true;
    while let Some(key) = cursor.key(&mut first, arena)? {
        let raw = cursor.raw_value(0)?;
        visit(key, Value { raw }, arena)?;
    }
    Ok(())
}

/// Calls `visit` for each element of an array; anything else has none.
fn elements<'a>(raw: &'a str, arena: &mut Arena<'a>, visit: Visit<'_, 'a>) -> Result<(), Fault> {
    if !raw.starts_with('[') {
        return Ok(());
    }
    let mut cursor = Cursor::trusted(raw);
    cursor.open_array()?;
    let mut first = true;
    while cursor.element(&mut first)? {
        let raw = cursor.raw_value(0)?;
        visit(Value { raw }, arena)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, check: impl FnOnce(ClickEvent<'_>)) {
        let mut scratch = Scratch::new();
        check(click(json.as_bytes(), &mut scratch).unwrap());
    }

    #[test]
    fn a_track_of_an_order() {
        read(
            r#"{"context":{"ip":"8.8.8.8","userAgent":"UA","userAgentData":{"mobile":true},"locale":"th","page":{"url":"https://a/b?x=1","title":"T"},
            "campaign":{"name":"summer","source":"line"},"location":{"latitude":"13.7","longitude":100.5},
            "consent":{"categoryPreferences":{"Advertising":false,"Analytics":true}},"traits":{"email":"a@b.c"}},
            "properties":{"order_id":77,"total":"129.50","currency":"THB","products":[{"product_id":"p1","sku":"s1",
            "price":"9.5","quantity":2,"name":"Né"},{"sku":"s2"}],"extra":{"a":[1]}},"event":"Order Completed",
            "messageId":"m1","anonymousId":"an1","userId":12,"timestamp":"2026-03-01T02:15:00Z",
            "originalTimestamp":"2026-03-01T02:14:00Z","sentAt":"2026-03-01T02:14:01Z",
            "receivedAt":"2026-03-01T02:15:01Z","type":"track"}"#,
            |click| {
                assert_eq!((click.kind, click.name), (Kind::Purchase, "Order Completed"));
                assert_eq!((click.event_id, click.visitor, click.customer), ("m1", "an1", "12"));
                assert_eq!((click.order_id, click.revenue, click.currency), ("77", Some(129.5), "THB"));
                assert_eq!((click.ip, click.user_agent, click.language), ("8.8.8.8", "UA", "th"));
                assert_eq!(click.client_hints, r#"{"mobile":true}"#);
                assert_eq!((click.url, click.title, click.campaign.name), ("https://a/b?x=1", "T", "summer"));
                assert_eq!((click.latitude, click.longitude), (Some(13.7), Some(100.5)));
                assert_eq!((click.consent, click.contact), (Some(true), "a@b.c"));
                assert_eq!(click.received_at - click.occurred_at, 61_000);
                assert!(click.properties.contains("extra"));
                let items: Vec<_> = click.items.iter().collect();
                assert_eq!((items[0].product, items[0].name, items[0].quantity), ("p1", "Né", 2));
                assert_eq!((items[1].product, items[1].quantity), ("s2", 1));
            },
        );
    }

    #[test]
    fn the_other_types() {
        let base = r#""messageId":"m","timestamp":"2026-03-01T02:15:00Z","anonymousId":"a""#;
        read(&format!(r#"{{{base},"type":"page","name":"Home","properties":{{"url":"https://x/"}}}}"#), |click| {
            assert_eq!((click.kind, click.title, click.url), (Kind::PageView, "Home", "https://x/"));
        });
        read(&format!(r#"{{{base},"type":"screen","properties":{{"name":"Cart"}}}}"#), |click| {
            assert_eq!((click.kind, click.title), (Kind::ScreenView, "Cart"));
            assert!(click.items.is_empty());
        });
        read(&format!(r#"{{{base},"type":"identify","userId":"u","traits":{{"phone":"+66 2 123"}}}}"#), |click| {
            assert_eq!((click.kind, click.name, click.contact), (Kind::Login, "identify", "+66 2 123"));
            assert!(click.properties.contains("phone"));
        });
        read(
            r#"{"type":"alias","messageId":"m","previousId":"old","userId":"u","timestamp":1772331300000}"#,
            |click| {
                assert_eq!((click.kind, click.visitor, click.customer), (Kind::Login, "old", "u"));
                assert_eq!(click.previous_customer, "old");
            },
        );
        for (previous, expected) in [("old", "old"), ("a", ""), ("", "")] {
            read(&format!(r#"{{{base},"type":"alias","previousId":"{previous}","userId":"u"}}"#), |click| {
                assert_eq!((click.visitor, click.customer, click.previous_customer), ("a", "u", expected));
            });
        }
        read(&format!(r#"{{{base},"type":"group","groupId":"g"}}"#), |click| {
            assert_eq!((click.kind, click.name), (Kind::Custom, "group"));
        });
        read(
            &format!(
                r#"{{{base},"type":"track","event":"Product Added","properties":{{"product_id":"p","price":3}}}}"#
            ),
            |click| {
                assert_eq!(click.items.iter().next().unwrap().product, "p");
            },
        );
    }

    #[test]
    fn what_is_refused() {
        let reason = |json: &str| click(json.as_bytes(), &mut Scratch::new()).unwrap_err().reason;
        assert_eq!(reason(r#"{"messageId":"m"}"#), Reason::MissingField);
        assert_eq!(reason(r#"{"type":"track"}"#), Reason::MissingField);
        assert_eq!(reason(r#"{"type":"delete"}"#), Reason::UnknownType);
        assert_eq!(reason(r#"{"type":"page","anonymousId":{}}"#), Reason::WrongType);
        assert_eq!(reason(r#"{"type":"page","properties":[]}"#), Reason::WrongType);
        assert_eq!(reason(r#"{"type":"page""#), Reason::MalformedJson);
    }
}
