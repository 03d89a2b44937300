//! How far a partition is, for whoever waits and for metrics.

use crumbtrail_log::PartitionId;
use crumbtrail_telemetry::catalogue;

use super::settings::Processor;
use crate::owner::Owner;
use crate::progress::PartitionProgress;
use crate::provenance::Provenance;
use crate::step::Step;

impl<S: Step, M: Fn(PartitionId) -> S> Processor<M> {
    pub(super) fn note<I: Provenance>(&self, owner: &Owner<S, I>, accepted: u64) {
        let partition = owner.partition().0;
        let before = self.progress.of(partition).unwrap_or_default();
        self.progress.note(
            partition,
            PartitionProgress {
                processed: owner.next(),
                cut: owner.cut_from(),
                records: before.records + accepted,
                waiting: owner.is_waiting(),
                gaps: owner.gaps().count(),
            },
        );
    }

    /// How old the tables are. Told at every tick, so that whoever waits for one sees it at once.
    pub(super) fn measure_age<I: Provenance>(&self, owner: &Owner<S, I>) {
        if owner.wall_ms() > i64::MIN {
            let age = self.clock.now_ms().saturating_sub(owner.wall_ms()).max(0);
            let labels = [owner.step().name(), &owner.partition().0.to_string()];
            self.metrics.set(&catalogue::STEP_LAG_SECONDS, &labels, age as f64 / 1e3);
        }
    }

    pub(super) fn measure<I: Provenance>(&self, owner: &Owner<S, I>, lag: Option<u64>) {
        let name = owner.step().name();
        let partition = owner.partition().0.to_string();
        let labels = [name, partition.as_str()];
        let now = self.clock.now_ms();
        if let Some(lag) = lag {
            self.metrics.set(&catalogue::STEP_LAG, &labels, lag as f64);
        }
        self.measure_age(owner);
        if owner.watermark().0 > i64::MIN {
            let delay = now.saturating_sub(owner.watermark().0);
            self.metrics.set(&catalogue::STEP_WATERMARK_DELAY, &labels, delay as f64 / 1e3);
        }
        self.metrics.set(&catalogue::STEP_GAPS_OPEN, &labels, owner.gaps().count() as f64);
        let gauges = owner.step().gauges();
        self.metrics.set(&catalogue::STATE_BYTES, &labels, gauges.resident_bytes as f64);
        self.metrics.set(&catalogue::SCRATCH_BYTES, &labels, gauges.bytes_on_disk as f64);
        if name == "journey" {
            self.metrics.set(&catalogue::PEOPLE, &[&partition], gauges.open as f64);
        } else {
            self.metrics.set(&catalogue::OPEN_SESSIONS, &[&partition], gauges.open as f64);
            self.metrics.set(&catalogue::OPEN_CONVERSATIONS, &[&partition], gauges.conversations as f64);
        }
    }
}
