//! The writer's side of provenance: records go into frames, frames end with ticks. Pure.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::frame::{FrameWriter, MAX_PAYLOAD, Slot};
use crate::position::{Epoch, Generation, OriginId, PartitionId, Position};
use crate::tick::{self, NO_WATERMARK, OriginTick};

/// Bytes at which a frame is cut, unless told otherwise.
pub const DEFAULT_CUT_BYTES: usize = 64 << 10;

const SPARES: usize = 16;

/// A writer's open frames, one per destination partition, and what it may truthfully say of its origins.
///
/// ```text
/// start(origin, from) → push… decided… push… decided → tick → drain → Log::append → Log::flush
/// ```
#[derive(Debug)]
pub struct Outbox {
    epoch: Epoch,
    generation: Generation,
    partitions: usize,
    cut_bytes: usize,
    lz4: bool,
    runs: Vec<Run>,
    index: HashMap<OriginId, usize>,
    current: usize,
    /// Of origin `o` to destination `d` at `o * partitions + d`.
    links: Vec<Link>,
    open: Vec<FrameWriter>,
    ready: VecDeque<(PartitionId, Vec<u8>)>,
    spares: Vec<Vec<u8>>,
}

/// One origin, from its start on.
#[derive(Debug)]
struct Run {
    origin: OriginId,
    name: String,
    from: Position,
    /// Last position pushed, to whichever destination.
    cursor: Position,
    frontier: u64,
    watermark: i64,
    active: bool,
}

/// What one origin sent to one destination.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    previous: Position,
    slot: Slot,
}

impl Outbox {
    /// For a log of so many partitions.
    #[must_use]
    pub fn new(epoch: Epoch, generation: Generation, partitions: u32) -> Outbox {
        let partitions = partitions as usize;
        Outbox {
            epoch,
            generation,
            partitions,
            cut_bytes: DEFAULT_CUT_BYTES,
            lz4: false,
            runs: Vec::new(),
            index: HashMap::new(),
            current: 0,
            links: Vec::new(),
            open: (0..partitions).map(|_| FrameWriter::new()).collect(),
            ready: VecDeque::new(),
            spares: Vec::new(),
        }
    }

    /// Packs records with LZ4; see [`crate::Log::wants_lz4`].
    #[must_use]
    pub fn with_lz4(mut self, lz4: bool) -> Outbox {
        self.lz4 = lz4;
        self
    }

    /// Cuts frames at about so many bytes.
    #[must_use]
    pub fn with_cut_bytes(mut self, cut_bytes: usize) -> Outbox {
        self.cut_bytes = cut_bytes;
        self
    }

    /// Number of destination partitions.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.partitions as u32
    }

    /// Configuration under which the next records are decided.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Records from here on are decided under another configuration; it only grows.
    pub fn set_generation(&mut self, generation: Generation) {
        assert!(generation >= self.generation, "invariant: a generation never goes down");
        if generation > self.generation {
            self.cut_all();
            self.generation = generation;
        }
    }

    /// Starts an origin, or moves it: the caller goes on from the source at `from.offset`, and vouches that everything
    /// up to `from` was sent to every destination before. That is so of a frontier read back, and of a position a
    /// reader asks to go back to. The default position claims nothing: a first start, wherever the source begins.
    pub fn start(&mut self, origin: OriginId, name: &str, from: Position) {
        let run = Run {
            origin,
            name: name.to_owned(),
            from,
            cursor: Position::before(from.offset),
            frontier: from.offset,
            watermark: NO_WATERMARK,
            active: true,
        };
        let next = self.runs.len();
        let index = *self.index.entry(origin).or_insert(next);
        if index == next {
            self.runs.push(run);
            self.links.resize(self.runs.len() * self.partitions, Link::default());
        } else {
            self.runs[index] = run;
        }
        let links = index * self.partitions..(index + 1) * self.partitions;
        self.links[links].fill(Link { previous: from, slot: Slot::default() });
    }

    /// Goes back to a position a reader asked for: [`Outbox::start`] of a known origin.
    pub fn go_back(&mut self, origin: OriginId, position: Position) {
        let index = self.run(origin);
        let name = std::mem::take(&mut self.runs[index].name);
        self.start(origin, &name, position);
    }

    /// No longer speaks for an origin; what is in open frames stays, for it is true.
    pub fn stop(&mut self, origin: OriginId) {
        let index = self.run(origin);
        self.runs[index].active = false;
    }

    /// Puts a record into its destination's frame. Within a run, positions grow for each destination and never go down
    /// over all of them. What lies at or before the run's start is left out: the start vouches for it.
    #[inline]
    pub fn push(&mut self, origin: OriginId, position: Position, dest: PartitionId, payload: &[u8]) {
        assert!(payload.len() <= MAX_PAYLOAD, "invariant: a payload fits into a frame");
        let index = self.run(origin);
        let run = &mut self.runs[index];
        assert!(position >= run.cursor, "invariant: an origin's positions never go down within a run");
        assert!(position.offset >= run.frontier, "invariant: what is decided is not added to");
        run.cursor = position;
        let dest = dest.0 as usize;
        assert!(dest < self.partitions, "invariant: the destination exists");
        let link = &mut self.links[index * self.partitions + dest];
        if position <= link.previous {
            assert!(position <= run.from, "invariant: a destination gets a position once");
            return;
        }
        let frame = &mut self.open[dest];
        if !frame.is_empty() && frame.len() + payload.len() > self.cut_bytes {
            let spare = self.spares.pop().unwrap_or_default();
            let bytes = frame.finish(self.epoch, self.generation, self.lz4, |_| false, spare);
            self.ready.push_back((PartitionId(dest as u32), bytes));
        }
        frame.push(&mut link.slot, origin, link.previous, position, payload);
        link.previous = position;
    }

    /// Says that everything of an origin below `frontier_offset` is decided and pushed, and that records from there on
    /// are not expected below `watermark` (ms; [`NO_WATERMARK`] if unknown). Neither ever goes down within a run.
    pub fn decided(&mut self, origin: OriginId, frontier_offset: u64, watermark: i64) {
        let index = self.run(origin);
        let run = &mut self.runs[index];
        assert!(frontier_offset >= run.frontier, "invariant: a frontier never goes down within a run");
        run.frontier = frontier_offset;
        run.watermark = run.watermark.max(watermark);
    }

    /// Next offset to be decided of an origin, as last said.
    #[must_use]
    pub fn frontier(&self, origin: OriginId) -> Option<u64> {
        self.index.get(&origin).map(|&index| self.runs[index].frontier)
    }

    /// Ends every destination's frame with a tick. `wall_ms` is the wall time, `declared` all origins the log's
    /// writers know (see [`crate::Tick::declared`]).
    pub fn tick(&mut self, wall_ms: i64, declared: &[(OriginId, String)]) {
        self.say(wall_ms, false, declared);
    }

    /// As [`Outbox::tick`], and asks readers to do at once what waits for wall time (see [`crate::Tick::closing`]).
    pub fn closing_tick(&mut self, wall_ms: i64, declared: &[(OriginId, String)]) {
        self.say(wall_ms, true, declared);
    }

    fn say(&mut self, wall_ms: i64, closing: bool, declared: &[(OriginId, String)]) {
        let active = self.runs.iter().filter(|run| run.active).count();
        for dest in 0..self.partitions {
            let (runs, links, partitions) = (&self.runs, &self.links, self.partitions);
            let generation = self.generation;
            let statements = runs.iter().enumerate().filter(|(_, run)| run.active).map(|(index, run)| OriginTick {
                origin: run.origin,
                frontier: run.frontier,
                last: links[index * partitions + dest].previous,
                watermark: run.watermark,
                generation,
            });
            let write = |out: &mut Vec<u8>| {
                tick::encode(out, (wall_ms, closing), active, statements, declared);
                true
            };
            let spare = self.spares.pop().unwrap_or_default();
            let bytes = self.open[dest].finish(self.epoch, generation, self.lz4, write, spare);
            self.ready.push_back((PartitionId(dest as u32), bytes));
        }
    }

    /// Cuts every frame that has records: the caller's answer to time, about every 20 ms.
    pub fn cut_all(&mut self) {
        for (dest, frame) in self.open.iter_mut().enumerate() {
            if !frame.is_empty() {
                let spare = self.spares.pop().unwrap_or_default();
                let bytes = frame.finish(self.epoch, self.generation, self.lz4, |_| false, spare);
                self.ready.push_back((PartitionId(dest as u32), bytes));
            }
        }
    }

    /// Takes the frames that are cut, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = (PartitionId, Vec<u8>)> + '_ {
        self.ready.drain(..)
    }

    /// Number of frames cut and not yet taken.
    #[must_use]
    pub fn ready_count(&self) -> usize {
        self.ready.len()
    }

    /// Bytes in frames that are not cut yet.
    #[must_use]
    pub fn open_bytes(&self) -> usize {
        self.open.iter().map(FrameWriter::len).sum()
    }

    /// Gives a frame's buffer back for later frames.
    pub fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.spares.len() < SPARES {
            buffer.clear();
            self.spares.push(buffer);
        }
    }

    #[inline]
    fn run(&mut self, origin: OriginId) -> usize {
        if self.runs.get(self.current).is_none_or(|run| run.origin != origin) {
            self.current = *self.index.get(&origin).expect("invariant: an origin is started before it is used");
        }
        self.current
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameView;

    const A: OriginId = OriginId(0xa);
    const P0: PartitionId = PartitionId(0);
    const P1: PartitionId = PartitionId(1);

    fn at(offset: u64, seq: u32) -> Position {
        Position { offset, seq }
    }

    fn outbox(from: Position) -> Outbox {
        let mut outbox = Outbox::new(Epoch(1), Generation(1), 2);
        outbox.start(A, "a", from);
        outbox
    }

    /// Destination, previous and position of every record in the frames that are cut.
    fn sent(outbox: &mut Outbox) -> Vec<(PartitionId, Position, Position)> {
        let mut all = Vec::new();
        for (dest, bytes) in outbox.drain() {
            let mut scratch = Vec::new();
            let frame = FrameView::parse(&bytes, &mut scratch).unwrap();
            all.extend(frame.records().map(|record| (dest, record.previous, record.position)));
        }
        all
    }

    #[test]
    fn previous_is_the_last_position_sent_to_that_destination_by_this_run() {
        let mut outbox = outbox(at(40, 0));
        outbox.push(A, at(41, 1), P0, b"x");
        outbox.push(A, at(42, 1), P1, b"x");
        outbox.push(A, at(42, 2), P0, b"x");
        outbox.cut_all();
        let expected = [(P0, at(40, 0), at(41, 1)), (P0, at(41, 1), at(42, 2)), (P1, at(40, 0), at(42, 1))];
        assert_eq!(sent(&mut outbox), expected);
    }

    #[test]
    fn going_back_sets_previous_for_every_destination_even_within_an_open_frame() {
        let mut outbox = outbox(at(0, 0));
        outbox.push(A, at(3, 1), P0, b"x");
        outbox.push(A, at(4, 1), P1, b"x");
        outbox.go_back(A, at(2, 1));
        assert_eq!(outbox.frontier(A), Some(2));
        outbox.push(A, at(2, 1), P0, b"left out: the start vouches for it");
        outbox.push(A, at(3, 1), P0, b"x");
        outbox.push(A, at(5, 1), P1, b"x");
        outbox.cut_all();
        let expected =
            [(P0, at(0, 0), at(3, 1)), (P0, at(2, 1), at(3, 1)), (P1, at(0, 0), at(4, 1)), (P1, at(2, 1), at(5, 1))];
        assert_eq!(sent(&mut outbox), expected);
    }

    #[test]
    fn a_tick_goes_to_every_destination_with_its_own_last_position() {
        let mut outbox = outbox(at(10, 0));
        outbox.push(A, at(11, 1), P0, b"x");
        outbox.decided(A, 12, 900);
        outbox.tick(1, &[]);
        let frames: Vec<_> = outbox.drain().collect();
        let lasts: Vec<_> = frames
            .iter()
            .map(|(dest, bytes)| {
                let said = crate::frame::parse_tick(bytes).unwrap().unwrap().origins[0];
                (*dest, said.frontier, said.last, said.watermark)
            })
            .collect();
        assert_eq!(lasts, [(P0, 12, at(11, 1), 900), (P1, 12, at(10, 0), 900)]);
    }

    #[test]
    fn a_stopped_origin_is_not_spoken_for() {
        let mut outbox = outbox(at(10, 0));
        outbox.stop(A);
        outbox.tick(1, &[]);
        let (_, bytes) = outbox.drain().next().unwrap();
        assert_eq!(crate::frame::parse_tick(&bytes).unwrap().unwrap().origins, []);
    }

    #[test]
    fn frames_are_cut_by_bytes_and_never_split_a_record() {
        let mut outbox = outbox(at(0, 0)).with_cut_bytes(1_000);
        for offset in 1..=50 {
            outbox.push(A, at(offset, 1), P0, &[7; 300]);
        }
        outbox.push(A, at(51, 1), P0, &[7; 5_000]);
        outbox.cut_all();
        let frames: Vec<_> = outbox.drain().collect();
        assert_eq!(frames.len(), 18);
        assert!(frames.iter().rev().skip(1).all(|(_, bytes)| bytes.len() <= 1_000));
        let spare = Vec::with_capacity(4_096);
        outbox.recycle(spare);
    }

    #[test]
    #[should_panic(expected = "a destination gets a position once")]
    fn the_same_position_twice_is_a_fault_of_the_caller() {
        let mut outbox = outbox(at(0, 0));
        outbox.push(A, at(3, 1), P0, b"x");
        outbox.push(A, at(3, 1), P0, b"x");
    }

    #[test]
    #[should_panic(expected = "positions never go down")]
    fn positions_going_down_are_a_fault_of_the_caller() {
        let mut outbox = outbox(at(0, 0));
        outbox.push(A, at(3, 1), P0, b"x");
        outbox.push(A, at(2, 1), P1, b"x");
    }
}
