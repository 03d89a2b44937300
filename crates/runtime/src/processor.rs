//! The loop of a processor: one thread, one subscription, an owner per partition dealt to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use crumbtrail_log::control::{Control, GoBack};
use crumbtrail_log::{Epoch, Event, Generation, Log, LogError, Member, Offset, OriginId, Outbox, PartitionId};
use crumbtrail_telemetry::{Metrics, catalogue};

use crate::clock::Clock;
use crate::cutter::CutRules;
use crate::owner::{FrameReport, Owner, OwnerError, Start};
use crate::progress::{PartitionProgress, Progress};
use crate::sink::{Sink, SinkError};
use crate::snapshot::{SnapshotError, SnapshotStore};
use crate::step::Step;

/// Why a processor ends before it is told to.
#[derive(Debug, thiserror::Error)]
pub enum ProcessorError {
    /// A log failed.
    #[error("log: {0}")]
    Log(#[from] LogError),
    /// A partition halts.
    #[error("{processor} partition {partition}: {source}")]
    Owner {
        /// Processor name.
        processor: &'static str,
        /// Partition.
        partition: u32,
        /// Why.
        source: OwnerError,
    },
    /// Rows cannot be delivered.
    #[error("{0}")]
    Sink(#[from] SinkError),
    /// Snapshots cannot be read.
    #[error("{0}")]
    Snapshot(#[from] SnapshotError),
}

/// Everything a processor thread needs. `make` makes the empty step of a partition.
pub struct Processor<M> {
    /// The input log.
    pub log: Arc<dyn Log>,
    /// The log it writes, if any.
    pub onward: Option<Arc<dyn Log>>,
    /// The control log, where it asks writers to go back.
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
    /// How often what was appended onward is made durable.
    pub flush_interval: Duration,
}

/// How long a poll waits when there is nothing to read.
const POLL: Duration = Duration::from_millis(20);
/// How often lag and gauges are measured.
const MEASURE: Duration = Duration::from_secs(1);
/// How long a flush of the onward log may take before it is an error.
const FLUSH_DEADLINE: Duration = Duration::from_secs(60);

impl<S: Step, M: Fn(PartitionId) -> S> Processor<M> {
    /// Runs until it is stopped or cannot go on.
    ///
    /// # Errors
    /// The log, the sink or the snapshot store fails for good, or a partition must halt.
    pub fn run(&self, member: Member<'_>) -> Result<(), ProcessorError> {
        let mut subscription = self.log.subscribe(member)?;
        let mut owners: HashMap<u32, Owner<S>> = HashMap::new();
        let mut paused = false;
        let mut unflushed = false;
        let mut flushed_at = Instant::now();
        let mut measured_at = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            let room = self.sink.has_room();
            if room == paused {
                for partition in owners.keys() {
                    if room {
                        subscription.resume(PartitionId(*partition))?;
                    } else {
                        subscription.pause(PartitionId(*partition))?;
                    }
                }
                paused = !room;
            }
            match subscription.next(POLL)? {
                Event::Assigned(partition) => {
                    let owner = self.recover(partition)?;
                    subscription.start(partition, owner.next())?;
                    if paused {
                        subscription.pause(partition)?;
                    }
                    self.note(&owner, 0);
                    owners.insert(partition.0, owner);
                }
                Event::Revoked(partition) => {
                    owners.remove(&partition.0);
                    self.progress.forget(partition.0);
                }
                Event::Frame { partition, offset, bytes } => {
                    if let Some(owner) = owners.get_mut(&partition.0) {
                        unflushed |= self.frame(owner, offset, &bytes)?;
                    }
                }
                Event::AtEnd { .. } | Event::Idle => {}
            }
            if unflushed && flushed_at.elapsed() >= self.flush_interval {
                if let Some(onward) = &self.onward {
                    onward.flush(FLUSH_DEADLINE)?;
                }
                unflushed = false;
                flushed_at = Instant::now();
            }
            if measured_at.elapsed() >= MEASURE {
                measured_at = Instant::now();
                for owner in owners.values() {
                    self.measure(owner, subscription.lag(owner.partition()));
                    let name = owner.step().name();
                    if let Some(acked) = self.sink.acked(name, owner.partition().0) {
                        // A report only: a failed one is made good by the next.
                        if let Err(error) = subscription.report(owner.partition(), acked) {
                            tracing::debug!(%error, "offset report failed");
                        }
                    }
                }
            }
        }
        if let Some(onward) = &self.onward {
            onward.flush(FLUSH_DEADLINE)?;
        }
        Ok(())
    }

    /// Takes a frame; says whether something was appended onward.
    fn frame(&self, owner: &mut Owner<S>, offset: Offset, bytes: &[u8]) -> Result<bool, ProcessorError> {
        let name = owner.step().name();
        let partition = owner.partition();
        let mut failed = None;
        let mut appended = false;
        let report = owner
            .frame(offset, bytes, |to, frame| {
                appended = true;
                if let Some(onward) = &self.onward
                    && let Err(error) = onward.append(to, frame)
                {
                    failed.get_or_insert(error);
                }
            })
            .map_err(|source| ProcessorError::Owner { processor: name, partition: partition.0, source })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        let accepted = report.accepted;
        self.deliver(name, partition, report)?;
        self.note(owner, accepted);
        Ok(appended)
    }

    fn deliver(&self, name: &'static str, partition: PartitionId, report: FrameReport) -> Result<(), ProcessorError> {
        if report.repeats > 0 {
            self.metrics.add(&catalogue::STEP_REPEATS, &[name], report.repeats);
        }
        if report.old_generation > 0 {
            self.metrics.add(&catalogue::STEP_OLD_GENERATION, &[name], report.old_generation);
        }
        if let Some((origin, position)) = report.gap {
            self.metrics.add(&catalogue::STEP_GAPS, &[name], report.gaps);
            tracing::error!(
                processor = name,
                partition = partition.0,
                origin = origin.0,
                ?position,
                "a record before this one is missing from the log; asking its writer to go back"
            );
            if let Some(control) = &self.control {
                let ask = Control::GoBack(GoBack { log: self.log.name().to_owned(), partition, origin, position });
                control.append(PartitionId(0), ask.encode())?;
                control.flush(FLUSH_DEADLINE)?;
            }
        }
        if let Some(batch) = report.batch {
            for outcome in crumbtrail_events::Outcome::ALL {
                let count = batch.counts.of(outcome);
                if count > 0 {
                    self.metrics.add(&catalogue::STEP_RECORDS, &[name, outcome.as_str()], count);
                }
            }
            self.sink.submit(batch)?;
        }
        if let (Some((offset, state)), Some(store)) = (report.snapshot, &self.snapshots) {
            let metrics = self.metrics.clone();
            store.publish(name, partition.0, offset, state, move |result| match result {
                Ok(size) => {
                    metrics.set(&catalogue::SNAPSHOT_BYTES, &[name, &partition.0.to_string()], size as f64);
                }
                Err(error) => {
                    metrics.add(&catalogue::SNAPSHOT_FAILURES, &[name], 1);
                    tracing::warn!(processor = name, partition = partition.0, %error, "snapshot was not published");
                }
            });
        }
        Ok(())
    }

    /// The newest snapshot that is ahead of neither the ledger's unbroken chain nor the frontiers read back from the
    /// log it writes; without one, the log's start.
    fn recover(&self, partition: PartitionId) -> Result<Owner<S>, ProcessorError> {
        let step = (self.make)(partition);
        let name = step.name();
        let mut limit = self.sink.chain_end(name, partition.0)?.unwrap_or_default();
        let origin_name = format!("log:{}/{}", self.log.name(), partition.0);
        if let Some(onward) = &self.onward {
            let origin = OriginId::of(&origin_name);
            for to in 0..onward.partitions() {
                let frontier = onward.read_back(PartitionId(to), origin)?.map_or(0, |back| back.frontier);
                limit = limit.min(Offset(frontier));
            }
        }
        let snapshot = match &self.snapshots {
            Some(store) => store.newest(name, partition.0, Some(limit))?,
            None => None,
        };
        let (first, end) = self.log.bounds(partition)?;
        let start = match snapshot {
            Some(snapshot) if snapshot.offset >= first && snapshot.offset <= end => Start::Snapshot(snapshot),
            _ => Start::Empty(first),
        };
        tracing::info!(
            processor = name,
            partition = partition.0,
            limit = limit.0,
            end = end.0,
            from = match &start {
                Start::Snapshot(s) => s.offset.0,
                Start::Empty(o) => o.0,
            },
            snapshot = matches!(start, Start::Snapshot(_)),
            "partition recovered"
        );
        let onward = self.onward.as_ref().map(|log| {
            (Outbox::new(self.epoch, self.generation, log.partitions()).with_lz4(log.wants_lz4()), origin_name)
        });
        Owner::new(step, self.epoch, partition, start, self.rules, onward).map_err(|source| ProcessorError::Owner {
            processor: name,
            partition: partition.0,
            source,
        })
    }

    fn note(&self, owner: &Owner<S>, accepted: u64) {
        let partition = owner.partition().0;
        let before = self.progress.of(partition).unwrap_or_default();
        self.progress.note(
            partition,
            PartitionProgress {
                processed: owner.next(),
                cut: owner.cut_from(),
                records: before.records + accepted,
                waiting: owner.is_waiting(),
            },
        );
    }

    fn measure(&self, owner: &Owner<S>, lag: Option<u64>) {
        let name = owner.step().name();
        let partition = owner.partition().0.to_string();
        let labels = [name, partition.as_str()];
        let now = self.clock.now_ms();
        if let Some(lag) = lag {
            self.metrics.set(&catalogue::STEP_LAG, &labels, lag as f64);
        }
        if owner.wall_ms() > i64::MIN {
            let age = now.saturating_sub(owner.wall_ms()).max(0);
            self.metrics.set(&catalogue::STEP_LAG_SECONDS, &labels, age as f64 / 1e3);
        }
        if owner.watermark().0 > i64::MIN {
            let delay = now.saturating_sub(owner.watermark().0);
            self.metrics.set(&catalogue::STEP_WATERMARK_DELAY, &labels, delay as f64 / 1e3);
        }
        let gauges = owner.step().gauges();
        self.metrics.set(&catalogue::STATE_BYTES, &labels, gauges.resident_bytes as f64);
        if name == "journey" {
            self.metrics.set(&catalogue::PEOPLE, &[&partition], gauges.open as f64);
        } else {
            self.metrics.set(&catalogue::OPEN_SESSIONS, &[&partition], gauges.open as f64);
            self.metrics.set(&catalogue::OPEN_CONVERSATIONS, &[&partition], gauges.conversations as f64);
        }
    }
}
