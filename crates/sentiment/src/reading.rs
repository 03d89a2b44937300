//! What the scorer says about one text.

use crate::{FrictionKind, FrictionSet, Language, TopicSet};

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

    /// The label of a name or of its first three letters, whatever the case: `negative`, `neg`.
    pub fn from_name(name: &str) -> Option<Label> {
        let name = name.trim();
        Label::ALL
            .into_iter()
            .find(|label| name.eq_ignore_ascii_case(label.as_str()) || name.eq_ignore_ascii_case(&label.as_str()[..3]))
    }
}

/// What a text does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Kind {
    /// None of the others.
    #[default]
    Statement,
    /// It asks.
    Question,
    /// It complains, of a fact or in tone.
    Complaint,
    /// It wishes for something to be done otherwise.
    Suggestion,
    /// It praises or thanks.
    Praise,
}

impl Kind {
    /// Stable lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Statement => "statement",
            Kind::Question => "question",
            Kind::Complaint => "complaint",
            Kind::Suggestion => "suggestion",
            Kind::Praise => "praise",
        }
    }

    /// Of what was found. A fact complained of outweighs all, unless the tone is good; a wish and a question outweigh tone.
    pub(crate) fn of(speech: TopicSet, friction: bool, label: Label, confidence: f32) -> Kind {
        let asks = speech.meets(TopicSet::QUESTION);
        if friction && label != Label::Positive && !(asks && label == Label::Neutral) {
            Kind::Complaint
        } else if speech.meets(TopicSet::SUGGESTION) {
            Kind::Suggestion
        } else if asks && !(label == Label::Negative && confidence > 0.8) {
            Kind::Question
        } else if label == Label::Negative {
            Kind::Complaint
        } else if label == Label::Positive || speech.meets(TopicSet::PRAISE) {
            Kind::Praise
        } else {
            Kind::Statement
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
    /// What the text does.
    pub kind: Kind,
    /// What it does, by rules; the kind follows from it.
    pub(crate) speech: TopicSet,
    /// Topics spoken of well.
    pub likes: TopicSet,
    /// Topics spoken of badly.
    pub dislikes: TopicSet,
    /// True when the text states a fact a customer complains of ("never arrived", "charged twice"), whatever its tone.
    pub friction: bool,
    /// What the fact is, by the phrase that says most; `None` without friction.
    pub friction_kind: Option<FrictionKind>,
    /// Every such fact the text states; empty without friction.
    pub frictions: FrictionSet,
    /// The rule that said so, for [`crate::Scorer::rule_phrase`]; 0 without friction.
    pub friction_rule: u16,
    /// Unicode characters in the text as given.
    pub characters: u32,
}

impl Reading {
    /// Takes label, score and confidence from these probabilities of negative, neutral, positive, and what follows from them:
    /// the kind. Where two are equally likely, neutral wins.
    pub fn feel(&mut self, probabilities: [f32; 3]) {
        self.set_feeling(probabilities);
        self.kind = Kind::of(self.speech, self.friction, self.label, self.confidence);
    }

    pub(crate) fn set_feeling(&mut self, probabilities: [f32; 3]) {
        let best = (0..3).fold(1, |best, class| if probabilities[class] > probabilities[best] { class } else { best });
        self.label = Label::ALL[best];
        self.confidence = probabilities[best];
        self.score = probabilities[2] - probabilities[0];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feeling_brings_its_kind() {
        let mut reading = Reading { friction: true, ..Reading::default() };
        reading.feel([0.7, 0.1, 0.2]);
        assert_eq!((reading.label, reading.confidence, reading.kind), (Label::Negative, 0.7, Kind::Complaint));
        assert!((reading.score + 0.5).abs() < 1e-6);
        reading.feel([0.5, 0.5, 0.0]);
        assert_eq!(reading.label, Label::Neutral);
    }

    #[test]
    fn labels_are_read_by_name_or_abbreviation() {
        assert_eq!(Label::from_name("POS"), Some(Label::Positive));
        assert_eq!(Label::from_name(" neutral"), Some(Label::Neutral));
        assert_eq!(Label::from_name("bad"), None);
    }

    #[test]
    fn what_a_text_does_follows_from_what_was_found() {
        let none = TopicSet::default();
        assert_eq!(Kind::of(none, true, Label::Neutral, 0.9), Kind::Complaint);
        assert_eq!(Kind::of(none, true, Label::Positive, 0.9), Kind::Praise);
        assert_eq!(Kind::of(TopicSet::QUESTION, true, Label::Neutral, 0.9), Kind::Question);
        assert_eq!(Kind::of(TopicSet::SUGGESTION, false, Label::Positive, 0.9), Kind::Suggestion);
        assert_eq!(Kind::of(TopicSet::QUESTION, false, Label::Negative, 0.9), Kind::Complaint);
        assert_eq!(Kind::of(none, false, Label::Neutral, 0.9), Kind::Statement);
    }
}
