//! The loop of intake: sources in, frames and ticks out, offsets committed only behind acknowledged ticks.
//!
//! ```text
//! running.rs (turns) ─► polling.rs ─ judge.rs ─► writer.rs ─► logs
//!        └────────────► member.rs (partitions, ticks, going back)
//! ```

mod error;
mod judge;
mod member;
mod polling;
mod progress;
mod proof;
mod running;
mod writer;

pub use error::IntakeError;
pub use judge::{Judge, Judgement};
pub use member::IntakeLoop;
pub use progress::{IMPORT_ORIGIN, Progress};
pub use proof::Proofs;
pub use running::Running;
pub use writer::{Stands, Writer, stands};
