//! Device class, browser family, operating system and robot from a user agent.
//!
//! Ordered rules over tokens of our own, found in one Aho–Corasick pass: a family is the first of its list whose
//! token occurs. Families, not versions: what a marketer groups by.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use crumbtrail_events::vocabulary::Device;

/// What a user agent says; empty strings where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    /// Device class; `Unknown` for an absent agent, `Other` for one that no rule knows.
    pub device: Device,
    /// Browser family.
    pub browser: &'static str,
    /// Operating system family.
    pub os: &'static str,
    /// Indicator that says it is a robot ([`indicator`]), empty otherwise.
    pub bot: &'static str,
}

/// The indicators that say why something is a robot.
pub mod indicator {
    /// A word every robot may use stands in the agent: bot, crawler, spider, …
    pub const USER_AGENT: &str = "user_agent";
    /// The agent is on the list of known crawlers, monitors, feed readers and scanners.
    pub const LIST: &str = "list";
    /// A programming library or command-line tool.
    pub const LIBRARY: &str = "library";
    /// No agent where there should be one.
    pub const EMPTY_AGENT: &str = "empty_agent";
    /// The page's own script said so (`webdriver`, `bot`).
    pub const CLIENT_FLAG: &str = "client_flag";
}

const CRAWLERS: &str = include_str!("../data/crawlers.txt");
const LIBRARIES: &str = include_str!("../data/libraries.txt");

/// Words of robots, and whether the word must end there ("bot" does not match "bottle").
const ROBOT_WORDS: [(&str, bool); 13] = [
    ("bot", true),
    ("bots", true),
    ("robot", false),
    ("crawler", false),
    ("crawling", true),
    ("crawl", true),
    ("spider", false),
    ("slurp", true),
    ("scraper", true),
    ("fetcher", true),
    ("archiver", true),
    ("+http", false),
    ("google-http-java-client", false),
];

/// Phones and words in which a robot's word occurs by accident.
const NOT_ROBOTS: [&str; 3] = ["cubot", "spiderman", "abbot"];

/// Browser families; the first whose token occurs wins, so that those which imitate others come first.
const BROWSERS: [(&str, &str); 66] = [
    ("fban/", "Facebook"),
    ("fbav/", "Facebook"),
    ("fb_iab", "Facebook"),
    ("instagram", "Instagram"),
    ("messengerlite", "Facebook"),
    (" line/", "LINE"),
    ("micromessenger", "WeChat"),
    ("musical_ly", "TikTok"),
    ("bytedancewebview", "TikTok"),
    ("tiktok", "TikTok"),
    ("twitter for", "Twitter"),
    ("pinterest", "Pinterest"),
    ("snapchat", "Snapchat"),
    ("kakaotalk", "KakaoTalk"),
    ("zalo", "Zalo"),
    ("linkedinapp", "LinkedIn"),
    ("edg/", "Edge"),
    ("edga/", "Edge"),
    ("edgios/", "Edge"),
    ("edge/", "Edge"),
    ("opr/", "Opera"),
    ("opt/", "Opera"),
    ("opios/", "Opera"),
    ("opera mini", "Opera Mini"),
    ("opera mobi", "Opera"),
    ("opera", "Opera"),
    ("samsungbrowser", "Samsung Internet"),
    ("yabrowser", "Yandex"),
    ("ucbrowser", "UC Browser"),
    ("ucweb", "UC Browser"),
    ("ubrowser", "UC Browser"),
    ("miuibrowser", "MIUI Browser"),
    ("heytapbrowser", "HeyTap Browser"),
    ("vivobrowser", "Vivo Browser"),
    ("huaweibrowser", "Huawei Browser"),
    ("qqbrowser", "QQ Browser"),
    ("whale/", "Whale"),
    ("coc_coc_browser", "Cốc Cốc"),
    ("puffin/", "Puffin"),
    ("maxthon", "Maxthon"),
    ("vivaldi/", "Vivaldi"),
    ("brave", "Brave"),
    ("duckduckgo/", "DuckDuckGo"),
    ("ddg/", "DuckDuckGo"),
    ("gsa/", "Google App"),
    ("crios/", "Chrome"),
    ("fxios/", "Firefox"),
    ("focus/", "Firefox Focus"),
    ("seamonkey", "SeaMonkey"),
    ("palemoon", "Pale Moon"),
    ("conkeror", "Conkeror"),
    ("iceweasel", "Firefox"),
    ("icecat", "Firefox"),
    ("firefox", "Firefox"),
    ("silk/", "Silk"),
    ("konqueror", "Konqueror"),
    ("epiphany", "GNOME Web"),
    ("chromium/", "Chromium"),
    ("; wv)", "Android WebView"),
    ("chrome/", "Chrome"),
    ("trident/", "Internet Explorer"),
    ("msie ", "Internet Explorer"),
    ("iemobile", "Internet Explorer"),
    ("blackberry", "BlackBerry"),
    ("bb10", "BlackBerry"),
    ("lynx/", "Lynx"),
];

/// Browser families told only when no other is: their tokens stand in almost every agent.
const LAST_BROWSERS: [(&str, &str); 11] = [
    ("android browser", "Android Browser"),
    ("safari/", "Safari"),
    ("applewebkit", "WebView"),
    ("w3m/", "w3m"),
    ("elinks", "ELinks"),
    ("links (", "Links"),
    ("dalvik/", "App"),
    ("okhttp", "App"),
    ("cfnetwork", "App"),
    ("dart/", "App"),
    ("gecko/", "Gecko"),
];

const SYSTEMS: [(&str, &str); 41] = [
    ("windows phone", "Windows Phone"),
    ("xbox", "Xbox"),
    ("playstation", "PlayStation"),
    ("nintendo", "Nintendo"),
    ("kaios", "KaiOS"),
    ("harmonyos", "HarmonyOS"),
    ("openharmony", "HarmonyOS"),
    ("tizen", "Tizen"),
    ("web0s", "webOS"),
    ("webos", "webOS"),
    ("roku", "Roku OS"),
    ("apple tv", "tvOS"),
    ("appletv", "tvOS"),
    ("tvos", "tvOS"),
    ("windows", "Windows"),
    ("win98", "Windows"),
    ("win 9x", "Windows"),
    ("iphone", "iOS"),
    ("ipad", "iOS"),
    ("ipod", "iOS"),
    ("ios/", "iOS"),
    ("cfnetwork", "iOS"),
    ("android", "Android"),
    ("dalvik/", "Android"),
    ("okhttp", "Android"),
    ("cros ", "ChromeOS"),
    ("blackberry", "BlackBerry OS"),
    ("bb10", "BlackBerry OS"),
    ("playbook", "BlackBerry OS"),
    ("symbian", "Symbian"),
    ("series60", "Symbian"),
    ("macintosh", "macOS"),
    ("mac os x", "macOS"),
    ("mac_powerpc", "macOS"),
    ("darwin", "macOS"),
    ("freebsd", "FreeBSD"),
    ("openbsd", "OpenBSD"),
    ("netbsd", "NetBSD"),
    ("sunos", "Solaris"),
    ("linux", "Linux"),
    ("x11", "Linux"),
];

const TVS: [&str; 26] = [
    "smart-tv",
    "smarttv",
    "smart tv",
    "googletv",
    "google tv",
    "android tv",
    "appletv",
    "apple tv",
    "tvos",
    "hbbtv",
    "netcast",
    "web0s",
    "bravia",
    "roku",
    "crkey",
    "playstation",
    "xbox",
    "nintendo",
    "aftb",
    "aftm",
    "aftt",
    "afts",
    "viera",
    "mitv",
    "mibox",
    "philipstv",
];
const TABLETS: [&str; 11] = [
    "ipad",
    "tablet;",
    "tablet)",
    "tablet build",
    "opera tablet",
    "kindle",
    "playbook",
    "nexus 7",
    "nexus 10",
    "sm-t",
    "sm-x",
];
const PHONES: [&str; 24] = [
    "iphone",
    "ipod",
    "windows phone",
    "iemobile",
    "opera mini",
    "opera mobi",
    "ucweb",
    "kaios",
    "blackberry",
    "bb10",
    "symbian",
    "series60",
    "nokia",
    "midp",
    "j2me",
    "mobile",
    "mobi ",
    "dalvik/",
    "okhttp",
    "harmonyos",
    "openharmony",
    "cfnetwork",
    "iphone os",
    "cubot",
];
const DESKTOPS: [&str; 13] = [
    "windows",
    "win98",
    "win 9x",
    "macintosh",
    "mac os x",
    "mac_powerpc",
    "cros ",
    "linux",
    "x11",
    "freebsd",
    "openbsd",
    "netbsd",
    "sunos",
];
/// Words the rules in code ask for besides the lists.
const CLUES: [&str; 2] = ["android", "mobile"];

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
    /// Pattern number → whether the word must end.
    words: Vec<(usize, bool)>,
    android: usize,
    mobile: usize,
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

/// The lines of a data file without comments.
pub(crate) fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'))
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
            crawlers: tokens.set(lines(CRAWLERS)),
            libraries: tokens.set(lines(LIBRARIES)),
            not_robots: tokens.set(NOT_ROBOTS),
            words: ROBOT_WORDS.iter().map(|(word, ends)| (tokens.number(word), *ends)).collect(),
            android: tokens.number(CLUES[0]),
            mobile: tokens.number(CLUES[1]),
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

impl Agent {
    /// Reads a user agent. `-`, as web server logs write an absent one, is a robot's; an empty one says nothing.
    #[must_use]
    pub fn read(text: &str) -> Agent {
        let text = text.trim();
        if text.is_empty() {
            return Agent::default();
        }
        if text == "-" {
            return Agent { device: Device::Bot, bot: indicator::EMPTY_AGENT, ..Agent::default() };
        }
        let matcher = matcher();
        let mut found = Set::default();
        let mut word = false;
        // Agents beyond 2 KiB are nobody's; their beginning says enough.
        let text = &text[..text.floor_char_boundary(2048)];
        for hit in matcher.automaton.find_overlapping_iter(text) {
            let number = hit.pattern().as_usize();
            insert(&mut found, number);
            if let Some((_, ends)) = matcher.words.iter().find(|(word, _)| *word == number) {
                let next = text.as_bytes().get(hit.end());
                word |= !ends || next.is_none_or(|next| !next.is_ascii_lowercase() && !next.is_ascii_uppercase());
            }
        }
        let family =
            |rules: &[(usize, &'static str)]| rules.iter().find(|(n, _)| contains(&found, *n)).map(|(_, f)| *f);
        let os = family(&matcher.systems).unwrap_or_default();
        let browser = family(&matcher.browsers).or_else(|| family(&matcher.last_browsers)).unwrap_or_default();
        let browser = if browser == "Safari" && os == "Android" { "Android Browser" } else { browser };
        let bot = if meet(&found, &matcher.crawlers) {
            indicator::LIST
        } else if word && !meet(&found, &matcher.not_robots) {
            indicator::USER_AGENT
        } else if meet(&found, &matcher.libraries) {
            indicator::LIBRARY
        } else {
            ""
        };
        let device = if bot.is_empty() { matcher.device(&found) } else { Device::Bot };
        Agent { device, browser, os, bot }
    }
}

impl Matcher {
    fn device(&self, found: &Set) -> Device {
        let android = contains(found, self.android);
        if meet(found, &self.tvs) {
            Device::Tv
        } else if meet(found, &self.tablets) {
            Device::Tablet
        } else if meet(found, &self.phones) {
            Device::Mobile
        } else if android {
            // Android without "Mobile" is how tablets call themselves.
            if contains(found, self.mobile) { Device::Mobile } else { Device::Tablet }
        } else if meet(found, &self.desktops) {
            Device::Desktop
        } else {
            Device::Other
        }
    }
}
