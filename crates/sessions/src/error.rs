//! Why sessions cannot go on.

use std::io;

use crumbtrail_events::wire::WireError;

/// Why a touchpoint was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    /// Its bytes are no touchpoint of a known version; the state is as before.
    #[error("{0}")]
    Record(#[from] WireError),
    /// Events that were moved to disk cannot be read: the state is not to be used any more.
    #[error("{0}")]
    Scratch(#[from] io::Error),
}
