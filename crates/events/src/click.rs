//! One clickstream record as decoded: every string borrowed from the payload (or from a scratch buffer when the
//! payload had escapes), nothing judged yet.

use crate::kind::Kind;
use crate::touchpoint::Items;

/// A click as the source sent it. Absent is empty, zero or `None`; times are ms since the epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClickEvent<'a> {
    /// Event id; required, unique within the site.
    pub event_id: &'a str,
    /// Site; empty means the topic's configured site.
    pub site: &'a str,
    /// When it happened by the device's clock; required.
    pub occurred_at: i64,
    /// When the device sent it, by its own clock; 0 if unknown.
    pub sent_at: i64,
    /// When the collector received it; 0 if unknown.
    pub received_at: i64,
    /// Visitor id; required.
    pub visitor: &'a str,
    /// Customer id, if known.
    pub customer: &'a str,
    /// What happened.
    pub kind: Kind,
    /// The source's own name of the event when `kind` is `Custom` (or more telling than the kind).
    pub name: &'a str,
    /// Full URL of the page.
    pub url: &'a str,
    /// Full referrer URL.
    pub referrer: &'a str,
    /// Title of the page or screen.
    pub title: &'a str,
    /// User agent.
    pub user_agent: &'a str,
    /// What the browser tells a page's script of itself besides (`userAgentData`), raw JSON text (an object), empty if the
    /// source has no place for it. It may stand in the properties, too.
    pub client_hints: &'a str,
    /// Client address as given: one address, or the list of a forwarding header.
    pub ip: &'a str,
    /// Position told by the device: degrees.
    pub latitude: Option<f32>,
    /// Position told by the device: degrees.
    pub longitude: Option<f32>,
    /// Language tag.
    pub language: &'a str,
    /// Lines of the cart or order, or the product seen.
    pub items: Items<'a>,
    /// Order id.
    pub order_id: &'a str,
    /// Revenue of the order, or value of the event, in currency units.
    pub revenue: Option<f64>,
    /// ISO 4217 currency.
    pub currency: &'a str,
    /// Search term.
    pub search: &'a str,
    /// Checkout or onboarding step.
    pub step: &'a str,
    /// Shop id (store visits).
    pub store: &'a str,
    /// Free text (a comment or review left on the site).
    pub text: &'a str,
    /// Rating left with it.
    pub rating: Option<f32>,
    /// Campaign as the source's context gave it (otherwise the URL's parameters count).
    pub campaign: Campaign<'a>,
    /// Remaining properties and traits, raw JSON text (an object), empty if none.
    pub properties: &'a str,
    /// Session id of the client.
    pub client_session: &'a str,
    /// Consent: `None` not told, `Some(false)` refused (the record ends as `erased`; intake says what is kept of it).
    pub consent: Option<bool>,
    /// E-mail address, phone number or handle told by an identify: hashed with a key by intake, never stored.
    pub contact: &'a str,
    /// Another id of the same customer (an alias call that names two customer ids).
    pub previous_customer: &'a str,
}

/// Campaign fields given outside the URL.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Campaign<'a> {
    /// `utm_source`.
    pub source: &'a str,
    /// `utm_medium`.
    pub medium: &'a str,
    /// `utm_campaign`.
    pub name: &'a str,
    /// `utm_term`.
    pub term: &'a str,
    /// `utm_content`.
    pub content: &'a str,
}
