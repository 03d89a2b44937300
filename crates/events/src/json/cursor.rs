//! A single-pass JSON reader over borrowed text: strict (RFC 8259), bounded in depth, without recursion or allocation.

use super::text::{find_special, unescape};
use crate::reject::{Fault, Reason, Reject};
use crate::scratch::{Arena, Builder};

/// Deepest nesting read; deeper is `too_deep`.
pub(crate) const MAX_DEPTH: usize = 64;

/// Kinds of JSON values, by their first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl Token {
    /// With its article, for messages.
    pub(crate) fn article(self) -> &'static str {
        match self {
            Token::Null => "null",
            Token::Bool => "a boolean",
            Token::Number => "a number",
            Token::String => "a string",
            Token::Array => "an array",
            Token::Object => "an object",
        }
    }
}

#[cold]
#[inline(never)]
fn not_utf8(bytes: &[u8]) -> Fault {
    let good = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    Reject::fault(Reason::InvalidUtf8, format!("not UTF-8 from byte {good}"))
}

/// A position in JSON text.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `bytes`, which are checked to be UTF-8 once.
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Cursor<'a>, Fault> {
        match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => Ok(Cursor { text, at: 0 }),
            Err(_) => Err(not_utf8(bytes)),
        }
    }

    /// A cursor over text that is known to be UTF-8.
    pub(crate) fn trusted(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0 }
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[cold]
    #[inline(never)]
    fn malformed(&self, expected: &str) -> Fault {
        let found = if self.at >= self.text.len() { "the end" } else { "something else" };
        Reject::fault(Reason::MalformedJson, format!("byte {}: expected {expected}, found {found}", self.at))
    }

    #[inline(always)]
    fn space(&mut self) {
        if self.byte().is_some_and(|byte| byte <= b' ') {
            self.spaces();
        }
    }

    #[inline(never)]
    fn spaces(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.byte() {
            self.at += 1;
        }
    }

    /// Skips white space and tells what value comes next.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<Token, Fault> {
        self.space();
        match self.byte() {
            Some(b'"') => Ok(Token::String),
            Some(b'0'..=b'9' | b'-') => Ok(Token::Number),
            Some(b'n') => Ok(Token::Null),
            Some(b't' | b'f') => Ok(Token::Bool),
            Some(b'{') => Ok(Token::Object),
            Some(b'[') => Ok(Token::Array),
            _ => Err(self.malformed("a value")),
        }
    }

    /// Fails unless only white space is left.
    #[inline]
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(self.malformed("the end")) }
    }

    /// Enters an object.
    #[inline]
    pub(crate) fn open_object(&mut self) -> Result<(), Fault> {
        self.space();
        self.expect(b'{', "an object")
    }

    /// Enters an array.
    #[inline]
    pub(crate) fn open_array(&mut self) -> Result<(), Fault> {
        self.space();
        self.expect(b'[', "an array")
    }

    #[inline]
    fn expect(&mut self, byte: u8, expected: &str) -> Result<(), Fault> {
        if self.byte() != Some(byte) {
            return Err(self.malformed(expected));
        }
        self.at += 1;
        Ok(())
    }

    /// The next key of an object entered by [`Cursor::open_object`], or `None` at its end. `first` starts true.
    #[inline]
    pub(crate) fn key(&mut self, first: &mut bool, arena: &mut Arena<'a>) -> Result<Option<&'a str>, Fault> {
        self.space();
        match self.byte() {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(b',') if !*first => {
                self.at += 1;
                self.space();
            }
            _ if *first => {}
            _ => return Err(self.malformed("a comma or the object's end")),
        }
        *first = false;
        let key = self.string(arena)?;
        self.space();
        self.expect(b':', "a colon")?;
        Ok(Some(key))
    }

    /// Goes past `key` (in quotes, with its colon) if it comes next, without a space before or in it.
    #[inline]
    pub(crate) fn is_key(&mut self, first: &mut bool, key: &[u8]) -> bool {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let (rest, comma) = match rest.split_first() {
            Some((b',', rest)) if !*first => (rest, 1),
            _ if *first => (rest, 0),
            _ => return false,
        };
        let is_next = rest.starts_with(key);
        if is_next {
            self.at += comma + key.len();
            *first = false;
        }
        is_next
    }

    /// Whether an array entered by [`Cursor::open_array`] has a next element. `first` starts true.
    #[inline]
    pub(crate) fn element(&mut self, first: &mut bool) -> Result<bool, Fault> {
        self.space();
        match self.byte() {
            Some(b']') => {
                self.at += 1;
                return Ok(false);
            }
            Some(b',') if !*first => {
                self.at += 1;
            }
            _ if *first => {}
            _ => return Err(self.malformed("a comma or the array's end")),
        }
        *first = false;
        Ok(true)
    }

    /// Reads a string without unescaping it: the raw text between the quotes, and whether it has escapes.
    #[inline]
    fn raw_string(&mut self) -> Result<(&'a str, bool), Fault> {
        self.expect(b'"', "a string")?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at = find_special(self.text.as_bytes(), self.at);
            match self.byte() {
                Some(b'"') => {
                    let raw = self.slice(start, self.at)?;
                    self.at += 1;
                    return Ok((raw, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    match self.byte() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                        Some(b'u') => {
                            let digits = self.text.as_bytes().get(self.at + 1..self.at + 5);
                            if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                                return Err(self.malformed("four hexadecimal digits"));
                            }
                            self.at += 5;
                        }
                        _ => return Err(self.malformed("an escape")),
                    }
                }
                _ => return Err(self.malformed("a quote")),
            }
        }
    }

    /// Reads a string, unescaped into the arena when it has escapes.
    #[inline]
    pub(crate) fn string(&mut self, arena: &mut Arena<'a>) -> Result<&'a str, Fault> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) == Some(&b'"') {
            let start = self.at + 1;
            let end = find_special(bytes, start);
            if bytes.get(end) == Some(&b'"')
                && let Some(raw) = self.text.get(start..end)
            {
                self.at = end + 1;
                return Ok(raw);
            }
        }
        self.escaped_string(arena)
    }

    #[inline(never)]
    fn escaped_string(&mut self, arena: &mut Arena<'a>) -> Result<&'a str, Fault> {
        let (raw, escaped) = self.raw_string()?;
        if escaped { arena.build(|text| unescape(raw, text)) } else { Ok(raw) }
    }

    /// Passes over a value of an object at the top.
    #[inline]
    pub(crate) fn pass(&mut self, token: Token) -> Result<(), Fault> {
        if token == Token::String {
            let end = find_special(self.text.as_bytes(), self.at + 1);
            if self.text.as_bytes().get(end) == Some(&b'"') {
                self.at = end + 1;
                return Ok(());
            }
        }
        self.raw_value(1).map(drop)
    }

    /// Reads a string and appends it to a string under construction.
    pub(crate) fn string_into(&mut self, text: &mut Builder<'_>) -> Result<(), Fault> {
        let (raw, escaped) = self.raw_string()?;
        if escaped { unescape(raw, text) } else { text.push(raw.as_bytes()) }
    }

    /// A whole number of at most 18 digits without sign, fraction or exponent; `None` (and nothing read) for others.
    #[inline]
    pub(crate) fn plain_whole(&mut self) -> Option<i64> {
        let digits = self.text.as_bytes().get(self.at..)?;
        let (mut value, mut count) = (0i64, 0);
        for &byte in digits.iter().take(19) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                if matches!(byte, b'.' | b'e' | b'E') {
                    return None;
                }
                break;
            }
            value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
            count += 1;
        }
        if count == 0 || count > 18 || (count > 1 && digits.first() == Some(&b'0')) {
            return None;
        }
        self.at += count;
        Some(value)
    }

    /// The raw text of a number, checked against the grammar.
    pub(crate) fn raw_number(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.malformed("a digit")),
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        self.slice(start, self.at)
    }

    #[inline]
    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
    }

    #[inline]
    fn some_digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.digits();
        if self.at == start { Err(self.malformed("a digit")) } else { Ok(()) }
    }

    /// Reads `true` or `false`.
    pub(crate) fn bool(&mut self) -> Result<bool, Fault> {
        match self.byte() {
            Some(b't') => self.word("true").map(|()| true),
            _ => self.word("false").map(|()| false),
        }
    }

    /// Reads `null`.
    pub(crate) fn null(&mut self) -> Result<(), Fault> {
        self.word("null")
    }

    fn word(&mut self, word: &str) -> Result<(), Fault> {
        let end = self.at + word.len();
        if self.text.as_bytes().get(self.at..end) != Some(word.as_bytes()) {
            return Err(self.malformed(word));
        }
        self.at = end;
        Ok(())
    }

    /// Reads any value, checks it, and gives its raw text.
    ///
    /// `depth`: how deep the value itself stands (1 for a value of the top-level object).
    pub(crate) fn raw_value(&mut self, depth: usize) -> Result<&'a str, Fault> {
        self.space();
        let start = self.at;
        // One bit per open level: 1 for an object. Levels above MAX_DEPTH are refused, so a word is enough.
        let mut kinds = 0u64;
        let mut level = 0usize;
        loop {
            let token = self.peek()?;
            match token {
                Token::Null => self.null()?,
                Token::Bool => drop(self.bool()?),
                Token::Number => drop(self.raw_number()?),
                Token::String => drop(self.raw_string()?),
                Token::Array | Token::Object => {
                    level += 1;
                    if depth + level > MAX_DEPTH {
                        return Err(Reject::fault(
                            Reason::TooDeep,
                            format!("byte {}: nested deeper than {MAX_DEPTH} levels", self.at),
                        ));
                    }
                    self.at += 1;
                    self.space();
                    let object = token == Token::Object;
                    kinds = (kinds << 1) | u64::from(object);
                    let close = if object { b'}' } else { b']' };
                    if self.byte() != Some(close) {
                        if object {
                            self.skip_key()?;
                        }
                        continue;
                    }
                    self.at += 1;
                    level -= 1;
                    kinds >>= 1;
                }
            }
            // A value has ended: close levels until another value of an open one follows.
            loop {
                if level == 0 {
                    return self.slice(start, self.at);
                }
                self.space();
                let object = kinds & 1 == 1;
                match self.byte() {
                    Some(b',') => {
                        self.at += 1;
                        if object {
                            self.space();
                            self.skip_key()?;
                        }
                        break;
                    }
                    Some(b'}') if object => {}
                    Some(b']') if !object => {}
                    _ => return Err(self.malformed("a comma or an end")),
                }
                self.at += 1;
                level -= 1;
                kinds >>= 1;
            }
        }
    }

    fn skip_key(&mut self) -> Result<(), Fault> {
        self.raw_string()?;
        self.space();
        self.expect(b':', "a colon")
    }

    #[inline]
    fn slice(&self, start: usize, end: usize) -> Result<&'a str, Fault> {
        // Both ends stand beside ASCII bytes, so they are character boundaries.
        self.text.get(start..end).ok_or_else(|| self.malformed("a character boundary"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use proptest::prelude::*;

    fn string(json: &str) -> Result<String, Reason> {
        let mut scratch = Scratch::new();
        let (mut arena, ..) = scratch.open(json.len());
        let mut cursor = Cursor::new(json.as_bytes()).map_err(|reject| reject.reason)?;
        cursor.peek().and_then(|_| cursor.string(&mut arena)).map(str::to_owned).map_err(|reject| reject.reason)
    }

    fn valid(json: &[u8]) -> Result<(), Reason> {
        let run = || {
            let mut cursor = Cursor::new(json)?;
            cursor.raw_value(0)?;
            cursor.end()
        };
        run().map_err(|reject| reject.reason)
    }

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(string(r#""a\n\"\\\/\u00e9\ud83d\ude00b""#).unwrap(), "a\n\"\\/é😀b");
        assert_eq!(string(r#""x\ud83d""#).unwrap(), "x\u{fffd}");
        assert_eq!(string(r#""\ud83d\u0041""#).unwrap(), "\u{fffd}A");
        assert_eq!(string("\"a\u{1}\""), Err(Reason::MalformedJson));
        assert_eq!(string(r#""\x""#), Err(Reason::MalformedJson));
        assert_eq!(string(r#""\u12g4""#), Err(Reason::MalformedJson));
    }

    #[test]
    fn depth_is_bounded_without_recursion() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(valid(nested(64).as_bytes()), Ok(()));
        assert_eq!(valid(nested(65).as_bytes()), Err(Reason::TooDeep));
        assert_eq!(valid(nested(10_000).as_bytes()), Err(Reason::TooDeep));
        assert_eq!(valid("{\"a\":".repeat(10_000).as_bytes()), Err(Reason::TooDeep));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn accepts_exactly_what_serde_json_accepts(json in "[\\[\\]{},:\"a0-9.eE+\\- \\\\untrfsl]{0,14}") {
            prop_assert_eq!(
                valid(json.as_bytes()).is_ok(),
                serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok(),
                "{}", json
            );
        }

        #[test]
        fn any_string_survives_escaping(text in "\\PC{0,40}") {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(string(&json).unwrap(), text);
        }
    }
}
