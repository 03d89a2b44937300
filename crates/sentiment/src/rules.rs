//! Key phrases per language: topics (many a text), factual complaints with their kind, and words of feeling.
//!
//! A rule file is tab-separated: what a phrase says, the phrase. What it says is one of [`crate::TOPIC_NAMES`]; or
//! `friction:<kind>` (a factual complaint, see [`FrictionKind`]); or `not_friction` (a longer phrase that takes back the
//! friction inside it: "no problem"); or `contrast` ("but"); or `supposes` ("if": a question behind it complains of nothing); or a
//! number from −4 to 4 (feeling of the phrase). Phrases are matched on the normalised text, words as they should be spelled. A Latin
//! phrase begins and ends at a word's edge; `*` at its end lets the last word go on; "n't" in it stands for "not", too. What phrases
//! say together is weighed in `weigh.rs`.

use crate::found::Hit;
use crate::friction::{FrictionKind, FrictionSet};
use crate::hash::{HashTable, ascii, fold};
use crate::memo::{Memo, Word};
use crate::normalise::Scratch;
use crate::symbol::{Class, Symbol};
use crate::thai_not;
use crate::token::{Token, WORD};
use crate::topics::{NAMES, TopicSet};
use crate::words::{self, Spelling};
use aho_corasick::automaton::{Automaton, OverlappingState};
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, MatchKind, StartKind};
use std::collections::BTreeMap;

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
    /// The phrases do not fit into one automaton.
    #[error("phrases cannot be compiled: {0}")]
    Compile(#[from] Box<aho_corasick::BuildError>),
}

/// What a phrase says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Says {
    Topic(u32),
    Friction(FrictionKind),
    NoFriction,
    /// What follows is set against what went before.
    Contrast,
    /// What follows in a question is not said to be so.
    Supposes,
    /// In hundredths.
    Feeling(i16),
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
    /// The phrase's second word, which tells most phrases apart; 0 if it may go on.
    next: u64,
    words: Vec<u64>,
    /// Letters and hash of the last word if it may go on.
    stem: Option<(usize, u64)>,
}

/// What the rules say of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// What it is about.
    pub topics: TopicSet,
    /// What it complains of; `None` if no phrase of friction stands, or all are taken back.
    pub friction: Option<FrictionKind>,
    /// Everything it complains of.
    pub frictions: FrictionSet,
    /// The phrase that says so, for [`TopicRules::phrase`].
    pub evidence: u16,
    /// It speaks of friction only to say that there was none, or that it is over.
    pub relieved: bool,
}

/// What is gathered while rules are compiled.
#[derive(Default)]
struct Draft {
    words: BTreeMap<u64, Vec<u16>>,
    stems: BTreeMap<u64, Vec<u16>>,
    groups: BTreeMap<u64, u16>,
    patterns: Vec<Vec<u8>>,
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
    tails: Vec<Vec<Tail>>,
    question_marks: Vec<u16>,
    thai: DFA,
    /// By pattern.
    thai_rules: Vec<u16>,
}

impl TopicRules {
    /// Compiles rule files given as text. `owner` names them and all else that a [`Scratch`] may remember of words.
    ///
    /// # Errors
    /// For a line that is no rule; the first one is named.
    pub fn parse(files: &[&str], owner: u64) -> Result<Self, TopicError> {
        let mut parsed = Vec::new();
        for file in files {
            for (at, line) in file.lines().enumerate() {
                if !line.trim().is_empty() && !line.starts_with('#') {
                    parsed.push(parse_line(line, at + 1)?);
                }
            }
        }
        let mut rules = Self {
            owner,
            rules: vec![Rule { says: Says::NoFriction, negates: false, open_end: false, phrase: String::new() }],
            words: HashTable::new([]),
            stems: HashTable::new([]),
            groups: HashTable::new([]),
            tails: vec![Vec::new()],
            question_marks: Vec::new(),
            thai: automaton(&[])?,
            thai_rules: Vec::new(),
        };
        let mut draft = Draft::default();
        let mut scratch = Scratch::new();
        for (line, rule) in parsed {
            scratch.normalise(&rule.phrase);
            if scratch.symbols.is_empty() {
                return Err(TopicError::Line { line });
            }
            rules.add(rule, &scratch, &mut draft);
        }
        rules.thai = automaton(&draft.patterns)?;
        rules.words = HashTable::new(draft.words);
        rules.stems = HashTable::new(draft.stems);
        rules.groups = HashTable::new(draft.groups);
        Ok(rules)
    }

    fn add(&mut self, mut rule: Rule, text: &Scratch, draft: &mut Draft) {
        let id = self.rules.len() as u16;
        if text.thai_count > 0 {
            rule.negates = thai_not::is_in(&text.bytes);
            draft.patterns.push(text.bytes.clone());
            self.thai_rules.push(id);
        } else {
            let words: Vec<&Token> = text.tokens.iter().filter(|token| token.is_word()).collect();
            let spelled: Vec<Spelling> = words.iter().map(|word| Spelling::of(word.of(&text.symbols))).collect();
            rule.negates = spelled.iter().any(|word| word.flags & words::NEGATOR != 0);
            let last = words.last().map(|word| ((word.end - word.start) as usize, word.hash));
            let stem = last.filter(|_| rule.open_end);
            let mut stands = false;
            for canonical in ways_to_write(&spelled) {
                stands |= self.add_words(id, rule.says, &canonical, stem, draft);
            }
            if !stands {
                return;
            }
        }
        self.rules.push(rule);
    }

    /// Adds one way to write a Latin phrase; false if another rule says the same of the same word.
    fn add_words(&mut self, id: u16, says: Says, words: &[u64], stem: Option<(usize, u64)>, draft: &mut Draft) -> bool {
        match *words {
            [] => self.question_marks.push(id),
            [word] => {
                let (map, key) = match stem {
                    Some((_, hash)) => (&mut draft.stems, hash),
                    None => (&mut draft.words, word),
                };
                let same = map.entry(key).or_default();
                // Two chat spellings of one word say a thing once.
                if same.iter().any(|&other| self.rules[other as usize].says == says) {
                    return false;
                }
                same.push(id);
            }
            [first, ..] => {
                let group = *draft.groups.entry(first).or_insert_with(|| {
                    self.tails.push(Vec::new());
                    (self.tails.len() - 1) as u16
                });
                let next = if words.len() == 2 && stem.is_some() { 0 } else { words[1] };
                self.tails[group as usize].push(Tail { rule: id, next, words: words[1..].to_vec(), stem });
            }
        }
        true
    }

    /// The phrase of a rule, as its file has it.
    pub fn phrase(&self, rule: u16) -> &str {
        self.rules.get(rule as usize).map_or("", |rule| rule.phrase.as_str())
    }

    /// Resolves the words of a normalised text and finds the rules in it; both stay in `text`.
    pub(crate) fn find(&self, text: &mut Scratch) {
        let Scratch { symbols, tokens, bytes, memo, hits, .. } = &mut *text;
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
                let behind = behind_dash(symbols, &tokens[at + 1..]);
                let next = behind.first().map_or(0, |token| token.canonical);
                for tail in self.tails[word.group as usize].iter().filter(|tail| tail.next == next || tail.next == 0) {
                    if let Some(end) = tail.end(symbols, behind) {
                        hits.push(Hit::new(token.start, end, tail.rule));
                    }
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
        while self.thai.try_find_overlapping(&input, &mut state).is_ok() {
            let Some(found) = state.get_match() else { break };
            let (start, end) = (found.start(), found.end());
            let rule = self.thai_rules[found.pattern().as_usize()];
            let starts_word = !is_word(bytes[start]) || start == 0 || !is_word(bytes[start - 1]);
            let ends_word = self.rules[rule as usize].open_end
                || end == bytes.len()
                || !is_word(bytes[end - 1])
                || !is_word(bytes[end]);
            if starts_word && ends_word {
                hits.push(Hit::new(start as u32, end as u32, rule));
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

    /// True for a word like "but" that is no part of a longer one.
    pub(crate) fn is_contrast(&self, hit: Hit) -> bool {
        self.rule(hit).says == Says::Contrast && !hit.void
    }

    /// True for a hit of friction that nothing takes back.
    pub(crate) fn is_friction(&self, hit: Hit) -> bool {
        matches!(self.rule(hit).says, Says::Friction(_)) && !hit.void
    }
}

/// The words of a phrase, and the same with "not" written out of its "n't".
fn ways_to_write(phrase: &[Spelling]) -> Vec<Vec<u64>> {
    let short: Vec<u64> = phrase.iter().map(|word| word.hash).collect();
    let long: Vec<u64> = phrase
        .iter()
        .flat_map(|word| match word.without_nt() {
            Some(verb) => vec![verb, ascii(WORD, "not")],
            None => vec![word.hash],
        })
        .collect();
    if long == short { vec![short] } else { vec![short, long] }
}

impl Tail {
    /// Where the phrase ends if its second word may be the first of `tokens`.
    #[inline]
    fn end(&self, symbols: &[Symbol], mut tokens: &[Token]) -> Option<u32> {
        let mut end = 0;
        for (at, word) in self.words.iter().enumerate() {
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
}

/// Tokens without a dash that stands before them: "money-back".
#[inline]
fn behind_dash<'a>(symbols: &[Symbol], tokens: &'a [Token]) -> &'a [Token] {
    match tokens {
        [dash, rest @ ..] if matches!(dash.of(symbols), [symbol] if symbol.is('-')) => rest,
        _ => tokens,
    }
}

fn parse_line(line: &str, number: usize) -> Result<(usize, Rule), TopicError> {
    let (topic, phrase) = line.split_once('\t').ok_or(TopicError::Line { line: number })?;
    let (phrase, open_end) = match phrase.trim().strip_suffix('*') {
        Some(stem) => (stem, true),
        None => (phrase.trim(), false),
    };
    let topic = topic.trim();
    let bit = || NAMES.iter().position(|name| *name == topic).map(|bit| Says::Topic(1 << bit));
    let friction = || topic.strip_prefix("friction:").and_then(FrictionKind::from_name).map(Says::Friction);
    let feeling = || topic.parse().ok().filter(|v: &f32| v.abs() <= 4.0).map(|v| Says::Feeling((v * 100.0) as i16));
    let says = match topic {
        "not_friction" => Some(Says::NoFriction),
        "contrast" => Some(Says::Contrast),
        "supposes" => Some(Says::Supposes),
        _ => bit().or_else(friction).or_else(feeling),
    };
    match says {
        Some(says) => Ok((number, Rule { says, negates: false, open_end, phrase: phrase.to_owned() })),
        None => Err(TopicError::UnknownTopic { line: number, topic: topic.to_owned() }),
    }
}

fn automaton(patterns: &[Vec<u8>]) -> Result<DFA, TopicError> {
    DFA::builder()
        .start_kind(StartKind::Unanchored)
        .match_kind(MatchKind::Standard)
        .build(patterns)
        .map_err(|error| TopicError::Compile(Box::new(error)))
}

/// Only ASCII binds: Thai writes no spaces.
#[inline]
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rules: &str, text: &str) -> (TopicSet, bool) {
        let mut scratch = Scratch::new();
        scratch.normalise(text);
        let found = TopicRules::parse(&[rules], 1).unwrap().read(&mut scratch);
        (found.topics, found.friction.is_some())
    }

    #[test]
    fn phrases_keep_to_word_edges_unless_starred() {
        let rules = "billing\tbill\ndelivery\tdeliver*\nprice\tแพง\nrefund\tmoney back\nrefund\tget a ref*";
        assert!(read(rules, "My BILL, please").0.contains("billing"));
        assert!(!read(rules, "billboard").0.contains("billing"));
        assert!(read(rules, "delivered").0.contains("delivery"));
        assert!(!read(rules, "undelivered").0.contains("delivery"));
        assert!(read(rules, "my money-back").0.contains("refund"));
        assert!(!read(rules, "my money, back").0.contains("refund"));
        assert!(read(rules, "how to get a refund").0.contains("refund"));
        assert_eq!(read(rules, "ราคาแพงมาก bill").0.iter().collect::<Vec<_>>(), ["billing", "price"]);
    }

    #[test]
    fn chat_spelling_matches_the_standard_phrase() {
        assert!(read("friction:not_received\tbelum sampai", "pesanan blm sampe").1);
        assert!(read("friction:not_received\tgak sampai", "tidak sampaiii").1);
    }

    #[test]
    fn a_longer_phrase_takes_friction_back() {
        let rules = "friction:other\tproblem\nnot_friction\tno problem";
        assert!(read(rules, "a problem").1);
        assert!(!read(rules, "no problem").1);
        assert!(read(rules, "no problem yesterday, today a problem").1);
    }

    #[test]
    fn friction_says_its_kind_and_its_phrase() {
        let rules = TopicRules::parse(&["friction:other\tproblem\nfriction:late\tstill waiting"], 1).unwrap();
        let mut scratch = Scratch::new();
        scratch.normalise("a problem: still waiting");
        let found = rules.read(&mut scratch);
        assert_eq!(found.frictions.iter().collect::<Vec<_>>(), ["late"]);
        assert_eq!((found.friction, rules.phrase(found.evidence)), (Some(FrictionKind::Late), "still waiting"));
    }

    #[test]
    fn feeling_is_turned_by_not_and_taken_by_the_longest() {
        let rules = TopicRules::parse(&["2\tดี\n-1\tดีเลย์"], 1).unwrap();
        let mut scratch = Scratch::new();
        let mut sum = |text: &str| {
            scratch.normalise(text);
            rules.read(&mut scratch);
            scratch.hits.iter().map(|hit| i32::from(hit.valence)).sum::<i32>()
        };
        assert_eq!((sum("ดีมาก"), sum("ไม่ค่อยดี"), sum("ดีเลย์")), (200, -150, -100));
    }

    #[test]
    fn a_broken_rule_file_is_refused_with_its_line() {
        assert!(matches!(TopicRules::parse(&["# x\nbilling bill"], 1), Err(TopicError::Line { line: 2 })));
        assert!(matches!(TopicRules::parse(&["weather\train"], 1), Err(TopicError::UnknownTopic { line: 1, .. })));
        assert!(matches!(TopicRules::parse(&["friction:rain\train"], 1), Err(TopicError::UnknownTopic { .. })));
    }
}
