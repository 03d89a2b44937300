//! Bytes to typed events and back.
//!
//! Pure: no clock, no environment, no I/O. What cannot be read becomes a [`reject::Reject`] with a stable reason.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod avro;
pub mod click;
pub mod clock;
pub mod combined;
pub mod decode;
pub mod encode;
mod fields;
pub mod garbage;
pub mod ids;
pub mod instant;
pub mod json;
pub mod kind;
pub mod money;
pub mod names;
pub mod outcome;
mod pieces;
pub mod reject;
pub mod samples;
mod scratch;
pub mod segment;
pub mod support;
pub mod touchpoint;
pub mod validate;
mod values;
pub mod vocabulary;
pub mod wire;

pub use click::ClickEvent;
pub use ids::{EventTime, Key};
pub use kind::Kind;
pub use money::Micros;
pub use outcome::Outcome;
pub use pieces::Pieces;
pub use reject::{Reason, Reject};
pub use scratch::Scratch;
pub use support::SupportEntry;
pub use touchpoint::Touchpoint;
