//! Intake: bytes of a source in, one touchpoint (or the stub of a record judged out) out.
//!
//! Pure and synchronous: reading sources, pausing and writing the log is the runtime's. The one thing that may hold a
//! record up is a schema nobody can be asked for right now: see [`Hold`].
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod aside;
pub mod dead_letter;
pub mod decoder;
mod feeling;
mod fill;
pub mod intake;
mod plugin;

pub use decoder::{Decoded, Decoder, FileIdentity, Schemas, SourceShape};
pub use intake::{Decided, Input, Intake, KeepText, Settings, WithoutConsent, event_time};
pub use plugin::Plugin;

/// Why a record cannot be decided now. Never makes a dead letter: intake pauses and tries again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hold {
    /// The schema registry does not answer.
    #[error("the schema registry is not available: {0}")]
    Registry(String),
}
