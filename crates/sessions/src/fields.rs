//! The parts of a click touchpoint's bytes that sessions need, found without decoding the rest.
//!
//! Decoding a touchpoint costs several times what cutting sessions does, and most of what it yields is the same as in
//! the visitor's event before. So sections stay bytes: they are compared, interned, and read when a row is made. The bits
//! of the fields are those of [`crumbtrail_events::touchpoint`]; a test holds the two together.

use crate::event::Event;
use crumbtrail_events::touchpoint::{Part, Section, Sections};
use crumbtrail_events::wire::{Reader, WireError};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A section: which of its fields are present, and their bytes.
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

    /// Of a place: whether it says where, not only what fences.
    pub(crate) fn is_place(&self) -> bool {
        self.mask & !FENCES != 0
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

    /// The indicator of a device's fields, read from their begin.
    pub(crate) fn bot(mut self) -> &'a [u8] {
        let _device = self.byte();
        self.pass();
        self.pass();
        self.str().as_bytes()
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
    /// How far the device's time and the time of receipt are from the event time, ms; 0 if unknown.
    pub(crate) skew: i32,
    pub(crate) delay: i32,
    pub(crate) page: &'a [u8],
    pub(crate) language: &'a [u8],
    /// Referrer, channel, source, medium, campaign, term, content, click id; empty unless the channel is present.
    pub(crate) touch: Group<'a>,
    /// Country, region, city, latitude, longitude, time zone, fences.
    pub(crate) place: Group<'a>,
    /// Device, browser, operating system, bot indicator.
    pub(crate) device: Group<'a>,
    /// Hash of customer, place, device and language.
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
        let mut click = Click::default();
        let mut sections = Sections::of(bytes)?;
        let (all, mut ids, mut attributes) = (sections.rest(), 0, 0);
        while let Some(part) = sections.next() {
            let Part { number, mask, fields } = part?;
            let gone = all.len() - sections.rest().len();
            match number {
                IDS => {
                    click.ids(mask, fields)?;
                    (ids, attributes) = (gone, gone);
                }
                PLACE => (click.place, attributes) = (Group { mask, bytes: fields }, gone),
                DEVICE => (click.device, attributes) = (Group { mask, bytes: fields }, gone),
                TOUCH if mask & CHANNEL != 0 => click.touch = Group { mask, bytes: fields },
                DEED => click.deed(mask, fields)?,
                TALK if mask & SCORE != 0 => click.score = score(mask, fields)?,
                RECORD if mask & (DEVICE_AT | RECEIVED_AT) != 0 => click.record(mask, fields)?,
                REST if mask & CLIENT_SESSION != 0 => click.rest(mask, fields)?,
                // Nothing behind decides a session.
                number if number > REST => break,
                _ => {}
            }
        }
        // Place and device stand side by side.
        let seed = xxh3_64_with_seed(click.language, 0) ^ xxh3_64_with_seed(click.customer, 1);
        click.hash = xxh3_64_with_seed(all.get(ids..attributes).unwrap_or_default(), seed);
        Ok(click)
    }

    #[inline]
    fn ids(&mut self, mask: u16, fields: &'a [u8]) -> Result<(), WireError> {
        let mut reader = Reader::new(fields);
        let mut text = |bit: u16| if mask & (1 << bit) == 0 { Ok(&[][..]) } else { reader.bytes() };
        text(0)?;
        (self.site, self.visitor, self.customer) = (text(1)?, text(2)?, text(3)?);
        Ok(())
    }

    #[inline]
    fn deed(&mut self, mask: u16, fields: &'a [u8]) -> Result<(), WireError> {
        let mut reader = Reader::new(fields);
        let mut text = |bit: u16| if mask & (1 << bit) == 0 { Ok(&[][..]) } else { reader.bytes() };
        text(0)?;
        (self.page, self.language) = (text(1)?, text(2)?);
        if mask & (ITEMS | REVENUE | CURRENCY) != 0 {
            self.items = text(3)?;
            text(4)?;
            if mask & REVENUE != 0 {
                self.revenue = reader.signed()?;
            }
            if mask & CURRENCY != 0 {
                self.currency = reader.bytes()?;
            }
        }
        Ok(())
    }

    /// Both times are kept as the way from the event time.
    #[inline]
    fn record(&mut self, mask: u16, fields: &[u8]) -> Result<(), WireError> {
        let mut reader = Reader::new(fields);
        let mut way = |bit: u16| Ok(if mask & bit == 0 { 0 } else { Event::way(reader.signed()?) });
        (self.skew, self.delay) = (way(DEVICE_AT)?, way(RECEIVED_AT)?);
        Ok(())
    }

    fn rest(&mut self, mask: u16, fields: &'a [u8]) -> Result<(), WireError> {
        let mut reader = Reader::new(fields);
        if mask & SEARCH != 0 {
            reader.bytes()?;
        }
        self.client_session = reader.bytes()?;
        Ok(())
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

    /// Whether its place names a country.
    pub(crate) fn has_country(&self) -> bool {
        self.place.mask & 1 != 0
    }

    /// Whether its place says something of fences.
    pub(crate) fn has_fences(&self) -> bool {
        self.place.mask & FENCES != 0
    }

    /// Whether it is a robot's.
    pub(crate) fn is_bot(&self) -> bool {
        self.device.mask & BOT != 0
    }
}

const IDS: u8 = Section::Ids as u8;
const PLACE: u8 = Section::Place as u8;
const DEVICE: u8 = Section::Device as u8;
const TOUCH: u8 = Section::Touch as u8;
const DEED: u8 = Section::Deed as u8;
const TALK: u8 = Section::Talk as u8;
const RECORD: u8 = Section::Record as u8;
const REST: u8 = Section::Rest as u8;
const CHANNEL: u16 = 1 << 1;
const BOT: u16 = 1 << 3;
const FENCES: u16 = 1 << 6;
const ITEMS: u16 = 1 << 3;
const REVENUE: u16 = 1 << 5;
const CURRENCY: u16 = 1 << 6;
const SCORE: u16 = 1 << 4;
const DEVICE_AT: u16 = 1 << 0;
const RECEIVED_AT: u16 = 1 << 1;
const SEARCH: u16 = 1 << 0;
const CLIENT_SESSION: u16 = 1 << 1;

/// The score of what was said: after the conversation and three bytes.
fn score(mask: u16, fields: &[u8]) -> Result<Option<f32>, WireError> {
    let mut reader = Reader::new(fields);
    if mask & 1 != 0 {
        reader.bytes()?;
    }
    reader.take((mask & 0b1110).count_ones() as usize)?;
    Ok(Some(f32::from_le_bytes(reader.array()?)))
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
            fences: "s1\ns2",
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
            page_group: "g",
            accuracy_km: 20,
            asn: 7,
            network_owner: "n",
            brand: "b",
            os_version: "13",
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
        assert_eq!((click.is_bot(), click.language), (true, t.language.as_bytes()));
        assert_eq!((click.revenue, click.currency), (t.revenue.0, t.currency.as_bytes()));
        assert_eq!((click.score, click.has_country()), (t.score, true));
        assert_eq!(i64::from(click.skew), t.device_at - t.head.occurred_at.0);
        assert_eq!(i64::from(click.delay), i64::from(i32::MAX), "as far as it goes");
        assert_eq!((click.client_session, click.items), (t.client_session.as_bytes(), &[0; 5][..]));
        let mut value = Vec::new();
        click.touch.write(&mut value);
        let mut fields = Group::read(&value).fields();
        assert_eq!((fields.str(), fields.byte(), fields.str()), (t.referrer, t.channel as u8, t.source));
        let mut place = click.place.fields();
        assert_eq!((place.str(), place.str(), place.str()), (t.country, t.region, t.city));
        assert_eq!((place.float(), place.float(), place.str()), (t.latitude, t.longitude, t.time_zone));
        assert_eq!((place.str(), click.has_fences()), (t.fences, true));
        let mut device = click.device.fields();
        assert_eq!((device.byte(), device.str(), device.str()), (t.device as u8, t.browser, t.os));
        assert_eq!(device.str(), t.bot);
    }

    #[test]
    fn what_is_absent_is_not_found() {
        let mut bytes = Vec::new();
        let t = Touchpoint { visitor: "v", score: Some(0.5), page: "/", browser: "x", ..Touchpoint::default() };
        t.encode(&mut bytes);
        let click = Click::find(&bytes).unwrap();
        assert_eq!((click.site, click.visitor, click.customer), (&b""[..], &b"v"[..], &b""[..]));
        assert_eq!((click.page, click.language, click.score), (&b"/"[..], &b""[..], Some(0.5)));
        assert!(!click.is_bot() && !click.has_country() && !click.has_fences() && click.touch.is_empty());
    }

    #[test]
    fn every_truncation_is_an_error_or_harmless_and_never_a_panic() {
        let bytes = full();
        for end in 0..bytes.len() {
            let _ = Click::find(&bytes[..end]);
        }
        assert!(Click::find(&bytes[..100]).is_err());
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
        let on_the_way = Touchpoint { accuracy_km: 5, asn: 7, network_owner: "n", geo_edition: "e", ..base };
        assert_eq!(encode(&base), encode(&on_the_way), "another network is the same place");
        let updated = Touchpoint { brand: "b", browser_version: "1", os_version: "2", bot_indicators: "d", ..base };
        assert_eq!(encode(&base), encode(&updated), "another version is the same device");
        assert_ne!(encode(&base), encode(&Touchpoint { browser: "", os: "x", ..base }));
        assert_ne!(encode(&base), encode(&Touchpoint { customer: "c", ..base }));
        assert_ne!(encode(&base), encode(&Touchpoint { language: "c", ..base }));
        assert_ne!(encode(&Touchpoint { customer: "x", ..base }), encode(&Touchpoint { language: "x", ..base }));
        let heeded = |client_session, is_heeded| {
            let mut bytes = Vec::new();
            Touchpoint { client_session, search: "q", ..base }.encode(&mut bytes);
            let mut click = Click::find(&bytes).unwrap();
            click.heed_client_session(is_heeded);
            (click.hash, click.client_session.len())
        };
        assert_eq!(heeded("a", false), heeded("b", false));
        assert_ne!(heeded("a", true), heeded("b", true));
    }
}
