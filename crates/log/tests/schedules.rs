//! Adversarial schedules over outbox, frames, ticks and inbox: kills, zombies with other frame cuts, lost and doubled
//! frames, new configurations, readers that fall back to a snapshot, going back. After every step each reader holds
//! exactly a prefix of the truth; at the end, all of it.
//!
//! A naive inbox, written apart from the real one, must agree with it on every record, and each simplification of
//! facts known to lose or double records, built into the naive one, must be caught here.

use std::collections::{BTreeMap, BTreeSet};

use crumbtrail_log::tick::NO_WATERMARK;
use crumbtrail_log::{
    Epoch, FrameView, Generation, Inbox, OriginId, Outbox, PartitionId, Position, Tick, Verdict, frame,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ORIGINS: usize = 3;
const DESTS: usize = 3;
const SCHEDULES: u64 = 2_000;
/// Event time between source records; a record is up to three steps later than its offset says.
const STEP_MS: i64 = 10;

type Accepted = (Generation, OriginId, Position);

/// What a reader must be able to do, right or wrong.
trait Judge {
    fn judge(&mut self, generation: Generation, origin: OriginId, position: Position, previous: Position) -> Verdict;
    fn tick(&mut self, tick: &Tick);
    fn watermark(&self) -> Option<i64>;
    fn frontier(&self, origin: OriginId) -> u64;
    fn gaps(&self) -> Vec<(OriginId, Position)>;
    fn save(&self) -> Box<dyn Judge>;
    fn judges_whole_frames(&self) -> bool {
        false
    }
}

/// The real one; a snapshot goes through bytes.
struct Real(Inbox);

impl Judge for Real {
    fn judge(&mut self, generation: Generation, origin: OriginId, position: Position, previous: Position) -> Verdict {
        self.0.judge(generation, origin, position, previous)
    }
    fn tick(&mut self, tick: &Tick) {
        self.0.tick(tick);
    }
    fn watermark(&self) -> Option<i64> {
        self.0.watermark()
    }
    fn frontier(&self, origin: OriginId) -> u64 {
        self.0.frontier(origin).unwrap_or_default()
    }
    fn gaps(&self) -> Vec<(OriginId, Position)> {
        self.0.gaps().map(|gap| (gap.origin, gap.expected_after)).collect()
    }
    fn save(&self) -> Box<dyn Judge> {
        let mut bytes = Vec::new();
        self.0.encode(&mut bytes);
        let read = Inbox::decode(&bytes).expect("an inbox reads its own bytes");
        assert!(read == self.0, "an inbox is its bytes");
        Box::new(Real(read))
    }
}

/// How the naive one may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// Repeats are told by offset, without the sequence number.
    OffsetOnly,
    /// A frame is judged by its first record.
    FirstRecordJudgesFrame,
    /// A tick can lower what is held.
    TickLowers,
    /// A tick's frontier is taken though its last position is not held.
    LastIgnored,
    /// So is its watermark.
    RejectedWatermark,
    /// A gap is counted, and passed.
    GapPassed,
    /// The watermark is the minimum over origins heard of, not over those declared.
    SeenOrigins,
    /// Older configurations are followed too.
    AnyGeneration,
    /// Provenance is not looked at.
    NoProvenance,
    /// An accepted frontier does not count as held.
    FrontierNotHeld,
}

/// Everything ever accepted, in sets.
#[derive(Clone)]
struct Naive {
    fault: Fault,
    accepted: BTreeMap<OriginId, BTreeSet<Position>>,
    frontiers: BTreeMap<OriginId, u64>,
    watermarks: BTreeMap<OriginId, i64>,
    generations: BTreeMap<OriginId, Generation>,
    declared: BTreeSet<OriginId>,
    gaps: BTreeSet<OriginId>,
    watermark: i64,
}

impl Naive {
    fn new(fault: Fault) -> Naive {
        Naive {
            fault,
            accepted: BTreeMap::new(),
            frontiers: BTreeMap::new(),
            watermarks: BTreeMap::new(),
            generations: BTreeMap::new(),
            declared: BTreeSet::new(),
            gaps: BTreeSet::new(),
            watermark: NO_WATERMARK,
        }
    }

    fn last(&self, origin: OriginId) -> Position {
        self.accepted.get(&origin).and_then(|set| set.last()).copied().unwrap_or_default()
    }

    fn held(&self, origin: OriginId) -> Position {
        if self.fault == Fault::FrontierNotHeld {
            return self.last(origin);
        }
        let decided = Position::before(self.frontiers.get(&origin).copied().unwrap_or_default());
        if self.fault == Fault::TickLowers && self.frontiers.contains_key(&origin) {
            return decided;
        }
        self.last(origin).max(decided)
    }

    fn is_old(&mut self, origin: OriginId, generation: Generation) -> bool {
        let highest = self.generations.entry(origin).or_default();
        *highest = generation.max(*highest);
        generation < *highest && self.fault != Fault::AnyGeneration
    }

    /// A run from the beginning that did not send what is held again.
    fn skips(&self, origin: OriginId, last: Position) -> bool {
        last == Position::default() && self.last(origin) > Position::default()
    }
}

impl Judge for Naive {
    fn judge(&mut self, generation: Generation, origin: OriginId, position: Position, previous: Position) -> Verdict {
        if self.is_old(origin, generation) {
            return Verdict::OldGeneration;
        }
        let held = self.held(origin);
        let repeat = match self.fault {
            Fault::NoProvenance => false,
            Fault::OffsetOnly => self.last(origin) > Position::default() && position.offset <= held.offset,
            _ => position <= held,
        };
        if repeat {
            return Verdict::Repeat;
        }
        let gap = previous > held || self.skips(origin, previous);
        if gap && !matches!(self.fault, Fault::GapPassed | Fault::NoProvenance) {
            self.gaps.insert(origin);
            return Verdict::Gap { expected_after: held };
        }
        self.gaps.remove(&origin);
        self.accepted.entry(origin).or_default().insert(position);
        if self.fault == Fault::TickLowers {
            let frontier = self.frontiers.entry(origin).or_default();
            *frontier = (*frontier).max(position.offset + 1);
        }
        Verdict::Accept
    }

    fn tick(&mut self, tick: &Tick) {
        self.declared.extend(tick.declared.iter().map(|(origin, _)| *origin));
        for said in &tick.origins {
            if self.is_old(said.origin, said.generation) {
                continue;
            }
            let before = self.held(said.origin);
            let skips = self.skips(said.origin, said.last) && said.frontier > self.last(said.origin).offset;
            let refused = said.last > before || skips;
            let watermark = self.watermarks.entry(said.origin).or_insert(NO_WATERMARK);
            if !refused || self.fault == Fault::RejectedWatermark {
                *watermark = said.watermark.max(*watermark);
            }
            if refused {
                self.gaps.insert(said.origin);
            }
            if !refused || self.fault == Fault::LastIgnored {
                let frontier = self.frontiers.entry(said.origin).or_default();
                let lowered = if self.fault == Fault::TickLowers { 0 } else { *frontier };
                *frontier = said.frontier.max(lowered);
                if self.held(said.origin) > before {
                    self.gaps.remove(&said.origin);
                }
            }
        }
        let heard: BTreeSet<OriginId> = self.watermarks.keys().copied().collect();
        let counted = if self.fault == Fault::SeenOrigins { &heard } else { &self.declared };
        let least = counted.iter().map(|origin| self.watermarks.get(origin).copied().unwrap_or(NO_WATERMARK)).min();
        self.watermark = self.watermark.max(least.unwrap_or(NO_WATERMARK));
    }

    fn watermark(&self) -> Option<i64> {
        (self.watermark != NO_WATERMARK).then_some(self.watermark)
    }

    fn frontier(&self, origin: OriginId) -> u64 {
        self.frontiers.get(&origin).copied().unwrap_or_default()
    }

    fn gaps(&self) -> Vec<(OriginId, Position)> {
        self.gaps.iter().map(|&origin| (origin, self.held(origin))).collect()
    }

    fn save(&self) -> Box<dyn Judge> {
        Box::new(self.clone())
    }

    fn judges_whole_frames(&self) -> bool {
        self.fault == Fault::FirstRecordJudgesFrame
    }
}

/// Both at once: they must agree.
struct Both(Box<dyn Judge>, Box<dyn Judge>);

impl Judge for Both {
    fn judge(&mut self, generation: Generation, origin: OriginId, position: Position, previous: Position) -> Verdict {
        let real = self.0.judge(generation, origin, position, previous);
        assert_eq!(real, self.1.judge(generation, origin, position, previous), "{position:?} after {previous:?}");
        real
    }
    fn tick(&mut self, tick: &Tick) {
        self.0.tick(tick);
        self.1.tick(tick);
        assert_eq!(self.0.watermark(), self.1.watermark());
        for said in &tick.origins {
            assert_eq!(self.0.frontier(said.origin), self.1.frontier(said.origin));
        }
        let sorted: BTreeMap<OriginId, Position> = self.0.gaps().into_iter().collect();
        assert_eq!(sorted, self.1.gaps().into_iter().collect());
    }
    fn watermark(&self) -> Option<i64> {
        self.0.watermark()
    }
    fn frontier(&self, origin: OriginId) -> u64 {
        self.0.frontier(origin)
    }
    fn gaps(&self) -> Vec<(OriginId, Position)> {
        self.0.gaps()
    }
    fn save(&self) -> Box<dyn Judge> {
        Box::new(Both(self.0.save(), self.1.save()))
    }
}

/// What the sources hold: per origin and offset, the event time and each record's destination.
struct Truth {
    offsets: Vec<Vec<(i64, Vec<usize>)>>,
    declared: Vec<(OriginId, String)>,
}

impl Truth {
    fn new(rng: &mut ChaCha8Rng) -> Truth {
        let offsets = (0..ORIGINS).map(|_| {
            let count = rng.random_range(4..30);
            let offsets = (0..count).map(|offset| {
                let time = offset * STEP_MS + rng.random_range(0..3 * STEP_MS);
                let records = [0, 1, 1, 1, 2, 3][rng.random_range(0..6)];
                (time, (0..records).map(|_| rng.random_range(0..DESTS)).collect())
            });
            offsets.collect()
        });
        let offsets = offsets.collect();
        let declared = (0..ORIGINS).map(|n| (origin(n), format!("origin {n}"))).collect();
        Truth { offsets, declared }
    }

    /// Positions and times of one origin's records for one destination, in order.
    fn owed(&self, origin: usize, dest: usize) -> impl Iterator<Item = (Position, i64)> {
        self.offsets[origin].iter().enumerate().flat_map(move |(offset, (time, dests))| {
            let ours = dests.iter().enumerate().filter(move |(_, to)| **to == dest);
            ours.map(move |(n, _)| (Position { offset: offset as u64, seq: n as u32 + 1 }, *time))
        })
    }
}

fn origin(n: usize) -> OriginId {
    OriginId(n as u64 + 1)
}

struct Writer {
    outbox: Outbox,
    /// Next source offset of each origin it took.
    cursors: Vec<Option<u64>>,
}

struct Reader {
    judge: Box<dyn Judge>,
    next: usize,
    accepted: Vec<Accepted>,
    snapshot: Option<(Box<dyn Judge>, usize, usize)>,
}

struct World<'a> {
    rng: ChaCha8Rng,
    truth: Truth,
    logs: Vec<Vec<Vec<u8>>>,
    readers: Vec<Reader>,
    writers: Vec<Writer>,
    /// Who is in charge of an origin now; earlier writers may go on as zombies.
    current: Vec<usize>,
    generation: u32,
    lossy: bool,
    new_judge: &'a dyn Fn() -> Box<dyn Judge>,
}

impl<'a> World<'a> {
    fn new(seed: u64, new_judge: &'a dyn Fn() -> Box<dyn Judge>) -> World<'a> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let truth = Truth::new(&mut rng);
        let readers = (0..DESTS).map(|_| Reader { judge: new_judge(), next: 0, accepted: Vec::new(), snapshot: None });
        let readers = readers.collect();
        let logs = vec![Vec::new(); DESTS];
        let mut world = World {
            rng,
            truth,
            logs,
            readers,
            writers: Vec::new(),
            current: vec![0; ORIGINS],
            generation: 1,
            lossy: true,
            new_judge,
        };
        for n in 0..ORIGINS {
            world.take_over(&[n]);
        }
        world
    }

    /// The lowest frontier that the newest ticks in all logs say; the beginning where one says nothing.
    fn read_back(&self, n: usize) -> Position {
        let newest = self.logs.iter().map(|log| {
            let ticks = log.iter().rev().filter_map(|bytes| frame::parse_tick(bytes).expect("a whole frame"));
            let mut said = ticks.flat_map(|tick| tick.origins).filter(|said| said.origin == origin(n));
            said.next().map(|said| Position::before(said.frontier))
        });
        newest.min().flatten().unwrap_or_default()
    }

    /// A new writer starts on these origins; whoever had them is now a zombie.
    fn take_over(&mut self, origins: &[usize]) {
        let cut = self.rng.random_range(40..200);
        let lz4 = self.rng.random_bool(0.2);
        let outbox = Outbox::new(Epoch(1), Generation(self.generation), DESTS as u32);
        let mut outbox = outbox.with_cut_bytes(cut).with_lz4(lz4);
        let mut cursors = vec![None; ORIGINS];
        for &n in origins {
            let from = self.read_back(n);
            outbox.start(origin(n), &self.truth.declared[n].1, from);
            cursors[n] = Some(from.offset);
            self.current[n] = self.writers.len();
        }
        self.writers.push(Writer { outbox, cursors });
    }

    fn advance(&mut self, writer: usize, n: usize) {
        let Writer { outbox, cursors } = &mut self.writers[writer];
        let Some(offset) = cursors[n] else { return };
        let Some((_, dests)) = self.truth.offsets[n].get(offset as usize) else { return };
        for (index, dest) in dests.iter().enumerate() {
            let position = Position { offset, seq: index as u32 + 1 };
            outbox.push(origin(n), position, PartitionId(*dest as u32), b"payload");
        }
        cursors[n] = Some(offset + 1);
        outbox.decided(origin(n), offset + 1, (offset + 1) as i64 * STEP_MS);
    }

    /// Cut frames reach the logs, or are acknowledged and lost, or arrive twice.
    fn deliver(&mut self, writer: usize) {
        let ready: Vec<_> = self.writers[writer].outbox.drain().collect();
        for (dest, bytes) in ready {
            let log = &mut self.logs[dest.0 as usize];
            match self.rng.random_range(0..100) {
                0..5 if self.lossy => {}
                5..8 => log.extend([bytes.clone(), bytes]),
                _ => log.push(bytes),
            }
        }
    }

    fn read(&mut self, dest: usize) -> Result<(), String> {
        let reader = &mut self.readers[dest];
        let Some(bytes) = self.logs[dest].get(reader.next) else { return Ok(()) };
        reader.next += 1;
        let mut scratch = Vec::new();
        let frame = FrameView::parse(bytes, &mut scratch).map_err(|error| error.to_string())?;
        let mut whole = None;
        for record in frame.records() {
            let generation = frame.generation();
            let verdict = reader.judge.judge(generation, record.origin, record.position, record.previous);
            let verdict = if reader.judge.judges_whole_frames() { *whole.get_or_insert(verdict) } else { verdict };
            if verdict == Verdict::Accept {
                reader.accepted.push((generation, record.origin, record.position));
            }
        }
        if let Some(tick) = frame.tick().map_err(|error| error.to_string())? {
            reader.judge.tick(&tick);
        }
        self.check(dest)
    }

    /// What holds at every moment.
    fn check(&self, dest: usize) -> Result<(), String> {
        let reader = &self.readers[dest];
        for n in 0..ORIGINS {
            let accepted: Vec<_> = reader.accepted.iter().filter(|(_, from, _)| *from == origin(n)).collect();
            let owed: Vec<(Position, i64)> = self.truth.owed(n, dest).collect();
            let positions: Vec<Position> = accepted.iter().map(|(_, _, position)| *position).collect();
            let expected: Vec<Position> = owed.iter().map(|(position, _)| *position).take(positions.len()).collect();
            if positions != expected {
                return Err(format!("dest {dest} origin {n}: accepted {positions:?} instead of {expected:?}"));
            }
            if accepted.windows(2).any(|pair| pair[1].0 < pair[0].0) {
                return Err(format!("dest {dest} origin {n}: an older configuration was followed again"));
            }
            let missing = &owed[positions.len()..];
            let frontier = reader.judge.frontier(origin(n));
            if missing.iter().any(|(position, _)| position.offset < frontier) {
                return Err(format!("dest {dest} origin {n}: frontier {frontier} passed a missing record"));
            }
            let watermark = reader.judge.watermark().unwrap_or(NO_WATERMARK);
            if missing.iter().any(|(_, time)| *time < watermark) {
                return Err(format!("dest {dest} origin {n}: watermark {watermark} passed a missing record"));
            }
        }
        Ok(())
    }

    /// A reader at its log's end asks the writers in charge to go back.
    fn heal(&mut self, dest: usize) {
        if self.readers[dest].next < self.logs[dest].len() {
            return;
        }
        for (gapped, position) in self.readers[dest].judge.gaps() {
            let n = gapped.0 as usize - 1;
            let writer = &mut self.writers[self.current[n]];
            if writer.cursors[n].is_some_and(|cursor| cursor >= position.offset) {
                writer.outbox.go_back(gapped, position);
                writer.cursors[n] = Some(position.offset);
            }
        }
    }

    fn step(&mut self) -> Result<(), String> {
        let writer = self.rng.random_range(0..self.writers.len());
        let (n, dest) = (self.rng.random_range(0..ORIGINS), self.rng.random_range(0..DESTS));
        match self.rng.random_range(0..100) {
            0..40 => self.advance(writer, n),
            40..50 => self.writers[writer].outbox.cut_all(),
            50..58 => {
                let declared = self.truth.declared.clone();
                self.writers[writer].outbox.tick(0, &declared);
            }
            58..72 => self.deliver(writer),
            72..90 => return self.read(dest),
            90..93 => self.heal(dest),
            93..95 => {
                let reader = &mut self.readers[dest];
                reader.snapshot = Some((reader.judge.save(), reader.next, reader.accepted.len()));
            }
            95 => {
                let reader = &mut self.readers[dest];
                let fresh = ((self.new_judge)(), 0, 0);
                let (judge, next, accepted) = reader.snapshot.take().unwrap_or(fresh);
                reader.judge = judge;
                reader.next = next;
                reader.accepted.truncate(accepted);
            }
            96..98 => {
                // a kill: what was not delivered is gone; else the old writer lives on as a zombie
                if self.rng.random_bool(0.5) {
                    let old = self.current[n];
                    self.writers[old].cursors = vec![None; ORIGINS];
                    let _ = self.writers[old].outbox.drain().count();
                    let orphans: Vec<usize> = (0..ORIGINS).filter(|&n| self.current[n] == old).collect();
                    self.take_over(&orphans);
                } else {
                    self.take_over(&[n]);
                }
            }
            98 => self.take_over(&[n, (n + 1) % ORIGINS]),
            _ => self.generation += 1,
        }
        Ok(())
    }

    /// Faults end: everything must arrive.
    fn settle(&mut self) -> Result<(), String> {
        self.lossy = false;
        self.take_over(&(0..ORIGINS).collect::<Vec<_>>());
        let writer = self.writers.len() - 1;
        for _ in 0..100 {
            for n in 0..ORIGINS {
                for _ in 0..self.truth.offsets[n].len() {
                    self.advance(writer, n);
                }
            }
            let declared = self.truth.declared.clone();
            self.writers[writer].outbox.tick(0, &declared);
            self.deliver(writer);
            for dest in 0..DESTS {
                while self.readers[dest].next < self.logs[dest].len() {
                    self.read(dest)?;
                }
                self.heal(dest);
            }
            if self.readers.iter().all(|reader| reader.judge.gaps().is_empty()) {
                return self.check_end();
            }
        }
        Err("healing goes on for ever".to_owned())
    }

    fn check_end(&self) -> Result<(), String> {
        let ends = self.truth.offsets.iter().map(|offsets| offsets.len() as i64 * STEP_MS);
        let watermark = ends.min().unwrap_or(NO_WATERMARK);
        for (dest, reader) in self.readers.iter().enumerate() {
            let owed: usize = (0..ORIGINS).map(|n| self.truth.owed(n, dest).count()).sum();
            if reader.accepted.len() != owed {
                return Err(format!("dest {dest}: {} of {owed} records arrived", reader.accepted.len()));
            }
            if reader.judge.watermark() != Some(watermark) {
                return Err(format!("dest {dest}: watermark {:?}, not {watermark}", reader.judge.watermark()));
            }
        }
        Ok(())
    }
}

fn run(seed: u64, new_judge: &dyn Fn() -> Box<dyn Judge>) -> Result<(), String> {
    let mut world = World::new(seed, new_judge);
    for _ in 0..400 {
        world.step()?;
    }
    world.settle()
}

#[test]
fn every_schedule_ends_with_exactly_the_truth() {
    let both: &dyn Fn() -> Box<dyn Judge> =
        &|| Box::new(Both(Box::new(Real(Inbox::new())), Box::new(Naive::new(Fault::None))));
    for seed in 0..SCHEDULES {
        if let Err(violation) = run(seed, both) {
            panic!("seed {seed}: {violation}");
        }
    }
}

#[test]
fn each_simplification_is_caught() {
    let faults = [
        Fault::OffsetOnly,
        Fault::FirstRecordJudgesFrame,
        Fault::TickLowers,
        Fault::LastIgnored,
        Fault::RejectedWatermark,
        Fault::GapPassed,
        Fault::SeenOrigins,
        Fault::AnyGeneration,
        Fault::NoProvenance,
        Fault::FrontierNotHeld,
    ];
    for fault in faults {
        let caught = (0..SCHEDULES).find(|&seed| run(seed, &|| Box::new(Naive::new(fault))).is_err());
        println!("{fault:?}: first bad schedule {caught:?}");
        assert!(caught.is_some(), "{fault:?} went unnoticed in {SCHEDULES} schedules");
    }
}
