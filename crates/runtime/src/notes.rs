//! Small facts that survive a crash, kept beside the snapshots: a name and some bytes.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use tokio::runtime::Handle;

use crate::snapshot::error::SnapshotError;

/// Where notes are kept. Used by threads that are not the runtime's.
#[derive(Clone)]
pub struct Notes {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    runtime: Handle,
}

impl Notes {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, prefix: Path, runtime: Handle) -> Notes {
        Notes { store, prefix, runtime }
    }

    /// Notes that nobody else sees and nothing keeps.
    #[must_use]
    pub fn in_memory(runtime: Handle) -> Notes {
        Notes::new(Arc::new(InMemory::new()), Path::default(), runtime)
    }

    /// The note of this name, if there is one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, SnapshotError> {
        let path = self.prefix.clone().join(name.to_owned());
        let read = async {
            match self.store.get(&path).await {
                Ok(found) => Ok(Some(found.bytes().await?.to_vec())),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        Ok(self.runtime.block_on(read)?)
    }

    /// Writes a note, in place of an older one.
    ///
    /// # Errors
    /// The store refuses.
    #[expect(clippy::disallowed_methods, reason = "a note beside the snapshots, none of them")]
    pub fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), SnapshotError> {
        let path = self.prefix.clone().join(name.to_owned());
        self.runtime.block_on(self.store.put(&path, PutPayload::from(bytes)))?;
        Ok(())
    }

    /// Removes a note; none is no error.
    ///
    /// # Errors
    /// The store refuses.
    pub fn remove(&self, name: &str) -> Result<(), SnapshotError> {
        let path = self.prefix.clone().join(name.to_owned());
        match self.runtime.block_on(self.store.delete(&path)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
