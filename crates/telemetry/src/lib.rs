//! What those who run it see: the metric catalogue, the health endpoints and the log format.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod beat;
pub mod catalogue;
pub mod health;
pub mod logs;
pub mod metrics;
pub mod server;

pub use beat::Beat;
pub use health::Health;
pub use metrics::Metrics;
