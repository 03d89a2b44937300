//! Journeys: the stages a person moves through, conversions and carts.
//!
//! A journey is a fold over a person's touchpoints in (event time, id) order, never in arrival order. Touchpoints that
//! may still be joined by older ones stay pending; older ones are folded into a base that never changes again. At a
//! tick the base is copied, the pending ones are folded on top, and the rows that differ from what was last said are
//! said again. [`step::Journeys`] is the step, [`model`] the stages as data, [`rules`] the thresholds.
//!
//! What is settled and may still change hands is packed into blocks that may lie on disk (the modules `packed`, `segment` and `shelf`).
//!
//! Pure: no clock, no environment, no I/O but that of its own blocks. Time comes in as the watermark, wall time as the tick's.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod cart;
mod change;
mod conversion;
mod duration;
mod error;
mod found;
pub mod model;
mod model_file;
mod packed;
mod past;
mod pending;
mod people;
mod person;
mod point;
pub mod rows;
pub mod rules;
mod segment;
mod shelf;
mod snapshot;
mod stage;
mod state;
pub mod step;
mod strings;
mod tell;
mod told;

pub use error::JourneysError;
pub use model::StageModel;
pub use model_file::ModelError;
pub use rows::Out;
pub use rules::JourneyRules;
pub use step::Journeys;
