//! A log that is trimmed behind its reader's snapshots: a restart goes on as if nothing had been forgotten, and a reader
//! that needs what was forgotten halts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crumbtrail_events::Outcome;
use crumbtrail_events::wire::{Reader, put_varint};
use crumbtrail_log::local::LocalLog;
use crumbtrail_log::{Epoch, Generation, Log, Member, Offset, OriginId, Outbox, PartitionId, Position};
use crumbtrail_runtime::cutter::CutRules;
use crumbtrail_runtime::processor::ProcessorError;
use crumbtrail_runtime::progress::Progress;
use crumbtrail_runtime::recount::Recount;
use crumbtrail_runtime::restores::Restores;
use crumbtrail_runtime::sink::SinkError;
use crumbtrail_runtime::step::{Effects, StepError, StepGauges};
use crumbtrail_runtime::{Batch, Clock, Context, Processor, Sink, SnapshotStore, Step};
use crumbtrail_scratch::Block;
use crumbtrail_telemetry::{Beat, Metrics};
use object_store::memory::InMemory;

const P0: PartitionId = PartitionId(0);
const HOUR_MS: i64 = 3_600_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Adds up all it ever saw; a row at every tick.
#[derive(Default)]
struct Sum(u64);

impl Step for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }
    fn tables(&self) -> usize {
        1
    }
    fn record(&mut self, payload: &[u8], _: Context, effects: &mut Effects) -> Result<(), StepError> {
        self.0 += Reader::new(payload).varint()?;
        effects.outcome(Outcome::Counted);
        Ok(())
    }
    fn tick(&mut self, _: Context, effects: &mut Effects) -> Result<(), StepError> {
        let sum = self.0;
        effects.row(0, |out| put_varint(out, sum));
        Ok(())
    }
    fn save(&self, out: &mut Vec<u8>) {
        put_varint(out, self.0);
    }
    fn load(&mut self, bytes: &[u8], _: &[Block]) -> Result<(), StepError> {
        self.0 = Reader::new(bytes).varint()?;
        Ok(())
    }
    fn gauges(&self) -> StepGauges {
        StepGauges::default()
    }
}

/// Rows by the log range they were made from. A range comes again only as it was.
#[derive(Default)]
struct Ranges {
    rows: Mutex<BTreeMap<(u64, u64), Vec<u8>>>,
    /// Positions of the records of each range, added up.
    checksums: Mutex<BTreeMap<(u64, u64), u64>>,
    /// The database is away: nothing beyond is acknowledged.
    away_from: Option<u64>,
}

impl Ranges {
    fn end(&self) -> u64 {
        let end = self.rows.lock().unwrap().keys().map(|(_, to)| *to).max().unwrap_or_default();
        end.min(self.away_from.unwrap_or(u64::MAX))
    }
}

impl Sink for Ranges {
    fn has_room(&self) -> bool {
        true
    }
    fn submit(&self, mut batch: Batch) -> Result<(), SinkError> {
        let rows = std::mem::take(&mut batch.tables[0].pieces).concat();
        self.checksums.lock().unwrap().insert((batch.from.0, batch.to.0), batch.position_checksum);
        let before = self.rows.lock().unwrap().insert((batch.from.0, batch.to.0), rows.clone());
        assert!(before.is_none_or(|before| before == rows), "a replay makes the same rows");
        Ok(())
    }
    fn acked(&self, _: &'static str, _: u32) -> Option<Offset> {
        Some(Offset(self.end()))
    }
    fn chain_end(&self, _: &'static str, _: u32) -> Result<Option<Offset>, SinkError> {
        Ok(Some(Offset(self.end())))
    }
}

/// Appends a frame an hour, each with a record and a tick.
fn write(log: &LocalLog, hours: std::ops::Range<u64>) {
    let origin = OriginId::of("kafka:clicks/0");
    let declared = [(origin, "kafka:clicks/0".to_owned())];
    let mut outbox = Outbox::new(Epoch(1), Generation(1), 1);
    outbox.start(origin, "kafka:clicks/0", Position::before(hours.start));
    for hour in hours {
        let mut payload = Vec::new();
        put_varint(&mut payload, hour);
        outbox.push(origin, Position { offset: hour, seq: 1 }, P0, &payload);
        outbox.decided(origin, hour + 1, 0);
        outbox.tick(hour as i64 * HOUR_MS, &declared);
    }
    for (partition, frame) in outbox.drain() {
        log.append(partition, frame).unwrap();
    }
    log.flush(PATIENCE).unwrap();
}

struct Deployment {
    log: LocalLog,
    sink: Arc<Ranges>,
    snapshots: SnapshotStore,
    accepts_gaps: bool,
    runtime: tokio::runtime::Runtime,
}

impl Deployment {
    fn new(folder: &Path, away_from: Option<u64>) -> Deployment {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let snapshots = SnapshotStore::new(Arc::new(InMemory::new()), "e1", runtime.handle().clone(), 2);
        let sink = Arc::new(Ranges { away_from, ..Ranges::default() });
        Deployment { log: LocalLog::open(folder, "x", 1).unwrap(), sink, snapshots, accepts_gaps: false, runtime }
    }

    /// Runs a processor that keeps ten hours of log until it has read everything and `until` says so.
    fn run(&self, until: impl Fn() -> bool) -> Result<(), ProcessorError> {
        let (stop, progress) = (Arc::new(AtomicBool::new(false)), Progress::default());
        let processor = Processor {
            log: Arc::new(self.log.clone()),
            onward: None,
            control: None,
            sink: self.sink.clone(),
            snapshots: Some(self.snapshots.clone()),
            make: |_| Sum::default(),
            rules: CutRules { interval_ms: HOUR_MS, snapshot_interval_ms: 5 * HOUR_MS, ..CutRules::default() },
            epoch: Epoch(1),
            generation: Generation(1),
            clock: Clock::manual(0),
            metrics: Metrics::new(),
            progress: progress.clone(),
            stop: stop.clone(),
            beat: Beat::default(),
            accepts_gaps: self.accepts_gaps,
            restores: Restores::new(2),
            flush_interval: Duration::from_millis(5),
            retention: Some(Duration::from_millis(10 * HOUR_MS as u64)),
        };
        let thread = std::thread::spawn(move || {
            processor.run(Member { group: "sum", index: 0, count: 1, instance: String::new() })
        });
        let end = self.log.bounds(P0).unwrap().1;
        let deadline = Instant::now() + PATIENCE;
        while !(thread.is_finished() || progress.of(0).is_some_and(|at| at.processed >= end) && until()) {
            assert!(Instant::now() < deadline, "{:?} {:?}", progress.of(0), self.log.bounds(P0));
            std::thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Relaxed);
        thread.join().unwrap()
    }

    fn begin(&self) -> u64 {
        self.log.bounds(P0).unwrap().0.0
    }

    /// How many ranges the log's records were held against, whose checksums are all theirs; how many records that were, and how
    /// many that a repeat may be among.
    fn recounted(&self) -> (usize, u64, u64) {
        let recount = Recount::begin(&self.log, P0, "sum", Some(&self.snapshots)).unwrap();
        let recount = recount.expect("there is somewhere to begin");
        let (began, (_, end)) = (recount.began().0, self.log.bounds(P0).unwrap());
        let checksums = self.sink.checksums.lock().unwrap();
        let edges = checksums.keys().flat_map(|(from, to)| [*from, *to]).chain([end.0, end.0 + 1]);
        let sums = recount.sums(&edges.collect()).unwrap();
        assert_eq!(sums.keys().next_back(), Some(&end.0), "the log does not go further");
        let (mut ranges, mut records) = (0, 0);
        for ((from, to), checksum) in checksums.iter().filter(|((from, _), _)| *from >= began) {
            let sum = sums[to].since(sums[from]);
            assert_eq!(sum.checksum, *checksum, "offsets {from} to {to}");
            ranges += 1;
            records += sum.records;
        }
        (ranges, records, end.0 - began)
    }
}

#[test]
fn a_log_that_ends_before_its_tables_is_refused() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [mut deployment, anew] = folders.each_ref().map(|folder| Deployment::new(folder.path(), None));
    write(&deployment.log, 0..20);
    deployment.run(|| true).unwrap();
    let end = deployment.sink.end();
    // As long as it was it could be the same one; a frame less cannot.
    write(&anew.log, 0..end - 1);
    deployment.log = anew.log.clone();
    let error = deployment.run(|| true).unwrap_err();
    assert!(
        matches!(error, ProcessorError::Shortened { claimed, end: at, .. } if (claimed, at) == (end, end - 1)),
        "{error}"
    );
    assert!(error.to_string().contains("begin the next epoch"), "{error}");
}

#[test]
fn a_restart_from_a_trimmed_log_says_what_an_untrimmed_one_says() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [calm, deployment] = folders.each_ref().map(|folder| Deployment::new(folder.path(), None));
    write(&calm.log, 0..80);
    calm.run(|| true).unwrap();

    let mut begins = Vec::new();
    for hours in [0..40, 40..57, 57..80] {
        write(&deployment.log, hours.clone());
        deployment.run(|| deployment.begin() + 15 >= hours.end).unwrap();
        let begin = deployment.begin();
        assert!(begin + 10 < hours.end, "ten hours are kept: {begin}");
        let usable = deployment.snapshots.newest("sum", 0, Some(Offset(deployment.sink.end()))).unwrap();
        assert!(usable.unwrap().offset.0 >= begin, "a snapshot stands for what is gone");
        begins.push(begin);
    }
    assert!(begins.is_sorted(), "{begins:?}");
    assert_eq!(*deployment.sink.rows.lock().unwrap(), *calm.sink.rows.lock().unwrap());
}

/// Its writer was killed and began further back, so records stand there twice; the log is read whole, and then, trimmed, from a
/// snapshot that knows which ones are repeats.
#[test]
fn a_log_counted_again_has_the_positions_that_were_handed_over() {
    let folder = tempfile::tempdir().unwrap();
    let deployment = Deployment::new(folder.path(), None);
    for hours in [0..7, 4..9] {
        write(&deployment.log, hours);
    }
    deployment.run(|| true).unwrap();
    assert_eq!(deployment.recounted(), (deployment.sink.rows.lock().unwrap().len(), 9, 12));

    for hours in [6..40, 30..57, 50..78, 72..80] {
        write(&deployment.log, hours);
        deployment.run(|| deployment.begin() > 0).unwrap();
    }
    let (ranges, records, all) = deployment.recounted();
    assert!(ranges >= 5 && records + 6 == all, "{ranges} ranges, {records} of {all} records");

    let handle = deployment.runtime.handle().clone();
    let none = SnapshotStore::new(Arc::new(InMemory::new()), "e1", handle, 2);
    for snapshots in [None, Some(&none)] {
        assert!(Recount::begin(&deployment.log, P0, "sum", snapshots).unwrap().is_none(), "nothing to begin from");
    }
}

#[test]
fn nothing_is_forgotten_that_the_tables_do_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let deployment = Deployment::new(folder.path(), Some(17));
    write(&deployment.log, 0..80);
    let waited = Instant::now();
    deployment.run(|| waited.elapsed() >= Duration::from_secs(3)).unwrap();
    let usable = deployment.snapshots.newest("sum", 0, Some(Offset(17))).unwrap();
    assert!(usable.map_or(0, |snapshot| snapshot.offset.0) >= deployment.begin());
    deployment.run(|| true).unwrap();
}

#[test]
fn a_reader_that_needs_what_was_forgotten_halts() {
    let folder = tempfile::tempdir().unwrap();
    let mut deployment = Deployment::new(folder.path(), None);
    write(&deployment.log, 0..40);
    deployment.run(|| deployment.begin() > 0).unwrap();
    let handle = deployment.runtime.handle().clone();
    deployment.snapshots = SnapshotStore::new(Arc::new(InMemory::new()), "e1", handle, 2);
    let rows = deployment.sink.rows.lock().unwrap().clone();
    let error = deployment.run(|| true).unwrap_err();
    assert!(matches!(error, ProcessorError::Forgotten { .. }), "{error}");
    assert!(error.to_string().contains(&format!("x begins at offset {}", deployment.begin())), "{error}");
    assert_eq!(*deployment.sink.rows.lock().unwrap(), rows, "and computes nothing");
}

#[test]
fn a_reader_told_to_accept_what_was_forgotten_goes_on_and_says_the_same_ever_after() {
    let folder = tempfile::tempdir().unwrap();
    let mut deployment = Deployment::new(folder.path(), None);
    write(&deployment.log, 0..40);
    deployment.run(|| deployment.begin() > 0).unwrap();
    // The snapshots are lost, and so are the tables: they end where they were when a copy was made.
    let handle = deployment.runtime.handle().clone();
    deployment.snapshots = SnapshotStore::new(Arc::new(InMemory::new()), "e1", handle, 50);
    let begin = deployment.begin();
    deployment.sink.rows.lock().unwrap().retain(|(_, to), _| *to <= begin / 2);
    let known = deployment.sink.end();
    assert!(known > 0 && known < begin);
    assert!(matches!(deployment.run(|| true).unwrap_err(), ProcessorError::Forgotten { .. }));
    deployment.accepts_gaps = true;
    deployment.run(|| true).unwrap();
    deployment.accepts_gaps = false;
    let rows = deployment.sink.rows.lock().unwrap().clone();
    assert_eq!(rows.get(&(known, begin)), Some(&Vec::new()), "the tables know what is missing");
    let mut end = 0;
    for (from, to) in rows.keys() {
        assert_eq!(*from, end, "no hole, no overlap");
        end = *to;
    }
    let last = |rows: &BTreeMap<(u64, u64), Vec<u8>>| {
        let bytes = rows.values().next_back().unwrap().clone();
        let mut reader = Reader::new(&bytes);
        let mut sum = 0;
        while !reader.is_empty() {
            sum = reader.varint().unwrap();
        }
        sum
    };
    assert_eq!(last(&rows), (begin..40).sum::<u64>(), "what is left is counted once");
    // The decision is a record in the log, after all there was; ten hours more, from the snapshot and from further back.
    write(&deployment.log, 40..50);
    deployment.run(|| true).unwrap();
    let expected = (begin..50).sum::<u64>() + u64::from(crumbtrail_events::touchpoint::VERSION);
    assert_eq!(last(&deployment.sink.rows.lock().unwrap()), expected);
    // A copy of the tables that ends where the gap did: the same rows again, or the sink complains.
    deployment.sink.rows.lock().unwrap().retain(|(_, to), _| *to <= begin);
    deployment.run(|| true).unwrap();
    assert_eq!(last(&deployment.sink.rows.lock().unwrap()), expected);
}
