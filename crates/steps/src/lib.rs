//! The steps of the processors, and what they hand to the warehouse: where the pure crates meet runtime and warehouse.
//!
//! A library of its own, so that the binary and the simulation run the very same steps.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod batch;
pub mod journey;
pub mod rules;
pub mod sessionize;
mod whose;

pub use journey::Journey;
pub use rules::{Ruling, Told};
pub use sessionize::Sessionize;
pub use whose::Place;
