//! What, beside a record's own bytes, decides which partition it goes to: constant within an epoch, noted beside its snapshots,
//! and compared at every start.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use crumbtrail_events::instant::rfc3339;
use crumbtrail_runtime::notes::Notes;
use serde::{Deserialize, Serialize};

use crate::config::{Config, chosen, keyring};

/// The name of the note.
pub(super) const NOTE: &str = "routing";
/// Whose hash tells two keys of the privacy hashes apart.
const PROBE: &str = "routing@example.org";

/// The rules that route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routing {
    partitions: u32,
    /// Site of a topic's records that name none, by topic.
    sites: BTreeMap<String, String>,
    never_link: Vec<String>,
    /// From which event time on which privacy key counts, ms, and what it makes of one and the same address.
    keys: Vec<(i64, String)>,
    /// Ids that route and are hashed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hashed: Vec<String>,
}

impl Routing {
    /// As configured; `key` is the first privacy key.
    ///
    /// # Errors
    /// Keys that cannot work.
    pub fn of(config: &Config, key: &[u8]) -> Result<Routing> {
        let ring = keyring(&config.privacy, key).map_err(anyhow::Error::msg)?;
        let later = config.privacy.later_keys.iter().filter_map(|later| rfc3339(&later.from));
        let hash = |at_ms| {
            let (mut normal, mut hash) = (String::new(), String::new());
            ring.contact(PROBE, "", at_ms, &mut normal, &mut hash).to_owned()
        };
        let mut never_link = config.identity.never_link.clone();
        never_link.sort();
        never_link.dedup();
        Ok(Routing {
            partitions: config.log.partitions,
            sites: config.sources.iter().map(|source| (source.topic.clone(), source.site.clone())).collect(),
            never_link,
            keys: std::iter::once(i64::MIN).chain(later).map(|from_ms| (from_ms, hash(from_ms))).collect(),
            hashed: chosen(&config.privacy).map_err(anyhow::Error::msg)?.routing().map(str::to_owned).collect(),
        })
    }

    /// What differs from the rules an epoch was begun under, in words. Topics that come or go and keys that take over later
    /// change nothing for the records there are.
    fn changes(&self, begun: &Routing) -> Vec<String> {
        let mut changes = Vec::new();
        let (was, is) = (begun.partitions, self.partitions);
        if was != is {
            changes.push(format!("log.partitions was {was}, is {is}"));
        }
        for (topic, was) in &begun.sites {
            if let Some(is) = self.sites.get(topic).filter(|is| *is != was) {
                changes.push(format!("the site of source {topic} was {was:?}, is {is:?}"));
            }
        }
        if self.never_link != begun.never_link {
            changes.push(format!("identity.never_link was {:?}, is {:?}", begun.never_link, self.never_link));
        }
        if self.hashed != begun.hashed {
            let (was, is) = (&begun.hashed, &self.hashed);
            changes.push(format!("of the ids that route privacy.hash_fields had {was:?}, has {is:?}"));
        }
        if !self.keys.starts_with(&begun.keys) {
            changes.push("the keys of privacy are others".to_owned());
        }
        changes
    }

    /// Adds what has come since without changing anything.
    fn joined(mut self, begun: Routing) -> Routing {
        for (topic, site) in begun.sites {
            self.sites.entry(topic).or_insert(site);
        }
        self
    }
}

/// Holds the configuration against the rules an epoch was begun under, if it was begun.
///
/// # Errors
/// It routes differently; the notes cannot be read.
pub fn check(notes: &Notes, epoch: u8, routing: &Routing) -> Result<()> {
    let Some(begun) = read(notes)? else { return Ok(()) };
    let changes = routing.changes(&begun);
    if changes.is_empty() {
        return Ok(());
    }
    bail!(
        "epoch {epoch} was begun under other rules of routing: {}. Under these a visitor's or customer's records would go to two \
         partitions, and what belongs together be cut in two. Put it back, or begin the next epoch with it: `crumbtrail rebuild` \
         makes its tables beside the old ones, and shows them at its end (`--dry-run` says how long it takes)",
        changes.join("; ")
    )
}

/// Notes the rules of an epoch, once its logs are there.
///
/// # Errors
/// The notes cannot be read or written.
pub fn note(notes: &Notes, routing: Routing) -> Result<()> {
    let begun = read(notes)?;
    let joined = begun.clone().map_or_else(|| routing.clone(), |begun| routing.clone().joined(begun));
    if begun.as_ref() != Some(&joined) {
        notes.put(NOTE, serde_json::to_vec(&joined)?).context("the rules of routing cannot be noted")?;
    }
    Ok(())
}

/// How many partitions the logs of an epoch were begun with, if that is noted. A topic may have been given more since; they have
/// nothing of ours.
///
/// # Errors
/// The notes cannot be read.
pub fn partitions(notes: &Notes) -> Result<Option<u32>> {
    Ok(read(notes)?.map(|begun| begun.partitions))
}

fn read(notes: &Notes) -> Result<Option<Routing>> {
    let Some(bytes) = notes.get(NOTE).context("the rules of routing cannot be read")? else { return Ok(None) };
    serde_json::from_slice(&bytes)
        .map(Some)
        .context("the rules of routing cannot be read: did a newer version write them?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LaterKeyConfig, SourceConfig};

    fn config(topics: &[(&str, &str)], later_keys: &[&str]) -> Config {
        let mut config = Config::default();
        let source = |(topic, site): &(&str, &str)| SourceConfig {
            topic: (*topic).to_owned(),
            site: (*site).to_owned(),
            ..SourceConfig::default()
        };
        config.sources = topics.iter().map(source).collect();
        let later = |(number, key): (usize, &&str)| LaterKeyConfig {
            from: format!("202{}-01-01T00:00:00Z", 7 + number),
            key: (*key).to_owned(),
        };
        config.privacy.later_keys = later_keys.iter().enumerate().map(later).collect();
        config
    }

    fn routing(config: &Config) -> Routing {
        Routing::of(config, b"the first of the keys").unwrap()
    }

    #[test]
    fn what_routes_differently_is_told_and_what_does_not_is_not() {
        let begun = routing(&config(&[("clicks", "shop")], &["the second of the keys"]));
        let told = |config: &Config| routing(config).changes(&begun);
        let mut same =
            config(&[("clicks", "shop"), ("more", "x")], &["the second of the keys", "the third of the keys"]);
        same.rules.gap_seconds = 60;
        same.generation.0 = 7;
        assert_eq!(told(&same), [] as [&str; 0], "topics and keys may come");
        assert_eq!(told(&config(&[], &["the second of the keys"])), [] as [&str; 0], "and topics go");
        let told_of = |config: Config, words: &str| {
            let told = told(&config);
            assert!(told.len() == 1 && told[0].contains(words), "{told:?}");
        };
        told_of(config(&[("clicks", "store")], &["the second of the keys"]), "was \"shop\", is \"store\"");
        told_of(config(&[("clicks", "shop")], &["another than the second"]), "privacy");
        told_of(config(&[("clicks", "shop")], &[]), "privacy");
        let mut other = config(&[("clicks", "shop")], &["the second of the keys"]);
        other.log.partitions = 9;
        told_of(other, "log.partitions was 4, is 9");
        let mut other = config(&[("clicks", "shop")], &["the second of the keys"]);
        other.identity.never_link = vec!["TILL".to_owned()];
        told_of(other, "never_link was [], is [\"TILL\"]");
        let mut other = config(&[("clicks", "shop")], &["the second of the keys"]);
        other.privacy.hash_fields = ["properties.email", "order_id"].map(str::to_owned).to_vec();
        assert_eq!(told(&other), [] as [&str; 0], "what routes nothing may change");
        other.privacy.hash_fields.push("customer".to_owned());
        told_of(other, "hash_fields had [], has [\"customer\"]");
        assert!(!serde_json::to_string(&begun).unwrap().contains("of the keys"), "no secret is noted");
    }

    #[test]
    fn a_topic_that_comes_back_is_known_still() {
        let begun = routing(&config(&[("clicks", "shop")], &[]));
        let joined = routing(&config(&[("more", "x")], &[])).joined(begun);
        assert_eq!(joined.sites.len(), 2);
        assert_eq!(routing(&config(&[("clicks", "store")], &[])).changes(&joined).len(), 1);
    }
}
