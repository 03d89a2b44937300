//! Sessions and conversations: where they are cut, and what their rows say.
#![forbid(unsafe_code)]

pub mod rows;
pub mod rules;
mod state;

pub use rules::{RuleBook, Rules};
pub use state::{Judged, Out, Sessions};
