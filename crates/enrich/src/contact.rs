//! Contacts (e-mail addresses, phone numbers, handles) as keyed hashes: they link records, and cannot be read back.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Makes keyed hashes of contacts: HMAC-SHA-256 over the normalised contact, its first 128 bits as 32 hex digits.
///
/// The same contact written differently gives the same hash; without the key nobody can test a guess.
pub struct ContactHasher {
    keyed: Hmac<Sha256>,
    calling_code: String,
    normal: String,
}

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

impl ContactHasher {
    /// A hasher under `key`. `calling_code`: digits put before national phone numbers (`66`), may be empty.
    #[must_use]
    pub fn new(key: &[u8], calling_code: &str) -> ContactHasher {
        // Any length is a valid HMAC key: the error type has no value that occurs.
        let keyed = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        ContactHasher { keyed, calling_code: calling_code.to_owned(), normal: String::new() }
    }

    /// Writes the hash of `contact` into `out` (cleared first) and returns it; empty when `contact` is no contact.
    pub fn hash<'a>(&mut self, contact: &str, out: &'a mut String) -> &'a str {
        out.clear();
        let Some(kind) = normalise(contact, &self.calling_code, &mut self.normal) else { return "" };
        let mut mac = self.keyed.clone();
        mac.update(&[kind as u8]);
        mac.update(self.normal.as_bytes());
        for byte in &mac.finalize().into_bytes()[..16] {
            out.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
            out.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        }
        out
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

    #[test]
    fn hashes_depend_on_contact_kind_and_key_only() {
        let mut hasher = ContactHasher::new(b"a key of this shop", "66");
        let mut out = String::new();
        let first = hasher.hash("Somchai@example.com", &mut out).to_owned();
        assert_eq!(first.len(), 32);
        assert_eq!(hasher.hash(" somchai@EXAMPLE.com", &mut out), first);
        assert_ne!(hasher.hash("somchai@example.org", &mut out), first);
        assert_ne!(ContactHasher::new(b"another key", "66").hash("somchai@example.com", &mut out), first);
        assert_eq!(hasher.hash("undefined", &mut out), "");
    }

    #[test]
    fn the_hash_is_hmac_sha_256_cut_to_128_bits() {
        // Python: hmac.new(b"key", b"\x00a@example.com", "sha256").hexdigest()[:32]
        let mut out = String::new();
        assert_eq!(ContactHasher::new(b"key", "").hash("a@example.com", &mut out), HMAC_OF_SAMPLE);
    }

    const HMAC_OF_SAMPLE: &str = "7f668bf4e1761b8083aa330ee2219fb0";
}
