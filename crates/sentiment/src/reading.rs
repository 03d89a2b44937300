//! What the scorer says about one text.

use crate::{Language, TopicSet};

/// The feeling of a text as one of three classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Label {
    /// More likely negative than anything else.
    Negative,
    /// No feeling, or none that could be read.
    #[default]
    Neutral,
    /// More likely positive than anything else.
    Positive,
}

impl Label {
    /// The classes in the order of a table's columns.
    pub const ALL: [Label; 3] = [Label::Negative, Label::Neutral, Label::Positive];

    /// Stable lower-case name, as stored in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Label::Negative => "negative",
            Label::Neutral => "neutral",
            Label::Positive => "positive",
        }
    }
}

/// What was read from one text. Holds nothing of the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Reading {
    /// Language the text was scored in; `Und` when unsure or unknown to this build.
    pub language: Language,
    /// The likeliest class.
    pub label: Label,
    /// p(positive) − p(negative), in [−1, 1].
    pub score: f32,
    /// Calibrated probability of `label`, in [0, 1]; 0 when there was nothing to score.
    pub confidence: f32,
    /// What the text is about, by rules; may be empty.
    pub topics: TopicSet,
    /// True when the text states a fact a customer complains of ("never arrived", "charged twice"), whatever its tone.
    pub friction: bool,
    /// Unicode characters in the text as given.
    pub characters: u32,
}
