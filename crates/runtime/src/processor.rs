//! The loop of a processor: one thread, one subscription, an owner per partition dealt to it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::Mutex;

use crumbtrail_crash as crash;
use crumbtrail_log::control::{Control, GoBack};
use crumbtrail_log::{
    Epoch, Event, Gap, Generation, Inbox, Log, LogError, Member, Offset, OriginId, Outbox, PartitionId, Position,
    Subscription,
};
use crumbtrail_telemetry::{Metrics, catalogue};

use crate::awaited::Awaited;
use crate::clock::Clock;
use crate::cutter::CutRules;
use crate::frontier;
use crate::gaps::Asks;
use crate::held::{Held, Room};
use crate::owner::{FrameReport, Owner, OwnerError, Place, Start};
use crate::progress::{PartitionProgress, Progress};
use crate::provenance::Provenance;
use crate::quarantine::StepCrashes;
use crate::retention;
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
    /// The next log was written under a newer configuration: its readers would drop all that we say.
    #[error(
        "{processor}: {log} was written under configuration generation {found}, this one is {ours}: raise `generation` to \
         {found} or more"
    )]
    Generation {
        /// Processor name.
        processor: &'static str,
        /// Name of the next log.
        log: String,
        /// Generation found.
        found: u32,
        /// Generation configured.
        ours: u32,
    },
    /// The log has forgotten its beginning, and no snapshot stands for it.
    #[error(
        "{processor} partition {partition}: {log} begins at offset {first}, and of the snapshots up to {limit}, which is \
         as far as the tables and the next log go, none reaches there: what was forgotten cannot be computed again; \
         bring back the snapshots (snapshots.url), start a new epoch and read the sources again, or start once with \
         `run --accept-gap`, which writes down that the state of before is lost, and goes on"
    )]
    Forgotten {
        /// Processor name.
        processor: &'static str,
        /// Partition.
        partition: u32,
        /// Name of the log.
        log: String,
        /// First offset it still has.
        first: u64,
        /// Snapshots up to here were looked for.
        limit: u64,
    },
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
    /// How often what was appended onward is made durable.
    pub flush_interval: Duration,
    /// Whether what a log of ours has forgotten without a snapshot is accepted as lost; see [`crate::adopt`].
    pub accepts_gaps: bool,
    /// How long its log keeps frames that no snapshot needs; `None` where the home sees to that by itself.
    pub retention: Option<Duration>,
}

/// A processor at work: what its loop knows between two turns. Time comes from whoever turns it.
pub struct Running<P, S, I = Inbox> {
    processor: P,
    subscription: Box<dyn Subscription>,
    partitions: BTreeMap<u32, Held<S, I>>,
    awaited: Awaited,
    control_at: Offset,
    oldest: Oldest,
    paused: bool,
    unflushed: bool,
    flushed_at: Duration,
    measured_at: Duration,
}

/// Per partition, the oldest snapshot kept, as publishing tells it.
type Oldest = Arc<Mutex<HashMap<u32, Offset>>>;

/// How long a poll waits when there is nothing to read.
const POLL: Duration = Duration::from_millis(20);
/// How often lag and gauges are measured.
const MEASURE: Duration = Duration::from_secs(1);
/// How long a flush of the onward log may take before it is an error.
pub(crate) const FLUSH_DEADLINE: Duration = Duration::from_secs(60);
/// Bytes of the control log read at once.
const CONTROL_BYTES: usize = 1 << 20;

impl<S: Step, M: Fn(PartitionId) -> S> Processor<M> {
    /// Runs until it is stopped or cannot go on.
    ///
    /// # Errors
    /// The log, the sink or the snapshot store fails for good, or a partition must halt.
    pub fn run(&self, member: Member<'_>) -> Result<(), ProcessorError> {
        let started = Instant::now();
        let mut running = Running::<_, S>::join(self, member)?;
        while !self.stop.load(Ordering::Relaxed) {
            running.turn(POLL, || started.elapsed())?;
        }
        running.leave()
    }

    /// Has a partition read from where its owner is.
    fn begin<I: Provenance>(
        &self,
        subscription: &mut dyn Subscription,
        owner: &Owner<S, I>,
        paused: bool,
    ) -> Result<(), LogError> {
        subscription.start(owner.partition(), owner.next())?;
        if paused {
            subscription.pause(owner.partition())?;
        }
        self.note(owner, 0);
        Ok(())
    }

    /// Takes a frame; says whether something was appended onward.
    fn frame<I: Provenance>(
        &self,
        held: &mut Held<S, I>,
        offset: Offset,
        bytes: &[u8],
        oldest: &Oldest,
    ) -> Result<bool, ProcessorError> {
        let Held { owner, asks, .. } = held;
        let name = owner.step().name();
        let partition = owner.partition();
        let mut failed = None;
        let mut appended = false;
        let taken = catch_unwind(AssertUnwindSafe(|| {
            owner.frame(offset, bytes, |to, frame| {
                appended = true;
                if let Some(onward) = &self.onward
                    && let Err(error) = onward.append(to, frame)
                {
                    failed.get_or_insert(error);
                }
            })
        }));
        let report = taken
            .unwrap_or_else(|panic| {
                // The process ends by it all the same; the next one knows where.
                if let Some(crashes) = self.crashes() {
                    crashes.crashed(name, partition.0, owner.deciding());
                }
                resume_unwind(panic)
            })
            .map_err(|source| ProcessorError::Owner { processor: name, partition: partition.0, source })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        crash::point("frame_taken");
        let accepted = report.accepted;
        if report.ticked || report.gaps > 0 {
            self.ask(owner, asks, report.ticked)?;
        }
        let ticked = report.ticked;
        self.deliver(held, report)?;
        self.save_on(held, oldest);
        if ticked && !held.room.spill(&mut held.owner) {
            self.metrics.add(&catalogue::SCRATCH_FAILURES, &[name], 1);
        }
        self.note(&held.owner, accepted);
        Ok(appended)
    }

    /// Asks the writers of open holes to go back, where it is time to.
    fn ask<I: Provenance>(&self, owner: &Owner<S, I>, asks: &mut Asks, ticked: bool) -> Result<(), ProcessorError> {
        let due = asks.due(owner.next(), ticked.then(|| owner.wall_ms()), owner.gaps());
        if due.is_empty() {
            return Ok(());
        }
        let partition = owner.partition();
        let (_, end) = self.log.bounds(partition)?;
        for gap in due {
            let name = owner.step().name();
            self.metrics.add(&catalogue::STEP_GO_BACKS_ASKED, &[name], 1);
            tracing::warn!(
                processor = name,
                partition = partition.0,
                origin = format!("{:016x}", gap.origin.0),
                after = ?gap.expected_after,
                again = asks.is_asked(&gap),
                "a record is missing from the log: its writer is asked to go back"
            );
            asks.note(gap, end);
            if let Some(control) = &self.control {
                let Gap { origin, expected_after: position } = gap;
                let ask = Control::GoBack(GoBack { log: self.log.name().to_owned(), partition, origin, position });
                control.append(PartitionId(0), ask.encode())?;
                control.flush(FLUSH_DEADLINE)?;
            }
        }
        Ok(())
    }

    /// Reads the control log, and goes back with every partition of which a reader of the next log misses records.
    fn heed<I: Provenance>(
        &self,
        from: Offset,
        partitions: &mut BTreeMap<u32, Held<S, I>>,
        subscription: &mut dyn Subscription,
        paused: bool,
    ) -> Result<Offset, ProcessorError> {
        let (Some(control), Some(onward)) = (&self.control, &self.onward) else { return Ok(from) };
        let messages = match control.read(PartitionId(0), from, CONTROL_BYTES) {
            Ok(messages) => messages,
            Err(error) if error.is_retriable() => {
                tracing::debug!(%error, "the control log cannot be read");
                return Ok(from);
            }
            Err(error) => return Err(error.into()),
        };
        let next = messages.last().map_or(from, |(offset, _)| Offset(offset.0 + 1));
        let mut back: BTreeMap<u32, Position> = BTreeMap::new();
        for (_, bytes) in messages {
            let Ok(Control::GoBack(ask)) = Control::decode(&bytes) else { continue };
            if ask.log != onward.name() {
                continue;
            }
            let asked = partitions.values().map(|held| held.owner.partition());
            for partition in asked.filter(|partition| OriginId::of(&self.origin_name(*partition)) == ask.origin) {
                let position = back.entry(partition.0).or_insert(ask.position);
                *position = ask.position.min(*position);
            }
        }
        for (number, position) in back {
            let Some(held) = partitions.get_mut(&number) else { continue };
            let owner = &held.owner;
            let name = owner.step().name();
            // An owner that is not there yet sends what follows anyway.
            if owner.next().0 <= position.offset {
                continue;
            }
            tracing::warn!(
                processor = name,
                partition = number,
                from = owner.next().0,
                to = position.offset,
                "going back: a reader misses records"
            );
            match self.restore(PartitionId(number), Offset(position.offset)) {
                Ok(earlier) => {
                    self.metrics.add(&catalogue::WRITER_GO_BACKS, &[name], 1);
                    self.begin(subscription, &earlier.owner, paused)?;
                    *held = earlier;
                }
                Err(error) => tracing::error!(%error, "cannot go back: the reader goes on missing records"),
            }
        }
        Ok(next)
    }

    fn deliver<I: Provenance>(&self, held: &mut Held<S, I>, report: FrameReport) -> Result<(), ProcessorError> {
        let (name, partition) = (held.owner.step().name(), held.owner.partition());
        if report.repeats > 0 {
            self.metrics.add(&catalogue::STEP_REPEATS, &[name], report.repeats);
        }
        if report.old_generation > 0 {
            self.metrics.add(&catalogue::STEP_OLD_GENERATION, &[name], report.old_generation);
        }
        if report.set_aside > 0 {
            tracing::error!(
                processor = name,
                partition = partition.0,
                "three processes crashed at a record: it is set aside"
            );
            self.metrics.add(&catalogue::STEP_QUARANTINED, &[name], report.set_aside);
        }
        if report.gaps > 0 {
            self.metrics.add(&catalogue::STEP_GAPS, &[name], report.gaps);
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
        if report.snapshot_is_due && self.snapshots.is_some() {
            let begun = Instant::now();
            held.owner.begin_save();
            self.metrics.observe(&catalogue::SNAPSHOT_SECONDS, &[name], begun.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Goes on with a snapshot, if one is being taken, and has it published when it is whole.
    fn save_on<I: Provenance>(&self, held: &mut Held<S, I>, oldest: &Oldest) {
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
    fn forget<I: Provenance>(&self, oldest: &Oldest, partitions: &BTreeMap<u32, Held<S, I>>) -> Result<(), LogError> {
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

    /// Our origin in the next log, as that of a partition of ours.
    pub(crate) fn origin_name(&self, partition: PartitionId) -> String {
        format!("log:{}/{}", self.log.name(), partition.0)
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
        Held { owner, asks: Asks::new(end), limit, flushed, room: Room::new(scratch) }
    }

    /// A partition as its tables and the next log allow.
    fn recover<I: Provenance>(&self, partition: PartitionId) -> Result<Held<S, I>, ProcessorError> {
        let limit = self.limit(partition, newest)?;
        match self.restore(partition, limit) {
            // Whoever spoke last may have been far behind: a replay that was killed, a sleeper that woke. Every frontier ever
            // said is true, so the highest counts; it is looked for only where there is no other way.
            Err(forgotten @ ProcessorError::Forgotten { .. }) => match self.limit(partition, frontier::highest)? {
                further if further > limit => self.restore(partition, further),
                _ => Err(forgotten),
            },
            restored => restored,
        }
        .or_else(|error| match error {
            ProcessorError::Forgotten { limit, .. } if self.accepts_gaps => {
                self.adopt(partition, Offset(limit))?.ok_or(error)
            }
            error => Err(error),
        })
    }

    /// Up to where a partition's tables and its part of the next log go: the end of the ledger's unbroken chain, and the
    /// frontiers that `read_back` finds in each partition there.
    fn limit(
        &self,
        partition: PartitionId,
        read_back: impl Fn(&dyn Log, PartitionId, OriginId) -> Result<Option<(u64, Generation)>, LogError>,
    ) -> Result<Offset, ProcessorError> {
        let name = (self.make)(partition).name();
        let mut limit = self.sink.chain_end(name, partition.0)?.unwrap_or_default();
        if let Some(onward) = &self.onward {
            let origin = OriginId::of(&self.origin_name(partition));
            for to in 0..onward.partitions() {
                let (frontier, found) = read_back(onward.as_ref(), PartitionId(to), origin)?.unwrap_or_default();
                if found > self.generation {
                    let log = onward.name().to_owned();
                    let (found, ours) = (found.0, self.generation.0);
                    return Err(ProcessorError::Generation { processor: name, log, found, ours });
                }
                limit = limit.min(Offset(frontier));
            }
        }
        Ok(limit)
    }

    /// A partition as it was at the newest snapshot not ahead of `limit`; without one, at the log's start.
    fn restore<I: Provenance>(&self, partition: PartitionId, limit: Offset) -> Result<Held<S, I>, ProcessorError> {
        let step = (self.make)(partition);
        let name = step.name();
        let snapshot = match &self.snapshots {
            Some(store) => store.newest(name, partition.0, Some(limit))?,
            None => None,
        };
        let (first, end) = self.log.bounds(partition)?;
        let start = match snapshot {
            Some(snapshot) if snapshot.offset >= first && snapshot.offset <= end => Start::Snapshot(snapshot),
            // From the middle of a log nothing true can be computed.
            _ if first > Offset(0) => {
                let log = self.log.name().to_owned();
                let (partition, first, limit) = (partition.0, first.0, limit.0);
                return Err(ProcessorError::Forgotten { processor: name, partition, log, first, limit });
            }
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
                Start::Adopted { at, .. } => at.0,
            },
            snapshot = matches!(start, Start::Snapshot(_)),
            "partition recovered"
        );
        let onward = self.onward_of(partition);
        let owner = Owner::judging(step, self.epoch, partition, start, self.rules, onward)
            .map_err(|source| ProcessorError::Owner { processor: name, partition: partition.0, source })?
            .declaring(self.origin_names())
            .setting_aside(self.aside(name, partition));
        let flushed = owner.next();
        Ok(self.held(owner, end, limit, flushed))
    }

    fn crashes(&self) -> Option<StepCrashes> {
        self.snapshots.as_ref().map(|store| StepCrashes::new(store.notes("crashes")))
    }

    /// Records of a partition that are not given to its step.
    pub(crate) fn aside(&self, name: &str, partition: PartitionId) -> Vec<Place> {
        self.crashes().map(|crashes| crashes.aside(name, partition.0)).unwrap_or_default()
    }

    fn note<I: Provenance>(&self, owner: &Owner<S, I>, accepted: u64) {
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

    fn measure<I: Provenance>(&self, owner: &Owner<S, I>, lag: Option<u64>) {
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

impl<P, M, S, I> Running<P, S, I>
where
    P: Deref<Target = Processor<M>>,
    M: Fn(PartitionId) -> S,
    S: Step,
    I: Provenance,
{
    /// Joins the group: what [`Processor::run`] turns.
    ///
    /// # Errors
    /// A log cannot be reached or refuses.
    pub fn join(processor: P, member: Member<'_>) -> Result<Running<P, S, I>, ProcessorError> {
        let control_at = match &processor.control {
            Some(control) => control.bounds(PartitionId(0))?.1,
            None => Offset::default(),
        };
        Ok(Running {
            subscription: processor.log.subscribe(member)?,
            processor,
            partitions: BTreeMap::new(),
            awaited: Awaited::default(),
            control_at,
            oldest: Oldest::default(),
            paused: false,
            unflushed: false,
            flushed_at: Duration::ZERO,
            measured_at: Duration::ZERO,
        })
    }

    /// One turn: what the subscription says next, waiting up to `wait` for it, and what is due. `now` is read when that
    /// is decided: time since the start, from whatever clock.
    ///
    /// # Errors
    /// As [`Processor::run`].
    pub fn turn(&mut self, wait: Duration, now: impl FnOnce() -> Duration) -> Result<(), ProcessorError> {
        let processor = &*self.processor;
        let room = processor.sink.has_room();
        if room == self.paused {
            for partition in self.partitions.keys() {
                if room {
                    self.subscription.resume(PartitionId(*partition))?;
                } else {
                    self.subscription.pause(PartitionId(*partition))?;
                }
            }
            self.paused = !room;
        }
        match self.subscription.next(wait)? {
            Event::Assigned(partition) => self.awaited.add(partition),
            Event::Revoked(partition) => {
                self.awaited.forget(partition);
                self.partitions.remove(&partition.0);
                processor.progress.forget(partition.0);
            }
            Event::Frame { partition, offset, bytes } => {
                if let Some(held) = self.partitions.get_mut(&partition.0) {
                    self.unflushed |= processor.frame(held, offset, &bytes, &self.oldest)?;
                }
            }
            Event::AtEnd { .. } | Event::Idle => {
                self.partitions.values_mut().for_each(|held| processor.save_on(held, &self.oldest));
            }
        }
        let now = now();
        self.take_over(now)?;
        if self.unflushed && now.saturating_sub(self.flushed_at) >= self.processor.flush_interval {
            self.flush()?;
            self.flushed_at = now;
        }
        if now.saturating_sub(self.measured_at) >= MEASURE {
            self.measured_at = now;
            self.look_around()?;
        }
        Ok(())
    }

    /// Takes over the partitions that are due; while the tables cannot be asked, the others go on.
    fn take_over(&mut self, now: Duration) -> Result<(), ProcessorError> {
        let processor = &*self.processor;
        for partition in self.awaited.due(now) {
            match processor.recover(partition) {
                Ok(held) => {
                    processor.begin(self.subscription.as_mut(), &held.owner, self.paused)?;
                    self.partitions.insert(partition.0, held);
                    self.awaited.forget(partition);
                }
                Err(ProcessorError::Sink(error)) if error.is_away => {
                    let wait = self.awaited.failed(partition, now).as_millis() as u64;
                    tracing::warn!(partition = partition.0, %error, wait_ms = wait, "how far the tables go cannot be asked yet");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes durable what was appended onward.
    fn flush(&mut self) -> Result<(), ProcessorError> {
        if let Some(onward) = &self.processor.onward {
            onward.flush(FLUSH_DEADLINE)?;
            crash::point("onward_flushed");
        }
        for held in self.partitions.values_mut() {
            held.flushed = held.owner.next();
        }
        self.unflushed = false;
        Ok(())
    }

    /// Goes back where it is asked to, lets the log forget, and tells how far everything is.
    fn look_around(&mut self) -> Result<(), ProcessorError> {
        let processor = &*self.processor;
        let subscription = self.subscription.as_mut();
        self.control_at = processor.heed(self.control_at, &mut self.partitions, subscription, self.paused)?;
        processor.forget(&self.oldest, &self.partitions)?;
        for Held { owner, .. } in self.partitions.values() {
            processor.measure(owner, subscription.lag(owner.partition()));
            let name = owner.step().name();
            if let Some(acked) = processor.sink.acked(name, owner.partition().0) {
                // A report only: a failed one is made good by the next.
                if let Err(error) = subscription.report(owner.partition(), acked) {
                    tracing::debug!(%error, "offset report failed");
                }
            }
        }
        Ok(())
    }

    /// Ends in order: what was appended onward is durable.
    ///
    /// # Errors
    /// The log refuses.
    pub fn leave(mut self) -> Result<(), ProcessorError> {
        for held in self.partitions.values_mut() {
            while held.owner.is_saving() {
                self.processor.save_on(held, &self.oldest);
            }
        }
        self.flush()
    }
}

/// The frontier last said of an origin, and under which configuration.
fn newest(log: &dyn Log, partition: PartitionId, origin: OriginId) -> Result<Option<(u64, Generation)>, LogError> {
    Ok(log.read_back(partition, origin)?.map(|back| (back.frontier, back.generation)))
}
