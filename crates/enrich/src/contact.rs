//! Contacts (e-mail addresses, phone numbers, handles) in one form however they are written, so that their keyed hashes
//! ([`crate::keyring`]) link records.

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
    let text = contact.trim();
    let text = strip_scheme(text).trim_matches(|c: char| c.is_whitespace() || c == '<' || c == '>' || c == '"');
    if text.is_empty() || is_placeholder(text) {
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
            if handle.is_empty() || handle.chars().any(char::is_whitespace) || is_placeholder(handle) {
                return None;
            }
            out.extend(handle.chars().flat_map(char::to_lowercase));
            Some(ContactKind::Handle)
        }
    }
}

fn strip_scheme(text: &str) -> &str {
    for scheme in ["mailto:", "tel:", "sms:"] {
        if text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) {
            return &text[scheme.len()..];
        }
    }
    text
}

/// Values that tracking code writes when it knows no contact.
fn is_placeholder(text: &str) -> bool {
    const PLACEHOLDERS: [&str; 14] = [
        "null",
        "undefined",
        "none",
        "nan",
        "n/a",
        "na",
        "-",
        "unknown",
        "anonymous",
        "guest",
        "email",
        "true",
        "false",
        "[object object]",
    ];
    PLACEHOLDERS.iter().any(|placeholder| text.eq_ignore_ascii_case(placeholder))
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
        out.push_str(significant);
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
            ("081-234-5678", "Phone +66812345678"),
            ("+66 81 234 5678", "Phone +66812345678"),
            ("+66 (0)81 234 5678", "Phone +66812345678"),
            ("0066812345678", "Phone +66812345678"),
            ("66812345678", "Phone +66812345678"),
            ("tel:+62-812-3456-7890", "Phone +6281234567890"),
            ("@Somchai_BKK", "Handle somchai_bkk"),
            ("somchai_bkk", "Handle somchai_bkk"),
            ("สมชาย", "Handle สมชาย"),
        ] {
            assert_eq!(normal(contact).as_deref(), Some(expected), "{contact}");
        }
        for contact in ["", "  ", "null", "undefined", "@", "[object Object]", "N/A", "000000000", "two words", "@none"]
        {
            assert_eq!(normal(contact), None, "{contact}");
        }
    }

    #[test]
    fn a_number_without_country_stays_national() {
        let mut out = String::new();
        assert_eq!(normalise("081-234-5678", "", &mut out), Some(ContactKind::Phone));
        assert_eq!(out, "0812345678");
    }
}
