//! What the model looks at: hashed words, word pairs, negated words, character n-grams, emoji, punctuation, questions.
//!
//! Every feature is a 64-bit hash handed to `emit` with a small whole weight; the hash's upper bits choose the bucket of a
//! table. A score is a sum of integers over the features, so their order does not matter. Few strong features (a word, the
//! lexicon's sum) would drown among the many character n-grams; their weights even that out.

use crate::emoji;
use crate::hash::{WordSet, fold, pair};
use crate::lexicon::{self, Lexicon};
use crate::normalise::{Class, Scratch};

pub(crate) const WORD: u64 = 0x51;
const GRAM: u64 = 0x52;
const THAI_GRAM: u64 = 0x53;
const NEGATED: u64 = 0x54;
const MARK: u64 = 0x55;
const EMOJI: u64 = 0x56;
const EMOJI_BIN: u64 = 0x57;
const QUESTION: u64 = 0x58;
const LEXICON: u64 = 0x59;
const THAI_NEGATED: u64 = 0x5A;
const START: u64 = 0x5B;

const WEIGHT_WORD: u32 = 3;
const WEIGHT_PAIR: u32 = 1;
const WEIGHT_GRAM: u32 = 1;
const WEIGHT_EMOJI: u32 = 6;
const WEIGHT_QUESTION: u32 = 3;
const WEIGHT_LEXICON: u32 = 16;

/// Stands before the first and behind the last symbol of a word.
const EDGE: u32 = 1;
/// How many words behind a negator are in its scope.
const SCOPE: u32 = 3;

static NEGATORS: WordSet<60> = WordSet::new(
    WORD,
    [
        "not", "no", "never", "none", "nobody", "nothing", "neither", "nor", "cannot", "cant", "wont", "dont", "didnt",
        "doesnt", "isnt", "wasnt", "arent", "werent", "wouldnt", "shouldnt", "couldnt", "havent", "hasnt", "hadnt",
        "aint", "without", "hardly", "barely", "rarely", "seldom", "lack", "lacks", "tidak", "tdk", "tak", "gak", "ga",
        "gk", "nggak", "ngga", "enggak", "engga", "ndak", "kagak", "kaga", "bukan", "bkn", "kurang", "krg", "belum",
        "blm", "belom", "tanpa", "jangan", "jgn", "tiada", "bukannya", "gada", "gaada", "nda",
    ],
);

static QUESTION_WORDS: WordSet<44> = WordSet::new(
    WORD,
    [
        "what",
        "when",
        "where",
        "how",
        "which",
        "who",
        "whats",
        "hows",
        "could",
        "can",
        "does",
        "do",
        "is",
        "are",
        "will",
        "would",
        "apa",
        "apakah",
        "bagaimana",
        "gimana",
        "gmn",
        "kapan",
        "berapa",
        "brp",
        "dimana",
        "mana",
        "siapa",
        "bisakah",
        "adakah",
        "bolehkah",
        "kenapa",
        "mengapa",
        "bisa",
        "boleh",
        "ada",
        "apa2",
        "kah",
        "kpn",
        "dmn",
        "knp",
        "gimanakah",
        "kemana",
        "darimana",
        "berapakah",
    ],
);

/// Emits every feature of the normalised text. `lexicon` adds the valence features of English.
#[inline]
pub fn extract(text: &Scratch, lexicon: Option<&Lexicon>, mut emit: impl FnMut(u64, u32)) {
    let symbols = &text.symbols[..];
    let classes = &text.classes[..];
    let mut previous = START;
    let mut scope = 0u32;
    let mut question_word = false;
    let mut question_mark = false;
    let mut first_word = true;
    let mut valence = lexicon::Valence::default();
    let mut at = 0;
    while at < symbols.len() {
        match classes[at] {
            Class::Latin | Class::Digit | Class::Foreign => {
                let end = word_end(symbols, classes, at);
                let word = &symbols[at..end];
                let hash = word.iter().fold(WORD, |hash, &symbol| fold(hash, symbol));
                emit(hash, WEIGHT_WORD);
                emit(pair(previous, hash), WEIGHT_PAIR);
                let negator = NEGATORS.contains(hash) || ends_in_nt(word);
                if scope > 0 {
                    emit(pair(NEGATED, hash), WEIGHT_WORD);
                }
                if let Some(lexicon) = lexicon {
                    valence.word(lexicon, hash, scope > 0);
                }
                if classes[at] == Class::Latin {
                    grams(word, &mut emit);
                }
                if first_word && QUESTION_WORDS.contains(hash) {
                    question_word = true;
                }
                scope = if negator { SCOPE } else { scope.saturating_sub(1) };
                previous = hash;
                first_word = false;
                at = end;
            }
            Class::Thai => {
                let mut end = at + 1;
                while end < symbols.len() && classes[end] == Class::Thai {
                    end += 1;
                }
                thai_grams(&symbols[at..end], &mut emit);
                previous = THAI_GRAM;
                at = end;
            }
            Class::Emoji => {
                emit(fold(EMOJI, symbols[at]), WEIGHT_WORD);
                let side = char::from_u32(symbols[at]).map_or(0, |symbol| emoji::bin(symbol).valence());
                emit(fold(EMOJI_BIN, (side + 2) as u32), WEIGHT_EMOJI);
                valence.emoji(side);
                at += 1;
            }
            Class::Punctuation => {
                let mut end = at + 1;
                let mut hash = fold(MARK, symbols[at]);
                while end < symbols.len() && classes[end] == Class::Punctuation {
                    hash = fold(hash, symbols[end]);
                    end += 1;
                }
                emit(hash, WEIGHT_WORD);
                for &symbol in &symbols[at..end] {
                    if symbol == u32::from('?') {
                        question_mark = true;
                    }
                    if ends_clause(symbol) {
                        scope = 0;
                        previous = START;
                        first_word = true;
                    }
                }
                at = end;
            }
            Class::Space => at += 1,
        }
    }
    if question_mark {
        emit(fold(QUESTION, 1), WEIGHT_QUESTION);
    }
    if question_word {
        emit(fold(QUESTION, 2), WEIGHT_QUESTION);
    }
    if question_mark && question_word {
        emit(fold(QUESTION, 3), WEIGHT_QUESTION);
    }
    if lexicon.is_some() {
        valence.emit(|bucket| emit(fold(LEXICON, bucket), WEIGHT_LEXICON));
    }
}

/// Emits what tells languages apart: characters 1 to 3 of each Latin word, and the word itself, of the first 96 symbols.
#[inline]
pub fn extract_language(text: &Scratch, mut emit: impl FnMut(u64)) {
    let limit = text.symbols.len().min(96);
    let symbols = &text.symbols[..limit];
    let classes = &text.classes[..limit];
    let mut at = 0;
    while at < limit {
        if classes[at] != Class::Latin {
            at += 1;
            continue;
        }
        let mut end = at + 1;
        while end < limit && classes[end] == Class::Latin {
            end += 1;
        }
        let word = &symbols[at..end];
        emit(word.iter().fold(WORD, |hash, &symbol| fold(hash, symbol)));
        let mut before = (EDGE, EDGE);
        for &symbol in word {
            emit(fold(GRAM, symbol));
            emit(fold(fold(GRAM, before.1), symbol));
            emit(fold(fold(fold(GRAM, before.0), before.1), symbol));
            before = (before.1, symbol);
        }
        emit(fold(fold(GRAM, before.1), EDGE));
        emit(fold(fold(fold(GRAM, before.0), before.1), EDGE));
        at = end;
    }
}

/// A word runs over letters and digits; an apostrophe between letters belongs to it.
#[inline]
fn word_end(symbols: &[u32], classes: &[Class], start: usize) -> usize {
    let inside = |at: usize| at < classes.len() && matches!(classes[at], Class::Latin | Class::Digit | Class::Foreign);
    let mut end = start + 1;
    loop {
        if inside(end) {
            end += 1;
        } else if end < symbols.len() && symbols[end] == u32::from('\'') && inside(end + 1) {
            end += 2;
        } else {
            return end;
        }
    }
}

#[inline]
fn ends_in_nt(word: &[u32]) -> bool {
    word.len() > 3 && word[word.len() - 3..] == [u32::from('n'), u32::from('\''), u32::from('t')]
}

#[inline]
fn ends_clause(symbol: u32) -> bool {
    matches!(char::from_u32(symbol), Some('.' | ',' | '!' | '?' | ';' | ':' | '(' | ')'))
}

/// Longest word whose character n-grams are looked at whole; what follows is cut.
const LONGEST_WORD: usize = 62;

/// Character 3- to 5-grams of ^word$.
#[inline]
fn grams(word: &[u32], emit: &mut impl FnMut(u64, u32)) {
    let length = word.len().min(LONGEST_WORD);
    let mut edged = [EDGE; LONGEST_WORD + 2];
    edged[1..=length].copy_from_slice(&word[..length]);
    let edged = &edged[..length + 2];
    for window in edged.windows(5) {
        let three = fold(fold(fold(GRAM, window[0]), window[1]), window[2]);
        let four = fold(three, window[3]);
        emit(three, WEIGHT_GRAM);
        emit(four, WEIGHT_GRAM);
        emit(fold(four, window[4]), WEIGHT_GRAM);
    }
    // The last two starts have room for a shorter n-gram only.
    if let [.., a, b, c, d] = *edged {
        let three = fold(fold(fold(GRAM, a), b), c);
        emit(three, WEIGHT_GRAM);
        emit(fold(three, d), WEIGHT_GRAM);
    }
    if let [.., a, b, c] = *edged {
        emit(fold(fold(fold(GRAM, a), b), c), WEIGHT_GRAM);
    }
}

/// Character 1- to 6-grams of a Thai run with its edges, and the run behind a negation up to nine symbols.
#[inline]
fn thai_grams(run: &[u32], emit: &mut impl FnMut(u64, u32)) {
    let mut hash = fold(THAI_GRAM, EDGE);
    for &symbol in run.iter().take(5) {
        hash = fold(hash, symbol);
        emit(hash, WEIGHT_GRAM);
    }
    for start in 0..run.len() {
        let mut hash = THAI_GRAM;
        let end = run.len().min(start + 6);
        for &symbol in &run[start..end] {
            hash = fold(hash, symbol);
            emit(hash, WEIGHT_GRAM);
        }
        if end == run.len() {
            emit(fold(hash, EDGE), WEIGHT_GRAM);
        }
        if run[start..].starts_with(&THAI_NOT) {
            let mut hash = THAI_NEGATED;
            for (offset, &symbol) in run[start + THAI_NOT.len()..].iter().take(8).enumerate() {
                hash = fold(hash, symbol);
                if offset >= 1 {
                    emit(hash, WEIGHT_GRAM);
                }
            }
        }
    }
}

const THAI_NOT: [u32; 3] = ['ไ' as u32, 'ม' as u32, '่' as u32];

#[cfg(test)]
mod tests {
    use super::*;

    fn features(text: &str) -> Vec<u64> {
        let mut scratch = Scratch::new();
        scratch.normalise(text);
        let mut all = Vec::new();
        extract(&scratch, None, |hash, _| all.push(hash));
        all
    }

    fn word(text: &str) -> u64 {
        crate::hash::ascii(WORD, text)
    }

    #[test]
    fn negation_reaches_three_words_and_stops_at_punctuation() {
        let has = |text: &str, negated: &str| features(text).contains(&pair(NEGATED, word(negated)));
        assert!(has("not a very good shop", "good"));
        assert!(!has("not a very very good shop", "good"));
        assert!(!has("not now, good shop", "good"));
        assert!(has("it doesn't work", "work"));
        assert!(has("kurang bagus", "bagus"));
    }

    #[test]
    fn questions_and_emoji_are_features() {
        assert!(features("is it open?").contains(&fold(QUESTION, 3)));
        assert!(!features("it is open").contains(&fold(QUESTION, 2)));
        assert!(features("ok 😡").contains(&fold(EMOJI_BIN, 0)));
    }

    #[test]
    fn a_thai_run_gives_grams_up_to_six() {
        // edges: 2 leading + 2 trailing; grams: 2 of one symbol, 1 of two
        assert_eq!(features("ดี").len(), 2 + 2 + 3);
    }

    #[test]
    fn extraction_never_reads_past_the_end() {
        for text in ["", "'", "a'", "n't", "ไม่", "😀", "?", "ไม่ไม่ไม่", "don't'"] {
            features(text);
        }
    }
}
