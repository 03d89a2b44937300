//! Who says what a text feels like: the tables, or the model that a configuration plugs in.

use std::path::Path;

use anyhow::{Result, bail};
use crumbtrail_onnx::{Classifier, Classify as _, Fallback};
use crumbtrail_sentiment::{Language, Reading, Scorer, Scratch};

use crate::config;
use crate::wiring::plugin;

/// The tables, and maybe a plugged-in model.
pub(super) struct Voice {
    pub(super) scorer: Scorer,
    plugin: Option<Plugin>,
}

struct Plugin {
    model: Classifier,
    languages: Vec<Language>,
}

/// Who spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spoke {
    /// The tables: there is no other model, or it does not read this language.
    Tables,
    /// The plugged-in model.
    Plugin,
    /// The tables, since the plugged-in model did not.
    Instead(Fallback),
}

impl Voice {
    pub(super) fn of_tables(scorer: Scorer) -> Voice {
        Voice { scorer, plugin: None }
    }

    /// With the model that is plugged in by the configuration at `path`. It has all the time it needs here.
    ///
    /// # Errors
    /// The configuration or the model cannot be used, or there is none in it.
    pub(super) fn with_plugin(scorer: Scorer, path: &Path) -> Result<Voice> {
        let config = config::load(Some(path))?;
        let Some(model) = plugin::open(&config)? else {
            bail!("{}: no model is plugged in (sentiment.plugin.model)", path.display());
        };
        let languages = config.sentiment.plugin.languages.iter().map(|language| language.value()).collect();
        Ok(Voice { scorer, plugin: Some(Plugin { model, languages }) })
    }

    pub(super) fn has_plugin(&self) -> bool {
        self.plugin.is_some()
    }

    pub(super) fn read(&mut self, text: &str, hint: Option<Language>, scratch: &mut Scratch) -> (Reading, Spoke) {
        let mut reading = self.scorer.read(text, hint, scratch);
        let spoke = self.feel(text, &mut reading);
        (reading, spoke)
    }

    /// Has the plugged-in model say what the tables have said.
    pub(super) fn feel(&mut self, text: &str, reading: &mut Reading) -> Spoke {
        let Some(Plugin { model, languages }) = &mut self.plugin else { return Spoke::Tables };
        if text.trim().is_empty() || !(languages.is_empty() || languages.contains(&reading.language)) {
            return Spoke::Tables;
        }
        match model.classify(text) {
            Ok(probabilities) => {
                reading.feel(probabilities);
                Spoke::Plugin
            }
            Err(why) => Spoke::Instead(why),
        }
    }

    /// The version of the model that spoke.
    pub(super) fn version(&self, spoke: &Spoke) -> &str {
        match (spoke, &self.plugin) {
            (Spoke::Plugin, Some(plugin)) => plugin.model.version(),
            _ => self.scorer.model_version(),
        }
    }

    /// Who spoke, for people; `before` is what the tables had said.
    pub(super) fn tell(&self, spoke: &Spoke, before: &Reading) -> String {
        let tables = self.scorer.model_version();
        match (spoke, &self.plugin) {
            (Spoke::Plugin, Some(Plugin { model, .. })) => format!(
                "{}; words and rules are of the tables {tables}, which say {} {:+.2}",
                model.version(),
                before.label.as_str(),
                before.score
            ),
            (Spoke::Instead(why), Some(Plugin { model, .. })) => {
                format!("{tables}; {} did not read it: {}", model.version(), why.kind())
            }
            _ => tables.to_owned(),
        }
    }
}
