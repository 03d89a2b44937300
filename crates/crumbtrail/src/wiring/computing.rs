//! What an epoch is computed by: the rules it began with, and those that records of its log have told since, noted beside its
//! snapshots.
//!
//! The log is what counts: every partition changes its rules where their record stands. The note says what the log begins
//! with (for a replay from there), holds a configuration against what is in force, and tells an operator since when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use crumbtrail_events::EventTime;
use crumbtrail_events::ids::id_hash;
use crumbtrail_journeys::JourneyRules;
use crumbtrail_journeys::model::StageModel;
use crumbtrail_runtime::notes::Notes;
use crumbtrail_sessions::{RuleBook, Rules};
use crumbtrail_steps::{Ruling, Told};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rules;
use crate::config::{Config, ConfigError};

/// The name of the note.
pub(super) const NOTE: &str = "rules";
/// Keys that records of the log do not change: what is kept, and for how long, follows from them.
const FIXED: [&str; 5] = [
    "lateness_seconds",
    "identity.look_back_days",
    "identity.remember_days",
    "identity.most_visitors",
    "identity.most_visitors_a_day",
];
/// The stage model, by its text.
const MODEL: &str = "model";

type Keys = BTreeMap<String, Value>;

/// The rules that a configuration computes by, as a text that tells equal ones equal: every key of the session rules, of sites
/// what differs, of journeys and identity what they compute by, and the stage model itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Computing {
    rules: Keys,
    sites: BTreeMap<String, Keys>,
    identity: Keys,
    journeys: Keys,
}

impl Computing {
    /// As configured.
    ///
    /// # Errors
    /// The stage model cannot be read.
    pub fn of(config: &Config) -> Result<Computing> {
        Computing::with_model(config, rules::model_text(&config.journeys.model)?)
    }

    fn with_model(config: &Config, model: String) -> Result<Computing> {
        // What stands in the log must be readable.
        StageModel::from_yaml(&model)
            .with_context(|| ConfigError::Names(format!("journeys.model: {}", config.journeys.model)))?;
        let rules = keys(&config.rules)?;
        let mut sites = BTreeMap::new();
        for (name, site) in &config.sites {
            let mut own = keys(&site.over(&config.rules))?;
            own.retain(|key, value| rules.get(key) != Some(value));
            if !own.is_empty() {
                sites.insert(name.clone(), own);
            }
        }
        let mut journeys = keys(&config.journeys)?;
        journeys.insert(MODEL.to_owned(), model.into());
        let mut identity = keys(&config.identity)?;
        // Constant within an epoch for another reason: it routes.
        identity.remove("never_link");
        Ok(Computing { rules, sites, identity, journeys })
    }

    /// The text that records and notes hold.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn text(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// What [`Computing::text`] wrote; keys that came later have their default.
    ///
    /// # Errors
    /// Keys that this build does not know, values that cannot work.
    pub fn parse(text: &str) -> Result<Computing> {
        let read: Computing = serde_json::from_str(text)?;
        let (config, model) = read.config()?;
        Computing::with_model(&config, model)
    }

    /// A configuration that says these, and the text of the stage model.
    fn config(&self) -> Result<(Config, String)> {
        let mut config = Config { rules: from_keys(self.rules.clone())?, ..Config::default() };
        for (name, own) in &self.sites {
            config.sites.insert(name.clone(), from_keys(own.clone())?);
        }
        config.identity = from_keys(self.identity.clone())?;
        let mut journeys = self.journeys.clone();
        let model = journeys.remove(MODEL).and_then(|model| model.as_str().map(str::to_owned));
        config.journeys = from_keys(journeys)?;
        Ok((config, model.ok_or_else(|| anyhow!("a stage model is missing"))?))
    }

    /// The rules of sessions; how often rows are said is the process's own.
    ///
    /// # Errors
    /// Values that cannot work.
    fn sessions(&self, pace: &Config) -> Result<RuleBook> {
        let (config, _) = self.config()?;
        rules::session_rules(&Config { pace: pace.pace.clone(), ..config })
    }

    /// The rules of journeys.
    ///
    /// # Errors
    /// Values that cannot work.
    fn journeys(&self, pace: &Config) -> Result<JourneyRules> {
        let (config, model) = self.config()?;
        let model = StageModel::from_yaml(&model).context("journeys.model")?;
        rules::journey_rules_with(&Config { pace: pace.pace.clone(), ..config }, model)
    }

    /// What differs from rules of before, in words.
    #[must_use]
    pub fn words(&self, before: &Computing) -> Vec<String> {
        self.changes(before).into_iter().map(|(_, words)| words).collect()
    }

    /// The same with the keys.
    fn changes(&self, before: &Computing) -> Vec<(String, String)> {
        let mut changes = Vec::new();
        let none = Keys::new();
        differences("rules", &before.rules, &self.rules, &mut changes);
        for site in before.sites.keys().chain(self.sites.keys()).collect::<BTreeSet<_>>() {
            let of = |rules: &Computing| rules.sites.get(site).unwrap_or(&none).clone();
            differences(&format!("sites.{site}"), &of(before), &of(self), &mut changes);
        }
        differences("identity", &before.identity, &self.identity, &mut changes);
        differences("journeys", &before.journeys, &self.journeys, &mut changes);
        changes
    }
}

fn keys(section: &impl Serialize) -> Result<Keys> {
    Ok(serde_json::from_value(serde_json::to_value(section)?)?)
}

fn from_keys<T: serde::de::DeserializeOwned>(keys: Keys) -> Result<T> {
    Ok(serde_json::from_value(Value::Object(keys.into_iter().collect()))?)
}

fn differences(section: &str, before: &Keys, now: &Keys, out: &mut Vec<(String, String)>) {
    for key in before.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
        let (was, is) = (before.get(key), now.get(key));
        if was == is {
            continue;
        }
        let name = format!("{section}.{key}");
        if key == MODEL {
            if let Some(words) = models_differ(was, is) {
                out.push((name, words));
            }
            continue;
        }
        let say = |value: Option<&Value>| value.map_or_else(|| "that of every site".to_owned(), Value::to_string);
        let words = format!("{name} was {}, is {}", say(was), say(is));
        out.push((name, words));
    }
}

/// A model with another comment is the same.
fn models_differ(was: Option<&Value>, is: Option<&Value>) -> Option<String> {
    let [was, is] = [was, is].map(|text| StageModel::from_yaml(text?.as_str()?).ok());
    if was.is_some() && was == is {
        return None;
    }
    let say = |model: &Option<StageModel>| {
        model.as_ref().map_or_else(|| "unreadable".to_owned(), |m| format!("{} {}", m.name(), m.version()))
    };
    let same = if say(&was) == say(&is) { ", with other stages or rules" } else { "" };
    Some(format!("the stage model was {}, is {}{same}", say(&was), say(&is)))
}

/// Rules that a record of the log tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// When they were given out, ms since the epoch.
    pub at_ms: i64,
    /// The decision's own name.
    pub name: String,
    /// What they are.
    pub rules: Computing,
    /// Their record is in every partition.
    pub is_written: bool,
}

impl Applied {
    /// As the log tells them.
    ///
    /// # Errors
    /// They cannot be written as text.
    pub fn told(&self) -> Result<Told> {
        Ok(Told { since: (EventTime(self.at_ms), id_hash(&self.name)), text: self.rules.text()? })
    }
}

/// The rules of an epoch, as noted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    /// Those it began with.
    pub begun: Computing,
    /// Those that its log tells, in their order.
    pub applied: Vec<Applied>,
}

impl Noted {
    /// What is noted of an epoch; nothing if it was not begun.
    ///
    /// # Errors
    /// The note cannot be read.
    pub fn read(notes: &Notes) -> Result<Option<Noted>> {
        let Some(bytes) = notes.get(NOTE).context("the rules of the epoch cannot be read")? else { return Ok(None) };
        serde_json::from_slice(&bytes)
            .map(Some)
            .context("the rules of the epoch cannot be read: did a newer version write them?")
    }

    /// Notes it.
    ///
    /// # Errors
    /// The note cannot be written.
    pub fn write(&self, notes: &Notes) -> Result<()> {
        notes.put(NOTE, serde_json::to_vec(self)?).context("the rules of the epoch cannot be noted")
    }

    /// What the log says last.
    #[must_use]
    pub fn in_force(&self) -> &Computing {
        self.applied.last().map_or(&self.begun, |applied| &applied.rules)
    }

    /// The rules that hold what ended at a time (ms since the epoch) at a site, and since when they are in force; `None`: since the
    /// epoch began. A change leaves what was final then as it was: what gap and lateness had passed.
    ///
    /// # Errors
    /// Values that cannot work.
    pub fn over(&self, site: &str, ended_ms: i64) -> Result<(Rules, Option<i64>)> {
        let pace = Config::default();
        let mut found = (self.begun.sessions(&pace)?.of(site).clone(), None);
        for applied in &self.applied {
            let limits = found.0.limits;
            if applied.at_ms <= ended_ms.saturating_add(limits.gap_ms).saturating_add(limits.lateness_ms) {
                found = (applied.rules.sessions(&pace)?.of(site).clone(), Some(applied.at_ms));
            }
        }
        Ok(found)
    }

    /// What would change, in words.
    ///
    /// # Errors
    /// A key that only a new epoch changes; the rules in force cannot be read.
    pub fn may_change_to(&self, rules: &Computing) -> Result<Vec<String>> {
        let before = Computing::parse(&self.in_force().text()?)?;
        let changes = rules.changes(&before);
        let fixed: Vec<&str> = changes.iter().filter(|(key, _)| is_fixed(key)).map(|(_, words)| &**words).collect();
        if !fixed.is_empty() {
            bail!(
                "{}: how long touchpoints are kept and repeats are known follows from it, so that it is constant within an epoch. Put \
                 it back, or compute the history anew with it: `crumbtrail rebuild` (`--dry-run` says how long it takes)",
                fixed.join("; ")
            );
        }
        Ok(changes.into_iter().map(|(_, words)| words).collect())
    }
}

fn is_fixed(key: &str) -> bool {
    FIXED.iter().any(|fixed| key == *fixed || key.rsplit('.').next() == Some(fixed))
}

/// Holds the configuration against what is in force in an epoch, if it was begun.
///
/// # Errors
/// It computes differently; the note cannot be read.
pub fn check(notes: &Notes, epoch: u8, rules: &Computing) -> Result<()> {
    let Some(noted) = Noted::read(notes)? else { return Ok(()) };
    if let Some(applied) = noted.applied.last().filter(|applied| !applied.is_written) {
        let words = rules.changes(&applied.rules);
        bail!(
            "other rules were begun to be written into the log of epoch {epoch} and may have reached a part of it{}: end it with \
             `crumbtrail rules apply`, under the configuration it was begun with",
            if words.is_empty() { " (those of this configuration)" } else { "" }
        );
    }
    let changes = noted.may_change_to(rules).with_context(|| format!("epoch {epoch} is computed by other rules"))?;
    if changes.is_empty() {
        return Ok(());
    }
    bail!(
        "epoch {epoch} is computed by other rules: {}. Put it back, or let it hold from here on: `crumbtrail rules apply` writes it \
         into the log, so that a replay decides alike; to compute the history anew, too: `crumbtrail rebuild` (`--dry-run` says how \
         long it takes)",
        changes.join("; ")
    )
}

/// Notes what an epoch begins with, once its logs are there.
///
/// # Errors
/// The note cannot be read or written.
pub fn note(notes: &Notes, rules: Computing) -> Result<()> {
    if Noted::read(notes)?.is_some() {
        return Ok(());
    }
    Noted { begun: rules, applied: Vec::new() }.write(notes)
}

/// What the steps of an epoch compute by.
pub struct Rulings {
    /// Of sessionize.
    pub sessions: Ruling<RuleBook>,
    /// Of journey.
    pub journeys: Ruling<JourneyRules>,
}

impl Rulings {
    /// As noted; before anything is, as configured.
    ///
    /// # Errors
    /// The note or the stage model cannot be read.
    pub fn of(notes: &Notes, config: &Config) -> Result<Rulings> {
        let noted = match Noted::read(notes)? {
            Some(noted) => noted,
            None => Noted { begun: Computing::of(config)?, applied: Vec::new() },
        };
        let last = noted.applied.last().map(Applied::told).transpose()?;
        let (for_sessions, for_journeys) = (config.clone(), config.clone());
        let sessions = Ruling::new(
            noted.begun.sessions(config)?,
            Arc::new(move |text: &str| read(text, |rules| rules.sessions(&for_sessions))),
        );
        let journeys = Ruling::new(
            noted.begun.journeys(config)?,
            Arc::new(move |text: &str| read(text, |rules| rules.journeys(&for_journeys))),
        );
        Ok(Rulings { sessions: sessions.last_known(last.clone()), journeys: journeys.last_known(last) })
    }
}

fn read<R>(text: &str, rules: impl FnOnce(&Computing) -> Result<R>) -> Result<R, String> {
    Computing::parse(text).and_then(|parsed| rules(&parsed)).map_err(|error| format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SiteConfig;

    fn config(change: impl FnOnce(&mut Config)) -> Config {
        let mut config = Config::default();
        change(&mut config);
        config
    }

    fn noted() -> Noted {
        Noted { begun: Computing::of(&Config::default()).unwrap(), applied: Vec::new() }
    }

    fn told(change: impl FnOnce(&mut Config)) -> Vec<String> {
        noted().may_change_to(&Computing::of(&config(change)).unwrap()).unwrap()
    }

    #[test]
    fn what_computes_differently_is_told_and_what_does_not_is_not() {
        let same = told(|config| {
            config.pace.tick_ms = 7;
            config.generation.0 = 7;
            let hosts = SiteConfig { own_hosts: vec!["shop.example".to_owned()], ..SiteConfig::default() };
            config.sites.insert("shop".to_owned(), hosts);
            config.sites.insert("blog".to_owned(), SiteConfig { gap_seconds: Some(1_800), ..SiteConfig::default() });
        });
        assert_eq!(same, [] as [&str; 0]);
        assert_eq!(told(|config| config.rules.gap_seconds = 600), ["rules.gap_seconds was 1800, is 600"]);
        let site = told(|config| {
            let own = SiteConfig { gap_seconds: Some(600), ..SiteConfig::default() };
            config.sites.insert("shop".to_owned(), own);
        });
        assert_eq!(site, ["sites.shop.gap_seconds was that of every site, is 600"]);
        let cart = told(|config| config.journeys.cart_abandoned_after_minutes = 5);
        assert_eq!(cart, ["journeys.cart_abandoned_after_minutes was 60, is 5"]);
    }

    #[test]
    fn what_is_constant_within_an_epoch_is_refused_with_the_way_out() {
        let fixed: [fn(&mut Config); 3] = [
            |config| config.rules.lateness_seconds = 7_200,
            |config| config.identity.look_back_days = 7,
            |config| {
                let own = SiteConfig { lateness_seconds: Some(60), ..SiteConfig::default() };
                config.sites.insert("shop".to_owned(), own);
            },
        ];
        for change in fixed {
            let error = noted().may_change_to(&Computing::of(&config(change)).unwrap()).unwrap_err().to_string();
            assert!(error.contains("crumbtrail rebuild"), "{error}");
        }
    }

    #[test]
    fn a_model_with_another_comment_is_the_same_and_with_another_rule_another() {
        let with = |from: &str, to: &str| {
            let model = rules::model_text("retail").unwrap().replace(from, to);
            let rules = Computing::with_model(&Config::default(), model).unwrap();
            noted().may_change_to(&rules).unwrap()
        };
        assert_eq!(with("# Purchase.", "# What is bought."), [] as [&str; 0]);
        assert_eq!(
            with("count: 2", "count: 3"),
            ["the stage model was retail 1, is retail 1, with other stages or rules"]
        );
        assert_eq!(with("version: 1", "version: 2"), ["the stage model was retail 1, is retail 2"]);
    }

    #[test]
    fn what_was_final_when_rules_changed_is_held_by_those_before() {
        let of = |gap_seconds: u32| Computing::of(&config(|config| config.rules.gap_seconds = gap_seconds)).unwrap();
        let applied =
            |at_ms, gap_seconds| Applied { at_ms, name: String::new(), rules: of(gap_seconds), is_written: true };
        // Half an hour of gap and an hour of lateness: what ended at 0 is final behind 5,400 s.
        let final_at = 5_400_000;
        let noted = Noted { begun: of(1_800), applied: vec![applied(final_at, 600), applied(9 * final_at, 60)] };
        let gap = |ended_ms| {
            let (rules, since) = noted.over("shop", ended_ms).unwrap();
            (rules.limits.gap_ms / 1_000, since)
        };
        assert_eq!(gap(-1), (1_800, None));
        assert_eq!(gap(0), (600, Some(final_at)));
        assert_eq!(gap(9 * final_at), (60, Some(9 * final_at)));
    }

    #[test]
    fn the_text_gives_the_rules_back() {
        let given = config(|config| {
            config.rules.gap_seconds = 600;
            config.rules.opening_hours.monday = "09:00-17:00".to_owned();
            config.journeys.look_back_days = 5;
            let own = SiteConfig { most_events: Some(5), ..SiteConfig::default() };
            config.sites.insert("shop".to_owned(), own);
        });
        let text = Computing::of(&given).unwrap().text().unwrap();
        let read = Computing::parse(&text).unwrap();
        assert_eq!(read.text().unwrap(), text);
        assert_eq!(read.sessions(&given).unwrap(), rules::session_rules(&given).unwrap());
        assert_eq!(read.journeys(&given).unwrap(), rules::journey_rules(&given).unwrap());
        assert!(Computing::with_model(&given, "stages: many".to_owned()).is_err(), "nothing unreadable is written");
        let error = Computing::parse(&text.replace("gap_seconds", "gap_of_tomorrow")).unwrap_err().to_string();
        assert!(error.contains("gap_of_tomorrow"), "{error}");
    }
}
