//! Enriching allocates nothing once the caches are warm and the buffers have grown.
#![expect(
    unsafe_code,
    reason = "a counting allocator can only be written with the unsafe trait of the standard library"
)]

use std::alloc::{GlobalAlloc, Layout as Memory, System};
use std::cell::Cell;
use std::sync::Arc;

use crumbtrail_enrich::agent::hints::Hints;
use crumbtrail_enrich::fence::{Fence, FenceId, Fences, Fix, Position, Shape, Track, TrackRules};
use crumbtrail_enrich::mmdb_writer::{Layout, write_mmdb};
use crumbtrail_enrich::page::PageRules;
use crumbtrail_enrich::{Enricher, Geo, Key, Keyring, Place, Rules};
use crumbtrail_events::{ClickEvent, Kind, SupportEntry, Touchpoint};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Memory) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Memory) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Memory, size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_warm_enricher_allocates_nothing() {
    let bangkok = Place { country: "TH", city: "Bangkok", ..Place::default() };
    let rows = [("203.0.113.0/24".parse().unwrap(), bangkok)];
    let geo = Geo::from_bytes(write_mmdb(&rows, Layout::Nested, 0).unwrap()).unwrap();
    let mut rules = Rules::default();
    rules.default.pages = PageRules::read(crumbtrail_enrich::page::SHIPPED).unwrap();
    let mut enricher =
        Enricher::new(Arc::new(rules), Some(Arc::new(geo)), Some(Keyring::new(&[Key::new([7; 16], 0)], 0).unwrap()));
    let urls: Vec<String> = (0..200)
        .map(|n| {
            format!(
                "https://Shop.example/orders/1000{n:03}?utm_source=a%20{n:03}&utm_campaign=b+c&q=%E0%B8%81&fbclid={n}#/x/{n}"
            )
        })
        .collect();
    let addresses: Vec<String> = (0..200).map(|n| format!("203.0.113.{n}")).collect();
    let mut round = || {
        let before = COUNT.with(Cell::get);
        for (url, ip) in urls.iter().zip(&addresses) {
            let event = ClickEvent {
                kind: Kind::PageView,
                url,
                ip,
                referrer: "https://WWW.Google.co.th/search",
                user_agent: "Mozilla/5.0 (iPhone) AppleWebKit/605.1 Version/17.0 Mobile Safari/604.1",
                text: "call 081-234-5678",
                contact: "+66 (0)81 234 5678",
                ..ClickEvent::default()
            };
            let hints = Hints { platform: "iOS", platform_version: "18.1", ..Hints::default() };
            let mut out = Touchpoint::default();
            enricher.click(&event, &mut out);
            assert_eq!((out.page, out.city, out.search), ("/orders/:id#/x/:id", "Bangkok", "ก"));
            let mut out = Touchpoint::default();
            let extras =
                enricher.click_with(&ClickEvent { url: "https://shop.example/cart", ..event }, &hints, &mut out);
            assert_eq!((extras.labels.group, extras.agent.os_version.as_str()), ("Cart", "18.1"));
            let told = r#"{"n":1,"sec-ch-ua-platform-version":"18.2"}"#;
            let mut out = Touchpoint::default();
            enricher.click(&ClickEvent { properties: told, ..event }, &mut out);
            assert_eq!(out.os_version, "18.2");
            let entry = SupportEntry { text: "mail a@b.co now", ip, contact: "@somchai", ..SupportEntry::default() };
            let mut out = Touchpoint::default();
            enricher.support(&entry, &mut out);
            assert_eq!(out.text, "mail [email] now");
        }
        COUNT.with(Cell::get) - before
    };
    assert!(round() > 0, "the first round fills caches and buffers");
    assert_eq!(round(), 0, "the second finds them");
}

#[test]
fn a_visitor_on_the_move_allocates_nothing() {
    let middle = Position::new(13.7466, 100.5347).unwrap();
    let shop = Fence {
        id: FenceId::of("siam"),
        name: "siam".into(),
        store: "siam".into(),
        shape: Shape::Circle { middle, radius_m: 45.72 },
    };
    let rules = TrackRules::default();
    let fences = Fences::new(vec![shop], rules.reach_m());
    let (mut track, mut events, mut at_ms) = (Track::default(), Vec::new(), 0);
    let mut round = || {
        let before = COUNT.with(Cell::get);
        for step in 0..100 {
            at_ms += 60_000;
            let position = Position::new(13.7466, 100.5347 + f64::from(step % 20) * 0.0002).unwrap();
            track.step(&fences, Fix { at_ms, position, accuracy_m: 5.0 }, &rules, &mut events);
        }
        assert!(events.len() > 8, "{}", events.len());
        events.clear();
        COUNT.with(Cell::get) - before
    };
    round();
    assert_eq!(round(), 0);
}

#[test]
fn a_position_among_fences_allocates_nothing() {
    let fences = r#"{"features":[
        {"properties":{"name":"siam"},"geometry":{"type":"Point","coordinates":[100.5,13.75]}},
        {"properties":{"name":"mall"},"geometry":{"type":"Polygon","coordinates":[
            [[100.499,13.749],[100.502,13.749],[100.502,13.752],[100.499,13.752]],
            [[100.5005,13.7505],[100.501,13.7505],[100.501,13.751]]]}}]}"#;
    let fences = Fences::read(fences, TrackRules::default().reach_m()).unwrap();
    let mut enricher = Enricher::new(Arc::new(Rules::default()), None, None);
    enricher.set_fences(Some(Arc::new(fences)));
    let mut round = || {
        let before = COUNT.with(Cell::get);
        for (latitude, longitude, inside) in [
            (13.75, 100.5, "siam\nmall"),
            (13.7515, 100.501, "mall\n"),
            (13.7507, 100.5008, "\nmall"),
            (13.8, 100.5, "\n"),
            (-40.0, 10.0, "\n"),
        ] {
            for properties in ["", r#"{"accuracy_m":5}"#, r#"{"x":{"y":["z"]},"accuracy":"4.5","a":null}"#] {
                let (latitude, longitude) = (Some(latitude), Some(longitude));
                let event = ClickEvent { latitude, longitude, properties, ..ClickEvent::default() };
                let mut out = Touchpoint::default();
                enricher.click(&event, &mut out);
                assert_eq!(out.fences, inside);
            }
        }
        COUNT.with(Cell::get) - before
    };
    assert!(round() > 0, "the first round fills a buffer");
    assert_eq!(round(), 0);
}
