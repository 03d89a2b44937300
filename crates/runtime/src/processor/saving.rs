//! Snapshots taken and published, and what the log may forget behind them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crumbtrail_log::{LogError, Offset, PartitionId};
use crumbtrail_telemetry::catalogue;
use hashbrown::HashMap;
use parking_lot::Mutex;

use super::settings::Processor;
use crate::held::Held;
use crate::provenance::Provenance;
use crate::retention;
use crate::step::Step;

/// Per partition, the oldest snapshot kept, as publishing tells it.
pub(super) type Oldest = Arc<Mutex<HashMap<u32, Offset>>>;

impl<S: Step, M: Fn(PartitionId) -> S> Processor<M> {
    /// Goes on with a snapshot, if one is being taken, and has it published when it is whole.
    pub(super) fn save_on<I: Provenance>(&self, held: &mut Held<S, I>, oldest: &Oldest) {
        if !held.owner.is_saving() {
            return;
        }
        let (name, partition) = (held.owner.step().name(), held.owner.partition());
        let begun = Instant::now();
        let saved = held.owner.save_on(self.rules.save_at_once);
        self.metrics.observe(&catalogue::SNAPSHOT_SECONDS, &[name], begun.elapsed().as_secs_f64());
        let (Some((offset, saved)), Some(store)) = (saved, &self.snapshots) else { return };
        let (metrics, oldest) = (self.metrics.clone(), oldest.clone());
        let limit = self.restart_limit(held);
        store.publish(name, partition.0, offset, saved, limit, move |result| match result {
            Ok(published) => {
                let labels = [name, &partition.0.to_string()];
                metrics.set(&catalogue::SNAPSHOT_BYTES, &labels, published.size as f64);
                if published.oldest <= limit {
                    let mut oldest = oldest.lock();
                    let oldest = oldest.entry(partition.0).or_default();
                    *oldest = published.oldest.max(*oldest);
                }
            }
            Err(error) => {
                metrics.add(&catalogue::SNAPSHOT_FAILURES, &[name], 1);
                tracing::warn!(processor = name, partition = partition.0, %error, "snapshot was not published");
            }
        });
    }

    /// A snapshot up to here could be used by a restart now.
    fn restart_limit<I: Provenance>(&self, held: &Held<S, I>) -> Offset {
        let acked = self.sink.acked(held.owner.step().name(), held.owner.partition().0).unwrap_or_default();
        let flushed = if self.onward.is_some() { held.flushed } else { held.owner.next() };
        acked.min(flushed).max(held.limit)
    }

    /// Lets the log forget what no snapshot needs any more and has been kept for long enough.
    pub(super) fn forget<I: Provenance>(
        &self,
        oldest: &Oldest,
        partitions: &BTreeMap<u32, Held<S, I>>,
    ) -> Result<(), LogError> {
        let oldest = std::mem::take(&mut *oldest.lock());
        let Some(retention) = self.retention else { return Ok(()) };
        let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        for (partition, needed) in oldest {
            let Some(held) = partitions.get(&partition) else { continue };
            let oldest_ms = held.owner.wall_ms().saturating_sub(retention_ms);
            retention::forget(self.log.as_ref(), PartitionId(partition), needed, oldest_ms)?;
        }
        Ok(())
    }
}
