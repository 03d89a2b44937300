//! Which events go to disk when there is no more room for them in memory, and when they come back.
//!
//! A hand goes around over the slots while events in memory are more than they may be. What it finds quiet goes: no event has come
//! since rows were last said, and they could have been corrected since. So of two visitors the one who is seen more often tends to stay,
//! and nothing is noted at an event. A chain goes whole: one that is never quiet stays, however long it is.
//!
//! Whatever touches a slot has the chains it may read come back before anything is decided, so that no rule knows where events lie.

use crate::away::Away;
use crate::chain::Chain;
use crate::live::{Live, Many};
use crate::places::Places;
use crate::slots::Slot;
use crate::state::Sessions;
use crumbtrail_scratch::Scratch;
use std::io;

/// What stays in memory; what is decided does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes that events may need there.
    pub bytes: usize,
    /// Events of the shortest chain that goes to disk.
    pub fewest: usize,
}

impl Budget {
    /// So many bytes. A chain of less than 8 events stays: the ends that stay of any would be a half of it or more.
    #[must_use]
    pub fn of(bytes: usize) -> Budget {
        Budget { bytes, fewest: 8 }
    }
}

/// Slots looked at in one go: no tick is held up for long.
const LOOKED_AT: usize = 1 << 16;
/// Packs made in one go, 16 MiB.
const PACKS: usize = 32;

impl Chain {
    fn may_go(&self, fewest: usize) -> bool {
        !self.is_dirty && self.live.away().is_none() && self.live.len() >= fewest.max(1)
    }

    /// Its events lie elsewhere from here on.
    fn go(&mut self, away: Away) {
        self.live = Live::elsewhere(away);
        if let Some(rare) = &mut self.rare {
            rare.places = Places::default();
        }
    }

    /// Its events are back.
    fn come_back(&mut self, live: Live) {
        self.live = live;
        if self.live.len() > Chain::SCANNED
            && let Some(rare) = &mut self.rare
        {
            rare.places = Places::of(&self.live);
        }
    }
}

impl Slot {
    fn is_quiet(&self, wall_ms: i64) -> bool {
        !self.is_dirty && self.due <= wall_ms
    }
}

impl Sessions {
    /// Moves events of quiet visitors to disk, some at a time, while those in memory need more than they may. Changes no row.
    ///
    /// # Errors
    /// They cannot be written, and stay in memory.
    pub fn spill(&mut self, scratch: &mut Scratch, budget: Budget) -> io::Result<()> {
        let mut left = LOOKED_AT.min(self.slots.count());
        for _ in 0..PACKS {
            if left == 0 || self.heap_bytes - self.away * size_of::<Many>() <= budget.bytes {
                break;
            }
            self.spill_pack(scratch, budget.fewest, &mut left)?;
        }
        Ok(())
    }

    /// Fills a pack, looking at `left` slots at most.
    fn spill_pack(&mut self, scratch: &mut Scratch, fewest: usize, left: &mut usize) -> io::Result<()> {
        let (mut filling, mut going) = (self.packs.begin(), Vec::new());
        while *left > 0 && !filling.is_full() {
            *left -= 1;
            self.hand = if self.hand + 1 < self.slots.count() { self.hand + 1 } else { 0 };
            let n = self.hand as u32;
            // To change what is still to be saved as it was would have it copied.
            if self.slots.is_to_be_saved(n) || !self.slots.get(n).is_quiet(self.wall_ms) {
                continue;
            }
            for (i, chain) in self.slots.get(n).chains.iter().enumerate().filter(|(_, chain)| chain.may_go(fewest)) {
                going.push((n, i, filling.put(chain.live.iter())));
            }
        }
        if going.is_empty() {
            return Ok(());
        }
        let pack = self.packs.end(filling, scratch)?;
        for (n, i, at) in going {
            let chain = &mut self.slots.get_mut(n).chains[i];
            let (Some(&first), Some(&last)) = (chain.live.first(), chain.live.last()) else { continue };
            self.heap_bytes -= chain.heap_bytes();
            chain.go(Away::new(&pack, at, (first, last), chain.live.len()));
            self.heap_bytes += chain.heap_bytes();
            self.away += 1;
        }
        Ok(())
    }

    /// Has events of the chains that are wanted come back to memory.
    ///
    /// # Errors
    /// They cannot be read: the state is not to be used any more.
    #[inline]
    pub(crate) fn recall(&mut self, n: u32, is_wanted: impl Fn(&Chain) -> bool) -> io::Result<()> {
        if self.away == 0 { Ok(()) } else { self.recall_some(n, is_wanted) }
    }

    /// Has those come back of which a visit says or takes back rows.
    ///
    /// # Errors
    /// As [`Sessions::recall`].
    #[inline]
    pub(crate) fn recall_due(&mut self, n: u32) -> io::Result<()> {
        if self.away == 0 {
            return Ok(());
        }
        let (slot, watermark) = (self.slots.get(n), self.watermark);
        let limits = self.sites[usize::from(slot.site)].rules.limits;
        let is_stale = slot.chains.iter().any(|chain| chain.rare.as_ref().is_some_and(|rare| !rare.stale.is_empty()));
        self.recall_some(n, |chain| is_stale || chain.is_dirty || chain.closes_at(&limits) < watermark)
    }

    fn recall_some(&mut self, n: u32, is_wanted: impl Fn(&Chain) -> bool) -> io::Result<()> {
        let is_wanted = |chain: &Chain| chain.live.away().is_some() && is_wanted(chain);
        if !self.slots.get(n).chains.iter().any(is_wanted) {
            return Ok(());
        }
        for chain in self.slots.get_mut(n).chains.iter_mut().filter(|chain| is_wanted(chain)) {
            let Some(away) = chain.live.away() else { continue };
            let live = Live::of(away.read()?);
            self.heap_bytes -= chain.heap_bytes();
            chain.come_back(live);
            self.heap_bytes += chain.heap_bytes();
            self.away -= 1;
        }
        Ok(())
    }

    /// Bytes of events that lie on disk.
    #[must_use]
    pub fn bytes_on_disk(&self) -> usize {
        self.packs.bytes_on_disk()
    }
}
