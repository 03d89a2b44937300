//! Snapshots: state named by log offset, immutable, checksummed, versioned, in a folder or any object store.
//!
//! ```text
//! <epoch>/<processor>/<partition>/<offset>.snap                       state without blocks
//!                                 <offset>-<first block>.snap         state with blocks: which ones, and their hashes
//!                                 blocks/<number>-<hash>              a block, shared by all snapshots that name it
//! ```

mod blocks;
mod envelope;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crumbtrail_crash as crash;
use crumbtrail_log::position::Offset;
use crumbtrail_scratch::{Block, Scratch};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use tokio::runtime::Handle;

use crate::notes::Notes;
use envelope::{Refusal, open, seal};

/// Why a snapshot could not be written or listed. A damaged one is not an error: the next older is taken.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The store refused.
    #[error("snapshot store: {0}; check snapshots.url and its permissions")]
    Store(#[from] object_store::Error),
    /// Blocks cannot be kept beside memory, or read from there.
    #[error("scratch space: {0}; check that data_dir can be written and has room")]
    Scratch(#[source] std::io::Error),
    /// The newest snapshot was written by a newer build.
    #[error(
        "snapshot {name} is of format version {version}, newer than this build reads ({}): start the newer build again, or remove the snapshot to replay from an older one",
        envelope::VERSION
    )]
    Newer {
        /// Object name.
        name: String,
        /// Its version.
        version: u8,
    },
}

/// An owner's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// All but the blocks' bytes.
    pub bytes: Vec<u8>,
    /// Blocks that the bytes refer to, by growing numbers; of one partition a number always names the same block.
    pub blocks: Vec<(u64, Block)>,
}

impl From<Vec<u8>> for State {
    fn from(bytes: Vec<u8>) -> State {
        State { bytes, blocks: Vec::new() }
    }
}

/// A snapshot as loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The state is that after every frame below this offset.
    pub offset: Offset,
    /// Owner's state.
    pub state: State,
}

/// Where snapshots of one deployment live.
#[derive(Clone)]
pub struct SnapshotStore {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    runtime: Handle,
    keep: usize,
    reach: Duration,
    scratch: Option<PathBuf>,
    known: Arc<tokio::sync::Mutex<BTreeMap<Path, Known>>>,
}

/// What this process has published of a partition.
#[derive(Clone, Copy, Default)]
struct Known {
    newest: Offset,
    limit: Offset,
}

/// What publishing a snapshot left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Bytes of the new one.
    pub size: usize,
    /// Offset of the oldest one kept: no restart looks before it.
    pub oldest: Offset,
}

/// A snapshot as listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Listed {
    offset: Offset,
    /// The first of its blocks, if it has any.
    first_block: Option<u64>,
    path: Path,
    written_s: i64,
}

const DAY_S: i64 = 86_400;
/// So often a snapshot may be gone that was just listed, before that is an error.
const MOST_GONE: u32 = 100;

impl SnapshotStore {
    /// A store under `prefix` (one per epoch) that keeps the newest `keep` snapshots of a partition.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str, runtime: Handle, keep: usize) -> SnapshotStore {
        let (prefix, keep, reach, known) = (Path::from(prefix), keep.max(1), Duration::ZERO, Arc::default());
        SnapshotStore { store, prefix, runtime, keep, reach, scratch: None, known }
    }

    /// Keeps one a day for so long beside: where a database restored from a backup is healed from.
    #[must_use]
    pub fn reaching_back(mut self, reach: Duration) -> SnapshotStore {
        self.reach = reach;
        self
    }

    /// Has blocks moved out of memory, to files without a name in this local folder.
    #[must_use]
    pub fn with_scratch(mut self, folder: PathBuf) -> SnapshotStore {
        self.scratch = Some(folder);
        self
    }

    /// Where an owner's blocks may be moved to.
    #[must_use]
    pub fn scratch(&self) -> Option<Scratch> {
        self.scratch.clone().map(Scratch::new)
    }

    /// Small facts that are kept beside the snapshots, under a name of their own.
    #[must_use]
    pub fn notes(&self, kind: &str) -> Notes {
        Notes::new(self.store.clone(), self.prefix.clone().join(kind.to_owned()), self.runtime.clone())
    }

    /// Publishes a snapshot in the background; `done` hears what came of it. The one place a snapshot is published, and
    /// where older ones are removed; never the newest of those up to `limit`, from which a restart would go on.
    pub fn publish(
        &self,
        processor: &'static str,
        partition: u32,
        offset: Offset,
        state: State,
        limit: Offset,
        done: impl FnOnce(Result<Published, SnapshotError>) + Send + 'static,
    ) {
        let this = self.clone();
        self.runtime.spawn(async move {
            let result = this.put(processor, partition, offset, state, limit).await;
            done(result);
        });
    }

    async fn put(
        &self,
        processor: &str,
        partition: u32,
        offset: Offset,
        state: State,
        limit: Offset,
    ) -> Result<Published, SnapshotError> {
        let bytes = seal(processor, partition, offset, &state);
        let folder = self.folder(processor, partition);
        let name = folder.clone().join(file_name(offset, state.blocks.first().map(|(number, _)| *number)));
        let size = bytes.len() + state.blocks.iter().map(|(_, block)| block.len()).sum::<usize>();
        self.put_blocks(&folder, state.blocks).await?;
        crash::point("snapshot_sealed");
        self.store.put(&name, PutPayload::from(bytes)).await?;
        crash::point("snapshot_written");
        // One at a time: two that judge by different limits could remove what both need.
        let mut known = self.known.lock().await;
        let known = known.entry(folder.clone()).or_default();
        *known = Known { newest: known.newest.max(offset), limit: known.limit.max(limit) };
        let listed = self.listed(&folder).await?;
        let (mut oldest, mut first_block) = (offset, None);
        if listed.last().is_some_and(|newest| newest.offset > known.newest) {
            // A later process has been here, and knew better what is needed.
            return Ok(Published { size, oldest: listed[0].offset });
        }
        for (snapshot, needed) in listed.iter().zip(self.needed(&listed, known.limit)) {
            if needed {
                oldest = oldest.min(snapshot.offset);
                first_block = snapshot.first_block.into_iter().chain(first_block).min();
            } else {
                self.store.delete(&snapshot.path).await?;
                crash::point("snapshot_pruned");
            }
        }
        if let Some(first) = first_block {
            self.prune_blocks(&folder, first).await?;
        }
        Ok(Published { size, oldest })
    }

    /// Which of the snapshots, listed by offset, are to be kept.
    fn needed(&self, listed: &[Listed], limit: Offset) -> Vec<bool> {
        let newest = listed.len().saturating_sub(self.keep);
        let restart = listed.iter().rposition(|snapshot| snapshot.offset <= limit);
        let now_s = listed.iter().map(|snapshot| snapshot.written_s).max().unwrap_or_default();
        let reach_s = i64::try_from(self.reach.as_secs()).unwrap_or(i64::MAX);
        let of_day = |snapshot: &Listed| snapshot.written_s.div_euclid(DAY_S);
        let is_needed = |index: usize| {
            let snapshot = &listed[index];
            let is_days_first = index == 0 || of_day(&listed[index - 1]) != of_day(snapshot);
            let is_within_reach = now_s.saturating_sub(snapshot.written_s) < reach_s;
            index >= newest || Some(index) == restart || (is_days_first && is_within_reach)
        };
        (0..listed.len()).map(is_needed).collect()
    }

    /// The newest valid snapshot whose offset is not above `limit`. Damaged ones are passed over with a warning.
    ///
    /// # Errors
    /// The store cannot be read, or the newest candidate is of a newer format.
    pub fn newest(
        &self,
        processor: &str,
        partition: u32,
        limit: Option<Offset>,
    ) -> Result<Option<Snapshot>, SnapshotError> {
        let this = self.clone();
        let folder = self.folder(processor, partition);
        let processor = processor.to_owned();
        self.block_on(async move {
            let mut listed = this.listed(&folder).await?;
            let mut gone = 0;
            while let Some(Listed { offset, path: name, .. }) = listed.pop() {
                if limit.is_some_and(|limit| offset > limit) {
                    continue;
                }
                let bytes = match this.store.get(&name).await {
                    Ok(found) => found.bytes().await?,
                    // Another member has removed it meanwhile, having published newer ones.
                    Err(object_store::Error::NotFound { .. }) if gone < MOST_GONE => {
                        gone += 1;
                        listed = this.listed(&folder).await?;
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                let opened = match open(&processor, partition, offset, &bytes) {
                    Ok((bytes, named)) => match this.fetch_blocks(&folder, named).await? {
                        Some(blocks) => Ok(State { bytes, blocks }),
                        None => Err(Refusal::Damaged("a block of it is missing or damaged")),
                    },
                    Err(refusal) => Err(refusal),
                };
                match opened {
                    Ok(state) => return Ok(Some(Snapshot { offset, state })),
                    Err(Refusal::Newer(version)) => {
                        return Err(SnapshotError::Newer { name: name.to_string(), version });
                    }
                    Err(Refusal::Damaged(why)) => {
                        tracing::warn!(snapshot = %name, why, "snapshot is damaged, trying an older one");
                    }
                }
            }
            Ok(None)
        })
    }

    fn block_on<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        // Called from processor threads, which are not the runtime's.
        self.runtime.block_on(future)
    }

    fn folder(&self, processor: &str, partition: u32) -> Path {
        self.prefix.clone().join(processor.to_owned()).join(format!("{partition:05}"))
    }

    async fn listed(&self, folder: &Path) -> Result<Vec<Listed>, SnapshotError> {
        let listed = self.store.list_with_delimiter(Some(folder)).await?;
        let mut listed: Vec<Listed> = listed
            .objects
            .into_iter()
            .filter_map(|object| {
                let (offset, first_block) = read_file_name(object.location.filename()?)?;
                Some(Listed { offset, first_block, written_s: object.last_modified.timestamp(), path: object.location })
            })
            .collect();
        listed.sort();
        Ok(listed)
    }
}

fn file_name(offset: Offset, first_block: Option<u64>) -> String {
    match first_block {
        Some(first) => format!("{:020}-{first:020}.snap", offset.0),
        None => format!("{:020}.snap", offset.0),
    }
}

fn read_file_name(name: &str) -> Option<(Offset, Option<u64>)> {
    let name = name.strip_suffix(".snap")?;
    let (offset, first_block) = match name.split_once('-') {
        Some((offset, first)) => (offset, Some(first.parse().ok()?)),
        None => (name, None),
    };
    Some((Offset(offset.parse().ok()?), first_block))
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    fn store(runtime: &tokio::runtime::Runtime) -> (Arc<InMemory>, SnapshotStore) {
        let memory = Arc::new(InMemory::new());
        (memory.clone(), SnapshotStore::new(memory, "e1", runtime.handle().clone(), 3))
    }

    fn publish(store: &SnapshotStore, offset: u64, state: &[u8], limit: u64) -> u64 {
        let (sender, receiver) = std::sync::mpsc::channel();
        store.publish("sessionize", 2, Offset(offset), state.to_vec().into(), Offset(limit), move |result| {
            sender.send(result.map_err(|e| e.to_string())).unwrap();
        });
        receiver.recv().unwrap().unwrap().oldest.0
    }

    #[test]
    fn what_a_restart_would_go_on_from_is_kept_however_old() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (_, store) = store(&runtime);
        // ClickHouse is away after 20: nothing newer may be used.
        for offset in [10, 20, 30, 40, 50, 60, 70] {
            publish(&store, offset, b"", 25);
        }
        let newest = |limit| store.newest("sessionize", 2, Some(Offset(limit))).unwrap().map(|s| s.offset.0);
        assert_eq!((newest(25), newest(19), newest(45), newest(50)), (Some(20), None, Some(20), Some(50)));
        assert_eq!(publish(&store, 80, b"", 65), 60, "the oldest kept is said");
        assert_eq!(newest(59), None, "and with the tables it moves on");
    }

    #[test]
    fn one_that_comes_late_prunes_too_but_not_after_another_process() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (memory, store) = store(&runtime);
        for (offset, limit, oldest) in [(10, 5, 10), (20, 15, 10), (50, 45, 10), (30, 25, 20), (40, 35, 30)] {
            assert_eq!(publish(&store, offset, b"", limit), oldest, "{offset}");
        }
        let other = SnapshotStore::new(memory, "e1", runtime.handle().clone(), 3);
        assert_eq!(publish(&other, 60, b"", 60), 40);
        assert_eq!(publish(&store, 55, b"", 45), 40, "nothing is removed");
        assert_eq!(publish(&other, 70, b"", 70), 55);
    }

    #[test]
    fn one_a_day_is_kept_as_far_as_it_is_to_reach_back() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (_, store) = store(&runtime);
        let store = store.reaching_back(Duration::from_secs(3 * DAY_S as u64));
        let half_days = (0..12).map(|n| Listed {
            offset: Offset(n),
            first_block: None,
            path: Path::default(),
            written_s: n as i64 * DAY_S / 2,
        });
        let kept = |listed: &[Listed]| -> Vec<u64> {
            let needed = store.needed(listed, Offset(11));
            listed.iter().zip(needed).filter(|(_, needed)| *needed).map(|(snapshot, _)| snapshot.offset.0).collect()
        };
        assert_eq!(kept(&half_days.collect::<Vec<_>>()), [6, 8, 9, 10, 11]);
        assert!(kept(&[]).is_empty());
    }

    #[test]
    fn the_newest_valid_one_within_the_limit_is_taken_and_old_ones_are_pruned() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (memory, store) = store(&runtime);
        assert_eq!(store.newest("sessionize", 2, None).unwrap(), None);
        for offset in [10, 20, 30, 40] {
            publish(&store, offset, format!("state {offset}").as_bytes(), 40);
        }
        let state = |limit: Option<u64>| {
            store.newest("sessionize", 2, limit.map(Offset)).unwrap().map(|s| (s.offset.0, s.state.bytes))
        };
        assert_eq!(state(None), Some((40, b"state 40".to_vec())));
        assert_eq!(state(Some(39)), Some((30, b"state 30".to_vec())));
        assert_eq!(state(Some(19)), None, "10 was pruned");
        let name = Path::from("e1/sessionize/00002/00000000000000000040.snap");
        runtime.block_on(async {
            let mut bytes = memory.get(&name).await.unwrap().bytes().await.unwrap().to_vec();
            bytes[20] ^= 1;
            memory.put(&name, bytes.into()).await.unwrap();
        });
        assert_eq!(state(None), Some((30, b"state 30".to_vec())), "the damaged one is passed over");
    }

    #[test]
    fn blocks_are_sent_once_shared_and_gone_with_the_last_snapshot_that_names_them() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (memory, store) = store(&runtime);
        let scratch = tempfile::tempdir().unwrap();
        let store = store.with_scratch(scratch.path().to_owned());
        let block = |n: u64| Block::new(vec![n as u8; 1000 + n as usize]);
        let publish = |offset: u64, numbers: std::ops::Range<u64>| {
            let state =
                State { bytes: offset.to_string().into_bytes(), blocks: numbers.map(|n| (n, block(n))).collect() };
            let (sender, receiver) = std::sync::mpsc::channel();
            store.publish("sessionize", 2, Offset(offset), state, Offset(offset), move |result| {
                sender.send(result.is_ok()).unwrap();
            });
            assert!(receiver.recv().unwrap());
        };
        let kept = || -> Vec<u64> {
            let folder = Path::from("e1/sessionize/00002/blocks");
            let listed = runtime.block_on(memory.list_with_delimiter(Some(&folder))).unwrap().objects;
            listed.iter().map(|object| object.location.filename().unwrap()[..20].parse().unwrap()).collect()
        };
        let found = |limit: u64| {
            let found = store.newest("sessionize", 2, Some(Offset(limit))).unwrap()?;
            assert_eq!(found.state.bytes, found.offset.0.to_string().into_bytes());
            assert!(found.state.blocks.iter().all(|(n, found)| *found == block(*n) && found.resident_bytes() == 0));
            Some((found.offset.0, found.state.blocks.iter().map(|(n, _)| *n).collect::<Vec<_>>()))
        };
        publish(10, 0..0);
        publish(20, 3..5);
        publish(30, 3..6);
        assert_eq!(kept(), [3, 4, 5]);
        assert_eq!(
            (found(30), found(29), found(19)),
            (Some((30, vec![3, 4, 5])), Some((20, vec![3, 4])), Some((10, vec![])))
        );
        publish(40, 5..8);
        publish(50, 6..8);
        assert_eq!(kept(), [3, 4, 5, 6, 7], "the third newest still names them");
        publish(60, 6..9);
        assert_eq!(kept(), [5, 6, 7, 8]);
        // One without its blocks is as good as a damaged one.
        let path = Path::from(format!("e1/sessionize/00002/blocks/{:020}-{:032x}", 8, block(8).hash()));
        runtime.block_on(memory.put(&path, b"other bytes".to_vec().into())).unwrap();
        assert_eq!(found(60), Some((50, vec![6, 7])));
        runtime.block_on(memory.delete(&path)).unwrap();
        assert_eq!(found(60), Some((50, vec![6, 7])));
    }

    /// A store in which another member is faster: what is asked for first is gone, and a newer one there.
    #[derive(Debug)]
    struct Pruned {
        memory: Arc<InMemory>,
        after: std::sync::Mutex<Vec<(Path, Vec<u8>)>>,
    }

    impl std::fmt::Display for Pruned {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("pruned")
        }
    }

    #[async_trait::async_trait]
    impl ObjectStore for Pruned {
        async fn put_opts(
            &self,
            at: &Path,
            payload: PutPayload,
            options: object_store::PutOptions,
        ) -> object_store::Result<object_store::PutResult> {
            self.memory.put_opts(at, payload, options).await
        }

        async fn put_multipart_opts(
            &self,
            at: &Path,
            options: object_store::PutMultipartOptions,
        ) -> object_store::Result<Box<dyn object_store::MultipartUpload>> {
            self.memory.put_multipart_opts(at, options).await
        }

        async fn get_opts(
            &self,
            at: &Path,
            options: object_store::GetOptions,
        ) -> object_store::Result<object_store::GetResult> {
            let newer = self.after.lock().unwrap().pop();
            if let Some((path, bytes)) = newer {
                self.memory.put(&path, bytes.into()).await?;
                self.memory.delete(at).await?;
            }
            self.memory.get_opts(at, options).await
        }

        fn delete_stream(
            &self,
            paths: futures_util::stream::BoxStream<'static, object_store::Result<Path>>,
        ) -> futures_util::stream::BoxStream<'static, object_store::Result<Path>> {
            self.memory.delete_stream(paths)
        }

        fn list(
            &self,
            prefix: Option<&Path>,
        ) -> futures_util::stream::BoxStream<'static, object_store::Result<object_store::ObjectMeta>> {
            self.memory.list(prefix)
        }

        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<object_store::ListResult> {
            self.memory.list_with_delimiter(prefix).await
        }

        async fn copy_opts(
            &self,
            from: &Path,
            to: &Path,
            options: object_store::CopyOptions,
        ) -> object_store::Result<()> {
            self.memory.copy_opts(from, to, options).await
        }
    }

    #[test]
    fn one_that_another_member_removed_meanwhile_is_no_error() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (memory, first) = store(&runtime);
        publish(&first, 10, b"ten", 10);
        let path = |offset: u64| Path::from(format!("e1/sessionize/00002/{offset:020}.snap"));
        let newer = [20, 30]
            .map(|offset| (path(offset), seal("sessionize", 2, Offset(offset), &b"newer".to_vec().into())))
            .to_vec();
        let pruned = Arc::new(Pruned { memory, after: std::sync::Mutex::new(newer) });
        let store = SnapshotStore::new(pruned, "e1", runtime.handle().clone(), 3);
        let found = store.newest("sessionize", 2, None).unwrap().unwrap();
        assert_eq!((found.offset.0, found.state.bytes), (20, b"newer".to_vec()));
    }

    #[test]
    fn a_newer_format_stops_the_start() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (memory, store) = store(&runtime);
        let mut bytes = seal("sessionize", 2, Offset(5), &b"x".to_vec().into());
        bytes.truncate(bytes.len() - 16);
        bytes[7] = 9;
        bytes.extend_from_slice(&xxhash_rust::xxh3::xxh3_128(&bytes).to_le_bytes());
        let name = Path::from("e1/sessionize/00002/00000000000000000005.snap");
        runtime.block_on(async { memory.put(&name, bytes.into()).await.unwrap() });
        let error = store.newest("sessionize", 2, None).unwrap_err();
        assert!(error.to_string().contains("version 9"), "{error}");
    }
}
