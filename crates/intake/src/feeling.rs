//! Language, feeling, topics and friction of the texts people leave.

use crumbtrail_events::Touchpoint;
use crumbtrail_events::vocabulary::Feeling;
use crumbtrail_sentiment::{Label, Language, Scorer, Scratch};
use std::sync::{Arc, LazyLock};

/// Reads texts; one a thread.
pub(crate) struct Reader {
    scorer: Arc<LazyLock<Scorer>>,
    scratch: Scratch,
}

impl Reader {
    pub(crate) fn new(scorer: Arc<LazyLock<Scorer>>) -> Reader {
        Reader { scorer, scratch: Scratch::new() }
    }

    /// Fills feeling, score, confidence, topics, friction, length, model, and the language unless the source told it.
    pub(crate) fn read<'a>(&'a mut self, text: &str, told: &'a str, out: &mut Touchpoint<'a>) {
        if text.trim().is_empty() {
            return;
        }
        let reading = self.scorer.read(text, Language::from_tag(told), &mut self.scratch);
        out.feeling = match reading.label {
            Label::Negative => Feeling::Negative,
            Label::Neutral => Feeling::Neutral,
            Label::Positive => Feeling::Positive,
        };
        out.score = Some(reading.score);
        out.confidence = Some(reading.confidence);
        out.topics = reading.topics.0;
        out.friction = reading.friction;
        out.characters = reading.characters;
        out.model = self.scorer.model_version();
        if told.is_empty() {
            out.language = reading.language.as_str();
        }
    }
}
