//! Contacts (e-mail addresses, phone numbers, handles) in one form however they are written, so that their keyed hashes
//! ([`crate::keyring`]) link records.

use crumbtrail_events::garbage::is_garbage_id;

/// What kind of contact a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactKind {
    /// An e-mail address, lower-cased.
    Email,
    /// A phone number in E.164.
    Phone,
    /// A social handle, lower-cased, without `@`.
    Handle,
}

impl ContactKind {
    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ContactKind::Email => "email",
            ContactKind::Phone => "phone",
            ContactKind::Handle => "handle",
        }
    }
}

/// Writes the normal form of `contact` into `out` (cleared first). `None`: blank, a placeholder, or nothing a person
/// could be reached by.
pub fn normalise(contact: &str, calling_code: &str, out: &mut String) -> Option<ContactKind> {
    out.clear();
    let text = bare(contact);
    // "Ann <ann@example.com>", as in the head of a mail.
    let text = text.rsplit_once('<').map_or(text, |(_, address)| address);
    let text = bare(strip_scheme(text));
    if is_placeholder(text) {
        return None;
    }
    match text.rsplit_once('@') {
        Some((local, domain)) if !local.is_empty() && domain.contains('.') => {
            out.extend(text.chars().flat_map(char::to_lowercase));
            Some(ContactKind::Email)
        }
        _ if is_phone(text) => normal_phone(text, calling_code, out).then_some(ContactKind::Phone),
        _ => {
            let handle = text.trim_start_matches('@');
            if handle.chars().any(char::is_whitespace) || is_placeholder(handle) {
                return None;
            }
            out.extend(handle.chars().flat_map(char::to_lowercase));
            Some(ContactKind::Handle)
        }
    }
}

/// Without what is wrapped around an address: blanks, quotes, and marks of direction, which come along where a number is copied.
fn bare(text: &str) -> &str {
    let is_mark =
        |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>') || is_mark(c))
}

fn strip_scheme(text: &str) -> &str {
    for scheme in ["mailto:", "tel:", "sms:"] {
        if text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) {
            return &text[scheme.len()..];
        }
    }
    text
}

/// What tracking code writes when it knows no contact: all that is no id either, and what has no letter and no digit.
fn is_placeholder(text: &str) -> bool {
    is_garbage_id(text) || text.eq_ignore_ascii_case("na") || !text.contains(char::is_alphanumeric)
}

fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (7..=17).contains(&digits)
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}'))
}

fn normal_phone(text: &str, calling_code: &str, out: &mut String) -> bool {
    let international = text.trim_start_matches('(').starts_with('+');
    let mut buffer = [0u8; 17];
    let mut len = 0;
    // "+66 (0)81 234 5678": the national 0 is no part of the international number.
    for part in text.split("(0)") {
        for digit in part.bytes().filter(u8::is_ascii_digit).take(buffer.len() - len) {
            buffer[len] = digit;
            len += 1;
        }
    }
    let Ok(digits) = std::str::from_utf8(&buffer[..len]) else { return false };
    let significant = digits.trim_start_matches('0');
    if significant.len() < 6 {
        return false;
    }
    out.push('+');
    if international || digits.starts_with("00") {
        match significant.strip_prefix(calling_code) {
            // "+66 081 234 5678": the same without brackets.
            Some(national) if !calling_code.is_empty() && national.starts_with('0') => {
                out.push_str(calling_code);
                out.push_str(national.trim_start_matches('0'));
            }
            _ => out.push_str(significant),
        }
    } else if digits.starts_with('0') || !has_code(digits, calling_code) {
        if calling_code.is_empty() {
            // Which country is unknown: kept as it was dialled.
            out.clear();
            out.push_str(digits);
        } else {
            out.push_str(calling_code);
            out.push_str(significant);
        }
    } else {
        out.push_str(digits);
    }
    true
}

/// Whether digits without `+` begin with the country's code already: only if what follows is long enough to be a
/// number by itself.
fn has_code(digits: &str, calling_code: &str) -> bool {
    !calling_code.is_empty() && digits.strip_prefix(calling_code).is_some_and(|rest| rest.len() >= 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(contact: &str) -> Option<String> {
        let mut out = String::new();
        normalise(contact, "66", &mut out).map(|kind| format!("{kind:?} {out}"))
    }

    #[test]
    fn different_spellings_have_one_normal_form() {
        for (contact, expected) in [
            ("  Somchai@Example.COM ", "Email somchai@example.com"),
            ("mailto:somchai@example.com", "Email somchai@example.com"),
            ("<somchai@example.com>", "Email somchai@example.com"),
            ("Somchai <somchai@example.com>", "Email somchai@example.com"),
            ("\"Somchai J.\" <mailto:somchai@example.com>", "Email somchai@example.com"),
            ("'somchai@example.com'", "Email somchai@example.com"),
            ("081-234-5678", "Phone +66812345678"),
            ("+66 81 234 5678", "Phone +66812345678"),
            ("+66 (0)81 234 5678", "Phone +66812345678"),
            ("+66 081 234 5678", "Phone +66812345678"),
            ("\u{202a}+66 81 234 5678\u{202c}", "Phone +66812345678"),
            ("0066812345678", "Phone +66812345678"),
            ("66812345678", "Phone +66812345678"),
            ("tel:+62-812-3456-7890", "Phone +6281234567890"),
            ("@Somchai_BKK", "Handle somchai_bkk"),
            ("somchai_bkk", "Handle somchai_bkk"),
            ("สมชาย", "Handle สมชาย"),
        ] {
            assert_eq!(normal(contact).as_deref(), Some(expected), "{contact}");
        }
        for contact in ["", "  ", "@", "N/A", "000000000", "two words", "@none", "mailto:", "tel:0", "+", "NA"] {
            assert_eq!(normal(contact), None, "{contact}");
        }
    }

    #[test]
    fn what_is_no_id_is_no_contact_either() {
        let words = "anonymous guest distinct_id id not_authenticated email undefined true false null none nan 0 -1";
        for word in words.split(' ').chain(["[object Object]", "not set"]) {
            let quoted = [format!("'{word}'"), format!("\"{word}\""), format!("\\\"{word}\\\""), format!("({word})")];
            for form in [word.to_owned(), word.to_uppercase(), format!("@{word}"), format!("mailto:{word}")]
                .iter()
                .chain(&quoted)
            {
                assert_eq!(normal(form), None, "{form}");
            }
        }
        assert_eq!(normal("guest@example.com").as_deref(), Some("Email guest@example.com"));
        assert_eq!(normal("id_1").as_deref(), Some("Handle id_1"));
    }

    #[test]
    fn a_number_without_country_stays_national() {
        let mut out = String::new();
        assert_eq!(normalise("081-234-5678", "", &mut out), Some(ContactKind::Phone));
        assert_eq!(out, "0812345678");
    }
}
