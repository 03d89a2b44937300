//! Who looks at a processor's beat sees it hang, and only then: not while it restores, nor while it is paused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use crumbtrail_log::memory::MemoryLog;
use crumbtrail_log::{Epoch, Generation, Log, Member, Offset, OriginId, Outbox, PartitionId, Position};
use crumbtrail_runtime::cutter::CutRules;
use crumbtrail_runtime::progress::Progress;
use crumbtrail_runtime::restores::Restores;
use crumbtrail_runtime::sink::SinkError;
use crumbtrail_runtime::step::{Effects, StepError, StepGauges};
use crumbtrail_runtime::{Batch, Clock, Context, Processor, Sink, Step};
use crumbtrail_scratch::Block;
use crumbtrail_telemetry::{Health, Metrics};

/// Tables at which a processor waits for as long as it is told to.
#[derive(Default)]
struct Tables {
    is_asked: AtomicBool,
    answers: AtomicBool,
    is_full: AtomicBool,
    hangs: AtomicBool,
}

fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        sleep(Duration::from_millis(5));
    }
}

impl Sink for Tables {
    fn has_room(&self) -> bool {
        until(|| !self.hangs.load(SeqCst));
        !self.is_full.load(SeqCst)
    }
    fn submit(&self, _: Batch) -> Result<(), SinkError> {
        Ok(())
    }
    fn acked(&self, _: &'static str, _: u32) -> Option<Offset> {
        None
    }
    fn chain_end(&self, _: &'static str, _: u32) -> Result<Option<Offset>, SinkError> {
        self.is_asked.store(true, SeqCst);
        until(|| self.answers.load(SeqCst));
        Ok(None)
    }
}

struct Nothing;

impl Step for Nothing {
    fn name(&self) -> &'static str {
        "sessionize"
    }
    fn tables(&self) -> usize {
        1
    }
    fn record(&mut self, _: &[u8], _: Context, effects: &mut Effects) -> Result<(), StepError> {
        effects.outcome(crumbtrail_events::Outcome::Counted);
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

/// Waits for it, for as long as a busy machine may need.
#[track_caller]
fn soon(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never came");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_loop_that_hangs_is_told_from_one_that_restores_or_is_paused() {
    const SECOND: Duration = Duration::from_secs(1);
    let log = MemoryLog::new("touchpoints", 1);
    let mut outbox = Outbox::new(Epoch(1), Generation(1), 1);
    outbox.start(OriginId(1), "a", Position::default());
    outbox.push(OriginId(1), Position { offset: 0, seq: 1 }, PartitionId(0), b"x");
    outbox.tick(1_000, &[]);
    outbox.drain().for_each(|(partition, frame)| log.append(partition, frame).unwrap());
    let (health, tables, stop) = (Health::default(), Arc::new(Tables::default()), Arc::new(AtomicBool::new(false)));
    let progress = Progress::default();
    let processor = Processor {
        log: Arc::new(log),
        onward: None,
        control: None,
        sink: tables.clone(),
        snapshots: None,
        make: |_| Nothing,
        rules: CutRules::default(),
        epoch: Epoch(1),
        generation: Generation(1),
        clock: Clock::manual(0),
        metrics: Metrics::new(),
        progress: progress.clone(),
        stop: stop.clone(),
        beat: health.watch("sessionize-0"),
        accepts_gaps: false,
        restores: Restores::new(1),
        flush_interval: Duration::from_millis(1),
        retention: None,
    };
    let thread = spawn(move || {
        processor.run(Member { group: "g", index: 0, count: 1, instance: "i".to_owned() }).unwrap();
    });
    let silence = || health.silences()[0].1;

    soon(|| tables.is_asked.load(SeqCst));
    sleep(SECOND * 2);
    assert!(silence().is_zero(), "it restores");
    tables.answers.store(true, SeqCst);
    soon(|| progress.of(0).is_some_and(|at| at.records == 1));

    tables.is_full.store(true, SeqCst);
    sleep(SECOND * 2);
    soon(|| silence() < SECOND);

    tables.hangs.store(true, SeqCst);
    soon(|| silence() > SECOND * 2);

    tables.hangs.store(false, SeqCst);
    soon(|| silence() < SECOND);
    stop.store(true, SeqCst);
    thread.join().unwrap();
    sleep(SECOND * 2);
    assert!(silence().is_zero(), "it has ended");
}
