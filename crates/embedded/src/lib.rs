//! The embedded ClickHouse engine behind ClickHouse's own HTTP interface.
//!
//! `crumbtrail serve` ([`serve`]) loads `libchdb`, a real ClickHouse, into a process of its own and answers HTTP on
//! 127.0.0.1; every other command finds it through the endpoint file in the data folder, or starts it
//! ([`connect_or_start`]). Loader, BI tools and laptops so speak to one interface, the same as a server's.
//!
//! # Rules of the engine
//! Each was learnt from a fault, and each has a test in `tests/engine_rules.rs`:
//! 1. data of an INSERT never reaches the SQL parser: [`statement`] splits it off, [`Connection::insert`] streams it;
//! 2. a connection runs one statement ([`Connection::query`] and its sisters consume it), settings are its arguments;
//! 3. the engine's own parser classifies first, and more than one statement is refused;
//! 4. standard input is `/dev/null` in the serving process;
//! 5. the library's signal handlers are off before the first connection;
//! 6. deduplication windows are set on every target table (the tables' concern; see `crates/warehouse`);
//! 7. readers run statements of class read only, with `readonly=1` set, and KILL QUERY cancels by `log_comment`.
//!
//! # Two users
//! [`OWNER`] (password random at each start, in the endpoint file, mode 0600) reads and writes; [`READER`] (no password)
//! reads. GET never changes anything, whoever asks.
//!
//! # Has the server restarted?
//! [`START_ID_SQL`] gives a value that changes with every start, on this engine and on a ClickHouse server.
//!
//! # Not served
//! Temporary tables over several requests, `INSERT … FROM INFILE`, `input()`, external tables in multipart bodies.
#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod analysis;
pub mod client;
pub mod connection;
pub mod endpoint;
pub mod engine;
pub mod error;
pub mod exception;
pub mod facade;
#[allow(unsafe_code, reason = "the engine has a C interface; this module is all of it")]
mod ffi;
mod lease;
pub mod locate;
pub mod serve;
pub mod start_id;
pub mod statement;

pub use analysis::{Analysis, Class};
pub use client::{EngineHandle, StartOptions, connect_or_start};
pub use connection::Connection;
pub use endpoint::Endpoint;
pub use engine::{Engine, EngineOptions};
pub use error::{EngineError, ServeError, StartError};
pub use exception::Exception;
pub use facade::{Facade, OWNER, READER};
pub use ffi::Counters;
pub use locate::{LIBRARY_FILE, LIBRARY_VARIABLE, locate_engine};
pub use serve::{ExitReason, ServeOptions, serve};
pub use start_id::START_ID_SQL;
