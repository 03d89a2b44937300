//! URLs cut into what is kept of them: host, page (the path with ids templated), query, a single-page app's route.

mod host;

pub use host::host_name;

use crate::query::{clipped, unescape};

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

    /// The page (see [`page`]), the app's route behind a `#`: `/shop#/orders/:id`.
    #[inline]
    #[must_use]
    pub fn page(&self, out: &'a mut String) -> &'a str {
        if self.fragment.is_empty() {
            return page(self.path, out);
        }
        match self.route() {
            Some((route, _)) => page_with_route(self.path, route, out),
            None => page(self.path, out),
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

/// The page of a path: ids templated (`/orders/:id`), e-mail addresses too (`:email`), escapes decoded, session ids,
/// doubled and trailing slashes off. `path` itself where nothing changes, else in `out` (cleared first).
///
/// Numbers, UUIDs, hashes, codes such as `ORD-100023` and names with one of these before or behind (`red-shoe-12345`) are
/// ids; words with numbers (`iphone-15`) are not, nor are years and days of a dated path (`/2024/05/31/sale`).
#[must_use]
pub fn page<'a>(path: &'a str, out: &'a mut String) -> &'a str {
    if path.len() <= 1 {
        return path;
    }
    let mut end = 0;
    for segment in Segments::of(path) {
        let follows = segment.start == end + 1 || (segment.start == 0 && end == 0);
        if segment.shape != Shape::Plain || !follows || segment.end > LONGEST_PAGE {
            template(path, out);
            return out;
        }
        end = segment.end;
    }
    &path[..end.max(1)]
}

fn template(path: &str, out: &mut String) {
    out.clear();
    append(path, out);
}

/// Appends the page of a path, as far as there is room for it.
fn append(path: &str, out: &mut String) {
    let begin = out.len();
    for segment in Segments::of(path) {
        if segment.start > 0 {
            out.push('/');
        }
        let text = &path[segment.start..segment.end];
        match segment.shape {
            Shape::Plain => out.push_str(text),
            Shape::Id { from } => {
                out.push_str(":id");
                out.push_str(&text[from..]);
            }
            Shape::Odd => put_odd(text, out),
        }
        if out.len() > LONGEST_PAGE {
            break;
        }
    }
    while out.len() > begin + 1 && out.ends_with('/') {
        out.pop();
    }
    if out.len() == begin {
        out.push('/');
    }
    out.truncate(clipped(out, LONGEST_PAGE).len());
}

/// What a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// A word: it stays.
    Plain,
    /// An id; what begins at byte `from` (a file's extension) stays.
    Id { from: usize },
    /// With escapes, parameters or an `@`: has to be looked at closely.
    Odd,
}

struct Segment {
    start: usize,
    end: usize,
    shape: Shape,
}

/// The segments of a path that are not empty, each looked at once.
struct Segments<'a> {
    path: &'a str,
    at: usize,
    /// 1 after a year, 2 after a month, 3 after a day of a dated path.
    date: u8,
}

impl Segments<'_> {
    fn of(path: &str) -> Segments<'_> {
        Segments { path, at: 0, date: 0 }
    }
}

impl Iterator for Segments<'_> {
    type Item = Segment;

    #[inline]
    fn next(&mut self) -> Option<Segment> {
        let bytes = self.path.as_bytes();
        while bytes.get(self.at) == Some(&b'/') {
            self.at += 1;
        }
        let start = self.at;
        let mut counts = 0u64;
        while let Some(byte) = bytes.get(self.at)
            && *byte != b'/'
        {
            counts = counts.wrapping_add(COUNTED[usize::from(*byte)]);
            self.at += 1;
        }
        let end = self.at;
        if start == end {
            return None;
        }
        let text = &bytes[start..end];
        // Counters hold 511: a longer segment is read by the careful path.
        let shape = if text.len() > 511 || count(counts, SPECIAL) > 0 {
            Shape::Odd
        } else if count(counts, DIGIT) == 0 {
            Shape::Plain
        } else {
            shape_of(text, counts)
        };
        let shape = self.unless_date(text, shape);
        Some(Segment { start, end, shape })
    }
}

impl Segments<'_> {
    /// `/2024/05/31/…`: a year that something follows, then a month, then a day, are no ids.
    fn unless_date(&mut self, text: &[u8], shape: Shape) -> Shape {
        if !matches!(shape, Shape::Id { .. }) || text.len() > 4 {
            self.date = 0;
            return shape;
        }
        let number = text.iter().fold(0u32, |number, b| number * 10 + u32::from(b.wrapping_sub(b'0')));
        let last = self.path.as_bytes()[self.at..].iter().all(|b| *b == b'/');
        self.date = match (self.date, number, text.len()) {
            (0, 1990..=2099, 4) if !last => 1,
            (1, 1..=12, 1 | 2) => 2,
            (2, 1..=31, 1 | 2) => 3,
            _ => 0,
        };
        if self.date > 0 { Shape::Plain } else { shape }
    }
}

// Counters of a segment's bytes by class, nine bits each, added up in one number.
const DIGIT: u32 = 0;
const HEX: u32 = 9;
const JOINT: u32 = 18;
const LOWER: u32 = 27;
const UPPER: u32 = 36;
const DOT: u32 = 45;
const SPECIAL: u32 = 54;

fn count(counts: u64, class: u32) -> usize {
    (counts >> class & 511) as usize
}

/// What each byte adds to the counters.
static COUNTED: [u64; 256] = {
    let mut table = [0u64; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'0'..=b'9' => 1 << DIGIT | 1 << HEX,
            b'a'..=b'f' => 1 << LOWER | 1 << HEX,
            b'A'..=b'F' => 1 << UPPER | 1 << HEX,
            b'g'..=b'z' => 1 << LOWER,
            b'G'..=b'Z' => 1 << UPPER,
            b'-' | b'_' => 1 << JOINT,
            b'.' => 1 << DOT,
            b'%' | b'@' | b';' => 1 << SPECIAL,
            _ => 0,
        };
        byte += 1;
    }
    table
};

/// The shape of a segment with a digit in it.
fn shape_of(text: &[u8], counts: u64) -> Shape {
    if count(counts, DOT) == 0 {
        let id = is_id(text, counts) || is_named_id(text, counts);
        return if id { Shape::Id { from: text.len() } } else { Shape::Plain };
    }
    // An id with an extension: judged without it.
    let Some(dot) = memchr::memrchr(b'.', text) else { return Shape::Plain };
    let (stem, extension) = text.split_at(dot);
    let named = (2..=6).contains(&extension.len())
        && extension[1..].iter().all(u8::is_ascii_alphanumeric)
        && extension.iter().any(u8::is_ascii_alphabetic);
    let counts = counted(stem);
    if named && (is_id(stem, counts) || is_named_id(stem, counts)) {
        Shape::Id { from: dot }
    } else if is_number(&extension[1..]) && !is_number(stem) && memchr::memchr2(b'-', b'_', stem).is_some() {
        // `red-shoe-i.4711.100023`: a name, a shop's number, a product's.
        Shape::Id { from: text.len() }
    } else {
        Shape::Plain
    }
}

/// Digits enough to be an id's.
fn is_number(text: &[u8]) -> bool {
    text.len() >= 5 && text.iter().all(u8::is_ascii_digit)
}

/// A name with its id behind or before it: `red-shoe-12345`, `red-shoe-i123456`, `12345-red-shoe`, `title-3fa85f64-…`.
fn is_named_id(text: &[u8], counts: u64) -> bool {
    if count(counts, DIGIT) < 5 || count(counts, JOINT) == 0 {
        return false;
    }
    let uuid = text.len().checked_sub(36).map(|from| &text[from..]);
    if uuid.is_some_and(|uuid| is_id(uuid, counted(uuid))) {
        return true;
    }
    let is_joint = |byte: &u8| matches!(byte, b'-' | b'_');
    let first = text.iter().position(is_joint).map_or(text, |at| &text[..at]);
    let last = text.iter().rposition(is_joint).map_or(text, |at| &text[at + 1..]);
    let hash =
        |part: &[u8]| part.len() >= 12 && part.iter().all(u8::is_ascii_hexdigit) && part.iter().any(u8::is_ascii_digit);
    let lettered = last.first().is_some_and(u8::is_ascii_alphabetic) && is_number(&last[1..]);
    is_number(first) || is_number(last) || lettered || hash(last)
}

fn counted(text: &[u8]) -> u64 {
    text.iter().take(511).fold(0, |counts, byte| counts + COUNTED[usize::from(*byte)])
}

/// Whether a segment is an identifier rather than a word.
fn is_id(text: &[u8], counts: u64) -> bool {
    let [digits, hex, joints, lower, upper] = [DIGIT, HEX, JOINT, LOWER, UPPER].map(|class| count(counts, class));
    let len = text.len();
    if digits == len {
        return true;
    }
    if digits == 0 || digits + joints + lower + upper != len {
        return false;
    }
    let uuid = len == 36 && hex == 32 && joints == 4 && [8, 13, 18, 23].iter().all(|at| text[*at] == b'-');
    let hash = hex == len && len >= 12;
    let token = len >= 20 && digits >= 3 && lower > 0 && upper > 0 && joints <= 2;
    uuid || hash || token || is_code(text, digits, lower + upper, joints)
}

/// `ORD-100023`, `p1002934`: a short prefix and a long number.
fn is_code(text: &[u8], digits: usize, letters: usize, joints: usize) -> bool {
    digits >= 5
        && (1..=4).contains(&letters)
        && joints <= 1
        && text[..letters].iter().all(u8::is_ascii_alphabetic)
        && (joints == 0 || matches!(text[letters], b'-' | b'_'))
}

/// Appends a segment with escapes, parameters or an `@`.
fn put_odd(segment: &str, out: &mut String) {
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
    let text = &out[start.min(out.len())..];
    if text.contains('@') && text.contains('.') {
        out.truncate(start);
        out.push_str(":email");
    } else if text.len() <= 511
        && let Shape::Id { from } = shape_of(text.as_bytes(), counted(text.as_bytes()))
    {
        out.replace_range(start..start + from, ":id");
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
            assert_eq!(Parts { fragment: "", ..split(url) }, Parts { host, path, query, fragment: "" }, "{url}");
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
            ("/p/red-shoe-12345", "/p/:id"),
            ("/p/red-shoe-i123456789-s987654321.html", "/p/:id.html"),
            ("/red-shoe-i.4711.100023", "/:id"),
            ("/p/100023-red-shoe", "/p/:id"),
            ("/p/รองเท้า-100023", "/p/:id"),
            ("/p/%E0%B8%A3%E0%B8%AD%E0%B8%87-100023", "/p/:id"),
            ("/t/my-title-3fa85f64-5717-4562-b3fc-2c963f66afa6", "/t/:id"),
            ("/t/my-title-507f1f77bcf86cd799439011", "/t/:id"),
            ("/p/galaxy-s24-256gb", "/p/galaxy-s24-256gb"),
            ("/p/size-42-43", "/p/size-42-43"),
            ("/release-1.10.2", "/release-1.10.2"),
            ("/blog/5-reasons-to-stay", "/blog/5-reasons-to-stay"),
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
    fn routes_of_single_page_apps_are_pages() {
        for (url, expected) in [
            ("https://shop.example/#/cart", "/#/cart"),
            ("https://shop.example/app/#!/orders/100023?x=1", "/app#/orders/:id"),
            ("https://shop.example/app#/", "/app"),
            ("https://shop.example/help#returns", "/help"),
            ("https://shop.example/#/%E0%B8%A3%E0%B8%AD%E0%B8%87", "/#/รอง"),
            ("https://shop.example#/cart", "/#/cart"),
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
            let _ = crate::query::Parameters::of_url(&parts);
        });
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
