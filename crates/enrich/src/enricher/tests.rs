//! What enriching fills in, field by field.

use super::*;
use crate::asn::System;
use crate::geo::Place;
use crate::keyring::Key;
use crate::mmdb_writer::{Layout, write_mmdb, write_systems};
use crumbtrail_events::click::Campaign;
use crumbtrail_events::touchpoint::Prepared;

const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36";

fn geo() -> Arc<Geo> {
    let bangkok = Place {
        country: "TH",
        region: "Bangkok",
        city: "Bangkok",
        latitude: Some(13.75),
        longitude: Some(100.5),
        time_zone: "Asia/Bangkok",
        accuracy_km: Some(20),
    };
    let rows = [("203.0.113.0/24".parse().unwrap(), bangkok)];
    Arc::new(Geo::from_bytes(write_mmdb(&rows, Layout::Flat, 0).unwrap()).unwrap())
}

/// One key until the 100th day of 1970, another from then on.
fn keys() -> Keyring {
    let keys = [Key::new(*b"a key of a shop.", 0), Key::new(*b"a later key of it", CHANGE)];
    Keyring::new(&keys, 0).unwrap()
}

const CHANGE: i64 = 100 * 86_400_000;

fn enricher() -> Enricher {
    let mut rules = Rules::default();
    rules.default.calling_code = "66".into();
    rules.default.own_hosts = vec!["shop.example".into(), "blog.example".into()];
    rules.default.excluded_referrers = vec!["bank.example".into()];
    Enricher::new(Arc::new(rules), Some(geo()), Some(keys()))
}

fn view<'a>() -> ClickEvent<'a> {
    ClickEvent {
        kind: Kind::PageView,
        url: "https://www.shop.example/",
        user_agent: CHROME,
        ip: "203.0.113.7, 10.0.0.1",
        ..ClickEvent::default()
    }
}

#[test]
fn parameters_of_a_pages_address_are_kept_in_their_order() {
    let mut rules = Rules::default();
    rules.default.kept_parameters = vec!["category".into(), "id".into()];
    rules.default.pages = PageRules::read("/index.php group=Shop").unwrap();
    let mut enricher = Enricher::new(Arc::new(rules), None, None);
    for (url, page) in [
        ("https://shop.example/index.php?id=7&utm_source=x&category=red%20shoes", "/index.php?category=red+shoes&id=7"),
        ("https://shop.example/index.php?id=mila%40example.com", "/index.php?id=[email]"),
        ("https://shop.example/index.php?session=1", "/index.php"),
        ("https://shop.example/index.php?id=7#top", "/index.php?id=7"),
    ] {
        let mut out = Touchpoint::default();
        enricher.click(&ClickEvent { url, ..view() }, &mut out);
        assert_eq!((out.page, out.page_group), (page, "Shop"), "{url}");
    }
}

#[test]
fn the_query_of_an_apps_route_is_the_pages_and_that_before_it_is_asked_for_searches_too() {
    let mut rules = Rules::default();
    rules.default.kept_parameters = vec!["id".into()];
    let mut enricher = Enricher::new(Arc::new(rules), None, None);
    for (url, page, search) in [
        ("https://shop.example/#/p?id=9&q=shoes", "/#/p?id=9", "shoes"),
        ("https://shop.example/a?id=7&q=shoes#/p?id=9", "/a#/p?id=9", "shoes"),
        ("https://shop.example/a?id=7#/p", "/a#/p?id=7", ""),
    ] {
        let mut out = Touchpoint::default();
        enricher.click(&ClickEvent { url, ..view() }, &mut out);
        assert_eq!((out.page, out.search), (page, search), "{url}");
    }
}

/// Channel, source, medium, campaign and referrer of an event.
fn touch(event: ClickEvent<'_>) -> (Channel, String, String, String, String) {
    let mut enricher = enricher();
    let mut out = Touchpoint::default();
    enricher.click(&event, &mut out);
    (out.channel, out.source.into(), out.medium.into(), out.campaign.into(), out.referrer.into())
}

fn expected(channel: Channel, rest: [&str; 4]) -> (Channel, String, String, String, String) {
    let [source, medium, campaign, referrer] = rest.map(String::from);
    (channel, source, medium, campaign, referrer)
}

#[test]
fn a_click_is_filled_in() {
    let mut enricher = enricher();
    let event = ClickEvent {
        url: "https://WWW.shop.example/orders/100023/?utm_source=fb&utm_medium=cpc&utm_campaign=summer%20sale&fbclid=x1&q=shoes",
        referrer: "https://l.facebook.com/l.php?u=x",
        text: "call 081-234-5678",
        contact: "a@example.com",
        ..view()
    };
    for _ in 0..2 {
        let mut out = Touchpoint::default();
        enricher.click(&event, &mut out);
        assert_eq!((out.host, out.page, out.search), ("www.shop.example", "/orders/:id", "shoes"));
        assert_eq!((out.channel, out.source, out.medium), (Channel::PaidSocial, "facebook", "cpc"));
        assert_eq!((out.campaign, out.click_id, out.referrer), ("summer sale", "fbclid=x1", "l.facebook.com"));
        assert_eq!((out.device, out.browser, out.os, out.bot), (Device::Desktop, "Chrome", "Windows", ""));
        assert_eq!((out.country, out.city, out.time_zone), ("TH", "Bangkok", "Asia/Bangkok"));
        assert_eq!((out.latitude, out.longitude), (Some(13.75), Some(100.5)));
        assert_eq!((out.text, out.characters, out.contact.len()), ("call [phone]", 17, 32));
    }
}

#[test]
fn prepared_sections_are_what_encoding_the_fields_writes() {
    let mut enricher = enricher();
    enricher.set_systems(Some(systems()));
    let flagged = ClickEvent { properties: "{\"webdriver\":true}", ..view() };
    let elsewhere = ClickEvent { ip: "203.0.113.200", ..view() };
    let here = ClickEvent { latitude: Some(1.0), longitude: Some(2.0), ..view() };
    for event in
        [view(), elsewhere, flagged, here, ClickEvent::default(), ClickEvent { user_agent: "Googlebot/2.1", ..view() }]
    {
        for _ in 0..2 {
            let mut out = Touchpoint::default();
            enricher.click(&event, &mut out);
            let (mut prepared, mut plain) = (Vec::new(), Vec::new());
            out.encode(&mut prepared);
            Touchpoint { prepared: Prepared::default(), ..out }.encode(&mut plain);
            assert_eq!(prepared, plain);
        }
    }
}

/// The address of [`view`] in a data centre's network.
fn systems() -> Arc<Systems> {
    let rows = [("203.0.113.0/25".parse().unwrap(), System { number: 16_509, organisation: "AMAZON-02" })];
    Arc::new(Systems::from_bytes(write_systems(&rows, 0).unwrap()).unwrap())
}

#[test]
fn what_address_agent_and_page_say_stands_in_the_touchpoint() {
    let mut rules = Rules::default();
    rules.default.pages = PageRules::read("/products/** group=Shoes type=product topic=running\n").unwrap();
    let mut enricher = Enricher::new(Arc::new(rules), Some(geo()), None);
    enricher.set_systems(Some(systems()));
    let event = ClickEvent { url: "https://shop.example/products/100023", ..view() };
    for _ in 0..2 {
        let mut out = Touchpoint::default();
        enricher.click(&event, &mut out);
        assert_eq!((out.accuracy_km, out.geo_edition), (20, "Crumbtrail-City-Flat"));
        assert_eq!((out.asn, out.network_owner), (16_509, "AMAZON-02"));
        assert_eq!((out.browser_version, out.os_version), ("126.0", "10"));
        assert_eq!((out.bot, out.bot_indicators), ("", "data_centre"), "a hint alone makes no robot");
        assert_eq!((out.page_group, out.content_type, out.content_topic), ("Shoes", "product", "running"));
    }
    let phone = "Mozilla/5.0 (Linux; Android 13; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile \
                 Safari/537.36";
    let mut out = Touchpoint::default();
    enricher.click(&ClickEvent { user_agent: phone, ip: "198.51.100.1", ..view() }, &mut out);
    assert_eq!((out.brand, out.bot_indicators, out.geo_edition, out.asn), ("Samsung", "", "", 0));
    let crawler = ClickEvent { user_agent: "Googlebot/2.1", latitude: Some(1.0), longitude: Some(2.0), ..view() };
    let mut out = Touchpoint::default();
    enricher.click(&crawler, &mut out);
    assert_eq!((out.bot, out.bot_indicators), ("user_agent", "user_agent,data_centre"));
    assert_eq!((out.accuracy_km, out.asn), (0, 16_509), "the radius is the address's, not the device's");
}

#[test]
fn a_position_inside_a_fence_tells_the_shop() {
    let point = r#"{"type":"Feature","properties":{"name":"Siam","store":"s1"},
        "geometry":{"type":"Point","coordinates":[100.5347,13.7466]}}"#;
    let json = format!(r#"{{"type":"FeatureCollection","features":[{point}]}}"#);
    let mut enricher = enricher();
    let here = ClickEvent { latitude: Some(13.7466), longitude: Some(100.5347), ..view() };
    let store = |enricher: &mut Enricher, event: &ClickEvent<'_>| {
        let mut out = Touchpoint { store: event.store, ..Touchpoint::default() };
        enricher.click(event, &mut out);
        (out.store.to_owned(), out.fences.to_owned())
    };
    let told = |store: &str, fences: &str| (store.to_owned(), fences.to_owned());
    assert_eq!(store(&mut enricher, &here), told("", ""), "without fences");
    enricher.set_fences(Some(Arc::new(Fences::read(&json, 0.0).unwrap())));
    let visit = ClickEvent { kind: Kind::StoreVisit, store: "s9", ..here };
    for (event, shop, fences) in [
        (here, "s1", "s1\n"),
        (ClickEvent { store: "s9", ..here }, "s9", "s1\n"),
        (visit, "s9", "s9"),
        (ClickEvent { latitude: Some(13.7566), ..here }, "", "\n"),
        (ClickEvent { latitude: None, ..here }, "", ""),
        (ClickEvent { properties: r#"{"accuracy_m":30}"#, ..here }, "s1", "s1\n"),
        (ClickEvent { properties: r#"{"accuracy_m":300}"#, ..here }, "", ""),
    ] {
        assert_eq!(store(&mut enricher, &event), told(shop, fences), "{event:?}");
    }
}

#[test]
fn touches_come_from_outside_only() {
    let none = expected(Channel::None, ["", "", "", ""]);
    for (referrer, kind, result) in [
        ("", Kind::PageView, expected(Channel::Direct, ["", "", "", ""])),
        ("", Kind::Click, none.clone()),
        ("https://shop.example/cart", Kind::PageView, none.clone()),
        ("https://blog.example/post", Kind::PageView, none.clone()),
        ("https://www.paypal.com/checkout", Kind::PageView, none.clone()),
        ("https://pay.bank.example/ok", Kind::PageView, none.clone()),
        (
            "https://www.google.co.th/",
            Kind::PageView,
            expected(Channel::OrganicSearch, ["google", "", "", "www.google.co.th"]),
        ),
        ("https://www.google.co.th/", Kind::AddToCart, expected(Channel::None, ["", "", "", "www.google.co.th"])),
        (
            "android-app://com.google.android.gm/",
            Kind::PageView,
            expected(Channel::Email, ["gmail", "", "", "com.google.android.gm"]),
        ),
        (
            "https://forum.example/t/1",
            Kind::PageView,
            expected(Channel::Referral, ["forum.example", "", "", "forum.example"]),
        ),
    ] {
        assert_eq!(touch(ClickEvent { referrer, kind, ..view() }), result, "{referrer} {kind:?}");
    }
}

#[test]
fn campaigns_count_on_any_event_but_pings() {
    let url = "https://shop.example/?gclid=abc";
    let paid = expected(Channel::PaidSearch, ["google", "", "", ""]);
    assert_eq!(touch(ClickEvent { url, ..view() }), paid);
    assert_eq!(touch(ClickEvent { url, kind: Kind::AddToCart, ..view() }), paid);
    assert_eq!(touch(ClickEvent { url, kind: Kind::PagePing, ..view() }).0, Channel::None);
    let campaign = Campaign { source: "crm", medium: "email", name: "winback", ..Campaign::default() };
    let message = ClickEvent { kind: Kind::MessageClicked, campaign, url: "", ..view() };
    assert_eq!(touch(message), expected(Channel::Email, ["crm", "email", "winback", ""]));
    let odd = Campaign { source: "crm", medium: "drip", ..Campaign::default() };
    assert_eq!(touch(ClickEvent { kind: Kind::MessageSent, campaign: odd, ..view() }).0, Channel::None);
}

#[test]
fn a_source_has_one_name_however_a_campaign_writes_it() {
    for (source, name) in [
        ("fb", "facebook"),
        ("IG", "instagram"),
        ("chatgpt.com", "chatgpt"),
        ("Google", "google"),
        ("Facebook_Mobile_Feed", "Facebook_Mobile_Feed"),
        ("Newsletter", "Newsletter"),
    ] {
        let url = format!("https://shop.example/?UTM_SOURCE={source}&UTM_MEDIUM=cpc");
        for kind in [Kind::PageView, Kind::PagePing] {
            assert_eq!(touch(ClickEvent { url: &url, kind, ..view() }).1, name, "{source} {kind:?}");
        }
    }
}

#[test]
fn a_return_from_a_payment_provider_is_no_touch_whatever_its_url_says() {
    let none = expected(Channel::None, ["", "", "", ""]);
    let thanks = "https://shop.example/thanks?utm_source=paypal&utm_medium=referral&utm_campaign=checkout";
    let clicked = "https://shop.example/thanks?gclid=abc&utm_source=google&utm_campaign=sale&utm_term=x&utm_content=y";
    for (url, referrer) in [
        (thanks, "https://www.paypal.com/checkout"),
        (thanks, ""),
        (clicked, "https://pay.bank.example/ok"),
        (clicked, "https://secure.acs.bni.co.id/"),
    ] {
        for kind in [Kind::PageView, Kind::Purchase, Kind::PagePing] {
            let mut enricher = enricher();
            let mut out = Touchpoint::default();
            enricher.click(&ClickEvent { url, referrer, kind, ..view() }, &mut out);
            assert_eq!((out.channel, out.source, out.medium, out.campaign), (Channel::None, "", "", ""), "{url}");
            assert_eq!((out.term, out.content, out.click_id, out.page), ("", "", "", "/thanks"), "{url}");
        }
        assert_eq!(touch(ClickEvent { url, referrer, ..view() }), none, "{url} {referrer}");
    }
    // A message of the provider's own shop is nobody's return.
    let campaign = Campaign { source: "ovo", name: "promo", ..Campaign::default() };
    assert_eq!(touch(ClickEvent { kind: Kind::MessageSent, campaign, url: "", ..view() }).3, "promo");
}

#[test]
fn what_has_no_url_is_on_no_page() {
    let mut enricher = enricher();
    let mut rules = Rules::default();
    rules.default.pages = PageRules::read(crate::page::SHIPPED).unwrap();
    enricher.set_rules(Arc::new(rules));
    for (url, kind, group) in [
        ("", Kind::Purchase, ""),
        ("", Kind::StoreVisit, ""),
        ("https://shop.example", Kind::PageView, "Home"),
        ("/", Kind::PageView, "Home"),
        ("https://shop.example/th/cart", Kind::PageView, "Cart"),
    ] {
        let mut out = Touchpoint::default();
        enricher.click(&ClickEvent { url, kind, ..view() }, &mut out);
        assert_eq!(out.page_group, group, "{url:?}");
    }
}

#[test]
fn unknown_stays_empty() {
    let mut enricher = enricher();
    let mut out = Touchpoint::default();
    enricher.click(&ClickEvent { ip: "198.51.100.1", ..ClickEvent::default() }, &mut out);
    assert_eq!(out, Touchpoint::default());
    let mut out = Touchpoint::default();
    enricher.set_geo(None);
    enricher.click(&ClickEvent { ip: "203.0.113.1", ..ClickEvent::default() }, &mut out);
    assert_eq!(out, Touchpoint::default());
}

#[test]
fn the_devices_own_position_wins_when_sane() {
    let mut enricher = enricher();
    for (latitude, longitude, expected) in [
        (Some(1.3), Some(103.8), (Some(1.3), Some(103.8))),
        (Some(f32::NAN), Some(103.8), (Some(13.75), Some(100.5))),
        (Some(91.0), Some(0.0), (Some(13.75), Some(100.5))),
        (Some(1.3), None, (Some(13.75), Some(100.5))),
        (Some(0.0), Some(-0.0), (Some(13.75), Some(100.5))),
        (Some(0.0), Some(109.3), (Some(0.0), Some(109.3))),
    ] {
        let mut out = Touchpoint::default();
        enricher.click(&ClickEvent { latitude, longitude, ..view() }, &mut out);
        assert_eq!((out.latitude, out.longitude, out.city), (expected.0, expected.1, "Bangkok"));
    }
}

#[test]
fn robots_carry_the_indicator() {
    let strict = Rules { empty_agent_is_bot: true, ..Rules::default() };
    let mut strict = Enricher::new(Arc::new(strict), None, None);
    let mut lax = enricher();
    let flagged = ClickEvent { properties: "{\"a\":1,\"webdriver\": true}", ..view() };
    let unflagged = ClickEvent { properties: "{\"webdriver\":false}", ..view() };
    let silent = ClickEvent { user_agent: "", ..view() };
    let crawler = ClickEvent { user_agent: "Googlebot/2.1", ..view() };
    let bot = |enricher: &mut Enricher, event: &ClickEvent<'_>| {
        let mut out = Touchpoint::default();
        enricher.click(event, &mut out);
        assert_eq!(out.bot.is_empty(), out.device != Device::Bot);
        out.bot.to_owned()
    };
    assert_eq!(bot(&mut lax, &flagged), "client_flag");
    let both = ClickEvent { user_agent: "Googlebot/2.1", ..flagged };
    let mut out = Touchpoint::default();
    let said = lax.click_with(&both, &Hints::default(), &mut out).indicators;
    assert_eq!(said.to_string(), "client_flag,user_agent");
    assert_eq!(bot(&mut lax, &unflagged), "");
    assert_eq!(bot(&mut lax, &silent), "");
    assert_eq!(bot(&mut strict, &silent), "empty_agent");
    let dash = ClickEvent { user_agent: "-", ..view() };
    assert_eq!((bot(&mut lax, &dash), bot(&mut strict, &dash)), (bot(&mut lax, &silent), bot(&mut strict, &silent)));
    assert_eq!(bot(&mut lax, &crawler), "user_agent");
}

#[test]
fn a_support_entry_is_filled_in() {
    let mut enricher = enricher();
    let entry = SupportEntry {
        channel: Channel::Chat,
        text: "ติดต่อ 0812345678",
        contact: "@somchai",
        ip: "203.0.113.9",
        ..SupportEntry::default()
    };
    let mut out = Touchpoint::default();
    enricher.support(&entry, &mut out);
    assert_eq!((out.channel, out.text, out.characters), (Channel::Chat, "ติดต่อ [phone]", 17));
    assert_eq!((out.city, out.contact.len()), ("Bangkok", 32));
}

#[test]
fn a_contact_is_hashed_under_the_key_of_its_time() {
    let mut enricher = enricher();
    let mut hash = |at: i64| {
        let mut out = Touchpoint::default();
        out.head.occurred_at.0 = at;
        enricher.click(&ClickEvent { contact: "A@b.co", ..view() }, &mut out);
        let clicked = out.contact.to_owned();
        let mut out = Touchpoint { head: out.head, ..Touchpoint::default() };
        enricher.support(&SupportEntry { contact: " a@b.co", ..SupportEntry::default() }, &mut out);
        assert_eq!(out.contact, clicked);
        clicked
    };
    assert_eq!(hash(0), hash(CHANGE - 1));
    assert_ne!(hash(0), hash(CHANGE));
}

#[test]
fn extras_say_what_decided() {
    let mut rules = Rules::default();
    rules.default.pages = PageRules::read(crate::page::SHIPPED).unwrap();
    let mut enricher = Enricher::new(Arc::new(rules), Some(geo()), None);
    let event = ClickEvent { url: "https://shop.example/products/100023?gclid=x", ..view() };
    let rules = enricher.rules().clone();
    for _ in 0..2 {
        let mut out = Touchpoint::default();
        let extras = enricher.click_with(&event, &Hints::default(), &mut out);
        assert_eq!(extras.origin.place().accuracy_km, Some(20));
        assert_eq!(extras.origin.network().map(|network| network.to_string()).as_deref(), Some("203.0.113.0/24"));
        assert_eq!(extras.origin.edition(), "Crumbtrail-City-Flat");
        assert_eq!((extras.agent.browser_version.as_str(), extras.agent.os_version.as_str()), ("126.0", "10"));
        assert_eq!((extras.labels.group, extras.labels.kind), ("Product", "product"));
        let rule = extras.channel_rule.and_then(|rule| rules.channels.rules.rule(rule));
        assert_eq!(rule.map(|(_, text)| text), Some("channel paid_search: paid; class is search"));
    }
    let hints = Hints { platform: "Windows", platform_version: "15.0", ..Hints::default() };
    let mut out = Touchpoint::default();
    assert_eq!(enricher.click_with(&event, &hints, &mut out).agent.os_version.as_str(), "11");
    assert_eq!(enricher.missing(), Missing::default());
    let mut out = Touchpoint::default();
    enricher.click(&ClickEvent { ip: "8.8.8.8", user_agent: "something odd", ..view() }, &mut out);
    let missing = Missing { geo_errors: 0, no_database: 0, places: 1, agents: 1 };
    assert_eq!(enricher.missing(), missing);
    enricher.set_geo(None);
    for systems in [None, Some(systems())] {
        enricher.set_systems(systems);
        let mut out = Touchpoint::default();
        enricher.click(&view(), &mut out);
    }
    assert_eq!(enricher.missing(), Missing { no_database: 2, ..missing });
    let mut out = Touchpoint::default();
    enricher.click(&ClickEvent { ip: "", user_agent: "", ..view() }, &mut out);
    assert_eq!(enricher.missing(), Missing { no_database: 2, ..missing }, "what was not given is not missed");
}

#[test]
fn personal_data_in_parameters_titles_and_properties_is_redacted() {
    let mut enricher = enricher();
    let url =
        "https://shop.example/?utm_source=a&utm_content=somchai%40example.com&utm_term=0812345678&q=4111111111111111";
    let mut out = Touchpoint::default();
    let (title, properties) = ("Inbox of a@b.co", "{\"plan\":\"gold\",\"phone\":\"x\",\"note\":\"a@b.co\"}");
    enricher.click(&ClickEvent { url, title, properties, ..view() }, &mut out);
    assert_eq!((out.content, out.term, out.search), ("[email]", "[phone]", "[card]"));
    assert_eq!(out.title, "Inbox of [email]");
    assert_eq!(out.properties, "{\"plan\":\"gold\",\"phone\":\"[phone]\",\"note\":\"[email]\"}");
    let mut out = Touchpoint::default();
    enricher.support(&SupportEntry { properties, ..SupportEntry::default() }, &mut out);
    assert!(!out.properties.contains("a@b.co"));
}

#[test]
fn personal_data_in_names_steps_and_tags_is_redacted() {
    let mut enricher = enricher();
    let mut out = Touchpoint::default();
    let event = ClickEvent { kind: Kind::Custom, name: "invited a@b.co", step: "otp to +66 81 234 5678", ..view() };
    enricher.click(&event, &mut out);
    assert_eq!((out.name, out.step), ("invited [email]", "otp to [phone]"));
    let mut out = Touchpoint::default();
    enricher.click(&ClickEvent { kind: Kind::Custom, name: "wishlist_shared", step: "2", ..view() }, &mut out);
    assert_eq!((out.name, out.step), ("wishlist_shared", "2"));
    let entry = SupportEntry {
        tags: "vip,a@b.co,4111111111111111",
        department: "desk of c@d.co",
        product: "card 4111111111111111",
        ..SupportEntry::default()
    };
    let mut out = Touchpoint::default();
    enricher.support(&entry, &mut out);
    assert_eq!((out.tags, out.department, out.name), ("vip,[email],[card]", "desk of [email]", "card [card]"));
}

#[test]
fn escaped_parameters_and_a_click_id_of_another_network_of_the_house_are_understood() {
    let mut enricher = enricher();
    let mut out = Touchpoint::default();
    let url = "https://shop.example/?utm%5Fmedium=social&li%5Ffat%5Fid=a-1&q%5B%5D=x";
    enricher.click(&ClickEvent { url, ..view() }, &mut out);
    assert_eq!((out.medium, out.source, out.click_id), ("social", "linkedin", "li_fat_id=a-1"));
    let mut out = Touchpoint::default();
    let (url, referrer) = ("https://shop.example/?fbclid=x", "https://l.instagram.com/");
    enricher.click(&ClickEvent { url, referrer, ..view() }, &mut out);
    assert_eq!((out.channel, out.source, out.referrer), (Channel::OrganicSocial, "instagram", "l.instagram.com"));
}

#[test]
fn a_click_id_holds_no_address() {
    let mut enricher = enricher();
    for (url, click_id) in [
        ("https://shop.example/?gclid=john%40example.com", "gclid=[email]"),
        ("https://shop.example/?gclid=0812345678", "gclid=0812345678"),
    ] {
        let mut out = Touchpoint::default();
        enricher.click(&ClickEvent { url, ..view() }, &mut out);
        assert_eq!(out.click_id, click_id);
    }
}

#[test]
fn hints_in_a_click_mend_its_agent() {
    let mut enricher = enricher();
    let hinted =
        r#"{"platform":"Windows","platformVersion":"15.0.0","brands":[{"brand":"Microsoft Edge","version":"126"}]}"#;
    let properties = format!(r#"{{"plan":"x","userAgentData":{hinted}}}"#);
    for event in [ClickEvent { client_hints: hinted, ..view() }, ClickEvent { properties: &properties, ..view() }] {
        // With other hints in between: what is kept of an agent is kept with its hints.
        for (event, os_version, browser) in [(event, "11", "Edge"), (view(), "10", "Chrome"), (event, "11", "Edge")] {
            let mut out = Touchpoint::default();
            enricher.click(&event, &mut out);
            assert_eq!(
                (out.os, out.os_version, out.browser, out.device),
                ("Windows", os_version, browser, Device::Desktop)
            );
        }
    }
    let robot = ClickEvent { user_agent: "Googlebot/2.1", client_hints: hinted, ..view() };
    let mut out = Touchpoint::default();
    enricher.click(&robot, &mut out);
    assert_eq!((out.device, out.bot), (Device::Bot, "user_agent"));
}

#[test]
fn other_rules_forget_what_the_old_ones_decided() {
    let mut enricher = enricher();
    let event = ClickEvent { referrer: "https://bank.example/", url: "https://www.shop.example/cart", ..view() };
    let now = |enricher: &mut Enricher| {
        let mut out = Touchpoint::default();
        enricher.click(&event, &mut out);
        (out.channel, out.page_group.to_owned())
    };
    assert_eq!(now(&mut enricher), (Channel::None, String::new()));
    let mut rules = Rules::default();
    rules.default.pages = PageRules::read("/cart group=Basket").unwrap();
    enricher.set_rules(Arc::new(rules.clone()));
    assert_eq!(now(&mut enricher), (Channel::Referral, "Basket".to_owned()));
    rules.default.pages = PageRules::read("/cart group=Cart").unwrap();
    enricher.set_rules(Arc::new(rules));
    assert_eq!(now(&mut enricher), (Channel::Referral, "Cart".to_owned()));
}
