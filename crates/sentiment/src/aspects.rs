//! Which topics are spoken of well and which badly.
//!
//! A topic takes the nearest word of feeling in its clause; without one, friction in the clause counts as bad; a text of one
//! clause lends its topics its own feeling. A negative text that speaks of one topic and nowhere well of it blames it, in whichever
//! clause ("the price went up again, that is not fair"): so people complain. Praise is rarely of the one thing it names, so a
//! positive text of several clauses lends nothing. Clauses end at punctuation and at words like "but". A question likes nothing
//! unless it is positive as a whole; a clause with friction never does.
//!
//! Feelings and topics are met in the order of their places, each once: the work grows with the text and not with its square.

use crate::emoji;
use crate::flags;
use crate::found::Feeling;
use crate::hash::WordSet;
use crate::normalise::Scratch;
use crate::reading::{Label, Reading};
use crate::rules::TopicRules;
use crate::symbol::{Class, ends_clause};
use crate::token::{Token, WORD};
use crate::topics::TopicSet;

/// Words behind a negator that it turns.
const SCOPE: u32 = 3;
/// White space between Thai phrases parts them this much, in symbols.
const THAI_SPACE: u32 = 8;
/// A label lends its feeling to the topics only from this confidence on.
const SURE: f32 = 0.55;

/// Words that lexicons call good but which customers ask with, or name things by: "please help", "would like", "credit card".
#[rustfmt::skip]
static ASKING: WordSet<25> = WordSet::new(WORD, [
    "help", "helps", "helping", "please", "like", "want", "wish", "hope", "credit", "credits", "friend", "friends", "care",
    "support", "save", "saved", "interest", "interested", "share", "shared", "sure", "free", "value", "certain", "true",
]);

/// Topics liked and disliked. `valence_of` looks a word up in the language's lexicon.
pub(crate) fn read(
    text: &mut Scratch,
    rules: &TopicRules,
    valence_of: impl FnMut(&Scratch, &Token) -> i32,
    reading: &Reading,
) -> (TopicSet, TopicSet) {
    let mut feelings = std::mem::take(&mut text.feelings);
    let mut clause_ends = std::mem::take(&mut text.clause_ends);
    let mut spaces = std::mem::take(&mut text.spaces);
    feel(text, rules, &mut feelings, valence_of);
    end_clauses(text, rules, &mut clause_ends);
    count_spaces(text, &mut spaces);
    let last = text.tokens.last().map_or(0, |token| token.start);
    // An end with nothing behind it parts nothing.
    let parted = clause_ends.first().is_some_and(|first| *first < last);
    let lent = match reading.label {
        _ if parted => 0,
        _ if reading.confidence < SURE => 0,
        // Who asks says nothing of what is asked about.
        _ if reading.speech.meets(TopicSet::QUESTION) && !reading.friction => 0,
        label => label as i32 - 1,
    };
    let asks = reading.speech.meets(TopicSet::QUESTION) && reading.label != Label::Positive;
    let (mut likes, mut dislikes, mut all) = (0, 0, 0);
    let mut clause = Clause::default();
    for hit in text.hits.iter().filter(|hit| !hit.void) {
        let topics = rules.topics_of(*hit) & !TopicSet::SPEECH.0;
        if topics == 0 {
            continue;
        }
        all |= topics;
        if clause.is_over(hit.start) {
            clause = clause.next(&clause_ends, &feelings, hit.start);
        }
        let valence = match clause.nearest(&feelings, (hit.start, hit.end), &spaces) {
            // "Not rude" in a text that goes on to complain praises nobody.
            Some(feeling) if feeling.denied && parted && reading.label == Label::Negative => 0,
            Some(feeling) => feeling.valence,
            None => lent,
        };
        if valence > 0 && !asks && !clause.friction {
            likes |= topics;
        } else if valence < 0 {
            dislikes |= topics;
        }
    }
    text.feelings = feelings;
    text.clause_ends = clause_ends;
    text.spaces = spaces;
    // Who complains of an app at fault complains of that, not of all that one does in it.
    if (all & TopicSet::APP_FAULT.0) != 0 {
        all &= !TopicSet::WEBSITE.0;
    }
    if (dislikes & TopicSet::APP_FAULT.0) != 0 {
        dislikes &= !TopicSet::WEBSITE.0;
    }
    let blames = reading.label == Label::Negative && reading.confidence >= SURE && !asks;
    if blames && likes == 0 && u32::is_power_of_two(all) {
        dislikes |= all;
    }
    // A topic praised in one place and blamed in another is in both.
    (TopicSet(likes), TopicSet(dislikes))
}

/// Gathers the feelings of words, phrases, emoji and friction, by place.
fn feel(
    text: &Scratch,
    rules: &TopicRules,
    feelings: &mut Vec<Feeling>,
    mut valence_of: impl FnMut(&Scratch, &Token) -> i32,
) {
    feelings.clear();
    let mut scope = 0;
    for token in &text.tokens {
        let (mut valence, mut denied) = (0, false);
        match token.class {
            Class::Emoji => valence = emoji::valence(token.hash as u32) * 100,
            _ if token.is_word() => {
                // "Not" has no side of its own here, it turns others.
                let sided = token.flags & flags::NEGATOR == 0 && !ASKING.contains(token.canonical);
                valence = if sided { valence_of(text, token) } else { 0 };
                if scope > 0 {
                    denied = valence < 0;
                    valence = -valence;
                }
                scope = if token.flags & flags::NEGATOR != 0 { SCOPE } else { scope.saturating_sub(1) };
            }
            Class::Punctuation if token.of(&text.symbols).iter().any(|symbol| ends_clause(*symbol)) => scope = 0,
            _ => {}
        }
        if valence != 0 {
            feelings.push(Feeling { start: token.start, end: token.end, valence, friction: false, denied });
        }
    }
    for hit in &text.hits {
        let friction = rules.is_friction(*hit);
        let valence = if friction { -100 } else { i32::from(hit.valence) };
        if valence != 0 {
            feelings.push(Feeling { start: hit.start, end: hit.end, valence, friction, denied: rules.is_denied(*hit) });
        }
    }
    feelings.sort_unstable_by_key(|feeling| (feeling.start, feeling.end, feeling.valence));
}

/// Where clauses end, in order.
fn end_clauses(text: &Scratch, rules: &TopicRules, ends: &mut Vec<u32>) {
    ends.clear();
    ends.extend(text.hits.iter().filter(|hit| rules.is_contrast(**hit)).map(|hit| hit.start));
    let parts = |token: &&Token| {
        token.flags & flags::CONTRAST != 0
            || token.class == Class::Punctuation && token.of(&text.symbols).iter().any(|s| ends_clause(*s))
    };
    ends.extend(text.tokens.iter().filter(parts).map(|token| token.start));
    ends.sort_unstable();
}

/// White space before each symbol; nothing unless the text is Thai, where alone it parts phrases.
fn count_spaces(text: &Scratch, spaces: &mut Vec<u32>) {
    spaces.clear();
    if text.thai_count > text.latin_count {
        let mut count = 0;
        spaces.extend(text.symbols.iter().map(|symbol| {
            let before = count;
            count += u32::from(symbol.class() == Class::Space);
            before
        }));
        spaces.push(count);
    }
}

/// The clause at hand and how far its feelings have been gone through.
#[derive(Debug, Default)]
struct Clause {
    /// Behind it; 0 before the first one.
    end: u32,
    /// Ends passed.
    passed: usize,
    friction: bool,
    /// The next feeling, and the first of the next clause.
    next: usize,
    stop: usize,
    /// Of the feelings passed, the one that ends last.
    left: Option<Feeling>,
}

impl Clause {
    fn is_over(&self, place: u32) -> bool {
        place >= self.end
    }

    /// The clause that holds a place behind this one.
    fn next(&self, ends: &[u32], feelings: &[Feeling], place: u32) -> Self {
        let passed = self.passed + ends[self.passed..].iter().take_while(|end| **end <= place).count();
        let begin = if passed == 0 { 0 } else { ends[passed - 1] };
        let end = ends.get(passed).copied().unwrap_or(u32::MAX);
        let next = self.stop + feelings[self.stop..].iter().take_while(|feeling| feeling.start < begin).count();
        let own = feelings[next..].iter().take_while(|feeling| feeling.start < end);
        let (count, friction) = own.fold((0, false), |(count, any), feeling| (count + 1, any | feeling.friction));
        Self { end, passed, friction, next, stop: next + count, left: None }
    }

    /// The feeling nearest to a topic; topics come in the order of their places.
    fn nearest(&mut self, feelings: &[Feeling], topic: (u32, u32), spaces: &[u32]) -> Option<Feeling> {
        while self.next < self.stop && feelings[self.next].start < topic.0 {
            let feeling = feelings[self.next];
            if self.left.is_none_or(|left| left.end < feeling.end) {
                self.left = Some(feeling);
            }
            self.next += 1;
        }
        let right = feelings[self.next..self.stop].first().copied();
        [self.left, right]
            .into_iter()
            .flatten()
            .min_by_key(|feeling| distance(topic, (feeling.start, feeling.end), spaces))
    }
}

/// Symbols between a topic and a feeling; none if they overlap.
fn distance(topic: (u32, u32), feeling: (u32, u32), spaces: &[u32]) -> u32 {
    let (from, to) = if feeling.0 >= topic.1 {
        (topic.1, feeling.0)
    } else if topic.0 >= feeling.1 {
        (feeling.1, topic.0)
    } else {
        return 0;
    };
    let space = |at: u32| spaces.get(at as usize).copied().unwrap_or_default();
    to - from + (space(to) - space(from)) * THAI_SPACE
}
