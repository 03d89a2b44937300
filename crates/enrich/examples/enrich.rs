//! What enriching costs, in ns per event: `cargo run --release -p crumbtrail-enrich --example enrich`.
//!
//! One thread, warm caches, processor time (Linux's schedstat), best of nine rounds: the machine may be busy with others.

use std::hint::black_box;
use std::sync::Arc;

use crumbtrail_enrich::mmdb_writer::{Layout, Network, write_mmdb};
use crumbtrail_enrich::{ContactHasher, Enricher, Geo, Place, Rules};
use crumbtrail_events::vocabulary::Channel;
use crumbtrail_events::{ClickEvent, Kind, SupportEntry, Touchpoint};

/// Different events, few enough that their bytes are as hot as a payload is right after it was decoded.
const EVENTS: usize = 1_000;
const VISITORS: usize = 500;

struct Visit {
    url: String,
    referrer: String,
    agent: String,
    ip: String,
}

fn visits(mixed: bool) -> Vec<Visit> {
    let places =
        ["/products/running-shoes", "/category/women/dresses", "/cart", "/orders/1000", "/p/iphone-15-pro-max"];
    (0..EVENTS)
        .map(|n| {
            let visitor = n * 7 % VISITORS;
            let page = format!("https://www.shop.example{}-{}", places[n % 5], if n % 5 == 3 { n } else { n % 97 });
            let url = match n % 10 {
                0 if mixed => {
                    format!("{page}?utm_source=facebook&utm_medium=cpc&utm_campaign=summer%20sale&fbclid=Iw{n}")
                }
                1 if mixed => format!("{page}?gclid=Cj0KCQ{n}"),
                2 if mixed => format!("{page}?sort=price&page=2"),
                _ => page,
            };
            let referrer = match n % 10 {
                0 if mixed => "https://l.facebook.com/".to_owned(),
                1 if mixed => "https://www.google.co.th/".to_owned(),
                3 if mixed => "https://forum.example/t/12".to_owned(),
                4 => String::new(),
                _ => format!("https://www.shop.example/products/{n}"),
            };
            let agent = format!(
                "Mozilla/5.0 (Linux; Android {}; SM-S9{:02}B) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/126.0.0.0 Mobile Safari/537.36",
                10 + visitor % 5,
                visitor % 40
            );
            Visit { url, referrer, agent, ip: format!("203.{}.113.{}", visitor / 250, visitor % 250) }
        })
        .collect()
}

/// Processor time of this thread, ns.
fn used() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or_default()
}

fn best(events: usize, mut round: impl FnMut()) -> f64 {
    // Enough for the kernel's accounting, which moves in steps of some milliseconds.
    let rounds = if std::env::args().any(|arg| arg == "--short") { 1 } else { 300 };
    round();
    let times = (0..9).map(|_| {
        let start = used();
        for _ in 0..rounds {
            round();
        }
        (used() - start) / (events * rounds) as f64
    });
    times.fold(f64::MAX, f64::min)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bangkok = Place { country: "TH", region: "Bangkok", city: "Bangkok", ..Place::default() };
    let rows: Vec<(Network, Place)> = (0..4)
        .map(|n| Ok((format!("203.{n}.0.0/16").parse()?, bangkok)))
        .collect::<Result<_, Box<dyn std::error::Error>>>()?;
    let geo = Arc::new(Geo::from_bytes(write_mmdb(&rows, Layout::Flat, 0)?)?);
    let mut enricher =
        Enricher::new(Arc::new(Rules::default()), Some(geo), Some(ContactHasher::new(b"an example key", "66")));

    // Five cycles a step on any recent machine: says how busy this one is (1.3–1.8 ns when it is not).
    let yardstick = best(100_000, || {
        let chain =
            (0..100_000u64).fold(black_box(1u64), |x, n| (x.rotate_left(7) ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        black_box(chain);
    });
    println!("yardstick, rotate, xor and multiply: {yardstick:.2} ns");

    for (name, mixed) in [("views, new path each, internal referrer", false), ("with campaigns and referrers", true)] {
        let visits = visits(mixed);
        let cost = best(EVENTS, || {
            for visit in &visits {
                let event = ClickEvent {
                    kind: Kind::PageView,
                    url: &visit.url,
                    referrer: &visit.referrer,
                    user_agent: &visit.agent,
                    ip: &visit.ip,
                    ..ClickEvent::default()
                };
                let mut out = Touchpoint::default();
                enricher.click(black_box(&event), &mut out);
                black_box(&out);
            }
        });
        println!("click, {name}: {cost:.0} ns/event");
    }

    let texts = [
        (
            "English without personal data",
            "The parcel came two days late and the box was open, but the agent was kind and helped.",
        ),
        ("Thai without personal data", "สินค้าส่งช้ามาก กล่องบุบ แต่พนักงานตอบสุภาพและช่วยเหลือดีค่ะ ขอบคุณ"),
        (
            "with phone and order number",
            "order 10023948 not here, call me at 081-234-5678 or mail somchai@example.com please",
        ),
    ];
    for (name, text) in texts {
        let entry = SupportEntry { channel: Channel::Chat, text, ip: "203.0.113.7", ..SupportEntry::default() };
        let cost = best(EVENTS, || {
            for _ in 0..EVENTS {
                let mut out = Touchpoint::default();
                enricher.support(black_box(&entry), &mut out);
                black_box(&out);
            }
        });
        println!("support entry, {name} ({} bytes): {cost:.0} ns/entry", text.len());
    }
    Ok(())
}
