//! The table that tells languages apart, and how often it is right, by length.

use super::adagrad::{self, Settings};
use super::data::{self, Outcome, Sample, Split};
use super::seeds;
use crumbtrail_sentiment::features::extract_language;
use crumbtrail_sentiment::identify::{COLUMNS, identify};
use crumbtrail_sentiment::table::Table;
use crumbtrail_sentiment::{Language, Scratch, TopicRules};
use std::path::Path;

const ENGLISH_SEEDS: &str = include_str!("../../../seeds/en.txt");
const INDONESIAN_SEEDS: &str = include_str!("../../../seeds/id.txt");
const OTHER_SEEDS: &str = include_str!("../../../seeds/other.txt");
const WORDS: &str = include_str!("../../../lexicon/languages.txt");

/// Weight of a text in a language that is not scored: there are few.
const OTHER_WEIGHT: f32 = 8.0;
/// Weight of a few words cut out of a text.
const CUT_WEIGHT: f32 = 0.5;
/// Weight of a listed word.
const WORD_WEIGHT: f32 = 0.5;
/// Words are cut out up to this many.
const CUT_WORDS: usize = 4;

/// A text and its column.
struct Row {
    text: String,
    column: usize,
    weight: f32,
}

/// Texts to fit on.
#[derive(Default)]
pub(crate) struct Rows(Vec<Row>);

impl Rows {
    /// Texts of one language, and out of each a few words, for short texts have few.
    fn add(&mut self, language: Language, texts: impl Iterator<Item = String>) {
        let column = COLUMNS.iter().position(|other| *other == language).unwrap_or(2);
        let weight = if language == Language::Und { OTHER_WEIGHT } else { 1.0 };
        for (at, text) in texts.enumerate() {
            let words: Vec<&str> = text.split_whitespace().collect();
            let length = 1 + at % CUT_WORDS;
            if words.len() > length && language != Language::Und {
                let start = at * 7919 % (words.len() - length + 1);
                let cut = words[start..start + length].join(" ");
                self.0.push(Row { text: cut, column, weight: CUT_WEIGHT * weight });
            }
            self.0.push(Row { text, column, weight });
        }
    }

    /// Our own texts and words.
    pub(crate) fn own() -> Self {
        let mut rows = Self::default();
        for (language, file) in
            [(Language::En, ENGLISH_SEEDS), (Language::Id, INDONESIAN_SEEDS), (Language::Und, OTHER_SEEDS)]
        {
            rows.add(language, seeds::expand(file).into_iter().map(|(_, text)| text));
        }
        for (language, words) in WORDS.lines().filter_map(|line| line.split_once('\t')) {
            let column = if language == "en" {
                0
            } else if language == "id" {
                1
            } else {
                2
            };
            rows.0.extend(words.split(' ').map(|word| Row { text: word.to_owned(), column, weight: WORD_WEIGHT }));
        }
        rows
    }

    /// Our own, and the training texts of the corpora. SmSA stays out, so that this table carries no share-alike licence.
    pub(crate) fn all(folder: &Path) -> Outcome<Self> {
        let mut rows = Self::own();
        for name in ["banking77.train", "clinc.train"] {
            rows.add(Language::En, data::raw(folder, name)?.into_iter().map(|(text, _)| text));
        }
        for (name, language) in BLOCKS {
            let train = Split::by_blocks(data::load(folder, name)?).train;
            rows.add(language, train.into_iter().map(|sample| sample.text));
        }
        Ok(rows)
    }

    /// Fits the table.
    pub(crate) fn fit(&self, settings: Settings) -> Table {
        let weighted = self.0.iter().map(|row| {
            let target = std::array::from_fn(|column| f32::from(u8::from(column == row.column)));
            (row.text.as_str(), target, row.weight)
        });
        let vectors =
            adagrad::build(weighted, settings.bits, 1, |text, out| extract_language(text, |hash| out.push((hash, 1))));
        adagrad::fit(&vectors, settings)
    }
}

/// Corpora that are cut into blocks.
const BLOCKS: [(&str, Language); 4] = [
    ("vader_tweets", Language::En),
    ("vader_nyt", Language::En),
    ("vader_amazon", Language::En),
    ("prdect", Language::Id),
];

/// Sets of which nothing was fitted on.
const TESTS: [(&str, Language); 10] = [
    ("banking77.test", Language::En),
    ("clinc.test", Language::En),
    ("vader_movie", Language::En),
    ("smsa.valid", Language::Id),
    ("smsa.test", Language::Id),
    ("wisesight.valid", Language::Th),
    ("wisesight.test", Language::Th),
    ("tv_dest.test", Language::Th),
    ("th_general_amy", Language::Th),
    ("th_tcas61", Language::Th),
];

/// Texts are counted by length: up to so many words (Thai ones, without spaces, by four characters a word).
const LENGTHS: [usize; 3] = [2, 4, 8];

#[derive(Clone, Copy, Default)]
struct Count {
    texts: usize,
    right: usize,
    unsure: usize,
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of_all = |count: usize| count as f64 / self.texts.max(1) as f64;
        match self.texts {
            0 => write!(f, "–"),
            _ => write!(f, "{:.3} (und {:.3}), n {}", of_all(self.right), of_all(self.unsure), self.texts),
        }
    }
}

/// One line a set: the share of texts identified as meant, without a hint, of all and of the short ones.
pub(crate) fn report(folder: &Path, rules: &TopicRules, table: &Table, mut line: impl FnMut(&str)) -> Outcome<()> {
    line("\n| language | set | all texts | ≤ 2 words | ≤ 4 words | ≤ 8 words |\n|---|---|---|---|---|---|");
    let mut sets: Vec<(String, Language, Vec<String>)> = Vec::new();
    for (name, language) in BLOCKS {
        let split = Split::by_blocks(data::load(folder, name)?);
        let texts = |samples: Vec<Sample>| samples.into_iter().map(|sample| sample.text).collect();
        sets.push((format!("{name}, validation blocks"), language, texts(split.valid)));
        sets.push((format!("{name}, test blocks"), language, texts(split.test)));
    }
    for (name, language) in TESTS {
        sets.push((name.to_owned(), language, data::raw(folder, name)?.into_iter().map(|(text, _)| text).collect()));
    }
    sets.sort_by_key(|(_, language, _)| *language);
    let mut total = [Count::default(); 4];
    let mut scratch = Scratch::new();
    for (name, language, texts) in &sets {
        let mut counts = [Count::default(); 4];
        for text in texts {
            scratch.normalise(text);
            rules.read(&mut scratch);
            let read = identify(&mut scratch, table, None).first;
            let long = words(text, *language);
            for (at, count) in counts.iter_mut().enumerate() {
                if at == 0 || long <= LENGTHS[at - 1] {
                    count.texts += 1;
                    count.right += usize::from(read == *language);
                    count.unsure += usize::from(read == Language::Und);
                }
            }
        }
        for (sum, count) in total.iter_mut().zip(counts) {
            sum.texts += count.texts;
            sum.right += count.right;
            sum.unsure += count.unsure;
        }
        let [all, two, four, eight] = counts;
        line(&format!("| {} | {name} | {all} | {two} | {four} | {eight} |", language.as_str()));
    }
    let [all, two, four, eight] = total;
    line(&format!("| all | all of them | {all} | {two} | {four} | {eight} |"));
    Ok(())
}

fn words(text: &str, language: Language) -> usize {
    match language {
        Language::Th => text.chars().filter(|c| !c.is_whitespace()).count().div_ceil(4),
        _ => text.split_whitespace().count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_texts_and_seed_give_the_same_bytes() {
        let settings = Settings { bits: 12, epochs: 2, ..super::super::LANGUAGE };
        let bytes = |seed| Rows::own().fit(Settings { seed, ..settings }).to_bytes();
        let first = bytes(1);
        assert!(first == bytes(1), "the second run gave other bytes");
        assert!(first != bytes(2), "the order of texts makes no difference: what is compared?");
    }
}
