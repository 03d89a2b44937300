//! How far each origin is read.

use std::sync::atomic::{AtomicU64, Ordering};

use crumbtrail_events::EventTime;
use crumbtrail_log::{OriginId, SourcePartition};
use hashbrown::HashMap;

use super::proof::Proof;

/// The origin whose watermark stands for all imported files; see [`crate::import`].
pub const IMPORT_ORIGIN: &str = "import";

/// How far a member's source partitions are read.
#[derive(Debug, Default)]
pub struct Progress {
    owned: AtomicU64,
    at_end: AtomicU64,
}

impl Progress {
    /// Partitions owned, and of these read to their confirmed end.
    #[must_use]
    pub fn get(&self) -> (u64, u64) {
        (self.owned.load(Ordering::Relaxed), self.at_end.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, origins: &HashMap<OriginId, OriginAt>) {
        self.owned.store(origins.len() as u64, Ordering::Relaxed);
        let at_end = origins.values().filter(|at| at.at_end).count();
        self.at_end.store(at_end as u64, Ordering::Relaxed);
    }
}

/// An origin that is read here.
pub(super) struct OriginAt {
    pub(super) partition: SourcePartition,
    pub(super) frontier: u64,
    pub(super) watermark: EventTime,
    /// Its end was confirmed since it was started.
    pub(super) at_end: bool,
    /// A record that was read here; the next one takes its place if that is wanted.
    pub(super) read: Option<Proof>,
    pub(super) wants_read: bool,
}
