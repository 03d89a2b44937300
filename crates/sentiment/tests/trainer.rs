//! The trainer gives the same bytes for the same data and seed: its own tests, run with the others, for the trainer is built
//! with a feature only.

#[allow(dead_code, reason = "its main function")]
#[path = "../src/bin/train/main.rs"]
mod train;
