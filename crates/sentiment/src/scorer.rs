//! The scorer: embedded tables and rules, one function.

use crate::calibrate::Calibration;
use crate::error::ModelError;
use crate::identify::{self, Mixture};
use crate::language::Language;
use crate::lexicon::Lexicon;
use crate::reading::Kind;
use crate::rules::Found;
use crate::symbol::Class;
use crate::table::{Sums, Table};
use crate::token::Token;
use crate::{Reading, Scratch, TopicRules, TopicSet, aspects, emoji, short, words};
use std::sync::LazyLock;
use xxhash_rust::xxh3::xxh3_64;

const EN: &[u8] = include_bytes!("../models/en.bin");
const TH: &[u8] = include_bytes!("../models/th.bin");
#[cfg(feature = "indonesian")]
const ID: &[u8] = include_bytes!("../models/id.bin");
const LANGUAGE: &[u8] = include_bytes!("../models/language.bin");
const LEXICON: &[u8] = include_bytes!("../models/lexicon-en.bin");
const LEXICON_ID: &str = include_str!("../lexicon/id.tsv");
/// What readings hang on besides the parts that a scorer is built from.
const LISTS: [&str; 3] = [LEXICON_ID, short::LIST, words::COLLOQUIAL];
/// The rule files of this crate.
pub const RULES: [&str; 4] = [
    include_str!("../topics/en.tsv"),
    include_str!("../topics/th.tsv"),
    include_str!("../topics/id.tsv"),
    include_str!("../lexicon/th.tsv"),
];

/// Reads texts. Shared by all threads; each brings its own [`Scratch`].
#[derive(Debug)]
pub struct Scorer {
    language: Table,
    english: Table,
    thai: Table,
    indonesian: Option<Table>,
    lexicon: Lexicon,
    indonesian_lexicon: Lexicon,
    rules: TopicRules,
    version: String,
}

impl Scorer {
    /// Unpacks the tables compiled into the program and compiles the rules; some 30 milliseconds on two cores.
    ///
    /// # Errors
    /// If an embedded file is damaged, which only a broken build can bring about.
    pub fn embedded() -> Result<Scorer, ModelError> {
        #[cfg(feature = "indonesian")]
        let indonesian = Some(ID);
        #[cfg(not(feature = "indonesian"))]
        let indonesian = None;
        Self::from_parts(EN, TH, indonesian, LANGUAGE, LEXICON, &RULES)
    }

    /// [`Scorer::embedded`], once it is asked for something: who never meets a text keeps no tables.
    ///
    /// # Panics
    /// At that moment, in a broken build.
    #[must_use]
    pub fn when_needed() -> LazyLock<Scorer> {
        LazyLock::new(|| Self::embedded().unwrap_or_else(|error| panic!("the embedded tables are damaged: {error}")))
    }

    /// Builds a scorer from stored tables and rule texts, for example retrained ones.
    pub fn from_parts(
        english: &[u8],
        thai: &[u8],
        indonesian: Option<&[u8]>,
        language: &[u8],
        lexicon: &[u8],
        rules: &[&str],
    ) -> Result<Scorer, ModelError> {
        let mut sum = 0u64;
        for part in [english, thai, indonesian.unwrap_or_default(), language, lexicon] {
            sum = sum.rotate_left(1) ^ xxh3_64(part);
        }
        for text in rules.iter().chain(&LISTS) {
            sum = sum.rotate_left(1) ^ xxh3_64(text.as_bytes());
        }
        // The rules take as long as all the rest.
        std::thread::scope(|scope| {
            let rules = scope.spawn(|| TopicRules::parse(rules, sum));
            Ok(Scorer {
                language: Table::from_bytes(language)?,
                english: Table::from_bytes(english)?,
                thai: Table::from_bytes(thai)?,
                indonesian: indonesian.map(Table::from_bytes).transpose()?,
                lexicon: Lexicon::from_bytes(lexicon)?,
                indonesian_lexicon: Lexicon::from_list(LEXICON_ID),
                rules: rules.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?,
                version: format!("linear-2-{:08x}", sum as u32),
            })
        })
    }

    /// Names the tables and rules in use: `linear-<features>-<checksum>`.
    pub fn model_version(&self) -> &str {
        &self.version
    }

    /// Calibrated probabilities of negative, neutral, positive, and the language read; `None` if there is nothing to score.
    pub fn probabilities_of(
        &self,
        text: &str,
        hint: Option<Language>,
        scratch: &mut Scratch,
    ) -> Option<(Language, [f32; 3])> {
        scratch.normalise(text);
        self.read_rules(text, scratch);
        let languages = self.languages(hint, scratch);
        let model = self.model(languages.first)?;
        Some((languages.first, self.probabilities(model, languages, scratch)))
    }

    /// The same scorer with one language's probabilities fitted to labels of one's own. Readings of that language change,
    /// and so does the model version.
    pub fn recalibrated(mut self, language: Language, calibration: &Calibration) -> Self {
        let table = match language {
            Language::En => &mut self.english,
            Language::Th => &mut self.thai,
            Language::Id => match &mut self.indonesian {
                Some(table) => table,
                None => return self,
            },
            Language::Und => return self,
        };
        table.recalibrate(calibration);
        let mut bytes = language.as_str().as_bytes().to_vec();
        bytes.extend_from_slice(&calibration.temperature.to_le_bytes());
        calibration.offset.iter().for_each(|offset| bytes.extend_from_slice(&offset.to_le_bytes()));
        self.version = format!("{}+{}-{:04x}", self.version, language.as_str(), xxh3_64(&bytes) as u16);
        self
    }

    pub(crate) fn rules(&self) -> &TopicRules {
        &self.rules
    }

    pub(crate) fn languages(&self, hint: Option<Language>, scratch: &mut Scratch) -> Mixture {
        identify::identify(scratch, &self.language, hint)
    }

    /// The score of a text in given languages; of its emoji and its praise if in none.
    pub(crate) fn score_in(&self, languages: Mixture, text: &str, scratch: &mut Scratch) -> f32 {
        scratch.normalise(text);
        let found = self.read_rules(text, scratch);
        let probabilities = match self.model(languages.first).filter(|_| scratch.has_letters()) {
            Some(model) => Some(self.probabilities(model, languages, scratch)),
            None => plain_probabilities(scratch, &found),
        };
        probabilities.map_or(0.0, |p| p[2] - p[0])
    }

    /// The phrase of a rule that a [`Reading`] names.
    pub fn rule_phrase(&self, rule: u16) -> &str {
        self.rules.phrase(rule)
    }

    /// Reads one text. The same text and hint give the same reading, on every machine and in every thread.
    ///
    /// `hint` is what the record says about its language; the text overrules it when it is clear.
    pub fn read(&self, text: &str, hint: Option<Language>, scratch: &mut Scratch) -> Reading {
        scratch.normalise(text);
        self.read_normalised(text, hint, scratch)
    }

    /// Reads what `scratch` holds, which is `text` normalised.
    pub(crate) fn read_normalised(&self, text: &str, hint: Option<Language>, scratch: &mut Scratch) -> Reading {
        let found = self.read_rules(text, scratch);
        let languages = self.languages(hint, scratch);
        let mut reading = Reading {
            topics: found.topics,
            speech: found.speech,
            friction: found.friction.is_some(),
            friction_kind: found.friction,
            frictions: found.frictions,
            friction_rule: found.evidence,
            characters: u32::try_from(text.chars().count()).unwrap_or(u32::MAX),
            ..Reading::default()
        };
        let model = self.model(languages.first);
        if model.is_some() {
            reading.language = languages.first;
        }
        let probabilities = match model {
            Some(model) if scratch.has_letters() => Some(self.probabilities(model, languages, scratch)),
            _ => plain_probabilities(scratch, &found),
        };
        if let Some(probabilities) = probabilities {
            reading.set_feeling(probabilities);
        }
        reading.kind = Kind::of(reading.speech, reading.friction, reading.label, reading.confidence);
        if !reading.topics.is_empty() {
            (reading.likes, reading.dislikes) = self.aspects(model, &reading, scratch);
        }
        reading
    }

    /// What the rules find in `text`, which `scratch` holds, and the mark that it gives.
    fn read_rules(&self, text: &str, scratch: &mut Scratch) -> Found {
        let found = self.rules.read(scratch);
        scratch.tone.add_mark(text);
        found
    }

    fn model(&self, language: Language) -> Option<Model<'_>> {
        let (table, lexicon, place) = match language {
            Language::En => (&self.english, &self.lexicon, 0),
            // English words in a Thai text have the valence they have in English.
            Language::Th => (&self.thai, &self.lexicon, THAI_PLACE),
            Language::Id => (self.indonesian.as_ref()?, &self.indonesian_lexicon, INDONESIAN_PLACE),
            Language::Und => return None,
        };
        Some(Model { table, lexicon, place })
    }

    /// A text in two languages is read in both, each by its share.
    fn probabilities(&self, model: Model<'_>, languages: Mixture, scratch: &mut Scratch) -> [f32; 3] {
        let own = model.recall(scratch).probabilities();
        let read = match self.model(languages.second).filter(|_| languages.share > 0.0) {
            None => own,
            Some(other) => {
                let more = other.recall(scratch).probabilities();
                std::array::from_fn(|class| own[class] + (more[class] - own[class]) * languages.share)
            }
        };
        scratch.tone.tilt(read)
    }

    fn aspects(&self, model: Option<Model<'_>>, reading: &Reading, scratch: &mut Scratch) -> (TopicSet, TopicSet) {
        let mut memo = std::mem::take(&mut scratch.memo);
        let valence_of = |text: &Scratch, token: &Token| {
            model.map_or(0, |model| {
                let valence = model.table.valence(&mut memo, token, &text.symbols, model.lexicon, model.place);
                if valence.abs() < model.least_valence() { 0 } else { valence }
            })
        };
        let sides = aspects::read(scratch, &self.rules, valence_of, reading);
        scratch.memo = memo;
        sides
    }
}

/// What one language is scored with.
#[derive(Clone, Copy)]
struct Model<'a> {
    table: &'a Table,
    lexicon: &'a Lexicon,
    /// Of the table in a memo.
    place: usize,
}

impl<'a> Model<'a> {
    fn knows_thai(self) -> bool {
        self.place == THAI_PLACE
    }

    /// What a word's valence must reach to tell of what is liked: "issue" and "waiting" help the model, but are of every word
    /// of support.
    fn least_valence(self) -> i32 {
        if self.place == INDONESIAN_PLACE { 0 } else { LEAST_VALENCE }
    }

    fn recall(self, scratch: &mut Scratch) -> Sums<'a> {
        self.table.recall(scratch, self.lexicon, self.place, self.knows_thai())
    }
}

/// The Thai table's place in a memo.
const THAI_PLACE: usize = 1;
/// The Indonesian table's.
const INDONESIAN_PLACE: usize = 2;
/// In hundredths; what words of support have is less.
const LEAST_VALENCE: i32 = 125;

/// A text without a language is read by its emoji, idioms and mark, and where no emoji takes a side, by a rule's praise without
/// friction; `None` if it has none of these.
fn plain_probabilities(text: &Scratch, found: &Found) -> Option<[f32; 3]> {
    let emoji = text.tokens.iter().filter(|token| token.class == Class::Emoji);
    let valence: i32 = match emoji.map(|token| emoji::valence(token.hash as u32)).sum() {
        0 => i32::from(found.speech.meets(TopicSet::PRAISE) && found.friction.is_none()),
        valence => valence,
    };
    if valence == 0 && text.tone.is_none() {
        return None;
    }
    let strength = valence.clamp(-4, 4) as f32 * 0.7;
    Some(text.tone.tilt(crate::calibrate::softmax([-strength, 0.0, strength])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_sums_to_what_the_definition_says() {
        let scorer = Scorer::embedded().unwrap();
        let mut scratch = Scratch::new();
        let texts = [
            "The staff weren't sooo bad, but I'm NOT coming back!!! 😡",
            "barangnya gak bagus bgt, kuraaang memuaskan :(",
            "ไม่ค่อยดีเลยค่ะ ส่งช้ามากกกก staff ไม่สุภาพ 555",
            "ก",
            "ไม่",
            "กขคงจฉ",
            "กขคงจฉช",
            "",
            "?",
        ];
        for text in texts.iter().chain(&texts) {
            for language in [Language::En, Language::Th, Language::Id] {
                let Some(model) = scorer.model(language) else { continue };
                scratch.normalise(text);
                scorer.rules.read(&mut scratch);
                let defined = model.table.probabilities(&scratch, model.lexicon, model.knows_thai());
                let recalled = model.recall(&mut scratch).probabilities();
                assert_eq!(recalled, defined, "{text}");
            }
        }
    }

    #[test]
    fn the_version_tells_every_list_that_readings_hang_on() {
        for folder in ["lexicon", "topics"] {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            for file in std::fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(RULES.iter().chain(&LISTS).any(|told| *told == text), "{}", path.display());
            }
        }
    }
}
