//! Personal data in the properties of an event: JSON text, whose values are redacted in place and whose telling keys
//! (`email`, `phone`, `password`, …) hide their value whatever it is.

use std::borrow::Cow;

use super::{Redaction, redact_by};
use crate::hashing::is_hash;
use crate::json::{after_blanks, string_end};

/// Keys whose values are personal whatever they look like, by the end of the key (letters and digits only, lower case).
const KEYS: [(&str, &str); 31] = [
    ("email", "[email]"),
    ("emailaddress", "[email]"),
    ("phone", "[phone]"),
    ("phonenumber", "[phone]"),
    ("mobilenumber", "[phone]"),
    ("msisdn", "[phone]"),
    ("password", "[secret]"),
    ("passwd", "[secret]"),
    ("katasandi", "[secret]"),
    ("passcode", "[secret]"),
    ("pwd", "[secret]"),
    ("secret", "[secret]"),
    ("apikey", "[secret]"),
    ("accesstoken", "[secret]"),
    ("authtoken", "[secret]"),
    ("firstname", "[name]"),
    ("lastname", "[name]"),
    ("namalengkap", "[name]"),
    ("fullname", "[name]"),
    ("surname", "[name]"),
    ("birthday", "[birthday]"),
    ("birthdate", "[birthday]"),
    ("dateofbirth", "[birthday]"),
    ("tanggallahir", "[birthday]"),
    ("street", "[address]"),
    ("streetaddress", "[address]"),
    ("cardnumber", "[card]"),
    ("cvv", "[card]"),
    ("iban", "[iban]"),
    ("nationalid", "[id]"),
    ("ipaddress", "[ip]"),
];

/// The same of keys that must be a word of their own there: `tel`, `user_tel`, `homeTel`, not `hotel`.
const WORDS: [(&str, &str); 35] = [
    ("mobile", "[phone]"),
    ("tel", "[phone]"),
    ("telp", "[phone]"),
    ("telepon", "[phone]"),
    ("nohp", "[phone]"),
    ("nomorhp", "[phone]"),
    ("notelp", "[phone]"),
    ("surel", "[email]"),
    ("sandi", "[secret]"),
    ("whatsapp", "[phone]"),
    ("lineid", "[handle]"),
    ("nik", "[nik]"),
    ("ktp", "[nik]"),
    ("noktp", "[nik]"),
    ("citizenid", "[thai_id]"),
    ("idcard", "[id]"),
    ("ssn", "[id]"),
    ("passport", "[id]"),
    ("passportno", "[id]"),
    ("address", "[address]"),
    ("alamat", "[address]"),
    ("customername", "[name]"),
    ("username", "[name]"),
    ("contactname", "[name]"),
    ("recipientname", "[name]"),
    ("receivername", "[name]"),
    ("cardholder", "[name]"),
    ("nama", "[name]"),
    ("dob", "[birthday]"),
    ("token", "[secret]"),
    ("otp", "[secret]"),
    ("pin", "[secret]"),
    ("cardno", "[card]"),
    ("cvc", "[card]"),
    ("pan", "[card]"),
];

/// Redacts the values of a JSON text: the text itself when nothing was found, else the redacted one in `out` (cleared
/// first). What was sound JSON stays sound; a text that is no JSON is redacted as plain text. A keyed hash is nobody's any more
/// and stays.
#[must_use]
pub fn redact_json<'a>(json: &'a str, redaction: Redaction, out: &'a mut String) -> &'a str {
    if json.is_empty() {
        return json;
    }
    out.clear();
    let bytes = json.as_bytes();
    let (mut at, mut copied) = (0, 0);
    // Only strings are looked at, and what stands behind a key that tells.
    while let Some(quote) = memchr::memchr(b'"', &bytes[at..]).map(|found| at + found) {
        let Some(end) = string_end(bytes, quote + 1) else { return redact_by(json, redaction, out) };
        let content = &json[quote + 1..end];
        at = end + 1;
        let next = after_blanks(bytes, at);
        let (clean, from, to) = if bytes.get(next) != Some(&b':') {
            (redacted_string(content, redaction), quote + 1, end)
        } else if let Some(label) = label_of_key(content) {
            let value = after_blanks(bytes, next + 1);
            match bytes.get(value) {
                Some(b'"') => {
                    let Some(end) = string_end(bytes, value + 1) else { return redact_by(json, redaction, out) };
                    at = end + 1;
                    ((end > value + 1).then(|| label.into()), value + 1, end)
                }
                Some(b'-' | b'0'..=b'9') => {
                    let is_number = |b: &&u8| matches!(b, b'-' | b'+' | b'.' | b'0'..=b'9' | b'e' | b'E');
                    at = value + bytes[value..].iter().take_while(is_number).count();
                    (Some(format!("\"{label}\"").into()), value, at)
                }
                Some(b'[' | b'{') => {
                    let (end, clean) = all_within(json, value, label);
                    at = end;
                    (Some(clean.into()), value, end)
                }
                _ => continue,
            }
        } else if may_be_somebody(content.as_bytes()) {
            (redacted_string(content, redaction), quote + 1, end)
        } else {
            continue;
        };
        if let Some(clean) = clean.filter(|_| !is_hash(&json[from..to])) {
            out.push_str(&json[copied..from]);
            out.push_str(&clean);
            copied = to;
        }
    }
    if copied == 0 {
        return json;
    }
    out.push_str(&json[copied..]);
    out
}

/// Every string and number of the array or object that begins at `from` replaced; and where it ends.
fn all_within(json: &str, from: usize, label: &str) -> (usize, String) {
    let bytes = json.as_bytes();
    let (mut at, mut depth, mut out) = (from, 0usize, String::new());
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'"' => {
                at = string_end(bytes, at).map_or(bytes.len(), |end| end + 1);
                let is_key = bytes.get(after_blanks(bytes, at)) == Some(&b':');
                if is_key || at == start + 2 || is_hash(json[start..at].trim_matches('"')) {
                    out.push_str(&json[start..at]);
                } else {
                    out.extend(["\"", label, "\""]);
                }
                continue;
            }
            b'-' | b'0'..=b'9' => {
                at += bytes[at..]
                    .iter()
                    .take_while(|b| matches!(b, b'-' | b'+' | b'.' | b'0'..=b'9' | b'e' | b'E'))
                    .count();
                out.extend(["\"", label, "\""]);
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        while !json.is_char_boundary(at) {
            at += 1;
        }
        out.push_str(&json[start..at]);
        if depth == 0 {
            break;
        }
    }
    (at, out)
}

/// Whether a key may be somebody's own, as of an object by address: an `@`, an escape, or digits enough for a number.
fn may_be_somebody(key: &[u8]) -> bool {
    memchr::memchr3(b'@', b'%', b'\\', key).is_some() || key.iter().filter(|b| b.is_ascii_digit()).count() >= 7
}

/// As [`label_of`], of a key as it stands in JSON: `e\u006dail` is `email`.
fn label_of_key(key: &str) -> Option<&'static str> {
    if memchr::memchr(b'\\', key.as_bytes()).is_none() {
        return label_of(key);
    }
    let decoded: String = serde_json::from_str(&format!("\"{key}\"")).ok()?;
    label_of(&decoded)
}

/// What stands for a value of this key, if the key tells.
fn label_of(key: &str) -> Option<&'static str> {
    const LONGEST: usize = 48;
    if !may_tell(key.as_bytes()) {
        return None;
    }
    let mut lower = [0u8; LONGEST];
    // Where a word begins: behind a mark, or at a capital behind a small letter.
    let mut begins = [false; LONGEST];
    let (mut len, mut before) = (0, b'_');
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() {
            *lower.get_mut(len)? = byte.to_ascii_lowercase();
            begins[len] = !before.is_ascii_alphanumeric() || (byte.is_ascii_uppercase() && before.is_ascii_lowercase());
            len += 1;
        }
        before = byte;
    }
    let key = &lower[..len];
    let last = key.last()?;
    let ends = |end: &str| end.as_bytes().last() == Some(last) && key.ends_with(end.as_bytes());
    let by_end = KEYS.iter().find(|(end, _)| ends(end));
    let found = by_end.or_else(|| WORDS.iter().find(|(word, _)| ends(word) && begins[len - word.len()]));
    found.map(|(_, label)| *label)
}

/// Most keys are told by their last three letters to be none of these.
fn may_tell(key: &[u8]) -> bool {
    static SECOND: [u32; 26] = before_last(1);
    static THIRD: [u32; 26] = before_last(2);
    let [.., third, second, last] = key else { return true };
    let number = |byte: &u8| usize::from((byte | 0x20).wrapping_sub(b'a'));
    let stands = |table: &[u32; 26], byte: &u8| {
        table.get(number(last)).is_some_and(|bits| number(byte) < 26 && bits >> number(byte) & 1 == 1)
    };
    if !last.is_ascii_alphanumeric() || !second.is_ascii_alphanumeric() {
        return true;
    }
    stands(&SECOND, second) && (!third.is_ascii_alphanumeric() || stands(&THIRD, third))
}

/// By a telling key's last letter: the letters that stand so far before it, a bit each.
const fn before_last(distance: usize) -> [u32; 26] {
    let mut bits = [0; 26];
    let mut at = 0;
    while at < KEYS.len() + WORDS.len() {
        let (key, _) = if at < KEYS.len() { KEYS[at] } else { WORDS[at - KEYS.len()] };
        let key = key.as_bytes();
        let last = key.len() - 1;
        bits[(key[last] - b'a') as usize] |= 1 << (key[last - distance] - b'a');
        at += 1;
    }
    bits
}

/// What a string is replaced by, `None` if it stays. Strings with escapes are decoded first: what hides behind `\u0040`
/// is found too.
fn redacted_string(content: &str, redaction: Redaction) -> Option<Cow<'static, str>> {
    let mut clean = String::new();
    if memchr::memchr(b'\\', content.as_bytes()).is_none() {
        let same = std::ptr::eq(redact_by(content, redaction, &mut clean), content);
        return (!same).then_some(clean.into());
    }
    let decoded: String = serde_json::from_str(&format!("\"{content}\"")).ok()?;
    let clean = redact_by(&decoded, redaction, &mut clean);
    if clean == decoded {
        return None;
    }
    let quoted = serde_json::to_string(clean).ok()?;
    Some(quoted[1..quoted.len() - 1].to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(json: &str) -> String {
        redact_json(json, Redaction::default(), &mut String::new()).to_owned()
    }

    #[test]
    fn values_are_redacted_and_json_stays_json() {
        for (json, expected) in [
            (r#"{"note":"call 081-234-5678","n":1700000000000}"#, r#"{"note":"call [phone]","n":1700000000000}"#),
            (
                r#"{"email": "x", "a": {"user_phone": 812345678}}"#,
                r#"{"email": "[email]", "a": {"user_phone": "[phone]"}}"#,
            ),
            (r#"{"a":["b@c.co","x"],"Password":"hunter2"}"#, r#"{"a":["[email]","x"],"Password":"[secret]"}"#),
            (r#"{"a":"b\u0040c.co \"q\""}"#, r#"{"a":"[email] \"q\""}"#),
            (r#"{"a":"line\nbreak","email":""}"#, r#"{"a":"line\nbreak","email":""}"#),
            (r#"{"email":{"verified":true},"x":1}"#, r#"{"email":{"verified":true},"x":1}"#),
            (
                r#"{"phone":{"cc":66,"number":"81 ก","ok":[true,null,""]},"x":1}"#,
                r#"{"phone":{"cc":"[phone]","number":"[phone]","ok":[true,null,""]},"x":1}"#,
            ),
            (r#"{"tel":["081","ก"],"hotel":"x"}"#, r#"{"tel":["[phone]","[phone]"],"hotel":"x"}"#),
            (r#"{"address":"12 Rama IV","homeTel":812345678}"#, r#"{"address":"[address]","homeTel":"[phone]"}"#),
            (
                r#"{"customer_name":"Somchai","otp":123456,"card-no":"4"}"#,
                r#"{"customer_name":"[name]","otp":"[secret]","card-no":"[card]"}"#,
            ),
            (r#"{"somchai@example.com":1,"a\u0040b.co":{"x":2}}"#, r#"{"[email]":1,"[email]":{"x":2}}"#),
            (r#"{"081-234-5678":"ok","order_100023":1}"#, r#"{"[phone]":"ok","order_100023":1}"#),
            (
                r#"{"e\u006dail":"x","kata_sandi":"y","kataSandi":7}"#,
                r#"{"e\u006dail":"[email]","kata_sandi":"[secret]","kataSandi":"[secret]"}"#,
            ),
            (r#"{"tel":["081"#, r#"{"tel":["[phone]""#),
            (r#"{"email":null,"x":"y"}"#, r#"{"email":null,"x":"y"}"#),
            (r#"{"name":"red shoe","product_name":"x"}"#, r#"{"name":"red shoe","product_name":"x"}"#),
            ("call 081-234-5678", "call 081-234-5678"),
            ("\"call 081-234-5678", "\"call [phone]"),
            ("", ""),
        ] {
            assert_eq!(redacted(json), expected, "{json}");
        }
    }

    #[test]
    fn every_telling_key_tells_however_it_is_written() {
        for (key, label) in KEYS {
            for key in [
                key.to_owned(),
                key.to_uppercase(),
                format!("user_{key}"),
                format!("{key}_"),
                format!("{}_{}", &key[..1], &key[1..]),
            ] {
                assert_eq!(label_of(&key), Some(label), "{key}");
            }
        }
        for (word, label) in WORDS {
            for key in [word.to_owned(), word.to_uppercase(), format!("user_{word}"), format!("{word}_")] {
                assert_eq!(label_of(&key), Some(label), "{key}");
            }
            assert_eq!(label_of(&format!("x{word}")), None, "{word}");
        }
        for key in [
            "hotel",
            "airline_id",
            "shipping",
            "technik",
            "japan",
            "product_name",
            "status",
            "bytes",
            "method",
            "viewport_width",
            "name",
            "",
            "x",
            "plan",
        ] {
            assert_eq!(label_of(key), None, "{key}");
        }
    }

    #[test]
    fn sound_json_stays_sound() {
        proptest::proptest!(|(key in "\\PC{0,12}|email|phone", value in "\\PC{0,20}|a@b\\.co|[0-9]{9,16}|\\\\\"@b\\.co", number in 0i64..10_000_000_000_000)| {
            let json = serde_json::json!({ "a": { key.clone(): value }, key: number, "list": [value, null, true] }).to_string();
            let clean = redacted(&json);
            proptest::prop_assert!(serde_json::from_str::<serde_json::Value>(&clean).is_ok(), "{} {}", json, clean);
        });
        proptest::proptest!(|(text in "[\\\\\"{}:,a-c0-9@. ]{0,40}")| {
            let _ = redacted(&text);
        });
    }
}
