//! Known sources of visits: search engines, networks, market places, … by host and by the names campaigns give them.

use std::sync::OnceLock;

use hashbrown::HashMap;

use crate::text::lines;
use crate::url::host_name;

/// What kind of source a host or name is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Class {
    /// Not in the tables.
    #[default]
    Unknown,
    /// A search engine.
    Search,
    /// A social network or forum.
    Social,
    /// A video site.
    Video,
    /// A market place or price comparison.
    Shopping,
    /// A chat assistant.
    Assistant,
    /// Web mail or a sender of mail.
    Email,
    /// A payment provider or sign-in page: never a referrer.
    Payment,
}

impl Class {
    /// Every value.
    pub const ALL: [Class; 8] = [
        Class::Unknown,
        Class::Search,
        Class::Social,
        Class::Video,
        Class::Shopping,
        Class::Assistant,
        Class::Email,
        Class::Payment,
    ];

    /// The name, as it stands in rules.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::Unknown => "unknown",
            Class::Search => "search",
            Class::Social => "social",
            Class::Video => "video",
            Class::Shopping => "shopping",
            Class::Assistant => "assistant",
            Class::Email => "email",
            Class::Payment => "payment",
        }
    }

    /// The value with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.as_str() == name)
    }
}

/// A known source: its class and its one name, however it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The class.
    pub class: Class,
    /// The name: `google` for `www.google.co.th` as for `googleads`. Empty when unknown.
    pub name: &'static str,
}

const FILES: [(Class, &str); 7] = [
    (Class::Search, include_str!("../data/search.txt")),
    (Class::Social, include_str!("../data/social.txt")),
    (Class::Video, include_str!("../data/video.txt")),
    (Class::Shopping, include_str!("../data/shopping.txt")),
    (Class::Assistant, include_str!("../data/assistants.txt")),
    (Class::Email, include_str!("../data/email.txt")),
    (Class::Payment, include_str!("../data/payment.txt")),
];

/// Longest name in another script that is looked for, in bytes: a host's 63 signs of a label, and more of them.
const LONGEST_NAME: usize = 256;

/// The tables of known sources.
#[derive(Clone, Debug, PartialEq)]
pub struct Sources {
    hosts: HashMap<&'static str, Source>,
    /// Domains that exist under every country's ending: `google` for `google.*`.
    everywhere: HashMap<&'static str, Source>,
    /// The same for hosts that don't cover their subdomains: `google` for `www.google.*`, `images.google`.
    bare: HashMap<&'static str, Source>,
    names: HashMap<&'static str, Source>,
    /// Beginnings of names, up to and with a joint: `facebook_` for `facebook_*`. Their sources have no name: what a campaign
    /// calls itself stays.
    beginnings: HashMap<&'static str, Source>,
}

impl Sources {
    /// The shipped tables, read once.
    #[must_use]
    pub fn shipped() -> &'static Sources {
        static SOURCES: OnceLock<Sources> = OnceLock::new();
        SOURCES.get_or_init(|| {
            let mut sources = Sources {
                hosts: HashMap::new(),
                everywhere: HashMap::new(),
                bare: HashMap::new(),
                names: HashMap::new(),
                beginnings: HashMap::new(),
            };
            for (class, file) in FILES {
                for line in lines(file) {
                    sources.add(class, line);
                }
            }
            sources
        })
    }

    fn add(&mut self, class: Class, line: &'static str) {
        let Some((names, hosts)) = line.split_once(": ") else { return };
        let mut names = names.split(' ');
        let source = Source { class, name: names.next().unwrap_or_default() };
        self.names.insert(source.name, source);
        for name in names {
            match name.strip_suffix('*') {
                Some(beginning) => self.beginnings.insert(beginning, Source { name: "", ..source }),
                None => self.names.insert(name, source),
            };
        }
        for host in hosts.split(", ") {
            match host.strip_suffix(".*") {
                Some(domain) if domain.contains('.') => {
                    let domain = domain.strip_prefix("www.").unwrap_or(domain);
                    self.everywhere.remove(domain);
                    self.bare.insert(domain, source);
                }
                Some(domain) => {
                    self.bare.remove(domain);
                    self.everywhere.insert(domain, source);
                }
                None => {
                    self.hosts.insert(host, source);
                }
            }
        }
    }

    /// Adds a source told as `CLASS NAME [ALIAS …]: HOST, …`; what was known of its names and hosts is replaced.
    ///
    /// The text is kept as long as the process lives: meant for configuration read at the start, not for every record.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn add_line(&mut self, line: &str) -> Result<(), String> {
        let (class, rest) = line.split_once(' ').ok_or("a source is told as CLASS NAME: HOST")?;
        let class = Class::from_name(class).ok_or_else(|| format!("{class:?} is no class"))?;
        if !rest.contains(": ") {
            return Err("a source is told as CLASS NAME: HOST".to_owned());
        }
        let (names, hosts) = rest.split_once(": ").unwrap_or((rest, ""));
        let mut line = format!("{}:", names.to_lowercase());
        for (number, host) in hosts.split(", ").enumerate() {
            // `xn--…` and the name itself are one host, as in URLs.
            line.push_str(if number == 0 { " " } else { ", " });
            line.push_str(host_name(host.trim(), &mut String::new()));
        }
        self.add(class, String::leak(line));
        Ok(())
    }

    /// The source at `host` (lower-case): the longest known domain that covers it.
    #[must_use]
    pub fn at_host(&self, host: &str) -> Source {
        let mut rest = host;
        loop {
            if let Some(source) = self.hosts.get(rest) {
                return *source;
            }
            let Some((label, ending)) = rest.split_once('.') else { return Source::default() };
            if is_public_ending(ending) {
                let before = host[..host.len() - ending.len() - 1].trim_start_matches("www.");
                if let Some(source) = self.everywhere.get(label).or_else(|| self.bare.get(before)) {
                    return *source;
                }
            }
            rest = ending;
        }
    }

    /// The source called `name` in a campaign parameter: a name (`fb`, `LINE`), a host (`m.facebook.com`) or a longer name
    /// (`Facebook_Mobile_Feed`), of which only the class is told.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Source {
        let (mut lower, mut unicode) = ([0u8; 64], String::new());
        let name = if name.is_ascii() && !name.contains("--") {
            let Some(lower) = lower.get_mut(..name.len()) else { return Source::default() };
            lower.copy_from_slice(name.as_bytes());
            lower.make_ascii_lowercase();
            let Ok(name) = std::str::from_utf8(lower) else { return Source::default() };
            name
        } else if name.len() <= LONGEST_NAME {
            host_name(name, &mut unicode)
        } else {
            return Source::default();
        };
        if let Some(source) = self.names.get(name) {
            return *source;
        }
        let at_host = self.at_host(name);
        if at_host != Source::default() {
            return at_host;
        }
        let joints = name.match_indices(['_', '-']);
        joints.rev().find_map(|(at, _)| self.beginnings.get(&name[..=at])).copied().unwrap_or_default()
    }
}

/// Whether `ending` can be what follows a domain's own label: `com`, `co.th`, `com.au`, but not `example.com`.
fn is_public_ending(ending: &str) -> bool {
    match ending.split_once('.') {
        None => (2..=4).contains(&ending.len()),
        Some((second, top)) => {
            top.len() == 2 && matches!(second, "com" | "co" | "net" | "org" | "in" | "or" | "ne" | "go" | "ac")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_by_their_longest_known_domain() {
        let sources = Sources::shipped();
        for (host, class, name) in [
            ("www.google.co.th", Class::Search, "google"),
            ("google.com.au", Class::Search, "google"),
            ("google.de", Class::Search, "google"),
            ("mail.google.com", Class::Email, "gmail"),
            ("gemini.google.com", Class::Assistant, "gemini"),
            ("pay.google.com", Class::Payment, "google-pay"),
            ("shopping.google.com", Class::Shopping, "google-shopping"),
            ("com.google.android.gm", Class::Email, "gmail"),
            ("l.facebook.com", Class::Social, "facebook"),
            ("lm.facebook.com", Class::Social, "facebook"),
            ("t.co", Class::Social, "twitter"),
            ("liff.line.me", Class::Social, "line"),
            ("pay.line.me", Class::Payment, "rabbit-line-pay"),
            ("shopee.co.th", Class::Shopping, "shopee"),
            ("shopee.co.id", Class::Shopping, "shopee"),
            ("www.lazada.sg", Class::Shopping, "lazada"),
            ("www.tokopedia.com", Class::Shopping, "tokopedia"),
            ("pantip.com", Class::Social, "pantip"),
            ("www.kaskus.co.id", Class::Social, "kaskus"),
            ("m.youtube.com", Class::Video, "youtube"),
            ("vt.tiktok.com", Class::Video, "tiktok"),
            ("chatgpt.com", Class::Assistant, "chatgpt"),
            ("copilot.microsoft.com", Class::Assistant, "copilot"),
            ("images.google.co.id", Class::Search, "google"),
            ("www.amazon.co.jp", Class::Shopping, "amazon"),
            ("th.search.yahoo.com", Class::Search, "yahoo"),
            ("www.paypal.com", Class::Payment, "paypal"),
            ("app.midtrans.com", Class::Payment, "midtrans"),
            ("accounts.google.com", Class::Payment, "google-sign-in"),
            ("online.kasikornbankgroup.com", Class::Payment, "kgp"),
            ("www.ktbnetbank.com", Class::Payment, "krungthai"),
            ("www.scbeasy.com", Class::Payment, "scb"),
            ("www.krungsribizonline.com", Class::Payment, "krungsri"),
            ("www.tmbthanachart.com", Class::Payment, "ttb"),
            ("www.paysolutions.asia", Class::Payment, "paysolutions"),
            ("pay.airpay.co.th", Class::Payment, "airpay"),
            ("api.bluepay.asia", Class::Payment, "bluepay"),
            ("tripay.co.id", Class::Payment, "tripay"),
            ("dev.nicepay.co.id", Class::Payment, "nicepay"),
            ("my.ipaymu.com", Class::Payment, "ipaymu"),
            ("kit.espay.id", Class::Payment, "espay"),
            ("secure.acs.visa.com", Class::Payment, "3-d-secure"),
            ("3ds.mastercard.com", Class::Payment, "3-d-secure"),
            ("ibank.klikbca.com", Class::Payment, "klikbca"),
            ("ib.bankmandiri.co.id", Class::Payment, "mandiri"),
            ("ibank.bni.co.id", Class::Payment, "bni"),
            ("ib.bri.co.id", Class::Payment, "bri"),
            ("notebooklm.google.com", Class::Assistant, "notebooklm"),
            ("aistudio.google.com", Class::Assistant, "google-ai-studio"),
            ("chat.z.ai", Class::Assistant, "z.ai"),
            ("manus.im", Class::Assistant, "manus"),
            ("m365.cloud.microsoft", Class::Assistant, "copilot"),
            ("felo.ai", Class::Assistant, "felo"),
            ("iask.ai", Class::Assistant, "iask"),
            ("www.xiaohongshu.com", Class::Social, "xiaohongshu"),
            ("truth.social", Class::Social, "truth-social"),
            ("linktr.ee", Class::Social, "linktree"),
            ("mail.ru", Class::Email, "mail.ru"),
            ("e.mail.ru", Class::Email, "mail.ru"),
            ("go.mail.ru", Class::Search, "go.mail.ru"),
            ("nocnoc.com", Class::Shopping, "nocnoc"),
            ("biggo.co.th", Class::Shopping, "biggo"),
            ("www.orami.co.id", Class::Shopping, "orami"),
            ("shop.tiktok.com", Class::Shopping, "tiktok-shop"),
            ("www.tiktok.com", Class::Video, "tiktok"),
        ] {
            assert_eq!(sources.at_host(host), Source { class, name }, "{host}");
        }
        for host in [
            "docs.google.com",
            "drive.google.com",
            "meet.google.com",
            "ads.google.com",
            "tagassistant.google.com",
            "news.google.co.th",
            "finance.yahoo.com",
            "aws.amazon.com",
            "music.amazon.co.jp",
        ] {
            assert_eq!(sources.at_host(host), Source::default(), "{host}");
        }
        for host in ["", "example.com", "google.example.com", "notgoogle.com", "facebook.com.evil.example", "com", "so"]
        {
            assert_eq!(sources.at_host(host), Source::default(), "{host}");
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        let sources = Sources::shipped();
        assert_eq!(sources.by_name("FB").name, "facebook");
        assert_eq!(sources.by_name("LINE").class, Class::Social);
        assert_eq!(sources.by_name("m.facebook.com").name, "facebook");
        assert_eq!(sources.by_name("newsletter"), Source::default());
        for (name, class) in [
            ("Facebook_Mobile_Feed", Class::Social),
            ("fb-ads-th", Class::Social),
            ("ig_story", Class::Social),
            ("LINE_OA", Class::Social),
            ("line-broadcast", Class::Social),
            ("TikTok_Shop", Class::Shopping),
            ("tiktok_feed", Class::Video),
            ("facebookish", Class::Unknown),
            ("line", Class::Social),
            ("linen_shop", Class::Unknown),
            ("offline_store", Class::Unknown),
            ("fb.evil.example", Class::Unknown),
        ] {
            assert_eq!(sources.by_name(name).class, class, "{name}");
        }
        assert_eq!(sources.by_name("facebook_mobile_feed").name, "", "what a longer name tells stays");
        assert_eq!(sources.by_name("ChatGPT.com").name, "chatgpt");
        assert_eq!(sources.by_name(&"x".repeat(100)), Source::default());
    }

    #[test]
    fn sources_of_ones_own_are_read_as_urls_are() {
        let mut sources = Sources::shipped().clone();
        sources.add_line("shopping Bücher BücherShop: XN--BCHER-KVA.example, www.ร้านค้า.example").unwrap();
        sources.add_line("social plaza: xn--42c5b3a1dc8kd.*, plaza.example").unwrap();
        for (url, name) in [
            ("https://xn--bcher-kva.example/x", "bücher"),
            ("https://Bücher.example/x", "bücher"),
            ("https://www.xn--42c5b3a1dc8kd.example/x", "bücher"),
            ("https://xn--42c5b3a1dc8kd.co.th/x", "plaza"),
            ("https://plaza.example/", "plaza"),
        ] {
            assert_eq!(
                sources.at_host(crate::url::host_name(crate::url::host(url), &mut String::new())).name,
                name,
                "{url}"
            );
        }
        for name in ["Bücher", "BÜCHERSHOP", "xn--bcher-kva.example", "bücher.example"] {
            assert_eq!(sources.by_name(name).name, "bücher", "{name}");
        }
    }

    #[test]
    fn no_host_or_name_stands_in_two_tables() {
        let mut seen = std::collections::BTreeMap::new();
        for (class, file) in FILES {
            for line in lines(file) {
                let (names, hosts) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
                for word in names.split(' ').chain(hosts.split(", ")) {
                    assert_eq!(word, word.trim().to_lowercase(), "{line}");
                    let before = seen.insert(word, (class, line));
                    assert!(before.is_none_or(|before| before == (class, line)), "{word} stands twice");
                }
            }
        }
        assert!(seen.len() > 350, "{}", seen.len());
    }
}
