//! Language, feeling, topics and friction of short customer texts in English, Thai and Indonesian.
//!
//! A linear model over hashed features, one int8 table per language, no tokenizer and no segmenter: about two
//! microseconds a text. Everything here is pure: [`Scorer::embedded`] unpacks the tables compiled into the program and
//! [`Scorer::read`] is a function of the text, the hint and nothing else.
//!
//! | question | where |
//! |---|---|
//! | how is a text cleaned? | `normalise.rs` |
//! | what does the model look at? | `features.rs`, `lexicon.rs`, `emoji.rs` |
//! | which language is it? | `language.rs` |
//! | what is it about, is it a complaint of fact? | `topics.rs`, `topics/*.tsv` |
//! | how are the tables stored? | `table.rs` |
//! | how were they trained, how good are they? | `src/bin/train/`, `MODEL_CARD.md` |
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod emoji;
pub mod features;
mod hash;
pub mod language;
pub mod lexicon;
pub mod normalise;
mod reading;
mod scorer;
pub mod table;
mod topics;

pub use language::Language;
pub use normalise::Scratch;
pub use reading::{Label, Reading};
pub use scorer::Scorer;
pub use table::ModelError;
pub use topics::{NAMES as TOPIC_NAMES, TopicError, TopicRules, TopicSet};
