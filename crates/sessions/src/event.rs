//! The compact event: what the rules and the rows need of one touchpoint, in 40 bytes.

use crate::intern::Symbol;
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
    /// Corrected event time.
    pub(crate) at: EventTime,
    /// Hash of the event id.
    pub(crate) id: u64,
    /// The device's time less the corrected one, ms; 24.8 days at most, as further off it says nothing about order.
    pub(crate) skew: i32,
    /// The time of receipt less the corrected one, ms; 24.8 days at most.
    pub(crate) delay: i32,
    /// Sessions: page. Conversations: their id.
    pub(crate) page: Symbol,
    /// Attributes that rarely change within a chain.
    pub(crate) attributes: Symbol,
    /// What few events have; `Symbol::NONE` for most.
    pub(crate) detail: Symbol,
    /// Score of its text in 1/10 000; meaningful with [`Event::HAS_SCORE`].
    pub(crate) score: i16,
    /// What happened.
    pub(crate) kind: Kind,
    /// The constants below.
    pub(crate) flags: u8,
}

const _: () = assert!(size_of::<Event>() == 40);

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
        Order { at: self.at, skew: self.skew, id: self.id }
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
        self.at.0.saturating_add(i64::from(self.skew))
    }

    /// Which of several records with its id counts: the one received first, then the first in order.
    pub(crate) fn rank(&self) -> (EventTime, Order) {
        (self.at.plus(i64::from(self.delay)), self.order())
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

stored_fields!(Event { at, id, skew, delay, page, attributes, detail, score, kind, flags });

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
}
