//! Sessions and conversations: where they are cut, and what their rows say.
//!
//! *Where is a session cut?* In `window.rs`, and nowhere else. The rest keeps the events those rules need, in as few
//! bytes as it can: `event.rs` (32 bytes each), `chain.rs` (the events that a gap connects; `live.rs`, `places.rs`, `parts.rs` and `fold.rs`: of a hot visitor; `away.rs` and `spill.rs`: of a quiet one, on disk), `slots.rs` (the keys), `names.rs` (their visitors),
//! `session.rs` and `conversation.rs` (what events add up to), `emit.rs` (which rows are said and taken back),
//! `state.rs` (one partition), `change.rs` (other rules from here on), `snapshot.rs` (the state as bytes). What a rule needs to know has a file of its own:
//! `campaign.rs`, `midnight.rs`, `engaged.rs`, `behaviour.rs`, `stays.rs`, `business_hours.rs`, `sla.rs`. `docs/sessions.md` draws them.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod ahead;
mod attributes;
mod away;
mod behaviour;
mod business_hours;
mod campaign;
mod chain;
mod change;
mod conversation;
mod emit;
mod engaged;
mod error;
mod event;
mod feedback;
mod fields;
mod fold;
mod intern;
mod live;
mod midnight;
mod names;
mod opinions;
mod pages;
mod parts;
mod place;
mod places;
mod queue;
mod repeat;
pub mod rows;
pub mod rules;
mod saving;
mod session;
mod sla;
mod slots;
mod snapshot;
mod spill;
mod stale;
mod state;
mod stays;
mod stored;
mod told;
mod waiting;
mod window;

pub use behaviour::Pace;
pub use business_hours::{BadHours, Hours};
pub use error::SessionsError;
pub use midnight::Zone;
pub use rows::Out;
pub use rules::{Kinds, Limits, RuleBook, Rules};
pub use session::session_id;
pub use sla::Policy;
pub use spill::Budget;
pub use state::{Judged, Sessions};
pub use stays::StayRules;
