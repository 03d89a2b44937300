//! Bytes to typed events and back.
//!
//! Pure: no clock, no environment, no I/O. What cannot be read becomes a [`reject::Reject`] with a stable reason.
#![forbid(unsafe_code)]

pub mod click;
pub mod ids;
pub mod kind;
pub mod money;
pub mod outcome;
pub mod reject;
pub mod support;
pub mod touchpoint;
pub mod vocabulary;
pub mod wire;

pub use click::ClickEvent;
pub use ids::{EventTime, Key};
pub use kind::Kind;
pub use money::Micros;
pub use outcome::Outcome;
pub use reject::{Reason, Reject};
pub use support::SupportEntry;
pub use touchpoint::Touchpoint;
