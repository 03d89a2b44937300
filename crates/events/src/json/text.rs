//! Strings of JSON text: where they end, and what their escapes mean.

use crate::reject::Fault;
use crate::scratch::Builder;

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Index of the first quote, backslash or control character at or after `at` (the length if there is none).
#[inline]
pub(super) fn find_special(bytes: &[u8], mut at: usize) -> usize {
    // Most keys and values end within two words.
    for _ in 0..2 {
        match bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            Some(chunk) => match special_in(u64::from_le_bytes(*chunk)) {
                Some(hit) => return at + hit,
                None => at += 8,
            },
            None => break,
        }
    }
    find_far(bytes, at)
}

/// Agents and addresses are long: as many bytes at once as the compiler has lanes for.
#[inline(never)]
fn find_far(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<32>()) {
        if chunk.iter().fold(false, |hit, &byte| hit | (byte == b'"') | (byte == b'\\') | (byte < 0x20)) {
            break;
        }
        at += 32;
    }
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        match special_in(u64::from_le_bytes(*chunk)) {
            Some(hit) => return at + hit,
            None => at += 8,
        }
    }
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            break;
        }
        at += 1;
    }
    at
}

/// The first such byte of eight.
#[inline(always)]
fn special_in(word: u64) -> Option<usize> {
    // With bit 1 flipped, the quote (0x22) and the control characters are the bytes below 0x21. The classic test
    // for a byte below a bound, and for a zero byte: only the lowest hit is exact, and only it is used.
    let flipped = word ^ (LOW * 0x02);
    let slash = word ^ (LOW * 0x5C);
    let hits = ((flipped.wrapping_sub(LOW * 0x21) & !flipped) | (slash.wrapping_sub(LOW) & !slash)) & HIGH;
    (hits != 0).then(|| (hits.trailing_zeros() / 8) as usize)
}

/// Appends `raw` with its escapes (already checked) resolved. A lone surrogate becomes U+FFFD: texts cut in the middle
/// of an emoji are common and worth keeping.
pub(super) fn unescape(raw: &str, out: &mut Builder<'_>) -> Result<(), Fault> {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push(&rest.as_bytes()[..at])?;
        let tail = &rest[at + 1..];
        let (character, used) = match tail.as_bytes().first() {
            Some(b'n') => ('\n', 1),
            Some(b't') => ('\t', 1),
            Some(b'r') => ('\r', 1),
            Some(b'b') => ('\u{8}', 1),
            Some(b'f') => ('\u{c}', 1),
            Some(b'u') => unicode(tail),
            Some(&other) => (char::from(other), 1),
            None => break,
        };
        out.push(character.encode_utf8(&mut [0; 4]).as_bytes())?;
        rest = &tail[used..];
    }
    out.push(rest.as_bytes())
}

/// The character of `uXXXX` (with a following low surrogate where there is one) and the bytes it took.
fn unicode(tail: &str) -> (char, usize) {
    let unit = |from: usize| tail.get(from..from + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let high = unit(1).unwrap_or(0xFFFD);
    if let 0xD800..0xDC00 = high
        && tail.get(5..7) == Some("\\u")
        && let Some(low @ 0xDC00..0xE000) = unit(7)
    {
        let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 11);
    }
    (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_bytes_are_found_wherever_they_stand() {
        for special in [b'"', b'\\', 0, 0x1F, b'\n'] {
            for before in 0..40 {
                let mut bytes = "ก!# ~\u{7f}é😀".repeat(8).into_bytes();
                bytes.truncate(before);
                bytes.push(special);
                bytes.extend_from_slice(b"\"\\rest of it");
                assert_eq!(find_special(&bytes, 0), before, "{special} after {before}");
            }
        }
        assert_eq!(find_special(b"none", 0), 4);
    }
}
