//! Client hints: what a browser says of itself besides its frozen user agent, where the page or proxy passes it on.

use std::borrow::Cow;

use serde::Deserialize;

use super::brand;
use super::version::Version;
use super::{Agent, Device};

/// Hints of one browser; absent is empty or `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hints<'a> {
    /// `Sec-CH-UA` or `Sec-CH-UA-Full-Version-List`: `"Chromium";v="126", "Google Chrome";v="126"`.
    pub brands: &'a str,
    /// `Sec-CH-UA-Mobile`.
    pub mobile: Option<bool>,
    /// `Sec-CH-UA-Platform`: `Windows`, `Android`, …
    pub platform: &'a str,
    /// `Sec-CH-UA-Platform-Version`.
    pub platform_version: &'a str,
    /// `Sec-CH-UA-Model`.
    pub model: &'a str,
}

/// Browsers by the brand they put into the list, more special ones first.
const BRANDS: [(&str, &str); 13] = [
    ("Microsoft Edge", "Edge"),
    ("Opera", "Opera"),
    ("Samsung Internet", "Samsung Internet"),
    ("YaBrowser", "Yandex"),
    ("Yandex", "Yandex"),
    ("Brave", "Brave"),
    ("Vivaldi", "Vivaldi"),
    ("Whale", "Whale"),
    ("DuckDuckGo", "DuckDuckGo"),
    ("Android WebView", "Android WebView"),
    ("HeadlessChrome", "Chrome"),
    ("Google Chrome", "Chrome"),
    ("Chromium", "Chromium"),
];

impl<'a> Hints<'a> {
    /// The hints among HTTP headers, names in any case.
    pub fn of_headers(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Hints<'a> {
        let mut hints = Hints::default();
        for (name, value) in headers {
            let bare = value.trim().trim_matches('"');
            if name.eq_ignore_ascii_case("sec-ch-ua-full-version-list")
                || (name.eq_ignore_ascii_case("sec-ch-ua") && hints.brands.is_empty())
            {
                hints.brands = value;
            } else if name.eq_ignore_ascii_case("sec-ch-ua-mobile") {
                hints.mobile = Some(bare == "?1");
            } else if name.eq_ignore_ascii_case("sec-ch-ua-platform") {
                hints.platform = bare;
            } else if name.eq_ignore_ascii_case("sec-ch-ua-platform-version") {
                hints.platform_version = bare;
            } else if name.eq_ignore_ascii_case("sec-ch-ua-model") {
                hints.model = bare;
            }
        }
        hints
    }

    /// Whether nothing was hinted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Hints::default()
    }

    /// The browser of the brand list and its version.
    fn browser(&self) -> Option<(&'static str, Version)> {
        BRANDS.iter().find_map(|(brand, browser)| {
            let at = self.brands.find(brand)?;
            let rest = &self.brands[at + brand.len()..];
            // `"Opera";v="112"`: the brand ends here, so that `Opera GX` is not Opera's version.
            let version = rest.strip_prefix("\";v=\"").map(Version::read).unwrap_or_default();
            Some((*browser, version))
        })
    }
}

/// The user-agent data of a page's script, as Segment puts it into `context.userAgentData`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UserAgentData<'a> {
    #[serde(borrow)]
    brands: Vec<Brand<'a>>,
    #[serde(borrow)]
    full_version_list: Vec<Brand<'a>>,
    mobile: Option<bool>,
    #[serde(borrow)]
    platform: Cow<'a, str>,
    #[serde(borrow)]
    platform_version: Cow<'a, str>,
    #[serde(borrow)]
    model: Cow<'a, str>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Brand<'a> {
    #[serde(borrow)]
    brand: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
}

impl<'a> UserAgentData<'a> {
    /// Reads the JSON object; `None` for anything else.
    #[must_use]
    pub fn read(json: &'a str) -> Option<UserAgentData<'a>> {
        serde_json::from_str(json).ok()
    }

    /// As hints; the brand list is written into `buffer`.
    pub fn hints<'b>(&'b self, buffer: &'b mut String) -> Hints<'b> {
        buffer.clear();
        let list = if self.full_version_list.is_empty() { &self.brands } else { &self.full_version_list };
        for Brand { brand, version } in list {
            for part in ["\"", brand, "\";v=\"", version, "\", "] {
                buffer.push_str(part);
            }
        }
        Hints {
            brands: buffer,
            mobile: self.mobile,
            platform: &self.platform,
            platform_version: &self.platform_version,
            model: &self.model,
        }
    }
}

impl Agent {
    /// What the agent says, mended by what the browser hinted: hints are newer and not frozen. A robot stays one.
    #[must_use]
    pub fn with(mut self, hints: &Hints<'_>) -> Agent {
        if hints.is_empty() || self.device == Device::Bot {
            return self;
        }
        if let Some((browser, version)) = hints.browser() {
            // A browser in an app, or one that hints only its engine, keeps the name its agent tells.
            let known = browser == "Chromium" && !self.browser.is_empty();
            if !known {
                if self.browser != browser || !version.as_str().is_empty() {
                    self.browser_version = version;
                }
                self.browser = browser;
            }
        }
        let os = match hints.platform {
            "Windows" => "Windows",
            "macOS" => "macOS",
            "Android" => "Android",
            "iOS" => "iOS",
            "Linux" => "Linux",
            "Chrome OS" | "Chromium OS" => "ChromeOS",
            _ => self.os,
        };
        if os != self.os {
            (self.os, self.os_version) = (os, Version::default());
        }
        let version = Version::read(hints.platform_version);
        if !version.as_str().is_empty() {
            self.os_version = if os == "Windows" { windows(version) } else { version };
        }
        let brand = brand::of_model(hints.model);
        if !brand.is_empty() {
            self.brand = brand;
        }
        match hints.mobile {
            Some(true) if self.device != Device::Tablet => self.device = Device::Mobile,
            Some(false) if self.device == Device::Mobile && os != "iOS" => {
                self.device = if os == "Android" { Device::Tablet } else { Device::Desktop };
            }
            None if self.device == Device::Unknown && matches!(os, "Windows" | "macOS" | "Linux" | "ChromeOS") => {
                self.device = Device::Desktop;
            }
            _ => {}
        }
        self
    }
}

/// Windows counts its hints anew: 13 and above is Windows 11, 1 to 10 is Windows 10.
fn windows(version: Version) -> Version {
    match version.as_str().split('.').next().unwrap_or_default().parse::<u32>() {
        Ok(13..) => Version::read("11"),
        Ok(1..=12) => Version::read("10"),
        _ if version.as_str().starts_with("0.3") => Version::read("8.1"),
        _ => Version::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROZEN: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
    const PHONE: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36";

    #[test]
    fn hints_of_headers_mend_a_frozen_agent() {
        let hints = Hints::of_headers([
            ("Sec-CH-UA", "\"Not/A)Brand\";v=\"8\", \"Chromium\";v=\"126\", \"Microsoft Edge\";v=\"126\""),
            ("sec-ch-ua-mobile", "?0"),
            ("Sec-CH-UA-Platform", "\"Windows\""),
            ("Sec-CH-UA-Platform-Version", "\"15.0.0\""),
            ("Accept", "*/*"),
        ]);
        let agent = Agent::read(FROZEN).with(&hints);
        assert_eq!((agent.browser, agent.browser_version.as_str()), ("Edge", "126"));
        assert_eq!((agent.os, agent.os_version.as_str(), agent.device), ("Windows", "11", Device::Desktop));
        assert_eq!(Agent::read(FROZEN).with(&Hints::default()), Agent::read(FROZEN));
    }

    #[test]
    fn hints_of_a_script_tell_the_model() {
        let json = r#"{"brands":[{"brand":"Chromium","version":"126"},{"brand":"Google Chrome","version":"126"}],
            "mobile":true,"platform":"Android","platformVersion":"14.0.0","model":"SM-S918B","bitness":"64"}"#;
        let data = UserAgentData::read(json).unwrap();
        let mut buffer = String::new();
        let agent = Agent::read(PHONE).with(&data.hints(&mut buffer));
        assert_eq!((agent.brand, agent.os_version.as_str(), agent.device), ("Samsung", "14.0", Device::Mobile));
        assert_eq!((agent.browser, agent.browser_version.as_str()), ("Chrome", "126"));
        assert_eq!(UserAgentData::read("[1]"), None);
    }

    #[test]
    fn a_robot_stays_one() {
        let hints = Hints { platform: "Windows", mobile: Some(false), ..Hints::default() };
        assert_eq!(Agent::read("Googlebot/2.1").with(&hints).device, Device::Bot);
        let tablet = Hints { platform: "Android", mobile: Some(false), ..Hints::default() };
        assert_eq!(Agent::read(PHONE).with(&tablet).device, Device::Tablet);
    }
}
