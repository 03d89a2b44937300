//! The scorer: embedded tables and rules, one function.

use crate::language::{self, Language};
use crate::lexicon::Lexicon;
use crate::table::{ModelError, Table};
use crate::{Label, Reading, Scratch, TopicRules, emoji};
use xxhash_rust::xxh3::xxh3_64;

const EN: &[u8] = include_bytes!("../models/en.bin");
const TH: &[u8] = include_bytes!("../models/th.bin");
#[cfg(feature = "indonesian")]
const ID: &[u8] = include_bytes!("../models/id.bin");
const LANGUAGE: &[u8] = include_bytes!("../models/language.bin");
const LEXICON: &[u8] = include_bytes!("../models/lexicon-en.bin");
const TOPICS: [&str; 3] =
    [include_str!("../topics/en.tsv"), include_str!("../topics/th.tsv"), include_str!("../topics/id.tsv")];

/// Reads texts. Shared by all threads; each brings its own [`Scratch`].
#[derive(Debug)]
pub struct Scorer {
    language: Table,
    english: Table,
    thai: Table,
    indonesian: Option<Table>,
    lexicon: Lexicon,
    topics: TopicRules,
    version: String,
}

impl Scorer {
    /// Unpacks the tables compiled into the program; about ten milliseconds and 6 MB.
    ///
    /// # Errors
    /// If an embedded file is damaged, which only a broken build can bring about.
    pub fn embedded() -> Result<Scorer, ModelError> {
        #[cfg(feature = "indonesian")]
        let indonesian = Some(ID);
        #[cfg(not(feature = "indonesian"))]
        let indonesian = None;
        Self::from_parts(EN, TH, indonesian, LANGUAGE, LEXICON, &TOPICS)
    }

    /// Builds a scorer from stored tables and rule texts, for example retrained ones.
    pub fn from_parts(
        english: &[u8],
        thai: &[u8],
        indonesian: Option<&[u8]>,
        language: &[u8],
        lexicon: &[u8],
        topics: &[&str],
    ) -> Result<Scorer, ModelError> {
        let mut sum = 0u64;
        for part in [english, thai, indonesian.unwrap_or_default(), language, lexicon] {
            sum = sum.rotate_left(1) ^ xxh3_64(part);
        }
        for rules in topics {
            sum = sum.rotate_left(1) ^ xxh3_64(rules.as_bytes());
        }
        Ok(Scorer {
            language: Table::from_bytes(language)?,
            english: Table::from_bytes(english)?,
            thai: Table::from_bytes(thai)?,
            indonesian: indonesian.map(Table::from_bytes).transpose()?,
            lexicon: Lexicon::from_bytes(lexicon)?,
            topics: TopicRules::parse(topics)?,
            version: format!("linear-1-{:08x}", sum as u32),
        })
    }

    /// Names the tables and rules in use: `linear-<features>-<checksum>`.
    pub fn model_version(&self) -> &str {
        &self.version
    }

    /// Reads one text. The same text and hint give the same reading, on every machine and in every thread.
    ///
    /// `hint` is what the record says about its language; the text overrules it when it is clear.
    pub fn read(&self, text: &str, hint: Option<Language>, scratch: &mut Scratch) -> Reading {
        scratch.normalise(text);
        let (topics, friction) = self.topics.read(scratch);
        let found = language::identify(scratch, &self.language, hint);
        let has_letters = scratch.thai_count + scratch.latin_count > 0;
        let (language, table, lexicon) = match (found, &self.indonesian) {
            (Language::En, _) => (found, Some(&self.english), Some(&self.lexicon)),
            (Language::Th, _) => (found, Some(&self.thai), None),
            (Language::Id, Some(table)) => (found, Some(table), None),
            _ => (Language::Und, None, None),
        };
        let probabilities = match table {
            Some(table) if has_letters => Some(table.probabilities(scratch, lexicon)),
            _ => emoji_probabilities(scratch),
        };
        let mut reading = Reading {
            language,
            topics,
            friction,
            characters: u32::try_from(text.chars().count()).unwrap_or(u32::MAX),
            ..Reading::default()
        };
        if let Some(probabilities) = probabilities {
            let best =
                (0..3).fold(1, |best, class| if probabilities[class] > probabilities[best] { class } else { best });
            reading.label = Label::ALL[best];
            reading.confidence = probabilities[best];
            reading.score = probabilities[2] - probabilities[0];
        }
        reading
    }
}

/// A text without a language is read by its emoji alone; `None` if it has none with a side.
fn emoji_probabilities(text: &Scratch) -> Option<[f32; 3]> {
    let valence: i32 = text
        .symbols
        .iter()
        .filter(|&&symbol| emoji::is_emoji(symbol))
        .filter_map(|&symbol| char::from_u32(symbol))
        .map(|symbol| emoji::bin(symbol).valence())
        .sum();
    if valence == 0 {
        return None;
    }
    let strength = valence.clamp(-4, 4) as f32 * 0.7;
    Some(crate::table::softmax([-strength, 0.0, strength]))
}
