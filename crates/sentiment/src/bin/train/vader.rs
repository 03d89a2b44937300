//! The baseline for English: plain scoring with the VADER lexicon (Hutto & Gilbert 2014), so that both are compared in one
//! run. Word valences, negation in the three words before, boosters, `but`, exclamation and capitals; no idioms.

use crumbtrail_sentiment::Label;
use std::collections::HashMap;
use std::path::Path;

use super::data::Outcome;

const NEGATED: f32 = -0.74;
const BOOST: f32 = 0.293;
const CAPITALS: f32 = 0.733;

const BOOSTERS: &[&str] = &[
    "absolutely",
    "amazingly",
    "awfully",
    "completely",
    "considerably",
    "decidedly",
    "deeply",
    "enormously",
    "entirely",
    "especially",
    "exceptionally",
    "extremely",
    "fabulously",
    "fully",
    "greatly",
    "highly",
    "hugely",
    "incredibly",
    "intensely",
    "majorly",
    "more",
    "most",
    "particularly",
    "purely",
    "quite",
    "really",
    "remarkably",
    "so",
    "substantially",
    "thoroughly",
    "totally",
    "tremendously",
    "unbelievably",
    "unusually",
    "utterly",
    "very",
    "effing",
];
const DAMPENERS: &[&str] = &[
    "almost",
    "barely",
    "hardly",
    "kinda",
    "less",
    "little",
    "marginally",
    "occasionally",
    "partly",
    "scarcely",
    "slightly",
    "somewhat",
    "sorta",
];
const NEGATIONS: &[&str] = &[
    "aint", "arent", "cannot", "cant", "couldnt", "darent", "didnt", "doesnt", "dont", "hadnt", "hasnt", "havent",
    "isnt", "mightnt", "mustnt", "neither", "never", "none", "nope", "nor", "not", "nothing", "nowhere", "oughtnt",
    "shant", "shouldnt", "uhuh", "wasnt", "werent", "without", "wont", "wouldnt", "rarely", "seldom", "despite",
];

/// Words and emoticons with their mean valence.
pub(crate) struct Baseline(HashMap<String, f32>);

impl Baseline {
    /// Reads `vader_lexicon.tsv`.
    pub(crate) fn load(folder: &Path) -> Outcome<Self> {
        let path = folder.join("sentiment/vader_lexicon.tsv");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let words = text.lines().filter_map(|line| {
            let mut columns = line.split('\t');
            Some((columns.next()?.to_owned(), columns.next()?.trim().parse().ok()?))
        });
        Ok(Self(words.collect()))
    }

    /// The lexicon's words, without emoticons.
    pub(crate) fn words(&self) -> Vec<(&str, f32)> {
        let mut words: Vec<_> = self
            .0
            .iter()
            .filter(|(word, _)| word.chars().all(|c| c.is_ascii_alphabetic() || c == '\'') && word.len() > 1)
            .map(|(word, valence)| (word.as_str(), *valence))
            .collect();
        words.sort_unstable_by(|a, b| a.0.cmp(b.0));
        words
    }

    /// The class by the published thresholds ±0.05 on the normalised sum.
    pub(crate) fn label(&self, text: &str) -> Label {
        let tokens: Vec<&str> = text
            .split_whitespace()
            .map(|token| {
                let stripped = token.trim_matches(|c: char| c.is_ascii_punctuation());
                if stripped.len() <= 2 { token } else { stripped }
            })
            .collect();
        let lower: Vec<String> = tokens.iter().map(|token| token.to_lowercase()).collect();
        let capitals =
            |token: &str| token.len() > 1 && token.chars().any(char::is_alphabetic) && token.to_uppercase() == token;
        let mixed = tokens.iter().any(|token| capitals(token)) && !tokens.iter().all(|token| capitals(token));
        let mut valences = vec![0.0f32; tokens.len()];
        for at in 0..tokens.len() {
            let Some(&base) = self.0.get(&lower[at]) else { continue };
            let mut valence = base;
            if mixed && capitals(tokens[at]) {
                valence += CAPITALS * valence.signum();
            }
            for back in 1..=3.min(at) {
                let word = lower[at - back].as_str();
                let fade = [1.0, 0.95, 0.9][back - 1];
                if BOOSTERS.contains(&word) {
                    valence += BOOST * fade * base.signum();
                } else if DAMPENERS.contains(&word) {
                    valence -= BOOST * fade * base.signum();
                }
            }
            let negated = (1..=3.min(at)).any(|back| {
                let word = lower[at - back].as_str();
                NEGATIONS.contains(&word.replace('\'', "").as_str()) || word.contains("n't")
            });
            valences[at] = if negated { valence * NEGATED } else { valence };
        }
        if let Some(but) = lower.iter().position(|word| word == "but") {
            for (at, valence) in valences.iter_mut().enumerate() {
                *valence *= if at < but { 0.5 } else { 1.5 };
            }
        }
        let mut sum: f32 = valences.iter().sum();
        let marks = text.matches('!').count().min(4) as f32 * 0.292;
        let questions = match text.matches('?').count() {
            0 | 1 => 0.0,
            count @ 2..=3 => count as f32 * 0.18,
            _ => 0.96,
        };
        if sum != 0.0 {
            sum += (marks + questions) * sum.signum();
        }
        let compound = sum / (sum * sum + 15.0).sqrt();
        if compound >= 0.05 {
            Label::Positive
        } else if compound <= -0.05 {
            Label::Negative
        } else {
            Label::Neutral
        }
    }
}
