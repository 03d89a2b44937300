//! The parts of a click touchpoint's bytes that sessions need, found without decoding the rest.
//!
//! Decoding a touchpoint costs several times what cutting sessions does, and most of what it yields is the same as in
//! the visitor's event before. So groups of fields stay bytes: they are compared, interned, and read when a row is made.
//! The bits are those of [`crumbtrail_events::touchpoint`]; a test holds the two together.

use crumbtrail_events::wire::{Reader, WireError};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const FIXED: usize = 3 + 16 + 8 + 8;

const fn bits(of: &[u32]) -> u64 {
    let (mut mask, mut i) = (0, 0);
    while i < of.len() {
        mask |= 1 << of[i];
        i += 1;
    }
    mask
}

/// Fields from bit `first` to bit `last`.
const fn range(first: u32, last: u32) -> u64 {
    (u64::MAX >> (63 - last)) & (u64::MAX << first)
}

/// Shapes of the fields, by bit: a string, a varint, or so many bytes.
const SHAPES: [u8; 64] = {
    let mut shapes = [STRING; 64];
    let mut bit = 0;
    while bit < 64 {
        let of = 1 << bit;
        if of & bits(&[5, 6, 32, 48, 52, 57, 58, 59]) != 0 {
            shapes[bit] = VARINT;
        } else if of & bits(&[12, 25, 40, 44, 49]) != 0 {
            shapes[bit] = 1;
        } else if of & bits(&[22, 23, 43, 50, 51]) != 0 {
            shapes[bit] = 4;
        } else if of & bits(&[53]) != 0 {
            shapes[bit] = 0;
        }
        bit += 1;
    }
    shapes
};
const STRING: u8 = 255;
const VARINT: u8 = 254;

/// A run of fields: which of them are present, and their bytes. Bit 0 of the mask is the group's first field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group<'a> {
    mask: u16,
    bytes: &'a [u8],
}

impl<'a> Group<'a> {
    /// Whether none is present.
    pub(crate) fn is_empty(&self) -> bool {
        self.mask == 0
    }

    /// Its form as a value: the mask, then the bytes.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.mask.to_le_bytes());
        out.extend_from_slice(self.bytes);
    }

    /// Reads that form back; nothing from what is none.
    pub(crate) fn read(value: &'a [u8]) -> Group<'a> {
        match value.split_first_chunk() {
            Some((mask, bytes)) => Group { mask: u16::from_le_bytes(*mask), bytes },
            None => Group::default(),
        }
    }

    /// The group's fields one after the other.
    pub(crate) fn fields(&self) -> Fields<'a> {
        Fields { mask: self.mask, reader: Reader::new(self.bytes) }
    }
}

/// Reads a group's fields in order; absent or damaged ones are empty.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    mask: u16,
    reader: Reader<'a>,
}

impl<'a> Fields<'a> {
    fn is_next(&mut self) -> bool {
        let is_present = self.mask & 1 != 0;
        self.mask >>= 1;
        is_present
    }

    /// The next field, a string.
    pub(crate) fn str(&mut self) -> &'a str {
        if self.is_next() { self.reader.str().unwrap_or_default() } else { "" }
    }

    /// Goes past the next field, a string.
    pub(crate) fn pass(&mut self) {
        if self.is_next() {
            let _ = self.reader.bytes();
        }
    }

    /// The next field, a byte.
    pub(crate) fn byte(&mut self) -> u8 {
        if self.is_next() { self.reader.u8().unwrap_or_default() } else { 0 }
    }

    /// The next field, a number of degrees.
    pub(crate) fn float(&mut self) -> Option<f32> {
        if self.is_next() { self.reader.array().ok().map(f32::from_le_bytes) } else { None }
    }
}

/// A click touchpoint, as far as sessions look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Click<'a> {
    pub(crate) site: &'a [u8],
    pub(crate) visitor: &'a [u8],
    pub(crate) customer: &'a [u8],
    /// The device's time and the time of receipt, ms since the epoch; 0 if unknown.
    pub(crate) device_at: i64,
    pub(crate) received_at: i64,
    pub(crate) page: &'a [u8],
    /// Referrer, channel, source, medium, campaign, term, content, click id; empty unless the channel is present.
    pub(crate) touch: Group<'a>,
    /// Country, region, city, latitude, longitude, time zone.
    pub(crate) place: Group<'a>,
    /// Device, browser, operating system.
    pub(crate) device: Group<'a>,
    pub(crate) bot: &'a [u8],
    pub(crate) language: &'a [u8],
    pub(crate) has_country: bool,
    /// Hash of customer, place, device, bot and language.
    pub(crate) hash: u64,
    /// Lines of the cart or order, as bytes.
    pub(crate) items: &'a [u8],
    /// The client's own session id.
    pub(crate) client_session: &'a [u8],
    pub(crate) revenue: i64,
    pub(crate) currency: &'a [u8],
    pub(crate) score: Option<f32>,
}

impl<'a> Click<'a> {
    /// Finds them in a touchpoint's bytes.
    ///
    /// # Errors
    /// Bytes cut short.
    pub(crate) fn find(bytes: &'a [u8]) -> Result<Click<'a>, WireError> {
        let (_, fields) = bytes.split_at_checked(FIXED).ok_or(WireError::Truncated)?;
        let (present, fields) = fields.split_first_chunk().ok_or(WireError::Truncated)?;
        let present = u64::from_le_bytes(*present);
        let mut walk = Walk { present, bytes: fields, at: 0 };
        walk.skip(range(0, 0))?;
        let mut click =
            Click { site: walk.text(1)?, visitor: walk.text(2)?, customer: walk.text(3)?, ..Click::default() };
        walk.skip(range(4, 4))?;
        click.device_at = walk.signed(5)?;
        click.received_at = walk.signed(6)?;
        walk.skip(range(7, 8))?;
        click.page = walk.text(9)?;
        walk.skip(range(10, 10))?;
        click.touch = walk.group(11, 18)?;
        if present & (1 << 12) == 0 {
            click.touch = Group::default();
        }
        let attributes = walk.at;
        click.place = walk.group(19, 24)?;
        click.device = walk.group(25, 27)?;
        click.bot = walk.text(28)?;
        click.language = walk.text(29)?;
        click.has_country = present & (1 << 19) != 0;
        let attributes = walk.since(attributes)?;
        let mut seed = present & range(19, 29);
        if !click.customer.is_empty() {
            seed ^= xxh3_64_with_seed(click.customer, 1);
        }
        click.hash = xxh3_64_with_seed(attributes, seed);
        if present & bits(&[30, 32, 33, 36, 50]) != 0 {
            click.items = walk.text(30)?;
            walk.skip(range(31, 31))?;
            click.revenue = walk.signed(32)?;
            click.currency = walk.text(33)?;
            walk.skip(range(34, 35))?;
            click.client_session = walk.text(36)?;
            walk.skip(range(37, 49))?;
            if present & (1 << 50) != 0 {
                let before = walk.at;
                walk.skip(range(50, 50))?;
                click.score = walk.since(before)?.first_chunk().map(|score| f32::from_le_bytes(*score));
            }
        }
        Ok(click)
    }

    /// Makes the client's session id one of the attributes, or none of them.
    #[inline]
    pub(crate) fn heed_client_session(&mut self, is_heeded: bool) {
        if !is_heeded {
            self.client_session = &[];
        } else if !self.client_session.is_empty() {
            self.hash ^= xxh3_64_with_seed(self.client_session, 2);
        }
    }
}

/// A walk over the fields, in the order of their bits.
struct Walk<'a> {
    present: u64,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    /// The bytes gone past since the walk was at `before`.
    #[inline(always)]
    fn since(&self, before: usize) -> Result<&'a [u8], WireError> {
        self.bytes.get(before..self.at).ok_or(WireError::Truncated)
    }

    /// The bytes of a string field; empty if it is absent.
    #[inline(always)]
    fn text(&mut self, bit: u32) -> Result<&'a [u8], WireError> {
        if self.present & (1 << bit) == 0 {
            return Ok(&[]);
        }
        let len = self.length()?;
        let begin = self.at;
        self.at = begin.saturating_add(len);
        self.since(begin)
    }

    /// A number; 0 if it is absent.
    #[inline(always)]
    fn signed(&mut self, bit: u32) -> Result<i64, WireError> {
        if self.present & (1 << bit) == 0 {
            return Ok(0);
        }
        let mut reader = Reader::new(self.bytes.get(self.at..).ok_or(WireError::Truncated)?);
        let number = reader.signed()?;
        self.at = self.bytes.len() - reader.rest().len();
        Ok(number)
    }

    /// Goes past the length of a string.
    #[inline(always)]
    fn length(&mut self) -> Result<usize, WireError> {
        match self.bytes.get(self.at) {
            // Nearly all strings are short.
            Some(&len) if len < 0x80 => {
                self.at += 1;
                Ok(usize::from(len))
            }
            Some(_) => self.long_length(),
            None => Err(WireError::Truncated),
        }
    }

    #[cold]
    fn long_length(&mut self) -> Result<usize, WireError> {
        let mut reader = Reader::new(&self.bytes[self.at..]);
        let len = reader.varint()?;
        self.at = self.bytes.len() - reader.rest().len();
        usize::try_from(len).map_err(|_| WireError::Truncated)
    }

    /// Goes past the present fields among `fields`. The end may lie beyond the bytes: whoever reads there will see.
    #[inline(always)]
    fn skip(&mut self, fields: u64) -> Result<(), WireError> {
        let mut left = self.present & fields;
        while left != 0 {
            let shape = SHAPES[left.trailing_zeros() as usize & 63];
            left &= left - 1;
            let len = match shape {
                STRING => self.length()?,
                VARINT => {
                    let rest = self.bytes.get(self.at..).ok_or(WireError::Truncated)?;
                    1 + rest.iter().position(|&byte| byte < 0x80).ok_or(WireError::Truncated)?
                }
                bytes => usize::from(bytes),
            };
            self.at = self.at.saturating_add(len);
        }
        Ok(())
    }

    /// The fields from bit `first` to bit `last`.
    #[inline(always)]
    fn group(&mut self, first: u32, last: u32) -> Result<Group<'a>, WireError> {
        let before = self.at;
        self.skip(range(first, last))?;
        let mask = ((self.present & range(first, last)) >> first) as u16;
        Ok(Group { mask, bytes: self.since(before)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::Micros;
    use crumbtrail_events::touchpoint::{Items, Touchpoint};
    use crumbtrail_events::vocabulary::{Author, Channel, Device, Feeling, Scale};

    /// Every field present.
    fn full() -> Vec<u8> {
        let mut bytes = Vec::new();
        Touchpoint {
            event_id: "e",
            site: "shop",
            visitor: "v",
            customer: "c",
            contact: "k",
            device_at: -5,
            received_at: 1 << 40,
            name: "n",
            host: "h",
            page: "/p",
            title: "t",
            referrer: "r",
            channel: Channel::Email,
            source: "s",
            medium: "m",
            campaign: "spring",
            term: "t",
            content: "c",
            click_id: "gclid=1",
            country: "TH",
            region: "r",
            city: "Bangkok",
            latitude: Some(1.5),
            longitude: Some(2.5),
            time_zone: "Asia/Bangkok",
            device: Device::Tablet,
            browser: "b",
            os: "o",
            bot: "list",
            language: "th",
            items: Items::from_buffer(&[0, 0, 0, 0, 0]),
            order_id: "o",
            revenue: Micros(-700),
            currency: "THB",
            search: "q",
            step: "s",
            client_session: "cs",
            properties: "{}",
            store: "st",
            conversation: "cv",
            author: Author::Agent,
            agent: "a",
            department: "d",
            rating: Some(4.0),
            scale: Scale::Nps,
            priority: "p",
            tags: "t",
            text: "text",
            characters: 300,
            feeling: Feeling::Positive,
            score: Some(0.25),
            confidence: Some(0.5),
            topics: 3,
            friction: true,
            reason: "r",
            detail: "d",
            topic: "t",
            partition: 1,
            offset: 1 << 33,
            session: 9,
            model: "m",
            ..Touchpoint::default()
        }
        .encode(&mut bytes);
        bytes
    }

    #[test]
    fn the_walk_finds_what_decoding_finds() {
        let bytes = full();
        let click = Click::find(&bytes).unwrap();
        let t = Touchpoint::decode(&bytes).unwrap();
        assert_eq!((click.site, click.visitor), (t.site.as_bytes(), t.visitor.as_bytes()));
        assert_eq!((click.customer, click.page), (t.customer.as_bytes(), t.page.as_bytes()));
        assert_eq!((click.bot, click.language), (t.bot.as_bytes(), t.language.as_bytes()));
        assert_eq!((click.revenue, click.currency), (t.revenue.0, t.currency.as_bytes()));
        assert_eq!((click.score, click.has_country), (t.score, true));
        assert_eq!((click.device_at, click.received_at), (t.device_at, t.received_at));
        assert_eq!((click.client_session, click.items), (t.client_session.as_bytes(), &[0; 5][..]));
        let mut value = Vec::new();
        click.touch.write(&mut value);
        let mut fields = Group::read(&value).fields();
        assert_eq!((fields.str(), fields.byte(), fields.str()), (t.referrer, t.channel as u8, t.source));
        let mut place = click.place.fields();
        assert_eq!((place.str(), place.str(), place.str()), (t.country, t.region, t.city));
        assert_eq!((place.float(), place.float(), place.str()), (t.latitude, t.longitude, t.time_zone));
        let mut device = click.device.fields();
        assert_eq!((device.byte(), device.str(), device.str()), (t.device as u8, t.browser, t.os));
        // The shapes of all fields, the last ones included.
        let mut walk = Walk { present: u64::MAX >> 3, bytes: &bytes[FIXED + 8..], at: 0 };
        walk.skip(range(0, 60)).unwrap();
        assert_eq!(walk.at, walk.bytes.len());
    }

    #[test]
    fn every_truncation_is_an_error_or_harmless_and_never_a_panic() {
        let bytes = full();
        for end in 0..bytes.len() {
            let _ = Click::find(&bytes[..end]);
        }
        assert!(Click::find(&bytes[..FIXED + 60]).is_err());
    }

    #[test]
    fn the_hash_tells_attributes_apart() {
        let encode = |t: &Touchpoint<'_>| {
            let mut bytes = Vec::new();
            t.encode(&mut bytes);
            Click::find(&bytes).unwrap().hash
        };
        let base = Touchpoint { browser: "x", page: "/a", ..Touchpoint::default() };
        assert_eq!(encode(&base), encode(&Touchpoint { page: "/b", search: "q", ..base }));
        assert_ne!(encode(&base), encode(&Touchpoint { browser: "", os: "x", ..base }));
        assert_ne!(encode(&base), encode(&Touchpoint { customer: "c", ..base }));
        let heeded = |client_session, is_heeded| {
            let mut bytes = Vec::new();
            Touchpoint { client_session, ..base }.encode(&mut bytes);
            let mut click = Click::find(&bytes).unwrap();
            click.heed_client_session(is_heeded);
            (click.hash, click.client_session.len())
        };
        assert_eq!(heeded("a", false), heeded("b", false));
        assert_ne!(heeded("a", true), heeded("b", true));
    }
}
