//! Finding one's way in JSON text without decoding it.

/// The place of the first byte from `at` on that is no blank.
pub(crate) fn after_blanks(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// Where the string that begins at `at` ends (its closing quote).
pub(crate) fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Behind the last byte of the value that begins at `at`: a string with its quotes, an object or list with its brackets, or
/// a bare word. `None` where it has no end.
pub(crate) fn value_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let start = at;
    let mut depth = 0usize;
    loop {
        match bytes.get(at) {
            Some(b'"') => at = string_end(bytes, at + 1)? + 1,
            Some(b'{' | b'[') => (depth, at) = (depth + 1, at + 1),
            // Of what the value stands in.
            Some(b'}' | b']' | b',') if depth == 0 => return (at > start).then_some(at),
            Some(b'}' | b']') => (depth, at) = (depth - 1, at + 1),
            Some(_) => {
                at += 1;
                continue;
            }
            None => return None,
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_it_ends() {
        for (json, value) in [
            (r#""a\"b" ,"#, Some(r#""a\"b""#)),
            (r#"{"a":[1,"}"]},2"#, Some(r#"{"a":[1,"}"]}"#)),
            ("[[],{}]]", Some("[[],{}]")),
            ("true}", Some("true")),
            ("12,3", Some("12")),
            ("}", None),
            (r#"{"a":1"#, None),
            (r#""a"#, None),
            ("", None),
        ] {
            assert_eq!(value_end(json.as_bytes(), 0).map(|end| &json[..end]), value, "{json}");
        }
    }
}
