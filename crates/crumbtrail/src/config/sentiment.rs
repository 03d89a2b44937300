//! A model of one's own that reads some texts' feeling.

use std::path::PathBuf;
use std::time::Duration;

use crumbtrail_events::vocabulary::Channel;
use crumbtrail_onnx::{Files, Settings};
use crumbtrail_sentiment::{Label, Language};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Feeling of texts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SentimentConfig {
    /// A classification model of your own, in ONNX, that reads some support texts in place of the built-in tables.
    pub plugin: PluginConfig,
}

/// A plugged-in model.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PluginConfig {
    /// The model: ONNX, exported for sequence classification (`input_ids`, `attention_mask`, maybe `token_type_ids`, in; `logits`
    /// out). Empty: none, and nothing below counts. Read at the start only.
    pub model: PathBuf,
    /// Its `tokenizer.json` (Hugging Face's tokenizers: WordPiece, Unigram or BPE).
    pub tokenizer: PathBuf,
    /// ONNX Runtime's library, 1.22 or newer, such as `/usr/lib/libonnxruntime.so`. Empty: what `CRUMBTRAIL_ONNXRUNTIME` names, or
    /// what lies beside the program.
    pub runtime: PathBuf,
    /// What each of the model's outputs means, in their order: `negative`, `neutral` or `positive`; several may mean the same.
    pub labels: Vec<PluginLabel>,
    /// Support channels whose texts it reads: `chat`, `email`, `phone`, `ticket`, `review`, `survey`, `social`, `comment`, `store`.
    pub channels: Vec<PluginChannel>,
    /// Languages whose texts it reads, as the built-in tables tell them: `en`, `th`, `id`, `und`; empty: all.
    pub languages: Vec<PluginLanguage>,
    /// Texts with more tokens are left to the tables; at most what the model was made for.
    pub most_tokens: u32,
    /// Texts that may wait for it; more are left to the tables.
    pub queue: u32,
    /// How long intake waits for it, ms: for all texts of one fetch together. What is not read then is left to the tables.
    pub limit_ms: u32,
    /// Processor cores it may use for a text.
    pub threads: u32,
}

impl Default for PluginConfig {
    fn default() -> PluginConfig {
        PluginConfig {
            model: PathBuf::new(),
            tokenizer: PathBuf::new(),
            runtime: PathBuf::new(),
            labels: vec![PluginLabel::Negative, PluginLabel::Neutral, PluginLabel::Positive],
            channels: vec![PluginChannel::Ticket],
            languages: Vec::new(),
            most_tokens: 512,
            queue: 64,
            limit_ms: 1_000,
            threads: 1,
        }
    }
}

/// Makes an enum of configuration words, each of which stands for a value of ours.
macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident for $type:ty { $($(#[doc = $word:literal])+ $variant:ident = $value:expr;)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[doc = $word])+ $variant,)+
        }

        impl $name {
            /// What it stands for.
            #[must_use]
            pub fn value(self) -> $type {
                match self {
                    $($name::$variant => $value,)+
                }
            }
        }
    };
}

words! {
    /// What an output means.
    PluginLabel for Label {
        /// Negative.
        Negative = Label::Negative;
        /// Neutral.
        Neutral = Label::Neutral;
        /// Positive.
        Positive = Label::Positive;
    }
}

words! {
    /// A support channel, as sources name it.
    PluginChannel for Channel {
        /// Chat.
        Chat = Channel::Chat;
        /// E-mail to support.
        Email = Channel::SupportEmail;
        /// Phone, written down.
        Phone = Channel::Phone;
        /// A ticket.
        Ticket = Channel::Ticket;
        /// A review.
        Review = Channel::Review;
        /// A survey.
        Survey = Channel::Survey;
        /// Social media.
        Social = Channel::Social;
        /// A comment on the site.
        Comment = Channel::CommentOnSite;
        /// In a store.
        Store = Channel::Store;
    }
}

words! {
    /// A language, as the tables tell it.
    PluginLanguage for Language {
        /// English.
        En = Language::En;
        /// Thai.
        Th = Language::Th;
        /// Indonesian.
        Id = Language::Id;
        /// Unsure, or none of them.
        Und = Language::Und;
    }
}

impl PluginConfig {
    /// Whether a model is plugged in.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.model.as_os_str().is_empty()
    }

    /// Its files.
    #[must_use]
    pub fn files(&self) -> Files {
        let runtime = (!self.runtime.as_os_str().is_empty()).then(|| self.runtime.clone());
        Files { runtime, model: self.model.clone(), tokenizer: self.tokenizer.clone() }
    }

    /// How it is used.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            labels: self.labels.iter().map(|label| label.value()).collect(),
            most_tokens: self.most_tokens as usize,
            threads: self.threads as usize,
        }
    }

    /// How long intake waits.
    #[must_use]
    pub fn limit(&self) -> Duration {
        Duration::from_millis(u64::from(self.limit_ms))
    }

    /// Values that cannot work, each with what to do.
    pub(super) fn check(&self) -> Result<(), String> {
        if !self.is_on() {
            return Ok(());
        }
        let fail = |message: &str| Err(format!("sentiment.plugin.{message}"));
        if self.tokenizer.as_os_str().is_empty() {
            return fail("tokenizer is empty: name the tokenizer.json that belongs to the model");
        }
        if self.labels.len() < 2 || self.channels.is_empty() {
            return fail("labels must name every output of the model, and channels at least one channel");
        }
        if !(1..=100_000).contains(&self.queue) || !(1..=60_000).contains(&self.limit_ms) {
            return fail("queue must be 1 to 100000 texts and limit_ms 1 to 60000");
        }
        if self.threads == 0 || self.most_tokens == 0 {
            return fail("threads and most_tokens must be 1 or more");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::parse;

    #[test]
    fn words_of_the_configuration_are_values_of_ours() {
        let text = "sentiment:\n  plugin:\n    model: m.onnx\n    tokenizer: t.json\n    channels: [ticket, email]\n    \
                    languages: [th]\n    labels: [positive, negative]\n";
        let plugin = parse("c.yaml", text).unwrap().sentiment.plugin;
        let channels: Vec<Channel> = plugin.channels.iter().map(|channel| channel.value()).collect();
        assert_eq!(channels, [Channel::Ticket, Channel::SupportEmail]);
        assert_eq!(plugin.settings().labels, [Label::Positive, Label::Negative]);
        assert_eq!(plugin.languages[0].value(), Language::Th);
        assert!(plugin.is_on() && plugin.check().is_ok());
        assert!(parse("c.yaml", "sentiment:\n  plugin:\n    channels: [letter]\n").is_err());
    }

    #[test]
    fn what_cannot_work_is_named_with_its_key() {
        let on = PluginConfig { model: "m".into(), tokenizer: "t".into(), ..PluginConfig::default() };
        assert_eq!((PluginConfig::default().check(), on.check()), (Ok(()), Ok(())));
        let wrong = [
            PluginConfig { tokenizer: PathBuf::new(), ..on.clone() },
            PluginConfig { labels: vec![PluginLabel::Negative], ..on.clone() },
            PluginConfig { channels: Vec::new(), ..on.clone() },
            PluginConfig { queue: 0, ..on.clone() },
            PluginConfig { limit_ms: 60_001, ..on.clone() },
            PluginConfig { threads: 0, ..on.clone() },
        ];
        for plugin in wrong {
            let message = plugin.check().unwrap_err();
            assert!(message.starts_with("sentiment.plugin."), "{message}");
        }
    }
}
