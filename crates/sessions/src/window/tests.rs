//! Each rule one millisecond before, at and after its edge, with the timeline drawn.

use super::*;
use crate::attributes::Reading;
use crate::fields::Click;
use crate::midnight::Zone;
use crumbtrail_events::Touchpoint;
use crumbtrail_events::vocabulary::Channel;

fn rules() -> Rules {
    let limits = Limits { gap_ms: 10, lateness_ms: 1, ..Limits::default() };
    Rules { limits, longest_ms: 50, most_events: 6, ..Rules::default() }
}

fn at(kind: Kind, times: &[i64]) -> Vec<Event> {
    times.iter().map(|&t| Event::new(EventTime(t), t as u64, kind)).collect()
}

/// First and last event, whether a continuation, and why it ended, of each session.
type Told = (i64, i64, bool, Cut);

fn cuts(events: &[Event], rules: &Rules, interner: &Interner) -> Vec<Told> {
    let mut found = Vec::new();
    cut(events, None, rules, interner, |s| {
        assert_eq!((s.open.start, s.open.last), (events[s.events.start].order(), events[s.events.end - 1].at()));
        assert_eq!(s.open.size as usize, s.events.len());
        found.push((s.open.start.at.0, s.open.last.0, s.open.is_continuation, s.cut));
    });
    found
}

fn plain(events: &[Event]) -> Vec<Told> {
    cuts(events, &rules(), &Interner::new())
}

/// Events made from touchpoints, for rules that look at what an event says.
#[derive(Default)]
struct Scene {
    events: Vec<Event>,
    interner: Option<Interner>,
}

impl Scene {
    fn event<'a>(mut self, at: i64, kind: Kind, change: impl FnOnce(&mut Touchpoint<'a>)) -> Scene {
        let interner = self.interner.get_or_insert_with(Interner::new);
        let mut t = Touchpoint::default();
        (t.head.occurred_at, t.head.kind, t.head.id) = (EventTime(at), kind, at as u64);
        change(&mut t);
        let mut bytes = Vec::new();
        t.encode(&mut bytes);
        let click = Click::find(&bytes).unwrap();
        let mut reading = Reading::default();
        let attributes = reading.attributes(&click, interner);
        self.events.push(reading.click(&t.head, &click, attributes, interner));
        self
    }

    fn view<'a>(self, at: i64, change: impl FnOnce(&mut Touchpoint<'a>)) -> Scene {
        self.event(at, Kind::PageView, change)
    }

    fn of(self, at: i64, customer: &str) -> Scene {
        self.view(at, |t| t.customer = customer)
    }

    fn in_session(self, at: i64, client_session: &str) -> Scene {
        self.view(at, |t| t.client_session = client_session)
    }

    fn by(self, at: i64, channel: Channel, campaign: &str) -> Scene {
        let medium = if campaign.is_empty() { "" } else { "cpc" };
        self.view(at, |t| (t.channel, t.medium, t.campaign) = (channel, medium, campaign))
    }

    fn cuts(&self, rules: &Rules) -> Vec<Told> {
        self.interner.as_ref().map(|interner| cuts(&self.events, rules, interner)).unwrap_or_default()
    }
}

#[test]
fn exactly_the_gap_is_the_same_session_and_one_ms_more_is_a_new_one() {
    // 0         10         21
    // ├──= gap──┤   > gap   │
    // └─────A───┘           B
    assert_eq!(plain(&at(Kind::Click, &[0, 9])), [(0, 9, false, Cut::Open)]);
    assert_eq!(plain(&at(Kind::Click, &[0, 10])), [(0, 10, false, Cut::Open)]);
    assert_eq!(plain(&at(Kind::Click, &[0, 11])), [(0, 0, false, Cut::Gap), (11, 11, false, Cut::Open)]);
}

#[test]
fn beam_vector() {
    // 1  10  15  22  30      95 100 101
    // └──────A────────┘      └────B───┘
    let events = at(Kind::Click, &[1, 10, 15, 22, 30, 95, 100, 101]);
    assert_eq!(plain(&events), [(1, 30, false, Cut::Gap), (95, 101, false, Cut::Open)]);
}

#[test]
fn the_longest_session_is_rolled_over_one_ms_after_its_length() {
    // 0   10   20   30   40   50           0   10   20   30   40   50 51
    // └──────────── A ────────┘ = longest  └──────────── A ────────┘ └B: a continuation
    let rules = Rules { most_events: 100, ..rules() };
    let run = |last: &[i64]| cuts(&at(Kind::Click, &[&[0, 10, 20, 30, 40], last].concat()), &rules, &Interner::new());
    assert_eq!(run(&[49]), [(0, 49, false, Cut::Open)]);
    assert_eq!(run(&[50]), [(0, 50, false, Cut::Open)]);
    assert_eq!(run(&[50, 51]), [(0, 50, false, Cut::Longest), (51, 51, true, Cut::Open)]);
}

#[test]
fn the_fullest_session_is_rolled_over_before_one_event_more() {
    // 1 2 3 4 5 6 │ 7     most = 6
    // └────A────┘   B: a continuation
    assert_eq!(plain(&at(Kind::PagePing, &[1, 2, 3, 4, 5])), [(1, 5, false, Cut::Open)]);
    assert_eq!(plain(&at(Kind::PagePing, &[1, 2, 3, 4, 5, 6])), [(1, 6, false, Cut::Open)]);
    let seven = plain(&at(Kind::PagePing, &[1, 2, 3, 4, 5, 6, 7]));
    assert_eq!(seven, [(1, 6, false, Cut::Most), (7, 7, true, Cut::Open)]);
}

#[test]
fn heartbeats_extend_a_session() {
    // 0        10        20        30
    // view     ping      ping      view
    // └──────────── A ─────────────┘
    let mut events = at(Kind::PagePing, &[0, 10, 20, 30]);
    (events[0].kind, events[3].kind) = (Kind::PageView, Kind::PageView);
    assert_eq!(plain(&events), [(0, 30, false, Cut::Open)]);
}

#[test]
fn a_marketing_message_never_starts_a_session() {
    // m0   m8   v12   m20   v30        m99
    //           └─────A─────┘          (none)
    for kind in [
        Kind::MessageSent,
        Kind::MessageDelivered,
        Kind::MessageOpened,
        Kind::MessageClicked,
        Kind::MessageUnsubscribed,
    ] {
        let mut events = at(kind, &[0, 8, 12, 20, 30, 99]);
        events[2].kind = Kind::PageView;
        events[4].kind = Kind::PageView;
        assert_eq!(plain(&events), [(12, 30, false, Cut::Open)]);
    }
}

#[test]
fn another_customer_cuts_and_an_anonymous_event_does_not() {
    // 0: nobody   1: ann   2: nobody   3: ann   4: bob   5: nobody
    // └─────────────── ann ────────────────┘   └───── bob ─────┘
    let scene = Scene::default().of(0, "").of(1, "ann").of(2, "").of(3, "ann").of(4, "bob").of(5, "");
    assert_eq!(scene.cuts(&rules()), [(0, 3, false, Cut::Customer), (4, 5, false, Cut::Open)]);
    assert_eq!(scene.cuts(&Rules { cut_on_customer: false, ..rules() }), [(0, 5, false, Cut::Open)]);
}

#[test]
fn a_message_to_somebody_else_cuts_nothing() {
    let sent = |t: &mut Touchpoint<'_>| {
        (t.customer, t.client_session, t.channel, t.campaign) = ("bob", "b", Channel::Email, "news");
    };
    let scene = Scene::default().of(0, "ann").event(1, Kind::MessageSent, sent).of(2, "ann");
    let rules = Rules { cut_on_campaign: true, ..rules() };
    assert_eq!(scene.cuts(&rules), [(0, 2, false, Cut::Open)]);
}

#[test]
fn a_message_ends_nothing_and_the_next_event_says_why_it_ended() {
    //             midnight
    // v-2   m-1   │ m0   v1        m is in no session behind the end of one, and the visit goes on after midnight
    // └──A──┘     │      └B
    let message = |scene: Scene, at| scene.event(at, Kind::MessageSent, |_| {});
    let on = Rules { midnight: Some(Zone::default()), ..rules() };
    let sent = |scene: Scene, times: &[i64]| times.iter().fold(scene, |scene, &at| message(scene, at));
    let before = || sent(Scene::default().of(-2, ""), &[-1]);
    let over = sent(before(), &[0]);
    assert_eq!(over.cuts(&on), [(-2, -1, false, Cut::Open)]);
    assert_eq!(sent(before(), &[0]).of(1, "").cuts(&on), [(-2, -1, false, Cut::Midnight), (1, 1, true, Cut::Open)]);
    assert_eq!(sent(before(), &[8, 9]).of(10, "").cuts(&on)[0].3, Cut::Gap, "the silence is that since its own last");
    // Nor the longest and the fullest.
    let long = sent(Scene::default().of(0, ""), &[10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 101]).of(102, "");
    let rolled = Rules { longest_ms: 100, most_events: 99, ..rules() };
    assert_eq!(long.cuts(&rolled), [(0, 100, false, Cut::Longest), (102, 102, true, Cut::Open)]);
    let full = sent(Scene::default().of(0, ""), &[1, 2, 3]).of(4, "");
    let few = Rules { most_events: 3, ..rules() };
    assert_eq!(full.cuts(&few), [(0, 2, false, Cut::Most), (4, 4, true, Cut::Open)]);
    // Where the client's id decides, midnight does not.
    let limits = Limits { client_sessions: true, ..rules().limits };
    let decided = Rules { limits, ..on };
    let scene = message(Scene::default().in_session(-1, "a"), 0).in_session(1, "a");
    assert_eq!(scene.cuts(&decided), [(-1, 1, false, Cut::Open)]);
}

#[test]
fn a_campaign_cuts_if_it_is_another_one_and_the_rule_is_on() {
    // search   spring      spring   direct   search   summer
    // 0        1           2        3        4        5
    // └ A      └────────────── B ───────────────┘     └ C
    let scene = Scene::default()
        .by(0, Channel::OrganicSearch, "")
        .by(1, Channel::PaidSearch, "spring")
        .by(2, Channel::PaidSearch, "spring")
        .by(3, Channel::Direct, "")
        .by(4, Channel::OrganicSearch, "")
        .by(5, Channel::PaidSearch, "summer");
    assert_eq!(scene.cuts(&rules()), [(0, 5, false, Cut::Open)], "off is the default");
    assert_eq!(
        scene.cuts(&Rules { cut_on_campaign: true, ..rules() }),
        [(0, 0, false, Cut::Campaign), (1, 4, false, Cut::Campaign), (5, 5, false, Cut::Open)]
    );
}

#[test]
fn a_direct_visit_takes_a_campaign_as_its_own_and_a_payment_provider_steals_nothing() {
    // direct   (inner page)   spring   (back from the payment provider)   spring
    // └─────────────────────────────── A ──────────────────────────────────────┘
    let scene = Scene::default()
        .by(0, Channel::Direct, "")
        .by(1, Channel::None, "")
        .by(2, Channel::PaidSearch, "spring")
        .view(3, |t| (t.channel, t.medium, t.campaign, t.source) = (Channel::None, "referral", "checkout", "paypal"))
        .by(4, Channel::PaidSearch, "spring");
    assert_eq!(scene.cuts(&Rules { cut_on_campaign: true, ..rules() }), [(0, 4, false, Cut::Open)]);
}

#[test]
fn midnight_in_the_sites_zone_cuts_if_the_rule_is_on() {
    //          23:59:59.999   00:00
    // ── A ────────────────┘  └──── B: a continuation
    const HOUR: i64 = 3_600_000;
    for (zone, midnight) in [
        ("Asia/Bangkok", "2026-03-01T17:00:00Z"),
        ("Asia/Jakarta", "2026-03-01T17:00:00Z"),
        ("UTC", "2026-03-02T00:00:00Z"),
        // The day of 23 hours, the day of 25, and a day whose first hour is skipped.
        ("Europe/Berlin", "2026-03-29T22:00:00Z"),
        ("Europe/Berlin", "2026-10-25T23:00:00Z"),
        ("Africa/Cairo", "2026-04-23T22:00:00Z"),
    ] {
        let midnight = midnight.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let limits = Limits { gap_ms: HOUR, ..Limits::default() };
        let off = Rules { limits, ..Rules::default() };
        let on = Rules { midnight: Zone::named(zone), ..off.clone() };
        let run = |last, rules: &Rules| {
            let events = at(Kind::Click, &[midnight - HOUR, midnight - 2, last]);
            let told = cuts(&events, rules, &Interner::new());
            told.iter().map(|&(_, end, continues, why)| (end - midnight, continues, why)).collect::<Vec<_>>()
        };
        assert_eq!(run(midnight - 1, &on), [(-1, false, Cut::Open)], "{zone}");
        assert_eq!(run(midnight, &on), [(-2, false, Cut::Midnight), (0, true, Cut::Open)], "{zone}");
        assert_eq!(run(midnight + 1, &on), [(-2, false, Cut::Midnight), (1, true, Cut::Open)], "{zone}");
        assert_eq!(run(midnight + 1, &off), [(1, false, Cut::Open)], "{zone}");
    }
}

#[test]
fn in_the_doubled_hour_the_clock_goes_back_and_the_session_goes_on() {
    // Berlin, 2026-10-25: 02:59:59 is followed by 02:00:00. No midnight is near, so nothing is cut.
    let change = "2026-10-25T01:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let rules = Rules { midnight: Zone::named("Europe/Berlin"), ..Rules::default() };
    let events = at(Kind::Click, &[change - 60_000, change - 1, change, change + 1, change + 60_000]);
    assert_eq!(cuts(&events, &rules, &Interner::new()).len(), 1);
    // Cairo, 2026-10-29: 23:59:59 is followed by 23:00:00 of the same day; midnight comes an hour later, once.
    let change = "2026-10-29T21:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let rules = Rules { midnight: Zone::named("Africa/Cairo"), ..Rules::default() };
    let events = at(Kind::Click, &[change - 1, change, change + 1_800_000, change + 3_599_999, change + 3_600_000]);
    let told = cuts(&events, &rules, &Interner::new());
    assert_eq!(told.iter().map(|told| told.3).collect::<Vec<_>>(), [Cut::Midnight, Cut::Open]);
    assert_eq!(told[0].1, change + 3_599_999);
}

#[test]
fn the_clients_session_id_decides_and_gap_and_caps_still_guard() {
    let limits = Limits { client_sessions: true, ..rules().limits };
    let on = Rules { limits, ..rules() };
    // a   (none)   a   b       within the gap: cut where the id changes
    let scene = Scene::default().in_session(0, "a").in_session(1, "").in_session(2, "a").in_session(3, "b");
    assert_eq!(scene.cuts(&on), [(0, 2, false, Cut::ClientSession), (3, 3, false, Cut::Open)]);
    assert_eq!(scene.cuts(&rules()), [(0, 3, false, Cut::Open)], "off is the default");
    // The same id after more than the gap is a new session all the same, and after the longest one, and the fullest.
    let gap = |last| Scene::default().in_session(0, "a").in_session(last, "a").cuts(&on).len();
    assert_eq!((gap(9), gap(10), gap(11)), (1, 1, 2));
    let filled = (1..8).fold(Scene::default(), |scene, at| scene.in_session(at, "a")).cuts(&on);
    assert_eq!(filled, [(1, 6, false, Cut::Most), (7, 7, true, Cut::Open)]);
    // The same id is not cut by a campaign or midnight, but by another customer.
    let both =
        |scene: Scene| scene.cuts(&Rules { cut_on_campaign: true, midnight: Some(Zone::default()), ..on.clone() });
    let touch = |campaign: &'static str| {
        move |t: &mut Touchpoint<'static>| {
            (t.client_session, t.channel, t.medium, t.campaign) = ("a", Channel::PaidSearch, "cpc", campaign);
        }
    };
    assert_eq!(both(Scene::default().view(-1, touch("spring")).view(1, touch("summer"))).len(), 1);
    let customer = |customer| move |t: &mut Touchpoint<'static>| (t.client_session, t.customer) = ("a", customer);
    assert_eq!(both(Scene::default().view(1, customer("ann")).view(2, customer("bob"))).len(), 2);
    // A heartbeat of a page left open does not cut.
    let ping = |t: &mut Touchpoint<'static>| t.client_session = "a";
    let scene = Scene::default().in_session(0, "a").in_session(1, "b").event(2, Kind::PagePing, ping);
    assert_eq!(scene.in_session(3, "b").cuts(&on), [(0, 0, false, Cut::ClientSession), (1, 3, false, Cut::Open)]);
}

#[test]
fn a_cut_may_stop_anywhere_and_go_on() {
    let touch = |t: &mut Touchpoint<'static>| (t.channel, t.medium, t.campaign) = (Channel::Email, "email", "news");
    let mut scene =
        Scene::default().of(-9, "").of(-3, "ann").of(0, "ann").of(1, "bob").of(2, "").by(3, Channel::Direct, "");
    scene = scene.by(4, Channel::PaidSearch, "spring").view(5, touch).of(6, "bob").of(7, "cat").of(20, "").of(21, "");
    let interner = scene.interner.unwrap();
    let events = scene.events;
    let rules = Rules { cut_on_campaign: true, midnight: Some(Zone::default()), most_events: 3, ..rules() };
    let run = |events: &[Event], carried| {
        let mut found = Vec::new();
        cut(events, carried, &rules, &interner, |s| found.push((s.open, s.cut)));
        found
    };
    let whole = run(&events, None);
    let reasons: Vec<Cut> = whole.iter().map(|(_, cut)| *cut).collect();
    assert!(
        [Cut::Customer, Cut::Campaign, Cut::Midnight, Cut::Most].iter().all(|cut| reasons.contains(cut)),
        "{reasons:?}"
    );
    for stop in 1..events.len() {
        let mut found = run(&events[..stop], None);
        let carried = found.pop().map(|(open, _)| open);
        found.extend(run(&events[stop..], carried));
        assert_eq!(found, whole, "stopped at {stop}");
    }
}

#[test]
fn lateness_is_judged_against_the_merged_window() {
    let limits = rules().limits;
    // Gap 10, lateness 1. The event at 0 alone: kept at watermark 1, late at 2.
    assert!(!is_late(EventTime(0), horizon(EventTime(1), &limits)));
    assert!(is_late(EventTime(0), horizon(EventTime(2), &limits)));
    // Merged into a window that ends at 11 it is kept until watermark 12.
    assert!(!is_late(EventTime(11), horizon(EventTime(12), &limits)));
    // A window is closed when nothing that is in time can touch it: end + gap + lateness < watermark.
    assert!(!is_closed(EventTime(0), 10, horizon(EventTime(11), &limits)));
    assert!(is_closed(EventTime(0), 10, horizon(EventTime(12), &limits)));
    assert_eq!(horizon(EventTime::MIN, &limits), EventTime::MIN);
}

#[test]
fn a_lateness_of_days_is_to_the_millisecond_too() {
    let limits = Limits { lateness_ms: 3 * 86_400_000, ..Limits::default() };
    let end = EventTime(1_760_000_000_000);
    let edge = end.plus(limits.lateness_ms);
    assert!(!is_late(end, horizon(edge, &limits)) && is_late(end, horizon(edge.plus(1), &limits)));
}
