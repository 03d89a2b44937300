//! The local home: one redb file per log, for one machine without a broker.
//!
//! Appenders queue; a flush writes the whole queue in one transaction and syncs it, so that a price per sync is paid
//! once a tick and readers see durable frames only. A kill at any moment leaves the last synced transaction.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crumbtrail_crash as crash;
use parking_lot::{Condvar, Mutex};
use redb::{Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, StorageError, TableDefinition};

use crate::dealt::{Dealt, Store, check_start};
use crate::error::LogError;
use crate::log::{Log, Member, Subscription};
use crate::position::{Offset, PartitionId};

/// Frames by partition and offset.
const FRAMES: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("frames");
/// First offset still held, by partition.
const STARTS: TableDefinition<'_, u32, u64> = TableDefinition::new("starts");
/// Format and number of partitions.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

const FORMAT: u64 = 1;
/// Page cache of the store. Frames are read once, so more (16 MiB) was not faster, and cost 12 MB of RSS a log.
const CACHE_BYTES: usize = 4 << 20;
/// An append that finds so much queued writes it out itself.
const QUEUE_BYTES: usize = 4 << 20;
/// Frames trimmed in one transaction at most: appenders wait for it.
const TRIM_FRAMES: u64 = 4_096;

/// A log in a file of this machine; its clones are the same log.
#[derive(Clone)]
pub struct LocalLog {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    path: PathBuf,
    partitions: u32,
    /// `None` after a failed write: the store asks to be opened again, which the next use does.
    store: Mutex<Option<Arc<Database>>>,
    queue: Mutex<Queue>,
    /// One writer at a time, so that frames taken from the queue keep their order.
    writing: Mutex<()>,
    durable: Mutex<Durable>,
    grew: Condvar,
}

#[derive(Default)]
struct Queue {
    frames: Vec<(PartitionId, Vec<u8>)>,
    bytes: usize,
}

struct Durable {
    bounds: Vec<(u64, u64)>,
    version: u64,
}

impl LocalLog {
    /// Opens `<folder>/<name>.redb`, or makes it.
    ///
    /// # Errors
    /// [`LogError::Locked`] when another process has it, [`LogError::PartitionsDiffer`] when it was made with another
    /// number of partitions, [`LogError::DiskFull`] and [`LogError::Store`].
    pub fn open(folder: &Path, name: &str, partitions: u32) -> Result<LocalLog, LogError> {
        std::fs::create_dir_all(folder).map_err(|error| io_error(folder, &error))?;
        let path = folder.join(format!("{name}.redb"));
        make_store(&path)?;
        let store = open_store(&path)?;
        let bounds = prepare(&store, name, partitions).map_err(|failure| failure.at(&path))?;
        // whoever meets our lock is told who we are; without the note the lock still holds
        if let Err(error) = std::fs::write(holder_path(&path), std::process::id().to_string()) {
            tracing::debug!(path = %path.display(), %error, "cannot leave word of who holds the log");
        }
        let shared = Shared {
            name: name.to_owned(),
            path,
            partitions,
            store: Mutex::new(Some(Arc::new(store))),
            queue: Mutex::default(),
            writing: Mutex::new(()),
            durable: Mutex::new(Durable { bounds, version: 0 }),
            grew: Condvar::new(),
        };
        Ok(LocalLog { shared: Arc::new(shared) })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }
}

/// Why a transaction failed, before the file's name is known.
enum Failure {
    Store(redb::Error),
    Log(LogError),
}

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Store(error.into())
    }
}

impl Failure {
    fn at(self, path: &Path) -> LogError {
        match self {
            Failure::Log(error) => error,
            Failure::Store(redb::Error::Io(error)) => io_error(path, &error),
            Failure::Store(error) => LogError::Store { path: path.display().to_string(), detail: error.to_string() },
        }
    }
}

fn io_error(path: &Path, error: &std::io::Error) -> LogError {
    let path = path.display().to_string();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => LogError::DiskFull { path },
        _ => LogError::Store { path, detail: error.to_string() },
    }
}

fn holder_path(path: &Path) -> PathBuf {
    path.with_extension("holder")
}

/// Who holds the file, from the note they left.
fn holder(path: &Path) -> String {
    let Ok(pid) = std::fs::read_to_string(holder_path(path)) else { return "another process".to_owned() };
    match std::fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("process {pid} ({})", name.trim()),
        Err(_) => format!("process {pid}"),
    }
}

/// Makes an empty store if there is none. It gets its name once it is whole: a kill meanwhile leaves none.
fn make_store(path: &Path) -> Result<(), LogError> {
    if path.exists() {
        return Ok(());
    }
    let unnamed = path.with_extension(format!("{}.new", std::process::id()));
    drop(open_store(&unnamed)?);
    // unlike a renaming, never in place of one that another process has made meanwhile
    let named = std::fs::hard_link(&unnamed, path);
    let removed = std::fs::remove_file(&unnamed);
    match named {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        named => named.and(removed).map_err(|error| io_error(path, &error)),
    }
}

fn open_store(path: &Path) -> Result<Database, LogError> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder.create(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            LogError::Locked { path: path.display().to_string(), holder: holder(path) }
        }
        DatabaseError::Storage(StorageError::Io(error)) => io_error(path, &error),
        error => LogError::Store { path: path.display().to_string(), detail: error.to_string() },
    })
}

/// Makes the tables of a new file, checks those of an old one, and finds each partition's bounds.
fn prepare(store: &Database, name: &str, partitions: u32) -> Result<Vec<(u64, u64)>, Failure> {
    let transaction = store.begin_write()?;
    let mut bounds = Vec::with_capacity(partitions as usize);
    {
        let mut meta = transaction.open_table(META)?;
        let format = meta.get("format")?.map(|value| value.value());
        let found = meta.get("partitions")?.map(|value| value.value());
        match (format, found) {
            (None, _) => {
                meta.insert("format", FORMAT)?;
                meta.insert("partitions", u64::from(partitions))?;
            }
            (Some(FORMAT), Some(found)) if found == u64::from(partitions) => {}
            (Some(FORMAT), found) => {
                let found = found.unwrap_or_default() as u32;
                let log = name.to_owned();
                return Err(Failure::Log(LogError::PartitionsDiffer { log, found, wanted: partitions }));
            }
            (Some(other), _) => {
                let detail = format!("format {other} is not known here: a newer version wrote it");
                return Err(Failure::Log(LogError::Store { path: name.to_owned(), detail }));
            }
        }
        let frames = transaction.open_table(FRAMES)?;
        let starts = transaction.open_table(STARTS)?;
        for partition in 0..partitions {
            let start = starts.get(partition)?.map_or(0, |value| value.value());
            let last = frames.range((partition, 0)..=(partition, u64::MAX))?.next_back().transpose()?;
            let end = last.map_or(start, |(key, _)| key.value().1 + 1);
            bounds.push((start, end));
        }
    }
    transaction.commit()?;
    Ok(bounds)
}

impl Shared {
    fn check(&self, partition: PartitionId) -> Result<usize, LogError> {
        if partition.0 >= self.partitions {
            return Err(LogError::NoPartition { log: self.name.clone(), partition, partitions: self.partitions });
        }
        Ok(partition.0 as usize)
    }

    fn store(&self) -> Result<Arc<Database>, LogError> {
        let mut store = self.store.lock();
        if let Some(store) = &*store {
            return Ok(Arc::clone(store));
        }
        let opened = Arc::new(open_store(&self.path)?);
        *store = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Runs one transaction; after a failure of the file the store is opened anew by the next use.
    fn with_store<T>(&self, work: impl FnOnce(&Database) -> Result<T, Failure>) -> Result<T, LogError> {
        let store = self.store()?;
        work(&store).map_err(|failure| {
            if matches!(failure, Failure::Store(redb::Error::Io(_) | redb::Error::PreviousIo)) {
                *self.store.lock() = None;
            }
            failure.at(&self.path)
        })
    }

    /// Writes out what is queued, all or nothing. What could not be written is queued again, in front.
    fn write_out(&self) -> Result<(), LogError> {
        let _writing = self.writing.lock();
        let taken = std::mem::take(&mut *self.queue.lock());
        if taken.frames.is_empty() {
            return Ok(());
        }
        let mut bounds = self.durable.lock().bounds.clone();
        let written = self.with_store(|store| {
            let mut transaction = store.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            // without it a kill would cost a walk over the whole file at the next start
            transaction.set_quick_repair(true);
            {
                let mut frames = transaction.open_table(FRAMES)?;
                for (partition, frame) in &taken.frames {
                    let end = &mut bounds[partition.0 as usize].1;
                    frames.insert((partition.0, *end), frame.as_slice())?;
                    *end += 1;
                }
            }
            crash::point("log_writing");
            transaction.commit()?;
            Ok(())
        });
        if let Err(error) = written {
            let mut queue = self.queue.lock();
            let later = std::mem::replace(&mut *queue, taken);
            queue.frames.extend(later.frames);
            queue.bytes += later.bytes;
            return Err(error);
        }
        crash::point("log_written");
        let mut durable = self.durable.lock();
        for (durable, written) in durable.bounds.iter_mut().zip(bounds) {
            durable.1 = written.1;
        }
        durable.version += 1;
        drop(durable);
        self.grew.notify_all();
        Ok(())
    }
}

impl Shared {
    /// Removes what lies before an offset, and says so, in one transaction; only while nobody else writes.
    fn trim_to(&self, partition: PartitionId, before: u64) -> Result<(), LogError> {
        self.with_store(|store| {
            let mut transaction = store.begin_write()?;
            transaction.set_quick_repair(true);
            {
                transaction.open_table(STARTS)?.insert(partition.0, before)?;
                let mut frames = transaction.open_table(FRAMES)?;
                frames.retain_in((partition.0, 0)..(partition.0, before), |_, _| false)?;
            }
            transaction.commit()?;
            Ok(())
        })?;
        self.durable.lock().bounds[partition.0 as usize].0 = before;
        Ok(())
    }
}

impl Store for Shared {
    fn name(&self) -> &str {
        &self.name
    }

    fn partitions(&self) -> u32 {
        self.partitions
    }

    fn bounds(&self, partition: PartitionId) -> Result<(Offset, Offset), LogError> {
        let (start, end) = self.durable.lock().bounds[self.check(partition)?];
        Ok((Offset(start), Offset(end)))
    }

    fn read(&self, partition: PartitionId, from: Offset, max_bytes: usize) -> Result<Vec<(Offset, Bytes)>, LogError> {
        let (start, end) = self.bounds(partition)?;
        check_start(&self.name, partition, from, start, end)?;
        if from == end {
            return Ok(Vec::new());
        }
        self.with_store(|store| {
            let frames = store.begin_read()?.open_table(FRAMES)?;
            let mut read = Vec::new();
            let mut bytes = 0;
            for entry in frames.range((partition.0, from.0)..(partition.0, end.0))? {
                let (key, frame) = entry?;
                bytes += frame.value().len();
                if bytes > max_bytes && !read.is_empty() {
                    break;
                }
                read.push((Offset(key.value().1), Bytes::copy_from_slice(frame.value())));
            }
            Ok(read)
        })
        .and_then(|read| match read.first() {
            Some((first, _)) if *first == from => Ok(read),
            // trimmed since the bounds were looked at
            _ => Err(LogError::Trimmed {
                log: self.name.clone(),
                partition,
                start: self.bounds(partition)?.0,
                asked: from,
            }),
        })
    }

    fn version(&self) -> u64 {
        self.durable.lock().version
    }

    fn wait(&self, seen: u64, deadline: Instant) {
        let mut durable = self.durable.lock();
        while durable.version == seen && !self.grew.wait_until(&mut durable, deadline).timed_out() {}
    }
}

impl Log for LocalLog {
    fn name(&self) -> &str {
        &self.shared.name
    }

    fn partitions(&self) -> u32 {
        self.shared.partitions
    }

    fn wants_lz4(&self) -> bool {
        true
    }

    fn append(&self, partition: PartitionId, frame: Vec<u8>) -> Result<(), LogError> {
        self.shared.check(partition)?;
        // looked at before queueing: a frame refused is not queued
        if self.shared.queue.lock().bytes >= QUEUE_BYTES {
            self.shared.write_out()?;
        }
        let mut queue = self.shared.queue.lock();
        queue.bytes += frame.len();
        queue.frames.push((partition, frame));
        Ok(())
    }

    fn flush(&self, _deadline: Duration) -> Result<(), LogError> {
        self.shared.write_out()
    }

    fn bounds(&self, partition: PartitionId) -> Result<(Offset, Offset), LogError> {
        self.shared.bounds(partition)
    }

    fn read(&self, partition: PartitionId, from: Offset, max_bytes: usize) -> Result<Vec<(Offset, Bytes)>, LogError> {
        self.shared.read(partition, from, max_bytes)
    }

    fn trim(&self, partition: PartitionId, before: Offset) -> Result<(), LogError> {
        let index = self.shared.check(partition)?;
        loop {
            let _writing = self.shared.writing.lock();
            let (start, end) = self.shared.durable.lock().bounds[index];
            let before = before.0.min(end);
            if before <= start {
                return Ok(());
            }
            self.shared.trim_to(partition, before.min(start + TRIM_FRAMES))?;
        }
    }

    fn subscribe(&self, member: Member<'_>) -> Result<Box<dyn Subscription>, LogError> {
        Ok(Box::new(Dealt::new(Arc::clone(&self.shared), &member)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Event;

    const P0: PartitionId = PartitionId(0);
    const P1: PartitionId = PartitionId(1);
    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn only_flushed_frames_are_seen_and_they_survive_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let log = LocalLog::open(folder.path(), "x-e1", 2).unwrap();
        log.append(P1, vec![1; 70_000]).unwrap();
        log.append(P0, vec![2]).unwrap();
        assert_eq!(log.bounds(P1).unwrap(), (Offset(0), Offset(0)));
        log.flush(SOON).unwrap();
        log.append(P1, vec![3]).unwrap();
        log.flush(SOON).unwrap();
        log.append(P1, vec![4]).unwrap();
        drop(log);
        let log = LocalLog::open(folder.path(), "x-e1", 2).unwrap();
        assert_eq!(log.bounds(P1).unwrap(), (Offset(0), Offset(2)), "what was not flushed is gone");
        let frames = log.read(P1, Offset(0), 1).unwrap();
        assert_eq!(frames.len(), 1, "at least one, whatever its size");
        assert_eq!(log.read(P1, Offset(0), 1 << 20).unwrap()[1], (Offset(1), Bytes::from_static(&[3])));
        assert_eq!(log.read(P1, Offset(3), 1).unwrap_err().kind(), "regressed");
    }

    #[test]
    fn trimming_everything_keeps_the_offsets_going() {
        let folder = tempfile::tempdir().unwrap();
        let log = LocalLog::open(folder.path(), "x", 1).unwrap();
        for n in 0..5 {
            log.append(P0, vec![n]).unwrap();
        }
        log.flush(SOON).unwrap();
        log.trim(P0, Offset(5)).unwrap();
        drop(log);
        let log = LocalLog::open(folder.path(), "x", 1).unwrap();
        assert_eq!(log.bounds(P0).unwrap(), (Offset(5), Offset(5)));
        log.append(P0, vec![9]).unwrap();
        log.flush(SOON).unwrap();
        assert_eq!(log.read(P0, Offset(5), 9).unwrap(), [(Offset(5), Bytes::from_static(&[9]))]);
        assert_eq!(log.read(P0, Offset(4), 9).unwrap_err().kind(), "trimmed");
    }

    #[test]
    fn a_log_that_is_trimmed_behind_its_end_stops_growing() {
        let folder = tempfile::tempdir().unwrap();
        let log = LocalLog::open(folder.path(), "x", 1).unwrap();
        let size = |log: &LocalLog| std::fs::metadata(log.path()).unwrap().len();
        let mut early = 0;
        for round in 0..40 {
            for _ in 0..2 * TRIM_FRAMES {
                log.append(P0, vec![7; 100]).unwrap();
            }
            log.flush(SOON).unwrap();
            log.trim(P0, Offset(log.bounds(P0).unwrap().1.0 - 10)).unwrap();
            early = if round == 5 { size(&log) } else { early };
        }
        assert_eq!(log.read(P0, log.bounds(P0).unwrap().0, usize::MAX).unwrap().len(), 10);
        assert!(size(&log) <= 2 * early, "{} after {early}", size(&log));
    }

    #[test]
    fn a_store_whose_making_was_cut_short_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        // what a kill leaves of a making
        std::fs::write(folder.path().join(format!("x.{}.new", std::process::id() + 1)), vec![0; 4096]).unwrap();
        let log = LocalLog::open(folder.path(), "x", 1).unwrap();
        assert_eq!(log.bounds(P0).unwrap(), (Offset(0), Offset(0)));
        assert!(make_store(log.path()).is_ok(), "one that is there stays");
    }

    #[test]
    fn a_second_opener_is_told_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let _log = LocalLog::open(folder.path(), "x", 1).unwrap();
        let error = LocalLog::open(folder.path(), "x", 1).err().unwrap();
        assert_eq!(error.kind(), "locked");
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    }

    #[test]
    fn another_number_of_partitions_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        drop(LocalLog::open(folder.path(), "x", 2).unwrap());
        let error = LocalLog::open(folder.path(), "x", 3).err().unwrap();
        assert_eq!(error.kind(), "partitions_differ");
    }

    #[test]
    fn a_long_queue_is_written_out_by_its_appender() {
        let folder = tempfile::tempdir().unwrap();
        let log = LocalLog::open(folder.path(), "x", 1).unwrap();
        for _ in 0..=(QUEUE_BYTES / 60_000 + 1) {
            log.append(P0, vec![7; 60_000]).unwrap();
        }
        assert!(log.bounds(P0).unwrap().1 > Offset(0));
    }

    #[test]
    fn subscribers_see_frames_when_they_are_durable() {
        let folder = tempfile::tempdir().unwrap();
        let log = LocalLog::open(folder.path(), "x", 1).unwrap();
        let mut subscription =
            log.subscribe(Member { group: "g", index: 0, count: 1, instance: String::new() }).unwrap();
        assert_eq!(subscription.next(SOON).unwrap(), Event::Assigned(P0));
        subscription.start(P0, Offset(0)).unwrap();
        assert_eq!(subscription.next(SOON).unwrap(), Event::AtEnd { partition: P0, end: Offset(0) });
        log.append(P0, vec![1]).unwrap();
        assert_eq!(subscription.next(Duration::ZERO).unwrap(), Event::Idle);
        let writer = log.clone();
        let thread = std::thread::spawn(move || writer.flush(SOON));
        let seen = subscription.next(Duration::from_secs(60)).unwrap();
        assert_eq!(seen, Event::Frame { partition: P0, offset: Offset(0), bytes: Bytes::from_static(&[1]) });
        thread.join().unwrap().unwrap();
    }
}
