//! Versions of browsers and systems: where in the agent each family writes its own.

use std::fmt;

/// A version as `major.minor`, at most 11 bytes; empty where the agent tells none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Version {
    text: [u8; 11],
    len: u8,
}

impl Version {
    /// The version a text begins with: digits, then one more number after `.` or `_`. Empty if it begins with no digit.
    #[must_use]
    pub fn read(text: &str) -> Version {
        let mut version = Version::default();
        let mut parts = 0;
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' => {}
                b'.' | b'_' if version.len > 0 && parts == 0 => parts = 1,
                _ => break,
            }
            if usize::from(version.len) == version.text.len() {
                break;
            }
            version.text[usize::from(version.len)] = if byte == b'_' { b'.' } else { byte };
            version.len += 1;
        }
        if version.as_str().ends_with('.') {
            version.len -= 1;
        }
        version
    }

    fn named(name: &str) -> Version {
        let mut version = Version::default();
        for (to, from) in version.text.iter_mut().zip(name.bytes()) {
            *to = from;
            version.len += 1;
        }
        version
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Where a browser writes its version, unless it stands behind the token it is known by.
fn browser_anchors(browser: &str) -> &'static [&'static str] {
    match browser {
        "Safari" | "Android Browser" | "BlackBerry" => &["version/"],
        "Opera" => &["opr/", "opios/", "opt/", "version/", "opera mobi/", "opera/", "opera "],
        "Opera Mini" => &["opera mini/"],
        "Facebook" => &["fbav/"],
        "LINE" => &[" line/"],
        "Edge" => &["edg/", "edga/", "edgios/", "edge/"],
        "Chrome" => &["crios/", "chrome/"],
        "Android WebView" => &["chrome/"],
        "Firefox" => &["fxios/", "firefox/", "iceweasel/", "icecat/"],
        "DuckDuckGo" => &["duckduckgo/", "ddg/"],
        "TikTok" => &["app_version/", "appversion/", "musical_ly_", "trill_", "tiktok/"],
        "Shopee" => &["shopee/"],
        "Twitter" => &["twitter for iphone/"],
        "QQ Browser" => &["mqqbrowser/", "qqbrowser/"],
        "UC Browser" => &["ucbrowser/", "ubrowser/", "ucweb/", "ucweb"],
        "Cốc Cốc" => &["coc_coc_browser/"],
        "GNOME Web" => &["epiphany/"],
        "Samsung Internet" => &["samsungbrowser/"],
        "Yandex" => &["yabrowser/"],
        "MIUI Browser" => &["miuibrowser/"],
        "HeyTap Browser" => &["heytapbrowser/"],
        "Vivo Browser" => &["vivobrowser/"],
        "Huawei Browser" => &["huaweibrowser/"],
        "Instagram" => &["instagram "],
        "WeChat" => &["micromessenger/"],
        "KakaoTalk" => &["kakaotalk "],
        "LinkedIn" => &["linkedinapp/"],
        "Google App" => &["gsa/"],
        "Chromium" => &["chromium/"],
        "Silk" => &["silk/"],
        "Vivaldi" => &["vivaldi/"],
        "Whale" => &["whale/"],
        "Puffin" => &["puffin/"],
        "Maxthon" => &["maxthon/", "maxthon "],
        "Firefox Focus" => &["focus/"],
        "SeaMonkey" => &["seamonkey/"],
        "Pale Moon" => &["palemoon/"],
        "Conkeror" => &["conkeror/"],
        "Konqueror" => &["konqueror/"],
        "Lynx" => &["lynx/"],
        _ => &[],
    }
}

/// The version of `browser` in an agent in lower case.
pub(super) fn of_browser(browser: &str, agent: &str) -> Version {
    if browser == "Internet Explorer" {
        return internet_explorer(agent);
    }
    let version = after(agent, browser_anchors(browser));
    if browser == "TikTok" { tiktok(version) } else { version }
}

/// Where the app writes only the number of its build, its version is in that: `2023301030` is 33.1(.3).
fn tiktok(version: Version) -> Version {
    match version.as_str().strip_prefix("202") {
        Some(rest) if rest.len() == 7 && rest.bytes().all(|b| b.is_ascii_digit()) => {
            let minor = rest[2..4].strip_prefix('0').unwrap_or(&rest[2..4]);
            Version::read(&format!("{}.{minor}", &rest[..2]))
        }
        _ => version,
    }
}

/// The engine tells the truth; what follows `MSIE` may be an older one's manners.
fn internet_explorer(agent: &str) -> Version {
    let engine = after(agent, &["trident/"]);
    let engine = engine.as_str().split('.').next().unwrap_or_default();
    match engine.parse::<u32>() {
        Ok(engine @ 4..=7) => Version::read(&format!("{}.0", engine + 4)),
        _ => after(agent, &["msie ", "iemobile/"]),
    }
}

/// The version of `os` in an agent in lower case.
pub(super) fn of_system(os: &str, agent: &str) -> Version {
    let anchors: &[&str] = match os {
        "Windows" => return windows(agent),
        "iOS" if agent.contains("darwin/") => return apple_app(agent),
        "iOS" => &["iphone os ", "cpu os ", "ios/", "ios "],
        "macOS" => &["mac os x "],
        "Android" => &["android ", "android/"],
        "Windows Phone" => &["windows phone os ", "windows phone "],
        "Tizen" => &["tizen "],
        "KaiOS" => &["kaios/"],
        "HarmonyOS" => &["harmonyos ", "openharmony "],
        "BlackBerry OS" => &["version/"],
        "tvOS" => &["tvos "],
        _ => &[],
    };
    after(agent, anchors)
}

/// An app on a phone tells its kernel: Darwin 22 is iOS 16. Older ones belong to two systems each.
fn apple_app(agent: &str) -> Version {
    let kernel = after(agent, &["darwin/"]);
    match kernel.as_str().split('.').next().unwrap_or_default().parse::<u32>() {
        Ok(kernel @ 16..=24) => Version::read(&(kernel - 6).to_string()),
        Ok(kernel @ 25..) => Version::read(&kernel.saturating_add(1).to_string()),
        _ => Version::default(),
    }
}

/// Windows by its name: `NT 6.1` is what nobody calls it.
fn windows(agent: &str) -> Version {
    let number = after(agent, &["windows nt "]);
    let name = match number.as_str() {
        "10.0" => "10",
        "6.3" => "8.1",
        "6.2" => "8",
        "6.1" => "7",
        "6.0" => "Vista",
        "5.1" | "5.2" => "XP",
        "5.0" | "5.01" => "2000",
        "" if agent.contains("win98") || agent.contains("windows 98") => "98",
        _ => return number,
    };
    Version::named(name)
}

/// The version behind the first of `anchors` that is in there and followed by one.
fn after(agent: &str, anchors: &[&str]) -> Version {
    anchors
        .iter()
        .filter_map(|anchor| memchr::memmem::find(agent.as_bytes(), anchor.as_bytes()).map(|at| at + anchor.len()))
        .map(|at| Version::read(agent.get(at..).unwrap_or_default()))
        .find(|version| version.len > 0)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_two_numbers() {
        for (text, version) in [
            ("126.0.6478.71", "126.0"),
            ("17_5 like", "17.5"),
            ("14;", "14"),
            ("7_0_4", "7.0"),
            ("10.", "10"),
            ("", ""),
            ("x", ""),
            (".5", ""),
            ("123456789012345", "12345678901"),
            ("1234567890.55", "1234567890"),
        ] {
            assert_eq!(Version::read(text).as_str(), version, "{text}");
        }
    }

    #[test]
    fn each_family_writes_its_version_in_its_own_place() {
        for (browser, agent, version) in [
            ("Safari", "version/17.5 mobile/15e148 safari/604.1", "17.5"),
            ("Edge", "chrome/126.0.0.0 safari/537.36 edg/125.0.1", "125.0"),
            ("Opera", "opera/9.80 (x11) presto/2.12.388 version/12.16", "12.16"),
            ("Opera", "chrome/126.0 safari/537.36 opr/112.0.5197.53", "112.0"),
            ("Internet Explorer", "msie 7.0; windows nt 6.1; trident/5.0", "9.0"),
            ("Internet Explorer", "windows nt 6.1; trident/7.0; rv:11.0", "11.0"),
            ("Internet Explorer", "msie 6.0; windows nt 5.1", "6.0"),
            ("Facebook", "[fban/fbios;fbav/440.0.0.1]", "440.0"),
            ("Instagram", "instagram 300.0.0.13", "300.0"),
            ("TikTok", "musical_ly_29.4.0 jssdk/2.0", "29.4"),
            ("TikTok", "musical_ly_2023301030 jssdk/1.0 appname/musical_ly app_version/33.1.3", "33.1"),
            ("TikTok", "trill_2023301030 jssdk/1.0 appversion/33.1.3 bytedancewebview/d8a21c6", "33.1"),
            ("TikTok", "trill_2022803040 jssdk/1.0 nettype/wifi", "28.3"),
            ("TikTok", "musical_ly_2023", "2023"),
            ("Shopee", "mobile/15e148 shopee/2.98.22 language=th app_type=1", "2.98"),
            ("WebView", "applewebkit/605.1.15", ""),
            ("App", "okhttp/4.12.0", ""),
        ] {
            assert_eq!(of_browser(browser, agent).as_str(), version, "{agent}");
        }
        for (os, agent, version) in [
            ("Windows", "windows nt 10.0; win64", "10"),
            ("Windows", "windows nt 5.2; wow64", "XP"),
            ("Windows", "windows nt 11.0", "11.0"),
            ("iOS", "cpu iphone os 17_5_1 like mac os x", "17.5"),
            ("iOS", "shop/4.2 cfnetwork/1410.0.3 darwin/22.6.0", "16"),
            ("iOS", "shop/4.2 cfnetwork/3826.5 darwin/25.0.0", "26"),
            ("iOS", "shop/1.0 cfnetwork/672.0.2 darwin/14.0.0", ""),
            ("macOS", "intel mac os x 10_15_7", "10.15"),
            ("macOS", "intel mac os x 10.9; rv:26.0", "10.9"),
            ("Android", "linux; android 4.0.3; th-th", "4.0"),
            ("Android", "android; mobile; rv:27.0", ""),
            ("Linux", "x11; linux x86_64", ""),
        ] {
            assert_eq!(of_system(os, agent).as_str(), version, "{agent}");
        }
    }
}
