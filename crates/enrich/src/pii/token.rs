//! Things that are one token: IPv6 addresses, IBANs, credentials in URLs.

use std::net::Ipv6Addr;

use super::{Found, is_word};

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

/// What begins at a letter: an IPv6 address or an IBAN.
pub(super) fn at(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    if at > 0 && (is_word(bytes[at - 1]) || bytes[at - 1] == b':') {
        return None;
    }
    if bytes[at].is_ascii_uppercase()
        && let Some(found) = iban(text, at)
    {
        return Some(found);
    }
    ip_v6(text, at)
}

/// The IPv6 address that begins at `at`. At least two colons and a digit: `a::b` is code, not an address.
pub(super) fn ip_v6(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    if at > 0 && (is_word(bytes[at - 1]) || bytes[at - 1] == b':') {
        return None;
    }
    let len = bytes[at..].iter().take(46).take_while(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')).count();
    let token = text[at..at + len].trim_end_matches([':', '.']);
    let end = at + token.len();
    if bytes.get(end).is_some_and(|next| is_word(*next)) {
        return None;
    }
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    let colons = token.bytes().filter(|b| *b == b':').count();
    let plausible = colons >= 2 && digits >= 1 && token.len() - colons >= 5;
    (plausible && token.parse::<Ipv6Addr>().is_ok()).then_some(Found { start: at, end, label: "[ip]" })
}

/// The IBAN that begins at `at`: country, check digits, 11–30 more, in one piece or in groups of four; mod 97 is 1.
fn iban(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let [a, b, c, d, ..] = bytes.get(at..)? else { return None };
    if !(a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_digit() && d.is_ascii_digit()) {
        return None;
    }
    let mut symbols = [0u8; 34];
    let (mut count, mut end, mut best) = (0, at, None);
    while end < bytes.len() && count < symbols.len() {
        match bytes[end] {
            symbol if symbol.is_ascii_digit() || symbol.is_ascii_uppercase() => {
                symbols[count] = symbol;
                count += 1;
            }
            b' ' if count % 4 == 0 => {}
            _ => break,
        }
        end += 1;
        let ends = !bytes.get(end).is_some_and(|next| is_word(*next));
        if count >= 15 && ends && bytes[end - 1] != b' ' && mod_97(&symbols[..count]) == 1 {
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
