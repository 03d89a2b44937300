//! The language of texts of a few words, whose letters alone say too little: what each word is surely of.

use crate::flags;
use crate::hash::{HashTable, ascii};
use crate::symbol::{Class, Symbol};
use crate::token::{Token, WORD};
use std::sync::LazyLock;

/// Longer texts are left to the table.
const MOST_WORDS: usize = 8;

/// Words of `lexicon/languages.txt` that a short text has of each language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Votes {
    /// All its words.
    pub(crate) words: usize,
    /// Of English.
    pub(crate) english: usize,
    /// Of Indonesian.
    pub(crate) indonesian: usize,
    /// Of languages that are not scored.
    pub(crate) other: usize,
}

/// Asks the words of a short text; `None` for a longer one.
pub(crate) fn votes<'a>(words: impl Iterator<Item = &'a Token>) -> Option<Votes> {
    let mut votes = Votes::default();
    for token in words {
        votes.words += 1;
        match token.flags & (flags::ENGLISH | flags::INDONESIAN) {
            flags::ENGLISH => votes.english += 1,
            flags::INDONESIAN => votes.indonesian += 1,
            0 => {}
            _ => votes.other += 1,
        }
    }
    (1..=MOST_WORDS).contains(&votes.words).then_some(votes)
}

/// The flags of the language a word is surely of: [`flags::ENGLISH`], [`flags::INDONESIAN`], both for another one, neither
/// when it does not say. `hashes` are of the ways to spell it, the first as it stands.
pub(crate) fn flags(word: &[Symbol], hashes: [u64; 3]) -> u8 {
    const OTHER: u8 = flags::ENGLISH | flags::INDONESIAN;
    if let Some(flags) = hashes.iter().find_map(|hash| WORDS.get(*hash)) {
        return *flags;
    }
    let is = |symbol: Option<&Symbol>, letters: &str| symbol.is_some_and(|s| letters.chars().any(|c| s.is(c)));
    if word.iter().any(|symbol| symbol.class() == Class::Latin && symbol.code() > 0x7F) {
        return OTHER;
    }
    match word {
        // n't, 'll, 've, 're
        [_, .., n, apostrophe, t] if n.is('n') && apostrophe.is('\'') && t.is('t') => flags::ENGLISH,
        [_, .., apostrophe, a, b] if apostrophe.is('\'') && is(Some(a), "lvr") && is(Some(b), "le") => flags::ENGLISH,
        // l'envoi, d'accord, qu'on
        [a, apostrophe, _, _, ..] if apostrophe.is('\'') && is(Some(a), "cdjlmnst") => OTHER,
        [q, u, apostrophe, ..] if q.is('q') && u.is('u') && apostrophe.is('\'') => OTHER,
        // appnya
        [_, _, _, .., n, y, a] if n.is('n') && y.is('y') && a.is('a') => flags::INDONESIAN,
        _ => 0,
    }
}

pub(crate) const LIST: &str = include_str!("../lexicon/languages.txt");

static WORDS: LazyLock<HashTable<u8>> = LazyLock::new(|| {
    HashTable::new(listed().flat_map(|(language, words)| {
        let flags = match language {
            "en" => flags::ENGLISH,
            "id" => flags::INDONESIAN,
            _ => flags::ENGLISH | flags::INDONESIAN,
        };
        words.split(' ').map(move |word| (ascii(WORD, word), flags))
    }))
});

/// Lines of the list: a language's tag and words of it.
fn listed() -> impl Iterator<Item = (&'static str, &'static str)> {
    LIST.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::Scratch;
    use crate::{TopicRules, features};
    use std::collections::HashSet;

    fn of(text: &str) -> Option<(usize, usize, usize, usize)> {
        let mut scratch = Scratch::new();
        scratch.normalise(text);
        TopicRules::parse(&[], 1).unwrap().read(&mut scratch);
        votes(features::language_words(&scratch))
            .map(|votes| (votes.words, votes.english, votes.indonesian, votes.other))
    }

    #[test]
    fn words_vote_for_their_language() {
        assert_eq!(of("bad service"), Some((2, 1, 0, 0)));
        assert_eq!(of("refund dong"), Some((2, 0, 1, 0)));
        assert_eq!(of("bad Ware kaputt"), Some((3, 1, 0, 2)));
        assert_eq!(of("they'll amazinggg shouldn't"), Some((3, 3, 0, 0)));
        assert_eq!(of("appnya bgttt"), Some((2, 0, 2, 0)));
        assert_eq!(of("d'accord, qu'on là"), Some((3, 0, 0, 3)));
        assert_eq!(of("bad bad bad bad bad bad bad bad bad"), None, "long enough for the table");
        assert_eq!(of(""), None);
    }

    #[test]
    fn every_word_is_of_one_language() {
        let mut seen = HashSet::new();
        for (language, words) in listed() {
            assert!(["en", "id", "und"].contains(&language), "{language}");
            for word in words.split(' ') {
                assert!(!word.is_empty() && word.to_lowercase() == word && seen.insert(word), "{language}: {word:?}");
            }
        }
    }
}
