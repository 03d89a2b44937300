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

use crate::found::Hit;
use crate::friction::{FrictionKind, FrictionSet};
use crate::hash::{HashTable, ascii, fold, pair};
use crate::memo::{Memo, Word};
use crate::normalise::Scratch;
use crate::symbol::{Class, Symbol};
use crate::thai_not;
use crate::token::{Token, WORD, word_hash};
use crate::tone::Tone;
use crate::topics::{NAMES, TopicSet};
use crate::words::{self, Spelling};
use aho_corasick::automaton::{Automaton, OverlappingState};
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, MatchKind, StartKind};
use std::collections::{BTreeMap, HashSet};

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

/// What is gathered while rules are compiled.
#[derive(Default)]
struct Draft {
    words: BTreeMap<u64, Vec<u16>>,
    stems: BTreeMap<u64, Vec<u16>>,
    groups: BTreeMap<u64, u16>,
    patterns: Vec<Vec<u8>>,
    /// What stands before a gap in Thai phrases, and behind it: with what before, and of which rule.
    heads: BTreeMap<Vec<u8>, u16>,
    thens: BTreeMap<Vec<u8>, Vec<(u16, u16)>>,
    /// Latin phrases of two words or more, by their hash.
    phrases: HashSet<(Says, u64)>,
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
    /// Compiles rule files given as text. `owner` names them and all else that a [`Scratch`] may remember of words.
    ///
    /// # Errors
    /// For a line that is no rule; the first one is named.
    pub fn parse(files: &[&str], owner: u64) -> Result<Self, TopicError> {
        let mut parsed = Vec::new();
        for file in files {
            for (at, line) in file.lines().enumerate() {
                if !line.trim().is_empty() && !line.starts_with('#') {
                    let (says, phrase) = line.split_once('\t').ok_or(TopicError::Line { line: at + 1 })?;
                    for phrase in crate::family::phrases(phrase) {
                        parsed.push(parse_line(says, &phrase, at + 1)?);
                    }
                }
            }
        }
        let mut rules = Self {
            owner,
            rules: vec![Rule { says: Says::NoFriction, negates: false, open_end: false, phrase: String::new() }],
            words: HashTable::new([]),
            stems: HashTable::new([]),
            groups: HashTable::new([]),
            groups_of_tails: vec![Group::default()],
            question_marks: Vec::new(),
            thai: automaton(&[])?,
            thai_parts: Vec::new(),
            thai_head_count: 0,
        };
        let mut draft = Draft::default();
        let mut scratch = Scratch::new();
        for (line, rule) in parsed {
            scratch.normalise(&rule.phrase);
            if scratch.symbols.is_empty() {
                return Err(TopicError::Line { line });
            }
            if rules.rules.len() >= usize::from(u16::MAX) {
                return Err(TopicError::TooMany { line });
            }
            rules.add(rule, &scratch, &mut draft);
        }
        rules.thai_head_count = draft.heads.len();
        for (head, number) in std::mem::take(&mut draft.heads) {
            draft.patterns.push(head);
            rules.thai_parts.push(ThaiPart::Before(number));
        }
        for (then, pairs) in std::mem::take(&mut draft.thens) {
            draft.patterns.push(then);
            rules.thai_parts.push(ThaiPart::Behind(pairs));
        }
        for group in &mut rules.groups_of_tails {
            group.plain.sort_by_key(|tail| tail.next);
            group.gapped.sort_by_key(|tail| tail.next);
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
            let gap = text.bytes.windows(THAI_GAP.len()).position(|four| four == THAI_GAP);
            match gap {
                Some(at) => {
                    let head = draft.heads.len() as u16;
                    let head = *draft.heads.entry(text.bytes[..at].to_vec()).or_insert(head);
                    draft.thens.entry(text.bytes[at + THAI_GAP.len()..].to_vec()).or_default().push((head, id));
                }
                None => {
                    draft.patterns.push(text.bytes.clone());
                    self.thai_parts.push(ThaiPart::Whole(id));
                }
            }
        } else {
            let stands = |token: &&Token| token.is_word() || word_hash(token.of(&text.symbols)) == GAP;
            let words: Vec<&Token> = text.tokens.iter().filter(stands).collect();
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
                    self.groups_of_tails.push(Group::default());
                    (self.groups_of_tails.len() - 1) as u16
                });
                let gap = usize::from(words[1] == GAP);
                let next = if words.len() == 2 + gap && stem.is_some() { 0 } else { words[1 + gap] };
                // Families of phrases overlap.
                let key = words.iter().fold(u64::from(stem.is_some()), |key, word| pair(key, *word));
                if !draft.phrases.insert((says, key)) {
                    return false;
                }
                let group = &mut self.groups_of_tails[group as usize];
                let tails = if gap == 1 { &mut group.gapped } else { &mut group.plain };
                tails.push(Tail { rule: id, next, words: words[1..].to_vec(), stem });
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

fn parse_line(topic: &str, phrase: &str, number: usize) -> Result<(usize, Rule), TopicError> {
    let (phrase, open_end) = match phrase.trim().strip_suffix('*') {
        Some(stem) => (stem, true),
        None => (phrase.trim(), false),
    };
    let topic = topic.trim();
    let bit = || NAMES.iter().position(|name| *name == topic).map(|bit| Says::Topic(1 << bit));
    let friction = || topic.strip_prefix("friction:").and_then(FrictionKind::from_name).map(Says::Friction);
    let hundredths = |text: &str| text.parse().ok().filter(|v: &f32| v.abs() <= 4.0).map(|v| (v * 100.0) as i16);
    let tone = || topic.strip_prefix("tone:").and_then(hundredths).map(Says::Tone);
    let feeling = || hundredths(topic).map(Says::Feeling);
    let says = match topic {
        "not_friction" => Some(Says::NoFriction),
        "not_topic" => Some(Says::NoTopic),
        "contrast" => Some(Says::Contrast),
        "supposes" => Some(Says::Supposes),
        "solves" => Some(Says::Solves),
        _ => bit().or_else(friction).or_else(tone).or_else(feeling),
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
    fn a_gap_is_up_to_three_words_of_one_sentence() {
        let rules = "friction:late\tordered .. got\nfriction:late\tno .. reply";
        for (text, meant) in [
            ("ordered got", true),
            ("Ordered black, got navy", true),
            ("ordered a red one got", true),
            ("ordered one of two big ones got", false),
            ("ordered. got", false),
            ("no", false),
            ("no, not even a reply", true),
        ] {
            assert_eq!(read(rules, text).1, meant, "{text}");
        }
    }

    #[test]
    fn a_thai_gap_is_short_and_ends_with_the_sentence() {
        let rules = "friction:late\tสั่ง .. ได้ s";
        for (text, meant) in [
            ("สั่งไซซ์ M ได้ S", true),
            ("สั่งได้ s", true),
            ("สั่งแล้ว! ได้ s", false),
            ("สั่งเสื้อกางเกงรองเท้ากระเป๋าและหมวกอีกใบ ได้ s", false),
            ("สั่ง", false),
        ] {
            assert_eq!(read(rules, text).1, meant, "{text}");
        }
    }

    #[test]
    fn what_only_shares_a_word_is_another_topic() {
        let rules = "billing\tcharge\nnot_topic\tin charge";
        assert!(read(rules, "in charge").0.is_empty());
        assert!(read(rules, "the one in charge of this charge").0.contains("billing"));
    }

    #[test]
    fn what_was_mended_complains_of_nothing() {
        let rules = "friction:other\ttrouble\nsolves\tfixed it";
        for (text, meant) in [
            ("trouble, but they fixed it", false),
            ("I had trouble. They fixed it.", false),
            ("trouble. A long story. They fixed it.", true),
            ("trouble, they never fixed it", true),
            ("trouble, please get it fixed it", true),
            ("they fixed it, now trouble", true),
        ] {
            assert_eq!(read(rules, text).1, meant, "{text}");
        }
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
