//! The touchpoint: an accepted, enriched event or support entry, as a compact byte record.
//!
//! Layout (version 2), all integers little-endian or LEB128:
//!
//! ```text
//! version u8 · outcome u8 · kind u8 · key u128 · id u64 · occurred_at i64 · number of sections u8 · sections
//! ```
//!
//! Absent fields cost nothing, nor do sections without fields ([`Section`]). Strings are a length and bytes. Intake writes
//! one per input record (a record it judged out leaves a stub with its outcome), sessionize passes the sections a journey
//! needs on to the by-person log. The bits are stored in logs: append only.

mod aside;
mod codec;
mod copy;
mod fences;
mod items;
mod section;

use crate::ids::{EventTime, Key};
use crate::kind::Kind;
use crate::money::Micros;
use crate::outcome::Outcome;
use crate::vocabulary::{Author, Channel, Device, Feeling, Says, Scale};
use crate::wire::{Reader, WireError};
use codec::{Codec, Near, Whole};
use std::ops::Range;

pub use aside::{Asides, Role, To};
pub use copy::{Ids, Pieces, Sections, hand_over, pass_on};
pub use fences::Fences;
pub use items::{Item, Items};
pub use section::{Part, Section};

/// The format version this build writes.
pub const VERSION: u8 = 2;
/// Bytes before the number of sections.
const FIXED: usize = 3 + 16 + 8 + 8;
/// Where the key stands.
pub const KEY: Range<usize> = 3..19;
/// Where the event time stands.
pub const TIME: Range<usize> = 27..FIXED;
/// Where the first section begins.
pub const SECTIONS: usize = FIXED + 1;

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

const NEWER: WireError = WireError::Malformed("touchpoint carries fields of a newer version");

/// How a field is written: as its type is, unless it says otherwise.
macro_rules! codec {
    ($type:ty) => {
        $type
    };
    ($type:ty as $codec:ty) => {
        $codec
    };
}

macro_rules! touchpoint {
    ($( $section:ident { $( $(#[doc = $doc:literal])+ $bit:literal $name:ident : $type:ty $(as $codec:ty)? ),* $(,)? } )*) => {
        /// A touchpoint, borrowed from the bytes it was read from. Absent is empty, zero or `None`.
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct Touchpoint<'a> {
            /// The fixed part.
            pub head: Head,
            $($( $(#[doc = $doc])+ pub $name: $type, )*)*
            /// Sections written before; see [`Prepared`].
            pub prepared: Prepared<'a>,
        }

        impl<'a> Touchpoint<'a> {
            /// Appends the encoded touchpoint to `out`.
            pub fn encode(&self, out: &mut Vec<u8>) {
                self.head.encode(out);
                let count_at = out.len();
                out.push(0);
                let mut count = 0;
                $( count += match self.prepared.of(Section::$section) {
                    [] => self.put(Section::$section, out),
                    bytes => {
                        out.extend_from_slice(bytes);
                        1
                    }
                }; )*
                out[count_at] = count;
            }

            /// Appends one section of [`Touchpoint::encode`]'s, to be [`Prepared`] for others with the same fields; nothing
            /// if it has no fields.
            pub fn encode_section(&self, section: Section, out: &mut Vec<u8>) {
                self.put(section, out);
            }

            #[inline(always)]
            fn put(&self, section: Section, out: &mut Vec<u8>) -> u8 {
                let base = self.head.occurred_at.0;
                match section {
                    $( Section::$section if $( <codec!($type $(as $codec)?) as Codec<'a>>::is_absent(&self.$name) )&&* => 0,
                    Section::$section => section::put(section, out, |out| {
                        let mut mask = 0u16;
                        $( if !<codec!($type $(as $codec)?) as Codec<'a>>::is_absent(&self.$name) {
                            mask |= 1 << $bit;
                            <codec!($type $(as $codec)?) as Codec<'a>>::put(&self.$name, base, out);
                        } )*
                        mask
                    }), )*
                }
            }

            /// Reads a touchpoint.
            ///
            /// # Errors
            /// Bytes cut short, a newer version, an unknown code, section or field.
            pub fn decode(bytes: &'a [u8]) -> Result<Touchpoint<'a>, WireError> {
                let mut touchpoint = Touchpoint { head: Head::peek(bytes)?, ..Touchpoint::default() };
                let base = touchpoint.head.occurred_at.0;
                for part in Sections::of(bytes)? {
                    let Part { number, mask, fields } = part?;
                    let mut reader = Reader::new(fields);
                    match number {
                        $( number if number == Section::$section as u8 => {
                            const KNOWN: u16 = 0 $( | (1 << $bit) )*;
                            if mask | KNOWN != KNOWN {
                                return Err(NEWER);
                            }
                            $( if mask & (1 << $bit) != 0 {
                                touchpoint.$name = <codec!($type $(as $codec)?) as Codec<'a>>::get(&mut reader, base)?;
                            } )*
                        } )*
                        _ => return Err(NEWER),
                    }
                }
                Ok(touchpoint)
            }
        }
    };
}

touchpoint! {
    Ids {
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
    }
    Place {
        /// Country, ISO 3166-1 alpha-2.
        0 country: &'a str,
        /// First-level region, English name.
        1 region: &'a str,
        /// City, English name.
        2 city: &'a str,
        /// Latitude in degrees.
        3 latitude: Option<f32>,
        /// Longitude in degrees.
        4 longitude: Option<f32>,
        /// IANA time zone of the place.
        5 time_zone: &'a str,
        /// What the position, or a visit told, says of the fences round shops; see [`Fences`].
        6 fences: &'a str,
    }
    Device {
        /// Device class.
        0 device: Device,
        /// Browser family.
        1 browser: &'a str,
        /// Operating system family.
        2 os: &'a str,
        /// Why this is a robot (user agent, list, client flag); empty when it is not.
        3 bot: &'a str,
    }
    Touch {
        /// Host of the referrer, empty when internal.
        0 referrer: &'a str,
        /// Channel of the touch.
        1 channel: Channel,
        /// Campaign source.
        2 source: &'a str,
        /// Campaign medium.
        3 medium: &'a str,
        /// Campaign name.
        4 campaign: &'a str,
        /// Campaign term.
        5 term: &'a str,
        /// Campaign content.
        6 content: &'a str,
        /// Advertising click id, as `name=value`.
        7 click_id: &'a str,
    }
    Deed {
        /// Name of the event as the source gave it, when the kind does not say it all.
        0 name: &'a str,
        /// Path of the page with ids templated (`/orders/:id`).
        1 page: &'a str,
        /// Language tag of the page, device or text.
        2 language: &'a str,
        /// Lines of the cart, order or product seen.
        3 items: Items<'a>,
        /// Order id.
        4 order_id: &'a str,
        /// Revenue of the order, or value the event carried.
        5 revenue: Micros,
        /// Currency, ISO 4217.
        6 currency: &'a str,
        /// Step of the checkout or onboarding.
        7 step: &'a str,
        /// Shop or place id (store visits).
        8 store: &'a str,
        /// Rating given.
        9 rating: Option<f32>,
    }
    Talk {
        /// Conversation id of a support entry.
        0 conversation: &'a str,
        /// Who wrote a support entry.
        1 author: Author,
        /// Scale of the rating.
        2 scale: Scale,
        /// Label of the text's feeling.
        3 feeling: Feeling,
        /// p(positive) − p(negative), in [−1, 1].
        4 score: Option<f32>,
        /// Topics, a bit set (names in the sentiment crate's topic table).
        5 topics: u32,
        /// A factual complaint, whatever the tone.
        6 friction: bool,
        /// What the text does.
        7 says: Says,
        /// Kinds of the factual complaints, a bit set (names in the sentiment crate).
        8 frictions: u32,
        /// Topics spoken of well, a bit set as `topics`.
        9 likes: u32,
        /// Topics spoken of badly, likewise.
        10 dislikes: u32,
    }
    Passed {
        /// By-person log: hash of the session it belonged to when it was passed on (0: none).
        0 session: u64 as Whole,
        /// Asides: what it says.
        1 role: Role,
    }
    Record {
        /// The device's own time, ms since the epoch, before correction.
        0 device_at: i64 as Near,
        /// When it was received, ms since the epoch.
        1 received_at: i64 as Near,
        /// Host of the page.
        2 host: &'a str,
        /// Title of the page or screen.
        3 title: &'a str,
        /// Where the record came from: topic or file.
        4 topic: &'a str,
        /// Source partition.
        5 partition: u32,
        /// Source offset (or record number in a file).
        6 offset: u64,
        /// Hash of the source's name: of a file by its content, of a topic with its incarnation. 0: none is known.
        7 origin: u64 as Whole,
    }
    Rest {
        /// What was searched for.
        0 search: &'a str,
        /// Session id of the client, if it sends one.
        1 client_session: &'a str,
        /// Remaining properties as JSON text.
        2 properties: &'a str,
        /// Agent id.
        3 agent: &'a str,
        /// Department or team.
        4 department: &'a str,
        /// Priority of the case.
        5 priority: &'a str,
        /// Tags, comma separated.
        6 tags: &'a str,
        /// The text with personal data redacted.
        7 text: &'a str,
        /// Length of the original text in characters.
        8 characters: u32,
        /// Confidence of the label, in [0, 1].
        9 confidence: Option<f32>,
        /// Dead letters: the stable reason. Otherwise: a flag such as a clamped clock.
        10 reason: &'a str,
        /// Dead letters: the detail. Otherwise empty.
        11 detail: &'a str,
        /// Version of the model that read the text.
        12 model: &'a str,
        /// Group of the page, where page rules tell one.
        13 page_group: &'a str,
        /// Content type of the page, where page rules tell one.
        14 content_type: &'a str,
        /// Topic of the page, where page rules tell one.
        15 content_topic: &'a str,
    }
    Network {
        /// Radius of the circle round the place's position in which the address probably is, km; 0: not known, or the device told
        /// its position.
        0 accuracy_km: u32,
        /// Number of the autonomous system that announces the address; 0: not known.
        1 asn: u32,
        /// Who runs that system.
        2 network_owner: &'a str,
        /// Type and date of the geo database that told the place.
        3 geo_edition: &'a str,
    }
    Agent {
        /// Who made the device.
        0 brand: &'a str,
        /// Version of the browser, at most two numbers.
        1 browser_version: &'a str,
        /// Version of the operating system, at most two numbers.
        2 os_version: &'a str,
        /// Every indicator that says that this is a robot, comma separated; those that are mere hints, too.
        3 bot_indicators: &'a str,
    }
}

/// Sections that were encoded before, for values that repeat: what an address and an agent say. Each is empty, or what encoding the
/// touchpoint's own fields would write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prepared<'a> {
    /// [`Section::Place`].
    pub place: &'a [u8],
    /// [`Section::Device`].
    pub device: &'a [u8],
    /// [`Section::Network`].
    pub network: &'a [u8],
    /// [`Section::Agent`].
    pub agent: &'a [u8],
}

impl<'a> Prepared<'a> {
    #[inline]
    fn of(&self, section: Section) -> &'a [u8] {
        match section {
            Section::Place => self.place,
            Section::Device => self.device,
            Section::Network => self.network,
            Section::Agent => self.agent,
            _ => &[],
        }
    }
}

impl Head {
    /// Appends the fixed part.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut fixed = [0; FIXED];
        fixed[..3].copy_from_slice(&[VERSION, self.outcome as u8, self.kind as u8]);
        fixed[KEY].copy_from_slice(&self.key.0.to_le_bytes());
        fixed[19..27].copy_from_slice(&self.id.to_le_bytes());
        fixed[TIME].copy_from_slice(&self.occurred_at.0.to_le_bytes());
        out.extend_from_slice(&fixed);
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
            content_topic: "food",
            accuracy_km: 300,
            asn: 4_200_000_000,
            geo_edition: "City 2026-11-01",
            bot_indicators: "data_centre",
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
    fn sections_encoded_before_are_what_encoding_would_write() {
        let whole = Touchpoint { city: "Bangkok", brand: "Apple", ..sample(&[]) };
        let section = |section| {
            let mut bytes = Vec::new();
            whole.encode_section(section, &mut bytes);
            bytes
        };
        let [place, network, agent] = [Section::Place, Section::Network, Section::Agent].map(section);
        let prepared = Prepared { place: &place, network: &network, agent: &agent, device: &[] };
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        Touchpoint { prepared, ..whole }.encode(&mut bytes);
        whole.encode(&mut expected);
        assert_eq!(bytes, expected);
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
