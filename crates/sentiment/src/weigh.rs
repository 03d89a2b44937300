//! What the rules found in a text say together: a longer phrase takes a shorter one inside it back, "not" turns a feeling and
//! takes friction back, a problem that was solved is none, and a question that only supposes complains of nothing.
//!
//! Hits are sorted by place once and gone through in that order, so the work grows with the text and not with its square.

use crate::flags;
use crate::found::Hit;
use crate::friction::FrictionKind;
use crate::hash::WordSet;
use crate::normalise::Scratch;
use crate::rules::{Found, Rule, Says, TopicRules, ends_sentence};
use crate::symbol::{Class, Symbol};
use crate::thai_not;
use crate::token::{Token, WORD};
use crate::tone::Tone;
use crate::topics::TopicSet;

/// Words behind a negator that it turns.
const SCOPE: usize = 3;
/// Words between a problem and the word that says it is solved.
const SOLVED_WITHIN: usize = 4;
/// Symbols behind a problem within which it says of what it is.
const SOLVED_ABOUT: u32 = 12;
/// Tokens of a text that a fact behind a "but", or an idiom without feeling, says all of.
const SHORT: usize = 12;
/// What a fact complained of behind a "but" says of the whole.
const BUT: i16 = -75;
/// Emoji that cry, or die, of joy as well.
const TEARS: [u32; 3] = ['😭' as u32, '💀' as u32, '☠' as u32];
/// Symbols before "fixed it" that it may speak of.
const SOLVED_BEHIND: u32 = 200;

impl TopicRules {
    /// Resolves the words of a normalised text, finds the rules in it and says what they say together; all of it stays in `text`.
    pub fn read(&self, text: &mut Scratch) -> Found {
        self.find(text);
        let found = self.weigh(text);
        text.friction = found.friction;
        text.relieved = found.relieved;
        text.supposed = found.supposed;
        text.tone = found.tone;
        found
    }

    /// Topics, friction that nothing takes back, feeling of phrases. Sorts the hits and sets what they are worth.
    fn weigh(&self, text: &mut Scratch) -> Found {
        let Scratch { symbols, tokens, bytes, hits, whole, .. } = text;
        let whole = *whole;
        hits.sort_unstable_by_key(|hit| (hit.start, u32::MAX - hit.end, hit.rule));
        let around = Around { symbols, tokens, bytes };
        let (mut taking_back, mut feeling, mut any) = (Cover::default(), Cover::default(), Cover::default());
        let (mut other_sense, mut idiom, mut denied) = (Cover::default(), Cover::default(), Cover::default());
        let (mut supposes, mut relieved) = (false, false);
        let (mut tone, mut solved) = (Tone::default(), None);
        // A "but" stood before the hit; friction stood behind one.
        let (mut set_against, mut outweighs) = (false, false);
        let is_short = whole.unwrap_or(around.tokens.len()) <= SHORT;
        // Behind the last friction so far that has a "not" of its own, and the first token not before the hit.
        let (mut spent, mut at) = (0, 0);
        for hit in hits.iter_mut() {
            while let Some(token) = around.tokens.get(at).filter(|token| token.end <= hit.start) {
                set_against |= token.flags & flags::CONTRAST != 0;
                at += 1;
            }
            let rule = self.rule(*hit);
            let in_another = any.holds(*hit);
            match rule.says {
                Says::Topic(_) => {
                    hit.elsewhere = other_sense.holds(*hit);
                    hit.void = taking_back.holds(*hit);
                }
                Says::NoTopic => other_sense.add(*hit),
                Says::Solves if !in_another && !around.is_open(*hit, at) => solved = Some((*hit, at)),
                Says::Solves => {}
                Says::Tone(side) => {
                    if (side != 0 || is_short) && !idiom.holds(*hit) && (rule.negates || !around.turns(*hit, at)) {
                        tone.add(side);
                    }
                    idiom.add(*hit);
                }
                Says::NoFriction => taking_back.add(*hit),
                Says::Contrast => {
                    hit.void = in_another;
                    set_against |= !in_another;
                }
                Says::Supposes => {
                    hit.void = in_another;
                    supposes |= !hit.void;
                }
                Says::Friction(kind) => {
                    let is_denied = !rule.negates && around.denies(*hit, at, spent);
                    if is_denied {
                        denied.add(*hit);
                    }
                    hit.void =
                        taking_back.holds(*hit) || is_denied || kind == FrictionKind::Other && around.solves(*hit, at);
                    relieved |= hit.void;
                    outweighs |= set_against && !hit.void;
                    if rule.negates && !hit.void {
                        spent = spent.max(hit.end);
                    }
                }
                Says::Feeling(valence) => {
                    // "Not" before "sent late" turns the "late" in it, too.
                    let negated = around.turns(*hit, at) || denied.holds(*hit);
                    if !feeling.holds(*hit) && (negated || !taking_back.holds(*hit)) {
                        hit.valence = if negated { -valence * 3 / 4 } else { valence };
                    }
                    feeling.add(*hit);
                }
            }
            any.add(*hit);
        }
        if let Some((hit, at)) = solved {
            relieved |= self.solve(around.solved_from(hit, at), hit.start, hits);
        }
        let supposed = supposes && self.suppose(around.symbols, around.tokens, hits);
        hits.retain(|hit| !hit.elsewhere);
        let found = self.sum_up(hits);
        let none = found.friction.is_none();
        if outweighs && !none && is_short {
            tone.add(BUT);
        }
        if none && around.tokens.iter().any(|token| token.class == Class::Emoji && TEARS.contains(&(token.hash as u32)))
        {
            tone.cry();
        }
        Found { relieved: relieved && none, supposed: supposed && none, tone, ..found }
    }

    /// Voids the friction between these places and what it was about; true if there was any.
    fn solve(&self, from: u32, to: u32, hits: &mut [Hit]) -> bool {
        let is_friction = |rule: &Rule| matches!(rule.says, Says::Friction(_));
        let between = |hit: &Hit| hit.start >= from && hit.end <= to;
        let ours = hits.iter().filter(|hit| between(hit) && !hit.void && is_friction(self.rule(**hit)));
        let Some(last) = ours.map(|hit| hit.end).max() else { return false };
        for hit in hits.iter_mut().filter(|hit| between(hit)) {
            let rule = self.rule(*hit);
            hit.void |= is_friction(rule) || matches!(rule.says, Says::Topic(_)) && hit.start < last + SOLVED_ABOUT;
        }
        true
    }

    fn sum_up(&self, hits: &[Hit]) -> Found {
        let mut found = Found::default();
        let mut longest = 0;
        for hit in hits {
            match self.rule(*hit).says {
                Says::Topic(topic) => {
                    found.topics.0 |= topic & !TopicSet::SPEECH.0;
                    found.speech.0 |= topic & TopicSet::SPEECH.0;
                }
                Says::Friction(kind) if !hit.void => {
                    found.frictions.add(kind);
                    // The more a phrase says, the better it names the kind.
                    let better = found.friction.is_none_or(|known| {
                        known == FrictionKind::Other && known != kind
                            || kind != FrictionKind::Other && hit.end - hit.start > longest
                    });
                    if better {
                        found.friction = Some(kind);
                        longest = hit.end - hit.start;
                        found.evidence = hit.rule;
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// Voids what stands behind an "if" in a sentence that asks; true if friction was among it.
    fn suppose(&self, symbols: &[Symbol], tokens: &[Token], hits: &mut [Hit]) -> bool {
        let (mut next, mut any) = (0, false);
        while let Some(found) = hits[next..].iter().position(|hit| self.rule(*hit).says == Says::Supposes && !hit.void)
        {
            let from = next + found;
            let word = tokens.partition_point(|token| token.end <= hits[from].start);
            let ends = |token: &Token| ends_sentence(token, symbols);
            let begin = tokens[..word].iter().rev().find(|token| ends(token)).map_or(0, |token| token.end);
            let end = tokens[word..].iter().find(|token| ends(token)).map_or(u32::MAX, |token| token.end);
            let behind = from + hits[from..].iter().take_while(|hit| hit.start < end).count();
            let first = hits[..from].iter().rposition(|hit| hit.start < begin).map_or(0, |last| last + 1);
            if hits[first..behind].iter().any(|hit| self.topics_of(*hit) & TopicSet::QUESTION.0 != 0) {
                any |= hits[from..behind].iter().any(|hit| self.is_friction(*hit));
                hits[from..behind].iter_mut().for_each(|hit| hit.void = true);
            }
            next = behind.max(from + 1);
        }
        any
    }
}

/// Where phrases of one kind reach, of those met so far in order of place, the longer first.
#[derive(Debug, Default)]
struct Cover {
    start: u32,
    /// The furthest end of phrases that begin at `start`.
    end_here: u32,
    /// The furthest end of phrases that begin before `start`.
    end_before: u32,
}

impl Cover {
    fn add(&mut self, hit: Hit) {
        if hit.start != self.start {
            self.end_before = self.end_before.max(self.end_here);
            (self.start, self.end_here) = (hit.start, 0);
        }
        self.end_here = self.end_here.max(hit.end);
    }

    /// True if a longer phrase of the kind holds the whole of `hit`.
    fn holds(&self, hit: Hit) -> bool {
        if hit.start == self.start {
            self.end_before >= hit.end || self.end_here > hit.end
        } else {
            self.end_before.max(self.end_here) >= hit.end
        }
    }
}

/// What stands around a hit.
#[derive(Clone, Copy)]
struct Around<'a> {
    symbols: &'a [Symbol],
    tokens: &'a [Token],
    bytes: &'a [u8],
}

impl Around<'_> {
    /// True if "not" turns the feeling of a hit that begins with token `at`.
    fn turns(&self, hit: Hit, at: usize) -> bool {
        thai_not::is_before(self.bytes, hit.start as usize, &thai_not::TURNS)
            || self.is_word(at) && self.words_before(at).take(SCOPE).any(|word| word.flags & flags::NEGATOR != 0)
    }

    /// True if "not" takes back the friction of a hit that begins with token `at`: with nothing but small words between, and
    /// unless the "not" belongs to a complaint of its own, which ends at `spent`.
    fn denies(&self, hit: Hit, at: usize, spent: u32) -> bool {
        if !self.is_word(at) {
            return thai_not::is_before(self.bytes, hit.start as usize, &thai_not::DENIES);
        }
        let spaced = self.tokens[at].spaced && hit.start > 0;
        if thai_not::is_before(self.bytes, hit.start as usize - usize::from(spaced), &thai_not::DENIES) {
            return true;
        }
        for word in self.words_before(at).take(SCOPE) {
            if word.flags & flags::NEGATOR != 0 {
                return word.start >= spent;
            }
            if !BRIDGES.contains(word.canonical) {
                return false;
            }
        }
        false
    }

    /// True if the words about a hit that begins with token `at` say that it is solved.
    fn solves(&self, hit: Hit, at: usize) -> bool {
        if !self.is_word(at) {
            return false;
        }
        let mut before = self.words_before(at).skip_while(|word| OWN.contains(word.canonical));
        if before.next().is_some_and(|word| SOLVED.contains(word.canonical))
            && before.take(SCOPE).all(|word| word.flags & flags::NEGATOR == 0 && !OPEN.contains(word.canonical))
        {
            return true;
        }
        let mut done = true;
        let behind =
            self.tokens[at..].iter().skip_while(|token| token.start < hit.end).take_while(|token| token.is_word());
        for word in behind.take(SOLVED_WITHIN) {
            if SOLVED.contains(word.canonical) {
                return done;
            }
            if word.flags & flags::NEGATOR != 0 || OPEN.contains(word.canonical) {
                return false;
            }
            done = DONE.contains(word.canonical);
        }
        false
    }

    /// True if what begins with token `at` is not done, or still to be done: "never fixed it", "please fix".
    fn is_open(&self, hit: Hit, at: usize) -> bool {
        let unsaid = |word: &Token| word.flags & flags::NEGATOR != 0 || OPEN.contains(word.canonical);
        match self.is_word(at) {
            true => self.words_before(at).take(SCOPE).any(unsaid),
            false => thai_not::is_before(self.bytes, hit.start as usize, &thai_not::TURNS),
        }
    }

    /// Where that begins which a phrase that begins with token `at` may say is over: in its sentence and the one before.
    fn solved_from(&self, hit: Hit, at: usize) -> u32 {
        let nearest = hit.start.saturating_sub(SOLVED_BEHIND);
        let before = self.tokens[..at].iter().rev().take_while(|token| token.start >= nearest);
        let mut ends = before.filter(|token| ends_sentence(token, self.symbols));
        ends.nth(1).map_or(nearest, |token| token.end)
    }

    fn is_word(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(Token::is_word)
    }

    /// The words before token `at`, the nearest first, as far as nothing else stands between.
    fn words_before(&self, at: usize) -> impl Iterator<Item = &Token> {
        self.tokens[..at].iter().rev().take_while(|token| token.is_word())
    }
}

/// May stand between "not" and what it takes back: "no more issues", "tidak pernah ada yang rusak".
#[rustfmt::skip]
static BRIDGES: WordSet<53> = WordSet::new(WORD, [
    "a", "an", "any", "more", "most", "single", "real", "actual", "longer", "actually", "really", "been", "be", "being", "is",
    "was", "are", "were", "has", "have", "had", "get", "got", "getting", "find", "found", "see", "seen", "experience",
    "experienced", "ever", "once", "yet", "at", "all", "come", "came", "arrive", "arrived", "even", "noticed", "ada", "yang",
    "pernah", "sampai", "lagi", "barang", "mengalami", "akan", "terjadi", "datang", "sama", "sekali",
]);

/// Says that a problem is over.
#[rustfmt::skip]
static SOLVED: WordSet<20> = WordSet::new(WORD, [
    "solved", "resolved", "fixed", "sorted", "cleared", "solving", "resolving", "fixing", "sorting", "rectified", "selesai",
    "teratasi", "diatasi", "diperbaiki", "beres", "terselesaikan", "diselesaikan", "tertangani", "ditangani", "clear",
]);

/// Says that what follows has happened: "was solved", "sudah selesai".
#[rustfmt::skip]
static DONE: WordSet<17> = WordSet::new(WORD, [
    "is", "was", "are", "were", "been", "got", "all", "now", "finally", "quickly", "already", "immediately", "sudah", "telah",
    "berhasil", "cepat", "langsung",
]);

/// Says that what follows is still to be done: "please fix", "must be solved".
#[rustfmt::skip]
static OPEN: WordSet<29> = WordSet::new(WORD, [
    "to", "please", "can", "could", "will", "would", "must", "should", "need", "needs", "want", "until", "when", "if", "get",
    "still", "be", "keep", "kapan", "akan", "harus", "mohon", "tolong", "segera", "bisa", "dapat", "agar", "supaya", "sampai",
]);

/// Whose problem: may stand between "solved" and it.
#[rustfmt::skip]
static OWN: WordSet<12> = WordSet::new(WORD, [
    "my", "the", "this", "that", "our", "these", "those", "every", "all", "any", "an", "a",
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cover_holds_what_lies_within_a_longer_phrase() {
        let mut cover = Cover::default();
        let at = |start, end| Hit::new(start, end, 1);
        cover.add(at(0, 9));
        assert!(!cover.holds(at(0, 9)), "not itself");
        assert!(cover.holds(at(0, 4)) && cover.holds(at(3, 9)));
        cover.add(at(3, 5));
        assert!(cover.holds(at(3, 5)), "an earlier one reaches further");
        assert!(!cover.holds(at(8, 10)));
    }

    #[test]
    fn a_supposition_reaches_to_the_end_of_its_question_only() {
        let rules = TopicRules::parse(&["friction:damaged\tbroken\nsupposes\tif\nquestion\t?"], 1).unwrap();
        let mut scratch = Scratch::new();
        let mut complains = |text: &str| {
            scratch.normalise(text);
            rules.read(&mut scratch).friction.is_some()
        };
        assert!(!complains("and if it is broken?"));
        assert!(complains("if it is broken."), "asks nothing");
        assert!(complains("broken if so?"), "before the if");
        assert!(complains("what if? it is broken"), "another sentence");
        assert!(complains("what if broken? it is broken. if broken?"));
    }
}
