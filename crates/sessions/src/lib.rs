//! Sessions and conversations: where they are cut, and what their rows say.
//!
//! *Where is a session cut?* In `window.rs`, and nowhere else. The rest keeps the events those rules need, in as few
//! bytes as it can: `event.rs` (32 bytes each), `chain.rs` (the events that a gap connects), `slots.rs` (the keys),
//! `session.rs` and `conversation.rs` (what events add up to), `emit.rs` (which rows are said and taken back),
//! `state.rs` (one partition), `snapshot.rs` (the state as bytes).
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod attributes;
mod chain;
mod conversation;
mod emit;
mod event;
mod fields;
mod intern;
mod pick;
mod queue;
pub mod rows;
pub mod rules;
mod session;
mod slots;
mod snapshot;
mod state;
mod window;

pub use rules::{RuleBook, Rules};
pub use session::session_id;
pub use state::{Judged, Out, Sessions};
