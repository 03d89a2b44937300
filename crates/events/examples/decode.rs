//! Nanoseconds of processor time per decoded record, by format: `cargo run --release -p crumbtrail-events --example decode`.
//!
//! Formats alternate within a trial, because a shared machine's speed drifts; minimum and median of the trials count.
//! Arguments for a profiler: a part of the formats' names, and the number of trials (`decode Avro 3`).

use std::hint::black_box;

use crumbtrail_events::avro::{Plan, Target};
use crumbtrail_events::click::{Campaign, ClickEvent};
use crumbtrail_events::touchpoint::{Item, Items};
use crumbtrail_events::vocabulary::{Author, Channel};
use crumbtrail_events::{Kind, Micros, Scratch, SupportEntry, encode, json, segment};

const RECORDS: usize = 20_000;

/// Processor time of this process, ns (user and system, from /proc; the resolution is that of the scheduler's account).
fn processor_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or_default()
}

fn page_view(serial: usize, id: &mut String, visitor: &mut String) {
    use std::fmt::Write as _;
    id.clear();
    visitor.clear();
    let _ = write!(id, "0192f3a0-7c4e-7d11-9a6b-{serial:012x}");
    let _ = write!(visitor, "v-{:08x}", serial.wrapping_mul(2_654_435_761) % 90_000);
}

fn main() {
    let mut items = Vec::new();
    Items::push(
        &mut items,
        &Item { product: "sku-81723", name: "Pad Thai kit", category: "food", price: Micros(129_000_000), quantity: 2 },
    );
    let (mut id, mut visitor) = (String::new(), String::new());
    let (mut native, mut avro, mut spec, mut cart, mut support) = (vec![], vec![], vec![], vec![], vec![]);
    for serial in 0..RECORDS {
        page_view(serial, &mut id, &mut visitor);
        let click = ClickEvent {
            event_id: &id,
            site: "shop",
            occurred_at: 1_772_331_300_000 + serial as i64 * 17,
            sent_at: 1_772_331_300_450 + serial as i64 * 17,
            visitor: &visitor,
            kind: Kind::PageView,
            url: "https://shop.example.com/th/products/sku-81723?utm_source=line",
            referrer: "https://www.google.com/",
            user_agent: "Mozilla/5.0 (Linux; Android 14; SM-A556E) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36",
            ip: "110.164.12.7",
            language: "th-TH",
            ..ClickEvent::default()
        };
        let with_items = ClickEvent {
            kind: Kind::AddToCart,
            items: Items::from_buffer(&items),
            currency: "THB",
            campaign: Campaign { source: "line", medium: "social", ..Campaign::default() },
            ..click
        };
        let entry = SupportEntry {
            entry_id: &id,
            site: "shop",
            occurred_at: click.occurred_at,
            customer: &visitor,
            conversation: "c-9912",
            channel: Channel::Chat,
            author: Author::Customer,
            kind: Kind::SupportMessage,
            text: "my order has not arrived yet, can you tell me where it is?",
            ..SupportEntry::default()
        };
        let push = |list: &mut Vec<Vec<u8>>, write: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = Vec::new();
            write(&mut bytes);
            list.push(bytes);
        };
        push(&mut native, &|out| encode::json::click(&click, out));
        push(&mut avro, &|out| encode::avro::click(&click, out));
        push(&mut spec, &|out| encode::segment::click(&click, out));
        push(&mut cart, &|out| encode::json::click(&with_items, out));
        push(&mut support, &|out| encode::json::support(&entry, out));
    }
    let plan = Plan::compile(Target::Click.schema(), Target::Click).expect("our own schema compiles");
    let mut scratch = Scratch::new();
    type Decode<'d> = Box<dyn FnMut(&[u8]) -> usize + 'd>;
    let scratch = std::cell::RefCell::new(&mut scratch);
    let mut formats: Vec<(&str, &[Vec<u8>], Decode<'_>)> = vec![
        (
            "native JSON, page view",
            &native,
            Box::new(|bytes| {
                json::click(bytes, &mut scratch.borrow_mut()).map_or(0, |click| click.visitor.len() + click.url.len())
            }),
        ),
        (
            "native JSON, item and campaign",
            &cart,
            Box::new(|bytes| {
                json::click(bytes, &mut scratch.borrow_mut()).map_or(0, |click| click.visitor.len() + click.url.len())
            }),
        ),
        (
            "native JSON, support",
            &support,
            Box::new(|bytes| json::support(bytes, &mut scratch.borrow_mut()).map_or(0, |entry| entry.text.len())),
        ),
        (
            "Avro, page view",
            &avro,
            Box::new(|bytes| {
                plan.click(bytes, &mut scratch.borrow_mut()).map_or(0, |click| click.visitor.len() + click.url.len())
            }),
        ),
        (
            "Segment, page view",
            &spec,
            Box::new(|bytes| {
                segment::click(bytes, &mut scratch.borrow_mut())
                    .map_or(0, |click| click.visitor.len() + click.url.len())
            }),
        ),
    ];
    if let Some(part) = std::env::args().nth(1) {
        formats.retain(|(name, ..)| name.contains(&part));
    }
    let trials: usize = std::env::args().nth(2).and_then(|trials| trials.parse().ok()).unwrap_or(15);
    let mut costs = vec![Vec::with_capacity(trials); formats.len()];
    for _ in 0..trials.max(1) {
        for (format, costs) in formats.iter_mut().zip(&mut costs) {
            let start = processor_ns();
            let mut read = 0;
            for bytes in format.1 {
                read += (format.2)(black_box(bytes));
            }
            assert!(black_box(read) > 0, "{} decodes", format.0);
            costs.push((processor_ns() - start) as f64 / RECORDS as f64);
        }
    }
    println!("{:<32} {:>6} {:>9} {:>9}", "format", "bytes", "min ns", "median ns");
    for ((name, records, _), costs) in formats.iter().zip(&mut costs) {
        costs.sort_by(f64::total_cmp);
        println!("{name:<32} {:>6} {:>9.0} {:>9.0}", records[0].len(), costs[0], costs[costs.len() / 2]);
    }
}
