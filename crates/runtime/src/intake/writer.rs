//! What was judged, on its way into the touchpoints log and the dead-letter log.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crumbtrail_crash as crash;
use crumbtrail_events::touchpoint::Asides;
use crumbtrail_events::{EventTime, Outcome};
use crumbtrail_log::{
    Epoch, Generation, Log, LogError, OriginId, Outbox, PartitionId, Position, SourcePartition, SourceRecord, walk,
};

use super::error::IntakeError;
use super::judge::{Judge, Judgement};
use super::proof::{Proof, Proofs};
use crate::accepted_gap::{AcceptedGap, dead_stub};
use crate::clock::FLUSH_DEADLINE;
use crate::quarantine::{self, Crashes};

/// What our logs say of origins.
#[derive(Debug)]
pub struct Stands {
    /// Where each goes on: the lowest frontier read back from any partition of any log; `None` if one of them has not heard of it, so
    /// that nobody has said where it begins. That is another thing than 0: a source that begins later by now had records that nobody has
    /// read.
    pub next: Vec<Option<u64>>,
    /// The highest generation any of them was last written under.
    pub generation: Generation,
}

/// Reads back what intake's logs say of origins.
///
/// # Errors
/// A log cannot be read.
pub fn stands(logs: [&Arc<dyn Log>; 2], origins: &[OriginId]) -> Result<Stands, LogError> {
    let (mut next, mut generation) = (vec![Some(u64::MAX); origins.len()], Generation::default());
    for log in logs {
        for partition in 0..log.partitions() {
            let found = log.read_back_many(PartitionId(partition), origins)?;
            for (low, back) in next.iter_mut().zip(found) {
                // None is the least of all.
                *low = (*low).min(back.map(|back| back.frontier));
                generation = back.map_or(generation, |back| generation.max(back.generation));
            }
        }
    }
    Ok(Stands { next, generation })
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
    pub(super) accepts_gaps: bool,
    pub(super) crashes: Option<Crashes>,
    pub(super) proofs: Option<Proofs>,
}

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
            proofs: None,
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

    /// Notes records that are read, and at a start holds the source against them: it may be another by now.
    #[must_use]
    pub fn proving(mut self, proofs: Proofs) -> Writer {
        self.proofs = Some(proofs);
        self
    }

    /// Writes an accepted gap of a started origin to the partition that misses the records.
    pub(super) fn lose(&mut self, source: &SourcePartition, gap: AcceptedGap, to: PartitionId, wall_ms: i64) {
        self.touchpoint.clear();
        gap.encode(source, wall_ms, &mut self.touchpoint);
        self.outbox.push(source.origin, gap.position(), to, &self.touchpoint);
    }

    /// The partition that has heard least of an origin.
    pub(super) fn most_behind(&self, origin: OriginId) -> Result<PartitionId, LogError> {
        let mut least = (u64::MAX, PartitionId(0));
        for partition in (0..self.touchpoints.partitions()).map(PartitionId) {
            let back = self.touchpoints.read_back(partition, origin)?;
            least = least.min((back.map_or(0, |back| back.frontier), partition));
        }
        Ok(least.1)
    }

    /// Where each origin goes on, as [`stands`] says.
    ///
    /// # Errors
    /// A log cannot be read, or was written under a higher generation.
    pub fn read_back(&self, origins: &[OriginId]) -> Result<Vec<Option<u64>>, IntakeError> {
        let stands = stands([&self.touchpoints, &self.letters], origins)?;
        let (found, ours) = (stands.generation.0, self.outbox.generation().0);
        if found > ours {
            return Err(IntakeError::Generation { found, ours });
        }
        Ok(stands.next)
    }

    /// How many records of each of these origins have a dead letter in the log.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn letters_of(&self, origins: &[OriginId]) -> Result<Vec<u64>, LogError> {
        let mut dead: HashMap<OriginId, HashSet<Position>> =
            origins.iter().map(|origin| (*origin, HashSet::new())).collect();
        for partition in (0..self.letters.partitions()).map(PartitionId) {
            let (begin, end) = self.letters.bounds(partition)?;
            walk(self.letters.as_ref(), partition, begin..end, |_, view| {
                for record in view.records() {
                    // A letter may lie there twice: intake that was killed sends again what it had sent.
                    if let Some(positions) = dead.get_mut(&record.origin) {
                        positions.insert(record.position);
                    }
                }
                Ok::<_, LogError>(())
            })?;
        }
        Ok(origins.iter().map(|origin| dead[origin].len() as u64).collect())
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

    pub(super) fn left(&mut self, origin: OriginId, read: Option<Proof>) {
        if let (Some(proofs), Some(read)) = (&mut self.proofs, read) {
            proofs.leave(origin, read);
        }
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
        let key =
            dead_stub(place, record.origin, record.offset, (reason, detail), record.timestamp_ms, &mut self.touchpoint);
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
