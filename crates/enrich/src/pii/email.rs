//! E-mail addresses and handles, found from their `@`.

use std::net::Ipv4Addr;

use super::{Found, is_unseen, is_word};

/// The e-mail address whose `@` is at `at`; nothing before `from` belongs to it.
pub(super) fn around(text: &str, from: usize, at: usize) -> Option<Found> {
    between(text, from, at, at + 1)
}

/// As [`around`], of an `@` that is escaped once or twice (`%40`, `%2540`).
pub(super) fn escaped(text: &str, from: usize, at: usize) -> Option<Found> {
    let width = if text[at..].starts_with("%2540") { 5 } else { 3 };
    between(text, from, at, at + width)
}

/// As [`around`], of a full-width `＠`.
pub(super) fn wide(text: &str, from: usize, at: usize) -> Option<Found> {
    between(text, from, at, at + '＠'.len_utf8())
}

/// As [`around`], of an `@` with blanks beside it. A place is written like that, too (`me @ home.now`): an address is one
/// that a mail provider has, or that is parted at its dots as well.
pub(super) fn spaced(text: &str, from: usize, at: usize) -> Option<Found> {
    const PROVIDERS: [&str; 10] =
        ["gmail", "googlemail", "hotmail", "outlook", "yahoo", "ymail", "icloud", "live", "rocketmail", "proton"];
    const ENDINGS: [&str; 6] = ["com", "net", "org", "id", "th", "me"];
    const MOST: usize = 2;
    let skipped = |at: usize| {
        let rest = &text[at..];
        let blanks = rest.bytes().take(MOST).take_while(|b| *b == b' ').count();
        at + blanks
    };
    let before = text[from..at].trim_end_matches(' ').len() + from;
    let start = local_start(text, from, before);
    let label_end = |at: usize| at + text[at..].bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'-').count();
    let host = skipped(at + 1);
    let mut end = label_end(host);
    if start == before || end == host || at - before > MOST || text[start..before].bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let provider = PROVIDERS.iter().any(|name| text[host..end].eq_ignore_ascii_case(name));
    let (mut last, mut is_parted) = (host, false);
    for _ in 0..3 {
        let dot = skipped(end);
        if text.as_bytes().get(dot) != Some(&b'.') {
            break;
        }
        let label = skipped(dot + 1);
        let label_end = label_end(label);
        // A dot that a blank follows ends a sentence, unless one stands before it, too.
        if label_end == label || (label > dot + 1 && dot == end) {
            break;
        }
        is_parted |= dot > end && label > dot + 1;
        (last, end) = (label, label_end);
    }
    let is_ending = ENDINGS.iter().any(|ending| text[last..end].eq_ignore_ascii_case(ending));
    (last > host && is_ending && (provider || is_parted)).then_some(Found { start, end, label: "[email]" })
}

fn between(text: &str, from: usize, at: usize, after: usize) -> Option<Found> {
    let start = local_start(text, from, at);
    if start == at {
        return None;
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-') || is_unseen(c);
    // Thai has no blanks: only where the plain letters make no domain are others asked.
    let end = domain_end(text, after, is_plain).or_else(|| {
        domain_end(text, after, |c| is_plain(c) || (!c.is_ascii() && (c.is_alphanumeric() || is_thai_mark(c))))
    })?;
    Some(Found { start, end, label: "[email]" })
}

fn local_start(text: &str, from: usize, at: usize) -> usize {
    let is_part = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '%' | '+' | '-' | '\'') || is_latin(c) || is_unseen(c)
    };
    // Longer than any address: what is looked at again and again stays short.
    const LONGEST: usize = 320;
    let mut from = from.max(at.saturating_sub(LONGEST));
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let start_of = |is_part: &dyn Fn(char) -> bool| {
        let rest = text[from..at].trim_end_matches(is_part);
        let local = text[from + rest.len()..at].trim_start_matches(|c| matches!(c, '.' | '-' | '\'') || is_unseen(c));
        at - local.len()
    };
    match start_of(&is_part) {
        // A name in another script, if there is nothing else.
        start if start == at => start_of(&|c| !c.is_ascii() && (c.is_alphabetic() || is_thai_mark(c))),
        start => start,
    }
}

/// Latin letters with marks, `ü`.
fn is_latin(c: char) -> bool {
    matches!(c, '\u{c0}'..='\u{24f}')
}

fn is_thai_mark(c: char) -> bool {
    matches!(c, '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}')
}

/// Where the domain that begins at `from` ends; `None` if it is none.
fn domain_end(text: &str, from: usize, is_part: impl Fn(char) -> bool) -> Option<usize> {
    let len = text[from..].find(|c| !is_part(c)).unwrap_or(text.len() - from);
    let domain = text[from..from + len].trim_end_matches(|c| matches!(c, '.' | '-') || is_unseen(c));
    let (host, ending) = domain.rsplit_once('.')?;
    let is_ending = ending.starts_with("xn--")
        || ending.len() >= 2 && ending.chars().all(|c| c.is_alphabetic() || is_thai_mark(c) || is_unseen(c));
    let is_domain = !host.is_empty() && !domain.contains("..") && is_ending;
    (is_domain || domain.parse::<Ipv4Addr>().is_ok()).then_some(from + domain.len())
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
