//! The Segment spec: the message type that says most nearly what happened.

use super::event_name;
use super::json::{Object, campaign};
use crate::click::{Campaign, ClickEvent};
use crate::instant::put_rfc3339;
use crate::kind::Kind;

/// Segment's own names of what its e-commerce spec knows; other names are written as they are.
fn segment_name<'a>(click: &ClickEvent<'a>) -> &'a str {
    if !click.name.is_empty() {
        return click.name;
    }
    match click.kind {
        Kind::Search => "Products Searched",
        Kind::ListView => "Product List Viewed",
        Kind::ProductView => "Product Viewed",
        Kind::AddToCart => "Product Added",
        Kind::RemoveFromCart => "Product Removed",
        Kind::CartView => "Cart Viewed",
        Kind::CheckoutStarted => "Checkout Started",
        Kind::CheckoutStep => "Checkout Step Viewed",
        Kind::Purchase => "Order Completed",
        Kind::Refund => "Order Refunded",
        Kind::Wishlist => "Product Added to Wishlist",
        Kind::AppOpened => "Application Opened",
        Kind::SignUp => "Signed Up",
        _ => event_name(click),
    }
}

/// Appends a click as a Segment message: `page`, `screen`, `identify` (a login with a customer) or `track`.
///
/// Consent and store have no place in the spec and go into the properties; properties of the click itself follow them.
pub fn click(click: &ClickEvent<'_>, out: &mut Vec<u8>) {
    let identify = click.kind == Kind::Login && !click.customer.is_empty();
    let message = match click.kind {
        Kind::PageView => "page",
        Kind::ScreenView => "screen",
        _ if identify => "identify",
        _ => "track",
    };
    let mut object = Object::open(out);
    object.string("type", message);
    object.string("messageId", click.event_id);
    object.string("anonymousId", click.visitor);
    object.string("userId", click.customer);
    if message == "track" {
        object.string("event", segment_name(click));
    }
    for (key, at) in [("timestamp", click.occurred_at), ("sentAt", click.sent_at), ("receivedAt", click.received_at)] {
        if at != 0 {
            let out = object.raw(key);
            out.push(b'"');
            put_rfc3339(out, at);
            out.push(b'"');
        }
    }
    context(click, object.raw("context"));
    if identify {
        let mut traits = Object::open(object.raw("traits"));
        let kind = if click.contact.contains('@') { "email" } else { "phone" };
        traits.string(kind, click.contact);
        merge(&mut traits, click.properties);
        traits.close();
    } else {
        properties(click, object.raw("properties"));
    }
    object.close();
}

fn context(click: &ClickEvent<'_>, out: &mut Vec<u8>) {
    let mut context = Object::open(out);
    context.string("ip", click.ip);
    context.string("userAgent", click.user_agent);
    context.json("userAgentData", click.client_hints);
    context.string("locale", click.language);
    context.string("site", click.site);
    context.string("sessionId", click.client_session);
    if click.kind != Kind::ScreenView && [click.url, click.referrer, click.title].iter().any(|field| !field.is_empty())
    {
        let mut page = Object::open(context.raw("page"));
        page.string("url", click.url);
        page.string("referrer", click.referrer);
        page.string("title", click.title);
        page.close();
    }
    if click.campaign != Campaign::default() {
        campaign(&click.campaign, context.raw("campaign"));
    }
    if click.latitude.is_some() || click.longitude.is_some() {
        let mut location = Object::open(context.raw("location"));
        location.single("latitude", click.latitude);
        location.single("longitude", click.longitude);
        location.close();
    }
    if let Some(consent) = click.consent {
        let mut object = Object::open(context.raw("consent"));
        let preferences = if consent { r#"{"analytics":true}"# } else { r#"{"analytics":false}"# };
        object.json("categoryPreferences", preferences);
        object.close();
    }
    context.close();
}

fn properties(click: &ClickEvent<'_>, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    if click.kind == Kind::ScreenView {
        object.string("name", click.title);
    }
    let mut items = click.items.iter();
    let single = matches!(click.kind, Kind::ProductView | Kind::AddToCart | Kind::RemoveFromCart | Kind::Wishlist);
    match (items.next(), items.next()) {
        (None, _) => {}
        (Some(item), None) if single => item_fields(&mut object, &item),
        _ => {
            let out = object.raw("products");
            for (index, item) in click.items.iter().enumerate() {
                out.push(if index == 0 { b'[' } else { b',' });
                let mut product = Object::open(out);
                item_fields(&mut product, &item);
                product.close();
            }
            out.push(b']');
        }
    }
    object.string("order_id", click.order_id);
    object.double("revenue", click.revenue);
    object.string("currency", click.currency);
    object.string("query", click.search);
    object.string("step", click.step);
    object.string("store", click.store);
    object.string("review_body", click.text);
    object.single("rating", click.rating);
    merge(&mut object, click.properties);
    object.close();
}

fn item_fields(object: &mut Object<'_>, item: &crate::touchpoint::Item<'_>) {
    object.string("product_id", item.product);
    object.string("name", item.name);
    object.string("category", item.category);
    object.double("price", (item.price.0 != 0).then(|| item.price.to_f64()));
    object.integer("quantity", i64::from(item.quantity));
}

/// Nests the click's own properties under one key, so that reading them back cannot mistake one for a field above.
fn merge(object: &mut Object<'_>, properties: &str) {
    if !properties.is_empty() {
        object.json("custom", properties);
    }
}
