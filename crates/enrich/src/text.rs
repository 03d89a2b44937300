//! Small things done to text by several parts: cut at a length, decode escapes, read a data file's lines.

/// The beginning of `text` of at most `limit` bytes, cut between characters.
pub(crate) fn clipped(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Appends `raw` with its escapes decoded; `plus`: `+` is a space.
pub(crate) fn unescape(raw: &[u8], plus: bool, out: &mut Vec<u8>) {
    let mut at = 0;
    while at < raw.len() {
        let digits = (raw[at] == b'%').then(|| raw.get(at + 1..at + 3)).flatten();
        if let Some([high, low]) = digits
            && let (Some(high), Some(low)) = (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
        {
            out.push((high << 4 | low) as u8);
            at += 3;
        } else {
            out.push(if plus && raw[at] == b'+' { b' ' } else { raw[at] });
            at += 1;
        }
    }
}

/// The lines of a data file without comments.
pub(crate) fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(clipped("ราคา", 7), "รา");
        assert_eq!(clipped("ราคา", 2), "");
        assert_eq!(clipped("price", 9), "price");
    }

    #[test]
    fn escapes_become_bytes_and_what_is_none_stays() {
        let decoded = |raw: &str, plus| {
            let mut out = b"=".to_vec();
            unescape(raw.as_bytes(), plus, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(decoded("a%20b+c%E0%B8%81", true), "=a b cก");
        assert_eq!(decoded("a+b%2%zz%", false), "=a+b%2%zz%");
    }

    #[test]
    fn comments_and_empty_lines_are_no_lines() {
        assert!(lines("# names\na b \n\n #c\n").eq(["a b", " #c"]));
    }
}
