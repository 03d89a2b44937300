//! Memory that will be needed soon, asked for all at once.
//!
//! With millions of sessions open, nearly every step from a key to its events waits for memory: index, slot, events, name.
//! One key after the other, the waits add up. So those of many keys are read first, a step at a time: loads that do not
//! depend on each other are under way together, and what comes after finds its bytes in the cache. Nothing is changed.
//!
//! ```text
//! one after the other   index─slot─events─work index─slot─events─work index─slot─events─work
//! ahead                 index─slot─events
//!                        index─slot─events     work work work
//!                         index─slot─events
//! ```

use crate::state::Sessions;
use crumbtrail_events::Key;
use std::hint::black_box;

/// So few keys are in the cache anyway.
const FEW: usize = 10_000;

impl Sessions {
    /// So many keys are looked at ahead at once: with more, the first have left the nearest cache when they are needed.
    pub const AHEAD: usize = 64;

    /// Asks for what the next touchpoints of these keys will read, of [`Sessions::AHEAD`] at most. Decides nothing, and may be left out.
    pub fn look_ahead(&self, keys: impl Iterator<Item = Key>) {
        if self.slots.len() < FEW {
            return;
        }
        let mut found = [0; Sessions::AHEAD];
        let mut count = 0;
        for n in keys.take(Sessions::AHEAD).filter_map(|key| self.slots.find(key)) {
            found[count] = n;
            count += 1;
        }
        self.slots_ahead(found[..count].iter().copied());
    }

    /// Asks for what the rows of these slots are made of.
    pub(crate) fn rows_ahead(&self, slots: impl Iterator<Item = u32> + Clone) {
        self.slots_ahead(slots.clone());
        let names = slots.map(|n| self.names.bytes(self.slots.get(n).visitor));
        black_box(names.fold(0, |sum, name| sum ^ name.first().copied().unwrap_or_default()));
    }

    /// Asks for these slots, and the ends of their first chains.
    pub(crate) fn slots_ahead(&self, slots: impl Iterator<Item = u32> + Clone) {
        let ends = |n: u32| {
            let slot = self.slots.get(n);
            // A slot lies in two or three lines of the cache.
            slot.due ^ slot.hash as i64 ^ slot.chains.len() as i64 ^ slot.key().0 as i64
        };
        black_box(slots.clone().fold(0, |sum, n| sum ^ ends(n)));
        let events = slots.filter_map(|n| self.slots.get(n).chains.first()).map(|chain| {
            let ids = [chain.live.first(), chain.live.last()].map(|event| event.map_or(0, |event| event.id));
            ids[0] ^ ids[1]
        });
        black_box(events.fold(0, |sum, ids| sum ^ ids));
    }
}
