//! Whose a visitor is: which customer a device or a contact belongs to, and what changes hands when that becomes known.
//!
//! *Who decides?* `claims.rs`: of rival claims the least in (event time, event id) wins, an operator's before all others,
//! and whatever an operator undid stays undone. *Who else uses the device?* `turns.rs`. *What follows?* `identity.rs`: anonymous touchpoints within the look-back
//! go from the visitor's journey to the customer's, or back. They are kept for that in `ring.rs`, under their own key.
//! *How many ids may one customer have?* `crowd.rs`.
//! *Which customers are one person?* `aliases.rs`: every partition is told every alias, and hands its touchpoints over alike.
//!
//! Decided by the visitor's partition alone, out of what its log says, so the order in which claims and touchpoints arrive
//! does not matter. Semantics: a retroactive join over a look-back (Jitsu's), an identified visitor is never merged into
//! another customer (PostHog's), and unlike theirs a link can be undone.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod aliases;
mod chunk;
mod claims;
mod crowd;
mod identity;
mod ids;
mod ring;
pub mod rows;
pub mod rules;
mod saving;
mod shards;
mod snapshot;
mod turns;

pub use aliases::AliasEvidence;
pub use claims::How;
pub use identity::{Customer, Evidence, Identity, Out};
pub use ring::Packing;
pub use rows::{IdKind, LinkRow, Standing};
pub use rules::Rules;
pub use turns::Mark;
