//! Our logs: provenance, frames, ticks, and their homes on Kafka, on a local disk and in memory.
#![forbid(unsafe_code)]

pub mod position;
