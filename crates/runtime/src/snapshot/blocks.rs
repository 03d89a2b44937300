//! Blocks in the store: each sent once, and gone when no snapshot names it any more.

use std::collections::HashSet;

use crumbtrail_scratch::Block;
use futures_util::{StreamExt as _, stream};
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};

use super::envelope::Named;
use super::{SnapshotError, SnapshotStore};

/// Requests to the store at once.
const AT_ONCE: usize = 8;

impl SnapshotStore {
    /// Sends the blocks that are not there yet.
    #[expect(
        clippy::disallowed_methods,
        reason = "blocks go before the snapshot that names them, and mean nothing without it"
    )]
    pub(super) async fn put_blocks(&self, folder: &Path, blocks: Vec<(u64, Block)>) -> Result<(), SnapshotError> {
        if blocks.is_empty() {
            return Ok(());
        }
        // Asked every time: another member may have removed some.
        let there: HashSet<Path> = self.listed_blocks(folder).await?.into_iter().collect();
        for (number, block) in blocks {
            let path = path(folder, number, block.hash());
            if !there.contains(&path) {
                let bytes = block.to_vec().map_err(SnapshotError::Scratch)?;
                self.store.put(&path, PutPayload::from(bytes)).await?;
            }
        }
        Ok(())
    }

    /// The blocks named, in order, out of memory if there is room for them; `None` if one is missing or another.
    pub(super) async fn fetch_blocks(
        &self,
        folder: &Path,
        named: Vec<Named>,
    ) -> Result<Option<Vec<(u64, Block)>>, SnapshotError> {
        let mut scratch = self.scratch();
        let mut blocks = Vec::with_capacity(named.len());
        let fetched = named.into_iter().map(|Named { number, hash }| {
            let path = path(folder, number, hash);
            async move {
                let bytes = match self.store.get(&path).await {
                    Ok(found) => found.bytes().await?,
                    Err(object_store::Error::NotFound { .. }) => return Ok(None),
                    Err(error) => return Err(SnapshotError::from(error)),
                };
                let block = Block::new(bytes);
                Ok(Some((number, block)).filter(|(_, block)| block.hash() == hash))
            }
        });
        let mut fetched = stream::iter(fetched).buffered(AT_ONCE);
        while let Some(block) = fetched.next().await {
            let Some((number, mut block)) = block? else { return Ok(None) };
            if let Some(room) = &mut scratch
                && let Err(error) = room.spill(&mut block)
            {
                tracing::warn!(%error, "no scratch space: blocks of a snapshot stay in memory");
                scratch = None;
            }
            blocks.push((number, block));
        }
        Ok(Some(blocks))
    }

    /// Removes the blocks before `first`, which no snapshot names.
    pub(super) async fn prune_blocks(&self, folder: &Path, first: u64) -> Result<(), SnapshotError> {
        for path in self.listed_blocks(folder).await? {
            let number = path.filename().and_then(|name| name.split_once('-')?.0.parse::<u64>().ok());
            if number.is_some_and(|number| number < first) {
                self.store.delete(&path).await?;
            }
        }
        Ok(())
    }

    async fn listed_blocks(&self, folder: &Path) -> Result<Vec<Path>, SnapshotError> {
        let listed = self.store.list_with_delimiter(Some(&folder.clone().join("blocks"))).await?;
        Ok(listed.objects.into_iter().map(|object| object.location).collect())
    }
}

fn path(folder: &Path, number: u64, hash: u128) -> Path {
    folder.clone().join("blocks").join(format!("{number:020}-{hash:032x}"))
}
