//! One person: what is settled, what is pending, and what was last said of them.

use crumbtrail_events::{EventTime, Key};

use crate::found::Found;
use crate::pending::Pending;
use crate::rules::JourneyRules;
use crate::snapshot::stored;
use crate::state::State;
use crate::strings::Sym;
use crate::told::{AsOf, Told};

/// Touchpoints kept per person; beyond, the oldest are settled for good (and one that belongs among them is taken as of
/// the time that is settled). Bounds the memory and the refold of somebody who is no person.
const MOST_PENDING: usize = 20_000;

/// Emptied lists kept for the next person who needs one.
const MOST_SPARE: usize = 1024;

/// One person's state.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) key: Key,
    pub(crate) site: Sym,
    /// Folded: older than what may still change hands. `None` before the first.
    pub(crate) past: Option<Box<State>>,
    /// Folded on top of it: older than anything that may still arrive.
    pub(crate) base: State,
    /// What is not in `past`.
    pub(crate) pending: Option<Box<Pending>>,
    /// How many of `pending`, the first, are in `base`.
    pub(crate) settled: u32,
    /// Up to when time has passed in `base`.
    pub(crate) advanced: EventTime,
    /// One of these came or went: `base` has to be folded anew.
    pub(crate) is_torn: bool,
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
stored!(Person {
    key,
    site,
    past,
    base,
    pending,
    settled,
    advanced,
    is_torn,
    journey_hash,
    told,
    told_wall,
    is_owed,
    due,
    armed,
});

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
            past: None,
            base: State::new(rules),
            pending: None,
            settled: 0,
            advanced: EventTime::MIN,
            is_torn: false,
            journey_hash: 0,
            told: Vec::new(),
            told_wall: i64::MIN,
            is_owed: false,
            due: EventTime::MAX,
            armed: Armed(EventTime::MAX),
        }
    }

    /// Whether nothing of what was told of it is theirs any more: all has changed hands.
    pub(crate) fn is_gone(&self) -> bool {
        self.past.is_none() && self.pending.is_none()
    }

    /// Notes that the touchpoint at `place`, of the time `at`, came or went.
    pub(crate) fn touched(&mut self, place: usize, at: EventTime) {
        self.is_torn |= place < self.settled as usize || at < self.advanced;
    }

    /// Settles what lies behind the horizon, then folds the rest on top of a copy, as of the watermark. Afterwards `now` is
    /// the person's provisional state, `found` what was found on the way: everything since `past` if [`Found::is_whole`],
    /// else everything since the last refold.
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
        found.is_whole = std::mem::take(&mut self.is_torn);
        if found.is_whole {
            match &self.past {
                Some(past) => self.base.copy_from(past),
                None => self.base = State::new(rules),
            }
            self.settled = 0;
        }
        let mut settled = self.settled as usize;
        if let Some(pending) = &self.pending {
            let surplus = pending.len().saturating_sub(MOST_PENDING);
            // Never beyond the watermark: what it has not reached is still held back.
            let goes = |at, settled| at < horizon || (settled < surplus && at <= watermark);
            while pending.at(settled).is_some_and(|at| goes(at, settled)) {
                self.base.fold(rules, strings, &pending.seen(settled), found);
                settled += 1;
            }
        }
        self.settled = settled as u32;
        self.base.advance(rules, horizon, found);
        self.advanced = horizon;
        found.settle();
        now.copy_from(&self.base);
        if let Some(pending) = &self.pending {
            for i in settled..pending.len() {
                now.fold(rules, strings, &pending.seen(i), found);
            }
        }
        now.advance(rules, watermark, found);
        let held = Self::hold_back(watermark, now, found);
        self.due = now.next_due(rules, watermark).min(held);
        if let Some(pending) = self.pending.take_if(|pending| pending.is_empty())
            && spare.len() < MOST_SPARE
        {
            spare.push(pending);
        }
        if let Some(newest) = self.pending.as_ref().and_then(|pending| pending.newest()) {
            let waits_ms = if settled < self.pending_count() { rules.horizon_ms } else { rules.kept_ms() };
            self.due = self.due.min(newest.plus(waits_ms).plus(1));
        }
    }

    /// Folds into `past` what may not change hands any more; `found` is what that settles for good. Only right after a refold
    /// whose rows are told.
    #[expect(clippy::vec_box, reason = "the boxes themselves go from person to person")]
    pub(crate) fn forget(&mut self, as_of: AsOf<'_>, found: &mut Found, spare: &mut Vec<Box<Pending>>) -> bool {
        let AsOf { rules, strings, watermark } = as_of;
        let limit = watermark.plus(-rules.kept_ms());
        let Some(pending) = &mut self.pending else { return false };
        let old = pending.before(limit).max(pending.len().saturating_sub(MOST_PENDING)).min(self.settled as usize);
        if old == 0 {
            return false;
        }
        found.clear();
        let past = self.past.get_or_insert_with(|| Box::new(State::new(rules)));
        for i in 0..old {
            past.fold(rules, strings, &pending.seen(i), found);
        }
        past.advance(rules, limit, found);
        self.settled -= old as u32;
        pending.drop_front(old);
        if let Some(pending) = self.pending.take_if(|pending| pending.is_empty())
            && spare.len() < MOST_SPARE
        {
            spare.push(pending);
        }
        true
    }

    fn pending_count(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.len())
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
        let fits = |state: &State| {
            state.stages.len() == rules.models.len()
                && state.stages.iter().zip(&rules.models).all(|(stage, model)| stage.fits(model))
        };
        fits(&self.base)
            && self.past.as_ref().is_none_or(|past| fits(past))
            && self.pending.as_ref().is_none_or(|pending| pending.is_sound())
            && self.settled as usize <= self.pending_count()
    }

    pub(crate) fn mark(&self, keep: &mut dyn FnMut(Sym)) {
        keep(self.site);
        self.base.mark(keep);
        if let Some(past) = &self.past {
            past.mark(keep);
        }
        if let Some(pending) = &self.pending {
            pending.mark(keep);
        }
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        size_of::<Person>()
            + self.base.heap_bytes()
            + self.past.as_ref().map_or(0, |past| size_of::<State>() + past.heap_bytes())
            + self.told.capacity() * size_of::<Told>()
            + self.pending.as_ref().map_or(0, |pending| pending.resident_bytes())
    }
}
