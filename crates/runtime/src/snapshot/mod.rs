//! Snapshots: state named by log offset, immutable, checksummed, versioned, in a folder or any object store.
//!
//! ```text
//! <epoch>/<processor>/<partition>/<offset>.snap                       state without blocks
//!                                 <offset>-<first block>.snap         state with blocks: which ones, and their hashes
//!                                 blocks/<number>-<hash>              a block, shared by all snapshots that name it
//! ```

mod blocks;
mod envelope;
pub(crate) mod error;
pub mod place;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crumbtrail_crash as crash;
use crumbtrail_events::wire::put_varint;
use crumbtrail_log::position::Offset;
use crumbtrail_scratch::{Block, Scratch};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use tokio::runtime::Handle;

use crate::notes::Notes;
use envelope::{Refusal, open, seal};
pub use error::SnapshotError;

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

/// An owner's state as it is saved: a long one in pieces, to be put together where nobody waits for it.
#[derive(Debug, Default)]
pub struct Saved {
    /// What the owner itself keeps.
    pub(crate) head: Vec<u8>,
    /// The step's state.
    pub(crate) pieces: Vec<Vec<u8>>,
    /// The blocks it refers to.
    pub(crate) blocks: Vec<(u64, Block)>,
}

impl From<Saved> for State {
    fn from(saved: Saved) -> State {
        let Saved { head: mut bytes, pieces, blocks } = saved;
        let length: usize = pieces.iter().map(Vec::len).sum();
        bytes.reserve_exact(length + 10);
        put_varint(&mut bytes, length as u64);
        pieces.into_iter().for_each(|piece| bytes.extend_from_slice(&piece));
        State { bytes, blocks }
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
        state: impl Into<State> + Send + 'static,
        limit: Offset,
        done: impl FnOnce(Result<Published, SnapshotError>) + Send + 'static,
    ) {
        let this = self.clone();
        self.runtime.spawn(async move {
            let result = this.put(processor, partition, offset, state.into(), limit).await;
            done(result);
        });
    }

    #[expect(clippy::disallowed_methods, reason = "the one place a snapshot is published")]
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
                    Err(refusal) => pass_over(&name, refusal)?,
                }
            }
            Ok(None)
        })
    }

    /// Offset and state of the oldest valid snapshot that is not before `from`, without its blocks. Damaged ones are passed over
    /// with a warning.
    ///
    /// # Errors
    /// As [`SnapshotStore::newest`].
    pub(crate) fn oldest(
        &self,
        processor: &str,
        partition: u32,
        from: Offset,
    ) -> Result<Option<(Offset, Vec<u8>)>, SnapshotError> {
        let this = self.clone();
        let folder = self.folder(processor, partition);
        let processor = processor.to_owned();
        self.block_on(async move {
            for Listed { offset, path, .. } in this.listed(&folder).await? {
                if offset < from {
                    continue;
                }
                let bytes = match this.store.get(&path).await {
                    Ok(found) => found.bytes().await?,
                    Err(object_store::Error::NotFound { .. }) => continue,
                    Err(error) => return Err(error.into()),
                };
                match open(&processor, partition, offset, &bytes) {
                    Ok((state, _)) => return Ok(Some((offset, state))),
                    Err(refusal) => pass_over(&path, refusal)?,
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

/// Passes over a damaged snapshot; one of a newer format is an error.
fn pass_over(name: &Path, refusal: Refusal) -> Result<(), SnapshotError> {
    match refusal {
        Refusal::Newer(version) => Err(SnapshotError::Newer { name: name.to_string(), version }),
        Refusal::Damaged(why) => {
            tracing::warn!(snapshot = %name, why, "snapshot is damaged, trying another one");
            Ok(())
        }
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
mod tests;
