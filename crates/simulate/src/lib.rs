//! A deterministic simulation of the real processors: one thread, no clock, a seed that decides who moves, what is late,
//! what is lost and who is killed, and an independent judge.
//!
//! ```text
//! world ─► intake's loop ─► touchpoints ─► processor<sessionize> ─► people ─► processor<journey>
//!            (source.rs)     (broker.rs)            │                                │      all turned by schedule.rs
//!                                                   └── loader ──► database.rs ◄─────┘
//! oracle.rs, audit.rs, positions.rs: what the tables must hold         mutation.rs: bugs that must be noticed
//! ```
//!
//! A schedule allocates much and keeps nothing: the binary and the tests of this crate use an allocator made for that.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod audit;
pub mod broker;
pub mod database;
pub mod dice;
mod fault;
pub mod inbox;
pub mod judge;
pub mod mishaps;
pub mod mutation;
mod once;
pub mod oracle;
mod positions;
pub mod process;
mod report;
pub mod role;
pub mod rows;
mod rules;
pub mod scene;
pub mod schedule;
pub mod shelf;
pub mod sink;
pub mod source;
pub mod step;
mod whose;
pub mod world;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use mutation::Mutation;
pub use report::{Done, Report};
pub use schedule::run;
