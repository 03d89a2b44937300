//! The reader's side of provenance: what of a partition is new, a repeat, or after a hole. Pure.

use hashbrown::HashMap;

use crate::position::{Generation, OriginId, Position};
use crate::tick::{NO_WATERMARK, Tick};
use crate::wire::{Malformed, Reader, put_varint};

const VERSION: u8 = 2;
/// As version 1, without [`ADOPTING`].
const WITHOUT_ADOPTING: u8 = 1;
const STARTED: u8 = 1;
const ADOPTING: u8 = 2;

/// What a reader has to do with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// New, and nothing is missing before it: process it.
    Accept,
    /// Held already: drop it.
    Repeat,
    /// Something sent between the position held and this record never arrived: refuse it. The origin's records are
    /// refused until its writer goes back to `expected_after`.
    Gap {
        /// Position held of this origin.
        expected_after: Position,
    },
    /// Decided under an older configuration than one already seen of this origin: drop it.
    OldGeneration,
}

/// A hole in an origin's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Whose.
    pub origin: OriginId,
    /// Last position held before it.
    pub expected_after: Position,
}

/// What became of a tick's statements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TickVerdict {
    /// Statements taken.
    pub accepted: usize,
    /// Statements made under an older configuration, dropped.
    pub old: usize,
    /// Statements refused, because records they count as sent never arrived.
    pub gaps: Vec<Gap>,
}

/// What is known of one origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginState {
    /// The origin.
    pub origin: OriginId,
    /// Canonical name, once a tick declared it.
    pub name: Option<String>,
    /// Highest generation seen.
    pub generation: Generation,
    /// Everything up to here is held: the last accepted record, or an accepted frontier beyond it.
    pub held: Position,
    /// Last accepted record; the default position before the first.
    pub record: Position,
    /// Next source offset to be decided, as accepted.
    pub frontier: u64,
    /// Watermark in ms that came with it, or [`NO_WATERMARK`].
    pub watermark: i64,
    /// Whether the partition's watermark waits for it.
    pub declared: bool,
    /// Whether a hole is open.
    pub gapped: bool,
}

impl OriginState {
    fn new(origin: OriginId) -> OriginState {
        OriginState {
            origin,
            name: None,
            generation: Generation(0),
            held: Position::default(),
            record: Position::default(),
            frontier: 0,
            watermark: NO_WATERMARK,
            declared: false,
            gapped: false,
        }
    }

    fn is_unheard(&self) -> bool {
        self.held == Position::default() && self.record == Position::default()
    }

    /// Whether a run that has sent `last` so far cannot have repeated what is held. A run that starts at the very
    /// beginning (its `previous` is the default position) must meet every record held before it sends a newer one; if
    /// it did not, its source no longer has them, nor perhaps what lay between.
    fn skips_from_beginning(&self, last: Position) -> bool {
        last == Position::default() && self.record > Position::default()
    }
}

/// What one partition's reader holds of every origin. Part of its snapshot.
#[derive(Clone, Debug, Default)]
pub struct Inbox {
    origins: Vec<OriginState>,
    index: HashMap<OriginId, usize>,
    current: usize,
    watermark: i64,
    started: bool,
    /// What came before it was accepted as lost: the first that is heard of an origin follows what was held.
    adopting: bool,
}

impl Inbox {
    /// Of a partition of which nothing has been read.
    #[must_use]
    pub fn new() -> Inbox {
        Inbox { watermark: NO_WATERMARK, ..Inbox::default() }
    }

    /// Of a partition whose begin was forgotten, and accepted as lost: the first that is heard of an origin is taken as
    /// following what was held of it.
    #[must_use]
    pub fn adopting() -> Inbox {
        Inbox { adopting: true, ..Inbox::new() }
    }

    /// Judges a record; takes note of it if it is accepted. Records of a frame are judged one by one, in order.
    #[inline]
    pub fn judge(
        &mut self,
        generation: Generation,
        origin: OriginId,
        position: Position,
        previous: Position,
    ) -> Verdict {
        let adopting = self.adopting;
        let state = self.state(origin);
        if generation != state.generation {
            if generation < state.generation {
                return Verdict::OldGeneration;
            }
            state.generation = generation;
        }
        if adopting && state.is_unheard() {
            state.held = previous;
        }
        if position <= state.held {
            return Verdict::Repeat;
        }
        if previous > state.held || state.skips_from_beginning(previous) {
            state.gapped = true;
            return Verdict::Gap { expected_after: state.held };
        }
        state.held = position;
        state.record = position;
        state.gapped = false;
        Verdict::Accept
    }

    /// Takes a tick's statements, each only if what it counts as sent is held. Nothing is ever lowered.
    pub fn tick(&mut self, tick: &Tick) -> TickVerdict {
        let mut verdict = TickVerdict::default();
        for (origin, name) in &tick.declared {
            let state = self.state(*origin);
            state.declared = true;
            if state.name.as_deref() != Some(name) {
                state.name = Some(name.clone());
            }
        }
        let adopting = self.adopting;
        for said in &tick.origins {
            let state = self.state(said.origin);
            if said.generation < state.generation {
                verdict.old += 1;
                continue;
            }
            state.generation = said.generation;
            if adopting && state.is_unheard() {
                state.held = said.last;
            }
            let skips = state.skips_from_beginning(said.last) && said.frontier > state.record.offset;
            if said.last > state.held || skips {
                state.gapped = true;
                verdict.gaps.push(Gap { origin: said.origin, expected_after: state.held });
                continue;
            }
            verdict.accepted += 1;
            state.frontier = state.frontier.max(said.frontier);
            state.watermark = state.watermark.max(said.watermark);
            let decided = Position::before(state.frontier);
            if decided > state.held {
                state.held = decided;
                state.gapped = false;
            }
        }
        self.started |= !tick.declared.is_empty();
        if self.started {
            let declared = self.origins.iter().filter(|state| state.declared);
            let least = declared.map(|state| state.watermark).min().unwrap_or(NO_WATERMARK);
            self.watermark = self.watermark.max(least);
        }
        verdict
    }

    /// Event time in ms below which no declared origin is expected to bring a record; `None` before all have said.
    /// Never goes down.
    #[must_use]
    pub fn watermark(&self) -> Option<i64> {
        (self.watermark != NO_WATERMARK).then_some(self.watermark)
    }

    /// Next source offset to be decided of an origin, as accepted; `None` before it was heard of.
    #[must_use]
    pub fn frontier(&self, origin: OriginId) -> Option<u64> {
        self.index.get(&origin).map(|&index| self.origins[index].frontier)
    }

    /// All origins heard of, in the order in which they were.
    pub fn origins(&self) -> impl ExactSizeIterator<Item = &OriginState> {
        self.origins.iter()
    }

    /// Open holes: what to ask writers for, at the log's end.
    pub fn gaps(&self) -> impl Iterator<Item = Gap> {
        let gapped = self.origins.iter().filter(|state| state.gapped);
        gapped.map(|state| Gap { origin: state.origin, expected_after: state.held })
    }

    /// The inbox as versioned bytes; equal for equal histories.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.push(if self.started { STARTED } else { 0 } | if self.adopting { ADOPTING } else { 0 });
        out.extend_from_slice(&self.watermark.to_le_bytes());
        put_varint(out, self.origins.len() as u64);
        for state in &self.origins {
            out.extend_from_slice(&state.origin.0.to_le_bytes());
            out.extend_from_slice(&state.generation.0.to_le_bytes());
            for position in [state.held, state.record] {
                put_varint(out, position.offset);
                put_varint(out, u64::from(position.seq));
            }
            put_varint(out, state.frontier);
            out.extend_from_slice(&state.watermark.to_le_bytes());
            let named = state.name.is_some();
            out.push(u8::from(state.declared) | u8::from(state.gapped) << 1 | u8::from(named) << 2);
            if let Some(name) = &state.name {
                put_varint(out, name.len() as u64);
                out.extend_from_slice(name.as_bytes());
            }
        }
    }

    /// Reads what [`Inbox::encode`] made.
    ///
    /// # Errors
    /// When the bytes are cut, changed or of a later version.
    pub fn decode(bytes: &[u8]) -> Result<Inbox, InboxError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != VERSION && version != WITHOUT_ADOPTING {
            return Err(InboxError::UnknownVersion { version });
        }
        let flags = reader.u8()?;
        let (started, adopting) = (flags & STARTED != 0, flags & ADOPTING != 0);
        let mut inbox = Inbox { started, adopting, watermark: reader.i64()?, ..Inbox::default() };
        let count = reader.count(26)?;
        for index in 0..count {
            let mut state = OriginState::new(OriginId(reader.u64()?));
            state.generation = Generation(reader.u32()?);
            state.held = Position { offset: reader.varint()?, seq: reader.varint_u32()? };
            state.record = Position { offset: reader.varint()?, seq: reader.varint_u32()? };
            state.frontier = reader.varint()?;
            state.watermark = reader.i64()?;
            let flags = reader.u8()?;
            state.declared = flags & 1 != 0;
            state.gapped = flags & 2 != 0;
            if flags & 4 != 0 {
                let len = reader.count(1)?;
                let name = std::str::from_utf8(reader.bytes(len)?).map_err(|_| InboxError::Malformed)?;
                state.name = Some(name.to_owned());
            }
            if inbox.index.insert(state.origin, index).is_some() {
                return Err(InboxError::Malformed);
            }
            inbox.origins.push(state);
        }
        if !reader.is_empty() {
            return Err(InboxError::Malformed);
        }
        Ok(inbox)
    }

    #[inline]
    fn state(&mut self, origin: OriginId) -> &mut OriginState {
        if self.origins.get(self.current).is_none_or(|state| state.origin != origin) {
            self.current = self.find(origin);
        }
        &mut self.origins[self.current]
    }

    fn find(&mut self, origin: OriginId) -> usize {
        let next = self.origins.len();
        let index = *self.index.entry(origin).or_insert(next);
        if index == next {
            self.origins.push(OriginState::new(origin));
        }
        index
    }
}

impl PartialEq for Inbox {
    fn eq(&self, other: &Inbox) -> bool {
        self.origins == other.origins
            && self.watermark == other.watermark
            && (self.started, self.adopting) == (other.started, other.adopting)
    }
}

/// Why bytes are not an inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    /// Made by a later version of this program.
    #[error("inbox version {version} is not known here: a newer version wrote it")]
    UnknownVersion {
        /// The version it claims.
        version: u8,
    },
    /// Cut or changed.
    #[error("inbox bytes are malformed")]
    Malformed,
}

impl From<Malformed> for InboxError {
    fn from(_: Malformed) -> InboxError {
        InboxError::Malformed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::OriginTick;

    const A: OriginId = OriginId(0xa);
    const B: OriginId = OriginId(0xb);
    const G1: Generation = Generation(1);
    const G2: Generation = Generation(2);

    fn at(offset: u64, seq: u32) -> Position {
        Position { offset, seq }
    }

    fn said(origin: OriginId, frontier: u64, last: Position, watermark: i64) -> Tick {
        let tick = OriginTick { origin, frontier, last, watermark, generation: G1 };
        Tick {
            wall_ms: 0,
            closing: false,
            origins: vec![tick],
            declared: vec![(A, "a".to_owned()), (B, "b".to_owned())],
        }
    }

    /// ```text
    /// sent      5.1   5.2   9.1   12.1
    /// arrived   5.1   5.2    –    12.1   then, gone back to 5.2:   9.1   12.1
    /// ```
    #[test]
    fn a_gap_is_refused_until_the_writer_goes_back() {
        let mut inbox = Inbox::new();
        assert_eq!(inbox.judge(G1, A, at(5, 1), at(0, 0)), Verdict::Accept);
        assert_eq!(inbox.judge(G1, A, at(5, 2), at(5, 1)), Verdict::Accept);
        assert_eq!(inbox.judge(G1, A, at(5, 2), at(5, 1)), Verdict::Repeat);
        let gap = Verdict::Gap { expected_after: at(5, 2) };
        assert_eq!(inbox.judge(G1, A, at(12, 1), at(9, 1)), gap);
        assert_eq!(inbox.judge(G1, A, at(13, 1), at(12, 1)), gap);
        assert_eq!(inbox.gaps().collect::<Vec<_>>(), vec![Gap { origin: A, expected_after: at(5, 2) }]);
        assert_eq!(inbox.judge(G1, A, at(9, 1), at(5, 2)), Verdict::Accept);
        assert_eq!(inbox.gaps().count(), 0);
        assert_eq!(inbox.judge(G1, A, at(12, 1), at(9, 1)), Verdict::Accept);
    }

    #[test]
    fn a_lost_first_record_is_a_gap() {
        let mut inbox = Inbox::new();
        assert_eq!(inbox.judge(G1, A, at(7, 1), at(5, 1)), Verdict::Gap { expected_after: at(0, 0) });
    }

    #[test]
    fn a_lost_tail_shows_in_the_tick_and_holds_frontier_and_watermark() {
        let mut inbox = Inbox::new();
        inbox.judge(G1, A, at(5, 1), at(0, 0));
        let verdict = inbox.tick(&said(A, 10, at(9, 1), 1_000));
        assert_eq!(verdict.gaps, vec![Gap { origin: A, expected_after: at(5, 1) }]);
        assert_eq!((inbox.frontier(A), inbox.origins().next().unwrap().watermark), (Some(0), NO_WATERMARK));
        inbox.judge(G1, A, at(9, 1), at(5, 1));
        assert_eq!(inbox.tick(&said(A, 10, at(9, 1), 1_000)).accepted, 1);
        assert_eq!(inbox.frontier(A), Some(10));
    }

    #[test]
    fn an_accepted_frontier_counts_as_held() {
        let mut inbox = Inbox::new();
        inbox.judge(G1, A, at(5, 1), at(0, 0));
        inbox.tick(&said(A, 50, at(5, 1), 0));
        // a new run starts at the frontier it read back
        assert_eq!(inbox.judge(G1, A, at(57, 1), at(50, 0)), Verdict::Accept);
        assert_eq!(inbox.judge(G1, A, at(49, 1), at(5, 1)), Verdict::Repeat);
    }

    #[test]
    fn the_watermark_waits_for_every_declared_origin_and_never_falls() {
        let mut inbox = Inbox::new();
        inbox.tick(&said(A, 1, at(0, 0), 5_000));
        assert_eq!(inbox.watermark(), None, "b is declared and has said nothing");
        inbox.tick(&said(B, 1, at(0, 0), 3_000));
        assert_eq!(inbox.watermark(), Some(3_000));
        inbox.tick(&said(B, 0, at(0, 0), 1_000));
        assert_eq!((inbox.watermark(), inbox.frontier(B)), (Some(3_000), Some(1)), "a tick lowers nothing");
        let mut later = said(A, 2, at(0, 0), 9_000);
        later.declared.push((OriginId(0xc), "c".to_owned()));
        inbox.tick(&later);
        assert_eq!(inbox.watermark(), Some(3_000), "an origin declared later holds it, and does not lower it");
    }

    #[test]
    fn an_origin_nobody_declares_does_not_hold_the_watermark() {
        let mut inbox = Inbox::new();
        inbox.judge(G1, OriginId(0xd), at(1, 1), at(0, 0));
        inbox.tick(&said(A, 1, at(0, 0), 5_000));
        inbox.tick(&said(B, 1, at(0, 0), 6_000));
        assert_eq!(inbox.watermark(), Some(5_000));
    }

    #[test]
    fn older_generations_are_dropped_per_origin() {
        let mut inbox = Inbox::new();
        assert_eq!(inbox.judge(G2, A, at(5, 1), at(0, 0)), Verdict::Accept);
        assert_eq!(inbox.judge(G1, A, at(6, 1), at(5, 1)), Verdict::OldGeneration);
        assert_eq!(inbox.judge(G1, B, at(6, 1), at(0, 0)), Verdict::Accept);
        assert_eq!(inbox.tick(&said(A, 90, at(5, 1), 1)).old, 1);
        assert_eq!(inbox.frontier(A), Some(0));
        assert_eq!(inbox.judge(G2, A, at(6, 1), at(5, 1)), Verdict::Accept);
    }

    /// A first start that finds its source already shortened must not pass over what it never saw.
    #[test]
    fn a_run_from_the_beginning_that_repeats_nothing_is_a_gap() {
        let mut inbox = Inbox::new();
        inbox.judge(G1, A, at(5, 1), at(0, 0));
        assert_eq!(inbox.judge(G1, A, at(9, 1), at(0, 0)), Verdict::Gap { expected_after: at(5, 1) });
        assert_eq!(inbox.tick(&said(A, 9, at(0, 0), 1)).gaps.len(), 1);
        assert_eq!(inbox.tick(&said(A, 5, at(0, 0), 1)).gaps.len(), 0, "it says nothing new yet");
    }

    /// Where the log's begin is accepted as lost, the first of an origin opens no gap; what is missing later does.
    #[test]
    fn an_adopting_inbox_takes_the_first_it_hears_of_each_origin() {
        let mut inbox = Inbox::adopting();
        assert_eq!(inbox.judge(G1, A, at(50, 1), at(49, 1)), Verdict::Accept);
        assert_eq!(inbox.judge(G1, A, at(49, 1), at(48, 1)), Verdict::Repeat);
        assert_eq!(inbox.tick(&said(B, 70, at(66, 1), 1)).accepted, 1);
        assert_eq!(inbox.judge(G1, B, at(80, 1), at(66, 1)), Verdict::Accept);
        assert_eq!(inbox.judge(G1, A, at(53, 1), at(52, 1)), Verdict::Gap { expected_after: at(50, 1) });
        let mut bytes = Vec::new();
        inbox.encode(&mut bytes);
        assert_eq!(Inbox::decode(&bytes).unwrap(), inbox);
    }

    #[test]
    fn bytes_round_trip_and_no_prefix_is_read() {
        let mut inbox = Inbox::new();
        inbox.judge(G2, A, at(5, 1), at(0, 0));
        inbox.judge(G2, A, at(9, 1), at(8, 1));
        inbox.tick(&said(B, 40, at(0, 0), 6_000));
        let mut bytes = Vec::new();
        inbox.encode(&mut bytes);
        let read = Inbox::decode(&bytes).unwrap();
        assert_eq!(read, inbox);
        let mut again = Vec::new();
        read.encode(&mut again);
        assert_eq!(again, bytes);
        for len in 0..bytes.len() {
            assert!(Inbox::decode(&bytes[..len]).is_err());
        }
        bytes[0] = WITHOUT_ADOPTING;
        assert_eq!(Inbox::decode(&bytes).unwrap(), inbox, "the version before");
        bytes[0] = 3;
        assert_eq!(Inbox::decode(&bytes).unwrap_err(), InboxError::UnknownVersion { version: 3 });
    }
}
