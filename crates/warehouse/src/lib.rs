//! ClickHouse: rows as bytes, the one place a batch is inserted, the ledger, and the tables' making.
//!
//! ```text
//! rows ─ tables/*.rs ─► Batch ─ loader.rs, native.rs ─► insert.rs (the one place) ─► ledger.rs
//! schemas/clickhouse/*.sql ─ migrate.rs ─► tables and views ─ docs.rs ─► docs/tables.md
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod apply;
pub mod backoff;
pub mod batch;
pub mod claim;
pub mod client;
mod coded;
mod conditional;
pub mod docs;
pub mod epochs;
pub mod error;
pub mod handle;
pub mod insert;
pub mod ledger;
mod literal;
pub mod loader;
pub mod migrate;
pub mod native;
pub mod observer;
pub mod place;
pub mod read;
pub mod rowbinary;
pub mod rows;
pub mod schema;
pub mod server;
pub mod tables;
mod ttl;
pub mod vanished;
pub mod version;

pub use batch::{Batch, Processor, TableRows};
pub use client::{Client, Endpoint};
pub use error::WarehouseError;
pub use handle::{LoaderConfig, LoaderHandle};
pub use loader::{LoadReport, Loader};
pub use rows::{DeadLetterRow, TouchpointRow};
pub use server::Server;
pub use tables::TableId;
pub use version::RowVersion;
