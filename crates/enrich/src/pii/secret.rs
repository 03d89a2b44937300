//! Secrets in free text: what stands behind "password", "OTP", "PIN" and their like, and signed tokens (`eyJ….….…`).

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::{Found, is_word};

/// Words that a secret stands behind, small; true: the secret is a short code with digits.
const CUES: [(&str, bool); 20] = [
    ("password", false),
    ("passwd", false),
    ("passphrase", false),
    ("pwd", false),
    ("kata sandi", false),
    ("kata_sandi", false),
    ("รหัสผ่าน", false),
    ("พาสเวิร์ด", false),
    ("passcode", true),
    ("otp", true),
    ("pin", true),
    ("kode verifikasi", true),
    ("verification code", true),
    ("security code", true),
    ("รหัสยืนยัน", true),
    ("รหัสลับ", true),
    ("รหัสพิน", true),
    ("โอทีพี", true),
    ("cvv", true),
    ("cvc", true),
];

/// Words between those and the secret.
const FILLERS: [&str; 20] = [
    "is",
    "was",
    "to",
    "be",
    "code",
    "kode",
    "number",
    "no",
    "adalah",
    "saya",
    "aku",
    "anda",
    "nya",
    "ku",
    "baru",
    "คือ",
    "เป็น",
    "ของฉัน",
    "ของผม",
    "เลข",
];

/// What stands behind `password:` and is none.
const NO_SECRETS: [&str; 24] = [
    "reset",
    "forgot",
    "forgotten",
    "wrong",
    "incorrect",
    "invalid",
    "please",
    "change",
    "changed",
    "required",
    "expired",
    "help",
    "lupa",
    "salah",
    "ganti",
    "tidak",
    "none",
    "null",
    "true",
    "false",
    "with",
    "your",
    "cannot",
    "does",
];

/// Whether a digit or a mark that introduces values is there, without which nothing is taken for a secret.
pub(super) fn may_hold(bytes: &[u8]) -> bool {
    let introduces = |b: &u8| u8::from(b.is_ascii_digit()) | u8::from(*b == b':') | u8::from(*b == b'=');
    // All bytes, not up to the first: what the compiler makes wide.
    bytes.iter().fold(0, |told, b| told | introduces(b)) != 0
}

/// The first secret at or after `from`.
pub(super) fn next(text: &str, from: usize) -> Option<Found> {
    static FOUND: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        let cues = CUES.iter().map(|(cue, _)| cue);
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest).build(cues).ok()
    });
    let bytes = text.as_bytes();
    FOUND.as_ref()?.find_iter(&bytes[from..]).find_map(|cue| {
        let (at, after) = (from + cue.start(), from + cue.end());
        let (word, is_code) = CUES[cue.pattern().as_usize()];
        let is_apart = !word.is_ascii() || at == 0 || !is_word(bytes[at - 1]);
        let shortest = if word.starts_with("cv") { 3 } else { 4 };
        if is_apart { behind(text, after, is_code, shortest) } else { None }
    })
}

/// The secret behind the word that ends at `at`.
fn behind(text: &str, at: usize, is_code: bool, shortest: usize) -> Option<Found> {
    let (mut start, mut is_marked) = (at, false);
    for _ in 0..4 {
        let rest = text[start..].trim_start_matches([' ', '-', '"', '\'', '(', '*', '\u{a0}']);
        let marks = rest.len() - rest.trim_start_matches([':', '=']).len();
        is_marked |= marks > 0;
        start = text.len() - rest[marks..].trim_start_matches([' ', '"', '\'', '*', '\u{a0}']).len();
        let filler = FILLERS.iter().find(|filler| {
            let head = text.as_bytes()[start..].get(..filler.len());
            let next = text.as_bytes().get(start + filler.len());
            let is_all = !filler.is_ascii() || !next.is_some_and(|next| is_word(*next));
            head.is_some_and(|head| head.eq_ignore_ascii_case(filler.as_bytes())) && is_all
        });
        match filler {
            // `pinto` is no pin, `otpnya` is "the otp".
            Some(filler) if start > at || matches!(*filler, "nya" | "ku") || !filler.is_ascii() => {
                start += filler.len()
            }
            _ => break,
        }
    }
    if start == at {
        return None;
    }
    let is_part = |b: &u8| match is_code {
        true => b.is_ascii_alphanumeric() || *b == b'-',
        false => b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>'),
    };
    let len = text[start..].bytes().take_while(is_part).count();
    // A date or a time goes on.
    if is_code
        && matches!(text.as_bytes()[start + len..], [b'/' | b':' | b'.' | b',', b'0'..=b'9', ..] | [b'_' | b'@', ..])
    {
        return None;
    }
    let secret = text[start..start + len].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '\'', '*', '/', '-']);
    let digits = secret.bytes().filter(u8::is_ascii_digit).count();
    let is_none = |secret: &str| {
        secret.trim_start_matches([':', '=']).starts_with('[')
            || secret.starts_with("http")
            || !secret.bytes().any(|b| b.is_ascii_alphanumeric())
    };
    let is_secret = if is_code {
        // Without a mark or a word that says so, a number of goods: "pin 1000 pcs".
        let is_count = || start - at <= 1 && digits == secret.len() && is_unit(&text[start + len..]);
        (shortest..=8).contains(&secret.len()) && digits >= 3 && !is_count()
    } else {
        let is_word_of_talk = NO_SECRETS.iter().any(|word| secret.eq_ignore_ascii_case(word));
        secret.len() >= shortest && (digits > 0 || is_marked && !is_word_of_talk) && !is_none(secret)
    };
    is_secret.then(|| Found { start, end: start + secret.len(), label: "[secret]" })
}

/// What goods are counted in.
const UNITS: [&str; 16] = [
    "pcs",
    "pc",
    "pieces",
    "piece",
    "buah",
    "biji",
    "unit",
    "units",
    "lusin",
    "pak",
    "pack",
    "packs",
    "sets",
    "ชิ้น",
    "อัน",
    "ตัว",
];

/// Whether one of these stands next.
fn is_unit(rest: &str) -> bool {
    let rest = rest.trim_start_matches(' ');
    UNITS.iter().any(|unit| {
        let head = rest.as_bytes().get(..unit.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(unit.as_bytes()))
            && (!unit.is_ascii() || !rest.as_bytes().get(unit.len()).is_some_and(|next| is_word(*next)))
    })
}

/// The signed token that begins at `at`: three parts of base64, the first of which is JSON.
pub(super) fn signed(text: &str, at: usize) -> Option<Found> {
    if !text[at..].starts_with("eyJ") {
        return None;
    }
    let len = text[at..].bytes().take_while(|b| is_word(*b) || matches!(b, b'-' | b'.' | b'=')).count();
    let token = text[at..at + len].trim_end_matches('.');
    (token.len() >= 20 && token.contains('.')).then(|| Found { start: at, end: at + token.len(), label: "[secret]" })
}
