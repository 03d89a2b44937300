//! What enriching costs, in ns: `cargo run --release -p crumbtrail-enrich --example enrich [clicks.jsonl[.gz]] …`.
//!
//! First made-up events, then each part alone and fences, then the events of the files named: native JSON lines (`crumbtrail generate
//! world`), or an access log in combined format (`.log`, `_logs.gz`). A geo database may be named, too (`.mmdb`).
//! One thread, processor time (Linux's schedstat), best of nine rounds: the machine may be busy with others. Files are
//! read through once to warm the caches, as a running intake's are. `--fences` measures these alone, `--short` once, for
//! callgrind.

mod fences;

use std::hint::black_box;
use std::io::Read as _;
use std::sync::Arc;

use crumbtrail_enrich::agent::Agent;
use crumbtrail_enrich::mmdb_writer::{Layout, Network, write_mmdb};
use crumbtrail_enrich::page::{self, PageRules};
use crumbtrail_enrich::{Chosen, Enricher, Geo, Hasher, Key, Keyring, Place, Rules};
use crumbtrail_events::vocabulary::Channel;
use crumbtrail_events::{ClickEvent, Kind, Scratch, SupportEntry, Touchpoint, combined, json};

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

pub(crate) fn best(events: usize, round: impl FnMut()) -> f64 {
    // Enough for the kernel's accounting, which moves in steps of some milliseconds.
    best_of(events, 300_000 / events.max(1) + 1, round)
}

fn best_of(events: usize, rounds: usize, mut round: impl FnMut()) -> f64 {
    let rounds = if std::env::args().any(|arg| arg == "--short") { 1 } else { rounds };
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

pub(crate) fn click(enricher: &mut Enricher, event: &ClickEvent<'_>) {
    let mut out = Touchpoint::default();
    enricher.click(black_box(event), &mut out);
    black_box(&out);
}

/// What each field of a click adds to the price of an empty one, caches warm.
fn parts(enricher: &mut Enricher, visits: &[Visit]) {
    let mut price = |of: &dyn Fn(&Visit) -> ClickEvent<'_>| {
        best(visits.len(), || visits.iter().for_each(|visit| click(enricher, &of(visit))))
    };
    let empty = ClickEvent { kind: Kind::Click, ..ClickEvent::default() };
    let base = price(&|_| empty);
    println!("a click without any field: {base:.0} ns");
    let url = price(&|visit| ClickEvent { url: &visit.url, ..empty }) - base;
    println!("  + url: host, page, parameters: {url:.0} ns");
    let referrer = price(&|visit| ClickEvent { referrer: &visit.referrer, ..empty }) - base;
    println!("  + referrer: host, source: {referrer:.0} ns");
    let agent = price(&|visit| ClickEvent { user_agent: &visit.agent, ..empty }) - base;
    println!("  + agent, known: {agent:.0} ns");
    let ip = price(&|visit| ClickEvent { ip: &visit.ip, ..empty }) - base;
    println!("  + address, known: {ip:.0} ns");
    let search = price(&|_| ClickEvent { search: "running shoes", ..empty }) - base;
    println!("  + search, redacted: {search:.0} ns");
    let contact = price(&|_| ClickEvent { contact: "somchai@example.com", ..empty }) - base;
    println!("  + contact, hashed: {contact:.0} ns");
    let title = price(&|_| ClickEvent { title: "Running shoes for women | Shop", ..empty }) - base;
    println!("  + title, redacted: {title:.0} ns");
    let step = price(&|_| ClickEvent { step: "payment", ..empty }) - base;
    println!("  + step, redacted: {step:.0} ns");
    let name = price(&|_| ClickEvent { kind: Kind::Custom, name: "wishlist_shared", ..empty }) - base;
    println!("  + a name of one's own, redacted: {name:.0} ns");
    let properties = price(&|_| ClickEvent { properties: PROPERTIES, ..empty }) - base;
    println!("  + properties ({} bytes), redacted: {properties:.0} ns", PROPERTIES.len());
}

const PROPERTIES: &str =
    r#"{"list":"search results","position":7,"variant":"b","tags":["summer","sale"],"price":1290.5}"#;

/// What hashing of chosen fields costs, which happens before enriching.
fn hashing(visits: &[Visit]) -> Result<(), Box<dyn std::error::Error>> {
    let event = ClickEvent { visitor: "a81f20c3", customer: "C-1017", properties: PROPERTIES, ..ClickEvent::default() };
    for names in [&["visitor"][..], &["visitor", "customer"], &["properties.list"]] {
        let ring = Keyring::new(&[Key::new(*b"an example's key", 0)], 0)?;
        let mut hasher = Hasher::new(Chosen::read(names.iter().copied())?, ring);
        let cost = best(visits.len(), || {
            for _ in visits {
                let mut event = event;
                hasher.click(black_box(&mut event), 1);
                black_box(&event);
            }
        });
        println!("chosen fields hashed, {}: {cost:.0} ns", names.join(" and "));
    }
    Ok(())
}

/// What is done when something is met for the first time, and what is asked for by itself.
fn alone(visits: &[Visit], geo: &Geo) -> Result<(), Box<dyn std::error::Error>> {
    let agents = best(visits.len(), || {
        for visit in visits {
            black_box(Agent::read(black_box(&visit.agent)));
        }
    });
    println!("an agent met for the first time: {agents:.0} ns");
    let addresses: Vec<std::net::IpAddr> = (0..visits.len())
        .map(|n| std::net::IpAddr::from([(n * 37 % 223) as u8 + 1, (n * 91) as u8, n as u8, 7]))
        .collect();
    let places = best(addresses.len(), || {
        for address in &addresses {
            let _ = black_box(geo.locate(black_box(*address)));
        }
    });
    println!("an address met for the first time ({}): {places:.0} ns", geo.edition_name());
    let rules = PageRules::read(page::SHIPPED)?;
    let pages = best(1_000, || {
        for page in
            ["/products/:id", "/blog/how-to-run", "/somewhere/else", "/checkout/payment"].iter().cycle().take(1_000)
        {
            black_box(rules.of("shop.example", black_box(page)));
        }
    });
    println!("labels of a page met for the first time: {pages:.0} ns");
    Ok(())
}

/// The events of a file, enriched.
fn file(path: &str, enricher: &mut Enricher) -> Result<(), Box<dyn std::error::Error>> {
    let bytes = std::fs::read(path)?;
    let mut text = Vec::new();
    if path.ends_with(".gz") {
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text)?;
    } else {
        text = bytes;
    }
    let is_log = path.contains("_logs") || path.ends_with(".log");
    let source = combined::Source { file_id: "file", host: "shop.example", visitor_key: &[7; 16] };
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').filter(|line| !line.is_empty()).collect();
    let mut scratch = Scratch::new();
    // Decoded right before, as in intake, and decoded alone: the difference is what enriching costs.
    let mut round = |enricher: Option<&mut Enricher>| {
        let mut enricher = enricher;
        for (number, line) in (0..).zip(&lines) {
            let event = match is_log {
                true => combined::click(line, number, &source, &mut scratch),
                false => json::click(line, &mut scratch),
            };
            match (&event, &mut enricher) {
                (Ok(event), Some(enricher)) => click(enricher, event),
                _ => {
                    let _ = black_box(&event);
                }
            }
        }
    };
    let rounds = 500_000 / lines.len().max(1) + 1;
    let decoded = best_of(lines.len(), rounds, || round(None));
    let cost = best_of(lines.len(), rounds, || round(Some(enricher))) - decoded;
    println!(
        "{path}: {} events, {cost:.0} ns/event (decoding {decoded:.0}), missing so far {:?}",
        lines.len(),
        enricher.missing()
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bangkok = Place { country: "TH", region: "Bangkok", city: "Bangkok", ..Place::default() };
    let rows: Vec<(Network, Place)> = (0..4)
        .map(|n| Ok((format!("203.{n}.0.0/16").parse()?, bangkok)))
        .collect::<Result<_, Box<dyn std::error::Error>>>()?;
    let named = std::env::args().skip(1).find(|arg| arg.ends_with(".mmdb"));
    let geo = Arc::new(match named {
        Some(path) => Geo::open(path)?,
        None => Geo::from_bytes(write_mmdb(&rows, Layout::Flat, 0)?)?,
    });
    let mut enricher = Enricher::new(
        Arc::new(Rules::default()),
        Some(geo.clone()),
        Some(Keyring::new(&[Key::new(*b"an example's key", 0)], 0)?),
    );

    if std::env::args().any(|arg| arg == "--fences") {
        return Ok(fences::prices(&mut enricher)?);
    }
    // Five cycles a step on any recent machine: says how busy this one is (1.3–1.8 ns when it is not).
    let yardstick = best_of(100_000, 300, || {
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

    let visits = visits(true);
    parts(&mut enricher, &visits);
    hashing(&visits)?;
    fences::prices(&mut enricher)?;
    alone(&visits, &geo)?;
    for path in std::env::args().skip(1).filter(|arg| !arg.starts_with('-') && !arg.ends_with(".mmdb")) {
        file(&path, &mut enricher)?;
    }
    Ok(())
}
