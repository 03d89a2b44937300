//! URLs cut into what is kept of them: host, page (the path with ids templated), query.

use crate::query::unescape;

/// Longest page kept, in bytes.
const LONGEST_PAGE: usize = 512;

/// The parts of a URL, borrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts<'a> {
    /// Host without user, port and trailing dot, as written (see [`lowered`]); empty for a relative URL.
    pub host: &'a str,
    /// Path, with its leading slash if it has one.
    pub path: &'a str,
    /// Query without `?`.
    pub query: &'a str,
}

/// Cuts `url`. Relative URLs (`/path`, `//host/path`), app URLs (`android-app://package/…`) and `www.host/path` are
/// understood; `about:blank`, `data:` and the like have no parts.
#[must_use]
pub fn split(url: &str) -> Parts<'_> {
    let url = url.trim_ascii();
    let bytes = url.as_bytes();
    let (authority, rest) = if bytes.first() == Some(&b'/') {
        if bytes.get(1) == Some(&b'/') { cut_authority(&url[2..]) } else { ("", url) }
    } else {
        match bytes.iter().take(40).position(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'+' | b'-' | b'.')) {
            Some(colon) if bytes[colon] == b':' => {
                match url.get(colon + 1..).and_then(|rest| rest.strip_prefix("//")) {
                    Some(rest) => cut_authority(rest),
                    // host:port/path, or a scheme without an authority.
                    None if url.starts_with("www.") => cut_authority(url),
                    None => return Parts::default(),
                }
            }
            _ if url.starts_with("www.") => cut_authority(url),
            _ => ("", url),
        }
    };
    let (rest, _fragment) = cut(rest, b'#');
    let (path, query) = cut(rest, b'?');
    Parts { host: host_of(authority), path, query }
}

fn cut_authority(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|b| matches!(b, b'/' | b'?' | b'#' | b'\\')).unwrap_or(text.len());
    text.split_at(end)
}

#[inline]
fn cut(text: &str, at: u8) -> (&str, &str) {
    match memchr::memchr(at, text.as_bytes()) {
        Some(found) => (&text[..found], &text[found + 1..]),
        None => (text, ""),
    }
}

fn host_of(authority: &str) -> &str {
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(v6) => cut(v6, b']').0,
        None => cut(host, b':').0,
    };
    host.strip_suffix('.').unwrap_or(host)
}

/// `text` in lower case: itself if it is, else in `out` (cleared first).
#[inline]
pub fn lowered<'a>(text: &'a str, out: &'a mut String) -> &'a str {
    if !text.bytes().any(|b| b.is_ascii_uppercase() || b >= 0x80) {
        return text;
    }
    out.clear();
    out.extend(text.chars().flat_map(char::to_lowercase));
    out
}

/// The page of a path: ids templated (`/orders/:id`), e-mail addresses too (`:email`), escapes decoded, session ids,
/// doubled and trailing slashes off. `path` itself where nothing changes, else in `out` (cleared first).
///
/// Numbers, UUIDs, hashes and codes such as `ORD-100023` are ids; words with numbers (`iphone-15`) are not, nor are
/// years and days of a dated path (`/2024/05/31/sale`).
#[must_use]
pub fn page<'a>(path: &'a str, out: &'a mut String) -> &'a str {
    if path.is_empty() || path == "/" {
        return path;
    }
    let bytes = path.as_bytes();
    let suspicious = bytes.iter().fold(false, |found, b| {
        found | b.is_ascii_digit() | (*b == b'%') | (*b == b'@') | (*b == b';') | (*b == b'\\')
    });
    let doubled = bytes.iter().zip(&bytes[1..]).fold(false, |found, (a, b)| found | ((*a == b'/') & (*b == b'/')));
    if !suspicious && !doubled && bytes.len() <= LONGEST_PAGE {
        return path.strip_suffix('/').unwrap_or(path);
    }
    template(path, out);
    if out.as_str() == path { path } else { out }
}

fn template(path: &str, out: &mut String) {
    out.clear();
    let mut date = 0u8;
    let mut segments = path.split('/').filter(|segment| !segment.is_empty()).peekable();
    if !path.starts_with('/')
        && let Some(first) = segments.next()
    {
        put_segment(first, false, out);
    }
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        // /2024/05/31/…: a year that something follows, then a month, then a day.
        date = match (date, parse_small(segment)) {
            (0, Some(1990..=2099)) if !last => 1,
            (1, Some(1..=12)) if segment.len() <= 2 => 2,
            (2, Some(1..=31)) if segment.len() <= 2 => 3,
            _ => 0,
        };
        out.push('/');
        put_segment(segment, date > 0, out);
        if out.len() > LONGEST_PAGE {
            out.truncate(out.floor_char_boundary(LONGEST_PAGE));
            break;
        }
    }
    while out.len() > 1 && out.ends_with('/') {
        out.pop();
    }
    if out.is_empty() {
        out.push('/');
    }
}

fn parse_small(segment: &str) -> Option<u32> {
    if segment.len() > 4 { None } else { segment.parse().ok() }
}

/// Appends one segment, templated. `verbatim`: part of a date.
fn put_segment(segment: &str, verbatim: bool, out: &mut String) {
    let start = out.len();
    let segment = without_session(segment);
    if memchr::memchr(b'%', segment.as_bytes()).is_some() {
        let mut bytes = std::mem::take(out).into_bytes();
        unescape(segment.as_bytes(), false, &mut bytes);
        let sound = std::str::from_utf8(&bytes[start..])
            .is_ok_and(|text| !text.contains(|c: char| c.is_control() || matches!(c, '/' | '?' | '#')));
        if !sound {
            bytes.truncate(start);
            bytes.extend_from_slice(segment.as_bytes());
        }
        // Both branches leave UTF-8; an empty page would be the wrong answer to a broken promise, not a crash.
        *out = String::from_utf8(bytes).unwrap_or_default();
    } else {
        out.push_str(segment);
    }
    if verbatim {
        return;
    }
    let text = &out[start.min(out.len())..];
    if text.contains('@') && text.contains('.') {
        out.truncate(start);
        out.push_str(":email");
        return;
    }
    if is_id(text.as_bytes()) {
        out.truncate(start);
        out.push_str(":id");
    } else if let Some((stem, extension)) = text.rsplit_once('.')
        && (1..=5).contains(&extension.len())
        && extension.bytes().all(|b| b.is_ascii_alphanumeric())
        && extension.bytes().any(|b| b.is_ascii_alphabetic())
        && is_id(stem.as_bytes())
    {
        out.replace_range(start..start + stem.len(), ":id");
    }
}

/// Takes `;jsessionid=…` and the like off a segment.
fn without_session(segment: &str) -> &str {
    let Some((before, after)) = segment.split_once(';') else { return segment };
    let name = after.split('=').next().unwrap_or_default();
    let ends_with = |end: &str| {
        name.len() >= end.len() && name.as_bytes()[name.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
    };
    if ends_with("sid") || ends_with("sessionid") || ends_with("sessid") { before } else { segment }
}

/// Whether a segment is an identifier rather than a word.
fn is_id(text: &[u8]) -> bool {
    let (mut digits, mut hex, mut lower, mut upper, mut joints) = (0, 0, 0, 0, 0);
    for b in text {
        match b {
            b'0'..=b'9' => digits += 1,
            b'a'..=b'z' => lower += 1,
            b'A'..=b'Z' => upper += 1,
            b'-' | b'_' => joints += 1,
            _ => return false,
        }
        hex += usize::from(b.is_ascii_hexdigit());
    }
    let len = text.len();
    if digits == 0 || len == 0 {
        return false;
    }
    let uuid = len == 36 && hex == 32 && joints == 4 && [8, 13, 18, 23].iter().all(|at| text[*at] == b'-');
    let hash = hex == len && len >= 12;
    let token = len >= 20 && digits >= 3 && lower > 0 && upper > 0 && joints <= 2;
    // ORD-100023, p1002934: a short prefix and a long number.
    let letters = text.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let coded = letters <= 4 && joints <= 1 && letters + joints + digits == len && {
        let joint_leads = joints == 0 || matches!(text[letters], b'-' | b'_') && letters > 0;
        digits >= 5 && joint_leads
    };
    digits == len || uuid || hash || token || coded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_cut() {
        for (url, host, path, query) in [
            ("https://shop.example/a/b?x=1&y=2#top", "shop.example", "/a/b", "x=1&y=2"),
            ("https://user:pw@shop.example:8443/a", "shop.example", "/a", ""),
            ("http://[2001:db8::1]:80/a", "2001:db8::1", "/a", ""),
            ("https://shop.example.", "shop.example", "", ""),
            ("https://shop.example?x=1", "shop.example", "", "x=1"),
            ("//cdn.example/a", "cdn.example", "/a", ""),
            ("/a/b?x#y", "", "/a/b", "x"),
            ("android-app://com.google.android.gm/", "com.google.android.gm", "/", ""),
            ("myapp://product/12", "product", "/12", ""),
            ("www.shop.example/a", "www.shop.example", "/a", ""),
            ("about:blank", "", "", ""),
            ("data:text/html,x", "", "", ""),
            ("-", "", "-", ""),
            ("", "", "", ""),
            ("https://", "", "", ""),
            ("https://shop.example/a#/b?c", "shop.example", "/a", ""),
        ] {
            assert_eq!(split(url), Parts { host, path, query }, "{url}");
        }
        let mut out = String::new();
        assert_eq!(lowered("Shop.Example", &mut out), "shop.example");
    }

    #[test]
    fn ids_are_templated_and_words_stay() {
        for (path, expected) in [
            ("/", "/"),
            ("", ""),
            ("//", "/"),
            ("/products/", "/products"),
            ("/products//shoes/", "/products/shoes"),
            ("/orders/100023", "/orders/:id"),
            ("/orders/7/items/3", "/orders/:id/items/:id"),
            ("/o/3fa85f64-5717-4562-b3fc-2c963f66afa6", "/o/:id"),
            ("/o/507f1f77bcf86cd799439011/edit", "/o/:id/edit"),
            ("/img/d41d8cd98f00b204e9800998ecf8427e.png", "/img/:id.png"),
            ("/img/12345.jpg", "/img/:id.jpg"),
            ("/orders/ORD-100023", "/orders/:id"),
            ("/p/p1002934", "/p/:id"),
            ("/share/aGVsbG8gd29ybGQ5NzIxMDg2", "/share/:id"),
            ("/p/iphone-15-pro-max", "/p/iphone-15-pro-max"),
            ("/p/red-shoe-12345", "/p/red-shoe-12345"),
            ("/top2024", "/top2024"),
            ("/v2/api", "/v2/api"),
            ("/2024/05/31/summer-sale", "/2024/05/31/summer-sale"),
            ("/blog/2015/top-10", "/blog/2015/top-10"),
            ("/orders/2024", "/orders/:id"),
            ("/a;jsessionid=5AC6268DD8D4D5D1FDF5D41E9F2FD960", "/a"),
            ("/user/somchai@example.com/orders", "/user/:email/orders"),
            ("/user/somchai%40example.com", "/user/:email"),
            ("/%E0%B8%A3%E0%B8%AD%E0%B8%87%E0%B9%80%E0%B8%97%E0%B9%89%E0%B8%B2", "/รองเท้า"),
            ("/a%2Fb", "/a%2Fb"),
            ("/a%FF", "/a%FF"),
            ("/100%", "/100%"),
            ("/รองเท้า/7", "/รองเท้า/:id"),
            ("screen/7", "screen/:id"),
            ("/%31%32%33", "/:id"),
        ] {
            let mut out = String::new();
            assert_eq!(page(path, &mut out), expected, "{path}");
            let once = page(path, &mut out).to_owned();
            assert_eq!(page(&once, &mut String::new()), once, "stable: {path}");
        }
    }

    #[test]
    fn any_text_gives_a_page_within_bounds() {
        proptest::proptest!(|(path in "\\PC{0,700}")| {
            let mut out = String::new();
            let parts = split(&path);
            let page = page(parts.path, &mut out);
            proptest::prop_assert!(page.len() <= LONGEST_PAGE);
        });
    }
}
