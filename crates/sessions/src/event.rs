//! The compact event: what the rules and the rows need of one touchpoint, in 32 bytes.

use crate::intern::Symbol;
use crate::pick::{Resolve, Stored, stored_fields};
use crumbtrail_events::wire::{Reader, WireError};
use crumbtrail_events::{EventTime, Kind};

/// Place in the total order of one key's events: corrected time, then hash of the event id.
pub(crate) type Order = (EventTime, u64);

/// One touchpoint of a chain. The meaning of the three symbols is its class's: see `attributes.rs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Corrected event time.
    pub(crate) at: EventTime,
    /// Hash of the event id.
    pub(crate) id: u64,
    /// Sessions: page. Conversations: not used.
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
        (self.at, self.id)
    }

    /// Whether a session may begin with it.
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

stored_fields!(Event { at, id, page, attributes, detail, score, kind, flags });
