//! A made-up shop: three months of clicks and support entries, the same for the same seed, with truths planted in them.
//!
//! [`World`] is an omnichannel shop with customers in Bangkok, Jakarta and English-speaking places; [`World::truths`]
//! says what was planted, so that a report can be held against it. [`Load`] is a plain stream of clicks with a known
//! number of sessions, for benchmarks. Both give borrowed events, to be written by `crumbtrail_events::encode`.
//!
//! ```
//! use crumbtrail_world::{Record, World};
//!
//! let world = World::new(7, 0.01);
//! let mut line = Vec::new();
//! let told: Result<(), std::convert::Infallible> = world.visit(|record| {
//!     line.clear();
//!     match record {
//!         Record::Click(click) => crumbtrail_events::encode::json::click(&click, &mut line),
//!         Record::Support(entry) => crumbtrail_events::encode::json::support(&entry, &mut line),
//!         Record::Malformed(record) => line.extend_from_slice(&record.bytes),
//!     }
//!     Ok(())
//! });
//! assert!(told.is_ok() && !line.is_empty());
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod arrivals;
mod catalogue;
pub mod container;
mod devices;
mod dice;
mod load;
mod malformed;
mod people;
mod places;
mod plan;
mod render;
mod rough;
mod shopping;
mod support;
mod tally;
mod texts;
mod world;

pub use load::{Load, LoadShape, LoadTruths};
pub use malformed::Malformed;
pub use places::{geo_database, geo_rows};
pub use tally::{BrokenStep, DrawingStore, Truths};
pub use world::{Record, World};

/// Site of all records.
pub const SITE: &str = "tamarind";
/// Hosts of the site: referrers from them are internal.
pub const OWN_HOSTS: [&str; 1] = ["www.tamarind.example"];
/// First moment of every world: 2025-06-01, ms since the epoch, UTC.
pub const START_MS: i64 = 1_748_736_000_000;
/// Days of every world.
pub const DAYS: i64 = 92;
