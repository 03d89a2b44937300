//! SET and USE: they change a session, which lives in the facade because every statement has a connection of its own.

use super::tokens::{Token, TokenKind, Tokens};

/// A statement that changes the session it runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionChange {
    /// `USE database`.
    Database(String),
    /// `SET a = 1, b = 'x'`.
    Settings(Vec<(String, String)>),
}

/// Reads `USE x` and `SET a = b, …`; `None` for anything else.
pub fn session_change(sql: &[u8]) -> Option<SessionChange> {
    let mut tokens: Vec<Token<'_>> = Tokens::new(sql).collect();
    while tokens.last().is_some_and(|token| token.text == b";") {
        tokens.pop();
    }
    let (first, rest) = tokens.split_first()?;
    if first.is("USE") {
        let name = match rest {
            [name] => name,
            [word, name] if word.is("DATABASE") => name,
            _ => return None,
        };
        return Some(SessionChange::Database(value(name)?));
    }
    if !first.is("SET") {
        return None;
    }
    rest.split(|token| token.text == b",").map(assignment).collect::<Option<_>>().map(SessionChange::Settings)
}

fn assignment(tokens: &[Token<'_>]) -> Option<(String, String)> {
    match tokens {
        [name, equals, parts @ ..] if equals.text == b"=" && !parts.is_empty() && parts.len() <= 4 => {
            // A number may be several tokens: -1.5.
            let values: Option<String> = parts.iter().map(value).collect();
            Some((value(name)?, values?))
        }
        _ => None,
    }
}

fn value(token: &Token<'_>) -> Option<String> {
    let text = std::str::from_utf8(token.text).ok()?;
    match token.kind {
        TokenKind::Word | TokenKind::Number => Some(text.to_owned()),
        TokenKind::Punctuation => matches!(text, "-" | ".").then(|| text.to_owned()),
        TokenKind::QuotedIdentifier | TokenKind::Literal if !text.starts_with('$') => {
            let inner = &text[1..text.len() - 1];
            let quote = &text[..1];
            // Escapes beyond the quote and the backslash have no place in a setting or a database name.
            Some(
                inner
                    .replace(&format!("{quote}{quote}"), quote)
                    .replace(&format!("\\{quote}"), quote)
                    .replace("\\\\", "\\"),
            )
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_and_set_are_read() {
        assert_eq!(session_change(b"USE `my db`;"), Some(SessionChange::Database("my db".into())));
        assert_eq!(
            session_change(b"set max_threads = 1, log_comment='it''s', x = -1.5"),
            Some(SessionChange::Settings(vec![
                ("max_threads".into(), "1".into()),
                ("log_comment".into(), "it's".into()),
                ("x".into(), "-1.5".into())
            ]))
        );
    }

    #[test]
    fn other_statements_are_not() {
        for sql in ["SELECT 1", "SET ROLE x", "SET TRANSACTION SNAPSHOT 1", "USE", ""] {
            assert_eq!(session_change(sql.as_bytes()), None, "{sql}");
        }
    }
}
