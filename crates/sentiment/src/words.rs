//! A word as it should be spelled, and what kind of small word it is.
//!
//! Chat spells Indonesian in many ways ("gak", "ga", "tdk"): `lexicon/colloquial.tsv` says what each stands for. Letters
//! drawn out ("bangeeet", "sooo") are pulled together again.

use crate::flags::{BOOSTER, CONTRAST, DAMPENER, DRAWN_OUT, NEGATOR, QUESTION};
use crate::hash::{HashTable, WordSet, ascii};
use crate::short;
use crate::symbol::{Class, Symbol};
use crate::token::{WORD, word_hash};
use std::sync::LazyLock;

pub(crate) const COLLOQUIAL: &str = include_str!("../lexicon/colloquial.tsv");

static STANDARD: LazyLock<HashTable<&'static str>> = LazyLock::new(|| {
    let lines = COLLOQUIAL.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'));
    HashTable::new(lines.map(|(given, standard)| (ascii(WORD, given), standard)))
});

/// Longest word whose letters are looked at; what follows is cut.
const LONGEST: usize = 62;

/// A word as it should be spelled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spelling {
    letters: [Symbol; LONGEST],
    length: usize,
    /// Hash of the letters.
    pub(crate) hash: u64,
    /// Hash with doubled letters where three stood; the same as `hash` for words not drawn out.
    pub(crate) doubled: u64,
    /// Of the small-word flags.
    pub(crate) flags: u8,
}

impl Spelling {
    /// Of a word as it stands in a text.
    pub(crate) fn of(word: &[Symbol]) -> Self {
        let hash = word_hash(word);
        let mut spelling =
            Self { letters: [Symbol::new(0, Class::Latin); LONGEST], length: 0, hash, doubled: hash, flags: 0 };
        spelling.set(word);
        if word.windows(3).any(|three| three[0].class() == Class::Latin && three.iter().all(|s| *s == three[0])) {
            let mut doubled = [word[0]; LONGEST];
            let length = pull_together(word, 2, &mut doubled);
            spelling.doubled = word_hash(&doubled[..length]);
            spelling.length = pull_together(word, 1, &mut spelling.letters);
            spelling.hash = word_hash(spelling.letters());
            spelling.flags = DRAWN_OUT;
        }
        let doubled = spelling.doubled;
        if let Some(standard) = STANDARD.get(spelling.hash) {
            let letters: Vec<Symbol> = standard.chars().map(|c| Symbol::new(c as u32, Class::Latin)).collect();
            spelling.set(&letters);
            spelling.hash = word_hash(&letters);
            spelling.doubled = spelling.hash;
        }
        spelling.flags |= flags(spelling.hash, spelling.letters());
        spelling.flags |= short::flags(word, [hash, spelling.hash, doubled]);
        spelling
    }

    fn set(&mut self, word: &[Symbol]) {
        self.length = word.len().min(LONGEST);
        self.letters[..self.length].copy_from_slice(&word[..self.length]);
    }

    /// Hash of the word before its "n't" ("is" of "isn't"); `None` for a word without one.
    pub(crate) fn without_nt(&self) -> Option<u64> {
        match self.letters() {
            _ if self.hash == ascii(WORD, "can't") => Some(ascii(WORD, "can")),
            _ if self.hash == ascii(WORD, "won't") => Some(ascii(WORD, "will")),
            [verb @ .., n, apostrophe, t] if is_nt(n, apostrophe, t) => Some(word_hash(verb)),
            _ => None,
        }
    }

    /// The letters.
    pub(crate) fn letters(&self) -> &[Symbol] {
        &self.letters[..self.length]
    }
}

/// Copies a word with every letter that stands three times in a row cut to `keep`.
fn pull_together(word: &[Symbol], keep: usize, out: &mut [Symbol; LONGEST]) -> usize {
    let mut length = 0;
    let mut at = 0;
    while at < word.len() && length < LONGEST {
        let run = word[at..].iter().take_while(|symbol| **symbol == word[at]).count();
        let kept = if run >= 3 { keep } else { run };
        for _ in 0..kept.min(LONGEST - length) {
            out[length] = word[at];
            length += 1;
        }
        at += run;
    }
    length
}

fn is_nt(n: &Symbol, apostrophe: &Symbol, t: &Symbol) -> bool {
    n.is('n') && apostrophe.is('\'') && t.is('t')
}

fn flags(hash: u64, letters: &[Symbol]) -> u8 {
    let ends_in_nt = matches!(letters, [.., n, apostrophe, t] if is_nt(n, apostrophe, t));
    let mut flags = 0;
    for (set, flag) in [
        (NEGATORS.contains(hash) || ends_in_nt && letters.len() > 3, NEGATOR),
        (QUESTION_WORDS.contains(hash), QUESTION),
        (BOOSTERS.contains(hash), BOOSTER),
        (DAMPENERS.contains(hash), DAMPENER),
        (CONTRASTS.contains(hash), CONTRAST),
    ] {
        if set {
            flags |= flag;
        }
    }
    flags
}

#[rustfmt::skip]
static NEGATORS: WordSet<46> = WordSet::new(WORD, [
    "not", "no", "never", "none", "nobody", "nothing", "neither", "nor", "cannot", "cant", "wont", "dont", "didnt",
    "doesnt", "isnt", "wasnt", "arent", "werent", "wouldnt", "shouldnt", "couldnt", "havent", "hasnt", "hadnt",
    "aint", "without", "hardly", "barely", "rarely", "seldom", "lack", "lacks", "tidak", "tak", "ndak", "kagak",
    "bukan", "kurang", "belum", "tanpa", "jangan", "tiada", "bukannya", "gada", "zero", "nol",
]);

#[rustfmt::skip]
static QUESTION_WORDS: WordSet<42> = WordSet::new(WORD, [
    "what", "when", "where", "how", "which", "who", "whats", "hows", "could", "can", "does", "do", "is", "are", "will",
    "would", "wheres", "may", "apa", "apakah", "bagaimana", "gimana", "kapan", "berapa", "dimana", "mana", "siapa",
    "bisakah", "adakah", "bolehkah", "kenapa", "mengapa", "bisa", "boleh", "ada", "kah", "gimanakah", "kemana",
    "darimana", "berapakah", "kapankah", "apaan",
]);

#[rustfmt::skip]
static BOOSTERS: WordSet<32> = WordSet::new(WORD, [
    "very", "really", "so", "extremely", "absolutely", "totally", "completely", "incredibly", "super", "too", "most",
    "truly", "highly", "especially", "deeply", "fully", "hugely", "quite", "purely", "utterly", "unbelievably",
    "remarkably", "greatly", "exceptionally", "sangat", "amat", "paling", "sungguh", "terlalu", "benar", "beneran", "makin",
]);

#[rustfmt::skip]
static DAMPENERS: WordSet<13> = WordSet::new(WORD, [
    "slightly", "somewhat", "kinda", "sorta", "partly", "marginally", "occasionally", "almost", "barely", "scarcely",
    "agak", "lumayan", "cukup",
]);

#[rustfmt::skip]
static CONTRASTS: WordSet<10> = WordSet::new(WORD, [
    "but", "however", "although", "though", "tapi", "tetapi", "namun", "cuma", "sayangnya", "sayang",
]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scratch;
    use crate::flags::{ENGLISH, INDONESIAN};

    fn spelled(word: &str) -> (String, u8) {
        let mut scratch = Scratch::new();
        scratch.normalise(word);
        let spelling = Spelling::of(&scratch.symbols);
        (
            spelling.letters().iter().filter_map(|symbol| symbol.character()).collect(),
            spelling.flags & !(ENGLISH | INDONESIAN),
        )
    }

    #[test]
    fn chat_spelling_and_drawn_out_letters_are_undone() {
        for (word, standard) in [
            ("bgt", "banget"),
            ("gak", "tidak"),
            ("dgn", "dengan"),
            ("bangeeet", "banget"),
            ("bgttt", "banget"),
            ("good", "good"),
        ] {
            assert_eq!(spelled(word).0, standard);
        }
        assert_eq!(spelled("sooo"), ("so".into(), BOOSTER | DRAWN_OUT));
        assert_eq!(spelled("0000").0, "000", "digits are not letters");
    }

    #[test]
    fn small_words_are_known() {
        assert_eq!(spelled("doesn't").1, NEGATOR);
        assert_eq!(spelled("gk").1, NEGATOR);
        assert_eq!(spelled("gmn").1, QUESTION);
        assert_eq!(spelled("tapi").1, CONTRAST);
    }
}
