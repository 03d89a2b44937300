//! Client hints as clicks carry them: what a page's script reads (`userAgentData`), or the headers that a collector passes
//! on (`Sec-CH-UA`, `Sec-CH-UA-Platform`, …), anywhere in the properties.

use std::borrow::Cow;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use crumbtrail_events::ClickEvent;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Agent;
use super::hints::{Hints, UserAgentData};
use crate::json::{after_blanks, string_end, value_end};

/// The headers, as they are named in lower case.
const HEADERS: [&str; 6] = [
    "sec-ch-ua",
    "sec-ch-ua-full-version-list",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-ch-ua-platform-version",
    "sec-ch-ua-model",
];

/// How the keys begin, their quote included.
const KEYS: [&str; 4] = ["\"sec-ch-ua", "\"Sec-CH-UA", "\"SEC-CH-UA", "\"userAgentData\""];

/// The hints of one click as they were sent: JSON values, empty where absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent<'a> {
    data: &'a str,
    headers: [&'a str; HEADERS.len()],
}

/// Whether the middle of one of the keys is in the text: `h-u` of the headers, `tDa` of the other.
#[inline]
fn may_hold_key(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(b'-', b'D', bytes).any(|at| {
        let around = [at.wrapping_sub(1), at + 1].map(|at| bytes.get(at).map_or(0, |byte| byte | 0x20));
        around == if bytes[at] == b'-' { *b"hu" } else { *b"ta" }
    })
}

impl<'a> Sent<'a> {
    /// The hints of a click; `None` if it carries none.
    #[inline]
    pub(crate) fn of(event: &ClickEvent<'a>) -> Option<Sent<'a>> {
        if event.client_hints.is_empty() && !may_hold_key(event.properties) {
            return None;
        }
        Sent::find(event.client_hints, event.properties)
    }

    fn find(data: &'a str, properties: &'a str) -> Option<Sent<'a>> {
        static KEY: OnceLock<AhoCorasick> = OnceLock::new();
        let key = KEY.get_or_init(|| AhoCorasick::new(KEYS).expect("short patterns make an automaton"));
        let mut sent = Sent { data, ..Sent::default() };
        for found in key.find_iter(properties) {
            sent.take(properties, found.start());
        }
        (sent != Sent::default()).then_some(sent)
    }

    /// Takes the value of the key whose quote stands at `at`, if it is a key.
    fn take(&mut self, json: &'a str, at: usize) -> Option<()> {
        let bytes = json.as_bytes();
        if at > 0 && bytes[at - 1] == b'\\' {
            return None;
        }
        let end = string_end(bytes, at + 1)?;
        let colon = after_blanks(bytes, end + 1);
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        let value = after_blanks(bytes, colon + 1);
        let value = &json[value..value_end(bytes, value)?];
        let name = &json[at + 1..end];
        if name.starts_with('u') {
            self.data = value;
            return Some(());
        }
        self.headers[HEADERS.iter().position(|header| header.eq_ignore_ascii_case(name))?] = value;
        Some(())
    }

    /// Stands for the hints and for what `seed` stands for.
    pub(crate) fn hash(&self, seed: u64) -> u64 {
        self.headers.iter().fold(xxh3_64_with_seed(self.data.as_bytes(), seed), |seed, header| {
            // Where one ends and the next begins is told by the lengths.
            xxh3_64_with_seed(header.as_bytes(), seed.rotate_left(7) ^ header.len() as u64)
        })
    }

    /// The agent, mended by the hints; what cannot be read hints nothing.
    pub(crate) fn mend(&self, agent: Agent) -> Agent {
        let texts = self.headers.map(|raw| match raw {
            "true" => "?1".into(),
            "false" => "?0".into(),
            raw => serde_json::from_str::<Cow<'_, str>>(raw).unwrap_or_default(),
        });
        let told = HEADERS.into_iter().zip(texts.iter().map(|text| &**text)).filter(|(_, text)| !text.is_empty());
        let agent = agent.with(&Hints::of_headers(told));
        match UserAgentData::read(self.data) {
            Some(data) => agent.with(&data.hints(&mut String::new())),
            None => agent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::vocabulary::Device;

    const PHONE: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36";

    /// Brand, browser with version, system's version and device of a phone's frozen agent with these properties.
    fn mended(client_hints: &str, properties: &str) -> Option<(String, Device)> {
        let sent = Sent::of(&ClickEvent { client_hints, properties, ..ClickEvent::default() })?;
        let agent = sent.mend(Agent::read(PHONE));
        let (browser, system) = (agent.browser_version.as_str(), agent.os_version.as_str());
        Some((format!("{} {} {browser} {} {system}", agent.brand, agent.browser, agent.os), agent.device))
    }

    #[test]
    fn headers_in_the_properties_are_hints() {
        let headers = r#"{"plan":"x","request":{"sec-ch-ua":"\"Chromium\";v=\"126\", \"Microsoft Edge\";v=\"126\"",
            "sec-ch-ua-mobile" : "?1","sec-ch-ua-platform":"\"Android\"","sec-ch-ua-platform-version":"\"14.0.0\"",
            "sec-ch-ua-model":"\"SM-S918B\""}}"#;
        let expected = Some(("Samsung Edge 126 Android 14.0".to_owned(), Device::Mobile));
        assert_eq!(mended("", headers), expected);
        assert_eq!(mended("", &headers.replace("sec-ch-ua", "Sec-CH-UA")), expected);
        assert_eq!(mended("", &headers.replace("sec-ch-ua", "SEC-CH-UA").replace("-mobile", "-MOBILE")), expected);
        let plain = r#"{"sec-ch-ua-platform-version":"15","sec-ch-ua-mobile":false}"#;
        assert_eq!(mended("", plain), Some((" Chrome 126.0 Android 15".to_owned(), Device::Tablet)));
    }

    #[test]
    fn a_scripts_data_are_hints_wherever_they_stand() {
        let data = r#"{"brands":[{"brand":"Not\/A)Brand","version":"8"},{"brand":"Samsung Internet","version":"25"}],
            "fullVersionList":[{"brand":"Samsung Internet","version":"25.0.1.2"}],
            "mobile":true,"platform":"Android","platformVersion":"13.0.0","model":"SM-A515F"}"#;
        let expected = Some(("Samsung Samsung Internet 25.0 Android 13.0".to_owned(), Device::Mobile));
        assert_eq!(mended(data, ""), expected);
        assert_eq!(mended("", &format!(r#"{{"a":1,"userAgentData": {data} ,"b":2}}"#)), expected);
        assert_eq!(mended("", &format!(r#"{{"context":{{"userAgentData":{data}}}}}"#)), expected);
    }

    #[test]
    fn what_is_no_hint_changes_nothing() {
        for properties in [
            "",
            r#"{"plan":"x","users":3}"#,
            r#"{"note":"a \"userAgentData\":{\"platform\":\"Windows\"}"}"#,
            r#"{"keys":["userAgentData","sec-ch-ua"]}"#,
            r#"{"sec-ch-ua-bitness":"64"}"#,
            r#"{"userAgentData":{"platform":"#,
            r#"{"sec-ch-ua"#,
        ] {
            assert_eq!(mended("", properties), None, "{properties}");
        }
        let frozen = Some((" Chrome 126.0 Android 10".to_owned(), Device::Mobile));
        for properties in [
            r#"{"userAgentData":7}"#,
            r#"{"userAgentData":{"brands":"x"}}"#,
            r#"{"sec-ch-ua":["x"]}"#,
            r#"{"sec-ch-ua":""}"#,
        ] {
            assert_eq!(mended("", properties), frozen, "{properties}");
        }
    }

    #[test]
    fn different_hints_are_told_apart() {
        let of = |properties| Sent::of(&ClickEvent { properties, ..ClickEvent::default() }).unwrap().hash(1);
        let hashes = [
            of(r#"{"sec-ch-ua-model":"a"}"#),
            of(r#"{"sec-ch-ua-platform":"a"}"#),
            of(r#"{"sec-ch-ua-platform":"b"}"#),
            of(r#"{"userAgentData":"a"}"#),
        ];
        assert!((1..hashes.len()).all(|at| !hashes[..at].contains(&hashes[at])));
        assert_eq!(of(r#"{"x":1,"sec-ch-ua-model" : "a"}"#), hashes[0]);
    }

    #[test]
    fn every_key_is_noticed() {
        for key in KEYS {
            assert!(may_hold_key(&format!("{{\"id\":1,{key}")), "{key}");
        }
        for text in
            ["", "h", "h-", r#"{"status":200,"bytes":203023,"method":"GET"}"#, r#"{"product_id":"x-1","list":"h_a"}"#]
        {
            assert!(!may_hold_key(text), "{text}");
        }
    }

    #[test]
    fn any_text_is_survived() {
        proptest::proptest!(|(text in "([{}\\[\\]:, \\\\a\"]|\"sec-ch-ua|\"userAgentData\"|-model\"){0,20}")| {
            let _ = mended("", &text);
        });
    }
}
