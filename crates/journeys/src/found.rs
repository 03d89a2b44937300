//! What a fold finds on its way: moves, conversions, abandoned carts, before they become rows.

use crumbtrail_events::vocabulary::{Channel, Device};
use crumbtrail_events::{EventTime, Micros};

use crate::conversion::Touch;
use crate::strings::Sym;

/// A move between stages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    pub(crate) model: u8,
    pub(crate) index: u32,
    pub(crate) from: u8,
    pub(crate) to: u8,
    pub(crate) at: EventTime,
    pub(crate) duration_ms: i64,
    pub(crate) rule: u32,
    pub(crate) cause: u64,
    pub(crate) channel: Channel,
}

/// A conversion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conversion {
    pub(crate) id: u64,
    pub(crate) at: EventTime,
    pub(crate) kind: &'static str,
    pub(crate) order: Sym,
    pub(crate) revenue: Micros,
    pub(crate) currency: Sym,
    pub(crate) has_cart: bool,
    pub(crate) touch_count: u32,
    pub(crate) first: Option<Touch>,
    pub(crate) last: Option<Touch>,
    pub(crate) city: Sym,
    pub(crate) country: Sym,
    pub(crate) device: Device,
}

/// An abandoned cart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abandoned {
    pub(crate) visitor: Sym,
    pub(crate) began_at: EventTime,
    pub(crate) last_at: EventTime,
    pub(crate) true_at: EventTime,
    pub(crate) is_emptied: bool,
    pub(crate) in_checkout: bool,
    pub(crate) step: Sym,
    pub(crate) value: Micros,
    pub(crate) peak_value: Micros,
    pub(crate) currency: Sym,
    pub(crate) pieces: u32,
    /// Range in [`Found::evidence`].
    pub(crate) evidence: (usize, usize),
    pub(crate) channel: Channel,
    pub(crate) device: Device,
    pub(crate) city: Sym,
    pub(crate) country: Sym,
}

/// Everything one refold of one person found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) moves: Vec<Move>,
    pub(crate) conversions: Vec<Conversion>,
    pub(crate) carts: Vec<Abandoned>,
    pub(crate) evidence: Vec<u64>,
    /// How many of each no later touchpoint can change.
    pub(crate) settled: [usize; 3],
    /// It is everything there is, not only what was found since the last refold.
    pub(crate) is_whole: bool,
}

impl Found {
    pub(crate) fn clear(&mut self) {
        self.moves.clear();
        self.conversions.clear();
        self.carts.clear();
        self.evidence.clear();
        self.settled = [0; 3];
        self.is_whole = false;
    }

    /// What was found so far is final.
    pub(crate) fn settle(&mut self) {
        self.settled = [self.moves.len(), self.conversions.len(), self.carts.len()];
    }
}
