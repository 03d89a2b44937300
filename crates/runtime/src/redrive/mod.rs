//! Dead letters sent through intake again, without duplicates however often: what a fix has made readable goes into the
//! touchpoints log as records of an origin of its own, the rest stays as it is.
//!
//! ```text
//! read plans → choose and judge letters → write a plan, flush → read the plans back: which are ours to send? →
//! of each plan: tick, letters, tick, flush → write "done", flush
//! ```
//! A record's position is the letter's position in its log, so whatever is sent again (after a kill, by two at once, because a
//! reader misses records) is dropped as a repeat. A plan makes positions grow within its origin whichever letters earlier
//! runs chose: only what is planned is sent, and what is planned is sent by its plan only ([`plan`]).

pub mod plan;

use std::sync::Arc;

use crumbtrail_crash as crash;
use crumbtrail_events::touchpoint::{Asides, To};
use crumbtrail_events::wire::WireError;
use crumbtrail_events::{EventTime, Key};
use crumbtrail_log::control::Control;
use crumbtrail_log::{Epoch, Generation, Log, LogError, Offset, OriginId, Outbox, PartitionId, Position, walk};
use hashbrown::HashSet;

use crate::clock::FLUSH_DEADLINE;
use plan::{MOST_LETTERS, PLANS_ORIGIN, Plan, Plans, Word, origin_name};

/// Why dead letters are not redriven.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// A log failed.
    #[error("redrive: {0}")]
    Log(#[from] LogError),
    /// A record of the dead-letter log cannot be read.
    #[error("redrive: a record of the dead-letter log cannot be read ({0}); was it written by a newer version?")]
    Record(#[from] WireError),
    /// A plan was sent under a newer configuration: readers would drop all that we say.
    #[error(
        "dead letters were redriven under configuration generation {found}, this one is {ours}: raise `generation` to \
         {found} or more"
    )]
    Generation {
        /// Generation found.
        found: u32,
        /// Generation configured.
        ours: u32,
    },
    /// A letter cannot be decided now.
    #[error("redrive stopped: {0}; run it again, it goes on from here")]
    Held(String),
}

/// A dead letter as it lies in its log.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// Whose record it was.
    pub origin: OriginId,
    /// Its place in the dead-letter log: offset of the frame plus 1, number in the frame from 1.
    pub at: Position,
    /// Wall time of the first tick behind it, ms: it was written just before; `None` if there is none yet.
    pub written_at_ms: Option<i64>,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Chooses and judges letters.
pub trait Mender {
    /// Whether a letter is meant. Asked of each letter once, in the log's order, of its copies never.
    ///
    /// # Errors
    /// Its bytes cannot be read.
    fn wants(&mut self, letter: &Letter<'_>) -> Result<bool, WireError>;

    /// How letters are read that it wants, in words that [`Mender::judge`] understands: it stands in their plan, so that a run
    /// that is cut off is gone on with as it began, whatever the next one is asked for.
    fn reading(&self) -> String;

    /// Judges a letter that is meant, read as `reading` says (empty: not told): appends its touchpoint, and what goes with it,
    /// and returns its key, or `None` if it is dead still.
    ///
    /// # Errors
    /// Why it cannot be decided now.
    fn judge(
        &mut self,
        letter: &Letter<'_>,
        reading: &str,
        touchpoint: &mut Vec<u8>,
        asides: &mut Asides,
    ) -> Result<Option<Key>, String>;
}

/// What came of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Letters in the log, copies and those of earlier plans included.
    pub letters: u64,
    /// Sent by plans of earlier runs, or about to be.
    pub planned_before: u64,
    /// Meant, and not planned before.
    pub wanted: u64,
    /// Of these, those that are readable now, and were sent (in a dry run: would be).
    pub sent: u64,
    /// Sent by this run for an earlier one that was cut off, or of which a reader misses records.
    pub sent_for_earlier: u64,
    /// In plans of earlier runs, and not sent: the first of each is not readable now, and the others stand behind it.
    pub waiting: u64,
    /// In plans of earlier runs, not readable now, and left for ever ([`Redrive::leaves_unreadable`]).
    pub left: u64,
}

/// The logs of a redrive, and under what it writes them.
pub struct Redrive {
    /// The dead-letter log: read, and plans written.
    pub letters: Arc<dyn Log>,
    /// Where readable ones go.
    pub touchpoints: Arc<dyn Log>,
    /// Where readers ask for what they miss.
    pub control: Arc<dyn Log>,
    /// Routing epoch.
    pub epoch: Epoch,
    /// Configuration generation.
    pub generation: Generation,
    /// Wall time for ticks, ms.
    pub wall_ms: i64,
    /// Whether letters that an earlier run planned, and that are not readable any more, are left for ever: else their plan waits.
    pub leaves_unreadable: bool,
}

/// What came of a plan.
#[derive(Clone, Copy, Default)]
struct Sent {
    sent: u64,
    waiting: u64,
    left: u64,
}

const P0: PartitionId = PartitionId(0);
/// A touchpoint and its asides are fewer: room between the positions of two letters.
const MOST_PARTS: u32 = 8;
/// Bytes of a log read at once.
const READ_BYTES: usize = 8 << 20;

impl Redrive {
    /// Sends what is meant and readable now. A dry run counts and writes nothing.
    ///
    /// # Errors
    /// See [`RedriveError`]; running it again goes on where it stopped.
    pub fn run(&self, mender: &mut dyn Mender, is_dry: bool) -> Result<Redriven, RedriveError> {
        let mut plans = Plans::default();
        let (start, end) = self.letters.bounds(P0)?;
        self.read_plans(start, end, &mut plans)?;
        let earlier = plans.all().len();
        let mut done = Redriven::default();
        let chosen = self.choose(mender, &plans, (start, end), &mut done)?;
        done.sent = chosen.len() as u64;
        if is_dry {
            return Ok(done);
        }
        for letters in chosen.chunks(MOST_LETTERS) {
            self.say(&Word::Plan { reading: mender.reading(), letters: letters.to_vec() })?;
        }
        crash::point("redrive_planned");
        // Only the log says whose a letter is: somebody else's plan may have come before ours.
        let (_, now) = self.letters.bounds(P0)?;
        self.read_plans(end, now, &mut plans)?;
        let missed = self.asked_for()?;
        for (index, plan) in plans.all().iter().enumerate() {
            let is_missed = missed.contains(&plan.origin(self.letters.name()));
            if plan.letters.is_empty() || (plan.is_done && !is_missed) {
                continue;
            }
            let Sent { sent, waiting, left } = self.send(mender, plan)?;
            crash::point("redrive_sent");
            if index < earlier {
                done.sent_for_earlier += sent;
            }
            (done.waiting, done.left) = (done.waiting + waiting, done.left + left);
            if !plan.is_done && waiting == 0 {
                self.say(&Word::Done(plan.at))?;
            }
        }
        Ok(done)
    }

    /// Every letter that is meant, in no plan, and readable now.
    fn choose(
        &self,
        mender: &mut dyn Mender,
        plans: &Plans,
        (start, end): (Offset, Offset),
        done: &mut Redriven,
    ) -> Result<Vec<Position>, RedriveError> {
        // A letter may lie there twice: intake that was killed sends again what it had sent.
        let mut seen: HashSet<(OriginId, Position)> = HashSet::new();
        let (mut chosen, mut touchpoint, mut asides) = (Vec::new(), Vec::new(), Asides::default());
        let reading = mender.reading();
        self.walk(start, end, |letter, source| {
            done.letters += 1;
            if !seen.insert((letter.origin, source)) {
                return Ok(());
            }
            if plans.has(letter.at) {
                done.planned_before += 1;
                return Ok(());
            }
            if !mender.wants(letter)? {
                return Ok(());
            }
            done.wanted += 1;
            touchpoint.clear();
            asides.clear();
            if mender.judge(letter, &reading, &mut touchpoint, &mut asides).map_err(RedriveError::Held)?.is_some() {
                chosen.push(letter.at);
            }
            Ok(())
        })?;
        Ok(chosen)
    }

    /// Sends a plan's letters, in their order, up to one that was readable when it was planned and is so no more. Positions grow within
    /// an origin: what is left out once can never be sent by it again.
    fn send(&self, mender: &mut dyn Mender, plan: &Plan) -> Result<Sent, RedriveError> {
        let (Some(first), Some(last)) = (plan.letters.first(), plan.letters.last()) else { return Ok(Sent::default()) };
        let name = origin_name(self.letters.name(), plan.at);
        let origin = OriginId::of(&name);
        for partition in 0..self.touchpoints.partitions() {
            let back = self.touchpoints.read_back(PartitionId(partition), origin)?;
            if let Some(back) = back.filter(|back| back.generation > self.generation) {
                return Err(RedriveError::Generation { found: back.generation.0, ours: self.generation.0 });
            }
        }
        let partitions = self.touchpoints.partitions();
        let mut outbox = Outbox::new(self.epoch, self.generation, partitions).with_lz4(self.touchpoints.wants_lz4());
        // First every partition hears that nothing comes before the first letter. A run that is cut off and done again may
        // judge otherwise and leave letters out; only a start that claims this much is then no gap to anyone.
        outbox.start(origin, &name, Position::default());
        outbox.decided(origin, first.offset, EventTime::MIN.0);
        outbox.tick(self.wall_ms, &[]);
        self.append(&mut outbox)?;
        self.touchpoints.flush(FLUSH_DEADLINE)?;
        outbox.start(origin, &name, Position::before(first.offset));
        let letters: HashSet<Position> = plan.letters.iter().copied().collect();
        let (mut done, mut touchpoint, mut asides) = (Sent::default(), Vec::new(), Asides::default());
        let mut unreadable = None;
        let (start, _) = self.letters.bounds(P0)?;
        let from = Offset(first.offset - 1).max(start);
        self.walk(from, Offset(last.offset).max(start), |letter, _| {
            if !letters.contains(&letter.at) {
                return Ok(());
            }
            if unreadable.is_some() {
                done.waiting += 1;
                return Ok(());
            }
            touchpoint.clear();
            asides.clear();
            let judged = mender.judge(letter, &plan.reading, &mut touchpoint, &mut asides);
            if let Some(key) = judged.map_err(RedriveError::Held)? {
                let whole = (To::Key(key), &touchpoint[..]);
                for (number, (to, bytes)) in (0..).zip(std::iter::once(whole).chain(asides.iter())) {
                    let at = Position { seq: letter.at.seq * MOST_PARTS + number, ..letter.at };
                    to.partitions(partitions).for_each(|to| outbox.push(origin, at, PartitionId(to), bytes));
                }
                done.sent += 1;
                self.append(&mut outbox)?;
            } else if self.leaves_unreadable {
                done.left += 1;
            } else {
                done.waiting += 1;
                unreadable = Some(letter.at);
            }
            Ok(())
        })?;
        outbox.decided(origin, unreadable.map_or(last.offset + 1, |letter| letter.offset), EventTime::MIN.0);
        outbox.tick(self.wall_ms, &[]);
        self.append(&mut outbox)?;
        self.touchpoints.flush(FLUSH_DEADLINE)?;
        let Sent { sent, waiting, left } = done;
        tracing::info!(plan = plan.at.0, letters = plan.letters.len(), sent, waiting, left, "dead letters redriven");
        Ok(done)
    }

    fn append(&self, outbox: &mut Outbox) -> Result<(), LogError> {
        outbox.drain().try_for_each(|(partition, frame)| self.touchpoints.append(partition, frame))
    }

    /// Writes a word into the dead-letter log and returns once it is durable.
    fn say(&self, word: &Word) -> Result<(), RedriveError> {
        let mut outbox = Outbox::new(self.epoch, self.generation, 1).with_lz4(self.letters.wants_lz4());
        let origin = OriginId::of(PLANS_ORIGIN);
        let (_, end) = self.letters.bounds(P0)?;
        outbox.start(origin, PLANS_ORIGIN, Position::before(end.0));
        outbox.push(origin, Position { offset: end.0, seq: 1 }, P0, &word.encode());
        outbox.cut_all();
        for (partition, frame) in outbox.drain() {
            self.letters.append(partition, frame)?;
        }
        Ok(self.letters.flush(FLUSH_DEADLINE)?)
    }

    fn read_plans(&self, from: Offset, to: Offset, plans: &mut Plans) -> Result<(), RedriveError> {
        let origin = OriginId::of(PLANS_ORIGIN);
        walk(self.letters.as_ref(), P0, from..to, |offset, view| {
            for record in view.records().filter(|record| record.origin == origin) {
                plans.take(offset, Word::decode(record.payload)?);
            }
            Ok(())
        })
    }

    /// Wall times of the ticks in a stretch of the log.
    fn ticks(&self, from: Offset, to: Offset) -> Result<Vec<(Offset, i64)>, RedriveError> {
        let mut ticks = Vec::new();
        walk(self.letters.as_ref(), P0, from..to, |offset, view| {
            let bad = |source| LogError::Frame { log: self.letters.name().to_owned(), partition: P0, offset, source };
            ticks.extend(view.tick().map_err(bad)?.map(|tick| (offset, tick.wall_ms)));
            Ok::<_, RedriveError>(())
        })?;
        Ok(ticks)
    }

    /// Hands every letter in a stretch of the log to `visit`, with its source's position.
    fn walk(
        &self,
        from: Offset,
        to: Offset,
        mut visit: impl FnMut(&Letter<'_>, Position) -> Result<(), RedriveError>,
    ) -> Result<(), RedriveError> {
        let plans = OriginId::of(PLANS_ORIGIN);
        let ticks = self.ticks(from, to)?;
        let mut ticks = ticks.into_iter().peekable();
        walk(self.letters.as_ref(), P0, from..to, |offset, view| {
            while ticks.next_if(|(at, _)| *at < offset).is_some() {}
            let tick_ms = ticks.peek().map(|(_, wall_ms)| *wall_ms);
            for (record, number) in view.records().zip(1..).filter(|(record, _)| record.origin != plans) {
                let at = Position { offset: offset.0 + 1, seq: number };
                let letter = Letter { origin: record.origin, at, written_at_ms: tick_ms, bytes: record.payload };
                visit(&letter, record.position)?;
            }
            Ok(())
        })
    }

    /// Origins of which a reader of the touchpoints log said that it misses records.
    fn asked_for(&self) -> Result<HashSet<OriginId>, RedriveError> {
        let (mut next, end) = self.control.bounds(P0)?;
        let mut asked = HashSet::new();
        while next < end {
            let messages = self.control.read(P0, next, READ_BYTES)?;
            let Some(&(last, _)) = messages.last() else { break };
            for (_, bytes) in messages {
                if let Ok(Control::GoBack(ask)) = Control::decode(&bytes)
                    && ask.log == self.touchpoints.name()
                {
                    asked.insert(ask.origin);
                }
            }
            next = Offset(last.0 + 1);
        }
        Ok(asked)
    }
}
