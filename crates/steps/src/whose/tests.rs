//! What is passed on, to whom, and what changes hands.

use super::*;
use crumbtrail_events::touchpoint::{Item, Items, To};
use crumbtrail_events::vocabulary::{Author, Channel, Device, Feeling, Says, Scale};
use crumbtrail_events::{EventTime, Kind, Micros};

/// What a journey needs of a touchpoint, under the person's key.
fn compact<'a>(touchpoint: &Touchpoint<'a>, key: Key, session: u64) -> Touchpoint<'a> {
    Touchpoint {
        head: Head { key, ..touchpoint.head },
        event_id: touchpoint.event_id,
        site: touchpoint.site,
        visitor: touchpoint.visitor,
        customer: touchpoint.customer,
        contact: touchpoint.contact,
        name: touchpoint.name,
        page: touchpoint.page,
        referrer: touchpoint.referrer,
        channel: touchpoint.channel,
        source: touchpoint.source,
        medium: touchpoint.medium,
        campaign: touchpoint.campaign,
        term: touchpoint.term,
        content: touchpoint.content,
        click_id: touchpoint.click_id,
        country: touchpoint.country,
        region: touchpoint.region,
        city: touchpoint.city,
        latitude: touchpoint.latitude,
        longitude: touchpoint.longitude,
        time_zone: touchpoint.time_zone,
        device: touchpoint.device,
        browser: touchpoint.browser,
        os: touchpoint.os,
        language: touchpoint.language,
        items: touchpoint.items,
        order_id: touchpoint.order_id,
        revenue: touchpoint.revenue,
        currency: touchpoint.currency,
        step: touchpoint.step,
        store: touchpoint.store,
        conversation: touchpoint.conversation,
        author: touchpoint.author,
        rating: touchpoint.rating,
        scale: touchpoint.scale,
        feeling: touchpoint.feeling,
        score: touchpoint.score,
        topics: touchpoint.topics,
        friction: touchpoint.friction,
        says: touchpoint.says,
        frictions: touchpoint.frictions,
        likes: touchpoint.likes,
        dislikes: touchpoint.dislikes,
        session,
        ..Touchpoint::default()
    }
}

/// Every field set, but who it is of.
fn full(items: &[u8]) -> Touchpoint<'_> {
    Touchpoint {
        event_id: "e",
        site: "s",
        device_at: 1,
        received_at: 2,
        name: "n",
        host: "h",
        page: "/p",
        title: "t",
        referrer: "r",
        channel: Channel::from_code(2).unwrap(),
        source: "so",
        medium: "me",
        campaign: "ca",
        term: "te",
        content: "co",
        click_id: "ci",
        country: "TH",
        region: "re",
        city: "ci",
        latitude: Some(1.0),
        longitude: Some(2.0),
        time_zone: "tz",
        device: Device::from_code(1).unwrap(),
        browser: "b",
        os: "o",
        language: "l",
        items: Items::from_buffer(items),
        order_id: "oi",
        revenue: Micros(7),
        currency: "THB",
        search: "se",
        step: "st",
        client_session: "cs",
        properties: "{}",
        store: "sto",
        conversation: "con",
        author: Author::from_code(1).unwrap(),
        agent: "ag",
        department: "de",
        rating: Some(3.0),
        scale: Scale::from_code(1).unwrap(),
        priority: "pr",
        tags: "ta",
        text: "tx",
        characters: 3,
        feeling: Feeling::from_code(1).unwrap(),
        score: Some(0.5),
        confidence: Some(0.6),
        topics: 5,
        friction: true,
        says: Says::Complaint,
        frictions: 3,
        likes: 1,
        dislikes: 4,
        reason: "rs",
        detail: "dt",
        topic: "tp",
        partition: 4,
        offset: 9,
        model: "m",
        ..Touchpoint::default()
    }
}

#[test]
fn what_is_passed_on_is_what_a_journey_needs_and_no_more() {
    let mut items = Vec::new();
    Items::push(&mut items, &Item { product: "p", quantity: 2, ..Item::default() });
    let ids = [("c", "v", "h"), ("", "v", "h"), ("", "", "h"), ("", "", "")];
    for kind in [Kind::Purchase, Kind::SupportMessage] {
        for (customer, visitor, contact) in ids {
            if visitor.is_empty() && !kind.is_support() {
                continue; // a click has a visitor
            }
            let routed = if kind.is_support() { Key::conversation("s", "con") } else { Key::visitor("s", visitor) };
            let head = Head { kind, key: routed, id: 3, occurred_at: EventTime(4), outcome: Outcome::Counted };
            let touchpoint = Touchpoint { head, customer, visitor, contact, ..full(&items) };
            let mut payload = Vec::new();
            touchpoint.encode(&mut payload);
            let mut effects = Effects::new(crate::sessionize::TABLES.len());
            let judged = Judged { outcome: Outcome::Counted, session: 11 };
            whose().touchpoint(&payload, judged, &no_sessions(), CONTEXT, &mut effects).unwrap();
            let key = match (customer, visitor, contact) {
                ("", "", "") => routed,
                ("", visitor, _) if !kind.is_support() => Key::visitor("s", visitor),
                ("", ..) => {
                    // Its visitor's or contact's partition passes it on.
                    assert!(effects.passed.is_empty());
                    continue;
                }
                (customer, ..) => Key::customer("s", customer),
            };
            let mut expected = Vec::new();
            compact(&touchpoint, key, 11).encode(&mut expected);
            assert_eq!(effects.passed_bytes, expected);
            assert_eq!(effects.passed, [(To::Key(key), 0..expected.len())]);
        }
    }
}

const CONTEXT: Context = Context { version: 0, watermark: EventTime::MIN, wall_ms: 0 };

fn no_sessions() -> Sessions {
    Sessions::new(crumbtrail_sessions::RuleBook::default())
}

fn whose() -> Whose {
    Whose::new(Rules::default(), Place { partition: 0, of: 1 })
}

#[test]
fn robots_are_not_passed_on() {
    let mut payload = Vec::new();
    Touchpoint { bot: "agent", visitor: "v", ..Touchpoint::default() }.encode(&mut payload);
    let mut effects = Effects::new(0);
    let judged = Judged { outcome: Outcome::Counted, session: 0 };
    whose().touchpoint(&payload, judged, &no_sessions(), CONTEXT, &mut effects).unwrap();
    assert!(effects.passed.is_empty());
}

/// A touchpoint of one of the kinds of key, and its bytes.
fn told(key: Key, role: Role, at: i64, ids: [&'static str; 3]) -> Vec<u8> {
    let [customer, visitor, contact] = ids;
    let outcome = if role == Role::Whole { Outcome::Counted } else { Outcome::Aside };
    let kind = if contact.is_empty() { Kind::PageView } else { Kind::SupportMessage };
    let head = Head { kind, key, id: at as u64, occurred_at: EventTime(at), outcome };
    let mut payload = Vec::new();
    Touchpoint { head, site: "s", customer, visitor, contact, role, ..Touchpoint::default() }.encode(&mut payload);
    payload
}

/// What was passed on: to whom, in what role, which touchpoint.
fn passed(effects: &Effects) -> Vec<(Key, Role, i64)> {
    let told = effects.passed.iter().map(|(to, range)| {
        let touchpoint = Touchpoint::decode(&effects.passed_bytes[range.clone()]).unwrap();
        assert_eq!(To::Key(touchpoint.head.key), *to);
        (touchpoint.head.key, touchpoint.role, touchpoint.head.occurred_at.0)
    });
    told.collect()
}

/// The customers that what was passed on names.
fn named(effects: &Effects) -> Vec<String> {
    let told = effects.passed.iter().map(|(_, range)| &effects.passed_bytes[range.clone()]);
    told.map(|bytes| Touchpoint::decode(bytes).unwrap().customer.to_owned()).collect()
}

const COUNTED: Judged = Judged { outcome: Outcome::Counted, session: 0 };

#[test]
fn what_a_visitor_did_before_a_login_goes_to_the_customer_and_back_when_undone() {
    let (visitor, customer) = (Key::visitor("s", "v"), Key::customer("s", "c"));
    let mut whose = whose();
    let mut effects = Effects::new(crate::sessionize::TABLES.len());
    whose
        .touchpoint(&told(visitor, Role::Whole, 1, ["", "v", ""]), COUNTED, &no_sessions(), CONTEXT, &mut effects)
        .unwrap();
    whose
        .touchpoint(&told(visitor, Role::Whole, 5, ["c", "v", ""]), COUNTED, &no_sessions(), CONTEXT, &mut effects)
        .unwrap();
    whose
        .touchpoint(&told(visitor, Role::Whole, 6, ["c", "v", ""]), COUNTED, &no_sessions(), CONTEXT, &mut effects)
        .unwrap();
    whose
        .touchpoint(&told(visitor, Role::Whole, 9, ["", "v", ""]), COUNTED, &no_sessions(), CONTEXT, &mut effects)
        .unwrap();
    let expected = [
        (visitor, Role::Whole, 1),
        (visitor, Role::Taken, 1),
        (customer, Role::Given, 1),
        (customer, Role::Whole, 5),
        (customer, Role::Whole, 6),
        (customer, Role::Whole, 9),
    ];
    assert_eq!(passed(&effects), expected);
    assert_eq!(named(&effects), ["", "", "c", "c", "c", "c"]);
    assert_eq!(effects.tables[IDENTITY_LINKS].rows, 1);
    let mut effects = Effects::new(crate::sessionize::TABLES.len());
    whose.aside(&told(visitor, Role::Unlinked, 20, ["c", "v", ""]), CONTEXT, &mut effects).unwrap();
    let back =
        [(customer, Role::Taken, 9), (visitor, Role::Given, 9), (customer, Role::Taken, 1), (visitor, Role::Given, 1)];
    assert_eq!(passed(&effects), back);
    assert_eq!(named(&effects), ["", "", "", ""], "as nobody's, as it was");
    assert_eq!(effects.tables[IDENTITY_LINKS].rows, 1);
}

#[test]
fn what_a_contact_wrote_goes_to_the_customer_who_turns_out_to_have_it() {
    let (contact, customer) = (Key::contact("s", "h"), Key::customer("s", "c"));
    let mut whose = whose();
    let mut effects = Effects::new(crate::sessionize::TABLES.len());
    whose.aside(&told(contact, Role::Share, 1, ["", "", "h"]), CONTEXT, &mut effects).unwrap();
    whose.aside(&told(contact, Role::Claim, 5, ["c", "", "h"]), CONTEXT, &mut effects).unwrap();
    whose
        .touchpoint(&told(contact, Role::Whole, 7, ["", "", "h"]), COUNTED, &no_sessions(), CONTEXT, &mut effects)
        .unwrap();
    let expected =
        [(contact, Role::Whole, 1), (contact, Role::Taken, 1), (customer, Role::Given, 1), (customer, Role::Whole, 7)];
    assert_eq!(passed(&effects), expected);
    assert_eq!(named(&effects), ["", "", "c", "c"]);
}

/// What is said of two customers' ids.
fn said(role: Role, at: i64, alias: &'static str, customer: &'static str) -> Vec<u8> {
    told(Key::customer("s", alias), role, at, [customer, alias, ""])
}

#[test]
fn what_a_customer_did_under_another_id_goes_to_them_under_their_name_and_back_when_undone() {
    let [old, new] = ["old", "new"].map(|id| Key::customer("s", id));
    let (mut whose, mut effects) = (whose(), Effects::new(crate::sessionize::TABLES.len()));
    let visitor = Key::visitor("s", "v");
    whose
        .touchpoint(&told(visitor, Role::Whole, 1, ["", "v", ""]), COUNTED, &no_sessions(), CONTEXT, &mut effects)
        .unwrap();
    whose
        .touchpoint(&told(visitor, Role::Whole, 2, ["old", "v", ""]), COUNTED, &no_sessions(), CONTEXT, &mut effects)
        .unwrap();
    effects = Effects::new(crate::sessionize::TABLES.len());
    whose.aside(&said(Role::Alias, 5, "old", "new"), CONTEXT, &mut effects).unwrap();
    whose
        .touchpoint(&told(visitor, Role::Whole, 6, ["old", "v", ""]), COUNTED, &no_sessions(), CONTEXT, &mut effects)
        .unwrap();
    let expected = [
        (old, Role::Taken, 2),
        (new, Role::Given, 2),
        (old, Role::Taken, 1),
        (new, Role::Given, 1),
        (new, Role::Whole, 6),
    ];
    assert_eq!(passed(&effects), expected);
    assert_eq!(named(&effects), ["", "new", "", "new", "new"]);
    assert_eq!(effects.tables[IDENTITY_LINKS].rows, 1);
    effects = Effects::new(crate::sessionize::TABLES.len());
    whose.aside(&said(Role::AliasUnlinked, 9, "old", "new"), CONTEXT, &mut effects).unwrap();
    let back: Vec<(Key, i64)> = passed(&effects)
        .into_iter()
        .filter(|(_, role, _)| *role == Role::Given)
        .map(|(key, _, at)| (key, at))
        .collect();
    assert_eq!(back, [(old, 6), (old, 2), (old, 1)]);
    assert_eq!(named(&effects), ["", "old", "", "old", "", "old"]);
    assert_eq!(effects.tables[IDENTITY_LINKS].rows, 1);
}

#[test]
fn the_row_of_an_alias_is_one_partition_s_to_write() {
    for partition in 0..4 {
        let mut whose = Whose::new(Rules::default(), Place { partition, of: 4 });
        let mut effects = Effects::new(crate::sessionize::TABLES.len());
        whose.aside(&said(Role::Alias, 5, "old", "new"), CONTEXT, &mut effects).unwrap();
        let is_home = Key::customer("s", "old").partition(4) == partition;
        assert_eq!(effects.tables[IDENTITY_LINKS].rows, u64::from(is_home));
    }
}

#[test]
fn a_late_or_repeated_login_counts_for_identity_and_nothing_else() {
    let visitor = Key::visitor("s", "v");
    for outcome in [Outcome::Late, Outcome::Duplicate, Outcome::Bot, Outcome::Erased] {
        let mut whose = whose();
        let mut effects = Effects::new(crate::sessionize::TABLES.len());
        let login = told(visitor, Role::Whole, 1, ["c", "v", ""]);
        whose.touchpoint(&login, Judged { outcome, session: 0 }, &no_sessions(), CONTEXT, &mut effects).unwrap();
        assert!(effects.passed.is_empty());
        let counts = matches!(outcome, Outcome::Late | Outcome::Duplicate);
        assert_eq!(effects.tables[IDENTITY_LINKS].rows, u64::from(counts));
        whose
            .touchpoint(&told(visitor, Role::Whole, 2, ["", "v", ""]), COUNTED, &no_sessions(), CONTEXT, &mut effects)
            .unwrap();
        let whom = if counts { Key::customer("s", "c") } else { visitor };
        assert_eq!(passed(&effects), [(whom, Role::Whole, 2)]);
        assert_eq!(named(&effects), [if counts { "c" } else { "" }], "though nothing of theirs told their name");
    }
}
