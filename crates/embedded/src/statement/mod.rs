//! Reading just enough of a SQL text: where an INSERT ends and its data begins, which format a SELECT names.
//!
//! What a statement *does* is never decided here but by the engine's own parser ([`crate::Engine::classify`]).

mod insert;
mod session;
mod tokens;

pub use insert::{Insert, Split, split_insert};
pub use session::{SessionChange, session_change};
pub use tokens::{Token, TokenKind, Tokens};

/// The format that a reading statement names at its end (`FORMAT x`), if any.
pub fn named_format(sql: &[u8]) -> Option<String> {
    let mut format = None;
    let mut previous_is_format = false;
    for token in Tokens::new(sql).filter(|token| token.depth == 0) {
        let word = token.kind == TokenKind::Word;
        if previous_is_format && word {
            format = Some(String::from_utf8_lossy(token.text).into_owned());
        }
        previous_is_format = word && token.text.eq_ignore_ascii_case(b"FORMAT");
    }
    format
}

/// Whether the statement is a SELECT (or WITH … SELECT, FROM … SELECT, a parenthesised one): those can be streamed.
pub fn is_select(sql: &[u8]) -> bool {
    Tokens::new(sql).next().is_some_and(|first| {
        first.text == b"("
            || [&b"SELECT"[..], b"WITH", b"FROM"].iter().any(|word| first.text.eq_ignore_ascii_case(word))
    })
}

/// Whether a word occurs anywhere in the text outside quotes and comments.
pub fn has_word(sql: &[u8], word: &str) -> bool {
    Tokens::new(sql).any(|token| token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_format_is_the_last_one_outside_parentheses_and_quotes() {
        for (sql, format) in [
            ("SELECT 1 FORMAT JSON", Some("JSON")),
            ("select 1 format TSV settings max_threads = 1;", Some("TSV")),
            ("SELECT 'FORMAT CSV'", None),
            ("SELECT 1 -- FORMAT CSV", None),
            ("SELECT format('{}', 1)", None),
            ("SELECT * FROM (SELECT 1 FORMAT x)", None),
        ] {
            assert_eq!(named_format(sql.as_bytes()).as_deref(), format, "{sql}");
        }
    }

    #[test]
    fn selects_are_known_by_their_first_word() {
        for sql in ["SELECT 1", " /* x */ with 1 as a select a", "(SELECT 1) UNION ALL (SELECT 2)", "FROM t SELECT 1"] {
            assert!(is_select(sql.as_bytes()), "{sql}");
        }
        for sql in ["SHOW TABLES", "DESCRIBE t", "INSERT INTO t SELECT 1", ""] {
            assert!(!is_select(sql.as_bytes()), "{sql}");
        }
    }
}
