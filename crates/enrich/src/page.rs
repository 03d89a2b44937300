//! Groups, content types and topics of pages, by rules that are data: one pattern a line.
//!
//! ```text
//! # pattern             what its pages are
//! /blog/**              group=Blog type=article
//! /blog/running/**      topic=running
//! shop.example/help/**  group="Help centre" type=help
//! ```
//! The line `locales are skipped` makes all patterns hold for pages behind a language, too: `/th/blog`, `/en-GB/blog`.
//! A pattern is a page (ids templated) in which `*` is one segment and `**` any number of them; with a host before it,
//! it holds there and on its subdomains. The first line that says something about a page's group, type or topic decides
//! that one.

use crate::text::unescape;
use crate::url::{covers, host_name};

/// Why page rules cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("page rules, line {line}: {what}")]
pub struct PageRulesError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub what: String,
}

/// Rules of pages, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageRules {
    rules: Vec<Rule>,
    skips_locales: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Rule {
    host: String,
    segments: Vec<Segment>,
    labels: [String; 3],
}

#[derive(Clone, Debug, PartialEq)]
enum Segment {
    Word(String),
    One,
    Any,
}

/// What the rules say of a page; empty where they say nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageLabels<'a> {
    /// Group, for charts of pages.
    pub group: &'a str,
    /// Content type: article, video, product, help, …
    pub kind: &'a str,
    /// Topic.
    pub topic: &'a str,
}

/// Rules for what most shops name alike; a start for one's own.
pub const SHIPPED: &str = include_str!("../data/pages.txt");

const LABELS: [&str; 3] = ["group", "type", "topic"];

impl PageRules {
    /// Reads rules.
    ///
    /// # Errors
    /// The first line that is none.
    pub fn read(text: &str) -> Result<PageRules, PageRulesError> {
        let (mut rules, mut skips_locales) = (Vec::new(), false);
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line == LOCALES {
                skips_locales = true;
            } else if !line.is_empty() && !line.starts_with('#') {
                rules.push(rule(line).map_err(|what| PageRulesError { line: number + 1, what })?);
            }
        }
        Ok(PageRules { rules, skips_locales })
    }

    /// What the rules say of a page (as [`crate::url::page`] gives it) on `host` (lower-case).
    #[must_use]
    pub fn of(&self, host: &str, page: &str) -> PageLabels<'_> {
        self.labels(self.find(host, page))
    }

    /// The numbers (from 1, 0 for none) of the rules that decide a page's group, type and topic.
    pub(crate) fn find(&self, host: &str, page: &str) -> [u16; 3] {
        let mut found = [0; 3];
        let bare = if self.skips_locales { without_locale(page) } else { None };
        let fits =
            |rule: &Rule| matches(&rule.segments, page) || bare.is_some_and(|bare| matches(&rule.segments, bare));
        for (number, rule) in (1..=u16::MAX).zip(&self.rules) {
            let adds = found.iter().zip(&rule.labels).any(|(known, new)| *known == 0 && !new.is_empty());
            if adds && (rule.host.is_empty() || covers(&rule.host, host)) && fits(rule) {
                for (known, new) in found.iter_mut().zip(&rule.labels) {
                    if *known == 0 && !new.is_empty() {
                        *known = number;
                    }
                }
            }
        }
        found
    }

    pub(crate) fn labels(&self, found: [u16; 3]) -> PageLabels<'_> {
        let label = |which: usize| match usize::from(found[which]) {
            0 => "",
            number => self.rules.get(number - 1).map_or("", |rule| rule.labels[which].as_str()),
        };
        PageLabels { group: label(0), kind: label(1), topic: label(2) }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// The line that makes patterns hold behind a language.
const LOCALES: &str = "locales are skipped";

/// Languages that shops put before their pages.
const LANGUAGES: [&str; 28] = [
    "ar", "bn", "cs", "da", "de", "en", "es", "fi", "fil", "fr", "hi", "id", "it", "ja", "km", "ko", "lo", "ms", "nl",
    "no", "pl", "pt", "ru", "sv", "ta", "th", "vi", "zh",
];

/// What follows the language a page begins with: `/p/1` of `/th/p/1` and of `/en-GB/p/1`.
fn without_locale(page: &str) -> Option<&str> {
    let rest = page.strip_prefix('/')?;
    let (first, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (language, region) = first.split_once(['-', '_']).unwrap_or((first, ""));
    let is_locale = region.len() <= 4
        && region.bytes().all(|b| b.is_ascii_alphanumeric())
        && LANGUAGES.iter().any(|known| known.eq_ignore_ascii_case(language));
    is_locale.then_some(after)
}

fn rule(line: &str) -> Result<Rule, String> {
    let (pattern, rest) = line.split_once(char::is_whitespace).ok_or("a pattern and what its pages are are wanted")?;
    let at = pattern.find('/').ok_or_else(|| format!("{pattern:?}: a pattern has a path"))?;
    let mut rule = Rule { host: host_name(&pattern[..at], &mut String::new()).to_owned(), ..Rule::default() };
    rule.segments = pattern[at..]
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| match segment {
            "*" => Segment::One,
            "**" => Segment::Any,
            word => Segment::Word(as_in_pages(word)),
        })
        .collect();
    let mut rest = rest.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or_else(|| format!("{rest:?}: NAME=VALUE is wanted"))?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or("a quote is not closed")?,
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        let label = LABELS.iter().position(|label| *label == name.trim());
        let label = label.ok_or_else(|| format!("{name:?}: a page has a group, a type and a topic"))?;
        value.clone_into(&mut rule.labels[label]);
        rest = after.trim();
    }
    Ok(rule)
}

/// A segment as pages have it: escapes decoded where what they stand for may stand in a page.
fn as_in_pages(word: &str) -> String {
    let mut bytes = Vec::new();
    unescape(word.as_bytes(), false, &mut bytes);
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains(|c: char| c.is_control() || matches!(c, '/' | '?' | '#')))
        .unwrap_or_else(|| word.to_owned())
}

/// Whether a page's segments fit the pattern's. A pattern has few `**`, so going back to each is cheap.
fn matches(pattern: &[Segment], page: &str) -> bool {
    let rest = page.trim_start_matches('/');
    let Some((first, others)) = pattern.split_first() else { return rest.is_empty() };
    let (segment, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match first {
        Segment::Word(word) => word == segment && matches(others, after),
        Segment::One => !segment.is_empty() && matches(others, after),
        Segment::Any => others.is_empty() || matches(others, rest) || (!segment.is_empty() && matches(pattern, after)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_urls_are() {
        let rules = PageRules::read(
            "xn--42c5b3a1dc8kd.example/** topic=a\nBücher.example/** topic=b\n\
             /%E0%B8%A3%E0%B8%AD%E0%B8%87/* group=c\n/รอง/** group=d\n/sale%2dnow group=e\n/a%2Fb group=f\n/100% group=g\n",
        )
        .unwrap();
        for (url, group, topic) in [
            ("https://xn--42c5b3a1dc8kd.example/x", "", "a"),
            ("https://www.ร้านค้า.example/x", "", "a"),
            ("https://xn--bcher-kva.example/x", "", "b"),
            ("https://shop.example/%E0%B8%A3%E0%B8%AD%E0%B8%87/7", "c", ""),
            ("https://shop.example/รอง/7", "c", ""),
            ("https://shop.example/%e0%b8%a3%e0%b8%ad%e0%b8%87/7/8", "d", ""),
            ("https://shop.example/sale-now", "e", ""),
            ("https://shop.example/a%2Fb", "f", ""),
            ("https://shop.example/100%", "g", ""),
        ] {
            let parts = crate::url::split(url);
            let (mut host, mut page) = (String::new(), String::new());
            let found = rules.of(crate::url::host_name(parts.host, &mut host), parts.page(&mut page));
            assert_eq!((found.group, found.topic), (group, topic), "{url}");
        }
    }

    #[test]
    fn the_first_rule_that_says_something_decides_it() {
        let rules = PageRules::read(
            "# ours\n/ group=Home\n/blog/running/** topic=running\n/blog/** group=Blog type=article topic=general\n\
             /products/* group=\"All products\" type=product\nhelp.shop.example/** type=help\n/**/video/* type=video\n\
             /blog/:id group=Never\n",
        )
        .unwrap();
        for (host, page, group, kind, topic) in [
            ("", "/", "Home", "", ""),
            ("", "", "Home", "", ""),
            ("", "/blog", "Blog", "article", "general"),
            ("", "/blog/running/shoes", "Blog", "article", "running"),
            ("", "/products/:id", "All products", "product", ""),
            ("", "/products/:id/reviews", "", "", ""),
            ("", "/products", "", "", ""),
            ("www.help.shop.example", "/returns", "", "help", ""),
            ("help.shop.example.evil", "/returns", "", "", ""),
            ("", "/a/b/video/:id", "", "video", ""),
            ("", "/video/:id", "", "video", ""),
            ("", "/blog/:id", "Blog", "article", "general"),
        ] {
            assert_eq!(rules.of(host, page), PageLabels { group, kind, topic }, "{host}{page}");
        }
        assert_eq!(PageRules::default().of("", "/"), PageLabels::default());
    }

    #[test]
    fn a_wrong_line_says_what_is_wanted() {
        for (text, part) in [
            ("/blog", "what its pages are"),
            ("blog group=Blog", "has a path"),
            ("/blog Blog", "NAME=VALUE"),
            ("/blog colour=red", "a group, a type and a topic"),
            ("/blog group=\"Blog", "not closed"),
        ] {
            let error = PageRules::read(text).unwrap_err();
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_shipped_rules_know_a_shops_usual_pages() {
        let rules = PageRules::read(SHIPPED).unwrap();
        for (page, kind) in [
            ("/", "home"),
            ("/products/:id", "product"),
            ("/p/iphone-15", "product"),
            ("/blog/how-to-run", "article"),
            ("/help/returns", "help"),
            ("/cart", "cart"),
            ("/checkout/payment", "checkout"),
            ("/search", "search"),
            ("/th/p/1", "product"),
            ("/en-GB/help", "help"),
            ("/zh_Hant/cart", "cart"),
            ("/th", "home"),
            ("/index.php", "home"),
            ("/en-US/index.php", "home"),
            ("/id-ID/artikel/cara-memilih-sepatu", "article"),
            ("/id/produk/sepatu-merah", "product"),
            ("/th/บทความ/วิธีเลือกรองเท้า", "article"),
            ("/tv/p/1", ""),
            ("/somewhere", ""),
        ] {
            assert_eq!(rules.of("shop.example", page).kind, kind, "{page}");
        }
    }

    #[test]
    fn any_rules_and_pages_are_survived() {
        proptest::proptest!(|(text in "(/[a-z*]{0,3}){0,5} (group|type)=[a-z\"]{0,5}", page in "(/[a-z:]{0,3}){0,6}")| {
            if let Ok(rules) = PageRules::read(&text) {
                let _ = rules.of("x", &page);
            }
        });
    }
}
