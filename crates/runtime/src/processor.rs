//! The loop of a processor: one thread, one subscription, an owner per partition dealt to it.
//!
//! ```text
//! running.rs (turns) ─► frame.rs ─► sink, next log
//!    │   │                 └─► saving.rs (snapshots, what the log forgets)
//!    │   └─► restore.rs (a partition dealt) ◄─ back.rs (asking, and being asked, to go back)
//!    └─► measure.rs
//! ```

mod back;
mod error;
mod frame;
mod measure;
mod restore;
mod running;
mod saving;
mod settings;

pub use error::ProcessorError;
pub use running::Running;

pub use settings::{Processor, origin_name};
