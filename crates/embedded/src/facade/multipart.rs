//! `multipart/form-data`: some clients send the query and its parameters as form fields.

/// The boundary of a `Content-Type`, if it is multipart form data.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (kind, rest) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    rest.split(';').find_map(|field| {
        let (name, value) = field.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// The fields (name, value) of a body; `None` when it is malformed or has a file in it.
pub(super) fn fields(body: &[u8], boundary: &str) -> Option<Vec<(String, String)>> {
    let delimiter = format!("--{boundary}");
    let mut rest = &body[find(body, delimiter.as_bytes())? + delimiter.len()..];
    let mut fields = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Some(fields);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let end = find(rest, format!("\r\n{delimiter}").as_bytes())?;
        let (part, after) = rest.split_at(end);
        rest = &after[delimiter.len() + 2..];
        // A part without header lines begins with the blank line itself.
        let (head, value) = match find(part, b"\r\n\r\n") {
            Some(at) => (&part[..at], &part[at + 4..]),
            None => return None,
        };
        let head = std::str::from_utf8(head).ok()?;
        if head.contains("filename=") {
            return None;
        }
        fields.push((name(head)?, String::from_utf8(value.to_vec()).ok()?));
    }
}

fn name(head: &str) -> Option<String> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    line.split(';').find_map(|field| {
        let (key, value) = field.split_once('=')?;
        (key.trim() == "name").then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"--x\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT\r\n{a:Int8}\r\n--x\r\n\
        Content-Disposition: form-data; name=\"param_a\"\r\nContent-Type: text/plain\r\n\r\n1\r\n--x--\r\n";

    #[test]
    fn fields_are_read() {
        assert_eq!(boundary("multipart/form-data; boundary=\"x\"").as_deref(), Some("x"));
        assert_eq!(boundary("text/plain; boundary=x"), None);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(fields(BODY, "x"), Some(vec![pair("query", "SELECT\r\n{a:Int8}"), pair("param_a", "1")]));
    }

    #[test]
    fn cut_bodies_are_malformed() {
        for length in 0..BODY.len() - 4 {
            assert_eq!(fields(&BODY[..length], "x"), None, "{length} bytes");
        }
    }
}
