//! A stage model as it is written: read, checked and compiled, with errors that say how to mend it.

use crumbtrail_events::Kind;
use crumbtrail_events::vocabulary::{Author, Channel, Feeling, Scale};
use serde::Deserialize;

use crate::duration::parse_ms;
use crate::model::{RatingRange, Rule, StageDef, StageModel};

/// Bits of a mask.
const MOST_STAGES: usize = 60;
/// Remembered times per person and model: what bounds a person's state.
const MOST_SLOTS: usize = 64;

/// What is wrong with a stage model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Not YAML, or not of this shape.
    #[error("stage model cannot be read: {0}")]
    Yaml(String),
    /// A word that is not in its vocabulary.
    #[error("rule {rule}: unknown {what} \"{word}\"; did you mean \"{nearest}\"?")]
    Unknown {
        /// The rule it stands in.
        rule: String,
        /// What it should be: stage, kind, channel, author, feeling, scale.
        what: &'static str,
        /// The word.
        word: String,
        /// The nearest known one.
        nearest: String,
    },
    /// A stage or rule named twice.
    #[error("{what} \"{name}\" is defined twice; names must be unique")]
    Twice {
        /// Stage or rule.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A duration that is none.
    #[error("{place}: \"{text}\" is not a duration; write a whole number and s, m, h or d, such as 90d")]
    Duration {
        /// Where it stands.
        place: String,
        /// What stands there.
        text: String,
    },
    /// A rule that can never hold, or holds always.
    #[error("rule {rule}: {problem}")]
    Rule {
        /// The rule.
        rule: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No stages, or too much of something.
    #[error("stage model {model}: {problem}")]
    Shape {
        /// The model.
        model: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl ModelError {
    /// A stable label.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            ModelError::Yaml(_) => "yaml",
            ModelError::Unknown { .. } => "unknown_word",
            ModelError::Twice { .. } => "defined_twice",
            ModelError::Duration { .. } => "bad_duration",
            ModelError::Rule { .. } => "bad_rule",
            ModelError::Shape { .. } => "bad_shape",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    model: String,
    version: u32,
    stages: Vec<StageFile>,
    rules: Vec<RuleFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StageFile {
    name: String,
    stalled_after: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    name: String,
    to: String,
    from: Option<Vec<String>>,
    when: WhenFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhenFile {
    kind: Option<Vec<String>>,
    name: Option<Vec<String>>,
    channel: Option<Vec<String>>,
    author: Option<Vec<String>>,
    feeling: Option<Vec<String>>,
    friction: Option<bool>,
    rating: Option<RatingFile>,
    count: Option<u32>,
    within: Option<String>,
    silence: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RatingFile {
    scale: String,
    at_least: Option<f32>,
    at_most: Option<f32>,
}

impl WhenFile {
    /// Whether it asks anything of a touchpoint.
    fn asks(&self) -> bool {
        let lists = [&self.kind, &self.name, &self.channel, &self.author, &self.feeling];
        lists.iter().any(|list| list.is_some()) || self.friction.is_some() || self.rating.is_some()
    }
}

impl StageModel {
    /// Reads and checks a model.
    ///
    /// # Errors
    /// Not YAML of this shape, an unknown stage, kind, channel … (with the nearest known word), a stage or rule twice,
    /// a duration that is none, a rule that can never hold.
    pub fn from_yaml(text: &str) -> Result<StageModel, ModelError> {
        read(text)
    }

    /// The shipped model of a shop: awareness → consideration → purchase → service → loyalty.
    #[must_use]
    pub fn retail() -> StageModel {
        StageModel::from_yaml(StageModel::RETAIL).expect("the shipped retail model is valid")
    }
}

/// Reads, checks and compiles a model.
fn read(text: &str) -> Result<StageModel, ModelError> {
    let file: ModelFile =
        serde_saphyr::from_str(text).map_err(|error| ModelError::Yaml(error.without_snippet().to_string()))?;
    let shape = |problem| ModelError::Shape { model: file.model.clone(), problem };
    if file.model.is_empty() {
        return Err(shape("it has no name; give `model` one"));
    }
    if file.stages.is_empty() || file.stages.len() > MOST_STAGES {
        return Err(shape("it needs at least one stage and at most 60"));
    }
    twice("stage", file.stages.iter().map(|stage| &stage.name))?;
    twice("rule", file.rules.iter().map(|rule| &rule.name))?;
    let mut stages = Vec::with_capacity(file.stages.len());
    for stage in &file.stages {
        let after = stage.stalled_after.as_deref().map(|text| duration(&format!("stage {}", stage.name), text));
        stages.push(StageDef { name: stage.name.clone(), stalled_after: after.transpose()? });
    }
    let mut model = StageModel {
        name: file.model.clone(),
        version: file.version,
        stages,
        rules: Vec::with_capacity(file.rules.len()),
        silences: Vec::new(),
        slots: 0,
    };
    for rule in &file.rules {
        let (compiled, silence) = compile(rule, &model)?;
        if let Some(silence) = silence {
            model.silences.push((silence, model.rules.len() as u32));
        }
        model.slots += compiled.count as usize - 1;
        model.rules.push(compiled);
    }
    if model.slots > MOST_SLOTS {
        return Err(shape("its counting rules remember more than 64 touchpoints together; lower a count"));
    }
    model.silences.sort_unstable();
    Ok(model)
}

fn compile(file: &RuleFile, model: &StageModel) -> Result<(Rule, Option<i64>), ModelError> {
    let wrong = |problem| ModelError::Rule { rule: file.name.clone(), problem };
    let names: Vec<&str> = model.stages().collect();
    let stage = |word: &str| position(&file.name, "stage", word, &names);
    let when = &file.when;
    let to = stage(&file.to)?;
    let mut from = (1u64 << to) - 1;
    if let Some(list) = &file.from {
        from = 0;
        for word in list {
            from |= 1 << stage(word)?;
        }
        if from & (1 << to) != 0 {
            return Err(wrong("it leads to a stage it may leave; take `to` out of `from`"));
        }
    }
    let silence = when.silence.as_deref().map(|text| duration(&format!("rule {}", file.name), text)).transpose()?;
    match silence {
        Some(_) if when.asks() || when.count.is_some() => return Err(wrong("silence stands alone under `when`")),
        Some(0) => return Err(wrong("a silence of 0 always holds")),
        None if !when.asks() => return Err(wrong("it asks nothing; give `when` a condition")),
        _ => {}
    }
    let count = when.count.unwrap_or(1);
    let within = when.within.as_deref().map(|text| duration(&format!("rule {}", file.name), text)).transpose()?;
    if count == 0 || (count > 1) != within.is_some() {
        return Err(wrong("`count` (2 or more) and `within` go together"));
    }
    let rating = when.rating.as_ref().map(|rating| range(&file.name, rating)).transpose()?;
    let rule = Rule {
        name: file.name.clone(),
        to: to as u8,
        from,
        may_enter: file.from.is_none() && silence.is_none(),
        kinds: mask(file, "kind", &when.kind, &Kind::ALL.map(Kind::as_str))?,
        channels: mask(file, "channel", &when.channel, &Channel::ALL.map(Channel::as_str))?,
        authors: mask(file, "author", &when.author, &Author::ALL.map(Author::as_str))?,
        feelings: mask(file, "feeling", &when.feeling, &Feeling::ALL.map(Feeling::as_str))?,
        names: when.name.clone().unwrap_or_default(),
        friction: when.friction,
        rating,
        count,
        within: within.unwrap_or(0),
        slot: model.slots,
        is_timed: silence.is_some(),
    };
    Ok((rule, silence))
}

fn range(rule: &str, file: &RatingFile) -> Result<RatingRange, ModelError> {
    let scale = position(rule, "scale", &file.scale, &Scale::ALL.map(Scale::as_str))?;
    let range = RatingRange {
        scale: Scale::ALL[scale],
        at_least: file.at_least.unwrap_or(f32::NEG_INFINITY),
        at_most: file.at_most.unwrap_or(f32::INFINITY),
    };
    if range.at_least > range.at_most || range.scale == Scale::None {
        let problem = "no rating can be in its range; check `scale`, `at_least` and `at_most`";
        return Err(ModelError::Rule { rule: rule.to_owned(), problem });
    }
    Ok(range)
}

/// A bit for every word of `list`; all ones without a list. The position of a name in `all` is its code.
fn mask(file: &RuleFile, what: &'static str, list: &Option<Vec<String>>, all: &[&str]) -> Result<u64, ModelError> {
    let Some(list) = list else { return Ok(u64::MAX) };
    let mut mask = 0;
    for word in list {
        mask |= 1 << position(&file.name, what, word, all)?;
    }
    if mask == 0 {
        return Err(ModelError::Rule { rule: file.name.clone(), problem: "an empty list never holds; leave it out" });
    }
    Ok(mask)
}

fn position(rule: &str, what: &'static str, word: &str, all: &[&str]) -> Result<usize, ModelError> {
    all.iter().position(|known| *known == word && !word.is_empty()).ok_or_else(|| ModelError::Unknown {
        rule: rule.to_owned(),
        what,
        word: word.to_owned(),
        nearest: all
            .iter()
            .filter(|known| !known.is_empty())
            .min_by_key(|known| strsim::damerau_levenshtein(known, word))
            .map_or_else(String::new, |known| (*known).to_owned()),
    })
}

fn twice<'a>(what: &'static str, names: impl Iterator<Item = &'a String>) -> Result<(), ModelError> {
    let mut seen = hashbrown::HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(ModelError::Twice { what, name: name.clone() });
        }
    }
    Ok(())
}

fn duration(place: &str, text: &str) -> Result<i64, ModelError> {
    parse_ms(text).ok_or_else(|| ModelError::Duration { place: place.to_owned(), text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(rule: &str) -> String {
        format!(
            "model: m\nversion: 1\nstages: [{{name: awareness}}, {{name: purchase, stalled_after: 2h}}]\nrules:\n  - {rule}\n"
        )
    }

    #[test]
    fn the_shipped_model_is_read() {
        let model = StageModel::retail();
        assert_eq!(
            model.stages().collect::<Vec<_>>(),
            ["awareness", "consideration", "purchase", "service", "loyalty"]
        );
        assert_eq!(model.slots, 2);
        assert!(!model.silences.is_empty());
    }

    #[test]
    fn a_wrong_model_says_how_to_mend_it() {
        let cases = [
            (
                "{name: r, to: purchas, when: {kind: [purchase]}}",
                "unknown stage \"purchas\"; did you mean \"purchase\"",
            ),
            (
                "{name: r, to: purchase, when: {kind: [purchased]}}",
                "unknown kind \"purchased\"; did you mean \"purchase\"",
            ),
            ("{name: r, to: purchase, when: {channel: [emial]}}", "did you mean \"email\""),
            ("{name: r, to: purchase, when: {}}", "asks nothing"),
            ("{name: r, to: purchase, when: {kind: []}}", "empty list"),
            ("{name: r, to: purchase, when: {kind: [click], count: 2}}", "go together"),
            ("{name: r, to: purchase, when: {kind: [click], count: 2, within: 2 weeks}}", "not a duration"),
            ("{name: r, to: purchase, when: {kind: [click], silence: 2d}}", "stands alone"),
            ("{name: r, to: purchase, from: [purchase], when: {kind: [click]}}", "take `to` out"),
            ("{name: r, to: purchase, when: {rating: {scale: nps, at_least: 9, at_most: 2}}}", "no rating"),
            ("{name: r, to: purchase, wen: {}}", "cannot be read"),
            ("{name: r, to: purchase, when: {kind: [click], count: 99, within: 2d}}", "lower a count"),
        ];
        for (rule, expected) in cases {
            let error = StageModel::from_yaml(&with(rule)).unwrap_err();
            assert!(error.to_string().contains(expected), "{rule}: {error}");
        }
    }
}
