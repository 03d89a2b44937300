//! Which words made a reading what it is: for each word, emoji, mark and piece of a Thai run, how the score would change
//! without it; and the rules found, with their places.
//!
//! Slow (one reading a piece) and meant for people; `read` is for streams.

use crate::symbol::{Class, Symbol};
use crate::{Language, Reading, Scorer, Scratch};
use std::ops::Range;

/// Pieces looked at; the rest of a longer text goes unexplained.
const MOST_PIECES: usize = 400;
/// Longest piece of a Thai run, in symbols.
const THAI_PIECE: usize = 6;

/// A piece of the text and what it does.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// Bytes of the given text.
    pub place: Range<usize>,
    /// Score with the piece less score without it, in [−2, 2].
    pub effect: f32,
}

/// A rule found in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleHit {
    /// Bytes of the given text.
    pub place: Range<usize>,
    /// What the rule says, as rule files write it: a topic, `friction:<kind>`, `not_friction`, a valence.
    pub says: String,
    /// The rule's phrase.
    pub phrase: String,
}

/// A reading with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The same as [`Scorer::read`] gives.
    pub reading: Reading,
    /// Pieces that move the score, the strongest first.
    pub contributions: Vec<Contribution>,
    /// Rules found, by place.
    pub rules: Vec<RuleHit>,
}

impl Scorer {
    /// Reads one text and says which of its words made it so.
    pub fn explain(&self, text: &str, hint: Option<Language>, scratch: &mut Scratch) -> Explanation {
        scratch.normalise_traced(text);
        let reading = self.read_normalised(text, hint, scratch);
        let places = Places { origins: scratch.origins.clone(), length: text.len() };
        let rules = scratch.hits.iter().map(|hit| {
            let (says, phrase) = self.rules().describe(*hit);
            RuleHit { place: places.of(text, hit.start, hit.end), says, phrase: phrase.to_owned() }
        });
        let rules: Vec<RuleHit> = rules.collect();
        let languages = self.languages(hint, scratch);
        // A word left out makes no short text of a longer one.
        let whole = scratch.tokens.len();
        let mut contributions: Vec<Contribution> = pieces(scratch)
            .into_iter()
            .map(|(start, end)| {
                let place = places.of(text, start, end);
                let without = [&text[..place.start], &text[place.end..]].concat();
                scratch.whole = Some(whole);
                let effect = reading.score - self.score_in(languages, &without, scratch);
                scratch.whole = None;
                Contribution { place, effect }
            })
            .filter(|piece| piece.effect.abs() >= 0.005)
            .collect();
        contributions.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
        Explanation { reading, contributions, rules }
    }
}

/// Where symbols stand in the given text.
struct Places {
    origins: Vec<u32>,
    length: usize,
}

impl Places {
    fn of(&self, text: &str, start: u32, end: u32) -> Range<usize> {
        let at = |symbol: u32| self.origins.get(symbol as usize).map_or(self.length, |origin| *origin as usize);
        // White space and dropped symbols behind the last one are not part of it.
        let (from, to) = (at(start), at(end));
        from..from + text[from..to.max(from)].trim_end().len()
    }
}

/// The text in pieces, as symbol ranges. Thai runs are cut at the rules found in them, then by length.
fn pieces(text: &Scratch) -> Vec<(u32, u32)> {
    let mut pieces = Vec::new();
    for token in &text.tokens {
        if token.class != Class::Thai {
            pieces.push((token.start, token.end));
            continue;
        }
        let mut at = token.start;
        while at < token.end {
            let inside = |place: &u32| *place > at && *place < token.end;
            let longest =
                text.hits.iter().filter(|hit| hit.start == at && hit.end <= token.end).map(|hit| hit.end).max();
            let next = text.hits.iter().map(|hit| hit.start).filter(inside).min().unwrap_or(token.end);
            let end = longest.unwrap_or_else(|| cut(&text.symbols, at as usize, next as usize) as u32);
            pieces.push((at, end));
            at = end;
        }
    }
    pieces.truncate(MOST_PIECES);
    pieces
}

/// The end of a piece: near its greatest length, not before a mark that hangs on a consonant, not behind a leading vowel.
fn cut(symbols: &[Symbol], start: usize, end: usize) -> usize {
    if end - start <= THAI_PIECE + 2 {
        return end;
    }
    let can_cut = |at: usize| {
        !matches!(symbols[at].code(), 0x0E30..=0x0E3A | 0x0E45..=0x0E4E)
            && !matches!(symbols[at - 1].code(), 0x0E40..=0x0E44)
    };
    (start + 3..=start + THAI_PIECE).rev().find(|at| can_cut(*at)).unwrap_or(start + THAI_PIECE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strongest(text: &str) -> (String, f32) {
        let explanation = Scorer::embedded().unwrap().explain(text, None, &mut Scratch::new());
        let first = &explanation.contributions[0];
        (text[first.place.clone()].to_owned(), first.effect)
    }

    #[test]
    fn the_word_of_feeling_is_named() {
        let (word, effect) = strongest("The staff at the counter were terrible");
        assert!(word == "terrible" && effect < -0.1, "{word} {effect}");
        let (word, effect) = strongest("kemarin saya beli baju ini, bagus");
        assert!(word == "bagus" && effect > 0.1, "{word} {effect}");
        let (word, effect) = strongest("เมื่อวานไปสาขาสยามมา อร่อยมาก");
        assert!(word.contains("อร่อย") && effect > 0.1, "{word} {effect}");
    }

    #[test]
    fn a_word_left_out_of_a_longer_text_does_not_make_it_a_short_one() {
        // Thirteen words; what is nothing special is so of a whole text of twelve.
        let text = "we went there in the evening and it was nothing special to be";
        let explanation = Scorer::embedded().unwrap().explain(text, None, &mut Scratch::new());
        for piece in explanation.contributions {
            let word = &text[piece.place.clone()];
            assert!(
                !["it", "there", "to", "and"].contains(&word) || piece.effect.abs() < 0.3,
                "{word}: {}",
                piece.effect
            );
        }
    }

    #[test]
    fn rules_are_named_with_their_places() {
        let text = "Hello!  I NEVER   received it 😡";
        let explanation = Scorer::embedded().unwrap().explain(text, None, &mut Scratch::new());
        let hit = explanation.rules.iter().find(|hit| hit.says == "friction:not_received").unwrap();
        assert_eq!((&text[hit.place.clone()], hit.phrase.as_str()), ("NEVER   received", "never received"));
    }

    #[test]
    fn odd_texts_are_explained_too() {
        let scorer = Scorer::embedded().unwrap();
        for text in ["", "   ", "@a", "\u{200b}ดี\u{200b}", &"ก".repeat(3_000), "เเย่ ❤️‍🔥", "a\u{0}b"]
        {
            let explanation = scorer.explain(text, None, &mut Scratch::new());
            assert_eq!(explanation.reading, scorer.read(text, None, &mut Scratch::new()), "{text}");
        }
    }
}
