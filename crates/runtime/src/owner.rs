//! The owner of one partition: one log partition in, its state, its rows, its records for the next log.
//!
//! Everything here is a function of the log: no clock, no I/O but that of blocks of state on disk. Callers read frames, append what
//! comes out and submit what is cut.

use std::io;

use crumbtrail_events::EventTime;
use crumbtrail_events::wire::{Reader, WireError};
use crumbtrail_log::frame::{FrameError, FrameView};
use crumbtrail_log::{Epoch, Gap, Inbox, Offset, OriginId, Outbox, PartitionId, Position, Verdict};
use crumbtrail_scratch::{Block, Scratch};

use crate::cutter::{CutRules, Cutter};
use crate::head::{self, Head, TickTime};
use crate::provenance::{Provenance, position_hash};
use crate::sink::Batch;
use crate::snapshot::{Saved, Snapshot, State};
use crate::step::{Context, Effects, Step, StepError};

/// Records that a step is shown before they are its turn.
const AHEAD: u32 = 64;

/// Why a partition halts.
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    /// A frame cannot be read.
    #[error("frame at offset {offset} cannot be read: {source}")]
    Frame {
        /// Log offset.
        offset: u64,
        /// What is wrong with it.
        source: FrameError,
    },
    /// The step cannot go on.
    #[error("record at offset {offset}: {source}")]
    Step {
        /// Log offset.
        offset: u64,
        /// What is wrong with it.
        source: StepError,
    },
    /// The snapshot's state is not ours.
    #[error("snapshot state: {0}")]
    State(#[from] WireError),
    /// The snapshot's step state is not ours.
    #[error("snapshot state: {0}")]
    StepState(#[from] StepError),
    /// The log was written under another epoch.
    #[error(
        "the log is of epoch {found}, the configuration says {expected}: partition counts and key rules are constant within an epoch; `crumbtrail rebuild` makes the next one (docs/reliability.md, New epochs)"
    )]
    Epoch {
        /// Epoch in the frame.
        found: u8,
        /// Epoch configured.
        expected: u8,
    },
}

/// What one frame did, for metrics and for the caller's next move.
#[derive(Debug, Default)]
pub struct FrameReport {
    /// Records accepted.
    pub accepted: u64,
    /// Records dropped as repeats.
    pub repeats: u64,
    /// Records or ticks refused for a gap; the first one's origin and the position after which something is missing.
    pub gaps: u64,
    /// The first gap.
    pub gap: Option<(OriginId, Position)>,
    /// Records of an older generation.
    pub old_generation: u64,
    /// Accepted records that the step was not given.
    pub set_aside: u64,
    /// A batch was cut.
    pub batch: Option<Batch>,
    /// A snapshot is due at this cut: [`Owner::begin_save`], before the next frame.
    pub snapshot_is_due: bool,
    /// The frame carried a tick.
    pub ticked: bool,
    /// That tick was a closing one.
    pub closing: bool,
}

/// The owner of partition `partition`.
pub struct Owner<S, I = Inbox> {
    step: S,
    inbox: I,
    cutter: Cutter,
    rules: CutRules,
    effects: Effects,
    epoch: Epoch,
    partition: PartitionId,
    next: Offset,
    time: TickTime,
    open: OpenRange,
    /// The next log's writer and our origin in it.
    onward: Option<Onward>,
    scratch: Vec<u8>,
    /// Records at which processes crashed, not given to the step.
    aside: Vec<Place>,
    deciding: Place,
    /// A frame of which each record is told before the step is given it.
    noting: Option<Noting>,
    saving: Option<(Offset, Saved)>,
}

/// Where a record stands in the log: offset of its frame, and its number in it, from 0.
pub type Place = (Offset, u32);

/// The number of a frame's tick: behind every record's.
pub const TICK: u32 = u32::MAX;

/// Hears of the records of a frame, one by one, before the step does.
pub type Noting = Box<dyn FnMut(Place) + Send>;

/// The writer of the next log.
struct Onward {
    outbox: Outbox,
    /// All origins there, as ticks declare them; our own is the first.
    declared: Vec<(OriginId, String)>,
}

/// What the open batch has accepted so far. All zero right after a cut, which is when snapshots are taken.
#[derive(Clone, Copy, Debug, Default)]
struct OpenRange {
    records: u64,
    checksum: u64,
}

impl<S: Step> Owner<S> {
    /// An owner that reads from `from` with an empty state, or from the snapshot. `onward` writes the next log.
    ///
    /// # Errors
    /// The snapshot's state cannot be read.
    pub fn new(
        step: S,
        epoch: Epoch,
        partition: PartitionId,
        start: Start,
        rules: CutRules,
        onward: Option<(Outbox, String)>,
    ) -> Result<Owner<S>, OwnerError> {
        Owner::judging(step, epoch, partition, start, rules, onward)
    }
}

impl<S: Step, I: Provenance> Owner<S, I> {
    /// As [`Owner::new`], with whatever judges provenance.
    ///
    /// # Errors
    /// The snapshot's state cannot be read.
    pub fn judging(
        mut step: S,
        epoch: Epoch,
        partition: PartitionId,
        start: Start,
        rules: CutRules,
        onward: Option<(Outbox, String)>,
    ) -> Result<Owner<S, I>, OwnerError> {
        let effects = Effects::new(step.tables());
        let said_onward = match &start {
            Start::Adopted { onward_from, .. } => Some(*onward_from),
            Start::Empty(_) | Start::Snapshot(_) => None,
        };
        let (inbox, cutter, next, time) = match start {
            Start::Empty(from) => (I::new(), Cutter::new(from), from, TickTime::START),
            Start::Adopted { at, .. } => (I::adopting(), Cutter::new(at), at, TickTime::START),
            Start::Snapshot(snapshot) => {
                let mut reader = Reader::new(&snapshot.state.bytes);
                let Head { time, cutter, inbox } = Head::read(&mut reader)?;
                let blocks: Vec<Block> = snapshot.state.blocks.iter().map(|(_, block)| block.clone()).collect();
                step.load(reader.bytes()?, &blocks)?;
                (inbox, cutter, snapshot.offset, time)
            }
        };
        let onward = onward.map(|(mut outbox, name)| {
            let origin = OriginId::of(&name);
            outbox.start(origin, &name, Position::before(said_onward.unwrap_or(next).0));
            Onward { outbox, declared: vec![(origin, name)] }
        });
        Ok(Owner {
            step,
            inbox,
            cutter,
            rules,
            effects,
            epoch,
            partition,
            next,
            time,
            open: OpenRange::default(),
            onward,
            scratch: Vec::new(),
            aside: Vec::new(),
            deciding: Place::default(),
            noting: None,
            saving: None,
        })
    }

    /// Has its ticks declare the other origins of the next log too: its readers' watermark waits for them, heard of or
    /// not.
    #[must_use]
    pub fn declaring(mut self, names: impl Iterator<Item = String>) -> Owner<S, I> {
        if let Some(Onward { declared, .. }) = &mut self.onward {
            for name in names {
                let origin = OriginId::of(&name);
                if declared.iter().all(|(known, _)| *known != origin) {
                    declared.push((origin, name));
                }
            }
        }
        self
    }

    /// Has it set records aside; of every owner of the partition the same ones.
    #[must_use]
    pub fn setting_aside(mut self, aside: Vec<Place>) -> Owner<S, I> {
        self.aside = aside;
        self
    }

    /// Has the records of the next frame told.
    pub fn noting(&mut self, noting: Option<Noting>) {
        self.noting = noting;
    }

    /// The record that was given to the step last, or the frame's tick ([`TICK`]).
    #[must_use]
    pub fn deciding(&self) -> Place {
        self.deciding
    }

    /// The next log offset it wants.
    #[must_use]
    pub fn next(&self) -> Offset {
        self.next
    }

    /// Its partition.
    #[must_use]
    pub fn partition(&self) -> PartitionId {
        self.partition
    }

    /// Its watermark.
    #[must_use]
    pub fn watermark(&self) -> EventTime {
        watermark_of(&self.inbox)
    }

    /// Holes that are open: what its origins' writers have to send again.
    pub fn gaps(&self) -> impl Iterator<Item = Gap> {
        self.inbox.gaps()
    }

    /// Wall time of the last tick, ms.
    #[must_use]
    pub fn wall_ms(&self) -> i64 {
        self.time.wall_ms
    }

    /// First log offset whose rows are not cut yet.
    #[must_use]
    pub fn cut_from(&self) -> Offset {
        self.cutter.from()
    }

    /// Whether accepted records wait for the next cut.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.open.records > 0 || self.effects.bytes() > 0
    }

    /// Its step.
    #[must_use]
    pub fn step(&self) -> &S {
        &self.step
    }

    /// Moves what its step may do without in memory to disk.
    ///
    /// # Errors
    /// It cannot be written, and stays in memory.
    pub fn spill(&mut self, scratch: &mut Scratch) -> io::Result<()> {
        self.step.spill(scratch)
    }

    /// Takes one frame of the log. Frames below [`Owner::next`] are ignored.
    ///
    /// # Errors
    /// The frame or a record cannot be read, or is of another epoch: the partition must halt.
    pub fn frame(
        &mut self,
        offset: Offset,
        bytes: &[u8],
        mut append: impl FnMut(PartitionId, Vec<u8>),
    ) -> Result<FrameReport, OwnerError> {
        let mut report = FrameReport::default();
        if offset < self.next {
            return Ok(report);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let result = self.take(offset, bytes, &mut scratch, &mut report);
        self.scratch = scratch;
        result?;
        self.next = Offset(offset.0 + 1);
        if let Some(Onward { outbox, declared }) = &mut self.onward {
            outbox.decided(declared[0].0, self.next.0, watermark_of(&self.inbox).0);
            if report.closing {
                outbox.closing_tick(self.time.wall_ms, declared);
            } else if report.ticked {
                outbox.tick(self.time.wall_ms, declared);
            }
            for (partition, frame) in outbox.drain() {
                append(partition, frame);
            }
        }
        let tick = report.ticked.then(|| (self.time.elapsed(), report.closing));
        let from = self.cutter.from();
        let decision = self.cutter.after_frame(&self.rules, self.next, self.effects.bytes(), self.open.records, tick);
        if decision.cut {
            let fresh = Effects::new(self.step.tables());
            let full = std::mem::replace(&mut self.effects, fresh);
            let open = std::mem::take(&mut self.open);
            report.batch = Some(Batch {
                processor: self.step.name(),
                partition: self.partition.0,
                from,
                to: self.next,
                tables: full.tables,
                record_count: open.records - full.asides,
                counts: full.counts,
                position_checksum: open.checksum,
                watermark: self.watermark(),
                wall_ms: self.time.wall_ms,
            });
            report.snapshot_is_due = decision.snapshot;
        }
        Ok(report)
    }

    fn take(
        &mut self,
        offset: Offset,
        bytes: &[u8],
        scratch: &mut Vec<u8>,
        report: &mut FrameReport,
    ) -> Result<(), OwnerError> {
        let bad = |source| OwnerError::Frame { offset: offset.0, source };
        let view = FrameView::parse(bytes, scratch).map_err(bad)?;
        if view.epoch() != self.epoch {
            return Err(OwnerError::Epoch { found: view.epoch().0, expected: self.epoch.0 });
        }
        let generation = view.generation();
        let base = row_version(self.epoch, offset);
        let watermark = watermark_of(&self.inbox);
        let mut seq = 0u32;
        let mut index = 0u64;
        let mut noting = self.noting.take();
        let mut records = view.records();
        for number in 0u32.. {
            // Nothing of a record is touched before it is noted.
            if number.is_multiple_of(AHEAD) && noting.is_none() {
                self.step.look_ahead(&mut records.clone().take(AHEAD as usize).map(|record| record.payload));
            }
            let Some(record) = records.next() else { break };
            match self.inbox.judge(generation, record.origin, record.position, record.previous) {
                Verdict::Accept => {
                    let context = Context { version: base | index, watermark, wall_ms: self.time.elapsed() };
                    index = (index + 1).min(TICK_INDEX - 1);
                    self.deciding = (offset, number);
                    if !self.aside.is_empty() && self.aside.contains(&self.deciding) {
                        self.step.set_aside(context, &mut self.effects);
                        report.set_aside += 1;
                    } else {
                        if let Some(noting) = &mut noting {
                            noting(self.deciding);
                        }
                        self.step
                            .record(record.payload, context, &mut self.effects)
                            .map_err(|source| OwnerError::Step { offset: offset.0, source })?;
                    }
                    report.accepted += 1;
                    self.open.records += 1;
                    self.open.checksum = self.open.checksum.wrapping_add(position_hash(record.origin, record.position));
                    if !self.effects.passed.is_empty() {
                        self.pass_on(offset, &mut seq);
                    }
                }
                Verdict::Repeat => report.repeats += 1,
                Verdict::OldGeneration => report.old_generation += 1,
                Verdict::Gap { expected_after } => {
                    report.gaps += 1;
                    report.gap.get_or_insert((record.origin, expected_after));
                }
            }
        }
        if let Some(noting) = &mut noting {
            // Whatever comes now is no record's doing.
            noting((offset, TICK));
        }
        if let Some(tick) = view.tick().map_err(bad)? {
            report.ticked = true;
            for gap in self.inbox.tick(&tick).gaps {
                report.gaps += 1;
                report.gap.get_or_insert((gap.origin, gap.expected_after));
            }
            report.closing = tick.closing;
            self.time.take(tick.wall_ms, tick.closing);
            let wall_ms = self.time.elapsed();
            let context = Context { version: base | TICK_INDEX, watermark: self.watermark(), wall_ms };
            self.deciding = (offset, TICK);
            self.step
                .tick(context, &mut self.effects)
                .map_err(|source| OwnerError::Step { offset: offset.0, source })?;
            if !self.effects.passed.is_empty() {
                self.pass_on(offset, &mut seq);
            }
        }
        Ok(())
    }

    /// Hands what the step passed on to the next log's frames.
    fn pass_on(&mut self, offset: Offset, seq: &mut u32) {
        if let Some(Onward { outbox, declared }) = &mut self.onward {
            for (to, range) in &self.effects.passed {
                *seq += 1;
                let position = Position { offset: offset.0, seq: *seq };
                let bytes = &self.effects.passed_bytes[range.clone()];
                for destination in to.partitions(outbox.partitions()) {
                    outbox.push(declared[0].0, position, PartitionId(destination), bytes);
                }
            }
        }
        self.effects.passed.clear();
        self.effects.passed_bytes.clear();
    }

    /// Its state, as a snapshot holds it; whole only right after a cut.
    pub(crate) fn save(&self) -> State {
        let mut piece = Vec::new();
        self.step.save(&mut piece);
        Saved { head: self.head(), pieces: vec![piece], blocks: self.step.blocks() }.into()
    }

    /// Begins to save its state as it is now, right after a cut. One that is being saved already goes on instead.
    pub fn begin_save(&mut self) {
        if self.saving.is_none() {
            self.step.begin_save();
            let saved = Saved { head: self.head(), pieces: Vec::new(), blocks: self.step.blocks() };
            self.saving = Some((self.next, saved));
        }
    }

    /// Whether it is saving its state.
    pub fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Saves about `most` keys more of the state that is being saved. When all are, gives it, and the offset it is of.
    pub fn save_on(&mut self, most: usize) -> Option<(Offset, Saved)> {
        self.saving.as_ref()?;
        let pieces = self.step.save_on(most)?;
        self.saving.take().map(|(at, saved)| (at, Saved { pieces, ..saved }))
    }

    /// What a snapshot holds beside the step's state.
    fn head(&self) -> Vec<u8> {
        let mut out = Vec::new();
        head::write(self.time, &self.cutter, &self.inbox, &mut out);
        out
    }
}

/// Where an owner starts.
#[derive(Debug)]
pub enum Start {
    /// With an empty state, at this offset (the log's first).
    Empty(Offset),
    /// From a snapshot.
    Snapshot(Snapshot),
    /// With an empty state in the middle of a log whose begin is accepted as lost.
    Adopted {
        /// Where.
        at: Offset,
        /// As far as the next log has heard of this partition.
        onward_from: Offset,
    },
}

/// The index of rows made at a tick: above every record's, so that at one offset the tick's row wins.
const TICK_INDEX: u64 = 0xFFFF;

fn watermark_of(inbox: &impl Provenance) -> EventTime {
    inbox.watermark().map_or(EventTime::MIN, EventTime)
}

/// epoch(8) | offset(40) | index(16), the index still 0.
fn row_version(epoch: Epoch, offset: Offset) -> u64 {
    (u64::from(epoch.0) << 56) | ((offset.0 & 0xFF_FFFF_FFFF) << 16)
}
