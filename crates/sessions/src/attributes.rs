//! What the symbols of an event stand for, per class, and how they are made from a touchpoint.
//!
//! ```text
//! session       attributes = customer · place · device · language · bot · client detail = touch · currency + value, quantity
//! conversation  attributes = customer · visitor · contact · place · store        detail = agent · department · priority · language
//!               page = conversation id                                                    + channel, author, scale, says, rating, topics, likes, dislikes, frictions
//! ```
//!
//! Places, devices and touches repeat between visitors, so each is a value of its own and a visitor's tuple is 24 bytes.

use crate::event::Event;
use crate::fields::{Click, Group};
use crate::intern::{Interner, Symbol};
use crumbtrail_events::touchpoint::{Fences, Head, Items, Touchpoint};
use crumbtrail_events::vocabulary::{Author, Channel, Device, Says, Scale};
use crumbtrail_events::{Kind, Micros};

/// Positions in a session's attributes.
pub(crate) const CUSTOMER: usize = 0;
/// Conversations: visitor id.
pub(crate) const VISITOR: usize = 1;
/// Conversations: contact hash.
pub(crate) const CONTACT: usize = 2;
/// Sessions: place.
pub(crate) const PLACE: usize = 1;
/// Sessions: device.
pub(crate) const DEVICE: usize = 2;
/// Sessions: language.
pub(crate) const LANGUAGE: usize = 3;
/// Sessions: bot indicator.
pub(crate) const BOT: usize = 4;
/// Sessions: the client's own session id, if that decides.
pub(crate) const CLIENT: usize = 5;
/// Conversations: place.
pub(crate) const ENTRY_PLACE: usize = 3;
/// Conversations: shop.
pub(crate) const STORE: usize = 4;

/// Makes events from touchpoints; keeps its buffer between them.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    buffer: Vec<u8>,
}

impl Reading {
    /// The attributes of a click touchpoint.
    pub(crate) fn attributes(&mut self, click: &Click<'_>, interner: &mut Interner) -> Symbol {
        let parts = [
            interner.bytes_of(click.customer),
            self.group(click.place, interner),
            self.group(click.device, interner),
            interner.bytes_of(click.language),
            interner.bytes_of(click.device.fields().bot()),
            interner.bytes_of(click.client_session),
        ];
        self.tuple(&parts, |_| {}, interner)
    }

    /// The compact event of a click touchpoint whose attributes are known.
    pub(crate) fn click(
        &mut self,
        head: &Head,
        click: &Click<'_>,
        attributes: Symbol,
        interner: &mut Interner,
    ) -> Event {
        let touch = self.group(click.touch, interner);
        let detail = match head.kind {
            Kind::Purchase | Kind::AddToCart | Kind::RemoveFromCart => {
                let (value, quantity) = worth(head.kind, click);
                let currency = interner.bytes_of(click.currency);
                let rest = |bytes: &mut Vec<u8>| {
                    bytes.extend_from_slice(&value.to_le_bytes());
                    bytes.extend_from_slice(&quantity.to_le_bytes());
                };
                self.tuple(&[touch, currency], rest, interner)
            }
            _ if touch.is_none() => Symbol::NONE,
            _ => self.tuple(&[touch], |_| {}, interner),
        };
        let mut event = Event::new(head.occurred_at, head.id, head.kind);
        (event.skew, event.delay, event.attributes) = (click.skew, click.delay, attributes);
        event.flags =
            Event::flag(Event::HAS_COUNTRY, click.has_country()) | Event::flag(Event::HAS_FENCES, click.has_fences());
        event.about(interner.bytes_of(click.page), detail, click.score.map(Event::quantize), interner)
    }

    fn group(&mut self, group: Group<'_>, interner: &mut Interner) -> Symbol {
        if group.is_empty() {
            return Symbol::NONE;
        }
        self.buffer.clear();
        group.write(&mut self.buffer);
        interner.value(&self.buffer, 0)
    }

    /// The compact event of a support touchpoint.
    pub(crate) fn entry(&mut self, t: &Touchpoint<'_>, place: Group<'_>, interner: &mut Interner) -> Event {
        let place = self.group(place, interner);
        let parts = [
            interner.text(t.customer),
            interner.text(t.visitor),
            interner.text(t.contact),
            place,
            interner.text(t.store),
        ];
        let attributes = self.tuple(&parts, |_| {}, interner);
        let parts =
            [interner.text(t.agent), interner.text(t.department), interner.text(t.priority), interner.text(t.language)];
        let rest = |bytes: &mut Vec<u8>| {
            let has_rating = u8::from(t.rating.is_some());
            bytes.extend_from_slice(&[t.channel as u8, t.author as u8, t.scale as u8, t.says as u8, has_rating]);
            bytes.extend_from_slice(&t.rating.unwrap_or_default().to_le_bytes());
            for set in [t.topics, t.likes, t.dislikes, t.frictions] {
                bytes.extend_from_slice(&set.to_le_bytes());
            }
        };
        let detail = self.tuple(&parts, rest, interner);
        let mut event = plain(t);
        event.attributes = attributes;
        event.about(interner.text(t.conversation), detail, t.score.map(Event::quantize), interner)
    }

    fn tuple(&mut self, parts: &[Symbol], rest: impl FnOnce(&mut Vec<u8>), interner: &mut Interner) -> Symbol {
        self.buffer.clear();
        for part in parts {
            self.buffer.extend_from_slice(&part.0.to_le_bytes());
        }
        rest(&mut self.buffer);
        interner.value(&self.buffer, parts.len() as u8)
    }
}

/// What a change of the cart or a purchase is worth, in millionths, and how many units it is of: a purchase what it says,
/// a change of the cart its lines. Without lines it is one unit of the value the event carries.
fn worth(kind: Kind, click: &Click<'_>) -> (i64, u32) {
    let (mut value, mut quantity) = (0i64, 0u32);
    for line in Items::from_buffer(click.items).iter() {
        value = value.saturating_add(line.price.0.saturating_mul(i64::from(line.quantity)));
        quantity = quantity.saturating_add(line.quantity);
    }
    let value = if kind == Kind::Purchase || click.items.is_empty() { click.revenue } else { value };
    (value, if click.items.is_empty() { 1 } else { quantity })
}

fn plain(t: &Touchpoint<'_>) -> Event {
    let mut event = Event::new(t.head.occurred_at, t.head.id, t.head.kind);
    event.flags = Event::flag(Event::HAS_TEXT, t.characters > 0 || !t.text.is_empty())
        | Event::flag(Event::FRICTION, t.friction)
        | Event::flag(Event::HAS_COUNTRY, !t.country.is_empty());
    event.skew = Event::distance(t.device_at, t.head.occurred_at);
    event.delay = Event::distance(t.received_at, t.head.occurred_at);
    event
}

/// A place, read back.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Place<'a> {
    pub(crate) country: &'a str,
    pub(crate) region: &'a str,
    pub(crate) city: &'a str,
    pub(crate) time_zone: &'a str,
    pub(crate) latitude: Option<f32>,
    pub(crate) longitude: Option<f32>,
}

/// The place a symbol stands for.
pub(crate) fn place(symbol: Symbol, interner: &Interner) -> Place<'_> {
    let mut fields = Group::read(interner.bytes(symbol)).fields();
    Place {
        country: fields.str(),
        region: fields.str(),
        city: fields.str(),
        latitude: fields.float(),
        longitude: fields.float(),
        time_zone: fields.str(),
    }
}

/// Whether a place says where, not only what fences.
pub(crate) fn is_somewhere(symbol: Symbol, interner: &Interner) -> bool {
    Group::read(interner.bytes(symbol)).is_place()
}

/// What the place a symbol stands for says of fences.
pub(crate) fn fences(symbol: Symbol, interner: &Interner) -> Fences<'_> {
    let mut fields = Group::read(interner.bytes(symbol)).fields();
    (0..3).for_each(|_| fields.pass());
    let _degrees = (fields.float(), fields.float());
    fields.pass();
    Fences(fields.str())
}

/// The device, browser and operating system a symbol stands for.
pub(crate) fn device(symbol: Symbol, interner: &Interner) -> (Device, &str, &str) {
    let mut fields = Group::read(interner.bytes(symbol)).fields();
    (Device::from_code(fields.byte()).unwrap_or_default(), fields.str(), fields.str())
}

/// A touch, read back.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Touch<'a> {
    pub(crate) referrer: &'a str,
    pub(crate) channel: Channel,
    pub(crate) source: &'a str,
    pub(crate) medium: &'a str,
    pub(crate) campaign: &'a str,
    pub(crate) click_id: &'a str,
}

/// The channel of the touch a symbol stands for, without reading the rest.
pub(crate) fn channel(symbol: Symbol, interner: &Interner) -> Channel {
    let mut fields = Group::read(interner.bytes(symbol)).fields();
    fields.pass();
    Channel::from_code(fields.byte()).unwrap_or_default()
}

/// The touch a symbol stands for.
pub(crate) fn touch(symbol: Symbol, interner: &Interner) -> Touch<'_> {
    let mut fields = Group::read(interner.bytes(symbol)).fields();
    let mut touch = Touch {
        referrer: fields.str(),
        channel: Channel::from_code(fields.byte()).unwrap_or_default(),
        source: fields.str(),
        medium: fields.str(),
        campaign: fields.str(),
        click_id: "",
    };
    let (_term, _content) = (fields.str(), fields.str());
    touch.click_id = fields.str();
    touch
}

/// The detail of a purchase or a change of the cart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Commerce {
    pub(crate) currency: Symbol,
    pub(crate) value: Micros,
    pub(crate) quantity: u32,
}

/// The commerce a detail symbol stands for.
pub(crate) fn commerce(detail: Symbol, interner: &Interner) -> Commerce {
    let Some(rest) = interner.bytes(detail).get(8..).and_then(|bytes| bytes.first_chunk::<12>()) else {
        return Commerce::default();
    };
    let [v0, v1, v2, v3, v4, v5, v6, v7, q0, q1, q2, q3] = *rest;
    Commerce {
        currency: interner.part(detail, 1),
        value: Micros(i64::from_le_bytes([v0, v1, v2, v3, v4, v5, v6, v7])),
        quantity: u32::from_le_bytes([q0, q1, q2, q3]),
    }
}

/// The detail of a support entry.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Entry {
    pub(crate) agent: Symbol,
    pub(crate) department: Symbol,
    pub(crate) priority: Symbol,
    pub(crate) language: Symbol,
    pub(crate) channel: Channel,
    pub(crate) author: Author,
    pub(crate) scale: Scale,
    pub(crate) rating: Option<f32>,
    pub(crate) says: Says,
    /// Sets of bits, as the touchpoint has them.
    pub(crate) topics: u32,
    pub(crate) likes: u32,
    pub(crate) dislikes: u32,
    pub(crate) frictions: u32,
}

/// The entry detail a symbol stands for.
pub(crate) fn entry(detail: Symbol, interner: &Interner) -> Entry {
    let rest = interner.bytes(detail).get(16..).unwrap_or_default();
    let Some((&[channel, author, scale, says, has_rating], words)) = rest.split_first_chunk() else {
        return Entry::default();
    };
    let ([rating, topics, likes, dislikes, frictions], []) = words.as_chunks() else { return Entry::default() };
    Entry {
        agent: interner.part(detail, 0),
        department: interner.part(detail, 1),
        priority: interner.part(detail, 2),
        language: interner.part(detail, 3),
        channel: Channel::from_code(channel).unwrap_or_default(),
        author: Author::from_code(author).unwrap_or_default(),
        scale: Scale::from_code(scale).unwrap_or_default(),
        rating: (has_rating == 1).then_some(f32::from_le_bytes(*rating)),
        says: Says::from_code(says).unwrap_or_default(),
        topics: u32::from_le_bytes(*topics),
        likes: u32::from_le_bytes(*likes),
        dislikes: u32::from_le_bytes(*dislikes),
        frictions: u32::from_le_bytes(*frictions),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::EventTime;

    #[test]
    fn what_goes_in_comes_out() {
        let (mut reading, mut interner) = (Reading::default(), Interner::new());
        let mut t = Touchpoint {
            customer: "c",
            country: "TH",
            city: "Bangkok",
            latitude: Some(13.7),
            longitude: Some(100.5),
            fences: "s1\n",
            device: Device::Mobile,
            os: "Android",
            channel: Channel::PaidSearch,
            campaign: "songkran",
            revenue: Micros(5),
            currency: "THB",
            score: Some(-0.5),
            device_at: 997,
            received_at: 1_040,
            client_session: "cs",
            ..Touchpoint::default()
        };
        (t.head.kind, t.head.occurred_at) = (Kind::Purchase, EventTime(1_000));
        let mut bytes = Vec::new();
        t.encode(&mut bytes);
        let click = Click::find(&bytes).unwrap();
        let attributes = reading.attributes(&click, &mut interner);
        let event = reading.click(&t.head, &click, attributes, &mut interner);
        let part = |n| interner.part(event.attributes, n);
        assert_eq!(interner.str(part(CUSTOMER)), "c");
        let found = place(part(PLACE), &interner);
        assert_eq!((found.country, found.city, found.longitude), ("TH", "Bangkok", Some(100.5)));
        assert_eq!((fences(part(PLACE), &interner).inside(), event.has(Event::HAS_FENCES)), ("s1", true));
        assert_eq!(device(part(DEVICE), &interner), (Device::Mobile, "", "Android"));
        assert_eq!(channel(interner.part(event.detail(&interner), 0), &interner), Channel::PaidSearch);
        let touch = touch(interner.part(event.detail(&interner), 0), &interner);
        assert_eq!((touch.channel, touch.campaign), (Channel::PaidSearch, "songkran"));
        let sold = commerce(event.detail(&interner), &interner);
        assert_eq!((interner.str(sold.currency), sold.value, sold.quantity), ("THB", Micros(5), 1));
        assert_eq!((event.score(&interner), event.skew, event.delay), (Some(-5000), -3, 40));
        assert_eq!(interner.str(part(CLIENT)), "cs");
    }

    #[test]
    fn a_change_of_the_cart_is_worth_its_lines() {
        let mut items = Vec::new();
        for (price, quantity) in [(100, 2), (30, 1)] {
            let line = crumbtrail_events::touchpoint::Item { price: Micros(price), quantity, ..Default::default() };
            Items::push(&mut items, &line);
        }
        let of = |kind, items| worth(kind, &Click { items, revenue: 7, ..Click::default() });
        assert_eq!(of(Kind::AddToCart, &items), (230, 3));
        assert_eq!(of(Kind::Purchase, &items), (7, 3), "what was paid, not what it was worth");
        assert_eq!(of(Kind::RemoveFromCart, &[]), (7, 1));
    }

    #[test]
    fn an_entry_comes_out_as_it_went_in() {
        let (mut reading, mut interner) = (Reading::default(), Interner::new());
        let t = Touchpoint {
            agent: "a",
            author: Author::Agent,
            channel: Channel::Chat,
            scale: Scale::Nps,
            rating: Some(9.0),
            says: Says::Complaint,
            topics: 6,
            likes: 1 << 30,
            dislikes: 2,
            frictions: 0x201,
            ..Touchpoint::default()
        };
        let event = reading.entry(&t, Group::default(), &mut interner);
        let found = entry(event.detail(&interner), &interner);
        assert_eq!((found.author, found.channel, found.scale), (Author::Agent, Channel::Chat, Scale::Nps));
        assert_eq!((found.rating, found.says, interner.str(found.agent)), (Some(9.0), Says::Complaint, "a"));
        assert_eq!([found.topics, found.likes, found.dislikes, found.frictions], [6, 1 << 30, 2, 0x201]);
    }
}
