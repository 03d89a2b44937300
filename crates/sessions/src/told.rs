//! Where saying the rows of a chain in parts stands; `parts.rs` says how they are made.

use crate::event::Order;
use crate::intern::Symbol;
use crate::session::Summary;
use crate::stored::{Resolve, Stored};
use crumbtrail_events::EventTime;
use crumbtrail_events::wire::{Reader, WireError};

/// Where saying the rows of a chain stands.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The last event that was taken in.
    pub(crate) to: Order,
    /// Up to this time nothing has changed since rows were said the time before.
    pub(crate) changed_from: EventTime,
    /// The end has been reached.
    pub(crate) rests: bool,
    /// The session open behind `to`; `None` if none is.
    pub(crate) open: Option<Summary>,
}

impl Told {
    /// Whether it still holds once all up to `folded_to` was folded into the session that begins at `base`, if any.
    pub(crate) fn outlasts(&self, folded_to: Order, base: Option<Order>) -> bool {
        let is_there = |sum: &Summary| sum.open.start > folded_to || base == Some(sum.open.start);
        self.to >= folded_to && self.open.as_ref().is_none_or(is_there)
    }

    /// Appends it to a snapshot.
    pub(crate) fn save(&self, out: &mut Vec<u8>, symbol: &mut dyn FnMut(Symbol) -> Symbol) {
        ((self.to, self.changed_from), (self.rests, self.open.is_some())).save(out, symbol);
        self.open.iter().for_each(|sum| sum.save(out, symbol));
    }

    /// Reads it back.
    pub(crate) fn load(reader: &mut Reader<'_>, symbol: &Resolve<'_>) -> Result<Told, WireError> {
        let ((to, changed_from), (rests, is_open)) = Stored::load(reader, symbol)?;
        let open = if is_open { Some(Summary::load(reader, symbol)?) } else { None };
        Ok(Told { to, changed_from, rests, open })
    }
}
