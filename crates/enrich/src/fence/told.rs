//! How accurate a device says its position is.

use std::cmp::max_by;

use memchr::memmem;

use crate::json::{after_blanks, string_end, value_end};

/// The names under which apps send it.
const NAMES: [&str; 4] = ["accuracy_m", "accuracy", "horizontal_accuracy", "horizontalAccuracy"];

/// The accuracy that an event's properties tell, a JSON object or nothing: metres, a number or a text that holds one; the
/// worst of several. `None` where none is told or it is no number.
pub(super) fn accuracy_m(properties: &str) -> Option<f64> {
    let bytes = properties.as_bytes();
    // Part of all names, and most events have none: no need to read the object.
    memmem::find(bytes, b"ccuracy")?;
    let mut at = after_blanks(bytes, 0);
    if bytes[at] != b'{' {
        return None;
    }
    let mut worst: Option<f64> = None;
    loop {
        // Behind the bracket or a comma.
        at = after_blanks(bytes, at + 1);
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let name_end = string_end(bytes, at + 1)?;
        let colon = after_blanks(bytes, name_end + 1);
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        let value = after_blanks(bytes, colon + 1);
        let value_end = value_end(bytes, value)?;
        if NAMES.contains(&&properties[at + 1..name_end])
            && let Some(metres) = number(&properties[value..value_end])
        {
            worst = Some(worst.map_or(metres, |worst| max_by(worst, metres, f64::total_cmp)));
        }
        at = after_blanks(bytes, value_end);
        match bytes.get(at) {
            Some(b',') => {}
            Some(b'}') => return worst,
            _ => return None,
        }
    }
}

/// The number that a value is or that stands in its quotes.
fn number(value: &str) -> Option<f64> {
    let bare = value.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(value);
    bare.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_names_are_known_and_anything_else_is_none() {
        for (properties, expected) in [
            (r#"{"accuracy_m":12.5}"#, Some(12.5)),
            (r#"{"x":[1],"accuracy":30}"#, Some(30.0)),
            (r#"{"horizontal_accuracy":"65"}"#, Some(65.0)),
            (r#"{"horizontalAccuracy":5}"#, Some(5.0)),
            (r#"{"accuracy_m":5,"accuracy":500}"#, Some(500.0)),
            (r#"{"accuracy":null}"#, None),
            (r#"{"accuracy":{}}"#, None),
            (r#"{"accuracy":true}"#, None),
            (r#"{"accuracy":" 7 "}"#, Some(7.0)),
            ("{}", None),
            ("", None),
            (r#"{"a":{"accuracy":5}}"#, None),
            (r#"{"a":"\"accuracy\":5"}"#, None),
            (r#" { "a" : [ "}" , {"b":"ก"} ] , "accuracy" : 8 , "z" : null } "#, Some(8.0)),
            (r#"{"accuracy":5"#, None),
            (r#"{"accuracy"}"#, None),
            (r#"{"accuracy":}"#, None),
            (r#""accuracy""#, None),
            ("accuracy", None),
            ("[", None),
        ] {
            assert_eq!(accuracy_m(properties), expected, "{properties}");
        }
    }
}
