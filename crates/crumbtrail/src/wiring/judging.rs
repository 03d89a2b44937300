//! What decides an outcome or an enrichment, beside a record's own bytes and the files that are named: it may change at any moment,
//! under a higher `generation`. Noted beside the snapshots of the epoch, so that nobody changes it and forgets that: records decided
//! under two configurations of one generation are not told apart by their readers.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use crumbtrail_runtime::notes::Notes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;

/// The name of the note.
pub(super) const NOTE: &str = "judging";
/// Keys of these sections that judge nothing: they route, keep, hash or say how fast.
const OTHERS: [&str; 9] = [
    "privacy.key",
    "privacy.later_keys",
    "privacy.overlap_days",
    "privacy.text_ttl_days",
    "privacy.hash_fields",
    "sentiment.plugin.runtime",
    "sentiment.plugin.queue",
    "sentiment.plugin.limit_ms",
    "sentiment.plugin.threads",
];

/// The keys that judge, under a generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judging {
    generation: u32,
    keys: BTreeMap<String, Value>,
}

impl Judging {
    /// As configured.
    ///
    /// # Errors
    /// A value cannot be written.
    pub fn of(config: &Config) -> Result<Judging> {
        let mut keys = BTreeMap::new();
        flatten("enrich", serde_json::to_value(&config.enrich)?, &mut keys);
        flatten("sentiment", serde_json::to_value(&config.sentiment)?, &mut keys);
        flatten("privacy", serde_json::to_value(&config.privacy)?, &mut keys);
        keys.retain(|key, _| !OTHERS.contains(&key.as_str()));
        for source in &config.sources {
            let read = serde_json::to_value((source.kind, source.format))?;
            keys.insert(format!("kind and format of source {}", source.topic), read);
        }
        Ok(Judging { generation: config.generation.0, keys })
    }

    /// What differs from the same generation of before, in words. Topics may come and go; a key that came with this build has stood at
    /// its default.
    fn changes(&self, before: &Judging) -> Result<Vec<String>> {
        let defaults = Judging::of(&Config::default())?.keys;
        let differs = |(key, is): (&String, &Value)| {
            let was = before.keys.get(key).or_else(|| defaults.get(key))?;
            (was != is).then(|| format!("{key} was {was}, is {is}"))
        };
        Ok(self.keys.iter().filter_map(differs).collect())
    }
}

fn flatten(name: &str, value: Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            fields.into_iter().for_each(|(key, value)| flatten(&format!("{name}.{key}"), value, into))
        }
        value => {
            into.insert(name.to_owned(), value);
        }
    }
}

/// Holds the configuration against what its generation was, if that is noted. That it is no older one the log itself tells.
///
/// # Errors
/// It judges otherwise under the same generation; the notes cannot be read.
pub fn check(notes: &Notes, judging: &Judging) -> Result<()> {
    let Some(before) = read(notes)?.filter(|before| before.generation == judging.generation) else { return Ok(()) };
    let changes = judging.changes(&before)?;
    if changes.is_empty() {
        return Ok(());
    }
    bail!(
        "the configuration judges otherwise than before under the same generation: {}. Raise `generation` to {}, so that records \
         decided under both are told apart; or put it back",
        changes.join("; "),
        judging.generation.saturating_add(1)
    )
}

/// Notes it, unless a later generation is there.
///
/// # Errors
/// The notes cannot be read or written.
pub fn note(notes: &Notes, mut judging: Judging) -> Result<()> {
    if let Some(before) = read(notes)? {
        if before.generation > judging.generation {
            return Ok(());
        }
        if before.generation == judging.generation {
            // Of topics that went, it is known still how they were read.
            before.keys.iter().for_each(|(key, was)| {
                judging.keys.entry(key.clone()).or_insert_with(|| was.clone());
            });
        }
        if before == judging {
            return Ok(());
        }
    }
    notes.put(NOTE, serde_json::to_vec(&judging)?).context("what the configuration judges by cannot be noted")
}

fn read(notes: &Notes) -> Result<Option<Judging>> {
    let Some(bytes) = notes.get(NOTE).context("what the configuration judged by cannot be read")? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .context("what the configuration judged by cannot be read: did a newer version write it?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SourceConfig, SourceFormat};

    fn judging(change: impl FnOnce(&mut Config)) -> Judging {
        let sources = vec![SourceConfig { topic: "clicks".to_owned(), ..SourceConfig::default() }];
        let mut config = Config { sources, ..Config::default() };
        change(&mut config);
        Judging::of(&config).unwrap()
    }

    #[test]
    fn what_judges_otherwise_is_told_and_what_does_not_is_not() {
        let before = judging(|_| ());
        let told = |change: fn(&mut Config)| judging(change).changes(&before).unwrap();
        assert_eq!(told(|config| config.enrich.drop_bots = true), ["enrich.drop_bots was false, is true"]);
        let format = told(|config| config.sources[0].format = SourceFormat::Segment);
        assert_eq!(format, [r#"kind and format of source clicks was ["click","native"], is ["click","segment"]"#]);
        assert_eq!(
            told(|config| config.sentiment.plugin.most_tokens = 9),
            ["sentiment.plugin.most_tokens was 512, is 9"]
        );
        assert_eq!(told(|config| config.privacy.consent_required = true).len(), 1);
        for same in [
            (|config| config.sources.clear()) as fn(&mut Config),
            |config| config.sources.push(SourceConfig { topic: "more".to_owned(), ..SourceConfig::default() }),
            |config| config.sentiment.plugin.threads = 4,
            |config| config.privacy.key = "another key, which routes".to_owned(),
            |config| config.rules.gap_seconds = 7,
        ] {
            assert_eq!(told(same), [""; 0]);
        }
        assert!(
            !serde_json::to_string(&judging(|config| config.privacy.key = "s3cret".to_owned()))
                .unwrap()
                .contains("s3cret")
        );
    }

    #[test]
    fn a_key_of_a_later_build_has_stood_at_its_default() {
        let mut before = judging(|_| ());
        before.keys.remove("enrich.drop_bots");
        assert_eq!(judging(|_| ()).changes(&before).unwrap(), [""; 0]);
        assert_eq!(judging(|config| config.enrich.drop_bots = true).changes(&before).unwrap().len(), 1);
    }
}
