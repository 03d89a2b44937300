//! What a snapshot holds beside the step's state: how far ticks and batches are, and what was heard of each origin.

use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_signed};

use crate::cutter::Cutter;
use crate::provenance::Provenance;

/// Format version of the owner's part of a snapshot.
const STATE_VERSION: u8 = 1;

/// The owner's part of a snapshot.
pub(crate) struct Head<I> {
    pub(crate) time: TickTime,
    pub(crate) cutter: Cutter,
    pub(crate) inbox: I,
}

impl<I: Provenance> Head<I> {
    /// Reads what [`write`] made.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Head<I>, WireError> {
        if reader.u8()? != STATE_VERSION {
            return Err(WireError::Malformed("state of another format version"));
        }
        let time = TickTime { wall_ms: reader.signed()?, skipped_ms: reader.signed()? };
        let cutter = Cutter::load(reader)?;
        let inbox = I::decode(reader.bytes()?).map_err(|_| WireError::Malformed("inbox of another format version"))?;
        Ok(Head { time, cutter, inbox })
    }
}

/// Appends the owner's part.
pub(crate) fn write(time: TickTime, cutter: &Cutter, inbox: &impl Provenance, out: &mut Vec<u8>) {
    out.push(STATE_VERSION);
    put_signed(out, time.wall_ms);
    put_signed(out, time.skipped_ms);
    cutter.save(out);
    let mut part = Vec::new();
    inbox.encode(&mut part);
    put_bytes(out, &part);
}

/// What ticks say about wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TickTime {
    /// The latest wall time of any tick, ms.
    pub(crate) wall_ms: i64,
    /// Added for every closing tick, so that to the step and the cutter everything that waits for time is due then.
    skipped_ms: i64,
}

impl TickTime {
    pub(crate) const START: TickTime = TickTime { wall_ms: i64::MIN, skipped_ms: 0 };

    pub(crate) fn take(&mut self, wall_ms: i64, closing: bool) {
        self.wall_ms = self.wall_ms.max(wall_ms);
        self.skipped_ms += if closing { SKIP_MS } else { 0 };
    }

    /// The clock of step and cutter: never goes back.
    pub(crate) fn elapsed(&self) -> i64 {
        self.wall_ms.saturating_add(self.skipped_ms)
    }
}

/// Longer than any interval that waits for wall time.
const SKIP_MS: i64 = 3_600_000;
