//! What a text is about: key phrases per language, many topics a text; and the friction flag, by the same rules.
//!
//! A rule file is tab-separated: topic, phrase. Phrases are matched on the normalised text. A Latin phrase begins and
//! ends at a word's edge; `*` at its end lets the word go on. Two more first columns exist: `friction` (a factual complaint)
//! and `not_friction` (a longer phrase that takes back the friction phrases inside it: "no problem").

use crate::normalise::Scratch;
use aho_corasick::automaton::{Automaton, OverlappingState};
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, MatchKind, StartKind};

/// The topics, in the order of their bits. Stored names: add at the end, never reorder.
pub const NAMES: [&str; 14] = [
    "billing",
    "delivery",
    "refund",
    "product_quality",
    "price",
    "login_account",
    "staff_service",
    "cancellation",
    "website_checkout",
    "onboarding",
    "stock_availability",
    "praise",
    "question",
    "suggestion",
];

/// A set of topics; bit n is `NAMES[n]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TopicSet(pub u32);

impl TopicSet {
    /// The stable names of the topics in the set, in bit order.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| *name)
    }

    /// True if the set holds the topic of this name.
    pub fn contains(self, name: &str) -> bool {
        self.iter().any(|topic| topic == name)
    }

    /// True if no topic was found.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

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

#[derive(Debug, Clone, Copy)]
struct Rule {
    topics: u32,
    /// +1 for a friction phrase, −n for a phrase that takes back n.
    friction: i32,
    open_end: bool,
}

/// The compiled rules of one or more files.
#[derive(Debug)]
pub struct TopicRules {
    automaton: DFA,
    rules: Vec<Rule>,
}

impl TopicRules {
    /// Compiles rule files given as text.
    pub fn parse(files: &[&str]) -> Result<Self, TopicError> {
        let mut phrases: Vec<Vec<u8>> = Vec::new();
        let mut rules: Vec<Rule> = Vec::new();
        let mut guards: Vec<usize> = Vec::new();
        let mut scratch = Scratch::new();
        for file in files {
            for (at, line) in file.lines().enumerate() {
                if line.trim().is_empty() || line.starts_with('#') {
                    continue;
                }
                let (topic, phrase) = line.split_once('\t').ok_or(TopicError::Line { line: at + 1 })?;
                let (phrase, open_end) = match phrase.trim().strip_suffix('*') {
                    Some(stem) => (stem, true),
                    None => (phrase.trim(), false),
                };
                let (topics, friction) = match topic.trim() {
                    "friction" => (0, 1),
                    "not_friction" => {
                        guards.push(rules.len());
                        (0, 0)
                    }
                    topic => match NAMES.iter().position(|name| *name == topic) {
                        Some(bit) => (1 << bit, 0),
                        None => return Err(TopicError::UnknownTopic { line: at + 1, topic: topic.to_owned() }),
                    },
                };
                scratch.normalise(phrase);
                if scratch.bytes.is_empty() {
                    return Err(TopicError::Line { line: at + 1 });
                }
                phrases.push(scratch.bytes.clone());
                rules.push(Rule { topics, friction, open_end });
            }
        }
        let automaton = DFA::builder()
            .start_kind(StartKind::Unanchored)
            .match_kind(MatchKind::Standard)
            .build(&phrases)
            .map_err(|error| TopicError::Compile(Box::new(error)))?;
        let mut compiled = Self { automaton, rules };
        for guard in guards {
            let (_, friction_count) = compiled.find(&phrases[guard]);
            compiled.rules[guard].friction = -friction_count;
        }
        Ok(compiled)
    }

    /// Topics and friction of a normalised text.
    pub fn read(&self, text: &Scratch) -> (TopicSet, bool) {
        let (topics, friction) = self.find(&text.bytes);
        (TopicSet(topics), friction > 0)
    }

    fn find(&self, bytes: &[u8]) -> (u32, i32) {
        let (mut topics, mut friction) = (0, 0);
        let mut state = OverlappingState::start();
        let input = aho_corasick::Input::new(bytes).anchored(Anchored::No);
        loop {
            if self.automaton.try_find_overlapping(&input, &mut state).is_err() {
                break;
            }
            let Some(found) = state.get_match() else { break };
            let rule = self.rules[found.pattern().as_usize()];
            let starts_word =
                !is_word(bytes[found.start()]) || found.start() == 0 || !is_word(bytes[found.start() - 1]);
            let ends_word = rule.open_end
                || found.end() == bytes.len()
                || !is_word(bytes[found.end() - 1])
                || !is_word(bytes[found.end()]);
            if starts_word && ends_word {
                topics |= rule.topics;
                friction += rule.friction;
            }
        }
        (topics, friction)
    }
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
        TopicRules::parse(&[rules]).unwrap().read(&scratch)
    }

    #[test]
    fn phrases_keep_to_word_edges_unless_starred() {
        let rules = "billing\tbill\ndelivery\tdeliver*\nprice\tแพง";
        assert!(read(rules, "My BILL, please").0.contains("billing"));
        assert!(!read(rules, "billboard").0.contains("billing"));
        assert!(read(rules, "delivered").0.contains("delivery"));
        assert!(!read(rules, "undelivered").0.contains("delivery"));
        assert_eq!(read(rules, "ราคาแพงมาก bill").0.iter().collect::<Vec<_>>(), ["billing", "price"]);
    }

    #[test]
    fn a_longer_phrase_takes_friction_back() {
        let rules = "friction\tproblem\nnot_friction\tno problem";
        assert!(read(rules, "a problem").1);
        assert!(!read(rules, "no problem").1);
        assert!(read(rules, "no problem yesterday, today a problem").1);
    }

    #[test]
    fn a_broken_rule_file_is_refused_with_its_line() {
        assert!(matches!(TopicRules::parse(&["# x\nbilling bill"]), Err(TopicError::Line { line: 2 })));
        assert!(matches!(TopicRules::parse(&["weather\train"]), Err(TopicError::UnknownTopic { line: 1, .. })));
    }
}
