//! Device class, browser family, operating system and robot from a user agent.
//!
//! Ordered rules over tokens of our own, found in one Aho–Corasick pass: a family is the first of its list whose
//! token occurs. Versions and brand are read only when an agent is met for the first time; a cache keeps the rest cheap.

pub mod behaviour;
mod brand;
pub mod hints;
mod indicators;
mod matcher;
pub(crate) mod sent;
mod tokens;
mod version;

pub use indicators::Indicators;
pub use version::Version;

use crumbtrail_events::Touchpoint;
use crumbtrail_events::vocabulary::Device;

use crate::text::clipped;
use matcher::Reading;

/// What a user agent says; empty strings where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Agent {
    /// Device class; `Unknown` for an absent agent, `Other` for one that no rule knows.
    pub device: Device,
    /// Who made the device.
    pub brand: &'static str,
    /// Browser family.
    pub browser: &'static str,
    /// Version of the browser.
    pub browser_version: Version,
    /// Operating system family.
    pub os: &'static str,
    /// Version of the system.
    pub os_version: Version,
    /// Name of the first indicator that says it is a robot, empty otherwise.
    pub bot: &'static str,
    /// Every indicator that says so.
    pub indicators: Indicators,
}

/// Whether nobody says who they are: nothing but blanks, or `-`, as web server logs write it.
#[inline]
#[must_use]
pub fn is_absent(text: &str) -> bool {
    matches!(text.trim_ascii(), "" | "-")
}

impl Agent {
    /// Writes what the agent says into a touchpoint. Whether it is a robot's is for the rules to say.
    pub(crate) fn put<'a>(&'a self, out: &mut Touchpoint<'a>) {
        self.put_versioned((self.browser_version.as_str(), self.os_version.as_str()), out);
    }

    /// As [`Agent::put`], with the versions of browser and system as text.
    #[inline]
    pub(crate) fn put_versioned<'a>(&self, versions: (&'a str, &'a str), out: &mut Touchpoint<'a>) {
        (out.device, out.browser, out.os) = (self.device, self.browser, self.os);
        (out.brand, out.bot_indicators) = (self.brand, self.indicators.as_str());
        (out.browser_version, out.os_version) = versions;
    }

    /// Reads a user agent. One that is absent (see [`is_absent`]) says nothing.
    #[must_use]
    pub fn read(text: &str) -> Agent {
        let text = text.trim();
        if is_absent(text) {
            return Agent::default();
        }
        // Agents beyond 2 KiB are nobody's; their beginning says enough.
        let text = clipped(text, 2048);
        let Reading { device, browser, os, said } = matcher::read(text);
        let lower = text.to_ascii_lowercase();
        let agent = Agent {
            device,
            brand: brand::of_agent(os, &lower),
            browser,
            browser_version: version::of_browser(browser, &lower),
            os,
            os_version: version::of_system(os, &lower),
            ..Agent::default()
        };
        agent.flagged(said)
    }

    /// Whether an agent was given that no rule knows.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.device == Device::Other
            || (self.bot.is_empty() && self.browser.is_empty() && self.device != Device::Unknown)
    }

    /// The agent with more indicators; any of [`Indicators::DECISIVE`] makes it a robot.
    #[must_use]
    pub fn flagged(mut self, said: Indicators) -> Agent {
        self.indicators = self.indicators.and(said);
        self.bot = self.indicators.among(Indicators::DECISIVE).first();
        if !self.bot.is_empty() {
            self.device = Device::Bot;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Device::{Bot, Desktop, Mobile, Other, Tablet, Tv, Unknown};
    use super::*;

    const WEBKIT: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";

    #[test]
    fn people_are_told_by_device_browser_and_system() {
        for (text, device, browser, os) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) {} Chrome/126.0.0.0 Safari/537.36",
                Desktop,
                "Chrome",
                "Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) {} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
                Desktop,
                "Edge",
                "Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) {} Chrome/64.0 Safari/537.36 Edge/17.17134",
                Desktop,
                "Edge",
                "Windows",
            ),
            ("Mozilla/5.0 (Windows NT 10.0) {} Chrome/126.0 Safari/537.36 OPR/112.0", Desktop, "Opera", "Windows"),
            ("Mozilla/5.0 (Windows NT 6.1; WOW64; rv:27.0) Gecko/20100101 Firefox/27.0", Desktop, "Firefox", "Windows"),
            (
                "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
                Desktop,
                "Internet Explorer",
                "Windows",
            ),
            (
                "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.1; Trident/5.0; Tablet PC 2.0)",
                Desktop,
                "Internet Explorer",
                "Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {} Version/17.5 Safari/605.1.15",
                Desktop,
                "Safari",
                "macOS",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) {} Chrome/33.0.1750.91 Safari/537.36",
                Desktop,
                "Chrome",
                "macOS",
            ),
            (
                "Safari/9537.73.11 CFNetwork/673.0.3 Darwin/13.0.0 (x86_64) (MacBookPro8%2C1)",
                Desktop,
                "Safari",
                "macOS",
            ),
            (
                "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
                Desktop,
                "Firefox",
                "Linux",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) {} Ubuntu Chromium/32.0 Chrome/32.0 Safari/537.36",
                Desktop,
                "Chromium",
                "Linux",
            ),
            ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {} Chrome/126.0 Safari/537.36", Desktop, "Chrome", "ChromeOS"),
            ("Opera/9.80 (X11; Linux x86_64) Presto/2.12.388 Version/12.16", Desktop, "Opera", "Linux"),
            ("Mozilla/5.0 (X11; FreeBSD amd64; rv:26.0) Gecko/20100101 Firefox/26.0", Desktop, "Firefox", "FreeBSD"),
            ("Mozilla/5.0 (X11; Linux) KHTML/4.9.1 (like Gecko) Konqueror/4.9", Desktop, "Konqueror", "Linux"),
            ("Lynx/2.8.8dev.3 libwww-FM/2.14 SSL-MM/1.4.1", Bot, "Lynx", ""),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {} Version/17.5 Mobile/15E148 Safari/604.1",
                Mobile,
                "Safari",
                "iOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {} CriOS/126.0 Mobile/15E148 Safari/604.1",
                Mobile,
                "Chrome",
                "iOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {} FxiOS/127.0 Mobile/15E148 Safari/605.1.15",
                Mobile,
                "Firefox",
                "iOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {} EdgiOS/126.0 Mobile/15E148 Safari/605.1.15",
                Mobile,
                "Edge",
                "iOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) {} Mobile/15E148 Safari Line/13.10.0",
                Mobile,
                "LINE",
                "iOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) {} Mobile/15E148 [FBAN/FBIOS;FBAV/440.0]",
                Mobile,
                "Facebook",
                "iOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) {} Mobile/15E148 Instagram 300.0.0.13",
                Mobile,
                "Instagram",
                "iOS",
            ),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) {} Mobile/15E148", Mobile, "WebView", "iOS"),
            ("Shop/4.2.1 CFNetwork/1410.0.3 Darwin/22.6.0", Mobile, "App", "iOS"),
            (
                "Mozilla/5.0 (iPad; CPU OS 7_0_4 like Mac OS X) {} Version/7.0 Mobile/11B554a Safari/9537.53",
                Tablet,
                "Safari",
                "iOS",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) {} Chrome/126.0 Mobile Safari/537.36",
                Mobile,
                "Chrome",
                "Android",
            ),
            (
                "Mozilla/5.0 (Linux; Android 13; SM-S918B) {} SamsungBrowser/25.0 Chrome/121.0 Mobile Safari/537.36",
                Mobile,
                "Samsung Internet",
                "Android",
            ),
            ("Mozilla/5.0 (Linux; Android 13; SM-X906C) {} Chrome/126.0 Safari/537.36", Tablet, "Chrome", "Android"),
            ("Mozilla/5.0 (Linux; Android 12; Nexus 7) {} Chrome/126.0 Safari/537.36", Tablet, "Chrome", "Android"),
            ("Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0", Mobile, "Firefox", "Android"),
            ("Mozilla/5.0 (Android 14; Tablet; rv:127.0) Gecko/127.0 Firefox/127.0", Tablet, "Firefox", "Android"),
            (
                "Mozilla/5.0 (Linux; U; Android 12; th; CPH2239) {} Version/4.0 Chrome/100.0 Mobile Safari/537.36 HeyTapBrowser/45.9",
                Mobile,
                "HeyTap Browser",
                "Android",
            ),
            (
                "Mozilla/5.0 (Linux; U; Android 13; id-id; M2101K6G) {} Version/4.0 Chrome/112.0 Mobile Safari/537.36 XiaoMi/MiuiBrowser/14.4",
                Mobile,
                "MIUI Browser",
                "Android",
            ),
            (
                "Mozilla/5.0 (Linux; U; Android 9; en-US; CPH1923) {} Version/4.0 Chrome/78.0 UCBrowser/13.4 Mobile Safari/537.36",
                Mobile,
                "UC Browser",
                "Android",
            ),
            (
                "Mozilla/5.0 (Linux; U; Android 4.0.3; th-th; GT-P5100) {} Version/4.0 Mobile Safari/534.30",
                Mobile,
                "Android Browser",
                "Android",
            ),
            (
                "Mozilla/5.0 (Linux; Android 13; SM-A135F; wv) {} Version/4.0 Chrome/126.0 Mobile Safari/537.36",
                Mobile,
                "Android WebView",
                "Android",
            ),
            (
                "Mozilla/5.0 (Linux; Android 13; CPH2473; wv) {} Version/4.0 Chrome/126.0 Mobile Safari/537.36 musical_ly_2023",
                Mobile,
                "TikTok",
                "Android",
            ),
            (
                "Mozilla/5.0 (Linux; Android 13; V2207; wv) {} Chrome/126.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/440.0;]",
                Mobile,
                "Facebook",
                "Android",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; CUBOT_X30) {} Chrome/126.0 Mobile Safari/537.36",
                Mobile,
                "Chrome",
                "Android",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; HUAWEI) {} Chrome/92.0 Mobile HuaweiBrowser/13.0 Safari/537.36",
                Mobile,
                "Huawei Browser",
                "Android",
            ),
            ("Dalvik/2.1.0 (Linux; U; Android 13; SM-A536E Build/TP1A)", Mobile, "App", "Android"),
            ("okhttp/4.12.0", Mobile, "App", "Android"),
            ("axios/1.7.2", Bot, "", ""),
            ("Shop-iOS/3.1", Other, "", "iOS"),
            ("shop/3.1 ios/17.4", Other, "", "iOS"),
            ("ShopApp/1.0 (Android 13; SM-A146P)", Mobile, "", "Android"),
            ("com.shop.app/1.2 (Android 13)", Mobile, "", "Android"),
            ("Opera/9.80 (J2ME/MIDP; Opera Mini/9.80; U; en) Presto/2.5.25 Version/10.54", Mobile, "Opera Mini", ""),
            (
                "Mozilla/5.0 (BB10; Touch) AppleWebKit/537.10+ (KHTML, like Gecko) Version/10.0.9 Mobile Safari/537.10+",
                Mobile,
                "BlackBerry",
                "BlackBerry OS",
            ),
            (
                "Mozilla/5.0 (compatible; MSIE 10.0; Windows Phone 8.0; Trident/6.0; IEMobile/10.0)",
                Mobile,
                "Internet Explorer",
                "Windows Phone",
            ),
            ("Mozilla/5.0 (Mobile; Nokia 8110; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5", Mobile, "Firefox", "KaiOS"),
            ("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) {} Version/6.0 TV Safari/537.36", Tv, "Safari", "Tizen"),
            ("Mozilla/5.0 (Web0S; Linux/SmartTV) {} Chrome/87.0 Safari/537.36 WebAppManager", Tv, "Chrome", "webOS"),
            (
                "Mozilla/5.0 (PlayStation; PlayStation 5/6.00) {} Version/13.0 Safari/605.1.15",
                Tv,
                "Safari",
                "PlayStation",
            ),
            ("Mozilla/5.0 (Linux; Android 9; AFTT) {} Silk/94.3 like Chrome/94.0 Safari/537.36", Tv, "Silk", "Android"),
            (
                "Mozilla/5.0 (Linux; Android 11; KFTRWI Build; Kindle) {} Silk/94.3 Safari/537.36",
                Tablet,
                "Silk",
                "Android",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) {} Chrome/126.0 Safari/537.36 checkout-survey thumbnail",
                Desktop,
                "Chrome",
                "Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; bottle; abbott) {} Chrome/126.0 Safari/537.36",
                Desktop,
                "Chrome",
                "Windows",
            ),
            ("Mozilla/4.0 (compatible;)", Other, "", ""),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 15_4 like Mac OS X) {} Mobile/15E148 Shopee/2.98.22 language=th app_type=1",
                Mobile,
                "Shopee",
                "iOS",
            ),
            (
                "Mozilla/5.0 (Linux; Android 12; CPH2239; wv) {} Version/4.0 Chrome/126.0 Mobile Safari/537.36 Beeshop locale/th",
                Mobile,
                "Shopee",
                "Android",
            ),
            ("", Unknown, "", ""),
            ("-", Unknown, "", ""),
            (" - ", Unknown, "", ""),
        ] {
            let text = text.replace("{}", WEBKIT);
            let agent = Agent::read(&text);
            assert_eq!((agent.device, agent.browser, agent.os), (device, browser, os), "{text}");
            assert_eq!(agent.bot.is_empty(), device != Bot, "{text}: {}", agent.bot);
        }
    }

    #[test]
    fn robots_are_told_with_the_indicator_that_says_so() {
        for (text, bot) in [
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Indicators::USER_AGENT),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 6_0 like Mac OS X) AppleWebKit/536.26 Safari/8536.25 (compatible; Googlebot/2.1)",
                Indicators::USER_AGENT,
            ),
            ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", Indicators::USER_AGENT),
            ("Mozilla/5.0 (compatible; AhrefsBot/5.0; +http://ahrefs.com/robot/)", Indicators::USER_AGENT),
            ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", Indicators::USER_AGENT),
            ("TelegramBot (like TwitterBot)", Indicators::USER_AGENT),
            ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", Indicators::USER_AGENT),
            ("some crawler 1.0", Indicators::USER_AGENT),
            ("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", Indicators::LIST),
            ("Mozilla/5.0 (compatible; Ezooms/1.0; help@moz.com)", Indicators::LIST),
            ("Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)", Indicators::LIST),
            (
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.0; +https://openai.com/gptbot)",
                Indicators::LIST,
            ),
            ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", Indicators::LIST),
            ("WhatsApp/2.23.20.0 A", Indicators::LIST),
            ("Tiny Tiny RSS/1.11 (http://tt-rss.org/)", Indicators::LIST),
            ("FeedBurner/1.0 (http://www.FeedBurner.com)", Indicators::LIST),
            ("Feedbin - 1 subscribers", Indicators::LIST),
            ("UniversalFeedParser/4.2-pre-314-svn +http://feedparser.org/", Indicators::LIST),
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0 Safari/537.36", Indicators::LIST),
            ("Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", Indicators::LIST),
            ("Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)", Indicators::LIST),
            ("Mozilla/5.0 zgrab/0.x", Indicators::LIST),
            ("curl/8.5.0", Indicators::LIBRARY),
            ("Wget/1.21", Indicators::LIBRARY),
            ("python-requests/2.31.0", Indicators::LIBRARY),
            ("Go-http-client/1.1", Indicators::LIBRARY),
            ("Java/17.0.1", Indicators::LIBRARY),
            ("facebookexternalhit/1.1;line-poker/1.0", Indicators::LIST),
            ("Mozilla/5.0 LINE-Parser/1.0", Indicators::LIST),
            ("Amazon CloudFront", Indicators::LIST),
            ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; MistralAI-User/1.0)", Indicators::LIST),
            ("k6/0.49.0 (https://k6.io/)", Indicators::LIST),
            ("k6/1.0.0", Indicators::LIST),
            ("Grafana k6/1.2.0", Indicators::LIST),
            ("Barkrowler/0.9 (exensa)", Indicators::LIST),
            ("Google-Extended", Indicators::LIST),
            ("Mozilla/5.0 (compatible; Genieo/1.0)", Indicators::LIST),
            ("distilator/1.0", Indicators::LIST),
            ("Superblock-Denim/1.0", Indicators::LIST),
        ] {
            let agent = Agent::read(text);
            assert_eq!((agent.device, agent.bot), (Bot, bot.first()), "{text}");
            assert_eq!(agent.indicators.among(bot), bot, "{text}");
        }
    }

    #[test]
    fn few_agents_of_a_real_log_are_unknown() {
        use std::io::Read;
        let Some(data) = std::env::var_os("CRUMBTRAIL_DATA") else {
            eprintln!("not run: few_agents_of_a_real_log_are_unknown: CRUMBTRAIL_DATA is not set");
            return;
        };
        let file = std::fs::File::open(std::path::Path::new(&data).join("web/apache_logs.gz")).unwrap();
        let mut log = String::new();
        flate2::read::GzDecoder::new(file).read_to_string(&mut log).unwrap();
        let (mut all, mut absent, mut bots, mut partly) = (0u32, 0u32, 0u32, 0u32);
        let mut unknown = std::collections::BTreeMap::new();
        for line in log.lines() {
            let Some(text) = line.split('"').nth(5) else { continue };
            if is_absent(text) {
                absent += 1;
                continue;
            }
            let agent = Agent::read(text);
            all += 1;
            if agent.device == Bot {
                bots += 1;
            } else if agent.device == Other {
                *unknown.entry(text).or_insert(0u32) += 1;
            } else if agent.browser.is_empty() || agent.os.is_empty() {
                partly += 1;
            }
        }
        let unknown_count: u32 = unknown.values().sum();
        eprintln!("{all} agents: {bots} robots', {unknown_count} unknown, {partly} in part: {unknown:#?}");
        assert!(all + absent >= 9_999 && (1_500..4_000).contains(&bots), "{all} {bots}");
        assert!(unknown_count * 100 < all && partly * 100 < all, "{unknown_count} {partly}");
    }

    #[test]
    fn every_indicator_of_an_agent_is_kept() {
        let agent =
            Agent::read("Mozilla/5.0 (compatible; GPTBot/1.0; +https://openai.com/gptbot) python-requests/2.31");
        assert_eq!(agent.indicators.to_string(), "list,user_agent,library");
        let person = Agent::read("Mozilla/5.0 (Windows NT 10.0) Chrome/126.0 Safari/537.36");
        let rented = person.flagged(Indicators::DATA_CENTRE);
        assert_eq!((rented.bot, rented.device), ("", Desktop), "a data centre's address is a hint, no proof");
        assert_eq!(person.flagged(Indicators::RATE).bot, "rate");
    }

    #[test]
    fn no_person_is_flagged_by_a_word_that_robots_share() {
        let browsers = [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36",
        ];
        let words = [
            "check",
            "checker",
            "CheckoutApp/2.1",
            "survey",
            "SurveyMonkey/3",
            "thumb",
            "thumbnails",
            "preview-pane",
            "monitor-32in",
            "fetch-api",
            "index",
            "scanner-app",
            "client",
            "validator-lib",
            "feedback",
            "reader-mode",
            "HeadlessShopper",
            "Abbott",
            "bottle",
            "robotics-club",
            "Botswana",
            "spiderman",
            "archive-of-ours",
            "linkme",
            "curly",
            "rubyred",
            "javaland",
            "perlmutter",
            "phantom-blue",
            "pingpong",
            "uptown",
            "scout",
            "Blade K6/1.0",
            "distillator",
            "distilators",
            "Denim-Superstore",
            "cloudfront-shoppers",
            "barkrow",
            "lineparser",
            "mistral-users",
            "google-extends",
        ];
        let mut flagged = Vec::new();
        for browser in browsers {
            for word in words {
                let agent = Agent::read(&format!("{browser} {word}"));
                if !agent.bot.is_empty() {
                    flagged.push((word, agent.indicators.to_string()));
                }
            }
        }
        assert!(flagged.is_empty(), "{flagged:?}");
    }
}
