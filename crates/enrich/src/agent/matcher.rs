//! One pass over an agent: which of all tokens are in it, and what the rules make of them.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use crumbtrail_events::vocabulary::Device;

use super::Indicators;
use super::tokens::{
    BROWSERS, CLUES, CRAWLERS, DESKTOPS, LAST_BROWSERS, LIBRARIES, NOT_ROBOTS, PHONES, ROBOT_WORDS, SYSTEMS, TABLETS,
    TVS,
};
use crate::text::lines;

/// What the tokens of an agent say.
pub(super) struct Reading {
    pub(super) device: Device,
    pub(super) browser: &'static str,
    pub(super) os: &'static str,
    pub(super) said: Indicators,
}

/// Reads an agent by its tokens.
pub(super) fn read(text: &str) -> Reading {
    matcher().read(text)
}

/// Pattern numbers.
type Set = [u64; 16];

struct Matcher {
    automaton: AhoCorasick,
    browsers: Vec<(usize, &'static str)>,
    last_browsers: Vec<(usize, &'static str)>,
    systems: Vec<(usize, &'static str)>,
    tvs: Set,
    tablets: Set,
    phones: Set,
    desktops: Set,
    crawlers: Set,
    libraries: Set,
    not_robots: Set,
    /// Crawlers that are told only by how an agent begins.
    beginnings: Set,
    /// Pattern number → whether the word must end.
    words: Vec<(usize, bool)>,
    android: usize,
    mobile: usize,
    apple_app: usize,
    ios: usize,
}

/// Collects tokens, each once, and numbers them.
#[derive(Default)]
struct Tokens(Vec<&'static str>);

impl Tokens {
    fn number(&mut self, token: &'static str) -> usize {
        self.0.iter().position(|known| *known == token).unwrap_or_else(|| {
            self.0.push(token);
            self.0.len() - 1
        })
    }

    fn set(&mut self, tokens: impl IntoIterator<Item = &'static str>) -> Set {
        let mut set = Set::default();
        for token in tokens {
            insert(&mut set, self.number(token));
        }
        set
    }

    fn list(&mut self, rules: &[(&'static str, &'static str)]) -> Vec<(usize, &'static str)> {
        rules.iter().map(|(token, family)| (self.number(token), *family)).collect()
    }
}

fn insert(set: &mut Set, number: usize) {
    set[number / 64] |= 1 << (number % 64);
}

fn contains(set: &Set, number: usize) -> bool {
    set[number / 64] & (1 << (number % 64)) != 0
}

fn meet(a: &Set, b: &Set) -> bool {
    a.iter().zip(b).any(|(a, b)| a & b != 0)
}

fn matcher() -> &'static Matcher {
    static MATCHER: OnceLock<Matcher> = OnceLock::new();
    MATCHER.get_or_init(|| {
        let mut tokens = Tokens::default();
        let mut matcher = Matcher {
            browsers: tokens.list(&BROWSERS),
            last_browsers: tokens.list(&LAST_BROWSERS),
            systems: tokens.list(&SYSTEMS),
            tvs: tokens.set(TVS),
            tablets: tokens.set(TABLETS),
            phones: tokens.set(PHONES),
            desktops: tokens.set(DESKTOPS),
            crawlers: tokens.set(lines(CRAWLERS).map(|line| line.trim_start_matches('^'))),
            libraries: tokens.set(lines(LIBRARIES)),
            not_robots: tokens.set(NOT_ROBOTS),
            beginnings: tokens.set(lines(CRAWLERS).filter_map(|line| line.strip_prefix('^'))),
            words: ROBOT_WORDS.iter().map(|(word, ends)| (tokens.number(word), *ends)).collect(),
            android: tokens.number(CLUES[0]),
            mobile: tokens.number(CLUES[1]),
            apple_app: tokens.number(CLUES[2]),
            ios: tokens.number(CLUES[3]),
            automaton: AhoCorasick::new(["x"]).expect("one short pattern makes an automaton"),
        };
        assert!(tokens.0.len() <= Set::default().len() * 64, "agent tokens outgrew their bit set");
        matcher.automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&tokens.0)
            .expect("short patterns make an automaton");
        matcher
    })
}

impl Matcher {
    fn device(&self, text: &str, found: &Set) -> Device {
        let android = contains(found, self.android);
        if meet(found, &self.tvs) {
            Device::Tv
        } else if meet(found, &self.tablets) {
            Device::Tablet
        } else if meet(found, &self.phones) {
            Device::Mobile
        } else if android {
            // Android without "Mobile" is how the browsers of tablets call themselves; apps say nothing of it.
            let is_tablet = text.starts_with("Mozilla/") && !contains(found, self.mobile);
            if is_tablet { Device::Tablet } else { Device::Mobile }
        } else if meet(found, &self.desktops) {
            Device::Desktop
        } else if contains(found, self.apple_app) {
            Device::Mobile
        } else {
            Device::Other
        }
    }

    fn read(&self, text: &str) -> Reading {
        let (mut found, mut whole) = (Set::default(), Set::default());
        let mut word = false;
        for hit in self.automaton.find_overlapping_iter(text) {
            let number = hit.pattern().as_usize();
            if number == self.ios && is_end_of_word(text.as_bytes(), hit.start()) {
                continue;
            }
            insert(&mut found, number);
            let next = text.as_bytes().get(hit.end());
            // "rigor" is a monitor, "rigorous" is none.
            let ends = !text.as_bytes()[hit.end() - 1].is_ascii_alphabetic()
                || next.is_none_or(|next| !next.is_ascii_lowercase());
            if ends && (hit.start() == 0 || !contains(&self.beginnings, number)) {
                insert(&mut whole, number);
            }
            if let Some((_, ends)) = self.words.iter().find(|(word, _)| *word == number) {
                word |= !ends || next.is_none_or(|next| !next.is_ascii_alphabetic());
            }
        }
        let family =
            |rules: &[(usize, &'static str)]| rules.iter().find(|(n, _)| contains(&found, *n)).map(|(_, f)| *f);
        let os = family(&self.systems).unwrap_or_default();
        let browser = family(&self.browsers).or_else(|| family(&self.last_browsers)).unwrap_or_default();
        let browser = if browser == "Safari" && os == "Android" { "Android Browser" } else { browser };
        let mut said = Indicators::NONE;
        if meet(&whole, &self.crawlers) {
            said = said.and(Indicators::LIST);
        }
        if word && !meet(&found, &self.not_robots) {
            said = said.and(Indicators::USER_AGENT);
        }
        if meet(&whole, &self.libraries) {
            said = said.and(Indicators::LIBRARY);
        }
        Reading { device: self.device(text, &found), browser, os, said }
    }
}

/// Whether what stands at `at` is the end of a word in small letters: `axios/`, not `FxiOS/`.
fn is_end_of_word(text: &[u8], at: usize) -> bool {
    text[..at].last().is_some_and(u8::is_ascii_alphabetic) && text[at..].starts_with(b"ios")
}
