//! The life of a partition: recover, read, judge, step, write, cut, snapshot, drain.
//!
//! Knows the log and nothing of ClickHouse: rows leave through the [`sink::Sink`] trait, which the binary joins to the
//! warehouse.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod accepted_gap;
mod adopt;
mod ahead;
mod awaited;
pub mod clock;
pub mod cutter;
pub mod decision;
pub mod frontier;
pub mod gaps;
mod head;
mod held;
pub mod import;
pub mod intake;
pub mod notes;
pub mod owner;
pub mod processor;
pub mod progress;
pub mod provenance;
pub mod quarantine;
pub mod recount;
pub mod redrive;
pub mod restores;
pub mod retention;
pub mod sink;
pub mod snapshot;
pub mod step;
mod suspects;

pub use clock::Clock;
pub use owner::Owner;
pub use processor::Processor;
pub use provenance::Provenance;
pub use sink::{Batch, Sink};
pub use snapshot::SnapshotStore;
pub use step::{Context, Step};
