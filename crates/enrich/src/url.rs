//! URLs cut into what is kept of them: host, page (the path with ids templated), query, a single-page app's route.

mod host;
mod template;

pub use host::{covers, host_name};
pub use template::page;

use template::append;

/// The parts of a URL, borrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts<'a> {
    /// Host without user, port and trailing dot, as written (see [`lowered`]); empty for a relative URL.
    pub host: &'a str,
    /// Path, with its leading slash if it has one.
    pub path: &'a str,
    /// Query without `?`.
    pub query: &'a str,
    /// Fragment without `#`.
    pub fragment: &'a str,
}

impl<'a> Parts<'a> {
    /// The route of a single-page app and its query: fragments that are paths (`#/cart?x=1`, `#!/cart`).
    #[must_use]
    pub fn route(&self) -> Option<(&'a str, &'a str)> {
        let path = self.fragment.strip_prefix('!').unwrap_or(self.fragment);
        path.starts_with('/').then(|| cut(path, b'?'))
    }

    /// The query that the page's parameters stand in: the route's, if the app has one there, else the URL's.
    #[inline]
    #[must_use]
    pub fn page_query(&self) -> &'a str {
        match self.route() {
            Some((_, query)) if !query.is_empty() => query,
            _ => self.query,
        }
    }

    /// The page (see [`page`]), the app's route behind a `#`: `/shop#/orders/:id`.
    #[inline]
    #[must_use]
    pub fn page(&self, out: &'a mut String) -> &'a str {
        let path = if self.path.is_empty() && !self.host.is_empty() { "/" } else { self.path };
        match self.route() {
            Some((route, _)) => page_with_route(path, route, out),
            None => page(path, out),
        }
    }
}

fn page_with_route<'a>(path: &str, route: &str, out: &'a mut String) -> &'a str {
    out.clear();
    append(path, out);
    let end = out.len();
    out.push('#');
    append(route, out);
    if out[end..] == *"#/" {
        out.truncate(end);
    }
    out
}

/// Cuts `url`. Relative URLs (`/path`, `//host/path`), app URLs (`android-app://package/…`) and `www.host/path` are
/// understood; `about:blank`, `data:` and the like have no parts.
#[inline]
#[must_use]
pub fn split(url: &str) -> Parts<'_> {
    let Some((authority, rest)) = authority(url) else { return Parts::default() };
    let (rest, fragment) = cut(rest, b'#');
    let (path, query) = cut(rest, b'?');
    Parts { host: authority.host(), path, query, fragment }
}

/// The host of `url`, as in [`Parts`], for where the rest is not needed.
#[inline]
#[must_use]
pub fn host(url: &str) -> &str {
    authority(url).map_or("", |(authority, _)| authority.host())
}

/// User, host and port of a URL; empty for a relative one.
struct Authority<'a> {
    text: &'a str,
    /// Whether there is anything but a host in it.
    odd: bool,
}

impl<'a> Authority<'a> {
    #[inline]
    fn host(&self) -> &'a str {
        if !self.odd {
            return self.text.strip_suffix('.').unwrap_or(self.text);
        }
        let host = self.text.rsplit('@').next().unwrap_or_default();
        let host = match host.strip_prefix('[') {
            Some(v6) => cut(v6, b']').0,
            None => cut(host, b':').0,
        };
        host.strip_suffix('.').unwrap_or(host)
    }
}

/// The authority of `url` and what follows. `None`: a URL that has neither authority nor path.
#[inline]
fn authority(url: &str) -> Option<(Authority<'_>, &str)> {
    if let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) {
        return Some(cut_authority(rest));
    }
    rare_authority(url.trim_ascii())
}

fn rare_authority(url: &str) -> Option<(Authority<'_>, &str)> {
    let bytes = url.as_bytes();
    if let Some(rest) = url.strip_prefix("//") {
        return Some(cut_authority(rest));
    }
    let scheme = bytes.iter().take(40).position(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'+' | b'-' | b'.'));
    match scheme {
        Some(colon) if bytes[colon] == b':' => match url[colon + 1..].strip_prefix("//") {
            Some(rest) => Some(cut_authority(rest)),
            // host:port/path, or a scheme without an authority.
            None => url.starts_with("www.").then(|| cut_authority(url)),
        },
        _ if url.starts_with("www.") => Some(cut_authority(url)),
        _ => Some((Authority { text: "", odd: false }, url)),
    }
}

#[inline]
fn cut_authority(text: &str) -> (Authority<'_>, &str) {
    const ENDS: u8 = 1;
    const ODD: u8 = 2;
    static ROLES: [u8; 256] = {
        let mut roles = [0; 256];
        roles[b'/' as usize] = ENDS;
        roles[b'?' as usize] = ENDS;
        roles[b'#' as usize] = ENDS;
        roles[b'\\' as usize] = ENDS;
        roles[b'@' as usize] = ODD;
        roles[b':' as usize] = ODD;
        roles[b'[' as usize] = ODD;
        roles
    };
    let (mut end, mut seen) = (0, 0);
    for byte in text.bytes() {
        let role = ROLES[usize::from(byte)];
        if role == ENDS {
            break;
        }
        seen |= role;
        end += 1;
    }
    let (text, rest) = text.split_at(end);
    (Authority { text, odd: seen == ODD }, rest)
}

#[inline]
fn cut(text: &str, at: u8) -> (&str, &str) {
    match memchr::memchr(at, text.as_bytes()) {
        Some(found) => (&text[..found], &text[found + 1..]),
        None => (text, ""),
    }
}

/// `text` in lower case: itself if it is, else in `out` (cleared first).
#[inline]
pub fn lowered<'a>(text: &'a str, out: &'a mut String) -> &'a str {
    // All bytes, not up to the first: what the compiler makes wide.
    if text.bytes().fold(0, |changes, b| changes | u8::from(b.is_ascii_uppercase()) | (b & 0x80)) == 0 {
        return text;
    }
    out.clear();
    out.extend(text.chars().flat_map(char::to_lowercase));
    out
}

#[cfg(test)]
mod tests {
    use super::template::LONGEST_PAGE;
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
            assert_eq!(Parts { fragment: "", ..split(url) }, Parts { host, path, query, fragment: "" }, "{url}");
        }
        let mut out = String::new();
        assert_eq!(lowered("Shop.Example", &mut out), "shop.example");
    }

    #[test]
    fn routes_of_single_page_apps_are_pages() {
        for (url, expected) in [
            ("https://shop.example/#/cart", "/#/cart"),
            ("https://shop.example/app/#!/orders/100023?x=1", "/app#/orders/:id"),
            ("https://shop.example/app#/", "/app"),
            ("https://shop.example/help#returns", "/help"),
            ("https://shop.example/#/%E0%B8%A3%E0%B8%AD%E0%B8%87", "/#/รอง"),
            ("https://shop.example#/cart", "/#/cart"),
            ("https://shop.example?x=1", "/"),
            ("https://shop.example#top", "/"),
            ("", ""),
        ] {
            assert_eq!(split(url).page(&mut String::new()), expected, "{url}");
        }
        assert_eq!(split("https://shop.example/#/a?utm_source=x").route(), Some(("/a", "utm_source=x")));
    }

    #[test]
    fn any_bytes_are_survived() {
        proptest::proptest!(|(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300))| {
            let text = String::from_utf8_lossy(&bytes);
            let parts = split(&text);
            let _ = (parts.route(), host(&text));
            let mut out = String::new();
            let page = parts.page(&mut out);
            proptest::prop_assert!(page.len() <= LONGEST_PAGE);
        });
        proptest::proptest!(|(url in "(https?://)?[a-z0-9.:@\\[\\]%-]{0,30}(/[a-z0-9%;=._@-]{0,40}){0,4}([?#][!/a-z0-9%&=+#?-]{0,40}){0,2}")| {
            let parts = split(&url);
            let mut out = String::new();
            let once = parts.page(&mut out).to_owned();
            proptest::prop_assert!(once.len() <= LONGEST_PAGE);
        });
    }
}
