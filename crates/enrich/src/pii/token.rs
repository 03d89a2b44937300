//! Things that are one token: IPv6 addresses, IBANs, credentials in URLs.

use std::net::Ipv6Addr;

use super::{Found, begins_with_word, ends_in_word, is_word};

/// User and password before the host of the URL whose `:` is at `colon`.
pub(super) fn credentials(text: &str, colon: usize) -> Option<Found> {
    let start = colon + 3;
    if !text[colon..].starts_with("://") {
        return None;
    }
    let authority = text[start..].split(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#')).next()?;
    let end = start + authority.rfind('@')?;
    (end > start && authority.contains(':')).then_some(Found { start, end, label: "[credentials]" })
}

/// What begins at a letter: a signed token, an IPv6 address or an IBAN. (Each says no to most letters after a look or two.)
pub(super) fn at(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    if ends_in_word(&bytes[..at]) {
        return None;
    }
    if let Some(found) = super::secret::signed(text, at).or_else(|| iban(text, at)) {
        return Some(found);
    }
    if bytes[at].is_ascii_hexdigit() { ip_v6(text, at) } else { None }
}

/// The IPv6 address that begins at `at`. At least two colons and a digit: `a::b` is code, not an address.
pub(super) fn ip_v6(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    if ends_in_word(&bytes[..at]) || at > 0 && bytes[at - 1] == b':' && !is_label(&bytes[..at - 1]) {
        return None;
    }
    let len = bytes[at..].iter().take(46).take_while(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')).count();
    let token = text[at..at + len].trim_end_matches([':', '.']);
    let end = at + token.len();
    if begins_with_word(&bytes[end..]) {
        return None;
    }
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    let colons = token.bytes().filter(|b| *b == b':').count();
    let plausible = colons >= 2 && digits >= 1 && token.len() - colons >= 5;
    (plausible && token.parse::<Ipv6Addr>().is_ok()).then_some(Found { start: at, end, label: "[ip]" })
}

/// Whether a word that is no part of an address stands last: `IP` in `IP:2001:db8::1`.
fn is_label(before: &[u8]) -> bool {
    before.iter().rev().take_while(|b| is_word(**b) || !b.is_ascii()).any(|b| !b.is_ascii_hexdigit())
}

/// Countries with IBANs and how many symbols theirs have: what a text in small letters is held to.
const LENGTHS: &[u8] = b"AD24AE23AT20AZ28BA20BE16BG22BH22BR29CH21CY28CZ24DE22DK18EE20EG29ES24FI18FR27GB22GE22GR27HR21HU28IE22IL23\
IS26IT27JO30KW30KZ20LB28LI21LT20LU20LV21MC27MD24ME22MK19MT31MU30NL18NO15PK24PL28PS29PT25QA29RO24RS22SA24SE24SI19SK24SM27TN24\
TR26UA29VA22XK20";

/// The IBAN that begins at `at`: country, check digits, 11–30 more, in one piece or in groups of four; mod 97 is 1.
fn iban(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let [a, b, c, d, ..] = bytes.get(at..)? else { return None };
    if !(c.is_ascii_digit() && d.is_ascii_digit() && a.is_ascii_alphabetic() && b.is_ascii_alphabetic()) {
        return None;
    }
    let small = a.is_ascii_lowercase();
    let own_case = |symbol: &u8| if small { symbol.is_ascii_lowercase() } else { symbol.is_ascii_uppercase() };
    let country = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
    let wanted = LENGTHS.chunks_exact(4).find(|row| row[..2] == country);
    let wanted = wanted.map(|row| usize::from(row[2] - b'0') * 10 + usize::from(row[3] - b'0'));
    if !own_case(b) || (small && wanted.is_none()) {
        return None;
    }
    let mut symbols = [0u8; 34];
    let (mut count, mut end, mut best) = (0, at, None);
    while end < bytes.len() && count < symbols.len() {
        match bytes[end] {
            symbol if symbol.is_ascii_digit() || own_case(&symbol) => {
                symbols[count] = symbol.to_ascii_uppercase();
                count += 1;
            }
            b' ' | b'-' if count % 4 == 0 => {}
            _ => break,
        }
        end += 1;
        let ends = !begins_with_word(&bytes[end..]);
        let long_enough = if small { Some(count) == wanted } else { count >= 15 };
        if long_enough && ends && !matches!(bytes[end - 1], b' ' | b'-') && mod_97(&symbols[..count]) == 1 {
            best = Some(end);
        }
    }
    best.map(|end| Found { start: at, end, label: "[iban]" })
}

/// The number an IBAN stands for, its first four symbols last, letters as 10–35, modulo 97.
fn mod_97(symbols: &[u8]) -> u32 {
    symbols[4..].iter().chain(&symbols[..4]).fold(0, |rest, symbol| match symbol {
        b'0'..=b'9' => (rest * 10 + u32::from(symbol - b'0')) % 97,
        _ => (rest * 100 + u32::from(symbol - b'A') + 10) % 97,
    })
}
