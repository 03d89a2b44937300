//! Our logs: provenance, frames, ticks, and their homes on Kafka, on a local disk and in memory.
//!
//! The pure parts say what is true about positions and know nothing of a broker: [`frame`] and [`tick`] are the bytes,
//! [`outbox`] makes them, [`inbox`] judges them. [`log`] and [`source`] are the seams a processor works against;
//! [`memory`], [`local`] and [`kafka`] are their homes. Offsets are committed in `kafka/commit.rs` and nowhere else.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod control;
mod dealt;
pub mod error;
pub mod frame;
pub mod inbox;
pub mod kafka;
pub mod local;
pub mod log;
pub mod memory;
pub mod outbox;
pub mod position;
pub mod source;
pub mod tick;
mod walk;
mod wire;

pub use error::LogError;
pub use frame::{FrameView, Record};
pub use inbox::{Gap, Inbox, Verdict};
pub use log::{Event, Log, Member, ReadBack, Subscription};
pub use outbox::{DEFAULT_CUT_BYTES, Outbox};
pub use position::{Epoch, Generation, Offset, OriginId, PartitionId, Position};
pub use source::{Source, SourceEvent, SourcePartition, SourceRecord};
pub use tick::Tick;
pub use walk::walk;
