//! Cleans a text once, into symbols for the model and bytes for the phrase rules.
//!
//! Lower-case; digits become 0; a symbol repeated more than three times is cut to three; mentions and URLs are dropped;
//! white space collapses; curly quotes, zero-width marks and two common Thai misspellings of the same glyph are folded.

use crate::emoji;

/// Characters beyond this many are counted but not scored, which bounds the work for one text.
pub const MAX_SCORED_CHARACTERS: usize = 8_192;

/// What kind of symbol a normalised character is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    /// White space.
    Space,
    /// A letter or mark of the Latin script.
    Latin,
    /// A digit of any script (normalised to `0`).
    Digit,
    /// A Thai letter, vowel or tone mark.
    Thai,
    /// A letter of any other script.
    Foreign,
    /// An emoji.
    Emoji,
    /// Anything else.
    Punctuation,
}

/// Working memory of one thread. Grows to the longest text it has met and is then reused without allocating.
#[derive(Debug, Default, Clone)]
pub struct Scratch {
    pub(crate) symbols: Vec<u32>,
    pub(crate) classes: Vec<Class>,
    /// One byte a symbol, see [`byte`].
    pub(crate) bytes: Vec<u8>,
    pub(crate) thai_count: u32,
    pub(crate) latin_count: u32,
    pub(crate) foreign_count: u32,
}

impl Scratch {
    /// Empty working memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Normalises `text` into this memory, replacing what was there.
    pub fn normalise(&mut self, text: &str) {
        self.symbols.clear();
        self.classes.clear();
        self.bytes.clear();
        self.thai_count = 0;
        self.latin_count = 0;
        self.foreign_count = 0;
        let mut characters = text.chars();
        let mut budget = MAX_SCORED_CHARACTERS;
        let mut at_word_start = true;
        while let Some(character) = characters.next() {
            if budget == 0 {
                break;
            }
            budget -= 1;
            if at_word_start && starts_dropped_token(character, characters.as_str()) {
                let rest = characters.as_str();
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                characters = rest[end..].chars();
                continue;
            }
            if let Some((emoji, length)) = emoticon(character, characters.as_str()) {
                self.push(emoji as u32, Class::Emoji);
                characters = characters.as_str()[length..].chars();
                at_word_start = true;
                continue;
            }
            let laugh = if character == '5' && !self.ends_in_digit() { laughing_fives(characters.as_str()) } else { 0 };
            if laugh > 0 {
                self.push('😂' as u32, Class::Emoji);
                characters = characters.as_str()[laugh..].chars();
                continue;
            }
            let (symbol, class) = fold(character);
            if symbol == 0 {
                continue;
            }
            at_word_start = matches!(class, Class::Space | Class::Punctuation);
            self.push(symbol, class);
        }
    }

    fn ends_in_digit(&self) -> bool {
        matches!(self.classes.last(), Some(Class::Digit)) || matches!(self.bytes.last(), Some(b',' | b'.'))
    }

    #[inline]
    fn push(&mut self, symbol: u32, class: Class) {
        let count = self.symbols.len();
        if count > 0 && self.symbols[count - 1] == symbol {
            let repeats_allowed = if class == Class::Space { 1 } else { 3 };
            if count >= repeats_allowed && self.symbols[count - repeats_allowed..].iter().all(|&s| s == symbol) {
                return;
            }
            if symbol == SARA_E {
                // เ + เ is typed for แ and looks the same.
                self.symbols[count - 1] = SARA_AE;
                self.bytes[count - 1] = byte(SARA_AE);
                return;
            }
        }
        match class {
            Class::Thai => self.thai_count += 1,
            Class::Latin => self.latin_count += 1,
            Class::Foreign => self.foreign_count += 1,
            _ => {}
        }
        self.symbols.push(symbol);
        self.classes.push(class);
        self.bytes.push(byte(symbol));
    }
}

/// One byte a symbol, for the phrase rules: ASCII as it is, Thai as in TIS-620, all else one placeholder.
#[inline]
const fn byte(symbol: u32) -> u8 {
    match symbol {
        0..=0x7F => symbol as u8,
        0x0E01..=0x0E5B => (symbol - 0x0E00 + 0xA0) as u8,
        _ => 0x80,
    }
}

const SARA_E: u32 = 'เ' as u32;
const SARA_AE: u32 = 'แ' as u32;

/// Mentions and URLs tell who and where, not how it felt.
#[inline]
fn starts_dropped_token(character: char, rest: &str) -> bool {
    match character {
        '@' => rest.as_bytes().first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'),
        'h' | 'H' => begins_with(rest, "ttp://") || begins_with(rest, "ttps://"),
        'w' | 'W' => begins_with(rest, "ww."),
        _ => false,
    }
}

/// The emoji an emoticon stands for, and the bytes it takes behind its first character.
#[inline]
fn emoticon(first: char, rest: &str) -> Option<(char, usize)> {
    if !matches!(first, ':' | ';' | '=' | '<') {
        return None;
    }
    let rest = rest.as_bytes();
    let (nose, mouth) = match rest {
        [b'3', ..] if first == '<' => return Some(('❤', 1)),
        _ if first == '<' => return None,
        [b'-', mouth, ..] => (1, *mouth),
        [b'\'', b'(', ..] => return Some(('😢', 2)),
        [mouth, ..] => (0, *mouth),
        [] => return None,
    };
    let emoji = match mouth {
        b')' | b']' => '🙂',
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

/// Thai laughs "555": the bytes behind a first 5 if at least two more fives follow and no other digit does, else 0.
#[inline]
fn laughing_fives(rest: &str) -> usize {
    let fives = rest.bytes().take_while(|&byte| byte == b'5').count();
    match rest.as_bytes().get(fives) {
        Some(byte) if byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'-') => 0,
        _ if fives < 2 => 0,
        Some(b'+') => fives + 1,
        _ => fives,
    }
}

#[inline]
fn begins_with(rest: &str, prefix: &str) -> bool {
    rest.len() >= prefix.len() && rest.as_bytes()[..prefix.len()].eq_ignore_ascii_case(prefix.as_bytes())
}

/// The normalised symbol of a character and its class; symbol 0 means "drop it".
#[inline]
fn fold(character: char) -> (u32, Class) {
    let code = character as u32;
    if code < 0x80 {
        return match character {
            'a'..='z' => (code, Class::Latin),
            'A'..='Z' => (code | 0x20, Class::Latin),
            '0'..='9' => (u32::from('0'), Class::Digit),
            ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' => (u32::from(' '), Class::Space),
            '\0'..='\x1f' | '\x7f' => (0, Class::Punctuation),
            _ => (code, Class::Punctuation),
        };
    }
    match code {
        0x0E50..=0x0E59 => (u32::from('0'), Class::Digit),
        0x0E3F => (code, Class::Punctuation),
        0x0E01..=0x0E4E => (code, Class::Thai),
        0x2018 | 0x2019 | 0x02BC | 0x0060 => (u32::from('\''), Class::Punctuation),
        0x201C | 0x201D => (u32::from('"'), Class::Punctuation),
        0x2026 => (u32::from('.'), Class::Punctuation),
        0xFF01 => (u32::from('!'), Class::Punctuation),
        0xFF1F => (u32::from('?'), Class::Punctuation),
        0xAD | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFFD | 0x1F3FB..=0x1F3FF => {
            (0, Class::Punctuation)
        }
        _ if emoji::is_emoji(code) => (code, Class::Emoji),
        0xC0..=0x24F | 0x1E00..=0x1EFF => {
            let lower = character.to_lowercase().next().unwrap_or(character);
            match code {
                0xD7 | 0xF7 => (code, Class::Punctuation),
                _ => (lower as u32, Class::Latin),
            }
        }
        _ if character.is_whitespace() => (u32::from(' '), Class::Space),
        _ if character.is_alphabetic() => (character.to_lowercase().next().unwrap_or(character) as u32, Class::Foreign),
        _ if character.is_numeric() => (u32::from('0'), Class::Digit),
        _ => (code, Class::Punctuation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> String {
        let mut scratch = Scratch::new();
        scratch.normalise(text);
        scratch.symbols.into_iter().filter_map(char::from_u32).collect()
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
        assert_eq!(normal("nice :-) bad :( hm :/ love <3"), "nice 🙂 bad 🙁 hm 😕 love ❤");
        assert_eq!(normal("at 10:30, note:done"), "at 00:00, note:done");
        assert_eq!(normal("ตลก55555+"), "ตลก😂");
        assert_eq!(normal("15555 บาท 555.50"), "000 บาท 000.00");
    }

    #[test]
    fn thai_glyphs_typed_in_two_ways_become_one() {
        assert_eq!(normal("เเย่"), normal("แย่"));
        assert_eq!(normal("ดี\u{200b}มาก"), "ดีมาก");
    }

    #[test]
    fn symbols_bytes_and_classes_agree() {
        let mut scratch = Scratch::new();
        scratch.normalise("Aเเa😡‼️ß中 é");
        assert_eq!(scratch.symbols.len(), scratch.classes.len());
        assert!(scratch.symbols.iter().map(|&symbol| byte(symbol)).eq(scratch.bytes.iter().copied()));
    }

    #[test]
    fn a_huge_text_is_cut() {
        let mut scratch = Scratch::new();
        scratch.normalise(&"ab ".repeat(1_000_000));
        assert_eq!(scratch.symbols.len(), MAX_SCORED_CHARACTERS);
    }
}
