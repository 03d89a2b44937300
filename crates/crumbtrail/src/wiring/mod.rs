//! Where log and warehouse meet: the three processors, their logs, their sink.

pub mod begun;
pub mod computing;
pub mod deployment;
mod elsewhere;
pub mod ends;
pub mod enrichment;
pub mod formats;
pub mod intake;
pub mod judging;
mod key;
pub mod look;
pub mod patience;
pub mod plugin;
pub mod processors;
pub mod routing;
pub mod rules;
pub mod sink;
pub mod tables;
mod watch;

pub use deployment::Deployment;
