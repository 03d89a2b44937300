//! Language, feeling, topics and friction of the texts people leave.

use crate::plugin::Plugin;
use crumbtrail_events::Touchpoint;
use crumbtrail_events::vocabulary::{Channel, Feeling, Says};
use crumbtrail_sentiment::{Kind, Label, Language, Scorer, Scratch};
use std::sync::{Arc, LazyLock};

/// Reads texts; one a thread.
pub(crate) struct Reader {
    scorer: Arc<LazyLock<Scorer>>,
    scratch: Scratch,
    /// Reads some texts of support in place of the tables.
    pub(crate) plugin: Option<Box<dyn Plugin>>,
}

impl Reader {
    pub(crate) fn new(scorer: Arc<LazyLock<Scorer>>) -> Reader {
        Reader { scorer, scratch: Scratch::new(), plugin: None }
    }

    /// Tells the plug-in, if it reads such texts, of one that is to be read soon.
    pub(crate) fn ahead(&mut self, text: &str, told: &str, channel: Channel) {
        let Some(plugin) = &mut self.plugin else { return };
        if !text.trim().is_empty() {
            let language = self.scorer.read(text, Language::from_tag(told), &mut self.scratch).language;
            if plugin.reads(channel, language) {
                plugin.ahead(text);
            }
        }
    }

    /// Fills feeling, score, confidence, what it says, topics, likes, dislikes, friction, length, model, and the language
    /// unless the source told it.
    /// `channel` is that of a support entry: its feeling may be the plug-in's to tell.
    pub(crate) fn read<'a>(
        &'a mut self,
        text: &str,
        told: &'a str,
        channel: Option<Channel>,
        out: &mut Touchpoint<'a>,
    ) {
        if text.trim().is_empty() {
            return;
        }
        let mut reading = self.scorer.read(text, Language::from_tag(told), &mut self.scratch);
        out.model = self.scorer.model_version();
        if let (Some(plugin), Some(channel)) = (&mut self.plugin, channel)
            && plugin.reads(channel, reading.language)
            && let Some(probabilities) = plugin.read(text)
        {
            reading.feel(probabilities);
            out.model = plugin.model_version();
        }
        out.feeling = match reading.label {
            Label::Negative => Feeling::Negative,
            Label::Neutral => Feeling::Neutral,
            Label::Positive => Feeling::Positive,
        };
        out.score = Some(reading.score);
        out.confidence = Some(reading.confidence);
        out.says = match reading.kind {
            Kind::Statement => Says::Statement,
            Kind::Question => Says::Question,
            Kind::Complaint => Says::Complaint,
            Kind::Suggestion => Says::Suggestion,
            Kind::Praise => Says::Praise,
        };
        (out.topics, out.likes, out.dislikes) = (reading.topics.0, reading.likes.0, reading.dislikes.0);
        (out.friction, out.frictions) = (reading.friction, reading.frictions.0);
        out.characters = reading.characters;
        if told.is_empty() {
            out.language = reading.language.as_str();
        }
    }
}
