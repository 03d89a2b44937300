//! The reader's side of provenance, real or broken on purpose.

use std::cell::Cell;

use crumbtrail_log::inbox::{InboxError, TickVerdict};
use crumbtrail_log::tick::NO_WATERMARK;
use crumbtrail_log::{Gap, Generation, Inbox, OriginId, Position, Tick, Verdict};
use crumbtrail_runtime::Provenance;

use crate::mutation::{Mutation, current, is_on};

/// The real inbox, or a simple one with a bug.
pub enum Judging {
    /// The real one.
    Real(Inbox),
    /// One with a bug.
    Broken(Broken),
}

/// Bugs that live in an inbox.
const BROKEN: [Mutation; 10] = [
    Mutation::NoProvenance,
    Mutation::OffsetOnly,
    Mutation::FirstRecordJudgesFrame,
    Mutation::TickLowers,
    Mutation::LastIgnored,
    Mutation::RejectedWatermark,
    Mutation::GapPassed,
    Mutation::SeenOrigins,
    Mutation::IdleLeftOut,
    Mutation::AnyGeneration,
];

thread_local! {
    static SIMPLE: Cell<bool> = const { Cell::new(false) };
}

/// Has this thread's inboxes be the simple one that bugs are put into, without any: the control of what they show.
pub fn simple(is_simple: bool) {
    SIMPLE.set(is_simple);
}

/// Whether this thread's inboxes are simple ones, which may have a bug.
#[must_use]
pub fn is_broken() -> bool {
    SIMPLE.get() || current().is_some_and(|mutation| BROKEN.contains(&mutation))
}

impl Provenance for Judging {
    fn new() -> Judging {
        if is_broken() {
            Judging::Broken(Broken { watermark: NO_WATERMARK, ..Broken::default() })
        } else {
            Judging::Real(Inbox::new())
        }
    }

    fn judge(&mut self, generation: Generation, origin: OriginId, position: Position, previous: Position) -> Verdict {
        match self {
            Judging::Real(inbox) => inbox.judge(generation, origin, position, previous),
            Judging::Broken(broken) => broken.judge(generation, origin, position, previous),
        }
    }

    fn tick(&mut self, tick: &Tick) -> TickVerdict {
        match self {
            Judging::Real(inbox) => inbox.tick(tick),
            Judging::Broken(broken) => broken.tick(tick),
        }
    }

    fn watermark(&self) -> Option<i64> {
        match self {
            Judging::Real(inbox) => inbox.watermark(),
            Judging::Broken(broken) => {
                // Asked for at the begin of every frame.
                broken.is_first.set(true);
                (broken.watermark != NO_WATERMARK).then_some(broken.watermark)
            }
        }
    }

    fn gaps(&self) -> impl Iterator<Item = Gap> {
        let gaps: Vec<Gap> = match self {
            Judging::Real(inbox) => inbox.gaps().collect(),
            Judging::Broken(broken) => {
                let gapped = broken.origins.iter().filter(|known| known.is_gapped);
                gapped.map(|known| Gap { origin: known.origin, expected_after: known.held }).collect()
            }
        };
        gaps.into_iter()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Judging::Real(inbox) => inbox.encode(out),
            Judging::Broken(broken) => broken.encode(out),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Judging, InboxError> {
        let fresh = Judging::new();
        Ok(match fresh {
            Judging::Real(_) if is_on(Mutation::SnapshotWithoutPositions) => fresh,
            Judging::Real(_) => Judging::Real(Inbox::decode(bytes)?),
            Judging::Broken(_) => Judging::Broken(Broken::decode(bytes).ok_or(InboxError::Malformed)?),
        })
    }
}

/// A simple inbox, right but for the one bug that is on.
#[derive(Clone, Debug, Default)]
pub struct Broken {
    origins: Vec<Known>,
    watermark: i64,
    started: bool,
    is_first: Cell<bool>,
    verdict: Option<Verdict>,
}

#[derive(Clone, Debug)]
struct Known {
    origin: OriginId,
    generation: u32,
    held: Position,
    record: Position,
    frontier: u64,
    watermark: i64,
    is_declared: bool,
    is_heard: bool,
    is_idle: bool,
    is_gapped: bool,
}

impl Broken {
    fn known(&mut self, origin: OriginId) -> &mut Known {
        let at = self.origins.iter().position(|known| known.origin == origin).unwrap_or_else(|| {
            self.origins.push(Known {
                origin,
                generation: 0,
                held: Position::default(),
                record: Position::default(),
                frontier: 0,
                watermark: NO_WATERMARK,
                is_declared: false,
                is_heard: false,
                is_idle: false,
                is_gapped: false,
            });
            self.origins.len() - 1
        });
        &mut self.origins[at]
    }

    fn judge(&mut self, generation: Generation, origin: OriginId, position: Position, previous: Position) -> Verdict {
        let is_first = self.is_first.replace(false);
        if is_on(Mutation::FirstRecordJudgesFrame)
            && !is_first
            && let Some(verdict) = self.verdict
        {
            let known = self.known(origin);
            if verdict == Verdict::Accept {
                known.held = known.held.max(position);
                known.record = known.record.max(position);
            }
            return verdict;
        }
        let verdict = self.verdict_of(generation, origin, position, previous);
        self.verdict = Some(verdict);
        verdict
    }

    fn verdict_of(
        &mut self,
        generation: Generation,
        origin: OriginId,
        position: Position,
        previous: Position,
    ) -> Verdict {
        let known = self.known(origin);
        if !is_on(Mutation::AnyGeneration) {
            if generation.0 < known.generation {
                return Verdict::OldGeneration;
            }
            known.generation = generation.0;
        }
        if is_on(Mutation::NoProvenance) {
            known.held = known.held.max(position);
            return Verdict::Accept;
        }
        let is_repeat = match is_on(Mutation::OffsetOnly) {
            true => {
                known.record > Position::default() && position.offset <= known.record.offset || position <= known.held
            }
            false => position <= known.held,
        };
        if is_repeat {
            return Verdict::Repeat;
        }
        let skips = previous == Position::default() && known.record > Position::default();
        if (previous > known.held || skips) && !is_on(Mutation::GapPassed) {
            known.is_gapped = true;
            return Verdict::Gap { expected_after: known.held };
        }
        known.held = position;
        known.record = position;
        known.is_gapped = false;
        Verdict::Accept
    }

    fn tick(&mut self, tick: &Tick) -> TickVerdict {
        let mut verdict = TickVerdict::default();
        for (origin, _) in &tick.declared {
            self.known(*origin).is_declared = true;
        }
        for said in &tick.origins {
            let known = self.known(said.origin);
            known.is_heard = true;
            if !is_on(Mutation::AnyGeneration) {
                if said.generation.0 < known.generation {
                    verdict.old += 1;
                    continue;
                }
                known.generation = said.generation.0;
            }
            let skips = said.last == Position::default()
                && known.record > Position::default()
                && said.frontier > known.record.offset;
            let is_past = is_on(Mutation::LastIgnored) || is_on(Mutation::NoProvenance) || is_on(Mutation::GapPassed);
            if (said.last > known.held || skips) && !is_past {
                known.is_gapped = true;
                if is_on(Mutation::RejectedWatermark) {
                    known.watermark = known.watermark.max(said.watermark);
                }
                verdict.gaps.push(Gap { origin: said.origin, expected_after: known.held });
                continue;
            }
            verdict.accepted += 1;
            known.is_idle = said.watermark <= known.watermark;
            known.watermark = known.watermark.max(said.watermark);
            let decided = Position::before(said.frontier);
            if is_on(Mutation::TickLowers) {
                known.frontier = said.frontier;
                known.held = decided;
                known.record = known.record.min(decided);
            }
            known.frontier = known.frontier.max(said.frontier);
            if decided > known.held {
                known.held = decided;
                known.is_gapped = false;
            }
        }
        self.started |= !tick.declared.is_empty();
        if self.started {
            let counts = |known: &&Known| match current() {
                Some(Mutation::SeenOrigins) => known.is_heard,
                Some(Mutation::IdleLeftOut) => known.is_declared && known.is_heard && !known.is_idle,
                _ => known.is_declared,
            };
            let least = self.origins.iter().filter(counts).map(|known| known.watermark).min().unwrap_or(NO_WATERMARK);
            // Without anyone to wait for, nothing moves.
            if least < i64::MAX {
                self.watermark = self.watermark.max(least);
            }
        }
        verdict
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.started));
        out.extend_from_slice(&self.watermark.to_le_bytes());
        for known in &self.origins {
            let numbers = [
                known.origin.0,
                u64::from(known.generation),
                known.held.offset,
                u64::from(known.held.seq),
                known.record.offset,
                u64::from(known.record.seq),
                known.frontier,
                known.watermark as u64,
                u64::from(known.is_declared)
                    | u64::from(known.is_gapped) << 1
                    | u64::from(known.is_heard) << 2
                    | u64::from(known.is_idle) << 3,
            ];
            numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        }
    }

    fn decode(bytes: &[u8]) -> Option<Broken> {
        let (started, rest) = bytes.split_first()?;
        let (watermark, mut rest) = rest.split_first_chunk::<8>()?;
        let mut broken =
            Broken { started: *started != 0, watermark: i64::from_le_bytes(*watermark), ..Broken::default() };
        while !rest.is_empty() {
            let mut numbers = [0u64; 9];
            for number in &mut numbers {
                let (bytes, after) = rest.split_first_chunk::<8>()?;
                (*number, rest) = (u64::from_le_bytes(*bytes), after);
            }
            let [origin, generation, held, held_seq, record, record_seq, frontier, watermark, flags] = numbers;
            broken.origins.push(Known {
                origin: OriginId(origin),
                generation: generation as u32,
                held: Position { offset: held, seq: held_seq as u32 },
                record: Position { offset: record, seq: record_seq as u32 },
                frontier,
                watermark: watermark as i64,
                is_declared: flags & 1 != 0,
                is_gapped: flags & 2 != 0,
                is_heard: flags & 4 != 0,
                is_idle: flags & 8 != 0,
            });
        }
        Some(broken)
    }
}
