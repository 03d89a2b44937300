//! Rule files, line by line, into what texts are looked up in.

use super::{GAP, Group, Rule, Says, THAI_GAP, Tail, ThaiPart, TopicError, TopicRules};
use crate::family;
use crate::flags;
use crate::friction::FrictionKind;
use crate::hash::{HashTable, ascii, pair};
use crate::normalise::Scratch;
use crate::thai_not;
use crate::token::{Token, WORD, word_hash};
use crate::topics::NAMES;
use crate::words::Spelling;
use aho_corasick::dfa::DFA;
use aho_corasick::{MatchKind, StartKind};
use std::collections::{BTreeMap, HashSet};

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
                    for phrase in family::phrases(phrase) {
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
            rule.negates = spelled.iter().any(|word| word.flags & flags::NEGATOR != 0);
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
