//! Language, feeling, topics and friction of short customer texts in English, Thai and Indonesian.
//!
//! A linear model over hashed features, one int8 table per language, no tokenizer and no segmenter: one to five
//! microseconds a text. Everything here is pure: [`Scorer::embedded`] unpacks the tables compiled into the program and
//! [`Scorer::read`] is a function of the text, the hint and nothing else.
//!
//! | question | where |
//! |---|---|
//! | how is a text cleaned and cut? | `normalise.rs`, `token.rs`, `words.rs` |
//! | what does the model look at? | `features.rs`, `lexicon.rs`, `emoji.rs` |
//! | which language is it? | `identify.rs`, `short.rs` |
//! | what is it about, what does it complain of? | `rules.rs`, `weigh.rs`, `topics/*.tsv`, `topics.rs`, `friction.rs` |
//! | what is liked and disliked? | `aspects.rs` |
//! | how are the tables stored, what is remembered? | `table.rs`, `memo.rs` |
//! | which words made it so? | `explain.rs` |
//! | how is it fitted to own labels? | `calibrate.rs` |
//! | how were the tables trained, how good are they? | `src/bin/train/`, `docs/sentiment.md` |
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod aspects;
pub mod calibrate;
pub mod emoji;
mod error;
mod explain;
mod family;
pub mod features;
mod flags;
mod found;
mod friction;
mod hash;
pub mod identify;
pub mod language;
pub mod lexicon;
mod memo;
pub mod normalise;
mod reading;
mod rules;
mod scorer;
mod short;
pub mod symbol;
pub mod table;
mod thai_not;
mod token;
mod tone;
mod topics;
mod weigh;
mod words;

pub use calibrate::Calibration;
pub use error::ModelError;
pub use explain::{Contribution, Explanation, RuleHit};
pub use friction::{FrictionKind, FrictionSet, NAMES as FRICTION_NAMES};
pub use language::Language;
pub use normalise::Scratch;
pub use reading::{Kind, Label, Reading};
pub use rules::{Found, TopicError, TopicRules};
pub use scorer::{RULES, Scorer};
pub use topics::{NAMES as TOPIC_NAMES, TopicSet};
