//! A partition dealt to a processor, and room beside memory for what it holds.

use crumbtrail_log::Offset;
use crumbtrail_scratch::Scratch;

use crate::gaps::Asks;
use crate::owner::Owner;
use crate::provenance::Provenance;
use crate::step::Step;
use crate::suspects::Suspects;

/// A partition dealt to this processor.
pub(crate) struct Held<S, I> {
    pub(crate) owner: Owner<S, I>,
    pub(crate) asks: Asks,
    /// Up to where the tables and the next log went when it was restored.
    pub(crate) limit: Offset,
    /// Everything below was read, and what it passed on is durable.
    pub(crate) flushed: Offset,
    pub(crate) room: Room,
    /// Where processes ended that had it before; none without snapshots.
    pub(crate) suspects: Option<Suspects>,
}

/// Where an owner's blocks are moved to.
pub(crate) struct Room {
    scratch: Option<Scratch>,
    /// Moving them failed when it was tried last.
    is_full: bool,
}

impl Room {
    pub(crate) fn new(scratch: Option<Scratch>) -> Room {
        Room { scratch, is_full: false }
    }

    /// Moves what may leave memory to disk; without room there it stays, and that is told once. Whether it could be moved.
    pub(crate) fn spill<S: Step, I: Provenance>(&mut self, owner: &mut Owner<S, I>) -> bool {
        let Some(scratch) = &mut self.scratch else { return true };
        let spilled = owner.spill(scratch);
        if let Err(error) = &spilled
            && !self.is_full
        {
            let partition = owner.partition().0;
            tracing::warn!(partition, %error, "no scratch space: state that could lie on disk stays in memory");
        }
        self.is_full = spilled.is_err();
        !self.is_full
    }
}
