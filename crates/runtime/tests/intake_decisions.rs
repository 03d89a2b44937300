//! What intake decides on purpose: a gap in the source that an operator accepts, a topic made anew, a record at which it crashes.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crumbtrail_events::touchpoint::Asides;
use crumbtrail_events::{EventTime, Key, Outcome, Touchpoint};
use crumbtrail_log::control::{Control, GoBack};
use crumbtrail_log::memory::MemoryLog;
use crumbtrail_log::{
    Epoch, FrameView, Gap, Generation, Inbox, Log, LogError, Offset, OriginId, PartitionId, Position, Source,
    SourceEvent, SourcePartition, SourceRecord, Verdict,
};
use crumbtrail_runtime::cutter::{CutRules, Cutter};
use crumbtrail_runtime::intake::{IntakeError, IntakeLoop, Judge, Judgement, Progress, Proofs, Running, Writer};
use crumbtrail_runtime::quarantine::Crashes;
use crumbtrail_runtime::{Clock, SnapshotStore};
use crumbtrail_telemetry::{Beat, Metrics, catalogue};
use object_store::memory::InMemory;

const PARTITIONS: u32 = 2;
const NAME: &str = "kafka:clicks/0";

/// A topic of one partition that has the records of a range of offsets.
struct Topic {
    has: std::ops::Range<u64>,
    next: u64,
    is_assigned: bool,
    ended: Vec<(OriginId, String)>,
    /// What each record says.
    says: &'static [u8],
}

impl Topic {
    fn new(has: std::ops::Range<u64>) -> Topic {
        Topic { has, next: 0, is_assigned: false, ended: Vec::new(), says: b"bytes" }
    }

    fn record(&self, offset: u64) -> SourceRecord<'static> {
        let (origin, payload) = (OriginId::of(NAME), Some(self.says));
        SourceRecord { origin, topic: "clicks", partition: 0, offset, payload, key: None, timestamp_ms: 7 }
    }
}

impl Source for Topic {
    fn poll(&mut self, _: Duration, sink: &mut dyn FnMut(SourceRecord<'_>)) -> Result<SourceEvent, LogError> {
        let origin = OriginId::of(NAME);
        if !std::mem::replace(&mut self.is_assigned, true) {
            let (start, end) = (self.has.start, self.has.end);
            let (name, topic) = (NAME.to_owned(), "clicks".to_owned());
            return Ok(SourceEvent::Assigned(vec![SourcePartition { origin, name, topic, partition: 0, start, end }]));
        }
        let batch = self.next..self.has.end;
        for offset in batch.clone() {
            sink(self.record(offset));
        }
        self.next = self.has.end;
        Ok(SourceEvent::Polled(batch.count()))
    }
    fn start(&mut self, _: OriginId, from: Option<u64>) -> Result<u64, LogError> {
        let (start, end) = (Offset(self.has.start), Offset(self.has.end));
        let asked = from.map_or(start, Offset);
        let (log, partition) = ("clicks".to_owned(), PartitionId(0));
        if asked < start {
            return Err(LogError::Trimmed { log, partition, start, asked });
        }
        if asked > end {
            return Err(LogError::Regressed { log, partition, end, reached: asked });
        }
        self.next = asked.0;
        Ok(asked.0)
    }
    fn peek(&mut self, at: &[(OriginId, u64)], sink: &mut dyn FnMut(SourceRecord<'_>)) -> Result<(), LogError> {
        at.iter().for_each(|(_, offset)| sink(self.record(*offset)));
        Ok(())
    }
    fn pause_all(&mut self) -> Result<(), LogError> {
        Ok(())
    }
    fn resume_all(&mut self) -> Result<(), LogError> {
        Ok(())
    }
    fn commit(&mut self, _: &[(OriginId, u64)]) -> Result<(), LogError> {
        Ok(())
    }
    fn origins_declared(&mut self) -> Result<Vec<(OriginId, String)>, LogError> {
        Ok(vec![(OriginId::of(NAME), NAME.to_owned())])
    }
    fn ended(&mut self) -> Result<Vec<(OriginId, String)>, LogError> {
        Ok(self.ended.clone())
    }
}

/// Takes every record, but for one at which it panics.
struct Fragile(Option<u64>);

impl Judge for Fragile {
    fn judge(
        &mut self,
        record: &SourceRecord<'_>,
        touchpoint: &mut Vec<u8>,
        _: &mut Asides,
        _: &mut Vec<u8>,
    ) -> Result<Judgement, String> {
        assert!(self.0 != Some(record.offset), "what no test had thought of");
        Touchpoint { offset: record.offset, ..Touchpoint::default() }.encode(touchpoint);
        let key = Key::visitor("s", &record.offset.to_string());
        let occurred_at = Some(EventTime(record.offset as i64));
        Ok(Judgement { outcome: Outcome::Counted, key, occurred_at, reason: None })
    }
    fn letter(&mut self, record: &SourceRecord<'_>, reason: &'static str, _: &str, letter: &mut Vec<u8>) {
        letter.extend_from_slice(format!("{reason} {}", record.offset).as_bytes());
    }
}

/// What a judge was told, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Poll,
    Ahead(u64),
    Judged(u64),
    Counts,
}

/// Wants to be told ahead; notes what it is told. Takes as `inner` does, and panics at a record ahead of its turn, too.
struct Foresighted {
    inner: Fragile,
    panics_ahead: Option<u64>,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Judge for Foresighted {
    fn judge(
        &mut self,
        record: &SourceRecord<'_>,
        touchpoint: &mut Vec<u8>,
        asides: &mut Asides,
        letter: &mut Vec<u8>,
    ) -> Result<Judgement, String> {
        self.told.lock().unwrap().push(Told::Judged(record.offset));
        assert_eq!((record.topic, record.payload, record.timestamp_ms), ("clicks", Some(&b"bytes"[..]), 7));
        self.inner.judge(record, touchpoint, asides, letter)
    }
    fn judged(&mut self) {
        self.told.lock().unwrap().push(Told::Counts);
    }
    fn looks_ahead(&mut self) -> bool {
        self.told.lock().unwrap().push(Told::Poll);
        true
    }
    fn ahead(&mut self, record: &SourceRecord<'_>) {
        assert!(self.panics_ahead != Some(record.offset), "what no test had thought of");
        self.told.lock().unwrap().push(Told::Ahead(record.offset));
    }
}

struct World {
    touchpoints: MemoryLog,
    letters: MemoryLog,
    control: MemoryLog,
    snapshots: SnapshotStore,
    metrics: Metrics,
    _runtime: tokio::runtime::Runtime,
}

impl World {
    fn new() -> World {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        World {
            touchpoints: MemoryLog::new("touchpoints", PARTITIONS),
            letters: MemoryLog::new("letters", 1),
            control: MemoryLog::new("control", 1),
            snapshots: SnapshotStore::new(Arc::new(InMemory::new()), "e1", runtime.handle().clone(), 1),
            metrics: Metrics::new(),
            _runtime: runtime,
        }
    }

    fn begin(&self, has: std::ops::Range<u64>, accepts: bool, judge: impl Judge + 'static) -> Running {
        self.begin_with(Topic::new(has), accepts, judge)
    }

    fn begin_with(&self, source: Topic, accepts: bool, judge: impl Judge + 'static) -> Running {
        self.begin_at(Clock::manual(5_000), source, accepts, judge)
    }

    fn begin_at(&self, clock: Clock, source: Topic, accepts: bool, judge: impl Judge + 'static) -> Running {
        let (log, letters) = (Arc::new(self.touchpoints.clone()), Arc::new(self.letters.clone()));
        let intake = IntakeLoop {
            source: Box::new(source),
            writer: Writer::new(log, letters, Epoch(1), Generation(1))
                .accepting_gaps(accepts)
                .counting(Crashes::new(self.snapshots.notes("crashes")))
                .proving(Proofs::new(self.snapshots.notes("sources"))),
            judge: Box::new(judge),
            control: Arc::new(self.control.clone()),
            log_name: "touchpoints".to_owned(),
            tick: Duration::from_millis(1),
            clock,
            metrics: self.metrics.clone(),
            stop: Arc::new(AtomicBool::new(false)),
            beat: Beat::default(),
            closes: false,
            progress: Arc::new(Progress::default()),
        };
        intake.begin().unwrap()
    }

    /// Turns it until everything the source has is ticked, and ends it in order.
    fn through(mut running: Running) -> Result<(), IntakeError> {
        for turn in 0..6 {
            running.turn(Duration::ZERO, || Duration::from_secs(turn))?;
        }
        running.leave()
    }

    /// What a reader of the touchpoints log accepts, by source offset: reason, or nothing; and what it misses.
    fn read(&self) -> (BTreeMap<u64, String>, Vec<Gap>, Option<i64>) {
        let (mut accepted, mut gaps, mut watermark) = (BTreeMap::new(), Vec::new(), None);
        for partition in (0..PARTITIONS).map(PartitionId) {
            let (mut inbox, mut scratch) = (Inbox::new(), Vec::new());
            for (_, bytes) in self.touchpoints.read(partition, Offset(0), 1 << 30).unwrap() {
                let view = FrameView::parse(&bytes, &mut scratch).unwrap();
                for record in view.records() {
                    let judged = inbox.judge(view.generation(), record.origin, record.position, record.previous);
                    if judged == Verdict::Accept {
                        let touchpoint = Touchpoint::decode(record.payload).unwrap();
                        let before = accepted.insert(touchpoint.offset, touchpoint.reason.to_owned());
                        assert_eq!(before, None, "{} twice", touchpoint.offset);
                    }
                }
                if let Some(tick) = view.tick().unwrap() {
                    inbox.tick(&tick);
                }
            }
            gaps.extend(inbox.gaps());
            watermark = inbox.watermark();
        }
        (accepted, gaps, watermark)
    }
}

fn plain(offsets: impl Iterator<Item = u64>) -> BTreeMap<u64, String> {
    offsets.map(|offset| (offset, String::new())).collect()
}

#[test]
fn retention_that_outran_us_halts_until_the_gap_is_accepted() {
    let world = World::new();
    World::through(world.begin(0..50, false, Fragile(None))).unwrap();
    let refused = World::through(world.begin(80..100, false, Fragile(None))).unwrap_err();
    assert!(matches!(refused, IntakeError::Gap { start: 80, stood: 50, .. }), "{refused}");
    assert!(refused.to_string().contains("--accept-gap"), "{refused}");
    // Cut off after it was accepted and before a tick: it is accepted again, and counts once.
    let mut cut_off = world.begin(80..100, true, Fragile(None));
    cut_off.turn(Duration::ZERO, || Duration::ZERO).unwrap();
    drop(cut_off);
    World::through(world.begin(80..100, true, Fragile(None))).unwrap();
    World::through(world.begin(80..120, false, Fragile(None))).unwrap();
    let mut expected = plain((0..50).chain(80..120));
    expected.insert(50, "accepted_gap".to_owned());
    let (accepted, gaps, _) = world.read();
    assert_eq!((accepted, gaps), (expected, Vec::new()));
    assert_eq!(world.metrics.counter(&catalogue::INTAKE_LOST_OFFSETS, &["clicks"]), 60, "twice 30");
}

#[test]
fn what_came_to_an_empty_source_and_went_unread_is_missed_too() {
    let world = World::new();
    World::through(world.begin(0..0, false, Fragile(None))).unwrap();
    let refused = World::through(world.begin(5..20, false, Fragile(None))).unwrap_err();
    assert!(matches!(refused, IntakeError::Gap { start: 5, stood: 0, .. }), "{refused}");
    World::through(world.begin(5..20, true, Fragile(None))).unwrap();
    World::through(world.begin(5..30, false, Fragile(None))).unwrap();
    let mut expected = plain(5..30);
    expected.insert(0, "accepted_gap".to_owned());
    let (accepted, gaps, _) = world.read();
    assert_eq!((accepted, gaps), (expected, Vec::new()));
    // A first start claims nothing: what was dropped before is not ours to miss.
    let fresh = World::new();
    World::through(fresh.begin(5..20, false, Fragile(None))).unwrap();
    assert_eq!(fresh.read().0, plain(5..20));
}

#[test]
fn what_a_log_lost_and_the_source_dropped_is_accepted_too() {
    let world = World::new();
    // The frames of one partition are lost; what it missed had been sent.
    World::through(world.begin(0..10, false, Fragile(None))).unwrap();
    world.touchpoints.drop_next(PartitionId(1));
    World::through(world.begin(0..40, false, Fragile(None))).unwrap();
    let (_, gaps, _) = world.read();
    let [gap] = gaps[..] else { panic!("{gaps:?}") };
    assert_eq!(gap.expected_after, Position::before(10));
    let ask = |world: &World| {
        let log = "touchpoints".to_owned();
        let ask = GoBack { log, partition: PartitionId(1), origin: gap.origin, position: gap.expected_after };
        world.control.append(PartitionId(0), Control::GoBack(ask).encode()).unwrap();
    };
    let asked_while_running = |accepts: bool| {
        let mut running = world.begin(30..50, accepts, Fragile(None));
        running.turn(Duration::ZERO, || Duration::from_secs(1)).unwrap();
        ask(&world);
        World::through(running).unwrap();
    };
    asked_while_running(false);
    assert_eq!(world.read().1.len(), 1, "nobody said that it is lost");
    asked_while_running(true);
    let (accepted, gaps, _) = world.read();
    assert_eq!(gaps, []);
    assert!((30..50).all(|offset| accepted.contains_key(&offset)), "{accepted:?}");
    assert_eq!(accepted.values().filter(|reason| *reason == "accepted_gap").count(), 1);
}

#[test]
fn a_topic_made_anew_is_refused_and_its_older_self_holds_nothing_back() {
    let world = World::new();
    World::through(world.begin(0..50, false, Fragile(None))).unwrap();
    let refused = World::through(world.begin(0..20, true, Fragile(None))).unwrap_err();
    assert!(matches!(refused, IntakeError::Recreated { end: 20, stood: 50, .. }), "{refused}");
    assert!(refused.to_string().contains("incarnation"), "{refused}");
    // Another incarnation has another origin: here, the origin of before is said to have ended.
    let before = OriginId::of("kafka:clicks@0/0");
    let source = Topic { ended: vec![(before, "kafka:clicks@0/0".to_owned())], ..Topic::new(0..60) };
    World::through(world.begin_with(source, false, Fragile(None))).unwrap();
    let tick = world.touchpoints.read_back(PartitionId(0), before).unwrap().unwrap();
    assert_eq!((tick.frontier, tick.watermark), (0, i64::MAX));
    assert_eq!(world.read().2, Some(59), "that of the origin that lives");
}

#[test]
fn a_topic_made_anew_that_has_grown_beyond_where_we_stood_is_refused_too() {
    let world = World::new();
    World::through(world.begin(0..50, false, Fragile(None))).unwrap();
    let anew = || Topic { says: b"other bytes", ..Topic::new(0..90) };
    for accepts in [false, true] {
        let refused = World::through(world.begin_with(anew(), accepts, Fragile(None))).unwrap_err();
        assert!(
            matches!(refused, IntakeError::Other { .. }) && refused.to_string().contains("incarnation"),
            "{refused}"
        );
    }
    assert_eq!(world.read().0, plain(0..50), "nothing of it was read");
    World::through(world.begin(0..60, false, Fragile(None))).unwrap();
    // What retention has removed proves nothing.
    World::through(world.begin(60..90, false, Fragile(None))).unwrap();
    assert_eq!(world.read().0, plain(0..90));
}

#[test]
fn the_third_crash_at_a_record_sets_it_aside() {
    let world = World::new();
    for crash in 0..3 {
        let running = world.begin(0..30, false, Fragile(Some(17)));
        let ended = catch_unwind(AssertUnwindSafe(|| World::through(running)));
        assert!(ended.is_err(), "crash {crash}");
        assert_eq!(world.metrics.counter(&catalogue::INTAKE_QUARANTINED, &[]), 0);
    }
    World::through(world.begin(0..30, false, Fragile(Some(17)))).unwrap();
    let mut expected = plain(0..30);
    expected.insert(17, "quarantined".to_owned());
    let (accepted, gaps, _) = world.read();
    assert_eq!((accepted, gaps), (expected, Vec::new()));
    assert_eq!(world.metrics.counter(&catalogue::INTAKE_QUARANTINED, &[]), 1);
    let letters = world.letters.read(PartitionId(0), Offset(0), 1 << 30).unwrap();
    let mut scratch = Vec::new();
    let kept: Vec<Vec<u8>> = letters
        .iter()
        .flat_map(|(_, bytes)| {
            let view = FrameView::parse(bytes, &mut scratch).unwrap();
            view.records().map(|record| record.payload.to_vec()).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(kept, [b"quarantined 17"]);
}

#[test]
fn a_judge_is_told_of_a_poll_ahead_and_judges_it_in_order() {
    let world = World::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let judge = Foresighted { inner: Fragile(None), panics_ahead: None, told: told.clone() };
    World::through(world.begin(0..30, false, judge)).unwrap();
    let told = told.lock().unwrap();
    let last = told.iter().rposition(|told| matches!(told, Told::Judged(_)));
    assert_eq!(last.and_then(|last| told.get(last + 1)), Some(&Told::Counts), "at the end of a poll");
    let told: Vec<Told> = told.iter().copied().filter(|told| !matches!(told, Told::Poll | Told::Counts)).collect();
    let expected: Vec<Told> = (0..30).map(Told::Ahead).chain((0..30).map(Told::Judged)).collect();
    assert_eq!(told, expected);
    assert_eq!(world.read(), (plain(0..30), Vec::new(), Some(29)));
}

#[test]
fn a_record_at_which_a_process_crashed_is_not_looked_at_ahead() {
    let world = World::new();
    let judge = |told: &Arc<Mutex<Vec<Told>>>| Foresighted {
        inner: Fragile(Some(17)),
        panics_ahead: Some(17),
        told: told.clone(),
    };
    let told = Arc::new(Mutex::new(Vec::new()));
    for crash in 0..3 {
        let running = world.begin(0..30, false, judge(&told));
        assert!(catch_unwind(AssertUnwindSafe(|| World::through(running))).is_err(), "crash {crash}");
    }
    // The first crash was ahead of the record's turn, and known to be at it: then nothing was looked at ahead.
    assert_eq!(told.lock().unwrap().iter().filter(|told| matches!(told, Told::Ahead(_))).count(), 17);
    World::through(world.begin(0..30, false, judge(&told))).unwrap();
    let mut expected = plain(0..30);
    expected.insert(17, "quarantined".to_owned());
    assert_eq!((world.read().0, world.read().1), (expected, Vec::new()));
}

#[test]
fn a_clock_that_was_ahead_and_went_back_leaves_no_batch_waiting() {
    const DAY_MS: i64 = 86_400_000;
    let (world, clock) = (World::new(), Clock::manual(100 * DAY_MS));
    let mut running = world.begin_at(clock.clone(), Topic::new(0..50), false, Fragile(None));
    // A reader whose batches end every ten minutes of what ticks say, and the seconds at which they do.
    let rules = CutRules { interval_ms: 600_000, max_bytes: usize::MAX, ..CutRules::default() };
    let (mut cutter, mut read, mut latest_ms) = (Cutter::new(Offset(0)), Offset(0), i64::MIN);
    let mut cuts = |seconds: std::ops::Range<u64>| {
        let mut cuts = Vec::new();
        for second in seconds {
            clock.advance(1_000);
            running.turn(Duration::ZERO, || Duration::from_secs(second)).unwrap();
            for (offset, bytes) in world.touchpoints.read(PartitionId(0), read, 1 << 30).unwrap() {
                read = Offset(offset.0 + 1);
                let mut scratch = Vec::new();
                let tick = FrameView::parse(&bytes, &mut scratch).unwrap().tick().unwrap();
                let tick = tick.map(|tick| {
                    latest_ms = latest_ms.max(tick.wall_ms);
                    (latest_ms, tick.closing)
                });
                if cutter.after_frame(&rules, read, 10, 1, tick).cut {
                    cuts.push(second);
                }
            }
        }
        cuts
    };
    assert_eq!(cuts(1..700), [601]);
    clock.advance(3 * DAY_MS);
    assert_eq!(cuts(700..710), [700]);
    clock.advance(-3 * DAY_MS);
    assert_eq!(cuts(710..1_000), [710, 740, 770, 800, 830, 860, 890, 920, 950, 980]);
    clock.advance(4 * DAY_MS);
    assert_eq!(cuts(1_000..1_700), [1_000, 1_600]);
}
