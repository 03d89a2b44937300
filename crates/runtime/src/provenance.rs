//! What an owner asks of the reader's side of provenance. Production has one answer, [`Inbox`]; the simulation puts
//! broken ones in its place, to show that it would notice (which costs production nothing: the calls are static).

use crumbtrail_log::inbox::{InboxError, TickVerdict};
use crumbtrail_log::{Gap, Generation, Inbox, OriginId, Position, Tick, Verdict};

/// Tells what is new, a repeat, or after a hole: see [`Inbox`], whose methods these are.
pub trait Provenance: Send + Sized {
    /// [`Inbox::new`].
    fn new() -> Self;
    /// [`Inbox::adopting`].
    #[must_use]
    fn adopting() -> Self {
        Self::new()
    }
    /// [`Inbox::judge`].
    fn judge(&mut self, generation: Generation, origin: OriginId, position: Position, previous: Position) -> Verdict;
    /// [`Inbox::tick`].
    fn tick(&mut self, tick: &Tick) -> TickVerdict;
    /// [`Inbox::watermark`].
    fn watermark(&self) -> Option<i64>;
    /// [`Inbox::gaps`].
    fn gaps(&self) -> impl Iterator<Item = Gap>;
    /// [`Inbox::encode`].
    fn encode(&self, out: &mut Vec<u8>);
    /// [`Inbox::decode`].
    ///
    /// # Errors
    /// Bytes cut, changed or of a later version.
    fn decode(bytes: &[u8]) -> Result<Self, InboxError>;
}

impl Provenance for Inbox {
    fn new() -> Inbox {
        Inbox::new()
    }

    fn adopting() -> Inbox {
        Inbox::adopting()
    }

    #[inline]
    fn judge(&mut self, generation: Generation, origin: OriginId, position: Position, previous: Position) -> Verdict {
        Inbox::judge(self, generation, origin, position, previous)
    }

    fn tick(&mut self, tick: &Tick) -> TickVerdict {
        Inbox::tick(self, tick)
    }

    #[inline]
    fn watermark(&self) -> Option<i64> {
        Inbox::watermark(self)
    }

    fn gaps(&self) -> impl Iterator<Item = Gap> {
        Inbox::gaps(self)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        Inbox::encode(self, out);
    }

    fn decode(bytes: &[u8]) -> Result<Inbox, InboxError> {
        Inbox::decode(bytes)
    }
}

/// A hash of where a record came from; the ledger adds them up.
pub(crate) fn position_hash(origin: OriginId, position: Position) -> u64 {
    // SplitMix64's finaliser over the three numbers: cheap, and sums of it don't cancel.
    let mut x = origin.0 ^ position.offset.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (u64::from(position.seq) << 48);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
