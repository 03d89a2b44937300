//! What a record says between the lines: where it was left, on what device, by which channel, with what to hide.
//!
//! Pure once its tables are loaded: no clock, no environment, no network. One [`Enricher`] a thread; it fills the
//! enrichment fields of a [`crumbtrail_events::Touchpoint`] and allocates nothing once its caches are warm.
#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod addresses;
pub mod agent;
mod agents;
pub mod asn;
mod cache;
pub mod channel;
pub mod consent;
pub mod contact;
pub mod enricher;
pub mod fence;
pub mod geo;
pub mod hashing;
pub mod ip;
mod json;
pub mod keyring;
pub mod media;
mod mmdb;
#[cfg(any(test, feature = "writer"))]
pub mod mmdb_writer;
pub mod network;
pub mod page;
pub mod pii;
mod place;
mod places;
pub mod query;
pub mod rules;
mod site;
pub mod sources;
mod text;
pub mod url;

pub use agent::Agent;
pub use enricher::{Enricher, Extras, Missing};
pub use geo::{Geo, GeoError, Place};
pub use hashing::{Chosen, Hasher};
pub use keyring::{Key, Keyring};
pub use places::Origin;
pub use rules::{Rules, SiteRules};
