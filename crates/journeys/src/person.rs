//! One person: what is settled, what is pending, and what was last said of them.

use crumbtrail_events::{EventTime, Key};

use crate::found::Found;
use crate::pending::Pending;
use crate::rules::JourneyRules;
use crate::snapshot::stored;
use crate::state::State;
use crate::strings::Sym;
use crate::tell::{AsOf, Told};

/// Pending touchpoints per person; beyond, the oldest are settled early (and one that belongs among them is taken as of
/// the time that is settled). Bounds the memory and the refold of somebody who is no person.
const MOST_PENDING: usize = 20_000;

/// Emptied lists kept for the next person who needs one.
const MOST_SPARE: usize = 1024;

/// One person's state.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) key: Key,
    pub(crate) site: Sym,
    /// Folded: older than anything that may still arrive.
    pub(crate) base: State,
    pub(crate) pending: Option<Box<Pending>>,
    /// Hash of the journey row last said; 0 before the first.
    pub(crate) journey_hash: u64,
    /// Rows said that may still change.
    pub(crate) told: Vec<Told>,
    /// Wall time of the last telling, ms; `i64::MIN` before the first.
    pub(crate) told_wall: i64,
    /// Something happened since.
    pub(crate) is_owed: bool,
    /// When time alone may change something.
    pub(crate) due: EventTime,
    /// The timer that is set for it (never later than `due`; not stored).
    pub(crate) armed: Armed,
}
stored!(Person { key, site, base, pending, journey_hash, told, told_wall, is_owed, due, armed });

/// The due time in the timer queue. Not stored: loading sets one timer per person, at `due`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Armed(pub(crate) EventTime);

impl crate::snapshot::Stored for Armed {
    fn put(&self, _: &mut Vec<u8>) {}
    fn get(_: &mut crumbtrail_events::wire::Reader<'_>) -> Result<Armed, crumbtrail_events::wire::WireError> {
        Ok(Armed(EventTime::MAX))
    }
}

impl Person {
    pub(crate) fn new(key: Key, site: Sym, rules: &JourneyRules) -> Person {
        Person {
            key,
            site,
            base: State::new(rules),
            pending: None,
            journey_hash: 0,
            told: Vec::new(),
            told_wall: i64::MIN,
            is_owed: false,
            due: EventTime::MAX,
            armed: Armed(EventTime::MAX),
        }
    }

    /// Settles what lies behind the horizon, then folds the rest on top of a copy, as of the watermark. Afterwards `now` is
    /// the person's provisional state, `found` what was found on the way, and `spare` has an emptied list more.
    #[expect(clippy::vec_box, reason = "the boxes themselves go from person to person")]
    pub(crate) fn refold(
        &mut self,
        as_of: AsOf<'_>,
        now: &mut State,
        found: &mut Found,
        spare: &mut Vec<Box<Pending>>,
    ) {
        let AsOf { rules, strings, watermark } = as_of;
        let horizon = watermark.plus(-rules.horizon_ms);
        found.clear();
        let mut settled = 0;
        if let Some(pending) = &self.pending {
            let surplus = pending.len().saturating_sub(MOST_PENDING);
            // Never beyond the watermark: what it has not reached is still held back.
            let goes = |at, settled| at < horizon || (settled < surplus && at <= watermark);
            while pending.at(settled).is_some_and(|at| goes(at, settled)) {
                self.base.fold(rules, strings, &pending.seen(settled), found);
                settled += 1;
            }
        }
        self.base.advance(rules, horizon, found);
        found.settle();
        if let Some(mut pending) = self.pending.take() {
            pending.drop_front(settled);
            if !pending.is_empty() {
                self.pending = Some(pending);
            } else if spare.len() < MOST_SPARE {
                spare.push(pending);
            }
        }
        now.copy_from(&self.base);
        if let Some(pending) = &self.pending {
            for i in 0..pending.len() {
                now.fold(rules, strings, &pending.seen(i), found);
            }
        }
        now.advance(rules, watermark, found);
        let held = Self::hold_back(watermark, now, found);
        self.due = now.next_due(rules, watermark).min(held);
        if let Some(newest) = self.pending.as_ref().and_then(|pending| pending.newest()) {
            self.due = self.due.min(newest.plus(rules.horizon_ms).plus(1));
        }
    }

    /// Takes out what the watermark has not reached yet; gives the time at which to look again.
    fn hold_back(watermark: EventTime, now: &mut State, found: &mut Found) -> EventTime {
        let mut look_again = EventTime::MAX;
        found.carts.retain(|cart| {
            let is_reached = cart.true_at < watermark;
            if !is_reached {
                look_again = look_again.min(cart.true_at.plus(1));
                now.cart_abandoned_count -= 1;
            }
            is_reached
        });
        look_again
    }

    /// Whether what was stored can be used with these rules.
    pub(crate) fn is_sound(&self, rules: &JourneyRules) -> bool {
        self.base.stages.len() == rules.models.len()
            && self.base.stages.iter().zip(&rules.models).all(|(stage, model)| stage.fits(model))
            && self.pending.as_ref().is_none_or(|pending| pending.is_sound())
    }

    pub(crate) fn mark(&self, keep: &mut dyn FnMut(Sym)) {
        keep(self.site);
        self.base.mark(keep);
        if let Some(pending) = &self.pending {
            pending.mark(keep);
        }
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        size_of::<Person>()
            + self.base.heap_bytes()
            + self.told.capacity() * size_of::<Told>()
            + self.pending.as_ref().map_or(0, |pending| pending.resident_bytes())
    }
}
