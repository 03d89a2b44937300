//! Why snapshots fail.

use super::envelope;

/// Why a snapshot could not be written or listed. A damaged one is not an error: the next older is taken.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The store refused.
    #[error("snapshot store: {0}; check snapshots.url and its permissions")]
    Store(#[from] object_store::Error),
    /// Blocks that lie on disk cannot be read.
    #[error("scratch space: {0}; the snapshots of before are whole")]
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
