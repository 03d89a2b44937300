//! The plugged-in model as intake asks it: its queue, what was handed over, what is counted.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use crumbtrail_events::vocabulary::Channel;
use crumbtrail_intake::Plugin;
use crumbtrail_onnx::{Classifier, Fallback, Queue, Ticket};
use crumbtrail_sentiment::Language;
use crumbtrail_telemetry::{Metrics, catalogue};
use xxhash_rust::xxh3::xxh3_64;

use crate::config::{Config, ConfigError, PluginConfig};

/// Opens the model, if one is configured.
///
/// # Errors
/// It cannot be used; one line that names the file.
pub fn open(config: &Config) -> Result<Option<Classifier>> {
    let plugin = &config.sentiment.plugin;
    if !plugin.is_on() {
        return Ok(None);
    }
    let opened = Classifier::open(&plugin.files(), plugin.settings()).map(Some);
    opened.context(ConfigError::Names("sentiment.plugin".to_owned()))
}

/// A model and its queue: one a process, however many threads ask.
pub struct Plugged {
    queue: Queue,
    version: String,
    channels: Vec<Channel>,
    languages: Vec<Language>,
}

impl Plugged {
    /// Opens the model, if one is configured, and starts its thread.
    ///
    /// # Errors
    /// As [`open`].
    pub fn start(config: &Config) -> Result<Option<Arc<Plugged>>> {
        let Some(model) = open(config)? else { return Ok(None) };
        tracing::info!(model = model.version(), "a plugged-in model reads some texts' feeling");
        let version = model.version().to_owned();
        let plugin = &config.sentiment.plugin;
        let queue = Queue::start(model, plugin.queue as usize, plugin.limit()).context("sentiment.plugin")?;
        Ok(Some(Arc::new(Plugged::new(queue, version, plugin))))
    }

    fn new(queue: Queue, version: String, plugin: &PluginConfig) -> Plugged {
        let channels = plugin.channels.iter().map(|channel| channel.value()).collect();
        let languages = plugin.languages.iter().map(|language| language.value()).collect();
        Plugged { queue, version, channels, languages }
    }
}

/// The model as one intake asks it.
pub struct Asked {
    plugged: Arc<Plugged>,
    /// What was handed over ahead of its turn, by the text's hash: the model is a function of the text alone.
    ahead: VecDeque<(u64, Result<Ticket, Fallback>)>,
    metrics: Metrics,
}

impl Asked {
    /// Asks `plugged`, and counts in `metrics`.
    #[must_use]
    pub fn new(plugged: Arc<Plugged>, metrics: Metrics) -> Asked {
        Asked { plugged, ahead: VecDeque::new(), metrics }
    }

    /// The text as it was handed over; what stood before it came to nothing.
    fn handed_over(&mut self, text: &str) -> Option<Result<Ticket, Fallback>> {
        let hash = xxh3_64(text.as_bytes());
        let place = self.ahead.iter().position(|(other, _)| *other == hash)?;
        self.ahead.drain(..=place).next_back().map(|(_, handed_over)| handed_over)
    }
}

impl Plugin for Asked {
    fn reads(&self, channel: Channel, language: Language) -> bool {
        let Plugged { channels, languages, .. } = self.plugged.as_ref();
        channels.contains(&channel) && (languages.is_empty() || languages.contains(&language))
    }

    fn ahead(&mut self, text: &str) {
        self.ahead.push_back((xxh3_64(text.as_bytes()), self.plugged.queue.hand_over(text)));
    }

    fn forget(&mut self) {
        self.ahead.clear();
    }

    fn read(&mut self, text: &str) -> Option<[f32; 3]> {
        let handed_over = self.handed_over(text).unwrap_or_else(|| self.plugged.queue.hand_over(text));
        let read = handed_over.and_then(Ticket::wait);
        let outcome = read.as_ref().map_or_else(Fallback::kind, |_| "read");
        // A text of these costs milliseconds: a counter is no matter beside it.
        self.metrics.add(&catalogue::SENTIMENT_PLUGIN, &[outcome], 1);
        read.ok()
    }

    fn model_version(&self) -> &str {
        &self.plugged.version
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use crossbeam_channel::{Receiver, Sender, unbounded};
    use crumbtrail_onnx::Classify;

    use super::*;

    /// Reads a text as positive by its length once it may; fails at "fail".
    struct Slow(Receiver<()>);

    impl Classify for Slow {
        fn classify(&mut self, text: &str) -> Result<[f32; 3], Fallback> {
            let _ = self.0.recv();
            match text {
                "fail" => Err(Fallback::Failed("it says so".to_owned())),
                "long" => Err(Fallback::TooLong),
                text => Ok([0.0, 0.0, text.len() as f32]),
            }
        }
    }

    fn asked(plugin: &PluginConfig) -> (Asked, Sender<()>) {
        let (may, gate) = unbounded();
        let queue = Queue::start(Slow(gate), plugin.queue as usize, plugin.limit()).unwrap();
        let plugged = Plugged::new(queue, "onnx-of-this-test".to_owned(), plugin);
        (Asked::new(Arc::new(plugged), Metrics::new()), may)
    }

    fn counts(asked: &Asked) -> [u64; 5] {
        ["read", "full", "late", "too_long", "failed"]
            .map(|outcome| asked.metrics.counter(&catalogue::SENTIMENT_PLUGIN, &[outcome]))
    }

    #[test]
    fn each_text_gets_its_own_answer_whatever_was_told_ahead() {
        let (mut asked, may) = asked(&PluginConfig::default());
        (0..100).for_each(|_| may.send(()).unwrap());
        for text in ["a", "bb", "fail", "bb", "long", "dddd"] {
            asked.ahead(text);
        }
        let read = ["a", "bb", "fail", "never told", "long", "dddd"].map(|text| asked.read(text).map(|p| p[2]));
        assert_eq!(read, [Some(1.0), Some(2.0), None, Some(10.0), None, Some(4.0)]);
        assert_eq!(counts(&asked), [4, 0, 0, 1, 1]);
        assert!(asked.ahead.is_empty());
    }

    #[test]
    fn a_full_queue_and_a_late_model_leave_texts_to_the_tables() {
        let (mut asked, may) = asked(&PluginConfig { queue: 2, limit_ms: 200, ..PluginConfig::default() });
        for text in ["a", "b", "c", "d", "e", "f"] {
            asked.ahead(text);
        }
        let begun = Instant::now();
        let read = ["a", "b", "c", "d", "e", "f"].map(|text| asked.read(text));
        assert_eq!(read, [None; 6]);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        // One may have been taken out of the queue before the third came.
        let [read, full, late, ..] = counts(&asked);
        assert!(read == 0 && full + late == 6 && (3..=4).contains(&full), "{full} full, {late} late");
        drop(may);
    }

    #[test]
    fn channel_and_language_decide_what_it_reads() {
        let (tickets, _may) = asked(&PluginConfig::default());
        assert!(tickets.reads(Channel::Ticket, Language::Und) && !tickets.reads(Channel::Chat, Language::En));
        let thai = serde_json::json!({ "channels": ["email"], "languages": ["th"] });
        let thai: PluginConfig = serde_json::from_value(thai).unwrap();
        let (thai, _may) = asked(&thai);
        assert!(thai.reads(Channel::SupportEmail, Language::Th) && !thai.reads(Channel::SupportEmail, Language::En));
    }

    #[test]
    fn nothing_is_loaded_unless_configured() {
        assert!(Plugged::start(&Config::default()).unwrap().is_none());
        let mut config = Config::default();
        config.sentiment.plugin.model = "/nowhere/model.onnx".into();
        config.sentiment.plugin.tokenizer = "/nowhere/tokenizer.json".into();
        config.sentiment.plugin.runtime = "/nowhere/libonnxruntime.so".into();
        let error = format!("{:#}", Plugged::start(&config).err().unwrap());
        assert!(error.starts_with("sentiment.plugin: ") && error.lines().count() == 1, "{error}");
    }
}
