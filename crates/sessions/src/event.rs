//! The compact event: what the rules and the rows need of one touchpoint, in 32 bytes.
//!
//! Most events have neither a detail nor a score: their one symbol is the page. Of the others it is a value made of page,
//! detail and score ([`Event::RICH`]).

use crate::intern::{Interner, Symbol};
use crate::stored::{Resolve, Stored, stored_fields};
use crumbtrail_events::wire::{Reader, WireError};
use crumbtrail_events::{EventTime, Kind};

/// Place in the total order of one key's events: corrected time, device time, hash of the event id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Order {
    /// Corrected event time.
    pub(crate) at: EventTime,
    /// See [`Event::skew`]: at equal corrected times it orders as the device's time does.
    pub(crate) skew: i32,
    /// Hash of the event id.
    pub(crate) id: u64,
}

stored_fields!(Order { at, skew, id });

impl Order {
    /// Before every event.
    pub(crate) const FIRST: Order = Order { at: EventTime::MIN, skew: i32::MIN, id: 0 };
}

/// One touchpoint of a chain. The meaning of the three symbols is its class's: see `attributes.rs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Hash of the event id.
    pub(crate) id: u64,
    /// Corrected event time, its lower 32 bits; see [`Event::at`].
    at_low: u32,
    /// The device's time less the corrected one, ms; 24.8 days at most, as further off it says nothing about order.
    pub(crate) skew: i32,
    /// The time of receipt less the corrected one, ms; 24.8 days at most.
    pub(crate) delay: i32,
    /// The page, or what it is part of; see [`Event::RICH`].
    what: Symbol,
    /// Attributes that rarely change within a chain.
    pub(crate) attributes: Symbol,
    /// Corrected event time, its upper 16 bits.
    at_high: i16,
    /// What happened.
    pub(crate) kind: Kind,
    /// The constants below.
    pub(crate) flags: u8,
}

const _: () = assert!(size_of::<Event>() == 32);

impl Event {
    /// A row whose first event this is has been emitted and not retracted.
    pub(crate) const EMITTED: u8 = 1;
    /// A text with a score came with it.
    pub(crate) const HAS_SCORE: u8 = 2;
    /// Its text states friction.
    pub(crate) const FRICTION: u8 = 4;
    /// Its place names a country.
    pub(crate) const HAS_COUNTRY: u8 = 8;
    /// A text came with it.
    pub(crate) const HAS_TEXT: u8 = 16;
    /// Its place says something of fences.
    pub(crate) const HAS_FENCES: u8 = 32;
    /// Its symbol stands for page and detail, followed by the score. Not stored: these are.
    pub(crate) const RICH: u8 = 64;
    /// The session that begins with it, as emitted, goes on from a longer one.
    pub(crate) const CONTINUES: u8 = 128;

    /// Bytes of [`Event::packed`].
    pub(crate) const BYTES: usize = 32;

    /// An event of which no more is known.
    pub(crate) fn new(at: EventTime, id: u64, kind: Kind) -> Event {
        let at = Event::bounded(at).0;
        Event { id, at_low: at as u32, at_high: (at >> 32) as i16, kind, ..Event::default() }
    }

    /// A time as it is kept, in 48 bits: from the year −2490 to 6429. Intake lets none by that is further off.
    #[inline]
    pub(crate) fn bounded(at: EventTime) -> EventTime {
        EventTime(at.0.clamp(-1 << 47, (1 << 47) - 1))
    }

    /// Corrected event time.
    #[inline]
    pub(crate) fn at(&self) -> EventTime {
        EventTime(i64::from(self.at_high) << 32 | i64::from(self.at_low))
    }

    /// With what it is about. Sessions: `page` is the page. Conversations: their id. `detail` is what few events have;
    /// `score` that of its text in 1/10 000.
    pub(crate) fn about(self, page: Symbol, detail: Symbol, score: Option<i16>, interner: &mut Interner) -> Event {
        let flags = self.flags & !(Event::RICH | Event::HAS_SCORE) | Event::flag(Event::HAS_SCORE, score.is_some());
        if detail.is_none() && score.is_none() {
            return Event { what: page, flags, ..self };
        }
        let mut value = [0; 10];
        value[..4].copy_from_slice(&page.0.to_le_bytes());
        value[4..8].copy_from_slice(&detail.0.to_le_bytes());
        value[8..].copy_from_slice(&score.unwrap_or_default().to_le_bytes());
        Event { what: interner.value(&value, 2), flags: flags | Event::RICH, ..self }
    }

    /// Sessions: page. Conversations: their id.
    #[inline]
    pub(crate) fn page(&self, interner: &Interner) -> Symbol {
        if self.has(Event::RICH) { interner.part(self.what, 0) } else { self.what }
    }

    /// What few events have; `Symbol::NONE` for most.
    #[inline]
    pub(crate) fn detail(&self, interner: &Interner) -> Symbol {
        if self.has(Event::RICH) { interner.part(self.what, 1) } else { Symbol::NONE }
    }

    /// Score of its text in 1/10 000; `None` if it has none.
    pub(crate) fn score(&self, interner: &Interner) -> Option<i16> {
        if !self.has(Event::HAS_SCORE) {
            return None;
        }
        interner.bytes(self.what).get(8..).and_then(|rest| rest.first_chunk()).map(|score| i16::from_le_bytes(*score))
    }

    /// The flag if it is to be set.
    pub(crate) fn flag(flag: u8, is_set: bool) -> u8 {
        if is_set { flag } else { 0 }
    }

    /// Whether the flag is set.
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Its place in the total order.
    pub(crate) fn order(&self) -> Order {
        Order { at: self.at(), skew: self.skew, id: self.id }
    }

    /// How far another of its clocks, in ms since the epoch and 0 if unknown, is from the corrected time.
    #[inline]
    pub(crate) fn distance(clock: i64, at: EventTime) -> i32 {
        if clock == 0 { 0 } else { Event::way(clock.saturating_sub(at.0)) }
    }

    /// A distance as kept: as far as it goes.
    #[inline]
    pub(crate) fn way(ms: i64) -> i32 {
        ms.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
    }

    /// Its device's time, ms since the epoch.
    pub(crate) fn device_ms(&self) -> i64 {
        self.at().0.saturating_add(i64::from(self.skew))
    }

    /// Which of several records with its id counts: the one received first, then the first in order.
    pub(crate) fn rank(&self) -> (EventTime, Order) {
        (self.at().plus(i64::from(self.delay)), self.order())
    }

    /// Whether a session may begin with it, and whether it tells how a visitor came: marketing messages do neither.
    pub(crate) fn may_start(&self) -> bool {
        !self.kind.is_marketing()
    }

    /// The score as stored, from a touchpoint's.
    pub(crate) fn quantize(score: f32) -> i16 {
        // Whole ten-thousandths, so that sums do not depend on order.
        (score.clamp(-1.0, 1.0) * 10_000.0).round() as i16
    }
}

impl Stored for Kind {
    fn save(self, out: &mut Vec<u8>, _: &mut dyn FnMut(Symbol) -> Symbol) {
        out.push(self as u8);
    }
    fn load(reader: &mut Reader<'_>, _: &Resolve<'_>) -> Result<Self, WireError> {
        Kind::from_code(reader.u8()?).ok_or(WireError::Malformed("unknown kind"))
    }
}

impl Event {
    /// Appends it to a snapshot.
    pub(crate) fn save(&self, interner: &Interner, out: &mut Vec<u8>, symbol: &mut dyn FnMut(Symbol) -> Symbol) {
        ((self.at(), self.id), (self.skew, self.delay)).save(out, symbol);
        ((self.page(interner), self.attributes), self.detail(interner)).save(out, symbol);
        (self.score(interner).unwrap_or_default(), self.kind).save(out, symbol);
        out.push(self.flags & !Event::RICH);
    }

    /// Reads it back.
    pub(crate) fn load(
        reader: &mut Reader<'_>,
        symbol: &Resolve<'_>,
        interner: &mut Interner,
    ) -> Result<Event, WireError> {
        let ((at, id), (skew, delay)) = Stored::load(reader, symbol)?;
        let ((page, attributes), detail) = Stored::load(reader, symbol)?;
        let (score, kind): (i16, Kind) = Stored::load(reader, symbol)?;
        let flags = reader.u8()?;
        let score = (flags & Event::HAS_SCORE != 0).then_some(score);
        Ok(Event { skew, delay, attributes, flags, ..Event::new(at, id, kind) }.about(page, detail, score, interner))
    }

    /// Marks the symbols it holds.
    pub(crate) fn mark(&self, interner: &mut Interner) {
        self.symbols().into_iter().for_each(|symbol| interner.mark(symbol));
    }

    /// The symbols it holds.
    pub(crate) fn symbols(&self) -> [Symbol; 2] {
        [self.what, self.attributes]
    }

    /// As bytes to this process alone, which name values by their symbols.
    pub(crate) fn packed(&self) -> [u8; Event::BYTES] {
        let mut bytes = [0; Event::BYTES];
        bytes[..8].copy_from_slice(&self.id.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.at_low.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.skew.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.delay.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.what.0.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.attributes.0.to_le_bytes());
        bytes[28..30].copy_from_slice(&self.at_high.to_le_bytes());
        bytes[30..].copy_from_slice(&[self.kind as u8, self.flags]);
        bytes
    }

    /// What [`Event::packed`] gave; `None` if the bytes are damaged.
    pub(crate) fn unpacked(bytes: &[u8; Event::BYTES]) -> Option<Event> {
        let (words, _) = bytes.as_chunks::<4>();
        let word = |n: usize| u32::from_le_bytes(words[n]);
        Some(Event {
            id: u64::from(word(1)) << 32 | u64::from(word(0)),
            at_low: word(2),
            skew: word(3).cast_signed(),
            delay: word(4).cast_signed(),
            what: Symbol(word(5)),
            attributes: Symbol(word(6)),
            at_high: i16::from_le_bytes([bytes[28], bytes[29]]),
            kind: Kind::from_code(bytes[30])?,
            flags: bytes[31],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_order_is_corrected_time_then_device_time_then_id() {
        let order = |at, skew, id| Order { at: EventTime(at), skew, id };
        let sorted = [order(1, 9, 9), order(2, -1, 9), order(2, 0, 9), order(2, 1, 1), order(2, 1, 2)];
        assert!(sorted.is_sorted());
        assert_eq!(Event::distance(105, EventTime(100)), 5);
        assert_eq!(Event::distance(0, EventTime(100)), 0, "an unknown clock is the corrected one");
        assert_eq!(Event::distance(1, EventTime(1 << 50)), i32::MIN);
    }

    #[test]
    fn times_are_kept_to_the_millisecond_before_1970_too() {
        for at in [0, 1, -1, 1_760_000_000_123, -(1 << 32), (1 << 47) - 1, -1 << 47] {
            assert_eq!(Event::new(EventTime(at), 7, Kind::Click).at(), EventTime(at));
        }
        assert_eq!(Event::new(EventTime::MAX, 7, Kind::Click).at().0, (1 << 47) - 1);
        assert_eq!(Event::new(EventTime::MIN, 7, Kind::Click).at().0, -1 << 47);
    }

    #[test]
    fn what_it_is_about_is_kept_together_and_stored_apart() {
        let mut interner = Interner::new();
        let (page, detail) = (interner.text("/cart"), interner.text("detail"));
        let none = Symbol::NONE;
        for (page, detail, score) in [
            (page, none, None),
            (page, detail, None),
            (page, none, Some(-5_000)),
            (none, detail, Some(0)),
            (none, none, None),
        ] {
            let plain = Event { flags: Event::EMITTED, skew: -3, ..Event::new(EventTime(9), 7, Kind::Click) };
            let event = plain.about(page, detail, score, &mut interner);
            let told = |event: Event| (event.page(&interner), event.detail(&interner), event.score(&interner));
            assert_eq!(told(event), (page, detail, score));
            assert!(event.has(Event::EMITTED));
            let whole = Event { delay: 80, attributes: page, ..event };
            assert_eq!(Event::unpacked(&whole.packed()), Some(whole));
            let mut bytes = Vec::new();
            event.save(&interner, &mut bytes, &mut |symbol| symbol);
            assert_eq!(bytes.len(), 40, "what stood in an event of 40 bytes");
            let read = Event::load(&mut Reader::new(&bytes), &|n| Ok(Symbol(n)), &mut interner).unwrap();
            assert_eq!(read, event);
        }
    }
}
