//! A log that acknowledges a frame and loses it: the reader sees the hole, asks once, the writer goes back, and the
//! tables and the records passed on are those of a run that lost nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crumbtrail_events::touchpoint::Asides;
use crumbtrail_events::wire::{Reader, put_signed, put_varint};
use crumbtrail_events::{EventTime, Key, Outcome};
use crumbtrail_log::control::{Control, GoBack};
use crumbtrail_log::memory::MemoryLog;
use crumbtrail_log::{
    Epoch, FrameView, Generation, Inbox, Log, LogError, Member, Offset, OriginId, PartitionId, Source, SourceEvent,
    SourcePartition, SourceRecord, Subscription, Verdict,
};
use crumbtrail_runtime::cutter::CutRules;
use crumbtrail_runtime::gaps::ASK_AGAIN_MS;
use crumbtrail_runtime::intake::{IntakeLoop, Judge, Judgement, Progress as SourceProgress, Writer};
use crumbtrail_runtime::progress::Progress;
use crumbtrail_runtime::restores::Restores;
use crumbtrail_runtime::sink::SinkError;
use crumbtrail_runtime::step::{Effects, StepError, StepGauges};
use crumbtrail_runtime::{Batch, Clock, Context, Processor, Sink, SnapshotStore, Step};
use crumbtrail_scratch::Block;
use crumbtrail_telemetry::{Beat, Metrics, catalogue};

const PARTITIONS: u32 = 2;
const ORIGINS: usize = 2;
/// Records of each origin; the first of both come early, so that each partition hears of both before the loss.
const RECORDS: u64 = 150;
/// Later than every event.
const NOW_MS: i64 = 10_000_000;
const PATIENCE: Duration = Duration::from_secs(60);

fn origin_name(index: usize) -> String {
    format!("kafka:clicks/{index}")
}

/// Decides whether a frame is lost.
type Loss = Box<dyn FnMut(PartitionId, &FrameView<'_>) -> bool + Send>;

/// A log that loses the first frame its fault chooses, and says nothing.
struct Lossy {
    log: MemoryLog,
    loss: Mutex<Option<Loss>>,
}

impl Lossy {
    fn new(name: &str) -> Lossy {
        Lossy { log: MemoryLog::new(name, PARTITIONS), loss: Mutex::new(None) }
    }

    fn lose(&self, loss: impl FnMut(PartitionId, &FrameView<'_>) -> bool + Send + 'static) {
        *self.loss.lock().unwrap() = Some(Box::new(loss));
    }

    fn has_lost(&self) -> bool {
        self.loss.lock().unwrap().is_none()
    }
}

impl Log for Lossy {
    fn name(&self) -> &str {
        self.log.name()
    }
    fn partitions(&self) -> u32 {
        self.log.partitions()
    }
    fn append(&self, partition: PartitionId, frame: Vec<u8>) -> Result<(), LogError> {
        let mut loss = self.loss.lock().unwrap();
        let mut scratch = Vec::new();
        let view = FrameView::parse(&frame, &mut scratch).unwrap();
        if loss.as_mut().is_some_and(|loses| loses(partition, &view)) {
            *loss = None;
            return Ok(());
        }
        self.log.append(partition, frame)
    }
    fn flush(&self, deadline: Duration) -> Result<(), LogError> {
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

/// Partitions of records, one record a poll, turn by turn.
struct Given {
    next: [Option<u64>; ORIGINS],
    confirmed: [bool; ORIGINS],
    assigned: bool,
    turn: usize,
}

impl Source for Given {
    fn poll(&mut self, _: Duration, sink: &mut dyn FnMut(SourceRecord<'_>)) -> Result<SourceEvent, LogError> {
        if !std::mem::replace(&mut self.assigned, true) {
            let partition = |index| SourcePartition {
                origin: OriginId::of(&origin_name(index)),
                name: origin_name(index),
                topic: "clicks".to_owned(),
                partition: index as u32,
                start: 0,
                end: RECORDS,
            };
            return Ok(SourceEvent::Assigned((0..ORIGINS).map(partition).collect()));
        }
        std::thread::sleep(Duration::from_millis(1));
        self.turn = (self.turn + 1) % ORIGINS;
        let index = self.turn;
        let origin = OriginId::of(&origin_name(index));
        let Some(next) = &mut self.next[index] else { return Ok(SourceEvent::Polled(0)) };
        let offset = *next;
        if offset == RECORDS {
            if std::mem::replace(&mut self.confirmed[index], true) {
                return Ok(SourceEvent::Polled(0));
            }
            return Ok(SourceEvent::EndConfirmed { origin, at_wall_ms: NOW_MS, end: RECORDS });
        }
        *next += 1;
        let partition = index as u32;
        sink(SourceRecord { origin, topic: "clicks", partition, offset, payload: None, key: None, timestamp_ms: 0 });
        Ok(SourceEvent::Polled(1))
    }
    fn start(&mut self, origin: OriginId, from: Option<u64>) -> Result<u64, LogError> {
        let index = (0..ORIGINS).find(|index| OriginId::of(&origin_name(*index)) == origin).unwrap();
        let from = from.unwrap_or(0);
        self.next[index] = Some(from);
        self.confirmed[index] = false;
        Ok(from)
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
        Ok((0..ORIGINS).map(|index| (OriginId::of(&origin_name(index)), origin_name(index))).collect())
    }
}

/// The record at an offset: key, value and event time follow from where it stands.
struct Plain;

impl Judge for Plain {
    fn judge(
        &mut self,
        record: &SourceRecord<'_>,
        touchpoint: &mut Vec<u8>,
        _: &mut Asides,
        _: &mut Vec<u8>,
    ) -> Result<Judgement, String> {
        let number = record.offset * ORIGINS as u64 + u64::from(record.partition);
        let (key, time) = (number % 16, 1_000 * record.offset as i64);
        put_varint(touchpoint, key);
        put_signed(touchpoint, time);
        put_varint(touchpoint, number);
        let (key, occurred_at) = (Key(u128::from(key) << 124), Some(EventTime(time)));
        Ok(Judgement { outcome: Outcome::Counted, key, occurred_at, reason: None })
    }
}

/// Adds up numbers per key, sessionize's unless they are late; a row per key that changed at every tick; passes on what it counted.
struct Adder {
    name: &'static str,
    sums: BTreeMap<u64, (u64, u64)>,
    dirty: Vec<u64>,
}

impl Step for Adder {
    fn name(&self) -> &'static str {
        self.name
    }
    fn tables(&self) -> usize {
        1
    }
    fn record(&mut self, payload: &[u8], context: Context, effects: &mut Effects) -> Result<(), StepError> {
        let mut reader = Reader::new(payload);
        let (key, time, number) = (reader.varint()?, reader.signed()?, reader.varint()?);
        if self.name == "sessionize" && time < context.watermark.0 {
            effects.outcome(Outcome::Late);
            return Ok(());
        }
        let sum = self.sums.entry(key).or_default();
        *sum = (sum.0 + number, sum.1 + 1);
        self.dirty.push(key);
        effects.outcome(Outcome::Counted);
        effects.pass(Key(u128::from(key) << 124), |out| out.extend_from_slice(payload));
        Ok(())
    }
    fn tick(&mut self, context: Context, effects: &mut Effects) -> Result<(), StepError> {
        for key in std::mem::take(&mut self.dirty) {
            let (sum, count) = self.sums[&key];
            effects.row(0, |out| [key, sum, count, context.version].into_iter().for_each(|n| put_varint(out, n)));
        }
        Ok(())
    }
    fn save(&self, out: &mut Vec<u8>) {
        put_varint(out, self.sums.len() as u64);
        for (key, (sum, count)) in &self.sums {
            [*key, *sum, *count].into_iter().for_each(|n| put_varint(out, n));
        }
    }
    fn load(&mut self, bytes: &[u8], _: &[Block]) -> Result<(), StepError> {
        let mut reader = Reader::new(bytes);
        for _ in 0..reader.varint()? {
            self.sums.insert(reader.varint()?, (reader.varint()?, reader.varint()?));
        }
        Ok(())
    }
    fn gauges(&self) -> StepGauges {
        StepGauges::default()
    }
}

/// Version, sum and count.
type Row = (u64, u64, u64);

/// Rows as a database keeps them: of each key the one of the highest version. Snapshots are taken right after a tick,
/// when nothing is dirty.
#[derive(Debug, Default)]
struct Tables {
    rows: Mutex<BTreeMap<(&'static str, u64), Row>>,
    acked: Mutex<BTreeMap<(&'static str, u32), Offset>>,
    late: AtomicBool,
}

impl Tables {
    /// Sum and count by key.
    fn of(&self, processor: &str) -> BTreeMap<u64, (u64, u64)> {
        let rows = self.rows.lock().unwrap();
        rows.iter().filter(|((of, _), _)| *of == processor).map(|((_, k), (_, sum, n))| (*k, (*sum, *n))).collect()
    }

    fn count(&self, processor: &str) -> u64 {
        self.of(processor).values().map(|(_, count)| count).sum()
    }
}

impl Sink for Tables {
    fn has_room(&self) -> bool {
        true
    }
    fn submit(&self, batch: Batch) -> Result<(), SinkError> {
        if batch.counts.of(Outcome::Late) > 0 {
            self.late.store(true, Ordering::Relaxed);
        }
        let rows = batch.tables[0].pieces.concat();
        let mut reader = Reader::new(&rows);
        let mut next = || reader.varint().unwrap();
        for _ in 0..batch.tables[0].rows {
            let (key, sum, count, version) = (next(), next(), next(), next());
            let mut rows = self.rows.lock().unwrap();
            let row = rows.entry((batch.processor, key)).or_default();
            *row = (*row).max((version, sum, count));
        }
        let mut acked = self.acked.lock().unwrap();
        let acked = acked.entry((batch.processor, batch.partition)).or_default();
        *acked = batch.to.max(*acked);
        Ok(())
    }
    fn acked(&self, processor: &'static str, partition: u32) -> Option<Offset> {
        self.acked.lock().unwrap().get(&(processor, partition)).copied()
    }
    fn chain_end(&self, processor: &'static str, partition: u32) -> Result<Option<Offset>, SinkError> {
        Ok(self.acked(processor, partition))
    }
}

/// A thread to be stopped.
struct Running {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    /// Of a processor.
    progress: Progress,
}

impl Running {
    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

struct Deployment {
    touchpoints: Arc<Lossy>,
    people: Arc<Lossy>,
    letters: MemoryLog,
    control: MemoryLog,
    tables: Arc<Tables>,
    metrics: Metrics,
    clock: Clock,
    snapshots: SnapshotStore,
    _runtime: tokio::runtime::Runtime,
}

impl Deployment {
    fn new() -> Deployment {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let store = Arc::new(object_store::memory::InMemory::new());
        Deployment {
            touchpoints: Arc::new(Lossy::new("touchpoints")),
            people: Arc::new(Lossy::new("people")),
            letters: MemoryLog::new("letters", 1),
            control: MemoryLog::new("control", 1),
            tables: Arc::default(),
            metrics: Metrics::new(),
            clock: Clock::manual(NOW_MS),
            snapshots: SnapshotStore::new(store, "e1", runtime.handle().clone(), 3),
            _runtime: runtime,
        }
    }

    fn intake(&self) -> Running {
        let stop = Arc::new(AtomicBool::new(false));
        let (epoch, generation) = (Epoch(1), Generation(1));
        let intake = IntakeLoop {
            source: Box::new(Given { next: [None; ORIGINS], confirmed: [false; ORIGINS], assigned: false, turn: 0 }),
            writer: Writer::new(self.touchpoints.clone(), Arc::new(self.letters.clone()), epoch, generation),
            judge: Box::new(Plain),
            control: Arc::new(self.control.clone()),
            log_name: "touchpoints".to_owned(),
            tick: Duration::from_millis(5),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            stop: stop.clone(),
            beat: Beat::default(),
            closes: false,
            progress: Arc::new(SourceProgress::default()),
        };
        Running { stop, thread: std::thread::spawn(move || intake.run().unwrap()), progress: Progress::default() }
    }

    fn processor(&self, name: &'static str, log: &Arc<Lossy>, onward: Option<&Arc<Lossy>>) -> Running {
        let (stop, progress) = (Arc::new(AtomicBool::new(false)), Progress::default());
        let processor = Processor {
            log: log.clone(),
            onward: onward.map(|log| log.clone() as Arc<dyn Log>),
            control: Some(Arc::new(self.control.clone())),
            sink: self.tables.clone(),
            snapshots: Some(self.snapshots.clone()),
            make: move |_| Adder { name, sums: BTreeMap::new(), dirty: Vec::new() },
            rules: CutRules {
                interval_ms: 0,
                max_bytes: 1 << 20,
                snapshot_interval_ms: 0,
                quiet_ms: i64::MAX,
                save_at_once: 1,
            },
            epoch: Epoch(1),
            generation: Generation(1),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            progress: progress.clone(),
            stop: stop.clone(),
            beat: Beat::default(),
            accepts_gaps: false,
            restores: Restores::new(2),
            flush_interval: Duration::from_millis(5),
            retention: None,
        };
        let thread = std::thread::spawn(move || {
            let member = Member { group: name, index: 0, count: 1, instance: String::new() };
            processor.run(member).unwrap();
        });
        Running { stop, thread, progress }
    }

    fn sessionize(&self) -> Running {
        self.processor("sessionize", &self.touchpoints, Some(&self.people))
    }

    fn journey(&self) -> Running {
        self.processor("journey", &self.people, None)
    }

    fn wait(&self, what: &str, mut until: impl FnMut(&Deployment) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !until(self) {
            assert!(Instant::now() < deadline, "{what}: {:?} {:?}", self.asks(), self.tables);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_for_everything(&self) {
        let all = RECORDS * ORIGINS as u64;
        self.wait("all is counted", |d| d.tables.count("journey") == all && d.tables.count("sessionize") == all);
    }

    fn asks(&self) -> Vec<GoBack> {
        let messages = self.control.read(PartitionId(0), Offset(0), usize::MAX).unwrap();
        messages.iter().map(|(_, bytes)| Control::decode(bytes).unwrap()).map(|Control::GoBack(ask)| ask).collect()
    }

    /// A lost frame is a hole of every origin that had records in it.
    fn asks_of_each_origin_once(&self, log: &str) -> Vec<GoBack> {
        let asks = self.asks();
        let partition = asks.first().expect("asked").partition;
        assert!(asks.iter().all(|ask| ask.log == log && ask.partition == partition), "{asks:?}");
        let origins: BTreeSet<OriginId> = asks.iter().map(|ask| ask.origin).collect();
        assert_eq!(origins.len(), asks.len(), "{asks:?}");
        asks
    }

    fn outcome(&self) -> Outcomes {
        assert!(!self.tables.late.load(Ordering::Relaxed), "a healed record is not late");
        let passed = (0..PARTITIONS).flat_map(|partition| accepted(&self.people, PartitionId(partition))).collect();
        Outcomes { sessionize: self.tables.of("sessionize"), journey: self.tables.of("journey"), passed }
    }

    fn counter(&self, metric: &catalogue::Metric, label: &str) -> u64 {
        self.metrics.counter(metric, &[label])
    }
}

/// What must not depend on losses.
#[derive(Debug, PartialEq, Eq)]
struct Outcomes {
    sessionize: BTreeMap<u64, (u64, u64)>,
    journey: BTreeMap<u64, (u64, u64)>,
    /// Per partition and source partition, in order: what a reader of the people's log accepts.
    passed: BTreeMap<(u32, u64), Vec<u64>>,
}

fn accepted(log: &Lossy, partition: PartitionId) -> BTreeMap<(u32, u64), Vec<u64>> {
    let mut inbox = Inbox::new();
    let mut accepted: BTreeMap<(u32, u64), Vec<u64>> = BTreeMap::new();
    for (_, bytes) in log.read(partition, Offset(0), usize::MAX).unwrap() {
        let mut scratch = Vec::new();
        let view = FrameView::parse(&bytes, &mut scratch).unwrap();
        for record in view.records() {
            let verdict = inbox.judge(view.generation(), record.origin, record.position, record.previous);
            if verdict == Verdict::Accept {
                let mut reader = Reader::new(record.payload);
                let (_, _, number) = (reader.varint().unwrap(), reader.signed().unwrap(), reader.varint().unwrap());
                accepted.entry((partition.0, number % ORIGINS as u64)).or_default().push(number);
            }
        }
        if let Some(tick) = view.tick().unwrap() {
            inbox.tick(&tick);
        }
    }
    let declared = inbox.origins().filter(|origin| origin.declared).count();
    assert_eq!(declared as u32, PARTITIONS, "its watermark waits for every partition of the log before");
    accepted
}

/// A run in which nothing is lost.
fn calm() -> Outcomes {
    let deployment = Deployment::new();
    let running = [deployment.intake(), deployment.sessionize(), deployment.journey()];
    deployment.wait_for_everything();
    running.into_iter().for_each(Running::stop);
    assert_eq!(deployment.asks(), []);
    deployment.outcome()
}

/// The frame with a record of the first source partition from this offset on is lost.
fn at_source_offset(least: u64) -> impl FnMut(PartitionId, &FrameView<'_>) -> bool + Send {
    let origin = OriginId::of(&origin_name(0));
    move |_, view| view.records().any(|record| record.origin == origin && record.position.offset >= least)
}

/// The frame with the n-th record of a partition is lost.
fn nth_of_partition(partition: u32, n: usize) -> impl FnMut(PartitionId, &FrameView<'_>) -> bool + Send {
    let mut seen = 0;
    move |to, view| {
        seen += if to.0 == partition { view.records().count() } else { 0 };
        seen >= n
    }
}

#[test]
fn what_is_lost_on_the_way_to_sessionize_is_sent_again_by_intake() {
    for least in [60, RECORDS - 1] {
        let deployment = Deployment::new();
        deployment.touchpoints.lose(at_source_offset(least));
        let running = [deployment.intake(), deployment.sessionize(), deployment.journey()];
        deployment.wait_for_everything();
        running.into_iter().for_each(Running::stop);
        assert!(deployment.touchpoints.has_lost());
        assert_eq!(deployment.outcome(), calm());
        let asks = deployment.asks_of_each_origin_once("touchpoints");
        assert!(deployment.counter(&catalogue::STEP_GAPS, "sessionize") > 0);
        assert_eq!(deployment.counter(&catalogue::STEP_GO_BACKS_ASKED, "sessionize"), asks.len() as u64);
        assert_eq!(deployment.counter(&catalogue::WRITER_GO_BACKS, "intake"), asks.len() as u64);
        assert_eq!(deployment.counter(&catalogue::STEP_GAPS, "journey"), 0);
    }
}

#[test]
fn what_is_lost_on_the_way_to_journey_is_sent_again_by_sessionize() {
    for n in [1, 40] {
        let deployment = Deployment::new();
        deployment.people.lose(nth_of_partition(1, n));
        let running = [deployment.intake(), deployment.sessionize(), deployment.journey()];
        deployment.wait_for_everything();
        running.into_iter().for_each(Running::stop);
        assert!(deployment.people.has_lost());
        assert_eq!(deployment.outcome(), calm());
        let asks = deployment.asks_of_each_origin_once("people");
        assert!(deployment.counter(&catalogue::STEP_GAPS, "journey") > 0);
        assert_eq!(deployment.counter(&catalogue::WRITER_GO_BACKS, "sessionize"), asks.len() as u64);
        assert_eq!(deployment.counter(&catalogue::STEP_GAPS, "sessionize"), 0);

        // Whoever reads the log from its start meets the hole and then what was sent again: nothing is asked.
        deployment.tables.acked.lock().unwrap().clear();
        let again = deployment.journey();
        let ends = [0, 1].map(|partition| deployment.people.bounds(PartitionId(partition)).unwrap().1);
        deployment.wait("the log is read again", |_| {
            (0..PARTITIONS).all(|n| again.progress.of(n).is_some_and(|at| at.processed >= ends[n as usize]))
        });
        assert!((0..PARTITIONS).all(|partition| again.progress.of(partition).unwrap().gaps == 0));
        again.stop();
        assert_eq!(deployment.asks(), asks);
    }
}

#[test]
fn a_hole_left_by_a_run_of_intake_is_healed_by_the_next() {
    let deployment = Deployment::new();
    deployment.touchpoints.lose(at_source_offset(60));
    let first = deployment.intake();
    let end = |d: &Deployment| d.touchpoints.log.read_back(PartitionId(0), OriginId::of(&origin_name(0))).unwrap();
    deployment.wait("all is sent", |d| end(d).is_some_and(|back| back.frontier == RECORDS));
    first.stop();
    let (sessionize, journey) = (deployment.sessionize(), deployment.journey());
    deployment.wait("asked", |d| !d.asks().is_empty());
    let asked = deployment.asks().len();
    // What the first run was asked the second one does not read; the ticks say that everything was sent.
    let second = deployment.intake();
    let gaps = deployment.counter(&catalogue::STEP_GAPS, "sessionize");
    deployment.wait("it goes on", |d| d.counter(&catalogue::STEP_GAPS, "sessionize") > gaps + 20);
    assert_eq!(deployment.asks().len(), asked, "not asked again at every tick");
    deployment.clock.advance(ASK_AGAIN_MS);
    deployment.wait_for_everything();
    [second, sessionize, journey].into_iter().for_each(Running::stop);
    assert_eq!(deployment.outcome(), calm());
    assert_eq!(deployment.asks().len(), 2 * asked);
    assert_eq!(deployment.counter(&catalogue::WRITER_GO_BACKS, "intake"), asked as u64);
}

#[test]
fn a_hole_left_by_a_run_of_sessionize_is_healed_by_the_next() {
    let deployment = Deployment::new();
    deployment.people.lose(nth_of_partition(0, 40));
    let (intake, first) = (deployment.intake(), deployment.sessionize());
    let all = RECORDS * ORIGINS as u64;
    deployment.wait("all is read", |d| d.tables.count("sessionize") == all);
    first.stop();
    let journey = deployment.journey();
    deployment.wait("asked", |d| !d.asks().is_empty());
    let asked = deployment.asks().len();
    let second = deployment.sessionize();
    let gaps = deployment.counter(&catalogue::STEP_GAPS, "journey");
    deployment.wait("it goes on", |d| d.counter(&catalogue::STEP_GAPS, "journey") > gaps + 20);
    assert_eq!(deployment.asks().len(), asked, "not asked again at every tick");
    deployment.clock.advance(ASK_AGAIN_MS);
    deployment.wait_for_everything();
    [intake, second, journey].into_iter().for_each(Running::stop);
    assert_eq!(deployment.outcome(), calm());
    assert_eq!(deployment.asks().len(), 2 * asked);
    assert!(deployment.counter(&catalogue::WRITER_GO_BACKS, "sessionize") > 0);
}
