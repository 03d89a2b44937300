//! One person: what is settled, what is pending, and what was last said of them.

use std::io;

use crumbtrail_events::{EventTime, Key, Touchpoint};

use crate::found::Found;
use crate::packed::Packed;
use crate::past::Past;
use crate::pending::Pending;
use crate::rules::JourneyRules;
use crate::shelf::Shelf;
use crate::snapshot::stored;
use crate::state::State;
use crate::strings::{Strings, Sym};
use crate::told::{AsOf, Told};

/// Touchpoints kept per person; beyond, the oldest are settled for good (and one that belongs among them is taken as of
/// the time that is settled). Bounds the memory and the refold of somebody who is no person.
const MOST_PENDING: usize = 20_000;

/// Emptied lists kept for the next person who needs one.
const MOST_SPARE: usize = 1024;

/// So many settled touchpoints are packed though younger ones are pending: fewer would be read for little.
const MANY: usize = 32;

/// Touchpoints of a segment, at most: what has to be read and forgotten at once.
const MOST_PACKED: usize = 256;

/// Who had something of theirs unpacked is left alone for so long, ms: more of it may be on its way.
const UNPACKED_MS: i64 = 3_600_000;

/// One person's state.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) key: Key,
    pub(crate) site: Sym,
    /// The customer's id; empty of who is none.
    pub(crate) name: Sym,
    /// Folded: older than what may still change hands.
    pub(crate) past: Past,
    /// Folded on top of it: older than anything that may still arrive.
    pub(crate) base: State,
    /// What is not in `past`, but in `base`, and was packed away.
    pub(crate) packed: Option<Box<Packed>>,
    /// What is younger, and in memory.
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
    name,
    past,
    base,
    packed,
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
            name: Sym(0),
            past: Past::Nothing,
            base: State::new(rules),
            packed: None,
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
        self.past.is_nothing() && self.packed.is_none() && self.pending.is_none()
    }

    /// Learns the customer's id from a touchpoint that names one: it is theirs if their key was made of it. Whatever is passed on
    /// to a customer names them, so the first one does.
    pub(crate) fn learn_name(&mut self, touchpoint: &Touchpoint<'_>, strings: &mut Strings) {
        let Touchpoint { site, customer, .. } = *touchpoint;
        if self.name.is_empty() && !customer.is_empty() && Key::customer(site, customer) == self.key {
            self.name = strings.intern(customer);
        }
    }

    /// Notes that the touchpoint at `place`, of the time `at`, came or went.
    pub(crate) fn touched(&mut self, place: usize, at: EventTime) {
        self.is_torn |= place < self.settled as usize || at < self.advanced;
    }

    /// Has a touchpoint of this time and id in memory, if it is among the packed, and those that it may belong among.
    ///
    /// # Errors
    /// As [`Shelf::read`].
    #[expect(clippy::vec_box, reason = "the boxes themselves go from person to person")]
    pub(crate) fn unpack(&mut self, shelf: &mut Shelf, spare: &mut Vec<Box<Pending>>) -> io::Result<()> {
        let Some(packed) = self.packed.take() else { return Ok(()) };
        self.is_torn = true;
        let mut all = spare.pop().unwrap_or_default();
        for segment in &packed.segments {
            all.append(shelf.read(segment)?);
            shelf.release(segment);
        }
        self.settled += all.len() as u32;
        if let Some(pending) = self.pending.take() {
            all.append(&pending);
        }
        self.pending = Some(all);
        Ok(())
    }

    /// Settles what lies behind the horizon, then folds the rest on top of a copy, as of the watermark. Afterwards `now` is
    /// the person's provisional state, `found` what was found on the way: everything since `past` if [`Found::is_whole`],
    /// else everything since the last refold.
    ///
    /// # Errors
    /// As [`Shelf::read`].
    pub(crate) fn refold(
        &mut self,
        as_of: AsOf<'_>,
        shelf: &mut Shelf,
        now: &mut State,
        found: &mut Found,
    ) -> io::Result<()> {
        let AsOf { rules, strings, watermark } = as_of;
        let horizon = watermark.plus(-rules.horizon_ms);
        found.clear();
        found.is_whole = std::mem::take(&mut self.is_torn);
        self.past.part(&self.base);
        if found.is_whole {
            match self.past.state() {
                Some(past) => self.base.copy_from(past),
                None => self.base = State::new(rules),
            }
            for segment in self.packed.iter().flat_map(|packed| &packed.segments) {
                let packed = shelf.read(segment)?;
                for i in 0..packed.len() {
                    self.base.fold(rules, strings, &packed.seen(i), found);
                }
            }
            self.settled = 0;
        }
        let mut settled = self.settled as usize;
        if let Some(pending) = &self.pending {
            let surplus = (self.packed_count() + pending.len()).saturating_sub(MOST_PENDING);
            let surplus = surplus.saturating_sub(self.packed_count());
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
        Ok(())
    }

    /// Folds into `past` what may not change hands any more; `found` is what that settles for good. What is packed goes by whole
    /// segments. Only right after a refold whose rows are told.
    ///
    /// # Errors
    /// As [`Shelf::read`].
    pub(crate) fn forget(&mut self, as_of: AsOf<'_>, shelf: &mut Shelf, found: &mut Found) -> io::Result<bool> {
        let AsOf { rules, strings, watermark } = as_of;
        let limit = watermark.plus(-rules.kept_ms());
        found.clear();
        let mut has_forgotten = false;
        while let Some(packed) = &mut self.packed {
            let count = packed.count() + self.pending.as_ref().map_or(0, |pending| pending.len());
            let Some(segment) = packed.segments.first().filter(|oldest| oldest.newest < limit || count > MOST_PENDING)
            else {
                break;
            };
            let past = self.past.own(rules);
            let old = shelf.read(segment)?;
            for i in 0..old.len() {
                past.fold(rules, strings, &old.seen(i), found);
            }
            shelf.release(segment);
            packed.pop_oldest();
            has_forgotten = true;
            self.packed.take_if(|packed| packed.count() == 0);
        }
        if self.packed.is_none()
            && let Some(pending) = &mut self.pending
        {
            let old = pending.before(limit).max(pending.len().saturating_sub(MOST_PENDING)).min(self.settled as usize);
            if old > 0 {
                let past = self.past.own(rules);
                for i in 0..old {
                    past.fold(rules, strings, &pending.seen(i), found);
                }
                self.settled -= old as u32;
                pending.drop_front(old);
                has_forgotten = true;
            }
        }
        let Past::Own(past) = &mut self.past else { return Ok(false) };
        let is_all = self.packed.is_none() && self.pending.as_ref().is_none_or(|pending| pending.is_empty());
        if has_forgotten || is_all {
            past.advance(rules, limit, found);
        }
        Ok(has_forgotten || is_all)
    }

    /// Packs what is settled if that is all there is, or a lot. Not if something of theirs has just come or gone that had been
    /// settled already.
    ///
    /// # Errors
    /// As [`Shelf::push`].
    pub(crate) fn pack(&mut self, was_torn: bool, shelf: &mut Shelf) -> io::Result<()> {
        let settled = self.settled as usize;
        let Some(pending) = self.pending.as_mut().filter(|_| !was_torn) else { return Ok(()) };
        if settled == 0 || settled < MANY.min(pending.len()) {
            return Ok(());
        }
        let packed = self.packed.get_or_insert_default();
        for start in (0..settled).step_by(MOST_PACKED) {
            let range = start..settled.min(start + MOST_PACKED);
            let segment = shelf.push(pending, range.clone())?;
            packed.push(segment, pending.points[range].iter().map(|point| point.id));
        }
        pending.drop_front(settled);
        self.settled = 0;
        Ok(())
    }

    /// Sees to it that time alone has it looked at again, when something is to be settled, packed or forgotten.
    /// Of whom nothing is kept beside their past, one state is enough.
    pub(crate) fn wait(&mut self, rules: &JourneyRules, watermark: EventTime) {
        if self.packed.is_none() && self.pending.is_none() && !self.past.join(&self.base) {
            self.due = self.due.min(watermark.plus(rules.kept_ms()));
        }
        if let Some(oldest) = self.packed.as_ref().and_then(|packed| packed.oldest()) {
            self.due = self.due.min(oldest.plus(rules.kept_ms()).plus(1));
        }
        if let Some(newest) = self.pending.as_ref().and_then(|pending| pending.newest()) {
            let is_settled = self.settled as usize == self.pending_count();
            let to_settle = newest.plus(rules.horizon_ms).plus(1);
            self.due = self.due.min(if is_settled { watermark.plus(UNPACKED_MS) } else { to_settle });
        }
    }

    /// Gives an emptied list back.
    #[expect(clippy::vec_box, reason = "the boxes themselves go from person to person")]
    pub(crate) fn give_back(&mut self, spare: &mut Vec<Box<Pending>>) {
        if let Some(pending) = self.pending.take_if(|pending| pending.is_empty())
            && spare.len() < MOST_SPARE
        {
            spare.push(pending);
        }
    }

    fn packed_count(&self) -> usize {
        self.packed.as_ref().map_or(0, |packed| packed.count())
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
            && self.past.state().is_none_or(fits)
            && self.pending.as_ref().is_none_or(|pending| pending.is_sound())
            && self.packed.as_ref().is_none_or(|packed| packed.is_sound())
            && self.settled as usize <= self.pending_count()
    }

    pub(crate) fn mark(&self, keep: &mut dyn FnMut(Sym)) {
        keep(self.site);
        keep(self.name);
        self.base.mark(keep);
        if let Some(past) = self.past.state() {
            past.mark(keep);
        }
        if let Some(pending) = &self.pending {
            pending.mark(keep);
        }
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        size_of::<Person>()
            + self.base.heap_bytes()
            + self.past.state().map_or(0, |past| size_of::<State>() + past.heap_bytes())
            + self.told.capacity() * size_of::<Told>()
            + self.packed.as_ref().map_or(0, |packed| packed.resident_bytes())
            + self.pending.as_ref().map_or(0, |pending| pending.resident_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_an_id_names_their_key_was_made_of_it() {
        let (mut strings, rules) = (Strings::new(), JourneyRules::default());
        let touchpoint = |customer| Touchpoint { site: "shop", visitor: "v", customer, ..Touchpoint::default() };
        let mut name = |key, told: &[&'static str]| {
            let mut person = Person::new(key, Sym(0), &rules);
            told.iter().for_each(|customer| person.learn_name(&touchpoint(customer), &mut strings));
            strings.get(person.name).to_owned()
        };
        assert_eq!(name(Key::customer("shop", "c"), &["", "other", "c", "other"]), "c");
        assert_eq!(name(Key::customer("elsewhere", "c"), &["c"]), "", "another site's customer of the same id");
        assert_eq!(name(Key::visitor("shop", "v"), &["c", "v"]), "", "a visitor is nobody by name");
    }
}
