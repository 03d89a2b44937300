//! Sessions of three visitors at two sites, people and robots, of every kind of event, with every rule off and on.

use crate::oracle::{Row, oracle};
use crate::run::{GAP, LATENESS, SPAN, START, Step, arrange, cases, jitter, rules, run_changed, steps};
use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Head, Touchpoint};
use crumbtrail_events::vocabulary::Channel;
use crumbtrail_events::{EventTime, Key, Kind, Micros, Outcome};
use crumbtrail_sessions::{RuleBook, Rules, Zone};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The second has rules of its own.
pub(crate) const SITES: [&str; 2] = ["shop", "blog"];

/// One event of the test's own making.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) site: u8,
    pub(crate) visitor: u8,
    /// A list says that it is a robot's.
    pub(crate) is_robot: bool,
    pub(crate) at: i64,
    pub(crate) skew: i32,
    /// From its event time to its receipt, ms.
    delay: i64,
    name: u32,
    pub(crate) kind: Kind,
    page: u8,
    touch: u8,
    country: u8,
    customer: u8,
    client: u8,
    pub(crate) revenue: i64,
    pub(crate) score: Option<i8>,
}

impl Made {
    pub(crate) fn id(&self) -> String {
        format!("e{}", self.name)
    }

    pub(crate) fn site(&self) -> &'static str {
        SITES[usize::from(self.site)]
    }

    pub(crate) fn page(&self) -> &'static str {
        ["/", "/cart", "/p/:id", "/p/:id/reviews"][usize::from(self.page) % 4]
    }

    /// Channel and campaign.
    pub(crate) fn touch(&self) -> (Channel, &'static str) {
        match self.touch {
            0 => (Channel::PaidSearch, "spring"),
            1 => (Channel::PaidSearch, "summer"),
            2 => (Channel::Direct, ""),
            3 => (Channel::OrganicSearch, ""),
            // A payment provider: no channel, whatever it says of a campaign.
            4 => (Channel::None, "checkout"),
            _ => (Channel::None, ""),
        }
    }

    pub(crate) fn customer(&self) -> &'static str {
        ["", "", "", "c1", "c1", "c2"][usize::from(self.customer) % 6]
    }

    /// What its position says of the fences of two shops.
    pub(crate) fn fences(&self) -> &'static str {
        match self.kind {
            Kind::StoreVisit => ["s1", "s2"][usize::from(self.country) % 2],
            _ => ["", "s1\n", "s1\ns2", "\ns1", "\n", "s2\n", "\n"][usize::from(self.country) % 7],
        }
    }

    pub(crate) fn currency(&self) -> &'static str {
        match self.revenue {
            0 => "",
            revenue if revenue % 5 == 0 => "IDR",
            _ => "THB",
        }
    }

    pub(crate) fn client(&self) -> &'static str {
        ["", "s1", "s1", "s1", "s2"][usize::from(self.client) % 5]
    }

    /// What makes it count before others with its id.
    fn rank(&self) -> (i64, i64, i32) {
        (self.at + self.delay, self.at, self.skew)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (visitor, id) = (format!("v{}", self.visitor), self.id());
        let (channel, campaign) = self.touch();
        let mut bytes = Vec::new();
        Touchpoint {
            head: Head {
                outcome: Outcome::Counted,
                kind: self.kind,
                key: Key::visitor(self.site(), &visitor),
                id: id_hash(&id),
                occurred_at: EventTime(self.at),
            },
            event_id: &id,
            site: self.site(),
            visitor: &visitor,
            bot: if self.is_robot { "list" } else { "" },
            device_at: self.at + i64::from(self.skew),
            received_at: self.at + self.delay,
            customer: self.customer(),
            client_session: self.client(),
            page: self.page(),
            channel,
            medium: if campaign.is_empty() { "" } else { "cpc" },
            campaign,
            country: ["", "TH", "ID"][usize::from(self.country) % 3],
            latitude: (self.country > 128).then_some(1.0),
            longitude: (self.country > 128).then_some(2.0),
            fences: self.fences(),
            revenue: Micros(self.revenue),
            currency: self.currency(),
            score: self.score.map(|score| f32::from(score) / 100.0),
            ..Touchpoint::default()
        }
        .encode(&mut bytes);
        bytes
    }
}

fn made() -> impl Strategy<Value = Made> {
    // What the rules look at comes often, every other kind now and then.
    const KINDS: [Kind; 12] = [
        Kind::PageView,
        Kind::PageView,
        Kind::Click,
        Kind::PagePing,
        Kind::PagePing,
        Kind::MessageSent,
        Kind::Purchase,
        Kind::AddToCart,
        Kind::RemoveFromCart,
        Kind::Comment,
        Kind::StoreVisit,
        Kind::MediaWatched,
    ];
    let clicks: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| !kind.is_support()).collect();
    let kind = prop_oneof![3 => prop::sample::select(&KINDS[..]), 1 => prop::sample::select(clicks)];
    let who = (0u8..2, 0u8..3, prop::bool::weighted(0.15));
    let what = (who, kind, any::<u8>(), 0u8..20, any::<u8>(), 0u8..12, any::<u8>());
    let when = (0..SPAN, -2i32..3, prop_oneof![Just(0i64), 0i64..3_000]);
    (what, when, -20i64..100, proptest::option::of(-100i8..100)).prop_map(
        |(
            ((site, visitor, is_robot), kind, page, touch, country, customer, client),
            (at, skew, delay),
            revenue,
            score,
        )| Made {
            site,
            visitor,
            is_robot,
            // Often on the edge of a gap, and of midnight.
            at: START + if at % 3 == 0 { at / GAP * GAP } else { at },
            skew,
            delay,
            name: 0,
            kind,
            page,
            touch,
            country,
            // Customers now and then, so that not every event cuts.
            customer,
            client,
            revenue,
            score,
        },
    )
}

/// The rules of a site: the default ones, those that are off by default, and the client's session id besides.
fn variants() -> impl Strategy<Value = Rules> {
    let all = Rules { cut_on_campaign: true, midnight: Zone::named("Asia/Bangkok"), ..rules() };
    let mut client = all.clone();
    client.limits.client_sessions = true;
    prop_oneof![Just(rules()), Just(Rules { cut_on_customer: false, ..all.clone() }), Just(all), Just(client)]
}

/// The rules of both sites; the gap and the longest session differ.
fn both() -> impl Strategy<Value = [Rules; 2]> {
    (variants(), variants(), prop_oneof![Just(GAP / 2), Just(GAP), Just(2 * GAP)]).prop_map(|(shop, mut blog, gap)| {
        (blog.limits.gap_ms, blog.longest_ms) = (gap, 7_000);
        [shop, blog]
    })
}

fn book([shop, blog]: &[Rules; 2], events_a_tick: usize) -> RuleBook {
    RuleBook {
        default: shop.clone(),
        sites: [(SITES[1].to_owned(), blog.clone())].into(),
        events_a_tick,
        // What may be corrected at the next tick may go to disk at this one.
        correction_ms: if events_a_tick == 48 { RuleBook::default().correction_ms } else { 1 },
        ..RuleBook::default()
    }
}

/// Another record of the same event: received at another time, and so often with another corrected one.
fn copy_of(event: &Made, shift: i64, delay: i64) -> Made {
    let at = (event.at + shift).clamp(START, START + SPAN - 1);
    Made { at, delay: delay + event.at - at, page: event.page.wrapping_add(1), ..event.clone() }
}

fn check(
    events: Vec<Made>,
    rules: &[Rules; 2],
    jitter: &[i64],
    steps: &[Step],
    repeats: &[(prop::sample::Index, i64, i64)],
) {
    check_changed(events, &[], rules, jitter, steps, repeats);
}

/// Rules that hold for a while before anything is final are as if they had never been. (But for the client's own session id,
/// which is read only where it decides.)
fn check_changed(
    mut events: Vec<Made>,
    before: &[(usize, [Rules; 2])],
    rules: &[Rules; 2],
    jitter: &[i64],
    steps: &[Step],
    repeats: &[(prop::sample::Index, i64, i64)],
) {
    for (n, event) in events.iter_mut().enumerate() {
        event.name = n as u32;
    }
    let copies: Vec<Made> =
        repeats.iter().map(|(index, shift, delay)| copy_of(index.get(&events), *shift, *delay)).collect();
    events.extend(copies);
    let mut counted: BTreeMap<u32, &Made> = BTreeMap::new();
    for event in &events {
        let held = counted.entry(event.name).or_insert(event);
        if event.rank() < held.rank() {
            *held = event;
        }
    }
    let counted: Vec<Made> = counted.into_values().cloned().collect();
    let truth = oracle(&counted, rules, START + SPAN / 2);
    let records = arrange(&events, jitter, |event| (event.at, event.name, event.bytes()));
    let mut from = 0;
    let mut books: Vec<(usize, RuleBook)> = Vec::new();
    for (records, rules_then) in before.iter().chain([&(0, rules.clone())]) {
        let mut both = rules_then.clone();
        for (then, at_last) in both.iter_mut().zip(rules) {
            then.limits.client_sessions = at_last.limits.client_sessions;
        }
        // Of some, rows are said a part at a time.
        let events_a_tick = [4_096, 48, 60][steps.len() % 3];
        books.push((from, book(&both, events_a_tick)));
        from += records;
    }
    let however = run_changed::<Row>(&books, &records, steps).final_sessions();
    // What the oracle tells of a row, it tells by rules of its own; the rest is what the events say when they come at once and in order.
    let told: BTreeMap<_, _> = however.iter().map(|(key, (row, _))| (*key, row.clone())).collect();
    assert_eq!(told, truth);
    let whole = rules.clone().map(|rules| Rules { kept_events: u32::MAX, ..rules });
    let in_order = arrange(&counted, &[0], |event| (event.at, event.name, event.bytes()));
    assert_eq!(run_changed::<Row>(&[(0, book(&whole, 2_048))], &in_order, &[Step::Next]).final_sessions(), however);
}

fn repeats() -> impl Strategy<Value = Vec<(prop::sample::Index, i64, i64)>> {
    // Delays that no original has, so that the earliest is one.
    let shift = prop_oneof![Just(0), -LATENESS..LATENESS];
    let delay = prop_oneof![3_000i64..3_999, -999i64..0];
    proptest::collection::vec((any::<prop::sample::Index>(), shift, delay), 0..8)
}

proptest! {
    #![proptest_config(cases(1))]

    #[test]
    fn final_sessions_depend_on_the_set_of_events_alone(
        events in proptest::collection::vec(made(), 1..100),
        rules in both(),
        jitter in jitter(),
        steps in steps(),
        repeats in repeats(),
    ) {
        check(events, &rules, &jitter, &steps, &repeats);
    }
}

/// Other rules, of another gap.
fn others() -> impl Strategy<Value = Vec<(usize, [Rules; 2])>> {
    let gap = prop_oneof![Just(1i64), Just(GAP / 3), Just(GAP), Just(4 * GAP), Just(SPAN)];
    let other = (0usize..30, gap, both()).prop_map(|(records, gap, mut rules)| {
        rules.iter_mut().for_each(|rules| rules.limits.gap_ms = gap);
        (records, rules)
    });
    proptest::collection::vec(other, 1..4)
}

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn what_is_open_when_rules_change_is_cut_by_the_new_ones(
        events in proptest::collection::vec(made(), 1..100),
        before in others(),
        rules in both(),
        jitter in jitter(),
        steps in steps(),
        repeats in repeats(),
    ) {
        check_changed(events, &before, &rules, &jitter, &steps, &repeats);
    }
}

proptest! {
    #![proptest_config(cases(10))]

    /// One busy visitor: sessions are rolled over and folded while they go on.
    #[test]
    fn folding_and_rolling_over_change_nothing(
        mut events in proptest::collection::vec(made(), 150..300),
        rules in both(),
        jitter in jitter(),
        steps in steps(),
        repeats in repeats(),
    ) {
        events.iter_mut().for_each(|event| (event.site, event.visitor, event.is_robot) = (1, 0, false));
        check(events, &rules, &jitter, &steps, &repeats);
    }
}
