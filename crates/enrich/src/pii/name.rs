//! Names after titles (`Mr. Smith`, `Ibu Siti`) and after words that announce them (`my name is …`, `ผมชื่อ…`). Names
//! without either are not found.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::{Found, is_word};

/// What stands before a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cue {
    /// A title: capitalised words follow.
    Title,
    /// A Thai phrase: the name follows without a blank.
    Thai,
}

const CUES: [(&str, Cue); 30] = [
    ("Mr", Cue::Title),
    ("Mrs", Cue::Title),
    ("Ms", Cue::Title),
    ("Miss", Cue::Title),
    ("Dr", Cue::Title),
    ("Prof", Cue::Title),
    ("Bapak", Cue::Title),
    ("bapak", Cue::Title),
    ("Ibu", Cue::Title),
    ("ibu", Cue::Title),
    ("Pak", Cue::Title),
    ("pak", Cue::Title),
    ("Bpk", Cue::Title),
    ("Bu", Cue::Title),
    ("bu", Cue::Title),
    ("Sdr", Cue::Title),
    ("Sdri", Cue::Title),
    ("my name is", Cue::Title),
    ("My name is", Cue::Title),
    ("nama saya", Cue::Title),
    ("Nama saya", Cue::Title),
    ("atas nama", Cue::Title),
    ("ผมชื่อ", Cue::Thai),
    ("ฉันชื่อ", Cue::Thai),
    ("หนูชื่อ", Cue::Thai),
    ("เราชื่อ", Cue::Thai),
    ("ลูกค้าชื่อ", Cue::Thai),
    ("ชื่อนาย", Cue::Thai),
    ("ชื่อนาง", Cue::Thai),
    ("ชื่อคุณ", Cue::Thai),
];

/// Capitalised words that follow titles and are no names.
const NO_NAMES: [&str; 18] = [
    "Bapak",
    "Ibu",
    "Pak",
    "Bu",
    "Kota",
    "Rumah",
    "Negara",
    "Guru",
    "Presiden",
    "Haji",
    "Hamil",
    "Sekalian",
    "Universe",
    "World",
    "Right",
    "President",
    "Chairman",
    "Speaker",
];

/// Most words of a name.
const WORDS: usize = 3;

fn cues() -> &'static AhoCorasick {
    static AUTOMATON: OnceLock<AhoCorasick> = OnceLock::new();
    AUTOMATON.get_or_init(|| {
        AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(CUES.map(|(cue, _)| cue))
            .expect("short patterns make an automaton")
    })
}

/// The first name at or after `from`, with where the search may go on.
pub(super) fn next(text: &str, from: usize) -> Option<Found> {
    let mut at = from;
    while let Some(hit) = cues().find(text.get(at..)?) {
        let (start, end) = (at + hit.start(), at + hit.end());
        let found = match CUES[hit.pattern().as_usize()].1 {
            Cue::Title => after_title(text, start, end),
            Cue::Thai => after_phrase(text, end),
        };
        if found.is_some() {
            return found;
        }
        at = end;
    }
    None
}

fn after_title(text: &str, start: usize, end: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    if start > 0 && (is_word(bytes[start - 1]) || bytes[start - 1] >= 0x80) {
        return None;
    }
    let mut at = end;
    let mut blanks = 0;
    while matches!(bytes.get(at), Some(b' ' | b'.' | b':')) {
        at += 1;
        blanks += 1;
    }
    let (name_from, mut name_to) = (at, at);
    for word in 0..WORDS {
        let len = name_word(text, at);
        if len == 0 || (word == 0 && (blanks == 0 || NO_NAMES.contains(&&text[at..at + len]))) {
            break;
        }
        at += len;
        name_to = at;
        match bytes.get(at) {
            Some(b' ' | b'-') => at += 1,
            _ => break,
        }
    }
    (name_to > name_from).then_some(Found { start: name_from, end: name_to, label: "[name]" })
}

/// Bytes of the capitalised word or initial at `at`; 0 if there is none.
fn name_word(text: &str, at: usize) -> usize {
    let mut chars = text[at..].char_indices();
    let Some((_, first)) = chars.next() else { return 0 };
    if !first.is_uppercase() {
        return 0;
    }
    let (mut len, mut lower, mut marked) = (first.len_utf8(), 0, false);
    for (offset, c) in chars {
        match c {
            '.' if lower == 0 && offset == len => return offset + 1,
            '\'' | '’' => marked = true,
            _ if c.is_lowercase() => (lower, marked) = (lower + 1, false),
            _ if c.is_alphanumeric() || c == '_' || c == '@' => {
                // `McDonald` and `O'Brien` are names, `iPhone5` and `USA` are none.
                if !c.is_uppercase() || (lower == 0 && !marked) {
                    return 0;
                }
                (lower, marked) = (0, false);
            }
            _ => break,
        }
        len = offset + c.len_utf8();
    }
    if lower > 0 { text[at..at + len].trim_end_matches(['\'', '’']).len() } else { 0 }
}

/// The Thai name that begins at `at` (blanks before it allowed); a second word belongs to it where a title stands first.
fn after_phrase(text: &str, at: usize) -> Option<Found> {
    const TITLES: [&str; 6] = ["นางสาว", "นาย", "นาง", "น.ส.", "คุณ", "สาว"];
    const ENDS: [&str; 7] = ["ครับ", "ค่ะ", "คะ", "คับ", "นะ", "จ้า", "อยู่"];
    const SHORTEST: usize = 2;
    const LONGEST: usize = 24;
    let titled = ["นาย", "นาง", "คุณ"].iter().any(|title| text[..at].ends_with(title));
    let mut start = at + (text[at..].len() - text[at..].trim_start_matches(' ').len());
    let title = TITLES.iter().find(|title| text[start..].starts_with(**title));
    if let Some(title) = title {
        start += title.len();
        start += text[start..].len() - text[start..].trim_start_matches(' ').len();
    }
    let word = |from: usize| {
        let run: &str = text[from..].split(|c: char| !is_thai(c)).next().unwrap_or_default();
        let end = ENDS.iter().filter_map(|end| run.find(end)).filter(|end| *end > 0).min().unwrap_or(run.len());
        (from + end, end < run.len())
    };
    let (mut end, cut) = word(start);
    if !(SHORTEST..=LONGEST).contains(&text[start..end].chars().count()) {
        return None;
    }
    if (titled || title.is_some()) && !cut && text[end..].starts_with(' ') {
        let (second, _) = word(end + 1);
        if (SHORTEST..=LONGEST).contains(&text[end + 1..second].chars().count()) {
            end = second;
        }
    }
    Some(Found { start, end, label: "[name]" })
}

/// Thai letters, vowels and marks; no digits or signs.
fn is_thai(c: char) -> bool {
    matches!(c, '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}')
}
