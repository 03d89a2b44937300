//! Key phrases per language: topics (many a text), factual complaints with their kind, and words of feeling.
//!
//! A rule file is tab-separated: what a phrase says, the phrase. What it says is one of [`crate::TOPIC_NAMES`]; or
//! `friction:<kind>` (a factual complaint, see [`FrictionKind`]); or `not_friction` (a longer phrase that takes back the
//! friction inside it: "no problem"); or `not_topic` (the same for topics: "in charge"); or `contrast` ("but"); or `supposes` ("if": a
//! question behind it complains of nothing); or `solves` ("fixed it": friction before it is over); or a number from −4 to 4 (feeling
//! of the phrase, by which topics are liked); or `tone:<number>` (feeling of the whole text, whatever its words say: "can't fault";
//! 0 is none). Phrases are matched on the normalised text, words as they should be spelled. A Latin phrase begins and ends at a
//! word's edge; `*` at its end lets the last word go on; "n't" in it stands for "not", too; `..` is up to three words of the same
//! sentence. `(a|b)` is one of these, `[a|b]` one or none. What phrases say together is weighed in `weigh.rs`.

mod compile;

use crate::flags;
use crate::found::Hit;
use crate::friction::{FrictionKind, FrictionSet};
use crate::hash::{HashTable, ascii, fold};
use crate::memo::{Memo, Word};
use crate::normalise::Scratch;
use crate::symbol::{Class, Symbol};
use crate::token::{Token, WORD};
use crate::tone::Tone;
use crate::topics::TopicSet;
use crate::words::Spelling;
use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton, OverlappingState};
use aho_corasick::dfa::DFA;

/// `..` in a phrase. No word of a text has a dot in it.
const GAP: u64 = ascii(WORD, "..");
/// Words that may stand in a gap.
const GAP_WORDS: usize = 3;

/// `..` in a Thai phrase, which has no words to count.
const THAI_GAP: &[u8] = b" .. ";
/// Symbols that may stand in it.
const THAI_GAP_SYMBOLS: usize = 24;

/// What is wrong with a rule file.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// A line that is not `topic<TAB>phrase`.
    #[error("line {line}: expected a topic, a tab and a phrase")]
    Line {
        /// One-based line number.
        line: usize,
    },
    /// A topic that [`TopicSet`] has no bit for.
    #[error("line {line}: unknown topic {topic:?}")]
    UnknownTopic {
        /// One-based line number.
        line: usize,
        /// The word that was found.
        topic: String,
    },
    /// More phrases than there are numbers for: families multiply.
    #[error("line {line}: more than 65535 phrases")]
    TooMany {
        /// One-based line number.
        line: usize,
    },
    /// The phrases do not fit into one automaton.
    #[error("phrases cannot be compiled: {0}")]
    Compile(#[from] Box<aho_corasick::BuildError>),
}

/// What a phrase says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Says {
    Topic(u32),
    Friction(FrictionKind),
    NoFriction,
    /// What follows is set against what went before.
    Contrast,
    NoTopic,
    /// What follows in a question is not said to be so.
    Supposes,
    /// What went before is over.
    Solves,
    /// In hundredths.
    Feeling(i16),
    /// Of the whole text, in hundredths of a log odds; 0 is no feeling.
    Tone(i16),
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) says: Says,
    /// The phrase has a "not" of its own.
    pub(crate) negates: bool,
    open_end: bool,
    phrase: String,
}

/// A Latin phrase of two words or more, first word excepted.
#[derive(Debug)]
struct Tail {
    rule: u16,
    /// The phrase's second word, or the one behind a gap, which tells most phrases apart; 0 if it may go on.
    next: u64,
    words: Vec<u64>,
    /// Letters and hash of the last word if it may go on.
    stem: Option<(usize, u64)>,
}

/// The phrases that begin with a word, both sorted by `next`.
#[derive(Debug, Default)]
struct Group {
    plain: Vec<Tail>,
    /// Those whose first word a gap follows; `next` is the word behind it.
    gapped: Vec<Tail>,
}

/// What a pattern of the Thai automaton is.
#[derive(Debug)]
enum ThaiPart {
    Whole(u16),
    /// Before a gap.
    Before(u16),
    /// Behind one: with what before it, it is a hit of which rule.
    Behind(Vec<(u16, u16)>),
}

/// What the rules say of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// What it is about.
    pub topics: TopicSet,
    /// What it does: asks, suggests, praises.
    pub speech: TopicSet,
    /// What it complains of; `None` if no phrase of friction stands, or all are taken back.
    pub friction: Option<FrictionKind>,
    /// Everything it complains of.
    pub frictions: FrictionSet,
    /// The phrase that says so, for [`TopicRules::phrase`].
    pub evidence: u16,
    /// It speaks of friction only to say that there was none, or that it is over.
    pub relieved: bool,
    /// It speaks of friction only to ask what would be.
    pub supposed: bool,
    /// What idioms say of its feeling.
    pub tone: Tone,
}

/// The compiled rules of one or more files.
#[derive(Debug)]
pub struct TopicRules {
    owner: u64,
    /// Rule 0 is none.
    rules: Vec<Rule>,
    words: HashTable<Vec<u16>>,
    stems: HashTable<Vec<u16>>,
    groups: HashTable<u16>,
    /// By group; group 0 is none.
    groups_of_tails: Vec<Group>,
    question_marks: Vec<u16>,
    thai: DFA,
    /// By pattern.
    thai_parts: Vec<ThaiPart>,
    thai_head_count: usize,
}

impl TopicRules {
    /// The phrase of a rule, as its file has it.
    pub fn phrase(&self, rule: u16) -> &str {
        self.rules.get(rule as usize).map_or("", |rule| rule.phrase.as_str())
    }

    /// Resolves the words of a normalised text and finds the rules in it; both stay in `text`.
    pub(crate) fn find(&self, text: &mut Scratch) {
        let Scratch { symbols, tokens, bytes, memo, hits, noughts, .. } = &mut *text;
        hits.clear();
        memo.belong_to(self.owner);
        for token in tokens.iter_mut() {
            if token.class == Class::Punctuation {
                if !self.question_marks.is_empty() && token.of(symbols).iter().any(|symbol| symbol.is('?')) {
                    let (start, end) = (token.start, token.end);
                    hits.extend(self.question_marks.iter().map(|&rule| Hit::new(start, end, rule)));
                }
            } else if token.is_word() {
                self.word(symbols, token, memo);
                if token.class == Class::Digit && noughts.contains(&token.start) {
                    token.flags |= flags::NEGATOR;
                }
            }
        }
        // Phrases look ahead, so all words are resolved first.
        for at in 0..tokens.len() {
            let token = tokens[at];
            if token.has_rules {
                let word = *memo.word(token.hash, || self.learn(token.of(symbols)));
                for rule in word.rules.into_iter().take_while(|rule| *rule != 0) {
                    hits.push(Hit::new(token.start, token.end, rule));
                }
                let group = &self.groups_of_tails[word.group as usize];
                let mut behind = behind_dash(symbols, &tokens[at + 1..]);
                find_tails(&group.plain, 0, symbols, token, behind, hits);
                let mut words = 0;
                while let (Some((next, rest)), false) = (behind.split_first(), group.gapped.is_empty()) {
                    find_tails(&group.gapped, 1, symbols, token, behind, hits);
                    words += usize::from(next.is_word());
                    if words > GAP_WORDS || !passes_gap(next, symbols) {
                        break;
                    }
                    behind = rest;
                }
            }
        }
        if !bytes.is_empty() {
            self.find_thai(bytes, hits);
        }
    }

    fn word(&self, symbols: &[Symbol], token: &mut Token, memo: &mut Memo) {
        let word = memo.word(token.hash, || self.learn(token.of(symbols)));
        token.canonical = word.canonical;
        token.flags = word.flags;
        token.has_rules = word.rules[0] != 0 || word.group != 0;
    }

    /// What the rules know of a word that is not remembered.
    fn learn(&self, word: &[Symbol]) -> Word {
        let spelling = Spelling::of(word);
        let mut rules = [0; 4];
        let mut places = rules.iter_mut();
        let mut put = |found: Option<&Vec<u16>>| {
            found.into_iter().flatten().zip(&mut places).for_each(|(rule, place)| *place = *rule);
        };
        put(self.words.get(spelling.hash));
        let mut hash = WORD;
        for symbol in spelling.letters() {
            hash = fold(hash, symbol.code());
            put(self.stems.get(hash));
        }
        let group = self.groups.get(spelling.hash).copied().unwrap_or_default();
        Word { canonical: spelling.hash, rules, group, flags: spelling.flags, ..Word::default() }
    }

    fn find_thai(&self, bytes: &[u8], hits: &mut Vec<Hit>) {
        let mut state = OverlappingState::start();
        let input = aho_corasick::Input::new(bytes).anchored(Anchored::No);
        // Where the head of each phrase with a gap stood last.
        let mut heads = Vec::new();
        while self.thai.try_find_overlapping(&input, &mut state).is_ok() {
            let Some(found) = state.get_match() else { break };
            let (start, end) = (found.start(), found.end());
            if start > 0 && is_word(bytes[start]) && is_word(bytes[start - 1]) {
                continue;
            }
            let in_word = end < bytes.len() && is_word(bytes[end - 1]) && is_word(bytes[end]);
            match &self.thai_parts[found.pattern().as_usize()] {
                ThaiPart::Whole(rule) => {
                    if !in_word || self.rules[*rule as usize].open_end {
                        hits.push(Hit::new(start as u32, end as u32, *rule));
                    }
                }
                ThaiPart::Before(head) => {
                    heads.resize(self.thai_head_count, None);
                    heads[*head as usize] = Some((start, end));
                }
                ThaiPart::Behind(_) if in_word || heads.is_empty() => {}
                ThaiPart::Behind(pairs) => {
                    for (head, rule) in pairs {
                        if let Some((begin, gap)) = heads[*head as usize].filter(|(_, gap)| spans(bytes, *gap, start)) {
                            debug_assert!(gap <= start);
                            hits.push(Hit::new(begin as u32, end as u32, *rule));
                        }
                    }
                }
            }
        }
    }

    /// The rule of a hit.
    pub(crate) fn rule(&self, hit: Hit) -> &Rule {
        &self.rules[hit.rule as usize]
    }

    /// What a hit says, as rule files write it, and its phrase.
    pub(crate) fn describe(&self, hit: Hit) -> (String, &str) {
        let rule = self.rule(hit);
        let says = match rule.says {
            Says::Topic(topic) => TopicSet(topic).iter().next().unwrap_or_default().to_owned(),
            Says::Friction(kind) => format!("friction:{}", kind.as_str()),
            Says::NoFriction => "not_friction".to_owned(),
            Says::NoTopic => "not_topic".to_owned(),
            Says::Solves => "solves".to_owned(),
            Says::Tone(tone) => format!("tone:{:+.1}", f32::from(tone) / 100.0),
            Says::Contrast => "contrast".to_owned(),
            Says::Supposes => "supposes".to_owned(),
            Says::Feeling(_) => format!("{:+.1}", f32::from(hit.valence) / 100.0),
        };
        (says, &rule.phrase)
    }

    /// The topics of a hit.
    pub(crate) fn topics_of(&self, hit: Hit) -> u32 {
        match self.rules[hit.rule as usize].says {
            Says::Topic(topic) => topic,
            _ => 0,
        }
    }

    /// True for a bad feeling that "not" turned.
    pub(crate) fn is_denied(&self, hit: Hit) -> bool {
        hit.valence > 0 && matches!(self.rule(hit).says, Says::Feeling(valence) if valence < 0)
    }

    /// True for a word like "but" that is no part of a longer one.
    pub(crate) fn is_contrast(&self, hit: Hit) -> bool {
        self.rule(hit).says == Says::Contrast && !hit.void
    }

    /// True for a hit of friction that nothing takes back.
    pub(crate) fn is_friction(&self, hit: Hit) -> bool {
        matches!(self.rule(hit).says, Says::Friction(_)) && !hit.void
    }
}

/// Adds the phrases whose words from `from` on stand at the beginning of `behind`.
#[inline]
fn find_tails(tails: &[Tail], from: usize, symbols: &[Symbol], first: Token, behind: &[Token], hits: &mut Vec<Hit>) {
    let next = behind.first().map_or(0, |token| token.canonical);
    let open = tails.iter().take_while(|tail| tail.next == 0);
    let begin = tails.partition_point(|tail| tail.next < next.max(1));
    let same = tails[begin..].iter().take_while(|tail| tail.next == next);
    for tail in open.chain(same) {
        if let Some(end) = tail.end_from(from, symbols, behind) {
            hits.push(Hit::new(first.start, end, tail.rule));
        }
    }
}

/// True for what may stand in a gap.
fn passes_gap(token: &Token, symbols: &[Symbol]) -> bool {
    token.is_word() || token.class == Class::Punctuation && !ends_sentence(token, symbols)
}

impl Tail {
    /// Where the phrase ends if its word `from` is the first of `tokens`.
    fn end_from(&self, from: usize, symbols: &[Symbol], mut tokens: &[Token]) -> Option<u32> {
        let mut end = 0;
        for (at, word) in self.words.iter().enumerate().skip(from) {
            if *word == GAP {
                return self.end_behind_gap(at + 1, symbols, tokens);
            }
            tokens = behind_dash(symbols, tokens);
            let (token, rest) = tokens.split_first()?;
            let same = match self.stem {
                Some((length, stem)) if at + 1 == self.words.len() => {
                    let letters = token.of(symbols);
                    letters.len() >= length && crate::token::word_hash(&letters[..length]) == stem
                }
                _ => token.canonical == *word,
            };
            if !token.is_word() || !same {
                return None;
            }
            end = token.end;
            tokens = rest;
        }
        Some(end)
    }

    fn end_behind_gap(&self, from: usize, symbols: &[Symbol], mut tokens: &[Token]) -> Option<u32> {
        let mut words = 0;
        loop {
            if let Some(end) = self.end_from(from, symbols, tokens) {
                return Some(end);
            }
            let (token, rest) = tokens.split_first()?;
            words += usize::from(token.is_word());
            if words > GAP_WORDS || !passes_gap(token, symbols) {
                return None;
            }
            tokens = rest;
        }
    }
}

/// True for a mark behind which another sentence begins.
pub(crate) fn ends_sentence(token: &Token, symbols: &[Symbol]) -> bool {
    token.class == Class::Punctuation
        && token.of(symbols).iter().any(|symbol| matches!(symbol.code(), 0x21 | 0x2E | 0x3B | 0x3F))
}

/// Tokens without a dash that stands before them: "money-back".
#[inline]
fn behind_dash<'a>(symbols: &[Symbol], tokens: &'a [Token]) -> &'a [Token] {
    match tokens {
        [dash, rest @ ..] if matches!(dash.of(symbols), [symbol] if symbol.is('-')) => rest,
        _ => tokens,
    }
}

/// True for a gap within reach and in one sentence.
fn spans(bytes: &[u8], from: usize, to: usize) -> bool {
    (from..=from + THAI_GAP_SYMBOLS).contains(&to)
        && !bytes[from..to].iter().any(|byte| matches!(byte, b'!' | b'.' | b'?'))
}

/// Only ASCII binds: Thai writes no spaces.
#[inline]
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests;
