//! Dead letters sent again: each that became readable is accepted once, however often it is tried, wherever a try is cut off,
//! and whatever frame is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use crumbtrail_events::Key;
use crumbtrail_events::touchpoint::Asides;
use crumbtrail_events::wire::WireError;
use crumbtrail_log::control::{Control, GoBack};
use crumbtrail_log::memory::MemoryLog;
use crumbtrail_log::{
    Epoch, FrameView, Gap, Generation, Inbox, Log, LogError, Member, Offset, OriginId, Outbox, PartitionId, Position,
    Subscription, Verdict,
};
use crumbtrail_runtime::redrive::plan::origin_name;
use crumbtrail_runtime::redrive::{Letter, Mender, Redrive, RedriveError, Redriven};

const PARTITIONS: u32 = 2;
const LETTERS: u64 = 40;

/// A log that fails from its so-and-so-manieth use on, as a process that is killed there would leave it.
struct Mortal {
    log: MemoryLog,
    left: Arc<AtomicU64>,
}

impl Mortal {
    fn use_up(&self) -> Result<(), LogError> {
        let used = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        used.map(|_| ()).map_err(|_| LogError::Halted { log: "killed".to_owned(), detail: String::new() })
    }
}

impl Log for Mortal {
    fn name(&self) -> &str {
        self.log.name()
    }
    fn partitions(&self) -> u32 {
        self.log.partitions()
    }
    fn append(&self, partition: PartitionId, frame: Vec<u8>) -> Result<(), LogError> {
        self.use_up()?;
        self.log.append(partition, frame)
    }
    fn flush(&self, deadline: Duration) -> Result<(), LogError> {
        self.use_up()?;
        self.log.flush(deadline)
    }
    fn bounds(&self, partition: PartitionId) -> Result<(Offset, Offset), LogError> {
        self.log.bounds(partition)
    }
    fn read(&self, partition: PartitionId, from: Offset, max_bytes: usize) -> Result<Vec<(Offset, Bytes)>, LogError> {
        self.log.read(partition, from, max_bytes)
    }
    fn trim(&self, partition: PartitionId, before: Offset) -> Result<(), LogError> {
        self.log.trim(partition, before)
    }
    fn subscribe(&self, member: Member<'_>) -> Result<Box<dyn Subscription>, LogError> {
        self.log.subscribe(member)
    }
}

/// The logs of a deployment with dead letters 0 to 39, of which every third stands there twice.
struct World {
    letters: MemoryLog,
    touchpoints: MemoryLog,
    control: MemoryLog,
}

impl World {
    fn new() -> World {
        let letters = MemoryLog::new("dead-letters", 1);
        let origin = OriginId::of("kafka:clicks/0");
        // Intake was killed after every ninth, and sent again from three before.
        let mut from = 0;
        while from < LETTERS {
            let mut outbox = Outbox::new(Epoch(1), Generation(1), 1).with_cut_bytes(40);
            outbox.start(origin, "kafka:clicks/0", Position::before(from));
            let to = (from + 9).min(LETTERS);
            for n in from..to {
                outbox.push(origin, Position { offset: n, seq: 1 }, PartitionId(0), n.to_string().as_bytes());
            }
            outbox.cut_all();
            outbox.drain().for_each(|(partition, frame)| letters.append(partition, frame).unwrap());
            from = if to == LETTERS { LETTERS } else { to - 3 };
        }
        World { letters, touchpoints: MemoryLog::new("touchpoints", PARTITIONS), control: MemoryLog::new("control", 1) }
    }

    /// Runs once, dying after so many uses of a log.
    fn run(&self, mender: &mut Fix, uses: u64, is_dry: bool) -> Result<Redriven, RedriveError> {
        let left = Arc::new(AtomicU64::new(uses));
        let mortal = |log: &MemoryLog| -> Arc<dyn Log> { Arc::new(Mortal { log: log.clone(), left: left.clone() }) };
        let redrive = Redrive {
            letters: mortal(&self.letters),
            touchpoints: mortal(&self.touchpoints),
            control: mortal(&self.control),
            epoch: Epoch(1),
            generation: Generation(mender.generation),
            wall_ms: 1_000,
            leaves_unreadable: mender.leaves,
        };
        redrive.run(mender, is_dry)
    }

    /// What a reader of the touchpoints log accepts, and how often; and what it misses.
    fn read(&self) -> (BTreeMap<String, usize>, Vec<(PartitionId, Gap)>) {
        let (mut accepted, mut gaps) = (BTreeMap::new(), Vec::new());
        for partition in (0..PARTITIONS).map(PartitionId) {
            let (mut inbox, mut scratch) = (Inbox::new(), Vec::new());
            for (_, bytes) in self.touchpoints.read(partition, Offset(0), 1 << 30).unwrap() {
                let view = FrameView::parse(&bytes, &mut scratch).unwrap();
                for record in view.records() {
                    let judged = inbox.judge(view.generation(), record.origin, record.position, record.previous);
                    if judged == Verdict::Accept {
                        let text = String::from_utf8(record.payload.to_vec()).unwrap();
                        *accepted.entry(text).or_default() += 1;
                    }
                }
                if let Some(tick) = view.tick().unwrap() {
                    inbox.tick(&tick);
                }
            }
            gaps.extend(inbox.gaps().map(|gap| (partition, gap)));
        }
        (accepted, gaps)
    }

    #[track_caller]
    fn assert_accepted(&self, is_accepted: impl Fn(u64) -> bool) {
        let (accepted, gaps) = self.read();
        let parts = |n: u64| std::iter::once(n.to_string()).chain((0..n % 3).map(move |part| format!("{n}, {part}")));
        let expected = (0..LETTERS).filter(|n| is_accepted(*n)).flat_map(parts).map(|part| (part, 1)).collect();
        assert_eq!((accepted, gaps), (expected, Vec::new()));
    }
}

/// A fix that makes some letters readable.
struct Fix {
    reads: fn(u64) -> bool,
    wants: fn(u64) -> bool,
    generation: u32,
    leaves: bool,
    reading: &'static str,
    /// How it was told to read each letter last.
    read_as: BTreeMap<u64, String>,
}

impl Fix {
    fn reading(reads: fn(u64) -> bool) -> Fix {
        Fix { reads, wants: |_| true, generation: 1, leaves: false, reading: "as it lies", read_as: BTreeMap::new() }
    }
}

fn number(letter: &Letter<'_>) -> u64 {
    std::str::from_utf8(letter.bytes).unwrap().parse().unwrap()
}

impl Mender for Fix {
    fn wants(&mut self, letter: &Letter<'_>) -> Result<bool, WireError> {
        Ok((self.wants)(number(letter)))
    }

    fn reading(&self) -> String {
        self.reading.to_owned()
    }

    fn judge(
        &mut self,
        letter: &Letter<'_>,
        reading: &str,
        touchpoint: &mut Vec<u8>,
        asides: &mut Asides,
    ) -> Result<Option<Key>, String> {
        let n = number(letter);
        self.read_as.insert(n, reading.to_owned());
        touchpoint.extend_from_slice(letter.bytes);
        // To either partition in turn, so that now and then two records of one letter go to the same.
        for part in 0..n % 3 {
            asides.push(Key(u128::from(part) << 127), |out| out.extend_from_slice(format!("{n}, {part}").as_bytes()));
        }
        Ok((self.reads)(n).then(|| Key::visitor("s", &n.to_string())))
    }
}

const FOREVER: u64 = u64::MAX;

#[test]
fn a_plan_is_gone_on_with_as_it_began() {
    let world = World::new();
    let even = |n| n % 2 == 0;
    // Dies once its plan is durable: the log is used for an append and a flush.
    let begun = world.run(&mut Fix { reading: "one way", ..Fix::reading(even) }, 2, false);
    assert!(begun.is_err());
    world.assert_accepted(|_| false);
    let mut next = Fix { reading: "another way", ..Fix::reading(|_| true) };
    let said = world.run(&mut next, FOREVER, false).unwrap();
    assert_eq!((said.planned_before, said.wanted, said.sent_for_earlier), (20, 20, 20));
    for n in 0..LETTERS {
        assert_eq!(next.read_as[&n], if even(n) { "one way" } else { "another way" }, "{n}");
    }
    world.assert_accepted(|_| true);
}

#[test]
fn what_is_readable_goes_once_whatever_was_chosen_before() {
    let world = World::new();
    let mut even = Fix { wants: |n| n > 20, ..Fix::reading(|n| n % 2 == 0) };
    let said = world.run(&mut even, FOREVER, true).unwrap();
    assert_eq!((said.wanted, said.sent, said.planned_before), (19, 9, 0));
    world.assert_accepted(|_| false);
    let said = world.run(&mut even, FOREVER, false).unwrap();
    assert_eq!((said.wanted, said.sent, said.sent_for_earlier), (19, 9, 0));
    world.assert_accepted(|n| n > 20 && n % 2 == 0);
    let said = world.run(&mut even, FOREVER, false).unwrap();
    assert_eq!((said.wanted, said.sent, said.planned_before, said.sent_for_earlier), (10, 0, 9, 0));
    // Those before, after those behind them; then a better fix, which reads the odd ones too.
    world.run(&mut Fix::reading(|n| n % 2 == 0), FOREVER, false).unwrap();
    world.assert_accepted(|n| n % 2 == 0);
    for _ in 0..3 {
        world.run(&mut Fix { generation: 2, ..Fix::reading(|_| true) }, FOREVER, false).unwrap();
    }
    world.assert_accepted(|_| true);
}

#[test]
fn cut_off_anywhere_and_done_again_each_goes_once() {
    let mut cut_off = 0;
    for uses in 0.. {
        let world = World::new();
        let first = world.run(&mut Fix::reading(|n| n % 3 != 0), uses, false);
        if uses % 2 == 0 {
            world.run(&mut Fix::reading(|n| n % 3 != 0), uses / 2, false).ok();
        }
        world.run(&mut Fix::reading(|n| n % 3 != 0), FOREVER, false).unwrap();
        world.assert_accepted(|n| n % 3 != 0);
        if first.is_ok() {
            break;
        }
        cut_off += 1;
    }
    assert!(cut_off > 8, "{cut_off}");
}

#[test]
fn cut_off_and_done_again_under_another_configuration_none_goes_twice() {
    for uses in 0..30 {
        let world = World::new();
        world.run(&mut Fix::reading(|n| n % 3 != 0), uses, false).ok();
        let other = || Fix { generation: 2, leaves: true, ..Fix::reading(|n| n % 3 != 1) };
        world.run(&mut other(), FOREVER, false).unwrap();
        let (accepted, gaps) = world.read();
        assert_eq!(gaps, [], "cut off after {uses}");
        assert!(accepted.values().all(|times| *times == 1));
        assert!((0..LETTERS).all(|n| n % 3 != 2 || accepted.contains_key(&n.to_string())), "cut off after {uses}");
    }
}

#[test]
fn what_was_planned_and_is_not_readable_any_more_waits_for_who_reads_it() {
    let mut waited = 0;
    for uses in 2..30 {
        let world = World::new();
        let reads = |n| n % 3 != 0;
        world.run(&mut Fix::reading(reads), uses, false).ok();
        let (before, _) = world.read();
        let said = world.run(&mut Fix::reading(|n| n % 3 != 0 && n != 10), FOREVER, false).unwrap();
        waited += usize::from(said.waiting > 0);
        // All from the tenth on, unless the first run came to its end.
        assert!(said.waiting == 0 || said.waiting == (10..LETTERS).filter(|n| reads(*n)).count() as u64, "{said:?}");
        let (accepted, gaps) = world.read();
        assert_eq!(gaps, [], "cut off after {uses}");
        assert!(before.keys().all(|sent| accepted.contains_key(sent)) && accepted.contains_key("8"));
        let said = world.run(&mut Fix::reading(reads), FOREVER, false).unwrap();
        assert_eq!(said.waiting, 0);
        world.assert_accepted(reads);
    }
    assert!(waited > 0, "no run was cut off between its plan and its end");
}

#[test]
fn an_older_configuration_does_not_send_for_a_newer_one() {
    let world = World::new();
    world.run(&mut Fix { generation: 2, ..Fix::reading(|_| true) }, 7, false).unwrap_err();
    let refused = world.run(&mut Fix::reading(|_| true), FOREVER, false).unwrap_err();
    assert!(matches!(refused, RedriveError::Generation { found: 2, ours: 1 }), "{refused}");
}

#[test]
fn what_a_log_lost_is_sent_again_by_the_next_run() {
    let world = World::new();
    world.touchpoints.drop_next(PartitionId(1));
    world.run(&mut Fix::reading(|_| true), FOREVER, false).unwrap();
    // The first frame was the tick that says where it begins; the letters behind it are refused.
    let (accepted, gaps) = world.read();
    assert!((0..LETTERS).filter(|n| accepted.contains_key(&n.to_string())).count() < LETTERS as usize);
    let [(partition, gap)] = gaps[..] else { panic!("{gaps:?}") };
    let plan = world.letters.bounds(PartitionId(0)).unwrap().1.0 - 2;
    assert_eq!(gap.origin, OriginId::of(&origin_name("dead-letters", Offset(plan))));
    let ask = GoBack { log: "touchpoints".to_owned(), partition, origin: gap.origin, position: gap.expected_after };
    world.control.append(PartitionId(0), Control::GoBack(ask).encode()).unwrap();
    let said = world.run(&mut Fix::reading(|_| true), FOREVER, false).unwrap();
    assert_eq!((said.sent, said.sent_for_earlier), (0, LETTERS));
    world.assert_accepted(|_| true);
}

/// Notes when each letter was written.
struct Times(Vec<Option<i64>>);

impl Mender for Times {
    fn wants(&mut self, letter: &Letter<'_>) -> Result<bool, WireError> {
        self.0.push(letter.written_at_ms);
        Ok(false)
    }
    fn reading(&self) -> String {
        String::new()
    }
    fn judge(&mut self, _: &Letter<'_>, _: &str, _: &mut Vec<u8>, _: &mut Asides) -> Result<Option<Key>, String> {
        unreachable!("none is wanted")
    }
}

#[test]
fn a_letter_was_written_before_the_tick_behind_it() {
    let (letters, origin) = (MemoryLog::new("dead-letters", 1), OriginId::of("kafka:clicks/0"));
    let mut outbox = Outbox::new(Epoch(1), Generation(1), 1);
    outbox.start(origin, "kafka:clicks/0", Position::default());
    // Days lie between two runs: a letter is no older for it.
    for (n, tick_ms) in [(0, None), (1, Some(1_000)), (2, Some(900_000_000)), (3, None)] {
        outbox.push(origin, Position { offset: n, seq: 1 }, PartitionId(0), n.to_string().as_bytes());
        outbox.cut_all();
        if let Some(tick_ms) = tick_ms {
            outbox.tick(tick_ms, &[]);
        }
        outbox.drain().for_each(|(partition, frame)| letters.append(partition, frame).unwrap());
    }
    let mut times = Times(Vec::new());
    let [touchpoints, control]: [Arc<dyn Log>; 2] =
        [Arc::new(MemoryLog::new("touchpoints", PARTITIONS)), Arc::new(MemoryLog::new("control", 1))];
    let (letters, epoch, generation) = (Arc::new(letters), Epoch(1), Generation(1));
    Redrive { letters, touchpoints, control, epoch, generation, wall_ms: 1, leaves_unreadable: false }
        .run(&mut times, true)
        .unwrap();
    assert_eq!(times.0, [Some(1_000), Some(1_000), Some(900_000_000), None]);
}
