//! What a processor makes of what others said before it in the log it writes: a newer configuration there ends it, and a
//! late word of somebody far behind does not keep it from its snapshot.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crumbtrail_events::{Key, Outcome};
use crumbtrail_log::memory::MemoryLog;
use crumbtrail_log::{Epoch, Generation, Log, Member, Offset, OriginId, Outbox, PartitionId, Position};
use crumbtrail_runtime::cutter::CutRules;
use crumbtrail_runtime::processor::{ProcessorError, Running};
use crumbtrail_runtime::progress::Progress;
use crumbtrail_runtime::restores::Restores;
use crumbtrail_runtime::sink::NullSink;
use crumbtrail_runtime::step::{Effects, StepError, StepGauges};
use crumbtrail_runtime::{Clock, Context, Processor, SnapshotStore, Step};
use crumbtrail_scratch::Block;
use crumbtrail_telemetry::{Beat, Metrics};
use object_store::memory::InMemory;

const P0: PartitionId = PartitionId(0);
const HOUR_MS: i64 = 3_600_000;
const FRAMES: u64 = 40;

/// Passes everything on.
struct Pass;

impl Step for Pass {
    fn name(&self) -> &'static str {
        "pass"
    }
    fn tables(&self) -> usize {
        1
    }
    fn record(&mut self, payload: &[u8], _: Context, effects: &mut Effects) -> Result<(), StepError> {
        effects.outcome(Outcome::Counted);
        effects.pass(Key(0), |out| out.extend_from_slice(payload));
        Ok(())
    }
    fn tick(&mut self, _: Context, _: &mut Effects) -> Result<(), StepError> {
        Ok(())
    }
    fn save(&self, _: &mut Vec<u8>) {}
    fn load(&mut self, _: &[u8], _: &[Block]) -> Result<(), StepError> {
        Ok(())
    }
    fn gauges(&self) -> StepGauges {
        StepGauges::default()
    }
}

/// A log of a frame an hour, each with a record and a tick.
fn written() -> MemoryLog {
    let log = MemoryLog::new("touchpoints", 1);
    let origin = OriginId::of("a");
    let mut outbox = Outbox::new(Epoch(1), Generation(1), 1);
    outbox.start(origin, "a", Position::default());
    for hour in 0..FRAMES {
        outbox.push(origin, Position { offset: hour, seq: 1 }, P0, b"x");
        outbox.decided(origin, hour + 1, 0);
        outbox.tick(hour as i64 * HOUR_MS, &[(origin, "a".to_owned())]);
    }
    outbox.drain().for_each(|(partition, frame)| log.append(partition, frame).unwrap());
    log
}

/// What somebody says in the next log of the origin that our partition 0 is there.
fn say(people: &MemoryLog, generation: u32, frontier: u64) {
    let origin = OriginId::of("log:touchpoints/0");
    let mut outbox = Outbox::new(Epoch(1), Generation(generation), 1);
    outbox.start(origin, "log:touchpoints/0", Position::default());
    outbox.decided(origin, frontier, 0);
    outbox.tick(0, &[]);
    outbox.drain().for_each(|(partition, frame)| people.append(partition, frame).unwrap());
}

type Turning<M> = Running<Box<Processor<M>>, Pass>;

fn processor(
    log: &MemoryLog,
    people: &MemoryLog,
    snapshots: &SnapshotStore,
) -> Box<Turning<impl Fn(PartitionId) -> Pass + Sync + use<>>> {
    let processor = Processor {
        log: Arc::new(log.clone()),
        onward: Some(Arc::new(people.clone())),
        control: None,
        sink: Arc::new(NullSink::default()),
        snapshots: Some(snapshots.clone()),
        make: |_| Pass,
        rules: CutRules { interval_ms: HOUR_MS, snapshot_interval_ms: 5 * HOUR_MS, ..CutRules::default() },
        epoch: Epoch(1),
        generation: Generation(4),
        clock: Clock::manual(0),
        metrics: Metrics::new(),
        progress: Progress::default(),
        stop: Arc::new(AtomicBool::new(false)),
        beat: Beat::default(),
        accepts_gaps: false,
        restores: Restores::new(1),
        flush_interval: Duration::ZERO,
        retention: None,
    };
    let member = Member { group: "pass", index: 0, count: 1, instance: String::new() };
    Box::new(Running::join(Box::new(processor), member).unwrap())
}

fn turn<M: Fn(PartitionId) -> Pass + Sync>(running: &mut Turning<M>, times: u64) -> Result<(), ProcessorError> {
    (0..times).try_for_each(|n| running.turn(Duration::ZERO, || Duration::from_secs(n)))
}

#[test]
fn who_has_an_older_configuration_than_the_next_log_is_refused() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let snapshots = SnapshotStore::new(Arc::new(InMemory::new()), "e1", runtime.handle().clone(), 2);
    let (log, people) = (written(), MemoryLog::new("people", 1));
    say(&people, 4, 0);
    turn(&mut processor(&log, &people, &snapshots), 3).unwrap();
    say(&people, 5, 0);
    let error = turn(&mut processor(&log, &people, &snapshots), 3).unwrap_err();
    assert!(matches!(error, ProcessorError::Generation { found: 5, ours: 4, .. }), "{error}");
}

#[test]
fn a_late_word_of_somebody_far_behind_does_not_halt_a_start() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let snapshots = SnapshotStore::new(Arc::new(InMemory::new()), "e1", runtime.handle().clone(), 2);
    let (log, people) = (written(), MemoryLog::new("people", 1));
    turn(&mut processor(&log, &people, &snapshots), FRAMES + 2).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let newest = loop {
        match snapshots.newest("pass", 0, None).unwrap() {
            Some(newest) if newest.offset.0 > FRAMES / 2 => break newest.offset,
            _ => assert!(Instant::now() < deadline, "no snapshot"),
        }
    };
    log.trim(P0, Offset(newest.0 / 2)).unwrap();
    say(&people, 4, 3);
    turn(&mut processor(&log, &people, &snapshots), 3).unwrap();
}
