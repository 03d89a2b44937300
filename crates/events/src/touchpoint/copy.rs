//! Parts of a touchpoint read or copied as bytes: nothing is decoded that is only passed on.

use super::section::{self, Part, Section};
use super::{FIXED, Head, Role, Touchpoint};
use crate::ids::Key;
use crate::outcome::Outcome;
use crate::wire::{Reader, WireError, put_bytes};

/// The sections of a touchpoint's bytes, in their order.
#[derive(Clone, Debug)]
pub struct Sections<'a> {
    left: u8,
    reader: Reader<'a>,
}

impl<'a> Sections<'a> {
    /// Those of a whole touchpoint.
    ///
    /// # Errors
    /// Bytes cut short.
    #[inline]
    pub fn of(bytes: &'a [u8]) -> Result<Sections<'a>, WireError> {
        let (&left, rest) = bytes.get(FIXED..).and_then(|rest| rest.split_first()).ok_or(WireError::Truncated)?;
        Ok(Sections { left, reader: Reader::new(rest) })
    }

    /// The bytes not gone past yet.
    #[inline]
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<Part<'a>, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(section::next(&mut self.reader))
    }
}

/// A touchpoint's sections in pieces that are likely to be another one's, too: what is the event's own, who it is of, and each
/// further section. Together they are the bytes they were made of, whatever those are.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    rest: &'a [u8],
    /// Lengths of the pieces that come next, where they are not whole sections; else 0.
    lengths: [usize; 2],
}

impl<'a> Pieces<'a> {
    /// Those of bytes from [`SECTIONS`](super::SECTIONS) on.
    #[inline]
    #[must_use]
    pub fn of(sections: &'a [u8]) -> Pieces<'a> {
        let whole = section::length(sections).unwrap_or(0);
        let lengths = match *sections {
            // The event's id is the first field.
            [number, short, mask, _, id, ..] if number == Section::Ids as u8 && short != u8::MAX && mask & 1 == 1 => {
                let own = (5 + usize::from(id)).min(whole);
                [own, whole - own]
            }
            _ => [0; 2],
        };
        Pieces { rest: sections, lengths }
    }

    /// Whether a piece is an event's own, which no other touchpoint has. (Of whatever bytes it is made, the answer is the same.)
    #[inline]
    #[must_use]
    pub fn is_own(piece: &[u8]) -> bool {
        matches!(*piece, [number, _, mask, _, id, ..]
            if number == Section::Ids as u8 && mask & 1 == 1 && piece.len() == 5 + usize::from(id))
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let length = match self.lengths {
            [0, _] => section::length(self.rest).unwrap_or(self.rest.len()),
            [own, _] => own,
        };
        self.lengths = [self.lengths[1], 0];
        let (piece, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        (!piece.is_empty()).then_some(piece)
    }
}

/// Who a touchpoint is of, read without the rest: the bytes of the strings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ids<'a> {
    /// Site.
    pub site: &'a [u8],
    /// Visitor id.
    pub visitor: &'a [u8],
    /// Customer id.
    pub customer: &'a [u8],
    /// Hash of a contact.
    pub contact: &'a [u8],
    /// It is a robot's.
    pub is_bot: bool,
}

impl<'a> Ids<'a> {
    /// Reads them from a touchpoint's bytes.
    ///
    /// # Errors
    /// Bytes cut short.
    #[inline]
    pub fn peek(bytes: &'a [u8]) -> Result<Ids<'a>, WireError> {
        /// Bit of `bot` in its section; a test holds it against the touchpoint's own.
        const BOT: u16 = 1 << 3;
        let mut ids = Ids::default();
        for part in Sections::of(bytes)? {
            let Part { number, mask, fields } = part?;
            if number == Section::Ids as u8 {
                let mut reader = Reader::new(fields);
                let mut text = |bit: u16| if mask & (1 << bit) == 0 { Ok(&[][..]) } else { reader.bytes() };
                text(0)?;
                (ids.site, ids.visitor) = (text(1)?, text(2)?);
                (ids.customer, ids.contact) = (text(3)?, text(4)?);
            } else if number == Section::Device as u8 {
                ids.is_bot = mask & BOT != 0;
            }
            if number >= Section::Device as u8 {
                break;
            }
        }
        Ok(ids)
    }
}

/// Appends what a journey needs of an encoded touchpoint: its sections before [`Section::Passed`], as a counted one, under
/// another key and with the session it belongs to (0: none). It names `customer`, whomever it named; empty changes no name.
///
/// # Errors
/// Bytes cut short, a newer version, an unknown code; nothing was appended then.
pub fn pass_on(bytes: &[u8], key: Key, customer: &str, session: u64, out: &mut Vec<u8>) -> Result<(), WireError> {
    let head = Head { key, outcome: Outcome::Counted, ..Head::peek(bytes)? };
    let mut sections = Sections::of(bytes)?;
    let all = sections.rest();
    let (mut count, mut length) = (0u8, 0);
    while let Some(part) = sections.next() {
        if part?.number >= Section::Passed as u8 {
            break;
        }
        count += 1;
        length = all.len() - sections.rest().len();
    }
    let needed = &all[..length];
    let round_customer = if customer.is_empty() { None } else { Some(RoundCustomer::of(needed)?) };
    head.encode(out);
    out.push(count + u8::from(session != 0));
    match round_customer {
        None => out.extend_from_slice(needed),
        Some(round) => round.put(customer, out),
    }
    Touchpoint { session, ..Touchpoint::default() }.encode_section(Section::Passed, out);
    Ok(())
}

/// Sections in which another customer is to be named: what stands round the name.
struct RoundCustomer<'a> {
    /// Fields there are of [`Section::Ids`].
    mask: u16,
    before: &'a [u8],
    after: &'a [u8],
    /// The sections behind.
    others: &'a [u8],
}

impl<'a> RoundCustomer<'a> {
    /// Bit of `customer` in its section.
    const BIT: u16 = 3;

    fn of(sections: &'a [u8]) -> Result<RoundCustomer<'a>, WireError> {
        let mut all = Reader::new(sections);
        let Part { number, mask, fields } = section::next(&mut all)?;
        if number != Section::Ids as u8 {
            return Err(WireError::Malformed("touchpoint of nobody cannot be a customer's"));
        }
        let mut reader = Reader::new(fields);
        let is_there = |bit: u16| mask & (1 << bit) != 0;
        for _ in (0..Self::BIT).filter(|bit| is_there(*bit)) {
            reader.bytes()?;
        }
        let before = &fields[..fields.len() - reader.rest().len()];
        if is_there(Self::BIT) {
            reader.bytes()?;
        }
        Ok(RoundCustomer { mask, before, after: reader.rest(), others: all.rest() })
    }

    fn put(&self, customer: &str, out: &mut Vec<u8>) {
        section::put(Section::Ids, out, |out| {
            out.extend_from_slice(self.before);
            put_bytes(out, customer.as_bytes());
            out.extend_from_slice(self.after);
            self.mask | 1 << Self::BIT
        });
        out.extend_from_slice(self.others);
    }
}

/// Appends what tells a person's log that a touchpoint passed on before changes hands: `passed` as [`pass_on`] made it,
/// under the key of the person who loses ([`Role::Taken`]) or gets it ([`Role::Given`]). Who loses it needs its site,
/// time and id alone; who gets it is `customer` in it, whomever it named, and nobody if that is empty.
///
/// # Errors
/// Bytes cut short, a newer version, an unknown code.
pub fn hand_over(passed: &[u8], key: Key, role: Role, customer: &str, out: &mut Vec<u8>) -> Result<(), WireError> {
    let touchpoint = Touchpoint::decode(passed)?;
    let head = Head { key, outcome: Outcome::Aside, ..touchpoint.head };
    if role == Role::Taken {
        Touchpoint { head, site: touchpoint.site, role, ..Touchpoint::default() }.encode(out);
    } else {
        Touchpoint { head, role, customer, ..touchpoint }.encode(out);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Micros;
    use crate::touchpoint::Items;
    use crate::touchpoint::SECTIONS;
    use crate::vocabulary::Channel;

    fn sample() -> Touchpoint<'static> {
        Touchpoint {
            event_id: "e-1",
            site: "shop",
            visitor: "v1",
            customer: "c1",
            contact: "h",
            device_at: -5,
            page: "/p",
            channel: Channel::from_code(3).unwrap(),
            latitude: Some(13.75),
            items: Items::from_buffer(&[0, 0, 0, 0, 0]),
            revenue: Micros(12_500_000),
            friction: true,
            topics: 1 << 30,
            offset: u64::MAX,
            session: 77,
            model: "m",
            asn: 7,
            brand: "b",
            page_group: "g",
            ..Touchpoint::default()
        }
    }

    fn encoded(touchpoint: &Touchpoint<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        touchpoint.encode(&mut bytes);
        bytes
    }

    #[test]
    fn pieces_are_the_event_s_own_whose_it_is_and_sections() {
        let sections = |id: &str, visitor: &str| {
            let mut out = Vec::new();
            Touchpoint { event_id: id, site: "shop", visitor, page: "/p", country: "TH", ..Touchpoint::default() }
                .encode(&mut out);
            out.split_off(SECTIONS)
        };
        let (one, other) = (sections("e-1", "v1"), sections("another", "v1"));
        let of = |bytes: &'static [u8]| Pieces::of(bytes).collect::<Vec<_>>();
        let (one, other) = (of(one.leak()), of(other.leak()));
        assert_eq!((one.len(), &one[1..]), (4, &other[1..]));
        let long = sections(&"e".repeat(300), "v1");
        for bytes in [&long[..], &long[..40], &one.concat()[..7], &[0, 9, 1, 0, 200, 1], &[7; 300], &[]] {
            assert_eq!(Pieces::of(bytes).collect::<Vec<_>>().concat(), bytes);
        }
    }

    #[test]
    fn what_is_passed_on_is_what_a_journey_needs_under_the_key_of_its_person() {
        let key = Key::customer("shop", "c1");
        let bytes = encoded(&sample());
        for session in [0, 5, u64::MAX] {
            let mut passed = Vec::new();
            pass_on(&bytes, key, "", session, &mut passed).unwrap();
            let kept = Touchpoint { asn: 0, brand: "", page_group: "", ..sample() };
            let mut expected = Touchpoint { session, device_at: 0, offset: 0, model: "", ..kept };
            expected.head.key = key;
            assert_eq!(Touchpoint::decode(&passed), Ok(expected));
            assert_eq!(passed, encoded(&expected));
        }
    }

    #[test]
    fn what_changes_hands_is_taken_by_its_id_and_given_whole() {
        let (old, new) = (Key::visitor("shop", "v1"), Key::customer("shop", "c1"));
        let mut passed = Vec::new();
        pass_on(&encoded(&Touchpoint { customer: "", ..sample() }), old, "", 9, &mut passed).unwrap();
        let before = Touchpoint::decode(&passed).unwrap();
        for (role, key, customer) in [(Role::Taken, old, ""), (Role::Given, new, "c1"), (Role::Given, old, "")] {
            let mut bytes = Vec::new();
            hand_over(&passed, key, role, customer, &mut bytes).unwrap();
            let told = Touchpoint::decode(&bytes).unwrap();
            let head = Head { key, outcome: Outcome::Aside, ..before.head };
            let whole = Touchpoint { head, role, customer, ..before };
            let bare = Touchpoint { head, role, site: "shop", ..Touchpoint::default() };
            assert_eq!(told, if role == Role::Given { whole } else { bare });
        }
        assert!(hand_over(&passed[..50], new, Role::Given, "", &mut Vec::new()).is_err());
    }

    #[test]
    fn what_goes_to_a_customer_names_them() {
        let (key, long) = (Key::customer("shop", "c2"), "c".repeat(300));
        let samples = [
            sample(),
            Touchpoint { customer: "", ..sample() },
            Touchpoint { contact: "", customer: "", ..sample() },
            Touchpoint { event_id: "", visitor: "", ..sample() },
            Touchpoint { event_id: &long, ..sample() },
        ];
        for sample in samples {
            let bytes = encoded(&sample);
            for customer in ["c2", long.as_str()] {
                let (mut bare, mut named) = (Vec::new(), Vec::new());
                pass_on(&bytes, key, "", 9, &mut bare).unwrap();
                pass_on(&bytes, key, customer, 9, &mut named).unwrap();
                let bare = Touchpoint::decode(&bare).unwrap();
                assert_eq!(bare.customer, sample.customer);
                assert_eq!(named, encoded(&Touchpoint { customer, ..bare }));
            }
        }
        let nobody = encoded(&Touchpoint { page: "/p", ..Touchpoint::default() });
        assert!(pass_on(&nobody, key, "c2", 9, &mut Vec::new()).is_err());
    }

    #[test]
    fn ids_are_read_alone() {
        let bytes = encoded(&sample());
        let expected = Ids { site: b"shop", visitor: b"v1", customer: b"c1", contact: b"h", is_bot: false };
        assert_eq!(Ids::peek(&bytes), Ok(expected));
        let robot = Touchpoint { bot: "agent", event_id: "", customer: "", ..sample() };
        assert_eq!(Ids::peek(&encoded(&robot)), Ok(Ids { customer: b"", is_bot: true, ..expected }));
        let browser = Touchpoint { browser: "b", os: "o", device: crate::vocabulary::Device::Mobile, ..sample() };
        assert_eq!(Ids::peek(&encoded(&browser)), Ok(expected));
    }

    #[test]
    fn cut_bytes_are_refused() {
        let passed = Touchpoint { asn: 0, brand: "", page_group: "", ..sample() };
        let bytes = encoded(&Touchpoint { device_at: 0, session: 0, model: "", offset: 0, ..passed });
        for length in 0..bytes.len() {
            let mut out = Vec::new();
            for customer in ["", "c2"] {
                assert!(pass_on(&bytes[..length], Key::default(), customer, 1, &mut out).is_err(), "{length}");
                assert!(out.is_empty());
            }
        }
    }
}
