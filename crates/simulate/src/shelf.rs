//! Where snapshots lie: a store in memory whose times are the schedule's, with a hand that damages one.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::DateTime;
use crumbtrail_runtime::Clock;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_128;

use crate::dice::Dice;
use crate::mutation::{Mutation, is_on};

/// Snapshots in memory.
#[derive(Debug)]
pub struct Shelf {
    inner: InMemory,
    clock: Clock,
    written_ms: Mutex<BTreeMap<Path, i64>>,
}

impl std::fmt::Display for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("shelf")
    }
}

impl Shelf {
    /// Empty.
    #[must_use]
    pub fn new(clock: Clock) -> Arc<Shelf> {
        Arc::new(Shelf { inner: InMemory::new(), clock, written_ms: Mutex::default() })
    }

    /// Changes one byte of one snapshot, or cuts it short.
    #[expect(clippy::disallowed_methods, reason = "a snapshot that is damaged on purpose")]
    pub fn damage(&self, runtime: &tokio::runtime::Runtime, dice: &Dice) {
        let paths: Vec<Path> = self.written_ms.lock().keys().cloned().collect();
        if paths.is_empty() {
            return;
        }
        let path = paths[dice.index(paths.len())].clone();
        runtime.block_on(async {
            let Ok(found) = self.inner.get(&path).await else { return };
            let Ok(bytes) = found.bytes().await else { return };
            let mut bytes = bytes.to_vec();
            if bytes.is_empty() {
                return;
            }
            if dice.chance(300) {
                bytes.truncate(dice.index(bytes.len()));
            } else {
                let at = dice.index(bytes.len());
                bytes[at] ^= 1 << dice.below(8);
            }
            // A store in memory does not refuse.
            let _ = self.inner.put(&path, PutPayload::from(bytes)).await;
        });
    }

    /// Loses everything.
    pub fn lose(&self, runtime: &tokio::runtime::Runtime) {
        let paths = self.inner.list(None).map_ok(|meta| meta.location).boxed();
        // A store in memory does not refuse.
        let _ = runtime.block_on(self.inner.delete_stream(paths).try_collect::<Vec<_>>());
        self.written_ms.lock().clear();
    }

    fn dated(&self, mut meta: ObjectMeta) -> ObjectMeta {
        let ms = self.written_ms.lock().get(&meta.location).copied().unwrap_or_default();
        meta.last_modified = DateTime::from_timestamp_millis(ms).unwrap_or_default();
        meta
    }
}

#[async_trait]
impl ObjectStore for Shelf {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        // Of snapshots alone: notes are not damaged.
        if location.parts().all(|part| part.as_ref() != "crashes") {
            self.written_ms.lock().insert(location.clone(), self.clock.now_ms());
        }
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let found = self.inner.get_opts(location, options).await?;
        if !is_on(Mutation::DamagedSnapshotLoaded) {
            return Ok(found);
        }
        // As if nobody looked at the checksum: it is made right.
        let (meta, range, attributes) = (found.meta.clone(), found.range.clone(), found.attributes.clone());
        let mut bytes = found.bytes().await?.to_vec();
        if let Some((sealed, checksum)) = bytes.split_last_chunk_mut::<16>() {
            *checksum = xxh3_128(sealed).to_le_bytes();
        }
        let payload = object_store::GetResultPayload::Stream(stream::once(async { Ok(bytes.into()) }).boxed());
        Ok(GetResult { payload, meta, range, attributes, extensions: Default::default() })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut listed = self.inner.list_with_delimiter(prefix).await?;
        listed.objects = listed.objects.into_iter().map(|meta| self.dated(meta)).collect();
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
