//! What a processor needs, and what follows from that alone.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crumbtrail_log::{Epoch, Generation, Log, Offset, Outbox, PartitionId};
use crumbtrail_telemetry::{Beat, Metrics};

use crate::clock::Clock;
use crate::cutter::CutRules;
use crate::gaps::Asks;
use crate::held::{Held, Room};
use crate::owner::{Owner, Place};
use crate::progress::Progress;
use crate::provenance::Provenance;
use crate::quarantine::StepCrashes;
use crate::restores::Restores;
use crate::sink::Sink;
use crate::snapshot::SnapshotStore;
use crate::step::Step;
use crate::suspects::Marks;

/// The origin that a partition of a log is in the next log.
#[must_use]
pub fn origin_name(log: &dyn Log, partition: PartitionId) -> String {
    format!("log:{}/{}", log.name(), partition.0)
}

/// Everything a processor thread needs. `make` makes the empty step of a partition.
pub struct Processor<M> {
    /// The input log.
    pub log: Arc<dyn Log>,
    /// The log it writes, if any.
    pub onward: Option<Arc<dyn Log>>,
    /// The control log, where it asks writers to go back, and is asked to.
    pub control: Option<Arc<dyn Log>>,
    /// Where rows go.
    pub sink: Arc<dyn Sink>,
    /// Where snapshots go; `None`: it always replays from the log's start.
    pub snapshots: Option<SnapshotStore>,
    /// Makes an empty step.
    pub make: M,
    /// When to cut and snapshot.
    pub rules: CutRules,
    /// Routing epoch.
    pub epoch: Epoch,
    /// Configuration generation.
    pub generation: Generation,
    /// Wall time, for lag metrics only.
    pub clock: Clock,
    /// Metrics.
    pub metrics: Metrics,
    /// Progress, shared with whoever waits.
    pub progress: Progress,
    /// Set to end the loop.
    pub stop: Arc<AtomicBool>,
    /// Told at each turn, for whoever looks whether it hangs.
    pub beat: Beat,
    /// How often what was appended onward is made durable.
    pub flush_interval: Duration,
    /// Whether what a log of ours has forgotten without a snapshot is accepted as lost; see [`crate::adopt`].
    pub accepts_gaps: bool,
    /// How many partitions are restored at once.
    pub restores: Restores,
    /// How long its log keeps frames that no snapshot needs; `None` where the home sees to that by itself.
    pub retention: Option<Duration>,
}

impl<S: Step, M: Fn(PartitionId) -> S> Processor<M> {
    /// Our origin in the next log, as that of a partition of ours.
    pub(crate) fn origin_name(&self, partition: PartitionId) -> String {
        origin_name(self.log.as_ref(), partition)
    }

    /// Our origins in the next log, of every partition.
    pub(crate) fn origin_names(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.log.partitions()).map(|partition| self.origin_name(PartitionId(partition)))
    }

    /// The next log's writer for a partition, and its origin there.
    pub(crate) fn onward_of(&self, partition: PartitionId) -> Option<(Outbox, String)> {
        let onward = self.onward.as_ref()?;
        let outbox = Outbox::new(self.epoch, self.generation, onward.partitions()).with_lz4(onward.wants_lz4());
        Some((outbox, self.origin_name(partition)))
    }

    /// A partition dealt to it, whose log ends at `end`.
    pub(crate) fn held<I: Provenance>(
        &self,
        owner: Owner<S, I>,
        end: Offset,
        limit: Offset,
        flushed: Offset,
    ) -> Held<S, I> {
        let scratch = self.snapshots.as_ref().and_then(SnapshotStore::scratch);
        Held { owner, asks: Asks::new(end), limit, flushed, room: Room::new(scratch), suspects: None }
    }

    pub(super) fn crashes(&self) -> Option<StepCrashes> {
        self.snapshots.as_ref().map(|store| StepCrashes::new(store.notes("crashes")))
    }

    pub(super) fn marks(&self) -> Option<Marks> {
        self.snapshots.as_ref().map(|store| Marks::new(store.notes("crashes")))
    }

    /// Records of a partition that are not given to its step.
    pub(crate) fn aside(&self, name: &str, partition: PartitionId) -> Vec<Place> {
        self.crashes().map(|crashes| crashes.aside(name, partition.0)).unwrap_or_default()
    }
}
