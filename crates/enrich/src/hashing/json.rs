//! Values of chosen keys in JSON text, replaced whatever they are and at whatever depth.

use std::borrow::Cow;

use crate::json::{after_blanks, string_end};

/// Writes `json` into `out` (cleared first), every string and number behind one of these `keys` (in small letters) replaced
/// by a string that `hash` writes for it, told the key and the value; so is all that an object or list there holds. A text that
/// is no JSON is left out: what cannot be told apart cannot be hidden.
pub(super) fn hash_json(json: &str, keys: &[String], out: &mut String, mut hash: impl FnMut(&str, &str, &mut String)) {
    out.clear();
    let bytes = json.as_bytes();
    let (mut at, mut copied, mut depth) = (0, 0, 0usize);
    // The chosen key whose value comes next, and the one in whose object or list this is, with its depth.
    let (mut next, mut within) = (None, None);
    while let Some(byte) = bytes.get(at) {
        let from = at;
        at += 1;
        match byte {
            b'"' => {
                let Some(end) = string_end(bytes, at) else {
                    out.clear();
                    return;
                };
                at = end + 1;
                let content = read(json, from, at);
                if bytes.get(after_blanks(bytes, at)) == Some(&b':') {
                    let is_chosen =
                        |key: &&String| content.eq_ignore_ascii_case(key) || content.to_lowercase() == **key;
                    next = keys.iter().find(is_chosen);
                    continue;
                }
                let key = next.take().or(within.map(|(key, _)| key));
                if let Some(key) = key.filter(|_| !content.is_empty()) {
                    replace(json, copied..from, out, |out| hash(key, &content, out));
                    copied = at;
                }
            }
            b'-' | b'0'..=b'9' => {
                let is_number = |b: &&u8| matches!(b, b'-' | b'+' | b'.' | b'0'..=b'9' | b'e' | b'E');
                at = from + bytes[from..].iter().take_while(is_number).count();
                if let Some(key) = next.take().or(within.map(|(key, _)| key)) {
                    replace(json, copied..from, out, |out| hash(key, &json[from..at], out));
                    copied = at;
                }
            }
            b'{' | b'[' => {
                depth += 1;
                if let Some(key) = next.take() {
                    within = within.or(Some((key, depth)));
                }
            }
            b'}' | b']' => {
                within = within.filter(|(_, outer)| *outer < depth);
                depth = depth.saturating_sub(1);
            }
            // A bare word: there is nothing to hide in it.
            b'a'..=b'z' => next = None,
            _ => {}
        }
    }
    out.push_str(&json[copied..]);
}

/// The string between the quotes at both ends of this range.
fn read(json: &str, from: usize, end: usize) -> Cow<'_, str> {
    let content = &json[from + 1..end - 1];
    if memchr::memchr(b'\\', content.as_bytes()).is_none() {
        return content.into();
    }
    serde_json::from_str::<String>(&json[from..end]).map_or(content.into(), Cow::from)
}

fn replace(json: &str, before: std::ops::Range<usize>, out: &mut String, hash: impl FnOnce(&mut String)) {
    out.push_str(&json[before]);
    out.push('"');
    hash(out);
    out.push('"');
}
