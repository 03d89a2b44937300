//! Tokens of ClickHouse SQL: words, quoted things, numbers, punctuation. Comments and blanks are passed over.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A keyword or a bare identifier.
    Word,
    /// `` `x` `` or `"x"`.
    QuotedIdentifier,
    /// `'x'` or a heredoc `$tag$x$tag$`.
    Literal,
    /// A number.
    Number,
    /// Any other single byte.
    Punctuation,
    /// A quote or comment that is still open at the end of the text.
    Unfinished,
}

/// A token, its place and its depth in parentheses (an opening one has the depth outside it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: TokenKind,
    /// Its bytes, quotes included.
    pub text: &'a [u8],
    /// Byte offset of its first byte.
    pub start: usize,
    /// Byte offset behind its last byte.
    pub end: usize,
    /// Parentheses, brackets and braces open around it.
    pub depth: usize,
}

impl Token<'_> {
    /// Whether it is this keyword, in any case.
    pub fn is(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word.as_bytes())
    }
}

/// An iterator over the tokens of a text.
pub struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Tokens<'a> {
    /// Starts at the beginning of `text`.
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    /// Passes over blanks and comments; false when a block comment never ends.
    fn skip_blank(&mut self) -> bool {
        loop {
            let rest = self.rest();
            let Some(&first) = rest.first() else { return true };
            if first.is_ascii_whitespace() || first == 0x0b {
                self.at += 1;
            } else if rest.starts_with(b"--") || rest.starts_with(b"#!") || rest.starts_with(b"# ") {
                self.at += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            } else if rest.starts_with(b"/*") {
                match block_comment_length(rest) {
                    Some(length) => self.at += length,
                    None => return false,
                }
            } else {
                return true;
            }
        }
    }

    fn token(&mut self, kind: TokenKind, length: usize) -> Token<'a> {
        let (start, end) = (self.at, self.at + length);
        self.at = end;
        Token { kind, text: &self.text[start..end], start, end, depth: self.depth }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let closed = self.skip_blank();
        let rest = self.rest();
        let &first = rest.first()?;
        if !closed {
            return Some(self.token(TokenKind::Unfinished, rest.len()));
        }
        Some(match first {
            b'\'' | b'`' | b'"' => {
                let kind = if first == b'\'' { TokenKind::Literal } else { TokenKind::QuotedIdentifier };
                match quoted_length(rest, first) {
                    Some(length) => self.token(kind, length),
                    None => self.token(TokenKind::Unfinished, rest.len()),
                }
            }
            b'$' => match heredoc(rest) {
                Heredoc::Whole(length) => self.token(TokenKind::Literal, length),
                Heredoc::Open => self.token(TokenKind::Unfinished, rest.len()),
                Heredoc::None => self.token(TokenKind::Punctuation, 1),
            },
            b'(' | b'[' | b'{' => {
                let token = self.token(TokenKind::Punctuation, 1);
                self.depth += 1;
                token
            }
            b')' | b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                self.token(TokenKind::Punctuation, 1)
            }
            _ if first.is_ascii_digit() => self.token(TokenKind::Number, word_length(rest)),
            _ if is_word(first) => self.token(TokenKind::Word, word_length(rest)),
            _ => self.token(TokenKind::Punctuation, 1),
        })
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn word_length(rest: &[u8]) -> usize {
    rest.iter().position(|&byte| !is_word(byte) && byte != b'$').unwrap_or(rest.len())
}

/// Length of a quoted thing with both quotes; a backslash escapes, a doubled quote stands for itself.
fn quoted_length(rest: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote && rest.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// Block comments nest.
fn block_comment_length(rest: &[u8]) -> Option<usize> {
    let (mut at, mut open) = (0, 0_usize);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            open += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            open -= 1;
            at += 2;
            if open == 0 {
                return Some(at);
            }
        } else {
            at += 1;
        }
    }
    None
}

enum Heredoc {
    Whole(usize),
    Open,
    None,
}

fn heredoc(rest: &[u8]) -> Heredoc {
    let Some(tag_end) = rest[1..].iter().position(|&byte| byte == b'$').map(|at| at + 2) else { return Heredoc::None };
    let tag = &rest[..tag_end];
    if !tag[1..tag_end - 1].iter().all(|&byte| is_word(byte)) {
        return Heredoc::None;
    }
    match rest[tag_end..].windows(tag.len()).position(|window| window == tag) {
        Some(at) => Heredoc::Whole(tag_end + at + tag.len()),
        None => Heredoc::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(sql: &str) -> Vec<String> {
        Tokens::new(sql.as_bytes()).map(|token| String::from_utf8_lossy(token.text).into_owned()).collect()
    }

    #[test]
    fn quotes_and_comments_hide_what_is_in_them() {
        assert_eq!(
            texts("a 'b''c\\'d' `e f` -- g\n /* h /* i */ j */ k $x$ l ' $x$ m"),
            ["a", "'b''c\\'d'", "`e f`", "k", "$x$ l ' $x$", "m"]
        );
    }

    #[test]
    fn depth_counts_open_brackets() {
        let depths: Vec<usize> = Tokens::new(b"a (b [c]) d").map(|token| token.depth).collect();
        assert_eq!(depths, [0, 0, 1, 1, 2, 1, 0, 0]);
    }

    #[test]
    fn an_open_quote_is_unfinished() {
        for sql in ["'abc", "`abc", "/* abc", "$a$ abc"] {
            assert_eq!(Tokens::new(sql.as_bytes()).last().unwrap().kind, TokenKind::Unfinished, "{sql}");
        }
    }

    proptest! {
        #[test]
        fn tokens_are_in_order_and_inside_the_text(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut end = 0;
            for token in Tokens::new(&text) {
                prop_assert!(token.start >= end && token.end > token.start && token.end <= text.len());
                end = token.end;
            }
        }
    }
}
