//! Names after titles (`Mr. Smith`, `Ibu Siti`) and after words that announce them (`my name is …`, `ผมชื่อ…`). Names
//! without either are not found.

use std::sync::LazyLock;

use memchr::memmem;

use super::{Found, is_word};

/// What stands before a name, as it is written.
const TITLES: [&str; 32] = [
    "Mr",
    "Mrs",
    "Ms",
    "Miss",
    "Dr",
    "Prof",
    "Bapak",
    "bapak",
    "Ibu",
    "ibu",
    "Pak",
    "pak",
    "Bpk",
    "Bu",
    "bu",
    "Sdr",
    "Sdri",
    "Sir",
    "Professor",
    "Khun",
    "Mbak",
    "mbak",
    "Mas",
    "mas",
    "Kak",
    "kak",
    "a.n",
    "my name is",
    "My name is",
    "nama saya",
    "Nama saya",
    "atas nama",
];

/// Capitalised words that follow titles and are no names.
const NO_NAMES: [&str; 23] = [
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
    "The",
    "Who",
    "More",
    "Ph",
    "And",
];

/// Most words of a name.
const WORDS: usize = 3;

/// The first name at or after `from`.
#[inline]
pub(super) fn next(text: &str, from: usize) -> Option<Found> {
    let titled = may_hold_titles(&text.as_bytes()[from..]).then(|| after_title(text, from)).flatten();
    match (titled, after_phrase(text, from)) {
        (Some(one), Some(other)) => Some(if one.start <= other.start { one } else { other }),
        (one, other) => one.or(other),
    }
}

/// Whether a capital follows a blank or a dot somewhere. All bytes, not up to the first: what the compiler makes wide.
fn may_hold_titles(bytes: &[u8]) -> bool {
    let Some(after) = bytes.get(1..) else { return false };
    let pairs = bytes[..after.len()].iter().zip(after);
    pairs.fold(0u8, |any, (before, after)| {
        any | ((u8::from(*before == b' ') | u8::from(*before == b'.')) & u8::from(begins_name(*after)))
    }) != 0
}

/// A capital, or the first byte of a Latin letter with a mark.
fn begins_name(byte: u8) -> bool {
    byte.wrapping_sub(b'A') < 26 || byte.wrapping_sub(0xC3) < 7
}

/// The name after the first title at or after `from` that has one.
fn after_title(text: &str, from: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(b' ', b'.', &bytes[from..]).map(|at| from + at).find_map(|at| {
        if !bytes.get(at + 1).is_some_and(|next| begins_name(*next)) {
            return None;
        }
        let before = text[from..at].trim_end_matches([' ', '.', ':']);
        let is_title = |title: &&str| {
            before
                .strip_suffix(*title)
                .is_some_and(|rest| rest.as_bytes().last().is_none_or(|last| !is_word(*last) && *last < 0x80))
        };
        if !TITLES.iter().any(is_title) {
            return None;
        }
        name_at(text, at + 1)
    })
}

/// The capitalised words at `from`.
fn name_at(text: &str, from: usize) -> Option<Found> {
    let (mut at, mut end) = (from, from);
    for word in 0..WORDS {
        let len = name_word(text, at);
        if len == 0 || (word == 0 && NO_NAMES.contains(&&text[at..at + len])) {
            break;
        }
        at += len;
        end = at;
        match text.as_bytes().get(at) {
            Some(b' ' | b'-') => at += 1,
            _ => break,
        }
    }
    (end > from).then_some(Found { start: from, end, label: "[name]" })
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
    if lower == 0 {
        return 0;
    }
    let word = text[at..at + len].trim_end_matches(['\'', '’']);
    word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word).len()
}

/// The Thai name after the first "is called" (ชื่อ) at or after `from` that says whose name follows.
fn after_phrase(text: &str, from: usize) -> Option<Found> {
    const CALLED: &str = "ชื่อ";
    static FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(CALLED));
    let rest = &text.as_bytes()[from..];
    // Most texts that are not Thai end here.
    memchr::memchr(CALLED.as_bytes()[0], rest)?;
    FINDER.find_iter(rest).find_map(|at| {
        let (before, after) = (&text[..from + at], from + at + CALLED.len());
        let is_person = ["ผม", "ฉัน", "หนู", "เรา", "ลูกค้า"].iter().any(|person| before.ends_with(person));
        thai_name(text, after, is_person)
    })
}

/// The Thai name at `at`, blanks and a title before it allowed. Without a title it is one only if `is_person`; with one,
/// a second word belongs to it.
fn thai_name(text: &str, at: usize, is_person: bool) -> Option<Found> {
    const TITLES: [&str; 5] = ["นางสาว", "นาย", "นาง", "น.ส.", "คุณ"];
    const ENDS: [&str; 7] = ["ครับ", "ค่ะ", "คะ", "คับ", "นะ", "จ้า", "อยู่"];
    const SHORTEST: usize = 2;
    const LONGEST: usize = 24;
    let after_blanks = |at: usize| text.len() - text[at..].trim_start_matches(' ').len();
    let mut start = after_blanks(at);
    let title = TITLES.iter().find(|title| text[start..].starts_with(**title));
    match title {
        Some(title) => start = after_blanks(start + title.len()),
        None if !is_person => return None,
        None => {}
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
    if title.is_some() && !cut && text[end..].starts_with(' ') {
        let (second, _) = word(end + 1);
        if (SHORTEST..=LONGEST).contains(&text[end + 1..second].chars().count()) {
            end = second;
        }
    }
    Some(Found { start, end, label: "[name]" })
}

/// Thai letters, vowels and marks; no digits or signs.
fn is_thai(c: char) -> bool {
    matches!(c, '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}') && c != 'ฯ'
}
