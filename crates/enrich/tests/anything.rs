//! Whatever a record holds, enriching it neither panics nor says what nobody said.

use std::sync::Arc;

use crumbtrail_enrich::agent::hints::Hints;
use crumbtrail_enrich::channel::{Book, explain};
use crumbtrail_enrich::page::PageRules;
use crumbtrail_enrich::{Enricher, Key, Keyring, Rules, SiteRules, media};
use crumbtrail_events::{ClickEvent, Kind, SupportEntry, Touchpoint};
use proptest::prelude::*;

/// Bytes as a lossy decoder hands them on, or something that looks like what the field should hold.
fn anything(likely: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        "\\PC{0,120}",
        proptest::string::string_regex(likely).expect("a sound expression"),
    ]
}

const URLS: &str = "(https?:)?//([a-z0-9-]{0,9}\\.|xn--[a-z0-9]{0,9}\\.){0,3}[a-z]{0,4}(:[0-9]{0,6})?(/[%a-z0-9:@;._-]{0,12}){0,4}(\\?[a-z_]{0,10}=[%a-z0-9&=+@.]{0,30}){0,2}(#!?/?[a-z0-9/?=&]{0,20})?";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]
    #[test]
    fn any_record_is_survived(
        url in anything(URLS),
        referrer in anything(URLS),
        agent in anything("(Mozilla/5\\.0 )?\\([a-zA-Z0-9;. _/]{0,40}\\) ?[a-zA-Z]{0,10}/[0-9._]{0,10}( [a-zA-Z]{0,10}/[0-9._]{0,10})?"),
        ip in anything("\\[?[0-9a-f.:]{0,40}\\]?(:[0-9]{1,5})?(, [0-9.]{0,15})?"),
        text in anything("[a-zA-Z0-9@.+() -]{0,60}"),
        properties in anything("\\{(\"[a-z]{0,9}\":(\"[a-z0-9@.]{0,12}\"|[0-9]{1,4}),?){0,3}\\}"),
        name in anything("(video|audio)_(start|progress|complete)"),
        latitude in proptest::option::of(any::<f32>()),
        longitude in proptest::option::of(any::<f32>()),
    ) {
        let mut rules = Rules { empty_agent_is_bot: false, ..Rules::default() };
        rules.default.pages = PageRules::read(crumbtrail_enrich::page::SHIPPED).expect("the shipped rules are sound");
        let mut enricher = Enricher::new(Arc::new(rules), None, Some(Keyring::new(&[Key::new([7; 16], 0)], 0).unwrap()));
        let event = ClickEvent {
            kind: Kind::PageView, url: &url, referrer: &referrer, user_agent: &agent, ip: &ip, text: &text,
            contact: &text, properties: &properties, name: &name, latitude, longitude, ..ClickEvent::default()
        };
        let hints = Hints { brands: &agent, platform: &text, platform_version: &ip, model: &name, mobile: None };
        let mut first = Touchpoint::default();
        enricher.click_with(&event, &hints, &mut first);
        prop_assert!(first.country.is_empty() && first.city.is_empty() && first.time_zone.is_empty());
        prop_assert_eq!(first.latitude.is_some(), first.longitude.is_some());
        let told = (first.channel, first.page.to_owned(), first.source.to_owned());
        // The same again, now from caches.
        let mut second = Touchpoint::default();
        enricher.click(&event, &mut second);
        prop_assert_eq!(&told, &(second.channel, second.page.to_owned(), second.source.to_owned()));
        let why = explain(&url, &referrer, &SiteRules::default(), Book::shipped());
        prop_assert_eq!(why.channel, told.0, "{}", why);
        let entry = SupportEntry { text: &text, contact: &agent, ip: &ip, ..SupportEntry::default() };
        enricher.support(&entry, &mut Touchpoint::default());
        let _ = media::read(&name, &properties);
        let _ = crumbtrail_enrich::pii::redact_json(&properties, crumbtrail_enrich::pii::Redaction::default(), &mut String::new());
    }
}
