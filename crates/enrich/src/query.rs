//! The query part of a URL: campaign parameters, click ids, what was searched for. Borrowed wherever nothing is escaped.

use crate::pii::{Redaction, redact_by};
use crate::sources::{Class, Source};
use crate::text::{clipped, unescape};
use crate::url::Parts;

/// Longest value kept, in bytes.
const LONGEST: usize = 512;

/// What the parameters of a landing page say about the campaign; raw (still percent-encoded) text, empty if absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parameters<'a> {
    /// Source.
    pub source: &'a str,
    /// Medium.
    pub medium: &'a str,
    /// Campaign name.
    pub campaign: &'a str,
    /// Term.
    pub term: &'a str,
    /// Content.
    pub content: &'a str,
    /// The click id as it stands in the URL, `name=value`.
    pub click_id: &'a str,
    /// What the click id's name says.
    pub click: Option<&'static ClickId>,
}

/// An advertiser's click id.
#[derive(Debug, PartialEq)]
pub struct ClickId {
    /// Name of the parameter.
    pub name: &'static str,
    /// Who puts it there.
    pub source: Source,
    /// The medium it stands for, empty if unpaid clicks carry it too.
    pub medium: &'static str,
    /// Names of the other networks of one house that put it there, too: a referrer among them tells whose it is.
    shared: &'static [&'static str],
}

impl ClickId {
    /// Whose click it was, by what is known of the referrer.
    #[must_use]
    pub fn source_by(&self, referrer: Source) -> Source {
        if self.shared.contains(&referrer.name) { referrer } else { self.source }
    }
}

const fn click(name: &'static str, class: Class, source: &'static str, medium: &'static str) -> ClickId {
    ClickId { name, source: Source { class, name: source }, medium, shared: &[] }
}

const fn shared(click: ClickId, shared: &'static [&'static str]) -> ClickId {
    ClickId { shared, ..click }
}

/// The networks of Facebook's house.
const META: &[&str] = &["facebook", "instagram", "threads", "whatsapp"];

/// Click ids, the more telling first.
static CLICK_IDS: [ClickId; 23] = [
    click("gclid", Class::Search, "google", "cpc"),
    click("gbraid", Class::Search, "google", "cpc"),
    click("wbraid", Class::Search, "google", "cpc"),
    click("dclid", Class::Search, "google", "display"),
    click("msclkid", Class::Search, "bing", "cpc"),
    click("twclid", Class::Social, "twitter", "cpc"),
    click("li_fat_id", Class::Social, "linkedin", "cpc"),
    click("ttclid", Class::Video, "tiktok", "cpc"),
    click("epik", Class::Social, "pinterest", "cpc"),
    click("qclid", Class::Social, "quora", "cpc"),
    click("ScCid", Class::Social, "snapchat", "cpc"),
    click("yclid", Class::Search, "yandex", "cpc"),
    click("rdt_cid", Class::Social, "reddit", "cpc"),
    click("irclickid", Class::Unknown, "impact", "affiliate"),
    click("irclid", Class::Unknown, "impact", "affiliate"),
    click("mc_cid", Class::Email, "mailchimp", "email"),
    click("_kx", Class::Email, "klaviyo", "email"),
    click("gclsrc", Class::Search, "google", "cpc"),
    click("gad_source", Class::Search, "google", "cpc"),
    // Put on every link out of the network, advertisement or not.
    shared(click("fbclid", Class::Social, "facebook", ""), META),
    shared(click("igshid", Class::Social, "instagram", ""), META),
    shared(click("igsh", Class::Social, "instagram", ""), META),
    // Names who got the mail, on the mail's links and on those the reader passes on.
    click("mc_eid", Class::Email, "mailchimp", "email"),
];

/// Parameters of each campaign field, in any case, first present wins.
const SOURCE: [&str; 4] = ["utm_source", "mtm_source", "matomo_source", "pk_source"];
const MEDIUM: [&str; 4] = ["utm_medium", "mtm_medium", "matomo_medium", "pk_medium"];
const CAMPAIGN: [&str; 6] = ["utm_campaign", "mtm_campaign", "matomo_campaign", "pk_campaign", "utm_id", "mtm_cid"];
const TERM: [&str; 6] = ["utm_term", "mtm_keyword", "mtm_kwd", "matomo_kwd", "pk_keyword", "pk_kwd"];
const CONTENT: [&str; 4] = ["utm_content", "mtm_content", "matomo_content", "pk_content"];

/// The parameters of a query with their raw values.
pub fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    Split { rest: query }
}

struct Split<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Split<'a> {
    type Item = (&'a str, &'a str);

    #[inline]
    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        while !self.rest.is_empty() {
            let end = memchr::memchr(b'&', self.rest.as_bytes()).unwrap_or(self.rest.len());
            let pair = &self.rest[..end];
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            let pair = without_html(pair);
            if !pair.is_empty() {
                let middle = memchr::memchr(b'=', pair.as_bytes()).unwrap_or(pair.len());
                return Some((&pair[..middle], pair.get(middle + 1..).unwrap_or_default()));
            }
        }
        None
    }
}

impl<'a> Parameters<'a> {
    /// Reads a query.
    #[inline]
    #[must_use]
    pub fn read(query: &'a str) -> Parameters<'a> {
        if query.is_empty() { Parameters::default() } else { Parameters::read_pairs(query) }
    }

    /// Reads a URL's query; where that names no campaign, the query of a single-page app's route, or a fragment that is
    /// nothing but parameters (`#utm_source=…`).
    #[inline]
    #[must_use]
    pub fn of_url(parts: &Parts<'a>) -> Parameters<'a> {
        let found = Parameters::read(parts.query);
        if parts.fragment.is_empty() || found.is_campaign() {
            return found;
        }
        let rest = match parts.route() {
            Some((_, query)) => query,
            None if parts.fragment.contains('=') => parts.fragment,
            None => "",
        };
        Parameters::read(rest)
    }

    fn read_pairs(query: &'a str) -> Parameters<'a> {
        let mut found = Parameters::default();
        // Rank of what was found for each field: lower wins.
        let mut ranks = [usize::MAX; 6];
        let mut rest = query;
        while !rest.is_empty() {
            let end = memchr::memchr(b'&', rest.as_bytes()).unwrap_or(rest.len());
            let pair = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            if !pair.as_bytes().first().is_some_and(|first| may_begin(*first)) {
                continue;
            }
            let pair = without_html(pair);
            let Some((name, value)) = pair.split_once('=') else { continue };
            if telling(value).is_empty() {
                continue;
            }
            match is_escaped(name) {
                false => found.take(name, value, pair, &mut ranks),
                true => found.take(decoded(name, &mut String::new()), value, pair, &mut ranks),
            }
        }
        found
    }

    /// `pair`: name and value as they stand in the URL.
    fn take(&mut self, name: &str, value: &'a str, pair: &'a str, ranks: &mut [usize; 6]) {
        let lists: [(&[&str], &mut &'a str); 5] = [
            (&SOURCE, &mut self.source),
            (&MEDIUM, &mut self.medium),
            (&CAMPAIGN, &mut self.campaign),
            (&TERM, &mut self.term),
            (&CONTENT, &mut self.content),
        ];
        for (field, (list, slot)) in lists.into_iter().enumerate() {
            if let Some(rank) = list.iter().position(|known| known.eq_ignore_ascii_case(name)) {
                if rank < ranks[field] {
                    ranks[field] = rank;
                    *slot = clipped(value, LONGEST);
                }
                return;
            }
        }
        if let Some(rank) = CLICK_IDS.iter().position(|click| click.name.eq_ignore_ascii_case(name))
            && rank < ranks[5]
        {
            ranks[5] = rank;
            self.click = Some(&CLICK_IDS[rank]);
            self.click_id = clipped(pair, LONGEST);
        }
    }

    /// Whether a campaign or an advertiser's click brought the visitor here.
    #[must_use]
    pub fn is_campaign(&self) -> bool {
        !(self.source.is_empty() && self.medium.is_empty() && self.campaign.is_empty()) || self.click.is_some()
    }
}

/// The value, raw or not; nothing for what reports write where there is none: `(direct)`, `(none)`, `(not set)`.
#[inline]
pub(crate) fn telling(value: &str) -> &str {
    let inner = value.strip_prefix('(').or_else(|| value.strip_prefix("%28"));
    let inner = inner.and_then(|inner| inner.strip_suffix(')').or_else(|| inner.strip_suffix("%29")));
    let is_none = inner.is_some_and(|inner| {
        ["direct", "none", "not set", "not+set", "not%20set"].iter().any(|none| none.eq_ignore_ascii_case(inner))
    });
    if is_none { "" } else { value }
}

/// Whether a parameter's name has escapes: `utm%5Fsource`.
#[inline]
fn is_escaped(name: &str) -> bool {
    memchr::memchr2(b'%', b'+', name.as_bytes()).is_some()
}

/// Whether a parameter of the URL is called so.
#[inline]
fn is_called(raw: &str, name: &str) -> bool {
    raw == name || (is_escaped(raw) && decoded(raw, &mut String::new()) == name)
}

/// The pair without what a link that was escaped for HTML and never read as HTML has before it: `&amp;utm_medium=…`.
#[inline]
fn without_html(pair: &str) -> &str {
    pair.strip_prefix("amp;").unwrap_or(pair)
}

/// Whether a campaign parameter or click id begins with this byte, or an escape of one.
#[inline]
fn may_begin(byte: u8) -> bool {
    matches!(
        byte | 0x20,
        b'a' | b'u' | b'm' | b'p' | b'g' | b'w' | b'd' | b't' | b'l' | b'e' | b'q' | b's' | b'i' | b'f' | b'y' | b'r'
    ) || matches!(byte, b'_' | b'%')
}

/// The value of the first of `names` that is in the query and not empty, raw.
#[must_use]
pub fn first_of<'a>(query: &'a str, names: &[String]) -> &'a str {
    if query.is_empty() {
        return "";
    }
    let mut best = (usize::MAX, "");
    for (name, value) in parameters(query) {
        if let Some(rank) = names.iter().position(|known| is_called(name, known))
            && rank < best.0
            && !value.is_empty()
        {
            best = (rank, clipped(value, LONGEST));
        }
    }
    best.1
}

/// What of a query is part of a page's address: the parameters named in `kept`, in that order whatever order they came
/// in, values with personal data redacted. Everything else (campaigns, click ids, session ids) is gone. Written into
/// `out` (cleared first).
pub fn clean<'a>(query: &str, kept: &[String], redaction: Redaction, out: &'a mut String) -> &'a str {
    out.clear();
    if query.is_empty() {
        return out;
    }
    let (mut value_buffer, mut clean_buffer) = (String::new(), String::new());
    for name in kept {
        for (_, raw) in parameters(query).filter(|(found, raw)| is_called(found, name) && !raw.is_empty()) {
            let value = redact_by(decoded(clipped(raw, LONGEST), &mut value_buffer), redaction, &mut clean_buffer);
            if !out.is_empty() {
                out.push('&');
            }
            out.push_str(name);
            out.push('=');
            for c in value.chars() {
                match c {
                    '&' => out.push_str("%26"),
                    '=' => out.push_str("%3D"),
                    '%' => out.push_str("%25"),
                    '#' => out.push_str("%23"),
                    '+' => out.push_str("%2B"),
                    ' ' => out.push('+'),
                    c if c.is_control() => {}
                    c => out.push(c),
                }
            }
        }
    }
    out
}

/// `raw` with percent escapes and `+` decoded: itself where there are none, else in `out` (cleared first). Bytes that
/// make no UTF-8 become U+FFFD.
#[inline]
pub fn decoded<'a>(raw: &'a str, out: &'a mut String) -> &'a str {
    if raw.is_empty() || memchr::memchr2(b'%', b'+', raw.as_bytes()).is_none() {
        return raw;
    }
    decode_into(raw, out)
}

fn decode_into<'a>(raw: &str, out: &'a mut String) -> &'a str {
    let mut bytes = std::mem::take(out).into_bytes();
    bytes.clear();
    unescape(raw.as_bytes(), true, &mut bytes);
    *out = String::from_utf8(bytes).unwrap_or_else(|wrong| String::from_utf8_lossy(wrong.as_bytes()).into_owned());
    out.trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_present_of_the_ordered_lists_wins() {
        let found = Parameters::read("pk_source=c&mtm_source=b&utm_source=a&utm_medium=cpc&utm_id=9&utm_campaign=sale");
        assert_eq!((found.source, found.medium, found.campaign), ("a", "cpc", "sale"));
        let found = Parameters::read("utm_source=&mtm_source=b&utm_term=t&utm_content=c");
        assert_eq!((found.source, found.term, found.content), ("b", "t", "c"));
        let found = Parameters::read("UTM_SOURCE=google&UTM_MEDIUM=CPC&Utm_Campaign=sale&MTM_CAMPAIGN=other");
        assert_eq!((found.source, found.medium, found.campaign), ("google", "CPC", "sale"));
        assert!(!Parameters::read("page=2&sort=price&utm_medium=").is_campaign());
        assert!(!Parameters::read("").is_campaign());
        assert!(!Parameters::read("utm_source=(direct)&utm_medium=%28none%29&utm_campaign=(Not+Set)").is_campaign());
        assert_eq!(Parameters::read("utm_source=(not%20set)&mtm_source=(b)&utm_medium=none").source, "(b)");
        assert!(!Parameters::read("&&=x&utm_source&%").is_campaign());
    }

    #[test]
    fn escaped_names_are_names() {
        let found = Parameters::read("utm%5Fsource=line&utm%5fmedium=cpc&%75tm_campaign=sale&li%5Ffat%5Fid=7&a%3Db=1");
        assert_eq!((found.source, found.medium, found.campaign), ("line", "cpc", "sale"));
        assert_eq!(found.click.map(|click| click.name), Some("li_fat_id"));
        let found = Parameters::read("utm_source=fb&amp;utm_medium=cpc&amp;fbclid=x");
        assert_eq!((found.source, found.medium, found.click_id), ("fb", "cpc", "fbclid=x"));
        let names = ["filter[color]".to_owned(), "search query".to_owned()];
        assert_eq!(first_of("filter%5Bcolor%5D=red", &names), "red");
        assert_eq!(first_of("search+query=red&amp;x=1", &names), "red");
        assert_eq!(
            clean("filter%5bcolor%5d=red", &names, Redaction::default(), &mut String::new()),
            "filter[color]=red"
        );
    }

    #[test]
    fn click_ids_keep_their_name_and_the_more_telling_wins() {
        let found = Parameters::read("fbclid=1&gclid=Cj0-2&x=y");
        assert_eq!(found.click_id, "gclid=Cj0-2");
        assert_eq!(found.click.map(|click| click.source.name), Some("google"));
        assert_eq!(Parameters::read("ScCid=7").click_id, "ScCid=7");
        assert_eq!(Parameters::read("sccid=7").click_id, "sccid=7");
        for click in &CLICK_IDS {
            assert!(Parameters::read(&format!("{}=v", click.name)).is_campaign(), "{}", click.name);
        }
    }

    #[test]
    fn escapes_are_decoded_only_where_there_are_some() {
        let mut out = String::new();
        assert_eq!(decoded("plain", &mut out), "plain");
        assert_eq!(decoded("red+shoes%21", &mut out), "red shoes!");
        assert_eq!(decoded("%E0%B8%A3%E0%B8%AD%E0%B8%87%E0%B9%80%E0%B8%97%E0%B9%89%E0%B8%B2", &mut out), "รองเท้า");
        assert_eq!(decoded("100%", &mut out), "100%");
        assert_eq!(decoded("%zz%4", &mut out), "%zz%4");
        assert_eq!(decoded("a%FFb", &mut out), "a\u{fffd}b");
    }

    #[test]
    fn long_values_are_clipped_at_a_character() {
        let query = format!("utm_campaign={}", "ก".repeat(1000));
        let found = Parameters::read(&query);
        assert!(found.campaign.len() <= LONGEST && found.campaign.chars().all(|c| c == 'ก'));
        assert_eq!(first_of("s=2&q=1", &["q".into(), "s".into()]), "1");
    }

    #[test]
    fn a_clean_query_holds_what_is_kept_and_nothing_else() {
        let kept = ["page".to_owned(), "sort".to_owned()];
        let mut out = String::new();
        for (query, expected) in [
            ("sort=price&utm_source=x&page=2&gclid=y&sid=z", "page=2&sort=price"),
            ("page=2&sort=price", "page=2&sort=price"),
            ("sort=a%26b+c%2B", "sort=a%26b+c%2B"),
            ("sort=somchai%40example.com", "sort=[email]"),
            ("page=&sort", ""),
            ("pages=1&%=&&=x", ""),
            ("", ""),
        ] {
            assert_eq!(clean(query, &kept, Redaction::default(), &mut out), expected, "{query}");
        }
        assert_eq!(clean("page=1", &[], Redaction::default(), &mut out), "");
    }

    #[test]
    fn campaigns_in_fragments_are_found() {
        let of = |url| Parameters::of_url(&crate::url::split(url)).source;
        assert_eq!(of("https://shop.example/#/cart?utm_source=line"), "line");
        assert_eq!(of("https://shop.example/#utm_source=line&utm_medium=cpc"), "line");
        assert_eq!(of("https://shop.example/?utm_source=a#/cart?utm_source=b"), "a");
        assert_eq!(of("https://shop.example/#top"), "");
    }

    #[test]
    fn any_url_is_survived() {
        proptest::proptest!(|(url in "(https?://)?[a-z0-9.:@-]{0,20}/[a-z0-9%]{0,10}([?#][!/a-z0-9%&=+#?-]{0,40}){0,2}")| {
            let found = Parameters::of_url(&crate::url::split(&url));
            proptest::prop_assert!(found.source.len() <= LONGEST);
        });
    }
}
