//! Which topics are spoken of well and which badly.
//!
//! A topic takes the nearest word of feeling in its clause; without one, friction in the clause counts as bad; a text of one
//! clause lends its topics its own feeling. Clauses end at punctuation and at words like "but".

use crate::found::Feeling;
use crate::normalise::Scratch;
use crate::rules::TopicRules;
use crate::symbol::{Class, ends_clause};
use crate::token::Token;
use crate::topics::TopicSet;
use crate::words;
use crate::{Label, emoji};

/// Words behind a negator that it turns.
const SCOPE: u32 = 3;
/// White space between Thai phrases parts them this much, in symbols.
const THAI_SPACE: u32 = 8;
/// A label lends its feeling to the topics only from this confidence on.
const SURE: f32 = 0.55;

/// Topics liked and disliked. `valence_of` looks a word up in the language's lexicon.
pub(crate) fn read(
    text: &Scratch,
    rules: &TopicRules,
    feelings: &mut Vec<Feeling>,
    mut valence_of: impl FnMut(&Token) -> i32,
    (label, confidence): (Label, f32),
) -> (TopicSet, TopicSet) {
    feelings.clear();
    let clauses = clauses(text, rules, feelings, &mut valence_of);
    let (mut likes, mut dislikes) = (0, 0);
    for hit in &text.hits {
        let topics = rules.topics_of(*hit) & !TopicSet::SPEECH.0;
        if topics == 0 {
            continue;
        }
        let clause = clauses.of(text, rules, hit.start);
        let near = feelings
            .iter()
            .filter(|feeling| feeling.clause == clause && feeling.valence != 0)
            .min_by_key(|feeling| distance(text, (hit.start, hit.end), (feeling.start, feeling.end)));
        let valence = match near {
            Some(feeling) => feeling.valence,
            None if clauses.count == 1 && confidence >= SURE => label as i32 - 1,
            None => 0,
        };
        if valence > 0 {
            likes |= topics;
        } else if valence < 0 {
            dislikes |= topics;
        }
    }
    // A topic praised in one place and blamed in another is in both.
    (TopicSet(likes), TopicSet(dislikes))
}

/// How a text falls into clauses.
struct Clauses {
    count: u32,
}

impl Clauses {
    /// The clause of a place: the number of ends before it.
    fn of(&self, text: &Scratch, rules: &TopicRules, start: u32) -> u32 {
        ends(text, rules).take_while(|end| *end <= start).count() as u32
    }
}

/// Where clauses end, in order.
fn ends<'a>(text: &'a Scratch, rules: &'a TopicRules) -> impl Iterator<Item = u32> + 'a {
    let mut hits = text.hits.iter().filter(|hit| rules.is_contrast(&text.hits, **hit)).map(|hit| hit.start).peekable();
    let mut tokens = text
        .tokens
        .iter()
        .filter(|token| {
            token.flags & words::CONTRAST != 0
                || token.class == Class::Punctuation && token.of(&text.symbols).iter().any(|s| ends_clause(*s))
        })
        .map(|token| token.start)
        .peekable();
    std::iter::from_fn(move || match (hits.peek(), tokens.peek()) {
        (Some(hit), Some(token)) if hit < token => hits.next(),
        (Some(_), None) => hits.next(),
        _ => tokens.next(),
    })
}

/// Gathers the feelings of words, phrases, emoji and friction, each with its clause.
fn clauses(
    text: &Scratch,
    rules: &TopicRules,
    feelings: &mut Vec<Feeling>,
    valence_of: &mut impl FnMut(&Token) -> i32,
) -> Clauses {
    let mut all = Clauses { count: 1 };
    let mut scope = 0;
    for token in &text.tokens {
        let mut valence = 0;
        match token.class {
            Class::Emoji => valence = emoji::valence(token.hash as u32) * 100,
            _ if token.is_word() => {
                // "Not" has no side of its own here, it turns others.
                valence = if token.flags & words::NEGATOR != 0 { 0 } else { valence_of(token) };
                if scope > 0 {
                    valence = -valence;
                }
                scope = if token.flags & words::NEGATOR != 0 { SCOPE } else { scope.saturating_sub(1) };
            }
            Class::Punctuation if token.of(&text.symbols).iter().any(|symbol| ends_clause(*symbol)) => scope = 0,
            _ => {}
        }
        if valence != 0 {
            feelings.push(Feeling { start: token.start, end: token.end, clause: 0, valence });
        }
    }
    for hit in &text.hits {
        let valence = if rules.is_friction(&text.hits, *hit) { -100 } else { i32::from(hit.valence) };
        if valence != 0 {
            feelings.push(Feeling { start: hit.start, end: hit.end, clause: 0, valence });
        }
    }
    for end in ends(text, rules) {
        feelings.iter_mut().filter(|feeling| feeling.start >= end).for_each(|feeling| feeling.clause += 1);
        // An end with nothing behind it parts nothing.
        if text.tokens.last().is_some_and(|last| last.start > end) {
            all.count += 1;
        }
    }
    all
}

fn distance(text: &Scratch, topic: (u32, u32), feeling: (u32, u32)) -> u32 {
    let (from, to) = if feeling.0 >= topic.1 {
        (topic.1, feeling.0)
    } else if topic.0 >= feeling.1 {
        (feeling.1, topic.0)
    } else {
        return 0;
    };
    let between = &text.symbols[from as usize..to as usize];
    let spaces = between.iter().filter(|symbol| symbol.class() == Class::Space).count() as u32;
    to - from + if text.thai_count > text.latin_count { spaces * THAI_SPACE } else { 0 }
}
