//! Contacts (e-mail addresses, phone numbers, handles) in one form however they are written, so that their keyed hashes
//! ([`crate::keyring`]) link records.

use crumbtrail_events::garbage::is_garbage_id;

/// What kind of contact a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactKind {
    /// An e-mail address, lower-cased.
    Email,
    /// A phone number in E.164, with `;ext=` behind it where it has an extension: a company's number is not one person's.
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
    let digits = in_ascii_digits(text);
    let text = digits.as_deref().unwrap_or(text);
    let (text, extension) = split_extension(text);
    if is_placeholder(text) {
        return None;
    }
    match text.rsplit_once('@') {
        Some((local, domain)) if !local.is_empty() && domain.contains('.') => {
            out.extend(text.chars().flat_map(char::to_lowercase));
            Some(ContactKind::Email)
        }
        _ if is_phone(text) => {
            let is_normal = normal_phone(text, calling_code, out);
            if is_normal && !extension.is_empty() {
                out.extend([";ext=", extension]);
            }
            is_normal.then_some(ContactKind::Phone)
        }
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
    const SCHEMES: [&str; 5] = ["mailto:", "tel:", "sms:", "smsto:", "whatsapp:"];
    let behind = |scheme: &&str| {
        let start = text.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &text[scheme.len()..])
    };
    match SCHEMES.iter().find_map(behind) {
        // `mailto:a@b.co?subject=…`.
        Some(rest) => rest.split_once('?').map_or(rest, |(contact, _)| contact),
        None => text,
    }
}

/// The text with digits of other scripts (Thai, full-width, Arabic-Indic) in ASCII, if it is nothing but a number's signs.
fn in_ascii_digits(text: &str) -> Option<String> {
    let digit = |c: char| {
        let from = ['\u{e50}', '\u{ff10}', '\u{660}', '\u{6f0}']
            .into_iter()
            .find(|zero| (*zero..=digit_nine(*zero)).contains(&c))?;
        char::from_digit(c as u32 - from as u32, 10)
    };
    if text.is_ascii() || !text.chars().any(|c| digit(c).is_some()) || text.chars().any(char::is_alphabetic) {
        return None;
    }
    Some(text.chars().map(|c| digit(c).unwrap_or(if c == '＋' { '+' } else { c })).collect())
}

/// The nine of the row of digits that begins at `zero`.
fn digit_nine(zero: char) -> char {
    char::from_u32(zero as u32 + 9).unwrap_or(zero)
}

/// A phone number and its extension: `+66 2 123 4567;ext=12`, `021-555 1234 ext. 5`. Other parameters of a `tel:` are dropped. A text
/// that is no number is whole.
fn split_extension(text: &str) -> (&str, &str) {
    let (number, rest) = match text.split_once(';') {
        Some((number, parameters)) => {
            let extension = parameters.split(';').find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                name.eq_ignore_ascii_case("ext").then_some(value)
            });
            (number, extension.unwrap_or_default())
        }
        None => {
            let Some(at) = text.find(|c: char| c.is_ascii_alphabetic()) else { return (text, "") };
            let word = text[at..].trim_start_matches(|c: char| c.is_ascii_alphabetic());
            let name = &text[at..text.len() - word.len()];
            if !["ext", "x", "extension"].iter().any(|known| known.eq_ignore_ascii_case(name)) {
                return (text, "");
            }
            (&text[..at], word.trim_start_matches(['.', ':', ' ']))
        }
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match number.trim_end_matches([' ', ',']) {
        number if is_phone(number) && (rest.is_empty() || is_number(rest)) => (number, rest),
        _ => (text, ""),
    }
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
            ("whatsapp:+62 812-3456-7890", "Phone +6281234567890"),
            ("mailto:somchai@example.com?subject=x", "Email somchai@example.com"),
            ("tel:+66-2-123-4567;ext=12", "Phone +6621234567;ext=12"),
            ("02-123-4567 ext. 12", "Phone +6621234567;ext=12"),
            ("02 123 4567 x12", "Phone +6621234567;ext=12"),
            ("tel:+66-2-123-4567;phone-context=example.com", "Phone +6621234567"),
            ("๐๘๑-๒๓๔-๕๖๗๘", "Phone +66812345678"),
            ("＋６６８１２３４５６７８", "Phone +66812345678"),
            ("٠٨١٢٣٤٥٦٧٨", "Phone +66812345678"),
            ("max2;ext=1", "Handle max2;ext=1"),
            ("ex_2", "Handle ex_2"),
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
