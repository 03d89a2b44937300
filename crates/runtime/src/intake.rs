//! The loop of intake: sources in, frames and ticks out, offsets committed only behind acknowledged ticks.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use crumbtrail_crash as crash;
use crumbtrail_events::touchpoint::Asides;
use crumbtrail_events::{EventTime, Key, Outcome};
use crumbtrail_log::control::Control;
use crumbtrail_log::{
    Epoch, Generation, Log, LogError, Offset, OriginId, Outbox, PartitionId, Position, Source, SourceEvent,
    SourcePartition, SourceRecord,
};
use crumbtrail_telemetry::{Metrics, catalogue};

use crate::accepted_gap::{self, AcceptedGap, dead_stub};
use crate::ahead::Kept;
use crate::clock::Clock;
use crate::quarantine::{self, Crashes};

/// The origin whose watermark stands for all imported files; see [`crate::import`].
pub const IMPORT_ORIGIN: &str = "import";

/// What a judge decided about one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// `Counted` means accepted so far.
    pub outcome: Outcome,
    /// Routing key.
    pub key: Key,
    /// Event time, unless the record is dead.
    pub occurred_at: Option<EventTime>,
    /// Stable reason, when it is dead.
    pub reason: Option<&'static str>,
}

/// Decides records: decoding, validation and enrichment. Pure but for a registry that may be away.
pub trait Judge: Send {
    /// Appends the touchpoint or stub of a record to `touchpoint`, what goes with it to `asides`, and, if it is dead, its
    /// dead letter to `letter`.
    ///
    /// # Errors
    /// Why it cannot be decided now; intake pauses and asks again.
    fn judge(
        &mut self,
        record: &SourceRecord<'_>,
        touchpoint: &mut Vec<u8>,
        asides: &mut Asides,
        letter: &mut Vec<u8>,
    ) -> Result<Judgement, String>;

    /// Appends the dead letter of a record that is set aside unjudged. A judge that keeps no bytes has none.
    fn letter(&mut self, _record: &SourceRecord<'_>, _reason: &'static str, _detail: &str, _letter: &mut Vec<u8>) {}

    /// As [`Judge::judge`], where the payload begins with the record and goes on beyond it: tells how many bytes the
    /// record took, too. `None`, and nothing was appended, where that cannot be told: it is to be judged alone.
    ///
    /// # Errors
    /// As [`Judge::judge`].
    fn judge_first(
        &mut self,
        _record: &SourceRecord<'_>,
        _touchpoint: &mut Vec<u8>,
        _asides: &mut Asides,
    ) -> Result<Option<(Judgement, usize)>, String> {
        Ok(None)
    }

    /// A poll begins. True: it wants to be told of each of its records by [`Judge::ahead`] before the first is judged, since
    /// some take long. What it was told of before and has not judged is passed over, or comes again.
    fn looks_ahead(&mut self) -> bool {
        false
    }

    /// A record that is to be judged soon. Decides nothing.
    fn ahead(&mut self, _record: &SourceRecord<'_>) {}

    /// Called once a second: reload what changed on disk.
    fn refresh(&mut self) {}
}

/// Why intake ends before it is told to.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// A log or source failed.
    #[error("intake: {0}")]
    Log(LogError),
    /// The source's retention outran us.
    #[error(
        "intake: {topic}/{partition} begins at offset {start}, and we stood at {stood}: the records between are gone; look \
         for them elsewhere, or start once with `run --accept-gap`, which writes into the log that they are lost, and goes on"
    )]
    Gap {
        /// Source topic.
        topic: String,
        /// Its partition.
        partition: u32,
        /// First offset it still has.
        start: u64,
        /// Where we were to read on.
        stood: u64,
    },
    /// The source ends before where we stood.
    #[error(
        "intake: {topic}/{partition} ends at offset {end}, and we stood at {stood}: the topic was made anew, or lost its end; \
         if it was made anew, raise its `incarnation` (sources) by one, and it is read from its beginning as new records"
    )]
    Recreated {
        /// Source topic.
        topic: String,
        /// Its partition.
        partition: u32,
        /// Its end.
        end: u64,
        /// Where we were to read on.
        stood: u64,
    },
    /// The log was written under a newer configuration.
    #[error(
        "the log was written under configuration generation {found}, this one is {ours}: raise `generation` to {found} or more"
    )]
    Generation {
        /// Generation found.
        found: u32,
        /// Generation configured.
        ours: u32,
    },
}

impl From<LogError> for IntakeError {
    fn from(error: LogError) -> IntakeError {
        match error {
            LogError::Trimmed { log: topic, partition, start, asked } => {
                IntakeError::Gap { topic, partition: partition.0, start: start.0, stood: asked.0 }
            }
            LogError::Regressed { log: topic, partition, end, reached } => {
                IntakeError::Recreated { topic, partition: partition.0, end: end.0, stood: reached.0 }
            }
            error => IntakeError::Log(error),
        }
    }
}

/// Writes judged records of any number of origins into the touchpoints log and the dead-letter log.
pub struct Writer {
    touchpoints: Arc<dyn Log>,
    letters: Arc<dyn Log>,
    outbox: Outbox,
    letter_outbox: Outbox,
    touchpoint: Vec<u8>,
    asides: Asides,
    letter: Vec<u8>,
    accepts_gaps: bool,
    crashes: Option<Crashes>,
}

/// How long a flush may take.
const FLUSH_DEADLINE: Duration = Duration::from_secs(60);

impl Writer {
    /// A writer of both logs under this epoch and generation.
    #[must_use]
    pub fn new(touchpoints: Arc<dyn Log>, letters: Arc<dyn Log>, epoch: Epoch, generation: Generation) -> Writer {
        let outbox = |log: &Arc<dyn Log>| Outbox::new(epoch, generation, log.partitions()).with_lz4(log.wants_lz4());
        let (first, second) = (outbox(&touchpoints), outbox(&letters));
        Writer {
            touchpoints,
            letters,
            outbox: first,
            letter_outbox: second,
            touchpoint: Vec::new(),
            asides: Asides::default(),
            letter: Vec::new(),
            accepts_gaps: false,
            crashes: None,
        }
    }

    /// Takes what a source has dropped before it was read as lost: an operator's decision, which goes into the log.
    #[must_use]
    pub fn accepting_gaps(mut self, accepts: bool) -> Writer {
        self.accepts_gaps = accepts;
        self
    }

    /// Counts crashes, and sets aside the records at which they happen.
    #[must_use]
    pub fn counting(mut self, crashes: Crashes) -> Writer {
        self.crashes = Some(crashes);
        self
    }

    /// Writes an accepted gap of a started origin to the partition that misses the records.
    fn lose(&mut self, source: &SourcePartition, gap: AcceptedGap, to: PartitionId, wall_ms: i64) {
        self.touchpoint.clear();
        gap.encode(source, wall_ms, &mut self.touchpoint);
        self.outbox.push(source.origin, gap.position(), to, &self.touchpoint);
    }

    /// The partition that has heard least of an origin.
    fn most_behind(&self, origin: OriginId) -> Result<PartitionId, LogError> {
        let mut least = (u64::MAX, PartitionId(0));
        for partition in (0..self.touchpoints.partitions()).map(PartitionId) {
            let back = self.touchpoints.read_back(partition, origin)?;
            least = least.min((back.map_or(0, |back| back.frontier), partition));
        }
        Ok(least.1)
    }

    /// Where each origin goes on: the lowest frontier read back from any destination partition; 0 if none has heard of it.
    ///
    /// # Errors
    /// A log cannot be read, or was written under a higher generation.
    pub fn read_back(&self, origins: &[OriginId]) -> Result<Vec<u64>, IntakeError> {
        let mut lowest = vec![u64::MAX; origins.len()];
        for log in [&self.touchpoints, &self.letters] {
            for partition in 0..log.partitions() {
                let found = log.read_back_many(PartitionId(partition), origins)?;
                for (low, back) in lowest.iter_mut().zip(found) {
                    *low = (*low).min(back.map_or(0, |back| back.frontier));
                    if let Some(back) = back
                        && back.generation > self.outbox.generation()
                    {
                        return Err(IntakeError::Generation {
                            found: back.generation.0,
                            ours: self.outbox.generation().0,
                        });
                    }
                }
            }
        }
        Ok(lowest)
    }

    /// Starts (or restarts) an origin at `from`: everything below it was sent before. 0 claims nothing, wherever the
    /// source begins.
    pub fn start(&mut self, origin: OriginId, name: &str, from: u64) {
        self.outbox.start(origin, name, Position::before(from));
        self.letter_outbox.start(origin, name, Position::before(from));
    }

    /// Forgets an origin that was given away.
    pub fn stop(&mut self, origin: OriginId) {
        self.outbox.stop(origin);
        self.letter_outbox.stop(origin);
    }

    fn left(&mut self, origin: OriginId) {
        if let Some(crashes) = &mut self.crashes {
            crashes.left(origin);
        }
    }

    /// Judges a record and writes what came of it.
    ///
    /// # Errors
    /// Why the judge holds it up; nothing was written.
    #[inline]
    pub fn write(&mut self, judge: &mut dyn Judge, record: &SourceRecord<'_>) -> Result<Judgement, String> {
        self.touchpoint.clear();
        self.asides.clear();
        self.letter.clear();
        let is_quarantined =
            self.crashes.as_mut().is_some_and(|crashes| crashes.sets_aside(record.origin, record.offset));
        let judgement = if is_quarantined {
            self.set_aside(judge, record)
        } else {
            judge.judge(record, &mut self.touchpoint, &mut self.asides, &mut self.letter)?
        };
        self.push(record, &judgement);
        Ok(judgement)
    }

    /// As [`Writer::write`], where the payload begins with the record and goes on beyond it (see [`Judge::judge_first`]).
    ///
    /// # Errors
    /// As [`Writer::write`].
    #[inline]
    pub fn write_first(
        &mut self,
        judge: &mut dyn Judge,
        record: &SourceRecord<'_>,
    ) -> Result<Option<(Judgement, usize)>, String> {
        if self.crashes.is_some() {
            return Ok(None);
        }
        self.touchpoint.clear();
        self.asides.clear();
        self.letter.clear();
        let judged = judge.judge_first(record, &mut self.touchpoint, &mut self.asides)?;
        if let Some((judgement, _)) = &judged {
            self.push(record, judgement);
        }
        Ok(judged)
    }

    /// Puts what was judged into its destinations' frames.
    fn push(&mut self, record: &SourceRecord<'_>, judgement: &Judgement) {
        let position = Position { offset: record.offset, seq: 1 };
        let to = PartitionId(judgement.key.partition(self.outbox.partitions()));
        self.outbox.push(record.origin, position, to, &self.touchpoint);
        for (seq, (to, aside)) in (2..).zip(self.asides.iter()) {
            for to in to.partitions(self.outbox.partitions()) {
                self.outbox.push(record.origin, Position { offset: record.offset, seq }, PartitionId(to), aside);
            }
        }
        if !self.letter.is_empty() {
            let to = PartitionId(judgement.key.partition(self.letter_outbox.partitions()));
            self.letter_outbox.push(record.origin, position, to, &self.letter);
        }
    }

    #[cold]
    fn set_aside(&mut self, judge: &mut dyn Judge, record: &SourceRecord<'_>) -> Judgement {
        let (reason, detail) = (quarantine::REASON, "three processes crashed at it: set aside unread");
        tracing::error!(topic = record.topic, partition = record.partition, offset = record.offset, "{detail}");
        let place = (record.topic, record.partition, record.offset);
        let key = dead_stub(place, record.offset, (reason, detail), record.timestamp_ms, &mut self.touchpoint);
        judge.letter(record, reason, detail, &mut self.letter);
        Judgement { outcome: Outcome::Dead, key, occurred_at: None, reason: Some(reason) }
    }

    /// States what an origin has decided: everything below `frontier`, and its watermark.
    pub fn decided(&mut self, origin: OriginId, frontier: u64, watermark: EventTime) {
        self.outbox.decided(origin, frontier, watermark.0);
        self.letter_outbox.decided(origin, frontier, watermark.0);
    }

    /// Appends frames that are full, or all of them.
    ///
    /// # Errors
    /// A log refuses.
    pub fn append(&mut self, all: bool) -> Result<(), LogError> {
        if all {
            self.outbox.cut_all();
            self.letter_outbox.cut_all();
        }
        for (partition, frame) in self.outbox.drain() {
            self.touchpoints.append(partition, frame)?;
        }
        for (partition, frame) in self.letter_outbox.drain() {
            self.letters.append(partition, frame)?;
        }
        Ok(())
    }

    /// Puts a tick into every destination partition and returns once it and everything before it is durable.
    ///
    /// # Errors
    /// A log refuses.
    pub fn tick(&mut self, wall_ms: i64, declared: &[(OriginId, String)]) -> Result<(), LogError> {
        self.outbox.tick(wall_ms, declared);
        self.letter_outbox.tick(wall_ms, declared);
        self.flush()
    }

    /// As [`Writer::tick`], and asks readers to do at once what waits for wall time.
    ///
    /// # Errors
    /// A log refuses.
    pub fn close(&mut self, wall_ms: i64, declared: &[(OriginId, String)]) -> Result<(), LogError> {
        self.outbox.closing_tick(wall_ms, declared);
        self.letter_outbox.closing_tick(wall_ms, declared);
        self.flush()
    }

    fn flush(&mut self) -> Result<(), LogError> {
        self.append(true)?;
        crash::point("intake_appended");
        self.letters.flush(FLUSH_DEADLINE)?;
        crash::point("letters_flushed");
        self.touchpoints.flush(FLUSH_DEADLINE)?;
        crash::point("intake_flushed");
        Ok(())
    }
}

/// Everything an intake thread needs.
pub struct IntakeLoop {
    /// Where records come from.
    pub source: Box<dyn Source>,
    /// Where they go.
    pub writer: Writer,
    /// Who decides.
    pub judge: Box<dyn Judge>,
    /// The control log: readers ask there to go back.
    pub control: Arc<dyn Log>,
    /// Name of the touchpoints log, as readers say it.
    pub log_name: String,
    /// A tick this often.
    pub tick: Duration,
    /// Wall time.
    pub clock: Clock,
    /// Metrics.
    pub metrics: Metrics,
    /// Set to end the loop.
    pub stop: Arc<AtomicBool>,
    /// A job that ends: its last tick asks readers to do at once what waits for wall time.
    pub closes: bool,
    /// How many partitions it has and how many of them it has read to their end, for a job that ends then.
    pub progress: Arc<Progress>,
}

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

    fn set(&self, origins: &HashMap<OriginId, OriginAt>) {
        self.owned.store(origins.len() as u64, Ordering::Relaxed);
        let at_end = origins.values().filter(|at| at.at_end).count();
        self.at_end.store(at_end as u64, Ordering::Relaxed);
    }
}

struct OriginAt {
    partition: SourcePartition,
    frontier: u64,
    watermark: EventTime,
    /// Its end was confirmed since it was started.
    at_end: bool,
}

/// Intake at work: what its loop knows between two turns. Time comes from whoever turns it.
pub struct Running {
    intake: IntakeLoop,
    origins: HashMap<OriginId, OriginAt>,
    declared: Vec<(OriginId, String)>,
    control_at: Offset,
    cut_at: Duration,
    tick_at: Duration,
    held: Option<HoldUp>,
}

/// A record that cannot be decided now.
struct HoldUp {
    origin: OriginId,
    offset: u64,
    since: Duration,
    /// It was asked for again, and has not come yet.
    retrying: bool,
}

/// How long frames may wait before they are cut, and how long a poll waits.
const CUT: Duration = Duration::from_millis(20);
/// How long to wait before asking an absent registry again.
const HOLD: Duration = Duration::from_secs(1);

impl IntakeLoop {
    /// Runs until it is stopped or cannot go on. Ends with a tick, so that nothing decided is decided again.
    ///
    /// # Errors
    /// A log or source fails for good.
    pub fn run(self) -> Result<(), IntakeError> {
        let started = Instant::now();
        let mut running = self.begin()?;
        while !running.intake.stop.load(Ordering::Relaxed) {
            running.turn(CUT, || started.elapsed())?;
        }
        running.leave()
    }

    /// Begins: what [`IntakeLoop::run`] turns.
    ///
    /// # Errors
    /// The control log cannot be reached.
    pub fn begin(mut self) -> Result<Running, IntakeError> {
        // Imported files are history to a live stream: their clock holds nothing back any more.
        let import = OriginId::of(IMPORT_ORIGIN);
        self.writer.start(import, IMPORT_ORIGIN, 0);
        self.writer.decided(import, 0, EventTime::MAX);
        let control_at = self.control.bounds(PartitionId(0))?.1;
        Ok(Running {
            intake: self,
            origins: HashMap::new(),
            declared: Vec::new(),
            control_at,
            cut_at: Duration::ZERO,
            tick_at: Duration::ZERO,
            held: None,
        })
    }

    fn poll(&mut self, wait: Duration, origins: &mut HashMap<OriginId, OriginAt>) -> Result<Polled, LogError> {
        let IntakeLoop { source, writer, judge, metrics, .. } = self;
        let (outcomes, bytes) = ([0; Outcome::ALL.len()], 0);
        let judge = judge.as_mut();
        let mut deciding = Deciding { writer, judge, metrics, origins, outcomes, bytes, held: None, at: None };
        let polling = AssertUnwindSafe(|| {
            if !deciding.judge.looks_ahead() {
                return source.poll(wait, &mut |record| deciding.decide(&record));
            }
            let mut kept = Kept::default();
            let event = source.poll(wait, &mut |record| kept.push(&record))?;
            kept.records().for_each(|record| deciding.look_ahead(&record));
            kept.records().for_each(|record| deciding.decide(&record));
            Ok(event)
        });
        let polled = catch_unwind(polling);
        let Deciding { outcomes, bytes, held, at, .. } = deciding;
        let event = match polled {
            Ok(polled) => polled?,
            Err(panic) => {
                // The process ends by it all the same; the next one knows where.
                if let (Some((origin, offset)), Some(crashes)) = (at, &mut writer.crashes) {
                    crashes.crashed(origin, offset);
                }
                resume_unwind(panic)
            }
        };
        for (outcome, count) in Outcome::ALL.into_iter().zip(outcomes) {
            if count > 0 {
                metrics.add(&catalogue::INTAKE_RECORDS, &[outcome.as_str()], count);
            }
        }
        if bytes > 0 {
            metrics.add(&catalogue::INTAKE_BYTES, &[], bytes);
        }
        Ok(match held {
            Some((origin, offset, why)) => Polled::Held { origin, offset, why },
            None => Polled::Event(event),
        })
    }

    fn assigned(
        &mut self,
        partitions: Vec<SourcePartition>,
        origins: &mut HashMap<OriginId, OriginAt>,
    ) -> Result<(), IntakeError> {
        let ids: Vec<OriginId> = partitions.iter().map(|p| p.origin).collect();
        let frontiers = self.writer.read_back(&ids)?;
        for (partition, frontier) in partitions.into_iter().zip(frontiers) {
            let from = (frontier > 0).then_some(frontier);
            let (started, lost) = match self.source.start(partition.origin, from) {
                Err(LogError::Trimmed { start, .. }) if self.writer.accepts_gaps => {
                    let started = self.source.start(partition.origin, None)?;
                    (started, Some(AcceptedGap { from: frontier, to: started.max(start.0) }))
                }
                started => (started?, None),
            };
            // A first start claims nothing: whoever wrote before and was not heard of may have begun at a lower offset
            // that the source has dropped since. Only the decision says where this run really starts.
            self.writer.start(partition.origin, &partition.name, frontier);
            if let Some(gap) = lost {
                let to = self.writer.most_behind(partition.origin)?;
                self.lose(&partition, gap, to);
            }
            self.writer.decided(partition.origin, started, EventTime::MIN);
            if let Some(crashes) = &mut self.writer.crashes {
                crashes.started(partition.origin, started);
            }
            tracing::info!(origin = partition.name, from = started, end = partition.end, "source partition assigned");
            let (origin, watermark) = (partition.origin, EventTime::MIN);
            origins.insert(origin, OriginAt { partition, frontier: started, watermark, at_end: false });
        }
        self.progress.set(origins);
        Ok(())
    }

    fn lose(&mut self, partition: &SourcePartition, gap: AcceptedGap, to: PartitionId) {
        tracing::error!(
            origin = partition.name,
            from = gap.from,
            to = gap.to,
            "source records are gone before they were read: accepted as lost"
        );
        self.metrics.add(&catalogue::INTAKE_LOST_OFFSETS, &[&partition.topic], gap.offsets());
        self.metrics.add(&catalogue::DEAD_LETTERS, &[accepted_gap::REASON], 1);
        self.writer.lose(partition, gap, to, self.clock.now_ms());
    }

    /// Says of earlier incarnations of the source's origins that nothing comes of them any more, so that nobody waits.
    fn end_earlier(&mut self) -> Result<(), LogError> {
        for (origin, name) in self.source.ended()? {
            self.writer.start(origin, &name, 0);
            self.writer.decided(origin, 0, EventTime::MAX);
        }
        Ok(())
    }

    fn tick(&mut self, origins: &HashMap<OriginId, OriginAt>, declared: &[(OriginId, String)]) -> Result<(), LogError> {
        self.writer.tick(self.clock.now_ms(), declared)?;
        if let Some(crashes) = &mut self.writer.crashes {
            origins.iter().for_each(|(origin, at)| crashes.came_past(*origin, at.frontier));
        }
        let offsets: Vec<(OriginId, u64)> = origins.iter().map(|(origin, at)| (*origin, at.frontier)).collect();
        if let Err(error) = self.source.commit(&offsets) {
            // A report only: the next one makes it good.
            tracing::debug!(%error, "offset report failed");
        }
        for at in origins.values() {
            let end = self.source.end(at.partition.origin).unwrap_or_default().max(at.partition.end);
            self.show_lag(&at.partition, end.saturating_sub(at.frontier));
        }
        Ok(())
    }

    fn show_lag(&self, of: &SourcePartition, lag: u64) {
        self.metrics.set(&catalogue::INTAKE_LAG, &[&of.topic, &of.partition.to_string()], lag as f64);
    }

    /// Reads the control log and goes back where a reader asks.
    fn heed(&mut self, from: Offset, origins: &mut HashMap<OriginId, OriginAt>) -> Result<Offset, LogError> {
        let messages = match self.control.read(PartitionId(0), from, 1 << 20) {
            Ok(messages) => messages,
            Err(error) if error.is_retriable() => {
                tracing::debug!(%error, "the control log cannot be read");
                return Ok(from);
            }
            Err(error) => return Err(error),
        };
        let mut next = from;
        for (offset, bytes) in messages {
            next = Offset(offset.0 + 1);
            let Ok(Control::GoBack(ask)) = Control::decode(&bytes) else { continue };
            if ask.log != self.log_name {
                continue;
            }
            let Some(at) = origins.get_mut(&ask.origin) else { continue };
            // A run that is not there yet sends what follows anyway.
            if at.frontier <= ask.position.offset {
                continue;
            }
            // The default position asks for everything the source still has.
            let to = (ask.position != Position::default()).then_some(ask.position.offset);
            let (started, lost) = match self.source.start(ask.origin, to) {
                Ok(started) => (started, None),
                Err(LogError::Trimmed { .. }) if self.writer.accepts_gaps => {
                    let started = self.source.start(ask.origin, None)?;
                    (started, Some(AcceptedGap { from: ask.position.offset, to: started }))
                }
                Err(error @ LogError::Trimmed { .. }) => {
                    tracing::error!(
                        %error,
                        "cannot go back: a reader goes on missing records; `run --accept-gap` takes them as lost"
                    );
                    continue;
                }
                Err(error) => return Err(error),
            };
            tracing::warn!(
                origin = at.partition.name,
                from = at.frontier,
                to = started,
                "going back: a reader misses records"
            );
            self.metrics.add(&catalogue::WRITER_GO_BACKS, &["intake"], 1);
            self.writer.start(ask.origin, &at.partition.name, to.unwrap_or_default());
            if let Some(gap) = lost {
                let partition = at.partition.clone();
                self.lose(&partition, gap, ask.partition);
            }
            self.writer.decided(ask.origin, started, EventTime::MIN);
            at.frontier = started;
            // What it had seen of event time is still to come for the reader.
            at.watermark = EventTime::MIN;
            at.at_end = false;
        }
        self.progress.set(origins);
        Ok(next)
    }
}

/// The records of one poll on their way into the logs.
struct Deciding<'a> {
    writer: &'a mut Writer,
    judge: &'a mut dyn Judge,
    metrics: &'a Metrics,
    origins: &'a mut HashMap<OriginId, OriginAt>,
    outcomes: [u64; Outcome::ALL.len()],
    bytes: u64,
    /// The record that is held up, and why.
    held: Option<(OriginId, u64, String)>,
    /// The record at work.
    at: Option<(OriginId, u64)>,
}

impl Deciding<'_> {
    #[inline]
    fn decide(&mut self, record: &SourceRecord<'_>) {
        // After a hold-up the rest of the poll is passed over; all origins go back before the source goes on.
        if self.held.is_some() {
            return;
        }
        self.at = Some((record.origin, record.offset));
        match self.writer.write(self.judge, record) {
            Ok(judgement) => {
                self.outcomes[judgement.outcome as usize] += 1;
                self.bytes += record.payload.map_or(0, <[u8]>::len) as u64;
                if let Some(reason) = judgement.reason {
                    self.metrics.add(&catalogue::DEAD_LETTERS, &[reason], 1);
                    if reason == quarantine::REASON {
                        self.metrics.add(&catalogue::INTAKE_QUARANTINED, &[], 1);
                    }
                }
                if let Some(at) = self.origins.get_mut(&record.origin) {
                    at.frontier = record.offset + 1;
                    if let Some(time) = judgement.occurred_at {
                        at.watermark = at.watermark.max(time);
                    }
                    self.writer.decided(record.origin, at.frontier, at.watermark);
                }
            }
            Err(why) => self.held = Some((record.origin, record.offset, why)),
        }
    }

    /// Tells the judge of a record, unless a process may have crashed at it: that is found out at its turn.
    fn look_ahead(&mut self, record: &SourceRecord<'_>) {
        if self.writer.crashes.as_ref().is_some_and(|crashes| crashes.is_watched(record.origin)) {
            return;
        }
        self.at = Some((record.origin, record.offset));
        self.judge.ahead(record);
    }
}

impl Running {
    /// One turn: what the source says next, waiting up to `wait` for it, and what is due. `now` is read when that is
    /// decided: time since the start, from whatever clock.
    ///
    /// # Errors
    /// As [`IntakeLoop::run`].
    pub fn turn(&mut self, wait: Duration, now: impl Fn() -> Duration) -> Result<(), IntakeError> {
        self.retry(now())?;
        let Running { intake, origins, .. } = self;
        match intake.poll(wait, origins)? {
            Polled::Event(SourceEvent::Assigned(partitions)) => {
                intake.assigned(partitions, origins)?;
                self.declared = intake.source.origins_declared()?;
                self.declared.push((OriginId::of(IMPORT_ORIGIN), IMPORT_ORIGIN.to_owned()));
                intake.end_earlier()?;
            }
            Polled::Event(SourceEvent::Revoked(gone)) => {
                for origin in gone {
                    if let Some(at) = origins.remove(&origin) {
                        intake.writer.stop(origin);
                        intake.writer.left(origin);
                        // From now on another member's to tell.
                        intake.show_lag(&at.partition, 0);
                    }
                }
                intake.progress.set(origins);
            }
            Polled::Event(SourceEvent::EndConfirmed { origin, at_wall_ms, end }) => {
                if let Some(at) = origins.get_mut(&origin) {
                    // What lies between is no record, such as a transaction's marker.
                    at.frontier = at.frontier.max(end);
                    at.watermark = at.watermark.max(EventTime(at_wall_ms));
                    intake.writer.decided(origin, at.frontier, at.watermark);
                    at.at_end = true;
                    intake.progress.set(origins);
                }
            }
            Polled::Event(SourceEvent::Polled(_)) => {}
            Polled::Held { origin, offset, why } => {
                tracing::warn!(why, "intake is paused");
                intake.metrics.set(&catalogue::INTAKE_PAUSED, &["registry"], 1.0);
                intake.source.pause_all()?;
                self.held = Some(HoldUp { origin, offset, since: now(), retrying: false });
            }
        }
        self.due(now())
    }

    /// Asks an absent registry again once it is time, and tells when it is back.
    fn retry(&mut self, now: Duration) -> Result<(), IntakeError> {
        let Running { intake, origins, held, .. } = self;
        let Some(hold) = held else { return Ok(()) };
        if hold.retrying {
            // Told only once the record is decided, or another member's: an alert waits for minutes of 1.
            if origins.get(&hold.origin).is_none_or(|at| at.frontier > hold.offset) {
                tracing::info!("intake goes on");
                intake.metrics.set(&catalogue::INTAKE_PAUSED, &["registry"], 0.0);
                *held = None;
            }
        } else if now.saturating_sub(hold.since) >= HOLD {
            hold.retrying = true;
            // The source has handed over more than was decided: every origin goes back, then all go on.
            for (origin, at) in origins {
                intake.source.start(*origin, Some(at.frontier))?;
            }
            intake.source.resume_all()?;
        }
        Ok(())
    }

    /// Cuts frames and puts ticks when it is time.
    fn due(&mut self, now: Duration) -> Result<(), IntakeError> {
        let Running { intake, origins, declared, .. } = self;
        let cut = now.saturating_sub(self.cut_at) >= CUT;
        intake.writer.append(cut)?;
        if cut {
            self.cut_at = now;
        }
        if now.saturating_sub(self.tick_at) >= intake.tick && !origins.is_empty() {
            self.tick_at = now;
            intake.tick(origins, declared)?;
            self.control_at = intake.heed(self.control_at, origins)?;
            intake.judge.refresh();
        }
        Ok(())
    }

    /// Ends in order, with a tick: nothing decided is decided again.
    ///
    /// # Errors
    /// A log refuses.
    pub fn leave(mut self) -> Result<(), IntakeError> {
        let Running { intake, origins, declared, .. } = &mut self;
        if !origins.is_empty() {
            intake.tick(origins, declared)?;
            if intake.closes {
                intake.writer.close(intake.clock.now_ms(), declared)?;
            }
        }
        origins.keys().for_each(|origin| intake.writer.left(*origin));
        Ok(())
    }
}

enum Polled {
    Event(SourceEvent),
    Held { origin: OriginId, offset: u64, why: String },
}
