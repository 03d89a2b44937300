//! What a processor lives through: tables that cannot be asked how far they go (partitions wait for their owner, and the
//! processor goes on), a record at which its step crashes, and a disk without room.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crumbtrail_events::Outcome;
use crumbtrail_log::memory::MemoryLog;
use crumbtrail_log::{Epoch, Generation, Log, Member, Offset, OriginId, Outbox, PartitionId, Position};
use crumbtrail_runtime::cutter::CutRules;
use crumbtrail_runtime::processor::Running;
use crumbtrail_runtime::progress::Progress;
use crumbtrail_runtime::restores::Restores;
use crumbtrail_runtime::sink::{NullSink, SinkError};
use crumbtrail_runtime::step::{Effects, StepError, StepGauges};
use crumbtrail_runtime::{Batch, Clock, Context, Processor, Sink, SnapshotStore, Step};
use crumbtrail_scratch::{Block, Scratch};
use crumbtrail_telemetry::{Beat, Metrics, catalogue};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

/// Answers a question about how far it goes only after so many.
struct Away {
    tables: NullSink,
    questions_left: AtomicU32,
    is_away: bool,
}

impl Sink for Away {
    fn has_room(&self) -> bool {
        true
    }
    fn submit(&self, batch: Batch) -> Result<(), SinkError> {
        self.tables.submit(batch)
    }
    fn acked(&self, processor: &'static str, partition: u32) -> Option<Offset> {
        self.tables.acked(processor, partition)
    }
    fn chain_end(&self, processor: &'static str, partition: u32) -> Result<Option<Offset>, SinkError> {
        let left = self.questions_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match left {
            Ok(_) => Err(SinkError { message: "connection refused".to_owned(), is_away: self.is_away }),
            Err(_) => self.tables.chain_end(processor, partition),
        }
    }
}

/// Counts; panics at a record that says `bad`, ends the process at one that says `end`. Holds a block that may leave memory.
struct Count(Block);

fn count(_: PartitionId) -> Count {
    Count(Block::new(&b"state that is rarely read"[..]))
}

impl Step for Count {
    fn name(&self) -> &'static str {
        "sessionize"
    }
    fn tables(&self) -> usize {
        1
    }
    fn record(&mut self, payload: &[u8], _: Context, effects: &mut Effects) -> Result<(), StepError> {
        assert!(payload != b"bad", "what no test had thought of");
        if payload == b"end" {
            std::process::abort();
        }
        effects.outcome(Outcome::Counted);
        Ok(())
    }
    fn tick(&mut self, _: Context, _: &mut Effects) -> Result<(), StepError> {
        Ok(())
    }
    fn save(&self, _: &mut Vec<u8>) {}
    fn load(&mut self, _: &[u8], _: &[Block]) -> Result<(), StepError> {
        Ok(())
    }
    fn spill(&mut self, scratch: &mut Scratch) -> io::Result<()> {
        scratch.spill(&mut self.0).map(drop)
    }
    fn gauges(&self) -> StepGauges {
        StepGauges { resident_bytes: self.0.resident_bytes(), ..StepGauges::default() }
    }
}

type Make = fn(PartitionId) -> Count;

fn processor(log: &MemoryLog, questions: u32, is_away: bool) -> Arc<Processor<Make>> {
    Arc::new(unshared(log, questions, is_away))
}

fn unshared(log: &MemoryLog, questions: u32, is_away: bool) -> Processor<Make> {
    Processor {
        log: Arc::new(log.clone()),
        onward: None,
        control: None,
        sink: Arc::new(Away { tables: NullSink::default(), questions_left: AtomicU32::new(questions), is_away }),
        snapshots: None,
        make: count,
        rules: CutRules::default(),
        epoch: Epoch(1),
        generation: Generation(1),
        clock: Clock::manual(0),
        metrics: Metrics::new(),
        progress: Progress::default(),
        stop: Arc::new(AtomicBool::new(false)),
        beat: Beat::default(),
        accepts_gaps: false,
        restores: Restores::new(2),
        flush_interval: Duration::from_millis(1),
        retention: None,
    }
}

fn log() -> MemoryLog {
    log_with(None)
}

/// Twenty records, one of them another one.
fn log_with(bad: Option<(u64, &'static [u8])>) -> MemoryLog {
    let log = MemoryLog::new("touchpoints", 2);
    let mut outbox = Outbox::new(Epoch(1), Generation(1), 2);
    outbox.start(OriginId(1), "a", Position::default());
    for n in 0..20 {
        let payload = bad.filter(|(at, _)| *at == n).map_or(&b"x"[..], |(_, payload)| payload);
        outbox.push(OriginId(1), Position { offset: n, seq: 1 }, PartitionId(n as u32 % 2), payload);
    }
    outbox.tick(1_000, &[]);
    outbox.drain().for_each(|(partition, frame)| log.append(partition, frame).unwrap());
    log
}

fn member() -> Member<'static> {
    Member { group: "g", index: 0, count: 1, instance: "i".to_owned() }
}

#[test]
fn partitions_wait_until_the_tables_answer() {
    let log = log();
    let processor = processor(&log, 5, true);
    let progress = processor.progress.clone();
    let mut running = Running::<_, Count>::join(processor, member()).unwrap();
    let records = || progress.owned().iter().map(|(_, at)| at.records).sum::<u64>();
    let mut seconds = 0;
    while records() < 20 {
        seconds += 1;
        assert!(seconds < 60, "never taken over");
        running.turn(Duration::ZERO, || Duration::from_secs(seconds)).unwrap();
    }
    assert!(seconds > 4, "asked again, and not at once: {seconds}");
    running.leave().unwrap();
}

#[test]
fn a_refusal_that_waiting_does_not_mend_ends_the_processor() {
    let log = log();
    let mut running = Running::<_, Count>::join(processor(&log, 1, false), member()).unwrap();
    let ended = (0..3).find_map(|n| running.turn(Duration::ZERO, || Duration::from_secs(n)).err());
    assert!(ended.is_some_and(|error| error.to_string().contains("connection refused")));
}

#[test]
fn the_third_crash_of_a_step_sets_the_record_aside_for_every_later_owner() {
    let log = log_with(Some((13, b"bad")));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let snapshots = SnapshotStore::new(Arc::new(InMemory::new()), "e1", runtime.handle().clone(), 1);
    let run = || {
        let processor = Processor { snapshots: Some(snapshots.clone()), ..unshared(&log, 0, false) };
        let (metrics, progress) = (processor.metrics.clone(), processor.progress.clone());
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let mut running = Running::<_, Count>::join(Arc::new(processor), member()).unwrap();
            (0..20).for_each(|n| running.turn(Duration::ZERO, || Duration::from_secs(n)).unwrap());
        }));
        let records = progress.owned().iter().map(|(_, at)| at.records).sum::<u64>();
        (ended.is_ok(), records, metrics.counter(&catalogue::STEP_QUARANTINED, &["sessionize"]))
    };
    for _ in 0..3 {
        assert!(!run().0);
    }
    for _ in 0..2 {
        assert_eq!(run(), (true, 20, 1));
    }
}

/// Where the child below keeps its notes; without it that test does nothing.
const FOLDER: &str = "CRUMBTRAIL_RUNTIME_TEST_FOLDER";

#[test]
fn child_ends_at_a_record() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = Arc::new(LocalFileSystem::new_with_prefix(folder).unwrap());
    let snapshots = SnapshotStore::new(store, "e1", runtime.handle().clone(), 1);
    let processor = Processor { snapshots: Some(snapshots), ..unshared(&log_with(Some((13, b"end"))), 0, false) };
    let (metrics, progress) = (processor.metrics.clone(), processor.progress.clone());
    let mut running = Running::<_, Count>::join(Arc::new(processor), member()).unwrap();
    (0..20).for_each(|n| running.turn(Duration::ZERO, || Duration::from_secs(n)).unwrap());
    let records = progress.owned().iter().map(|(_, at)| at.records).sum::<u64>();
    let aside = metrics.counter(&catalogue::STEP_QUARANTINED, &["sessionize"]);
    running.leave().unwrap();
    println!("{records} records, {aside} set aside");
}

#[test]
fn a_record_at_which_processes_just_end_is_found_and_set_aside_for_every_later_owner() {
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let child = child.args(["--exact", "child_ends_at_a_record", "--nocapture"]).env(FOLDER, folder.path());
        let out = child.output().unwrap();
        out.status.success().then(|| String::from_utf8(out.stdout).unwrap())
    };
    // Two tell the frame, three the record.
    let ended = (0..9).take_while(|_| run().is_none()).count();
    assert_eq!(ended, 5);
    assert!(run().unwrap().contains("20 records, 1 set aside"));
}

#[test]
fn without_scratch_space_it_goes_on_and_counts_it() {
    let log = log();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = tempfile::tempdir().unwrap();
    let run = |folder: &str| {
        let snapshots = SnapshotStore::new(Arc::new(InMemory::new()), "e1", runtime.handle().clone(), 1)
            .with_scratch(place.path().join(folder));
        let processor = Processor { snapshots: Some(snapshots), ..unshared(&log, 0, false) };
        let (metrics, progress) = (processor.metrics.clone(), processor.progress.clone());
        let mut running = Running::<_, Count>::join(Arc::new(processor), member()).unwrap();
        (0..20).for_each(|n| running.turn(Duration::ZERO, || Duration::from_secs(n)).unwrap());
        assert_eq!(progress.owned().iter().map(|(_, at)| at.records).sum::<u64>(), 20);
        metrics.counter(&catalogue::SCRATCH_FAILURES, &["sessionize"])
    };
    std::fs::write(place.path().join("file"), b"").unwrap();
    assert_eq!(run("folder"), 0);
    assert_eq!(run("file"), 2, "a tick in each of two partitions");
}
