//! Enriching allocates nothing once the caches are warm and the buffers have grown.
#![expect(
    unsafe_code,
    reason = "a counting allocator can only be written with the unsafe trait of the standard library"
)]

use std::alloc::{GlobalAlloc, Layout as Memory, System};
use std::cell::Cell;
use std::sync::Arc;

use crumbtrail_enrich::mmdb_writer::{Layout, write_mmdb};
use crumbtrail_enrich::{ContactHasher, Enricher, Geo, Place, Rules};
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
    let mut enricher =
        Enricher::new(Arc::new(Rules::default()), Some(Arc::new(geo)), Some(ContactHasher::new(b"key", "66")));
    let urls: Vec<String> = (0..200)
        .map(|n| {
            format!(
                "https://Shop.example/orders/1000{n:03}?utm_source=a%20{n:03}&utm_campaign=b+c&q=%E0%B8%81&fbclid={n}"
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
            let mut out = Touchpoint::default();
            enricher.click(&event, &mut out);
            assert_eq!((out.page, out.city, out.search), ("/orders/:id", "Bangkok", "ก"));
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
