//! Cleans a text once, into symbols for the model and bytes for the phrase rules.
//!
//! Lower-case; digits become 0; a symbol repeated more than three times is cut to three; mentions and URLs are dropped;
//! white space collapses; curly quotes, zero-width marks and two common Thai misspellings of the same glyph are folded.

use crate::FrictionKind;
use crate::emoji;
use crate::found::{Feeling, Hit};
use crate::memo::Memo;
use crate::symbol::{Class, Symbol};
use crate::token::{self, Token};
use crate::tone::Tone;

/// Characters beyond this many are counted but not scored, which bounds the work for one text.
pub const MAX_SCORED_CHARACTERS: usize = 8_192;

/// Working memory of one thread. Grows to the longest text it has met and is then reused without allocating.
#[derive(Debug, Default, Clone)]
pub struct Scratch {
    pub(crate) symbols: Vec<Symbol>,
    /// Where in the given text each symbol began, in bytes; kept only by [`Scratch::normalise_traced`].
    pub(crate) origins: Vec<u32>,
    pub(crate) tokens: Vec<Token>,
    /// Phrase rules read bytes where a text has Thai in it: one byte a symbol, see [`byte`].
    pub(crate) bytes: Vec<u8>,
    pub(crate) thai_count: u32,
    pub(crate) latin_count: u32,
    pub(crate) foreign_count: u32,
    pub(crate) emoji_count: u32,
    /// Where a nought stands as a word before another: "0 problems". All figures are one symbol, and this one is a "not".
    pub(crate) noughts: Vec<u32>,
    /// What the rules found, by place. Set by [`crate::TopicRules::read`].
    pub(crate) hits: Vec<Hit>,
    /// What the rules found to be complained of.
    pub(crate) friction: Option<FrictionKind>,
    /// That all of it is denied, or over.
    pub(crate) relieved: bool,
    /// That all of it is only supposed.
    pub(crate) supposed: bool,
    /// Tokens of the whole text, where this is what is left of one: how long it is was judged there.
    pub(crate) whole: Option<usize>,
    /// What idioms and marks say of the whole.
    pub(crate) tone: Tone,
    /// Where words, phrases and emoji feel, by place. Set and read by `aspects.rs`, as are the next two.
    pub(crate) feelings: Vec<Feeling>,
    /// Where clauses end.
    pub(crate) clause_ends: Vec<u32>,
    /// White space before each symbol of a Thai text.
    pub(crate) spaces: Vec<u32>,
    pub(crate) memo: Memo,
}

impl Scratch {
    /// Empty working memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Normalises `text` into this memory, replacing what was there.
    #[inline]
    pub fn normalise(&mut self, text: &str) {
        self.run::<false>(text);
    }

    /// Normalises and remembers where each symbol came from.
    pub(crate) fn normalise_traced(&mut self, text: &str) {
        self.run::<true>(text);
    }

    /// A table's probabilities of negative, neutral, positive, with what idioms in the text say.
    pub fn tilt(&self, probabilities: [f32; 3]) -> [f32; 3] {
        self.tone.tilt(probabilities)
    }

    /// True if there is a letter a table may know.
    pub(crate) fn has_letters(&self) -> bool {
        self.thai_count + self.latin_count > 0
    }

    fn run<const TRACED: bool>(&mut self, text: &str) {
        self.symbols.clear();
        self.origins.clear();
        self.bytes.clear();
        self.noughts.clear();
        let bytes = text.as_bytes();
        let mut counts = [0u32; 8];
        // The last symbol and how often it stands in a row.
        let mut last = Symbol::new(0, Class::Punctuation);
        let mut run = 0;
        let mut at_word_start = true;
        let mut budget = MAX_SCORED_CHARACTERS;
        let mut at = 0;
        while at < bytes.len() && budget > 0 {
            budget -= 1;
            let origin = at;
            let first = bytes[at];
            let symbol = if first < 0x80 {
                if SPECIAL[first as usize] {
                    if at_word_start && starts_dropped_token(first, &bytes[at + 1..]) {
                        let rest = &text[at..];
                        at += rest.find(char::is_whitespace).unwrap_or(rest.len());
                        continue;
                    }
                    if let Some((emoji, length)) = emoticon(first, &bytes[at + 1..]) {
                        at += 1 + length;
                        Symbol::new(emoji as u32, Class::Emoji)
                    } else if let Some(length) = laughing_fives(first, &bytes[at + 1..], last) {
                        at += 1 + length;
                        Symbol::new('😂' as u32, Class::Emoji)
                    } else {
                        if is_nought(bytes, at) {
                            self.noughts.push(self.symbols.len() as u32);
                        }
                        at += 1;
                        ASCII[first as usize]
                    }
                } else {
                    at += 1;
                    ASCII[first as usize]
                }
            } else if first == 0xE0 && bytes[at + 1] & 0xFE == 0xB8 {
                let code = 0x0E00 | u32::from(bytes[at + 1] & 1) << 6 | u32::from(bytes[at + 2] & 0x3F);
                at += 3;
                fold_thai(code)
            } else {
                let Some(character) = text[at..].chars().next() else { break };
                if let Some((emoji, length)) = stars(&text[at..]) {
                    at += length;
                    Symbol::new(emoji as u32, Class::Emoji)
                } else {
                    at += character.len_utf8();
                    fold(character)
                }
            };
            if symbol == DROPPED {
                continue;
            }
            let class = symbol.class();
            at_word_start = !matches!(class, Class::Latin | Class::Digit | Class::Foreign | Class::Thai);
            if symbol == last {
                let repeats_allowed = if class == Class::Space { 1 } else { 3 };
                if run >= repeats_allowed {
                    continue;
                }
                run += 1;
                if symbol == SARA_E {
                    // เ + เ is typed for แ and looks the same.
                    if let Some(previous) = self.symbols.last_mut() {
                        *previous = SARA_AE;
                    }
                    (last, run) = (SARA_AE, 1);
                    continue;
                }
            } else {
                (last, run) = (symbol, 1);
            }
            counts[class as usize] += 1;
            self.symbols.push(symbol);
            if TRACED {
                self.origins.push(u32::try_from(origin).unwrap_or(u32::MAX));
            }
        }
        self.latin_count = counts[Class::Latin as usize];
        self.thai_count = counts[Class::Thai as usize];
        self.foreign_count = counts[Class::Foreign as usize];
        self.emoji_count = counts[Class::Emoji as usize];
        if self.thai_count > 0 {
            self.bytes.extend(self.symbols.iter().map(|symbol| byte(symbol.code())));
        }
        token::tokenise(&self.symbols, &mut self.tokens);
    }
}

/// One byte a symbol, for the phrase rules: ASCII as it is, Thai as in TIS-620, all else one placeholder.
#[inline]
pub(crate) const fn byte(code: u32) -> u8 {
    match code {
        0..=0x7F => code as u8,
        0x0E01..=0x0E5B => (code - 0x0E00 + 0xA0) as u8,
        _ => 0x80,
    }
}

const SARA_E: Symbol = Symbol::new('เ' as u32, Class::Thai);
const SARA_AE: Symbol = Symbol::new('แ' as u32, Class::Thai);
/// What is taken out of the text.
const DROPPED: Symbol = Symbol::new(0, Class::Punctuation);

/// What each ASCII character becomes.
static ASCII: [Symbol; 128] = {
    let mut table = [DROPPED; 128];
    let mut code = 0;
    while code < 128 {
        table[code as usize] = match code as u8 {
            b'a'..=b'z' => Symbol::new(code, Class::Latin),
            b'A'..=b'Z' => Symbol::new(code | 0x20, Class::Latin),
            b'0'..=b'9' => Symbol::new(b'0' as u32, Class::Digit),
            b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C => Symbol::new(b' ' as u32, Class::Space),
            b'`' => Symbol::new(b'\'' as u32, Class::Punctuation),
            0..=0x1F | 0x7F => DROPPED,
            _ => Symbol::new(code, Class::Punctuation),
        };
        code += 1;
    }
    table
};

/// ASCII characters that may begin a mention, a URL, an emoticon or laughter.
static SPECIAL: [bool; 128] = {
    let mut table = [false; 128];
    let starts = b"@hHwW:;=<50";
    let mut at = 0;
    while at < starts.len() {
        table[starts[at] as usize] = true;
        at += 1;
    }
    table
};

/// True for a 0 that stands alone before a word.
fn is_nought(bytes: &[u8], at: usize) -> bool {
    let alone = at == 0 || bytes[at - 1].is_ascii_whitespace();
    alone && matches!(bytes[at..], [b'0', b' ', letter, ..] if letter.is_ascii_alphabetic())
}

/// Mentions and URLs tell who and where, not how it felt.
#[inline]
fn starts_dropped_token(first: u8, rest: &[u8]) -> bool {
    match first {
        b'@' => rest.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'),
        b'h' | b'H' => begins_with(rest, b"ttp://") || begins_with(rest, b"ttps://"),
        b'w' | b'W' => begins_with(rest, b"ww."),
        _ => false,
    }
}

/// The emoji an emoticon stands for, and the bytes it takes behind its first character.
#[inline]
fn emoticon(first: u8, rest: &[u8]) -> Option<(char, usize)> {
    if !matches!(first, b':' | b';' | b'=' | b'<') {
        return None;
    }
    let (nose, mouth) = match rest {
        [b'3', ..] if first == b'<' => return Some(('❤', 1)),
        _ if first == b'<' => return None,
        [b'-', mouth, ..] => (1, *mouth),
        [b'\'', b'(', ..] => return Some(('😢', 2)),
        [mouth, ..] => (0, *mouth),
        [] => return None,
    };
    let emoji = match mouth {
        b')' | b']' => '😊',
        b'(' | b'[' => '🙁',
        b'D' => '😃',
        b'P' | b'p' => '😛',
        b'/' | b'|' => '😕',
        b'*' => '😘',
        _ => return None,
    };
    let length = nose + 1;
    let cut = rest.get(length).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'/');
    cut.then_some((emoji, length))
}

/// Thai laughs "555": the bytes behind a first 5 if at least two more fives follow and no digit stands on either side.
#[inline]
fn laughing_fives(first: u8, rest: &[u8], last: Symbol) -> Option<usize> {
    if first != b'5' || last.class() == Class::Digit || last.is(',') || last.is('.') {
        return None;
    }
    let fives = rest.iter().take_while(|&&byte| byte == b'5').count();
    match rest.get(fives) {
        Some(byte) if byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'-') => None,
        _ if fives < 2 => None,
        Some(b'+') => Some(fives + 1),
        _ => Some(fives),
    }
}

/// The emoji that a row of stars stands for, and its bytes. Of five, four and more are praise, two and fewer blame; a row
/// without empty ones may be an ornament and says something from four on. ⭐ alone is an emoji like others.
fn stars(rest: &str) -> Option<(char, usize)> {
    if !rest.starts_with(['★', '☆', '⭐']) {
        return None;
    }
    let (mut full, mut empty, mut length) = (0, 0, 0);
    for character in rest.chars() {
        match character {
            '★' | '⭐' => full += 1,
            '☆' => empty += 1,
            '\u{FE0F}' => {}
            _ => break,
        }
        length += character.len_utf8();
    }
    if full + empty < 2 || empty == 0 && rest.starts_with('⭐') {
        return None;
    }
    let of_five = if empty == 0 { full } else { (full * 5 + (full + empty) / 2) / (full + empty) };
    let emoji = match of_five {
        5.. => '😍',
        4 => '😊',
        2 if empty > 0 => '🙁',
        0 | 1 if empty > 0 => '😡',
        _ => '☆',
    };
    Some((emoji, length))
}

#[inline]
fn begins_with(rest: &[u8], prefix: &[u8]) -> bool {
    rest.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The symbol of a code point in the Thai block.
#[inline]
fn fold_thai(code: u32) -> Symbol {
    match code {
        0x0E50..=0x0E59 => Symbol::new('0' as u32, Class::Digit),
        0x0E01..=0x0E3A | 0x0E40..=0x0E4E => Symbol::new(code, Class::Thai),
        _ => Symbol::new(code, Class::Punctuation),
    }
}

/// The symbol of a character beyond ASCII and Thai.
fn fold(character: char) -> Symbol {
    let code = character as u32;
    let punctuation = |ascii: char| Symbol::new(ascii as u32, Class::Punctuation);
    match code {
        0x2018 | 0x2019 | 0x02BC => punctuation('\''),
        0x201C | 0x201D => punctuation('"'),
        0x2026 => punctuation('.'),
        0xFF01 => punctuation('!'),
        0xFF1F => punctuation('?'),
        0xAD | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFFD | 0x1F3FB..=0x1F3FF => {
            DROPPED
        }
        0xD7 | 0xF7 => Symbol::new(code, Class::Punctuation),
        _ if emoji::is_emoji(code) => Symbol::new(code, Class::Emoji),
        0xC0..=0x24F | 0x1E00..=0x1EFF => Symbol::new(lower(character), Class::Latin),
        _ if character.is_whitespace() => Symbol::new(' ' as u32, Class::Space),
        _ if character.is_alphabetic() => Symbol::new(lower(character), Class::Foreign),
        _ if character.is_numeric() => Symbol::new('0' as u32, Class::Digit),
        _ => Symbol::new(code, Class::Punctuation),
    }
}

fn lower(character: char) -> u32 {
    character.to_lowercase().next().unwrap_or(character) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> String {
        let mut scratch = Scratch::new();
        scratch.normalise(text);
        scratch.symbols.iter().filter_map(|symbol| symbol.character()).collect()
    }

    #[test]
    fn cases_digits_repeats_and_spaces_are_folded() {
        assert_eq!(normal("Sooooo   GOOD\n2024!!!!!"), "sooo good 000!!!");
        assert_eq!(normal("doesn’t"), "doesn't");
        assert_eq!(normal("ปี ๒๕๖๗"), "ปี 000");
    }

    #[test]
    fn mentions_and_urls_are_dropped() {
        assert_eq!(normal("@shop_th thanks https://t.co/abc?x=1 bye"), " thanks bye");
        assert_eq!(normal("mail me a@b.c"), "mail me a@b.c");
        assert_eq!(normal("WWW.example.com"), "");
    }

    #[test]
    fn emoticons_and_thai_laughter_become_emoji() {
        assert_eq!(normal("nice :-) bad :( hm :/ love <3"), "nice 😊 bad 🙁 hm 😕 love ❤");
        assert_eq!(normal("at 10:30, note:done"), "at 00:00, note:done");
        assert_eq!(normal("ตลก55555+"), "ตลก😂");
        assert_eq!(normal("15555 บาท 555.50"), "000 บาท 000.00");
    }

    #[test]
    fn rows_of_stars_become_one_emoji() {
        assert_eq!(normal("★★★★★ ★★★★☆ ★★★☆☆ ★★☆☆☆ ★☆☆☆☆"), "😍 😊 ☆ 🙁 😡");
        assert_eq!(normal("⭐️⭐️⭐️⭐️☆ ⭐⭐ ★ sale ★★"), "😊 ⭐⭐ ★ sale ☆");
    }

    #[test]
    fn thai_glyphs_typed_in_two_ways_become_one() {
        assert_eq!(normal("เเย่"), normal("แย่"));
        assert_eq!(normal("ดี\u{200b}มาก"), "ดีมาก");
    }

    #[test]
    fn symbols_bytes_and_origins_agree() {
        let text = "Aเเa😡‼️ß中 é @x ยี";
        let mut scratch = Scratch::new();
        scratch.normalise_traced(text);
        assert!(scratch.symbols.iter().map(|symbol| byte(symbol.code())).eq(scratch.bytes.iter().copied()));
        assert_eq!(scratch.symbols.len(), scratch.origins.len());
        assert!(scratch.origins.iter().all(|&origin| text.is_char_boundary(origin as usize)));
        let traced = scratch.symbols.clone();
        scratch.normalise(text);
        assert_eq!(scratch.symbols, traced);
    }

    #[test]
    fn a_huge_text_is_cut() {
        let mut scratch = Scratch::new();
        scratch.normalise(&"ab ".repeat(1_000_000));
        assert_eq!(scratch.symbols.len(), MAX_SCORED_CHARACTERS);
    }
}
