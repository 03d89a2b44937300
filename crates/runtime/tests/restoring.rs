//! Partitions restored at once, after a kill: each from its own newest snapshot that can be read.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crumbtrail_events::Outcome;
use crumbtrail_log::memory::MemoryLog;
use crumbtrail_log::{Epoch, Generation, Log, Member, Offset, OriginId, Outbox, PartitionId, Position};
use crumbtrail_runtime::cutter::CutRules;
use crumbtrail_runtime::processor::{ProcessorError, Running};
use crumbtrail_runtime::progress::Progress;
use crumbtrail_runtime::restores::Restores;
use crumbtrail_runtime::sink::{NullSink, SinkError};
use crumbtrail_runtime::step::{Effects, StepError, StepGauges};
use crumbtrail_runtime::{Batch, Clock, Context, Processor, Sink, SnapshotStore, Step};
use crumbtrail_scratch::Block;
use crumbtrail_telemetry::{Beat, Metrics};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

const PARTITIONS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps all it ever saw, and tells it.
struct Keep {
    of: u32,
    seen: Vec<u8>,
    told: Arc<Told>,
}

/// What the steps of one process tell.
#[derive(Default)]
struct Told {
    loaded: Mutex<BTreeMap<u32, Vec<u8>>>,
    seen: Mutex<BTreeMap<u32, Vec<u8>>>,
    /// Restoring now, and at most.
    inside: Mutex<(usize, usize)>,
    more: Condvar,
    /// A restore waits until so many are under way.
    waits_for: usize,
}

impl Step for Keep {
    fn name(&self) -> &'static str {
        "sessionize"
    }
    fn tables(&self) -> usize {
        1
    }
    fn record(&mut self, payload: &[u8], _: Context, effects: &mut Effects) -> Result<(), StepError> {
        self.seen.extend_from_slice(payload);
        self.told.seen.lock().unwrap().insert(self.of, self.seen.clone());
        effects.outcome(Outcome::Counted);
        Ok(())
    }
    fn tick(&mut self, _: Context, _: &mut Effects) -> Result<(), StepError> {
        Ok(())
    }
    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.seen);
    }
    fn load(&mut self, bytes: &[u8], _: &[Block]) -> Result<(), StepError> {
        let told = &self.told;
        let mut inside = told.inside.lock().unwrap();
        *inside = (inside.0 + 1, inside.1.max(inside.0 + 1));
        told.more.notify_all();
        let wait = |inside: &mut (usize, usize)| inside.1 < told.waits_for;
        let (mut inside, _) = told.more.wait_timeout_while(inside, PATIENCE, wait).unwrap();
        inside.0 -= 1;
        self.seen = bytes.to_vec();
        told.loaded.lock().unwrap().insert(self.of, bytes.to_vec());
        Ok(())
    }
    fn gauges(&self) -> StepGauges {
        StepGauges::default()
    }
}

/// Tables that know everything, but for those of one partition, which can never be asked.
struct Tables(NullSink, Option<u32>);

impl Sink for Tables {
    fn has_room(&self) -> bool {
        true
    }
    fn submit(&self, batch: Batch) -> Result<(), SinkError> {
        self.0.submit(batch)
    }
    fn acked(&self, processor: &'static str, partition: u32) -> Option<Offset> {
        self.0.acked(processor, partition)
    }
    fn chain_end(&self, processor: &'static str, partition: u32) -> Result<Option<Offset>, SinkError> {
        if self.1 == Some(partition) {
            return Err(SinkError { message: "access denied".to_owned(), is_away: false });
        }
        self.0.chain_end(processor, partition)
    }
}

struct Deployment {
    log: MemoryLog,
    outbox: Outbox,
    hours: u64,
    store: Arc<InMemory>,
    runtime: tokio::runtime::Runtime,
}

impl Deployment {
    fn new() -> Deployment {
        let mut outbox = Outbox::new(Epoch(1), Generation(1), PARTITIONS);
        outbox.start(OriginId(1), "a", Position::default());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        Deployment { log: MemoryLog::new("x", PARTITIONS), outbox, hours: 0, store: Arc::default(), runtime }
    }

    /// A record to each partition, which says which and when, and a tick that has a snapshot taken, or not.
    fn hour(&mut self, is_saved: bool) {
        self.hours += 1;
        for partition in 0..PARTITIONS {
            let position = Position { offset: self.hours, seq: partition + 1 };
            self.outbox.push(OriginId(1), position, PartitionId(partition), &[partition as u8, self.hours as u8]);
        }
        if is_saved {
            self.outbox.closing_tick(1_000, &[]);
        } else {
            self.outbox.tick(1_000, &[]);
        }
        self.outbox.drain().for_each(|(partition, frame)| self.log.append(partition, frame).unwrap());
    }

    /// What a partition has seen after so many hours.
    fn seen(partition: u32, hours: u64) -> Vec<u8> {
        (1..=hours).flat_map(|hour| [partition as u8, hour as u8]).collect()
    }

    /// A process reads to the log's end, and publishes snapshots.
    fn run(&self) {
        self.run_on(self.store.clone(), 1, None).unwrap();
    }

    /// A process that restores so many at once; of one partition the tables cannot be asked. What it publishes is not kept.
    fn restore(&self, at_once: usize, unknown: Option<u32>) -> Result<Arc<Told>, ProcessorError> {
        self.run_on(Arc::new(self.store.fork()), at_once, unknown)
    }

    fn run_on(
        &self,
        store: Arc<InMemory>,
        restores_at_once: usize,
        unknown: Option<u32>,
    ) -> Result<Arc<Told>, ProcessorError> {
        let told = Arc::new(Told { waits_for: restores_at_once, ..Told::default() });
        let steps = told.clone();
        let snapshots = SnapshotStore::new(store, "e1", self.runtime.handle().clone(), 3);
        let progress = Progress::default();
        let processor = Processor {
            log: Arc::new(self.log.clone()),
            onward: None,
            control: None,
            sink: Arc::new(Tables(NullSink::default(), unknown)),
            snapshots: Some(snapshots),
            make: move |PartitionId(of)| Keep { of, seen: Vec::new(), told: steps.clone() },
            rules: CutRules::default(),
            epoch: Epoch(1),
            generation: Generation(1),
            clock: Clock::manual(0),
            metrics: Metrics::new(),
            progress: progress.clone(),
            stop: Arc::new(AtomicBool::new(false)),
            beat: Beat::default(),
            accepts_gaps: false,
            restores: Restores::new(restores_at_once),
            flush_interval: Duration::from_millis(1),
            retention: None,
        };
        let member = Member { group: "g", index: 0, count: 1, instance: "i".to_owned() };
        let mut running = Running::<_, Keep>::join(Box::new(processor), member)?;
        let begun = Instant::now();
        while progress.owned().iter().filter(|(_, at)| at.processed == Offset(self.hours)).count() < PARTITIONS as usize
        {
            running.turn(Duration::ZERO, || Duration::ZERO)?;
            assert!(begun.elapsed() < PATIENCE, "{:?}", progress.owned());
        }
        running.leave()?;
        Ok(told)
    }

    fn snapshots(&self) -> Vec<Path> {
        let listed = (0..PARTITIONS).map(|partition| {
            let folder = Path::from(format!("e1/sessionize/{partition:05}"));
            self.runtime.block_on(self.store.list_with_delimiter(Some(&folder))).unwrap()
        });
        listed.flat_map(|listed| listed.objects).map(|object| object.location).collect()
    }

    /// Waits until each partition has so many.
    fn published(&self, each: usize) {
        let begun = Instant::now();
        while self.snapshots().len() < each * PARTITIONS as usize {
            assert!(begun.elapsed() < PATIENCE, "{:?}", self.snapshots());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a store that is damaged on purpose")]
    fn damage(&self, partition: u32, offset: u64, damage: impl Fn(&mut Vec<u8>)) {
        let path = Path::from(format!("e1/sessionize/{partition:05}/{offset:020}.snap"));
        self.runtime.block_on(async {
            let mut bytes = self.store.get(&path).await.unwrap().bytes().await.unwrap().to_vec();
            damage(&mut bytes);
            self.store.put(&path, bytes.into()).await.unwrap();
        });
    }
}

#[test]
fn each_of_many_goes_on_from_its_own_newest_snapshot_that_can_be_read() {
    let mut deployment = Deployment::new();
    for hours in 1..=2 {
        deployment.hour(true);
        deployment.run();
        deployment.published(hours);
    }
    deployment.damage(2, 2, |bytes| bytes[40] ^= 1);
    deployment.damage(5, 2, |bytes| bytes.truncate(30));
    deployment.damage(6, 1, Vec::clear);
    // Another's, whole and of the same offset.
    let another = Path::from("e1/sessionize/00000/00000000000000000002.snap");
    let bytes =
        deployment.runtime.block_on(async { deployment.store.get(&another).await.unwrap().bytes().await.unwrap() });
    deployment.damage(7, 2, |mine| *mine = bytes.to_vec());
    deployment.hour(false);
    for restores_at_once in [1, 4, PARTITIONS as usize] {
        let told = deployment.restore(restores_at_once, None).unwrap();
        let hours = |partition| if [2, 5, 7].contains(&partition) { 1 } else { 2 };
        let expected = |partition| (partition, Deployment::seen(partition, hours(partition)));
        assert_eq!(*told.loaded.lock().unwrap(), (0..PARTITIONS).map(expected).collect(), "{restores_at_once} at once");
        let expected = |partition| (partition, Deployment::seen(partition, 3));
        assert_eq!(*told.seen.lock().unwrap(), (0..PARTITIONS).map(expected).collect(), "{restores_at_once} at once");
        assert_eq!(told.inside.lock().unwrap().1, restores_at_once);
    }
}

#[test]
fn one_that_cannot_be_restored_ends_the_processor_whichever_others_can() {
    let mut deployment = Deployment::new();
    deployment.hour(true);
    deployment.run();
    deployment.published(1);
    for unknown in [0, 3, PARTITIONS - 1] {
        let ended = deployment.restore(4, Some(unknown)).err();
        assert!(ended.is_some_and(|error| error.to_string().contains("access denied")), "{unknown}");
    }
}
