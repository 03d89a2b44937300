//! E-mail addresses and handles, found from their `@`.

use super::{Found, is_word};

/// The e-mail address whose `@` is at `at`; nothing before `from` belongs to it.
pub(super) fn around(text: &str, from: usize, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let local =
        bytes[from..at].iter().rev().take_while(|b| is_word(**b) || matches!(b, b'.' | b'%' | b'+' | b'-' | b'\''));
    let mut start = at - local.count();
    while start < at && matches!(bytes[start], b'.' | b'-' | b'\'') {
        start += 1;
    }
    let domain = bytes[at + 1..].iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    let mut end = at + 1 + domain.count();
    while end > at + 1 && matches!(bytes[end - 1], b'.' | b'-') {
        end -= 1;
    }
    let domain = &text[at + 1..end];
    let (host, ending) = domain.rsplit_once('.')?;
    let sound = start < at
        && !host.is_empty()
        && !domain.contains("..")
        && ending.len() >= 2
        && ending.bytes().all(|b| b.is_ascii_alphabetic());
    sound.then_some(Found { start, end, label: "[email]" })
}

/// The handle that begins with the `@` at `at`.
pub(super) fn handle(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    if at > 0 && is_word(bytes[at - 1]) {
        return None;
    }
    let len = bytes[at + 1..].iter().take_while(|b| is_word(**b) || **b == b'.').count();
    let name = text[at + 1..at + 1 + len].trim_end_matches('.');
    (3..=30).contains(&name.len()).then_some(Found { start: at, end: at + 1 + name.len(), label: "[handle]" })
}
