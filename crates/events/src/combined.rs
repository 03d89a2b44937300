//! Web server lines in the combined log format.
//!
//! ```text
//! address ident user [time] "request" status bytes "referrer" "agent"
//! ```
//! Every line of that form becomes exactly one touchpoint, whatever was requested: a page is a page view; a file that a
//! page pulls in (style, script, image, font, feed) is a custom event named `asset`; a request that is not a `GET` (a
//! form, a probe, a `HEAD`) is a custom event named `request`; one that was answered with an error is named
//! `failed_request`. Robots are told by their user agent later, like everywhere.
//!
//! * visitor: a keyed hash of address and agent, 32 hexadecimal digits: stable under one key, useless without it.
//! * event id: file id and record number, so that equal lines stay two events and a second import of the file none.
//! * properties: method, status and bytes.

use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use crate::click::ClickEvent;
use crate::instant;
use crate::kind::Kind;
use crate::reject::{Fault, Reason, Reject};
use crate::scratch::{Arena, Scratch};

/// What a file's lines don't say.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Stable id of the file: the first half of event ids.
    pub file_id: &'a str,
    /// The host the server answers for, put before paths; empty leaves them bare.
    pub host: &'a str,
    /// Key of the visitor hash.
    pub visitor_key: &'a [u8; 16],
}

/// Room in the arena beside the line: the visitor's hash, the event id's number, the URL's scheme, the properties.
const EXTRA: usize = 32 + 21 + 8 + 96;

/// Reads line number `record` (from 1) of a file. A line break at its end is passed over.
///
/// # Errors
/// `malformed_line` with the part that is not there, `invalid_utf8`.
pub fn click<'a>(
    line: &'a [u8],
    record: u64,
    source: &Source<'_>,
    scratch: &'a mut Scratch,
) -> Result<ClickEvent<'a>, Reject> {
    let room = 2 * line.len() + source.file_id.len() + source.host.len() + EXTRA;
    let (mut arena, ..) = scratch.open(room);
    let line = std::str::from_utf8(line)
        .map_err(|error| Reject::fault(Reason::InvalidUtf8, format!("not UTF-8 from byte {}", error.valid_up_to())))?;
    let parts = split(line.trim_end_matches(['\n', '\r']))?;
    let (method, target) = request(parts.request);
    let agent = dash(plain(parts.agent, &mut arena)?);
    let mut click = ClickEvent {
        event_id: event_id(source.file_id, record, &mut arena)?,
        visitor: visitor(source.visitor_key, parts.address, agent, &mut arena)?,
        occurred_at: instant::common_log(parts.time).ok_or_else(|| malformed("the time"))?,
        referrer: dash(plain(parts.referrer, &mut arena)?),
        user_agent: agent,
        ip: parts.address,
        customer: dash(parts.user),
        properties: properties(method, parts.status, parts.bytes, &mut arena)?,
        ..ClickEvent::default()
    };
    click.url = url(source.host, plain(target, &mut arena)?, &mut arena)?;
    (click.kind, click.name) = judge(method, target, parts.status);
    Ok(click)
}

struct Parts<'a> {
    address: &'a str,
    user: &'a str,
    time: &'a str,
    request: &'a str,
    status: &'a str,
    bytes: &'a str,
    referrer: &'a str,
    agent: &'a str,
}

#[cold]
fn malformed(part: &str) -> Fault {
    Reject::fault(Reason::MalformedLine, format!("{part} is missing or not of the combined log format"))
}

fn split(line: &str) -> Result<Parts<'_>, Fault> {
    let mut rest = line;
    let address = word(&mut rest).ok_or_else(|| malformed("the address"))?;
    word(&mut rest).ok_or_else(|| malformed("the identity"))?;
    // User names may hold spaces: the time's bracket ends them.
    let (user, after) = rest.split_once(" [").ok_or_else(|| malformed("the time"))?;
    let (time, after) = after.split_once("] ").ok_or_else(|| malformed("the time"))?;
    rest = after;
    let request = quoted(&mut rest).ok_or_else(|| malformed("the request"))?;
    let status = word(&mut rest).filter(|status| digits(status, 3)).ok_or_else(|| malformed("the status"))?;
    let bytes = word(&mut rest)
        .filter(|bytes| *bytes == "-" || digits(bytes, bytes.len().clamp(1, 18)))
        .ok_or_else(|| malformed("the number of bytes"))?;
    let referrer = quoted(&mut rest).ok_or_else(|| malformed("the referrer"))?;
    let agent = quoted(&mut rest).ok_or_else(|| malformed("the user agent"))?;
    // Many servers log more after the agent (times, upstreams): that is theirs.
    Ok(Parts { address, user, time, request, status, bytes, referrer, agent })
}

/// The next word and the space after it.
fn word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
    *rest = after;
    (!word.is_empty()).then_some(word)
}

/// The next quoted text, still escaped, and the space after it.
fn quoted<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let inner = rest.strip_prefix('"')?;
    let bytes = inner.as_bytes();
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', &bytes[from..])?;
        if bytes[at] == b'"' {
            *rest = inner[at + 1..].trim_start_matches(' ');
            return Some(&inner[..at]);
        }
        // A backslash takes the next character with it.
        from = (at + 2).min(bytes.len());
    }
}

fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Resolves `\"` and `\\`; other escapes (`\x16`: bytes of a probe) stay as the server wrote them.
fn plain<'a>(text: &'a str, arena: &mut Arena<'a>) -> Result<&'a str, Fault> {
    if !text.contains("\\\"") && !text.contains("\\\\") {
        return Ok(text);
    }
    arena.build(|out| {
        let mut bytes = text.bytes().peekable();
        while let Some(byte) = bytes.next() {
            match (byte, bytes.peek()) {
                (b'\\', Some(&next @ (b'"' | b'\\'))) => {
                    bytes.next();
                    out.push(&[next])?;
                }
                _ => out.push(&[byte])?,
            }
        }
        Ok(())
    })
}

fn dash(text: &str) -> &str {
    if text == "-" { "" } else { text }
}

/// Method and target of a request line. Probes send anything: then there is no method.
fn request(line: &str) -> (&str, &str) {
    match line.split_once(' ') {
        Some((method, rest)) if !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase()) => {
            (method, rest.rsplit_once(" HTTP/").map_or(rest, |(target, _)| target))
        }
        _ => ("", dash(line)),
    }
}

fn judge(method: &str, target: &str, status: &str) -> (Kind, &'static str) {
    if status.starts_with(['4', '5']) {
        (Kind::Custom, "failed_request")
    } else if is_asset(target) {
        (Kind::Custom, "asset")
    } else if method == "GET" {
        (Kind::PageView, "")
    } else {
        (Kind::Custom, "request")
    }
}

/// Whether a target's path ends like a file that pages pull in.
fn is_asset(target: &str) -> bool {
    const ENDINGS: [&str; 26] = [
        "css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "bmp", "woff", "woff2",
        "ttf", "otf", "eot", "json", "xml", "rss", "atom", "txt", "mp4", "webm", "mp3",
    ];
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    file.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending)))
}

fn event_id<'a>(file: &str, record: u64, arena: &mut Arena<'a>) -> Result<&'a str, Fault> {
    arena.build(|out| {
        out.push(file.as_bytes())?;
        out.push(b":")?;
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut rest = record;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return out.push(&digits[at..]);
            }
        }
    })
}

fn visitor<'a>(key: &[u8; 16], address: &str, agent: &str, arena: &mut Arena<'a>) -> Result<&'a str, Fault> {
    let mut hasher = SipHasher13::new_with_key(key);
    hasher.write(address.as_bytes());
    // Never part of UTF-8: the boundary between the two counts.
    hasher.write_u8(0xFF);
    hasher.write(agent.as_bytes());
    let hash = hasher.finish128().as_u128();
    arena.build(|out| {
        for digit in (0..32).rev() {
            out.push(&[b"0123456789abcdef"[(hash >> (4 * digit)) as usize & 15]])?;
        }
        Ok(())
    })
}

fn url<'a>(host: &str, target: &'a str, arena: &mut Arena<'a>) -> Result<&'a str, Fault> {
    if host.is_empty() || !target.starts_with('/') {
        return Ok(target);
    }
    arena.build(|out| {
        out.push(b"http://")?;
        out.push(host.as_bytes())?;
        out.push(target.as_bytes())
    })
}

fn properties<'a>(method: &str, status: &str, bytes: &str, arena: &mut Arena<'a>) -> Result<&'a str, Fault> {
    arena.build(|out| {
        out.push(b"{\"status\":")?;
        out.push(status.as_bytes())?;
        if bytes != "-" {
            out.push(b",\"bytes\":")?;
            let significant = bytes.trim_start_matches('0');
            out.push(if significant.is_empty() { b"0" } else { significant.as_bytes() })?;
        }
        if !method.is_empty() {
            out.push(b",\"method\":\"")?;
            out.push(method.as_bytes())?;
            out.push(b"\"")?;
        }
        out.push(b"}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Source<'static> = Source { file_id: "f1", host: "example.com", visitor_key: b"0123456789abcdef" };
    const LINE: &str = "83.149.9.216 - - [17/May/2015:10:05:03 +0000] \"GET /blog/tags?flav=x HTTP/1.1\" 200 203023 \
        \"http://semicomplete.com/\" \"Mozilla/5.0 (\\\"x\\\")\"";

    fn kind(request: &str, status: &str) -> (Kind, String) {
        let line = format!("1.1.1.1 - - [17/May/2015:10:05:03 +0000] \"{request}\" {status} - \"-\" \"-\"");
        let mut scratch = Scratch::new();
        let click = click(line.as_bytes(), 1, &SOURCE, &mut scratch).unwrap();
        (click.kind, click.name.to_owned())
    }

    #[test]
    fn a_page() {
        let mut scratch = Scratch::new();
        let read = click(LINE.as_bytes(), 17, &SOURCE, &mut scratch).unwrap();
        assert_eq!(
            (read.event_id, read.url, read.ip),
            ("f1:17", "http://example.com/blog/tags?flav=x", "83.149.9.216")
        );
        assert_eq!((read.kind, read.user_agent), (Kind::PageView, "Mozilla/5.0 (\"x\")"));
        assert_eq!(read.properties, r#"{"status":200,"bytes":203023,"method":"GET"}"#);
        let visitor = read.visitor.to_owned();
        let mut scratch = Scratch::new();
        let again = click(LINE.as_bytes(), 18, &SOURCE, &mut scratch).unwrap();
        assert_eq!((again.visitor, again.event_id), (visitor.as_str(), "f1:18"));
        let other = Source { visitor_key: b"another key 0123", ..SOURCE };
        let mut scratch = Scratch::new();
        assert_ne!(click(LINE.as_bytes(), 18, &other, &mut scratch).unwrap().visitor, visitor);
    }

    #[test]
    fn every_line_becomes_something() {
        assert_eq!(kind("GET /a/B.PNG?x=1 HTTP/1.1", "200"), (Kind::Custom, "asset".into()));
        assert_eq!(kind("GET /a.b/page HTTP/1.1", "304"), (Kind::PageView, String::new()));
        assert_eq!(kind("POST /form HTTP/1.1", "200"), (Kind::Custom, "request".into()));
        assert_eq!(kind("GET /gone HTTP/1.1", "404"), (Kind::Custom, "failed_request".into()));
        assert_eq!(kind("\\x16\\x03\\x01", "400"), (Kind::Custom, "failed_request".into()));
        assert_eq!(kind("-", "200"), (Kind::Custom, "request".into()));
    }

    #[test]
    fn other_lines_are_refused_whole() {
        for cut in 0..LINE.len() {
            let reject = click(&LINE.as_bytes()[..cut], 1, &SOURCE, &mut Scratch::new()).unwrap_err();
            assert_eq!(reject.reason, Reason::MalformedLine, "cut at {cut}");
        }
    }
}
