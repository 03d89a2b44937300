//! Web server lines in the combined log format: what an access log would have kept of clicks.

use std::io::Write as _;

use crate::click::ClickEvent;
use crate::ids::id_hash;
use crate::instant::put_common_log;

/// Appends a click as a line, without its break. A line tells neither site nor event id, its time is cut to the second, and what is no
/// view is a `POST` to its page.
///
/// A line has no field for the visitor; whoever reads it makes one of address and agent. So the address stands for the visitor: one of
/// the block for documentation (RFC 3849), made of their id.
pub fn click(click: &ClickEvent<'_>, out: &mut Vec<u8>) {
    let who = id_hash(click.visitor);
    let [a, b, c, d] = [48, 32, 16, 0].map(|shift| who >> shift & 0xFFFF);
    // Writing to a vector cannot fail.
    let _ = write!(out, "2001:db8::{a:x}:{b:x}:{c:x}:{d:x} - ");
    field(click.customer, out);
    out.extend_from_slice(b" [");
    put_common_log(out, click.occurred_at);
    let method = if click.kind.is_view() { "GET" } else { "POST" };
    let _ = write!(out, "] \"{method} ");
    escaped(path(click.url), out);
    let _ = write!(out, " HTTP/1.1\" 200 {} \"", 1_000 + who % 50_000);
    field(click.referrer, out);
    out.extend_from_slice(b"\" \"");
    field(click.user_agent, out);
    out.push(b'"');
}

/// Path and query of a URL.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

fn field(text: &str, out: &mut Vec<u8>) {
    escaped(if text.is_empty() { "-" } else { text }, out);
}

/// As web servers write it.
fn escaped(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 | 0x7F => {
                let _ = write!(out, "\\x{byte:02x}");
            }
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combined::{self, Source};
    use crate::kind::Kind;
    use crate::scratch::Scratch;

    #[test]
    fn what_is_written_is_read() {
        let view = ClickEvent {
            visitor: "v-1",
            customer: "ann",
            occurred_at: 1_772_331_300_999,
            kind: Kind::PageView,
            url: "https://shop.example/p/1?q=a",
            referrer: "https://www.google.com/",
            user_agent: "Mozilla/5.0 (\"X\\11\")",
            ..ClickEvent::default()
        };
        let source = Source { file_id: "f", host: "shop.example", visitor_key: &[7; 16] };
        let mut scratch = Scratch::new();
        let mut read = |written: &ClickEvent<'_>| {
            let mut line = Vec::new();
            click(written, &mut line);
            let read = combined::click(&line, 1, &source, &mut scratch).unwrap();
            let told = [read.customer, read.url, read.referrer, read.user_agent].map(str::to_owned);
            (told, read.kind, read.occurred_at, read.visitor.to_owned())
        };
        let (told, kind, at, visitor) = read(&view);
        assert_eq!(told, ["ann", "http://shop.example/p/1?q=a", view.referrer, view.user_agent]);
        assert_eq!((kind, at), (Kind::PageView, 1_772_331_300_000));
        let (told, kind, _, same) =
            read(&ClickEvent { kind: Kind::AddToCart, url: "https://shop.example", customer: "", ..view });
        assert_eq!((told[0].as_str(), told[1].as_str(), kind), ("", "http://shop.example/", Kind::Custom));
        assert_eq!(visitor, same);
        assert_ne!(read(&ClickEvent { visitor: "v-2", ..view }).3, visitor);
    }
}
