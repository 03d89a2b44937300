//! Thai names after titles. Thai parts no words, and most titles mean something else as well (`คุณ` is "you", `นาง` "she",
//! `นายก` a premier), so that a name has to be told by more than its title: by a list of given names, by how names end, by a
//! surname behind a blank. Names that none of these tells are not found.

mod words;

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use self::words::{BEFORE, ENDINGS, ENDS, MORE_TITLE, NO_NAMES, NO_SURNAME_WORDS, NO_SURNAMES, PEOPLE, POLITE, THANKS};
use crate::pii::Found;

/// What a title says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Evidence {
    /// Little: a pronoun more often than a title.
    Weak,
    /// A name stands behind it, unless the two are one word.
    Fair,
    /// A name stands behind it.
    Strong,
}

/// "Is called", which says of what stands behind it that it is a name, if of a person.
const CALLED: &str = "ชื่อ";

const TITLES: [(&str, Evidence); 14] = [
    (CALLED, Evidence::Weak),
    ("คุณ", Evidence::Weak),
    ("นาง", Evidence::Weak),
    ("นาย", Evidence::Fair),
    ("นางสาว", Evidence::Fair),
    ("นส.", Evidence::Fair),
    ("น.ส.", Evidence::Strong),
    ("นพ.", Evidence::Strong),
    ("พญ.", Evidence::Strong),
    ("ดร.", Evidence::Strong),
    ("ด.ช.", Evidence::Strong),
    ("ด.ญ.", Evidence::Strong),
    ("เด็กชาย", Evidence::Weak),
    ("เด็กหญิง", Evidence::Weak),
];

/// The name after the first title at or after `from` that has one.
pub(super) fn next(text: &str, from: usize) -> Option<Found> {
    static TITLES_FOUND: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        let titles = TITLES.iter().map(|(title, _)| title);
        AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(titles).ok()
    });
    // Most texts that are not Thai end here.
    let from = from + memchr::memchr(0xE0, &text.as_bytes()[from..])?;
    let titles = TITLES_FOUND.as_ref()?;
    titles.find_iter(&text.as_bytes()[from..]).find_map(|found| {
        let (title, evidence) = TITLES[found.pattern().as_usize()];
        let (at, after) = (from + found.start(), from + found.end());
        match title {
            CALLED => announced(text, at, after),
            _ => after_title(text, at, after, evidence),
        }
    })
}

/// The name behind "is called", if that says whose name follows. (One behind a title is found by its title.)
fn announced(text: &str, at: usize, after: usize) -> Option<Found> {
    let start = after_blanks(text, after);
    let is_person = PEOPLE.iter().any(|person| text[..at].ends_with(person));
    let has_title = || TITLES.iter().any(|(title, _)| text[start..].starts_with(title));
    if !is_person || has_title() {
        return None;
    }
    let end = Word::read(text, start).end;
    is_long_enough(&text[start..end]).then_some(Found { start, end, label: "[name]" })
}

/// The name behind the title from `at` to `after`.
fn after_title(text: &str, at: usize, after: usize, evidence: Evidence) -> Option<Found> {
    // Thanks and merits, most often.
    if evidence == Evidence::Weak && THANKS.iter().any(|word| text[..at].ends_with(word)) {
        return None;
    }
    let before = text[..at].trim_end_matches(' ');
    let is_called = before.ends_with(CALLED);
    let is_apart = is_called || !text[..at].ends_with(is_thai) || BEFORE.iter().any(|word| text[..at].ends_with(word));
    let start = after_blanks(text, after);
    let more = MORE_TITLE.iter().find(|more| text[start..].starts_with(**more));
    let with_more = more.and_then(|more| {
        let start = after_blanks(text, start + more.len());
        let evidence = if evidence == Evidence::Fair { Evidence::Fair } else { Evidence::Weak };
        name_at(text, start, evidence, is_apart)
    });
    let evidence = if is_called { Evidence::Strong } else { evidence };
    with_more.or_else(|| name_at(text, start, evidence, is_apart))
}

fn name_at(text: &str, start: usize, evidence: Evidence, is_apart: bool) -> Option<Found> {
    let word = Word::read(text, start);
    let given = &text[start..word.end];
    if !is_long_enough(given) {
        return None;
    }
    let found = |end: usize| Some(Found { start, end, label: "[name]" });
    let surname = || if word.is_cut { None } else { surname_end(text, word.end) };
    if let Some(len) = listed(given, is_apart && (!word.is_cut || word.is_polite)) {
        // A few signs more are the end of a longer name.
        let is_whole = given[len..].chars().count() <= 3;
        return found(if is_whole { surname().unwrap_or(word.end) } else { start + len });
    }
    let is_no_name = begins_with(given, NO_NAMES)
        || begins_with(given, &ENDS)
        || given == "ก"
        || given.starts_with("มา") && given.len() <= 6;
    let len = given.chars().count();
    // The second of two titles: `ดร.นพ.`
    let is_title = len <= 3 && text[word.end..].starts_with('.');
    if is_no_name || is_title || len > 14 {
        return None;
    }
    let is_learned = !given.contains(is_tone);
    if evidence == Evidence::Strong
        || (is_apart && is_learned && len > 3 && ENDINGS.iter().any(|end| given.ends_with(end)))
    {
        return found(surname().unwrap_or(word.end));
    }
    let behind = if is_apart { surname()? } else { return None };
    let may_be = match evidence {
        Evidence::Weak => is_learned && (3..=12).contains(&len) && text[word.end..behind].contains(is_rare),
        _ => true,
    };
    if may_be { found(behind) } else { None }
}

/// Where the surname behind the blank or hyphen at `at` ends.
fn surname_end(text: &str, at: usize) -> Option<usize> {
    let start = at + text[at..].starts_with([' ', '-']).then_some(1)?;
    let start = after_blanks(text, start);
    let end = Word::read(text, start).end;
    let surname = &text[start..end];
    let is_one = is_long_enough(surname)
        && !begins_with(surname, &ENDS)
        && !begins_with(surname, NO_SURNAMES)
        && !NO_SURNAME_WORDS.contains(&surname);
    is_one.then_some(end)
}

/// Bytes of the longest listed name that `word` begins with; short ones only if `alone` and all of it.
fn listed(word: &str, alone: bool) -> Option<usize> {
    static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let lines = crate::text::lines(include_str!("../../../data/thai-names.txt"));
        let mut names: Vec<&str> = lines.flat_map(str::split_ascii_whitespace).collect();
        names.sort_unstable();
        names
    });
    const LONGEST: usize = 14;
    const SHORT: usize = 4;
    let mut best = None;
    for (count, (at, c)) in word.char_indices().enumerate().take(LONGEST) {
        let end = at + c.len_utf8();
        // Not within a syllable.
        if word[end..].starts_with(is_mark) || NAMES.binary_search(&&word[..end]).is_err() {
            continue;
        }
        if end == word.len() && alone || count + 1 >= SHORT {
            best = Some(end);
        }
    }
    best
}

/// A run of Thai letters as far as it can be a name.
struct Word {
    end: usize,
    /// Whether the run goes on.
    is_cut: bool,
    /// Whether it goes on with a word that nicknames are parted by.
    is_polite: bool,
}

impl Word {
    fn read(text: &str, from: usize) -> Word {
        static ENDS_FOUND: LazyLock<Option<AhoCorasick>> =
            LazyLock::new(|| AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(ENDS).ok());
        const LONGEST: usize = 40;
        let rest = &text[from..];
        let len = rest
            .char_indices()
            .take(LONGEST)
            .find(|(_, c)| !is_thai(*c))
            .map_or_else(|| rest.char_indices().nth(LONGEST).map_or(rest.len(), |(at, _)| at), |(at, _)| at);
        let run = &rest[..len];
        // Not at its very beginning.
        let first = run.chars().next().map_or(0, char::len_utf8);
        match ENDS_FOUND.as_ref().and_then(|ends| ends.find(&run.as_bytes()[first..])) {
            Some(cut) => {
                Word { end: from + first + cut.start(), is_cut: true, is_polite: cut.pattern().as_usize() < POLITE }
            }
            None if run.len() > 6 && run.ends_with("คะ") => {
                Word { end: from + len - 6, is_cut: true, is_polite: true }
            }
            None => Word { end: from + len, is_cut: false, is_polite: false },
        }
    }
}

fn after_blanks(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start_matches(' ').len()
}

fn begins_with(word: &str, any: &[&str]) -> bool {
    any.iter().any(|begin| word.starts_with(begin))
}

fn is_long_enough(word: &str) -> bool {
    (2..=24).contains(&word.chars().count())
}

/// Thai letters, vowels and marks; no digits or signs.
fn is_thai(c: char) -> bool {
    matches!(c, '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}') && c != 'ฯ'
}

/// What no syllable begins with.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{e30}'..='\u{e3a}' | '\u{e45}'..='\u{e4e}')
}

/// Tones and the sign of shortness, which names from Sanskrit and Pali have none of.
fn is_tone(c: char) -> bool {
    matches!(c, '\u{e47}'..='\u{e4b}')
}

/// Letters of words from Sanskrit and Pali: many in surnames, few in talk.
fn is_rare(c: char) -> bool {
    matches!(c, 'ฆ' | 'ฌ' | 'ฎ' | 'ฏ' | 'ฐ' | 'ฑ' | 'ฒ' | 'ณ' | 'ธ' | 'ภ' | 'ศ' | 'ษ' | 'ฬ' | 'ฤ' | '\u{e4c}')
}
