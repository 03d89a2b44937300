//! The touchpoint: an accepted, enriched event or support entry, as a compact byte record.
//!
//! Layout (version 1), all integers little-endian or LEB128:
//!
//! ```text
//! version u8 · outcome u8 · kind u8 · key u128 · id u64 · occurred_at i64 · presence bitmap u64 · present fields in bit order
//! ```
//!
//! Absent fields cost nothing. Strings are a length and bytes. Intake writes one per input record (a record it judged
//! out leaves a stub with its outcome), sessionize passes a shorter one on to the by-person log. The bits are stored
//! in logs: append only.

mod copy;

use crate::ids::{EventTime, Key};
use crate::kind::Kind;
use crate::money::Micros;
use crate::outcome::Outcome;
use crate::vocabulary::{Author, Channel, Device, Feeling, Scale};
use crate::wire::{Reader, WireError, put_bytes, put_signed, put_varint};

/// The format version this build writes.
pub const VERSION: u8 = 1;
/// Bytes before the presence bitmap.
const FIXED: usize = 3 + 16 + 8 + 8;

/// The fixed part of a touchpoint: enough to route it and to cut sessions by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// What intake decided; `Counted` means accepted so far (sessionize may still find it late or repeated).
    pub outcome: Outcome,
    /// What happened.
    pub kind: Kind,
    /// The key it is routed by in this log: the visitor's (or conversation's) after intake, the person's after sessionize.
    pub key: Key,
    /// Hash of the event id (see [`crate::ids::id_hash`]).
    pub id: u64,
    /// Corrected event time.
    pub occurred_at: EventTime,
}

pub use copy::{Ids, copy};

/// How many bytes a field takes.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// A length and so many bytes.
    Bytes,
    /// Up to the byte without the high bit.
    Varint,
    /// So many.
    Fixed(usize),
}

trait Field<'a>: Sized + Default {
    const SHAPE: Shape;
    fn is_absent(&self) -> bool;
    fn put(&self, out: &mut Vec<u8>);
    fn get(reader: &mut Reader<'a>) -> Result<Self, WireError>;
}

impl<'a> Field<'a> for &'a str {
    const SHAPE: Shape = Shape::Bytes;
    #[inline]
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.as_bytes());
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        reader.str()
    }
}

impl<'a> Field<'a> for i64 {
    const SHAPE: Shape = Shape::Varint;
    #[inline]
    fn is_absent(&self) -> bool {
        *self == 0
    }
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_signed(out, *self);
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        reader.signed()
    }
}

impl<'a> Field<'a> for u64 {
    const SHAPE: Shape = Shape::Varint;
    #[inline]
    fn is_absent(&self) -> bool {
        *self == 0
    }
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, *self);
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        reader.varint()
    }
}

impl<'a> Field<'a> for u32 {
    const SHAPE: Shape = Shape::Varint;
    #[inline]
    fn is_absent(&self) -> bool {
        *self == 0
    }
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(*self));
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        u32::try_from(reader.varint()?).map_err(|_| WireError::Malformed("number too large"))
    }
}

impl<'a> Field<'a> for bool {
    const SHAPE: Shape = Shape::Fixed(0);
    #[inline]
    fn is_absent(&self) -> bool {
        !*self
    }
    #[inline]
    fn put(&self, _: &mut Vec<u8>) {}
    #[inline]
    fn get(_: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(true)
    }
}

impl<'a> Field<'a> for Option<f32> {
    const SHAPE: Shape = Shape::Fixed(4);
    #[inline]
    fn is_absent(&self) -> bool {
        self.is_none()
    }
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.unwrap_or_default().to_le_bytes());
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(Some(f32::from_le_bytes(reader.array()?)))
    }
}

impl<'a> Field<'a> for Micros {
    const SHAPE: Shape = Shape::Varint;
    #[inline]
    fn is_absent(&self) -> bool {
        self.0 == 0
    }
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_signed(out, self.0);
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        reader.signed().map(Micros)
    }
}

macro_rules! code_field {
    ($($name:ident),*) => {$(
        impl<'a> Field<'a> for $name {
            const SHAPE: Shape = Shape::Fixed(1);
            #[inline]
            fn is_absent(&self) -> bool {
                *self == $name::default()
            }
            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                out.push(*self as u8);
            }
            #[inline]
            fn get(reader: &mut Reader<'a>) -> Result<Self, WireError> {
                $name::from_code(reader.u8()?).ok_or(WireError::Malformed(concat!("unknown ", stringify!($name))))
            }
        }
    )*};
}
code_field!(Author, Channel, Device, Feeling, Scale);

/// One line of a cart or an order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Item<'a> {
    /// Product id.
    pub product: &'a str,
    /// Product name.
    pub name: &'a str,
    /// Category.
    pub category: &'a str,
    /// Price of one.
    pub price: Micros,
    /// How many.
    pub quantity: u32,
}

/// The lines of a cart or an order, still as bytes: a list that is iterated, never collected.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    /// Appends `item` to an item buffer.
    pub fn push(buffer: &mut Vec<u8>, item: &Item<'_>) {
        put_bytes(buffer, item.product.as_bytes());
        put_bytes(buffer, item.name.as_bytes());
        put_bytes(buffer, item.category.as_bytes());
        put_signed(buffer, item.price.0);
        put_varint(buffer, u64::from(item.quantity));
    }

    /// The items in a buffer filled by [`Items::push`].
    #[must_use]
    pub fn from_buffer(buffer: &'a [u8]) -> Items<'a> {
        Items(buffer)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The items in order; damaged bytes end the iteration.
    pub fn iter(&self) -> impl Iterator<Item = Item<'a>> + use<'a> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || {
            if reader.is_empty() {
                return None;
            }
            let mut read = || -> Result<Item<'a>, WireError> {
                Ok(Item {
                    product: reader.str()?,
                    name: reader.str()?,
                    category: reader.str()?,
                    price: Micros(reader.signed()?),
                    quantity: u32::get(&mut reader)?,
                })
            };
            read().ok()
        })
    }
}

impl<'a> Field<'a> for Items<'a> {
    const SHAPE: Shape = Shape::Bytes;
    #[inline]
    fn is_absent(&self) -> bool {
        self.0.is_empty()
    }
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.0);
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        reader.bytes().map(Items)
    }
}

macro_rules! touchpoint {
    ($( $(#[doc = $doc:literal])+ $bit:literal $name:ident : $type:ty ),* $(,)?) => {
        /// A touchpoint, borrowed from the bytes it was read from. Absent is empty, zero or `None`.
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct Touchpoint<'a> {
            /// The fixed part.
            pub head: Head,
            $( $(#[doc = $doc])+ pub $name: $type, )*
        }

        impl<'a> Touchpoint<'a> {
            /// The bits this build knows.
            const KNOWN: u64 = 0 $( | (1 << $bit) )*;
            /// How many bytes fields take, by bit.
            const SHAPES: [Shape; 64] = {
                let mut shapes = [Shape::Bytes; 64];
                $( shapes[$bit] = <$type as Field>::SHAPE; )*
                shapes
            };

            /// Appends the encoded touchpoint to `out`.
            pub fn encode(&self, out: &mut Vec<u8>) {
                self.head.encode(out);
                let mut present = 0u64;
                $( present |= u64::from(!self.$name.is_absent()) << $bit; )*
                out.extend_from_slice(&present.to_le_bytes());
                $( if present & (1 << $bit) != 0 { self.$name.put(out); } )*
            }

            /// Reads a touchpoint.
            ///
            /// # Errors
            /// Bytes cut short, a newer version, an unknown code or bit.
            pub fn decode(bytes: &'a [u8]) -> Result<Touchpoint<'a>, WireError> {
                let head = Head::peek(bytes)?;
                let mut reader = Reader::new(&bytes[FIXED..]);
                let present = u64::from_le_bytes(reader.array()?);
                if present & !Self::KNOWN != 0 {
                    return Err(WireError::Malformed("touchpoint carries fields of a newer version"));
                }
                let mut touchpoint = Touchpoint { head, ..Touchpoint::default() };
                $( if present & (1 << $bit) != 0 { touchpoint.$name = <$type as Field>::get(&mut reader)?; } )*
                Ok(touchpoint)
            }
        }
    };
}

touchpoint! {
    /// Event or entry id, as the source gave it.
    0 event_id: &'a str,
    /// Site (property, tenant): part of every key.
    1 site: &'a str,
    /// Visitor id (device or browser).
    2 visitor: &'a str,
    /// Customer id, if the record carried one that is not garbage.
    3 customer: &'a str,
    /// Keyed hash (hex) of an e-mail address, phone number or social handle.
    4 contact: &'a str,
    /// The device's own time, ms since the epoch, before correction.
    5 device_at: i64,
    /// When it was received, ms since the epoch.
    6 received_at: i64,
    /// Name of the event as the source gave it, when the kind does not say it all.
    7 name: &'a str,
    /// Host of the page.
    8 host: &'a str,
    /// Path of the page with ids templated (`/orders/:id`).
    9 page: &'a str,
    /// Title of the page or screen.
    10 title: &'a str,
    /// Host of the referrer, empty when internal.
    11 referrer: &'a str,
    /// Channel of the touch.
    12 channel: Channel,
    /// Campaign source.
    13 source: &'a str,
    /// Campaign medium.
    14 medium: &'a str,
    /// Campaign name.
    15 campaign: &'a str,
    /// Campaign term.
    16 term: &'a str,
    /// Campaign content.
    17 content: &'a str,
    /// Advertising click id, as `name=value`.
    18 click_id: &'a str,
    /// Country, ISO 3166-1 alpha-2.
    19 country: &'a str,
    /// First-level region, English name.
    20 region: &'a str,
    /// City, English name.
    21 city: &'a str,
    /// Latitude in degrees.
    22 latitude: Option<f32>,
    /// Longitude in degrees.
    23 longitude: Option<f32>,
    /// IANA time zone of the place.
    24 time_zone: &'a str,
    /// Device class.
    25 device: Device,
    /// Browser family.
    26 browser: &'a str,
    /// Operating system family.
    27 os: &'a str,
    /// Why this is a robot (user agent, list, client flag); empty when it is not.
    28 bot: &'a str,
    /// Language tag of the page, device or text.
    29 language: &'a str,
    /// Lines of the cart, order or product seen.
    30 items: Items<'a>,
    /// Order id.
    31 order_id: &'a str,
    /// Revenue of the order, or value the event carried.
    32 revenue: Micros,
    /// Currency, ISO 4217.
    33 currency: &'a str,
    /// What was searched for.
    34 search: &'a str,
    /// Step of the checkout or onboarding.
    35 step: &'a str,
    /// Session id of the client, if it sends one.
    36 client_session: &'a str,
    /// Remaining properties as JSON text.
    37 properties: &'a str,
    /// Shop or place id (store visits).
    38 store: &'a str,
    /// Conversation id of a support entry.
    39 conversation: &'a str,
    /// Who wrote a support entry.
    40 author: Author,
    /// Agent id.
    41 agent: &'a str,
    /// Department or team.
    42 department: &'a str,
    /// Rating given.
    43 rating: Option<f32>,
    /// Scale of the rating.
    44 scale: Scale,
    /// Priority of the case.
    45 priority: &'a str,
    /// Tags, comma separated.
    46 tags: &'a str,
    /// The text with personal data redacted.
    47 text: &'a str,
    /// Length of the original text in characters.
    48 characters: u32,
    /// Label of the text's feeling.
    49 feeling: Feeling,
    /// p(positive) − p(negative), in [−1, 1].
    50 score: Option<f32>,
    /// Confidence of the label, in [0, 1].
    51 confidence: Option<f32>,
    /// Topics, a bit set (names in the sentiment crate's topic table).
    52 topics: u32,
    /// A factual complaint, whatever the tone.
    53 friction: bool,
    /// Dead letters: the stable reason. Otherwise: a flag such as a clamped clock.
    54 reason: &'a str,
    /// Dead letters: the detail. Otherwise empty.
    55 detail: &'a str,
    /// Where the record came from: topic or file.
    56 topic: &'a str,
    /// Source partition.
    57 partition: u32,
    /// Source offset (or record number in a file).
    58 offset: u64,
    /// By-person log: hash of the session it belonged to when it was passed on (0: none).
    59 session: u64,
    /// Version of the model that read the text.
    60 model: &'a str,
}

impl Head {
    /// Appends the fixed part.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.push(self.outcome as u8);
        out.push(self.kind as u8);
        out.extend_from_slice(&self.key.0.to_le_bytes());
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.occurred_at.0.to_le_bytes());
    }

    /// Reads the fixed part alone: what routing and the gap rule need, without touching the strings.
    ///
    /// # Errors
    /// Bytes cut short, a newer version, an unknown code.
    #[inline]
    pub fn peek(bytes: &[u8]) -> Result<Head, WireError> {
        let fixed: &[u8; FIXED] = bytes.first_chunk().ok_or(WireError::Truncated)?;
        if fixed[0] != VERSION {
            return Err(WireError::Malformed("touchpoint of another format version"));
        }
        let mut reader = Reader::new(&fixed[3..]);
        Ok(Head {
            outcome: Outcome::from_code(fixed[1]).ok_or(WireError::Malformed("unknown outcome"))?,
            kind: Kind::from_code(fixed[2]).ok_or(WireError::Malformed("unknown kind"))?,
            key: Key(u128::from_le_bytes(reader.array()?)),
            id: u64::from_le_bytes(reader.array()?),
            occurred_at: EventTime(i64::from_le_bytes(reader.array()?)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(items: &[u8]) -> Touchpoint<'_> {
        Touchpoint {
            head: Head {
                outcome: Outcome::Counted,
                kind: Kind::Purchase,
                key: Key::visitor("shop", "v1"),
                id: 7,
                occurred_at: EventTime(1_700_000_000_123),
            },
            event_id: "e-1",
            site: "shop",
            visitor: "v1",
            revenue: Micros(12_500_000),
            currency: "THB",
            latitude: Some(13.75),
            items: Items::from_buffer(items),
            friction: true,
            model: "m1",
            ..Touchpoint::default()
        }
    }

    #[test]
    fn a_touchpoint_survives_its_bytes() {
        let mut items = Vec::new();
        let line = Item { product: "p", name: "Pad Thai kit", category: "food", price: Micros(1), quantity: 2 };
        Items::push(&mut items, &line);
        Items::push(&mut items, &line);
        let touchpoint = sample(&items);
        let mut bytes = Vec::new();
        touchpoint.encode(&mut bytes);
        let read = Touchpoint::decode(&bytes).unwrap();
        assert_eq!(read, touchpoint);
        assert_eq!(read.items.iter().collect::<Vec<_>>(), [line, line]);
        assert_eq!(Head::peek(&bytes), Ok(touchpoint.head));
    }

    #[test]
    fn every_truncation_is_an_error_and_never_a_panic() {
        let mut bytes = Vec::new();
        sample(&[]).encode(&mut bytes);
        for end in 0..bytes.len() {
            assert!(Touchpoint::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
    }
}
