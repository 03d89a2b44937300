//! How far the partitions of a processor are: read by imports that wait, by metrics and by `/readyz`.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;

use crumbtrail_log::position::Offset;

/// Progress of one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionProgress {
    /// First log offset not yet processed.
    pub processed: Offset,
    /// First log offset whose rows are not yet handed to the sink.
    pub cut: Offset,
    /// Records that were accepted since the process started.
    pub records: u64,
    /// Whether records wait for the next cut.
    pub waiting: bool,
    /// Origins of which a record is missing, so that what follows it is refused.
    pub gaps: usize,
}

/// Progress of every partition of one processor in this process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    partitions: Arc<Mutex<HashMap<u32, PartitionProgress>>>,
}

impl Progress {
    /// Notes where a partition is.
    pub fn note(&self, partition: u32, progress: PartitionProgress) {
        self.partitions.lock().insert(partition, progress);
    }

    /// Forgets a partition that was given away.
    pub fn forget(&self, partition: u32) {
        self.partitions.lock().remove(&partition);
    }

    /// Where a partition is, if this process owns it.
    #[must_use]
    pub fn of(&self, partition: u32) -> Option<PartitionProgress> {
        self.partitions.lock().get(&partition).copied()
    }

    /// Partitions this process owns.
    #[must_use]
    pub fn owned(&self) -> Vec<(u32, PartitionProgress)> {
        let mut owned: Vec<_> = self.partitions.lock().iter().map(|(p, at)| (*p, *at)).collect();
        owned.sort_unstable_by_key(|(p, _)| *p);
        owned
    }
}
