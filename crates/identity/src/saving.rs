//! A snapshot under way.

use crumbtrail_events::Pieces;

/// A save under way: of the state as it was when it began.
#[derive(Debug)]
pub(crate) struct Saving {
    /// What stands before what is known, with that of it which is saved, and after it.
    pub(crate) pieces: Pieces,
    pub(crate) end: Vec<u8>,
    /// The next shard.
    pub(crate) next: usize,
}
