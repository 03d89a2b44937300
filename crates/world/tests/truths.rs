//! The planted truths, found again by counting naively over the records as a reader decodes them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::convert::Infallible;

use crumbtrail_enrich::Agent;
use crumbtrail_events::vocabulary::{Author, Channel, Device};
use crumbtrail_events::{Kind, Scratch, clock, encode, json, validate};
use crumbtrail_world::{Record, START_MS, Truths, World};

const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;

/// A click as the count needs it.
struct Click {
    at: i64,
    kind: Kind,
    visitor: String,
    customer: String,
    device: Device,
    is_bot: bool,
    step: String,
    store: String,
    currency: String,
    lines: Vec<(String, i64, u32)>,
}

struct Entry {
    at: i64,
    key: String,
    channel: Channel,
    kind: Kind,
    author: Author,
    customer: String,
    language: String,
    tags: String,
    rating: Option<f32>,
}

#[derive(Default)]
struct Read {
    clicks: Vec<Click>,
    entries: Vec<Entry>,
    duplicates: u64,
    erased: u64,
    malformed: u64,
    bytes: usize,
    /// Largest step back in received time from one record to the next, ms.
    disorder: i64,
}

/// Writes every record as native JSON, reads it back and keeps what counts.
fn read(world: &World) -> Read {
    let mut read = Read::default();
    let mut seen = HashSet::new();
    let mut scratch = Scratch::new();
    let mut line = Vec::new();
    let mut latest = 0;
    let done: Result<(), Infallible> = world.visit(|record| {
        line.clear();
        match record {
            Record::Malformed(_) => read.malformed += 1,
            Record::Click(click) => {
                encode::json::click(&click, &mut line);
                let back = json::click(&line, &mut scratch).expect("a click is read back");
                assert_eq!(back, click);
                validate::click(&back, 0).expect("a click is valid");
                let at = clock::correct(back.occurred_at, back.sent_at, back.received_at, 0);
                assert_eq!(at.flag, None);
                read.disorder = read.disorder.max(latest - at.at.0);
                latest = latest.max(at.at.0);
                if back.consent == Some(false) {
                    read.erased += 1;
                } else if !seen.insert(back.event_id.to_owned()) {
                    read.duplicates += 1;
                } else {
                    read.clicks.push(keep(&back, at.at.0));
                }
            }
            Record::Support(entry) => {
                encode::json::support(&entry, &mut line);
                let back = json::support(&line, &mut scratch).expect("an entry is read back");
                assert_eq!(back, entry);
                validate::support(&back, 0).expect("an entry is valid");
                if !seen.insert(back.entry_id.to_owned()) {
                    read.duplicates += 1;
                    return Ok(());
                }
                let known = [back.customer, back.visitor, back.contact].into_iter().find(|id| !id.is_empty());
                read.entries.push(Entry {
                    at: back.occurred_at,
                    key: if back.conversation.is_empty() {
                        format!("{}/{}", known.unwrap_or_default(), back.channel.as_str())
                    } else {
                        back.conversation.to_owned()
                    },
                    channel: back.channel,
                    kind: back.kind,
                    author: back.author,
                    customer: back.customer.to_owned(),
                    language: back.language.to_owned(),
                    tags: back.tags.to_owned(),
                    rating: back.rating,
                });
            }
        }
        read.bytes += line.len() + 1;
        Ok(())
    });
    assert!(done.is_ok());
    read.clicks.sort_by_key(|click| click.at);
    read.entries.sort_by_key(|entry| entry.at);
    read
}

fn keep(click: &crumbtrail_events::ClickEvent<'_>, at: i64) -> Click {
    let agent = Agent::read(click.user_agent);
    Click {
        at,
        kind: click.kind,
        visitor: click.visitor.to_owned(),
        customer: click.customer.to_owned(),
        device: agent.device,
        is_bot: !agent.bot.is_empty(),
        step: click.step.to_owned(),
        store: click.store.to_owned(),
        currency: click.currency.to_owned(),
        lines: click.items.iter().map(|item| (item.product.to_owned(), item.price.0, item.quantity)).collect(),
    }
}

/// Clicks without a customer id that are a customer's, heartbeats left out.
fn joined(clicks: &[Click]) -> u64 {
    let mut named: HashMap<&str, i64> = HashMap::new();
    for click in clicks.iter().filter(|click| !click.customer.is_empty()) {
        named.entry(&click.visitor).or_insert(click.at);
    }
    let joins = |click: &&Click| {
        let reaches = named.get(click.visitor.as_str()).is_some_and(|first| click.at >= first - 30 * DAY);
        reaches && click.customer.is_empty() && click.kind != Kind::PagePing
    };
    clicks.iter().filter(joins).count() as u64
}

/// Index of the session of every click; `None` for marketing messages outside of one.
fn sessions(clicks: &[Click]) -> (u64, u64, Vec<Option<usize>>) {
    let mut last: HashMap<&str, (i64, usize)> = HashMap::new();
    let (mut people, mut robots) = (0, 0);
    let of = clicks
        .iter()
        .map(|click| {
            let open = last.get(click.visitor.as_str()).filter(|(end, _)| click.at - end <= 30 * MINUTE);
            let session = match open {
                Some((_, session)) => *session,
                None if click.kind.is_marketing() => return None,
                None => {
                    *if click.is_bot { &mut robots } else { &mut people } += 1;
                    (people + robots) as usize
                }
            };
            last.insert(&click.visitor, (click.at, session));
            Some(session)
        })
        .collect();
    (people, robots, of)
}

#[derive(Default)]
struct Carts {
    abandoned: u64,
    bought: u64,
    value: BTreeMap<String, i64>,
}

#[derive(Default)]
struct Cart<'a> {
    last_at: i64,
    currency: &'a str,
    /// Price and quantity by product.
    lines: BTreeMap<&'a str, (i64, u32)>,
}

impl Carts {
    fn abandon(&mut self, cart: &Cart<'_>) {
        self.abandoned += 1;
        let value: i64 = cart.lines.values().map(|(price, count)| price * i64::from(*count)).sum();
        *self.value.entry(cart.currency.to_owned()).or_default() += value;
    }
}

fn carts(clicks: &[Click]) -> Carts {
    let mut open: HashMap<&str, Cart<'_>> = HashMap::new();
    let mut carts = Carts::default();
    for click in clicks {
        let person = if click.customer.is_empty() { click.visitor.as_str() } else { click.customer.as_str() };
        if open.get(person).is_some_and(|cart| click.at - cart.last_at > 60 * MINUTE)
            && let Some(cart) = open.remove(person)
        {
            carts.abandon(&cart);
        }
        match click.kind {
            Kind::AddToCart => {
                let cart = open.entry(person).or_insert(Cart { currency: &click.currency, ..Cart::default() });
                cart.last_at = click.at;
                for (product, price, count) in &click.lines {
                    cart.lines.entry(product).or_insert((*price, 0)).1 += count;
                }
            }
            Kind::RemoveFromCart | Kind::CartView | Kind::CheckoutStarted | Kind::CheckoutStep => {
                let Some(cart) = open.get_mut(person) else { panic!("a cart event without a cart") };
                cart.last_at = click.at;
                if click.kind == Kind::RemoveFromCart {
                    for (product, ..) in &click.lines {
                        cart.lines.remove(product.as_str());
                    }
                }
            }
            Kind::Purchase => {
                assert!(open.remove(person).is_some(), "a purchase without a cart");
                carts.bought += 1;
            }
            _ => {}
        }
    }
    open.values().for_each(|cart| carts.abandon(cart));
    carts
}

/// Share of sessions that reached the payment step and did not buy: on tablets, elsewhere.
fn payment_stopped(clicks: &[Click], of: &[Option<usize>]) -> [f64; 2] {
    let mut reached: HashMap<usize, (bool, bool)> = HashMap::new();
    for (click, session) in clicks.iter().zip(of) {
        let Some(session) = session else { continue };
        if click.step == "payment" {
            reached.entry(*session).or_insert((click.device == Device::Tablet, false));
        } else if click.kind == Kind::Purchase
            && let Some(entry) = reached.get_mut(session)
        {
            entry.1 = true;
        }
    }
    [true, false].map(|tablet| {
        let all: Vec<_> = reached.values().filter(|(on_tablet, _)| *on_tablet == tablet).collect();
        all.iter().filter(|(_, bought)| !bought).count() as f64 / all.len().max(1) as f64
    })
}

fn conversations(entries: &[Entry]) -> u64 {
    let mut last: HashMap<&str, i64> = HashMap::new();
    let mut count = 0;
    for entry in entries {
        let is_case = entry.key.starts_with("case-");
        let before = last.insert(&entry.key, entry.at);
        count += u64::from(before.is_none_or(|before| !is_case && entry.at - before > DAY));
    }
    count
}

/// Leavers, those with a billing case within 60 days before, those satisfied in their last rating.
fn leavers(clicks: &[Click], entries: &[Entry]) -> (u64, u64, u64) {
    let left: HashMap<&str, i64> = clicks
        .iter()
        .filter(|click| click.kind == Kind::Cancelled)
        .map(|click| (click.customer.as_str(), click.at))
        .collect();
    let mut billing = HashSet::new();
    let mut rating = HashMap::new();
    for entry in entries {
        let Some(at) = left.get(entry.customer.as_str()) else { continue };
        assert!(entry.at < *at, "a leaver says nothing afterwards");
        if entry.tags == "billing" && at - entry.at <= 60 * DAY && entry.author == Author::Customer {
            billing.insert(entry.customer.as_str());
        }
        if entry.kind == Kind::SupportRating {
            rating.insert(entry.customer.as_str(), entry.rating.unwrap_or_default());
        }
    }
    let back = clicks.iter().any(|click| left.get(click.customer.as_str()).is_some_and(|at| click.at > *at));
    assert!(!back, "a leaver stays away");
    assert_eq!(rating.len(), left.len(), "every leaver was asked");
    let satisfied = rating.values().filter(|rating| **rating >= 4.0).count();
    (left.len() as u64, billing.len() as u64, satisfied as u64)
}

fn check(world: &World) -> (Read, Truths) {
    let (read, truths) = (read(world), world.truths());
    let (people, robots, of) = sessions(&read.clicks);
    assert_eq!((people, robots), (truths.sessions, truths.robot_sessions));
    assert_eq!((read.duplicates, read.erased, read.malformed), (truths.duplicates, truths.erased, truths.malformed));
    assert_eq!(read.entries.len() as u64, truths.support_entries);
    assert_eq!(truths.sessions_by_city.values().sum::<u64>(), truths.sessions);

    let carts = carts(&read.clicks);
    assert_eq!((carts.abandoned, carts.bought), (truths.carts_abandoned, truths.carts_bought));
    for (currency, value) in &truths.abandoned_value {
        assert_eq!(carts.value[currency] as f64 / 1e6, *value, "{currency}");
    }

    assert_eq!(conversations(&read.entries), truths.conversations);
    let mut reviews: BTreeMap<String, u64> = BTreeMap::new();
    for review in read.entries.iter().filter(|entry| entry.channel == Channel::Review) {
        *reviews.entry(review.language.clone()).or_default() += 1;
    }
    assert_eq!(reviews, truths.reviews);
    // Reviews tell of deliveries and quality, conversations of everything.
    for (tag, topic) in [("billing", "billing"), ("login", "login_account"), ("price", "price")] {
        let of_tag = read.entries.iter().filter(|entry| entry.tags == tag);
        let cases: BTreeSet<&str> = of_tag.map(|entry| entry.key.as_str()).collect();
        assert_eq!(cases.len() as u64, truths.complaints.get(topic).copied().unwrap_or_default(), "{topic}");
    }

    let (left, billing, satisfied) = leavers(&read.clicks, &read.entries);
    assert_eq!(left, truths.leavers);
    assert_eq!(billing as f64 / left as f64, truths.leavers_with_billing_share);
    assert_eq!(satisfied as f64 / left as f64, truths.leavers_satisfied_share);

    let [tablet, elsewhere] = payment_stopped(&read.clicks, &of);
    assert_eq!((tablet, elsewhere), (truths.broken_step.stopped_share, truths.broken_step.stopped_share_elsewhere));
    assert_eq!(joined(&read.clicks), truths.joined);
    let visits = |store: &str| read.clicks.iter().filter(|click| click.store == store).count() as u64;
    assert_eq!(visits(&truths.drawing_store.store), truths.drawing_store.visits);
    (read, truths)
}

#[test]
fn planted_truths_are_found_by_counting() {
    let (read, truths) = check(&World::new(42, 0.25));
    // The folklore, at a quarter of the size.
    assert!((truths.leavers_with_billing_share - 0.2).abs() < 0.01, "{truths:?}");
    assert!((truths.leavers_satisfied_share - 0.8).abs() < 0.01, "{truths:?}");
    assert!((truths.cart_abandonment_share - 0.7).abs() < 0.03, "{truths:?}");
    assert!(truths.broken_step.stopped_share > 0.85 && truths.broken_step.stopped_share_elsewhere < 0.3);
    assert!(truths.drawing_store.visits > 2 * truths.drawing_store.next_visits);
    assert_eq!(truths.drawing_store.store, "bkk-ari");
    let most = truths.complaints.iter().max_by_key(|(_, texts)| **texts);
    assert!(most.is_some_and(|(topic, texts)| topic == "delivery" && *texts > 100), "{most:?}");
    // The size, and languages and disorder that show.
    assert!(truths.clicks >= 75_000 && truths.support_entries >= 5_000, "{truths:?}");
    assert!(["en", "th", "id"].iter().all(|tongue| truths.reviews[*tongue] > 50));
    assert!(read.disorder > 10_000 && read.disorder < 10 * MINUTE, "{}", read.disorder);
    let bots = read.clicks.iter().filter(|click| click.is_bot).count() * 1_000 / read.clicks.len();
    assert!((8..30).contains(&bots), "{bots} in a thousand");
    assert!(read.clicks.iter().all(|click| click.at > START_MS && click.at < truths.to_at));
}

#[test]
fn small_worlds_hold_together_too() {
    for seed in 1..4 {
        check(&World::new(seed, 0.01));
    }
}

#[test]
fn a_seed_makes_the_same_world_and_another_seed_another() {
    let bytes = |seed| {
        let mut out = Vec::new();
        let done: Result<(), Infallible> = World::new(seed, 0.01).visit(|record| {
            match record {
                Record::Click(click) => encode::avro::click(&click, &mut out),
                Record::Support(entry) => encode::avro::support(&entry, &mut out),
                Record::Malformed(record) => out.extend_from_slice(&record.bytes),
            }
            Ok(())
        });
        assert!(done.is_ok());
        out
    };
    assert!(bytes(5) == bytes(5));
    assert!(bytes(5) != bytes(6));
}

#[test]
fn every_format_reads_back_as_the_same_click() {
    use crumbtrail_events::avro::{CLICK_SCHEMA, Plan, SUPPORT_SCHEMA, Target};
    let clicks = Plan::compile(CLICK_SCHEMA, Target::Click).unwrap();
    let entries = Plan::compile(SUPPORT_SCHEMA, Target::Support).unwrap();
    let mut scratch = Scratch::new();
    let mut out = Vec::new();
    let done: Result<(), Infallible> = World::new(9, 0.01).visit(|record| {
        out.clear();
        match record {
            Record::Click(click) => {
                encode::avro::click(&click, &mut out);
                assert_eq!(clicks.click(&out, &mut scratch).unwrap(), click);
                out.clear();
                encode::segment::click(&click, &mut out);
                let back = crumbtrail_events::segment::click(&out, &mut scratch).unwrap();
                assert_eq!(
                    (back.event_id, back.visitor, back.customer, back.occurred_at, back.kind, back.order_id),
                    (click.event_id, click.visitor, click.customer, click.occurred_at, click.kind, click.order_id),
                    "{}",
                    String::from_utf8_lossy(&out)
                );
            }
            Record::Support(entry) => {
                encode::avro::support(&entry, &mut out);
                assert_eq!(entries.support(&out, &mut scratch).unwrap(), entry);
            }
            Record::Malformed(_) => {}
        }
        Ok(())
    });
    assert!(done.is_ok());
}
