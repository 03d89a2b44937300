//! What the model looks at: hashed words, word pairs, negated words, character n-grams, emoji, punctuation, questions.
//!
//! Every feature is a 64-bit hash handed to `emit` with a small whole weight; the hash's upper bits choose the bucket of a
//! table. A score is a sum of integers over the features, so their order does not matter. Few strong features (a word, the
//! lexicon's sum) would drown among the many character n-grams; their weights even that out.
//!
//! [`extract`] is the definition, used by the trainer. Reading does the same by [`of_word`] (remembered per word) and
//! [`in_context`]; the test `sums.rs` holds them equal.

use crate::emoji;
use crate::flags;
use crate::hash::{fold, pair};
use crate::lexicon::{Lexicon, Valence};
use crate::normalise::Scratch;
use crate::symbol::{Class, Symbol, ends_clause};
use crate::token::Token;
use crate::words::Spelling;

const GRAM: u64 = 0x52;
const THAI_GRAM: u64 = 0x53;
const NEGATED: u64 = 0x54;
const EMOJI: u64 = 0x56;
const EMOJI_BIN: u64 = 0x57;
const QUESTION: u64 = 0x58;
const LEXICON: u64 = 0x59;
const THAI_NEGATED: u64 = 0x5A;
const START: u64 = 0x5B;
const DRAWN_OUT: u64 = 0x5C;
const FRICTION: u64 = 0x5D;
const RELIEVED: u64 = 0x5E;
const SUPPOSED: u64 = 0x5F;

const WEIGHT_WORD: u32 = 3;
const WEIGHT_PAIR: u32 = 1;
const WEIGHT_GRAM: u32 = 1;
const WEIGHT_EMOJI: u32 = 6;
const WEIGHT_QUESTION: u32 = 3;
const WEIGHT_LEXICON: u32 = 16;
const WEIGHT_FRICTION: u32 = 8;
const WEIGHT_RELIEVED: u32 = 24;
const WEIGHT_SUPPOSED: u32 = 24;

/// Stands before the first and behind the last symbol of a word.
const EDGE: u32 = 1;
/// How many words behind a negator are in its scope.
const SCOPE: u32 = 3;

/// Takes the features of a text.
pub(crate) trait Sink {
    /// One feature.
    fn feature(&mut self, hash: u64, times: u32);
    /// The features of a word that do not depend on its neighbours; returns its valence in hundredths.
    fn word(&mut self, token: &Token) -> i32;
    /// The n-grams of one to six symbols that begin a window of six Thai symbols. `key` stands for the symbols.
    fn thai_window(&mut self, key: u64, window: &[Symbol]);
}

/// Emits every feature of a text that [`crate::TopicRules::read`] has been through. `lexicon` adds valence features;
/// `with_thai` is false for a table that knows no Thai.
pub fn extract(text: &Scratch, lexicon: Option<&Lexicon>, with_thai: bool, emit: impl FnMut(u64, u32)) {
    struct Plain<'a, E>(&'a [Symbol], Option<&'a Lexicon>, E);
    impl<E: FnMut(u64, u32)> Sink for Plain<'_, E> {
        fn feature(&mut self, hash: u64, times: u32) {
            (self.2)(hash, times);
        }
        fn word(&mut self, token: &Token) -> i32 {
            let word = token.of(self.0);
            let spelling = Spelling::of(word);
            of_word(word, token.class, &spelling, &mut self.2);
            self.1.map_or(0, |lexicon| lexicon.of_spelling(&spelling, token.hash))
        }
        fn thai_window(&mut self, _: u64, window: &[Symbol]) {
            of_thai_window(window, &mut |hash| (self.2)(hash, WEIGHT_GRAM));
        }
    }
    in_context(text, lexicon.is_some(), with_thai, &mut Plain(&text.symbols, lexicon, emit));
}

/// The features of a word that do not depend on its neighbours.
#[inline]
pub(crate) fn of_word(word: &[Symbol], class: Class, spelling: &Spelling, emit: &mut impl FnMut(u64, u32)) {
    emit(spelling.hash, WEIGHT_WORD);
    if spelling.doubled != spelling.hash {
        emit(spelling.doubled, WEIGHT_WORD);
    }
    if spelling.flags & flags::DRAWN_OUT != 0 {
        emit(DRAWN_OUT, WEIGHT_WORD);
    }
    if class == Class::Latin && !word.is_empty() {
        grams(spelling.letters(), emit);
    }
}

/// Hands a text to `sink` piece by piece. `with_thai` is false for a table that knows no Thai.
#[inline]
pub(crate) fn in_context(text: &Scratch, has_lexicon: bool, with_thai: bool, sink: &mut impl Sink) {
    let mut previous = START;
    let mut scope = 0u32;
    let (mut question_word, mut question_mark) = (false, false);
    let mut first_word = true;
    let mut valence = Valence::default();
    for token in &text.tokens {
        match token.class {
            Class::Latin | Class::Digit | Class::Foreign => {
                let hash = token.canonical;
                sink.feature(pair(previous, hash), WEIGHT_PAIR);
                if scope > 0 {
                    sink.feature(pair(NEGATED, hash), WEIGHT_WORD);
                }
                valence.word(sink.word(token), token.flags, scope > 0);
                question_word |= first_word && token.flags & flags::QUESTION != 0;
                scope = if token.flags & flags::NEGATOR != 0 { SCOPE } else { scope.saturating_sub(1) };
                previous = hash;
                first_word = false;
            }
            Class::Thai if !with_thai => previous = START,
            Class::Thai => {
                thai_grams(token.of(&text.symbols), sink);
                previous = THAI_GRAM;
            }
            Class::Emoji => {
                let code = token.hash as u32;
                sink.feature(fold(EMOJI, code), WEIGHT_WORD);
                let side = emoji::valence(code);
                sink.feature(fold(EMOJI_BIN, (side + 2) as u32), WEIGHT_EMOJI);
                valence.emoji(side);
            }
            Class::Punctuation => {
                sink.feature(token.hash, WEIGHT_WORD);
                for symbol in token.of(&text.symbols) {
                    question_mark |= symbol.is('?');
                    if ends_clause(*symbol) {
                        scope = 0;
                        previous = START;
                        first_word = true;
                    }
                }
            }
            Class::Space => {}
        }
    }
    text.hits.iter().filter(|_| with_thai).for_each(|hit| valence.phrase(i32::from(hit.valence)));
    for (number, set) in [(1, question_mark), (2, question_word), (3, question_mark && question_word)] {
        if set {
            sink.feature(fold(QUESTION, number), WEIGHT_QUESTION);
        }
    }
    if let Some(kind) = text.friction {
        sink.feature(fold(FRICTION, 0), WEIGHT_FRICTION);
        sink.feature(fold(FRICTION, kind as u32), WEIGHT_FRICTION);
    }
    if text.relieved {
        sink.feature(RELIEVED, WEIGHT_RELIEVED);
    }
    if text.supposed {
        sink.feature(SUPPOSED, WEIGHT_SUPPOSED);
    }
    if has_lexicon {
        valence.emit(|bucket| sink.feature(fold(LEXICON, bucket), WEIGHT_LEXICON));
    }
}

/// Emits what tells languages apart: characters 1 to 3 of a Latin word, and the word itself.
#[inline]
pub(crate) fn of_word_language(word: &[Symbol], hash: u64, emit: &mut impl FnMut(u64)) {
    emit(hash);
    let mut before = (EDGE, EDGE);
    for symbol in word.iter().filter(|symbol| symbol.class() == Class::Latin).map(|symbol| symbol.code()) {
        emit(fold(GRAM, symbol));
        emit(fold(fold(GRAM, before.1), symbol));
        emit(fold(fold(fold(GRAM, before.0), before.1), symbol));
        before = (before.1, symbol);
    }
    emit(fold(fold(GRAM, before.1), EDGE));
    emit(fold(fold(fold(GRAM, before.0), before.1), EDGE));
}

/// Latin words looked at to tell the language.
const LANGUAGE_WORDS: usize = 20;

/// The words that tell the language.
#[inline]
pub(crate) fn language_words(text: &Scratch) -> impl Iterator<Item = &Token> {
    text.tokens.iter().filter(|token| token.class == Class::Latin).take(LANGUAGE_WORDS)
}

/// Emits the language features of a text.
pub fn extract_language(text: &Scratch, mut emit: impl FnMut(u64)) {
    for token in language_words(text) {
        of_word_language(token.of(&text.symbols), token.hash, &mut emit);
    }
}

/// Character 3- to 5-grams of ^word$.
#[inline]
fn grams(word: &[Symbol], emit: &mut impl FnMut(u64, u32)) {
    let mut edged = [EDGE; 64];
    let length = word.len().min(edged.len() - 2);
    for (place, symbol) in edged[1..].iter_mut().zip(&word[..length]) {
        *place = symbol.code();
    }
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

/// Symbols of the longest Thai n-gram.
const WINDOW: usize = 6;

/// The n-grams that begin a window: one symbol, two, and so on.
#[inline]
pub(crate) fn of_thai_window(window: &[Symbol], emit: &mut impl FnMut(u64)) -> u64 {
    window.iter().fold(THAI_GRAM, |hash, symbol| {
        let hash = fold(hash, symbol.code());
        emit(hash);
        hash
    })
}

/// Character 1- to 6-grams of a Thai run with its edges, and the run behind a negation up to nine symbols.
#[inline]
fn thai_grams(run: &[Symbol], sink: &mut impl Sink) {
    let mut hash = fold(THAI_GRAM, EDGE);
    for symbol in run.iter().take(WINDOW - 1) {
        hash = fold(hash, symbol.code());
        sink.feature(hash, WEIGHT_GRAM);
    }
    let mut key = 0;
    for (at, window) in run.windows(WINDOW).enumerate() {
        if at == 0 {
            key = window.iter().fold(0, |key, symbol| thai_key(key, *symbol));
        } else {
            key = thai_key(key, window[WINDOW - 1]);
        }
        sink.thai_window(key, window);
    }
    if run.len() >= WINDOW {
        let last = &run[run.len() - WINDOW..];
        let whole = of_thai_window(last, &mut |_| {});
        sink.feature(fold(whole, EDGE), WEIGHT_GRAM);
    }
    for start in (run.len() + 1).saturating_sub(WINDOW)..run.len() {
        let whole = of_thai_window(&run[start..], &mut |hash| sink.feature(hash, WEIGHT_GRAM));
        sink.feature(fold(whole, EDGE), WEIGHT_GRAM);
    }
    for (at, not) in run.windows(3).enumerate() {
        if not[0].code() == THAI_NOT[0] && not[1].code() == THAI_NOT[1] && not[2].code() == THAI_NOT[2] {
            let mut hash = THAI_NEGATED;
            for (offset, symbol) in run[at + 3..].iter().take(8).enumerate() {
                hash = fold(hash, symbol.code());
                if offset >= 1 {
                    sink.feature(hash, WEIGHT_GRAM);
                }
            }
        }
    }
}

/// Six Thai symbols of seven bits; their first bit keeps the key from being 0.
#[inline]
fn thai_key(key: u64, symbol: Symbol) -> u64 {
    (key << 7 | u64::from(symbol.code() & 0x7F)) & ((1 << 42) - 1) | 1 << 42
}

/// ไม่
const THAI_NOT: [u32; 3] = ['ไ' as u32, 'ม' as u32, '่' as u32];

#[cfg(test)]
mod tests {
    use super::*;

    fn features(text: &str) -> Vec<u64> {
        let mut scratch = Scratch::new();
        scratch.normalise(text);
        crate::TopicRules::parse(&[], 1).unwrap().read(&mut scratch);
        let mut all = Vec::new();
        extract(&scratch, None, true, |hash, _| all.push(hash));
        all
    }

    fn word(text: &str) -> u64 {
        crate::hash::ascii(crate::token::WORD, text)
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
