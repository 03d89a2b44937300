//! Ids that say nothing about who somebody is, and so never link a visitor to a customer.

/// Words that clients send where an id should stand.
const WORDS: [&str; 23] = [
    "anonymous",
    "guest",
    "distinct_id",
    "distinctid",
    "id",
    "not_authenticated",
    "email",
    "undefined",
    "true",
    "false",
    "null",
    "none",
    "nan",
    "0",
    "object object",
    "anon",
    "unknown",
    "n/a",
    "-",
    "nil",
    "not set",
    "not_set",
    "not provided",
];

/// What stands for "no such row" where ids are numbers.
const NO_ROW: &str = "-1";

/// Whether an id is garbage: blank, or one of the known words in any case, also in quotes (single, double or escaped) or brackets.
///
/// ```
/// use crumbtrail_events::garbage::is_garbage_id;
/// assert!(is_garbage_id(" 'NULL' ") && is_garbage_id("[object Object]") && is_garbage_id("000"));
/// assert!(is_garbage_id("(not set)") && is_garbage_id("-1") && is_garbage_id("<nil>"));
/// assert!(!is_garbage_id("c-0") && !is_garbage_id("nullius") && !is_garbage_id("1"));
/// ```
#[must_use]
pub fn is_garbage_id(id: &str) -> bool {
    if id.is_empty() {
        return true;
    }
    // None of them but one has a digit other than 0, most ids have: decided at a glance.
    if id.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
        return id.contains(NO_ROW) && bare(id) == NO_ROW;
    }
    let bare = bare(id);
    // `0`, `000` and the nil UUID.
    if bare.bytes().all(|byte| matches!(byte, b'0' | b'-')) {
        return true;
    }
    // Longer than any word: decided without comparing.
    bare.len() <= 17 && WORDS.iter().any(|word| word.eq_ignore_ascii_case(bare))
}

/// Without what clients wrap around nothing: blanks, quotes, brackets.
fn bare(id: &str) -> &str {
    let wraps =
        |c: char| matches!(c, '"' | '\'' | '`' | '\\' | '\u{feff}' | '(' | ')' | '<' | '>' | '[' | ']' | '{' | '}');
    id.trim_matches(|c: char| c.is_whitespace() || c.is_control() || wraps(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_in_its_forms() {
        for word in WORDS.into_iter().chain([NO_ROW]) {
            for form in [
                word.to_owned(),
                word.to_uppercase(),
                format!("\"{word}\""),
                format!("'{word}'"),
                format!("  {word}\t"),
                format!("\\\"{word}\\\""),
                format!("({word})"),
                format!("<{word}>"),
                format!("[{word}]"),
            ] {
                assert!(is_garbage_id(&form), "{form}");
            }
        }
        for blank in ["", " ", "\u{a0}", "\"\"", "''", "\t\n", "{}", "()"] {
            assert!(is_garbage_id(blank), "{blank:?}");
        }
    }

    #[test]
    fn real_ids_are_none() {
        for id in [
            "1",
            "-12",
            "a-1",
            "1-1",
            "(1)",
            "10",
            "u-1",
            "anonymous-77",
            "guest@example.com",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "idris",
            "ณัฐ",
        ] {
            assert!(!is_garbage_id(id), "{id}");
        }
    }
}
