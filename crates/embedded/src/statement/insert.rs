//! Where an INSERT ends and its data begins (rule 1: data never reaches the engine's SQL parser).

use super::tokens::{Token, TokenKind, Tokens};

/// An INSERT whose data comes after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Insert {
    /// The statement up to, and without, `FORMAT x` or `VALUES`.
    pub statement: Vec<u8>,
    /// The data's format.
    pub format: String,
    /// Byte offset of the first byte of data in the text.
    pub data_start: usize,
    /// Where a database name has to be put to qualify the table: `None` when it is qualified already.
    qualify_at: Option<usize>,
}

/// What the beginning of a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Split {
    /// Not an INSERT with data: a single text to hand to the engine.
    Whole,
    /// An INSERT with data.
    Insert(Insert),
    /// An INSERT whose statement goes on beyond the given text.
    NeedsMore,
    /// An INSERT of a kind that cannot be served; the word says which.
    Unsupported(&'static str),
}

impl Insert {
    /// The statement with the table qualified by `database`, unless it is already.
    pub fn qualified(&self, database: &str) -> Vec<u8> {
        let Some(at) = self.qualify_at else { return self.statement.clone() };
        let name = database.replace('\\', "\\\\").replace('`', "\\`");
        [&self.statement[..at], b"`", name.as_bytes(), b"`.", &self.statement[at..]].concat()
    }
}

/// Splits `text` (the beginning of a request; all of it when `complete`).
pub fn split_insert(text: &[u8], complete: bool) -> Split {
    let mut tokens = Tokens::new(text).peekable();
    let open_end = if complete { Split::Whole } else { Split::NeedsMore };
    match tokens.next() {
        Some(first) if first.is("INSERT") && first.end < text.len() => {}
        // The text may stop in the middle of the word.
        Some(first) if complete || first.end < text.len() => return Split::Whole,
        _ => return open_end,
    }
    let mut qualify_at = None;
    if tokens.next_if(|token| token.is("INTO")).is_some() {
        tokens.next_if(|token| token.is("TABLE"));
    }
    match (tokens.next(), tokens.peek()) {
        (Some(_), Some(next)) if next.text == b"." => {
            // The table's own name may be a keyword.
            tokens.nth(1);
        }
        (Some(name), Some(_)) if !name.is("FUNCTION") => qualify_at = Some(name.start),
        (Some(_), Some(_)) => {}
        _ => return open_end,
    }
    let mut in_select = false;
    while let Some(token) = tokens.next() {
        if token.kind == TokenKind::Unfinished {
            return open_end;
        }
        if in_select {
            if token.is("input") && tokens.peek().is_some_and(|next| next.text == b"(") {
                return Split::Unsupported("INSERT … SELECT FROM input()");
            }
            continue;
        }
        if token.depth > 0 {
            continue;
        }
        if token.is("FROM") && tokens.peek().is_some_and(|next| next.is("INFILE")) {
            return Split::Unsupported("INSERT … FROM INFILE");
        } else if token.is("SELECT") || token.is("WITH") || token.is("FROM") {
            in_select = true;
        } else if token.is("VALUES") {
            if token.end == text.len() && !complete {
                return Split::NeedsMore;
            }
            return insert(text, token, "Values".to_owned(), token.end, qualify_at);
        } else if token.is("FORMAT") {
            let Some(name) = tokens.next() else { return open_end };
            let Some(data_start) = data_start(text, name.end, complete) else { return Split::NeedsMore };
            return insert(text, token, String::from_utf8_lossy(name.text).into_owned(), data_start, qualify_at);
        }
    }
    // A complete INSERT … SELECT is one text; an incomplete one has no data to split off either.
    open_end
}

fn insert(text: &[u8], end: Token<'_>, format: String, data_start: usize, qualify_at: Option<usize>) -> Split {
    Split::Insert(Insert { statement: text[..end.start].to_vec(), format, data_start, qualify_at })
}

/// Data starts after the blanks behind the format's name and one line end, as in ClickHouse's own parser; a semicolon
/// may come before them.
fn data_start(text: &[u8], name_end: usize, complete: bool) -> Option<usize> {
    let mut at = name_end;
    let is = |at: usize, set: &[u8]| text.get(at).is_some_and(|byte| set.contains(byte));
    while is(at, b" \t\x0c") {
        at += 1;
    }
    if is(at, b";") {
        at += 1;
    }
    while is(at, b" \t\x0c") {
        at += 1;
    }
    if is(at, b"\r") {
        at += 1;
    }
    if is(at, b"\n") {
        at += 1;
    } else if at == text.len() && !complete {
        // The name or the line end may go on in the next piece.
        return None;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &[u8]) -> (String, String, Vec<u8>) {
        match split_insert(text, true) {
            Split::Insert(insert) => {
                (String::from_utf8(insert.qualified("db")).unwrap(), insert.format, text[insert.data_start..].to_vec())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn data_follows_the_format_or_values() {
        let cases: [(&[u8], &str, &str, &[u8]); 8] = [
            (b"INSERT INTO a.values (b) FORMAT TSV\n1", "INSERT INTO a.values (b) ", "TSV", b"1"),
            (b"INSERT INTO t FORMAT JSONEachRow {\"a\":1}", "INSERT INTO `db`.t ", "JSONEachRow", b"{\"a\":1}"),
            (
                b"insert into x.t (a, b) format RowBinary\n\n\x00\x01",
                "insert into x.t (a, b) ",
                "RowBinary",
                b"\n\x00\x01",
            ),
            (b"INSERT INTO `t` VALUES (1, 'FORMAT')", "INSERT INTO `db`.`t` ", "Values", b" (1, 'FORMAT')"),
            (
                b"INSERT INTO TABLE t SETTINGS a = 1 FORMAT CSV\r\n1",
                "INSERT INTO TABLE `db`.t SETTINGS a = 1 ",
                "CSV",
                b"1",
            ),
            (
                b"/* x */ INSERT INTO t (`FORMAT`, \"VALUES\") FORMAT TSV\n1\t2\n\nDROP TABLE t",
                "/* x */ INSERT INTO `db`.t (`FORMAT`, \"VALUES\") ",
                "TSV",
                b"1\t2\n\nDROP TABLE t",
            ),
            (b"INSERT INTO FUNCTION null('a Int8') FORMAT TSV\n1", "INSERT INTO FUNCTION null('a Int8') ", "TSV", b"1"),
            (b"INSERT INTO t FORMAT Native", "INSERT INTO `db`.t ", "Native", b""),
        ];
        for (text, statement, format, data) in cases {
            assert_eq!(
                split(text),
                (statement.to_owned(), format.to_owned(), data.to_vec()),
                "{}",
                text.escape_ascii()
            );
        }
    }

    #[test]
    fn statements_without_data_stay_whole() {
        for text in [
            "SELECT 1",
            "INSERT INTO t SELECT 'VALUES' FORMAT Null",
            "INSERT INTO t WITH 1 AS x SELECT x",
            "",
            "INSERT",
        ] {
            assert_eq!(split_insert(text.as_bytes(), true), Split::Whole, "{text}");
        }
    }

    #[test]
    fn every_prefix_of_an_insert_asks_for_more_or_agrees() {
        let text = b"INSERT INTO db.t (a, b) SETTINGS x = 'y' FORMAT RowBinary\n\x00\x01";
        let whole = split_insert(text, true);
        for length in 0..text.len() {
            match split_insert(&text[..length], false) {
                Split::NeedsMore => {}
                other => assert_eq!(other, whole, "prefix of {length} bytes"),
            }
        }
    }

    #[test]
    fn data_inside_a_select_and_files_of_the_host_are_refused() {
        for text in [
            "INSERT INTO t SELECT * FROM input('a Int8') FORMAT TSV\n1",
            "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT TSV",
        ] {
            assert!(!matches!(split_insert(text.as_bytes(), true), Split::Whole | Split::Insert(_)), "{text}");
        }
    }
}
