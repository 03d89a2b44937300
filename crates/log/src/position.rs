//! Newtypes for where a record stands.

use xxhash_rust::xxh3::xxh3_64;

/// A partition of one of our logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u32);

/// Where a frame stands in a partition of a log of ours; dense or not, always growing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

/// Who made a record: 64 bits of XXH3 over the origin's canonical name, such as `kafka:clicks/3`, `file:<content hash>`
/// or `log:touchpoints/0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginId(pub u64);

impl OriginId {
    /// The id of the origin with this canonical name.
    #[must_use]
    pub fn of(name: &str) -> OriginId {
        OriginId(xxh3_64(name.as_bytes()))
    }
}

/// A position within an origin: the source offset, and a sequence number (from 1) among the records made from it.
///
/// `(n, 0)` stands before the first record made from offset `n`, so it also says "everything below `n` is decided".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Source offset.
    pub offset: u64,
    /// Sequence number within the source offset; 0 is before its first record.
    pub seq: u32,
}

impl Position {
    /// Before the first record made from `offset`: where a writer that starts at `offset` starts from.
    #[must_use]
    pub fn before(offset: u64) -> Position {
        Position { offset, seq: 0 }
    }
}

/// A configuration's generation: judging may change with it, and it only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u32);

/// A routing epoch: partition counts and key rules are constant within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u8);
