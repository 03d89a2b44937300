//! The views for BI over a handful of rows whose answers can be counted by hand, merges stopped. The sessions are
//! written twice: an older version with other figures comes first.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use bytes::Bytes;
use common::{ask, click, engine_is_here, inserter, migrated};
use crumbtrail_events::vocabulary::{Author, Channel, Device, Feeling, Says, Scale};
use crumbtrail_events::{EventTime, Key, Kind, Micros, Outcome, Touchpoint};
use crumbtrail_identity::{How, IdKind, LinkRow, Standing};
use crumbtrail_journeys::rows::{JourneyRow, StageMoveRow};
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_warehouse::Server as _;
use crumbtrail_warehouse::tables::identity_links::Change;
use crumbtrail_warehouse::tables::{conversations, identity_links, journeys, sessions, stage_moves, touchpoints};
use crumbtrail_warehouse::{Client, RowVersion, TableId, TouchpointRow};

const DAY: i64 = 86_400_000;
const START: EventTime = EventTime(1_699_920_000_000); // 2023-11-14T00:00:00Z

/// Rows of one table, encoded; one insert.
struct Rows<'a> {
    client: &'a Client,
    table: TableId,
    bytes: Vec<u8>,
    count: u64,
}

impl<'a> Rows<'a> {
    fn of(client: &'a Client, table: TableId) -> Rows<'a> {
        Rows { client, table, bytes: Vec::new(), count: 0 }
    }

    fn add(&mut self, encode: impl FnOnce(RowVersion, &mut Vec<u8>), version: u64) {
        self.count += 1;
        encode(RowVersion::new(1, version, self.count as u16), &mut self.bytes);
    }

    async fn insert(self, token: &str) {
        inserter(self.client).insert(self.table, token, self.count, &[Bytes::from(self.bytes)]).await.unwrap();
    }
}

fn session(id: u64, device: Device, steps: u32) -> SessionRow<'static> {
    SessionRow {
        site: "shop",
        session_id: id,
        visitor: "v",
        person: Key::visitor("shop", "v"),
        started_at: START.plus(id as i64 * 1000),
        ended_at: START.plus(id as i64 * 1000 + 20_000),
        is_engaged: steps > 0,
        view_count: 2,
        product_view_count: u32::from(steps >= 1),
        cart_add_count: u32::from(steps >= 2),
        checkout_count: u32::from(steps >= 3),
        purchase_count: u32::from(steps >= 4),
        revenue: Micros(if steps >= 4 { 10_500_000 } else { 0 }),
        // That of the cart, too.
        currency: if steps >= 2 { "THB" } else { "" },
        entry_page: "/",
        exit_page: "/cart",
        channel: Channel::Email,
        city: "Bangkok",
        device,
        ..SessionRow::default()
    }
}

#[tokio::test]
async fn sessions_seen_as_funnel_channels_and_places() {
    if !engine_is_here("sessions_seen_as_funnel_channels_and_places") {
        return;
    }
    let (client, _) = migrated("v_sessions").await;
    let world = [(1, Device::Mobile, 0), (2, Device::Mobile, 2), (3, Device::Mobile, 4), (4, Device::Desktop, 3)];
    for version in [1, 2] {
        let mut rows = Rows::of(&client, TableId::Sessions);
        for (id, device, steps) in world {
            // The older version knew more steps: whoever reads it counts too many.
            let row = session(id, device, if version == 1 { 4 } else { steps });
            rows.add(|version, out| sessions::encode(&row, version, out), version);
        }
        rows.insert(&format!("s{version}")).await;
    }
    assert_eq!(
        ask(&client, "SELECT step, sum(session_count), sum(previous_session_count) FROM {db}.funnel GROUP BY step_index, step ORDER BY step_index").await,
        "product_viewed\t3\t4\nproduct_added\t3\t3\ncheckout_started\t2\t3\npurchase\t1\t2"
    );
    assert_eq!(
        ask(&client, "SELECT sum(session_count), sum(engaged_count), sum(revenue), sum(buying_session_count) FROM {db}.channel_performance WHERE channel = 'email'").await,
        "4\t3\t10.5\t1"
    );
    assert_eq!(
        ask(&client, "SELECT city, sum(session_count), sum(purchase_count) FROM {db}.sessions_by_place GROUP BY city")
            .await,
        "Bangkok\t4\t1"
    );
    for view in ["channel_performance", "sessions_by_place"] {
        let by_currency = format!("SELECT currency, session_count, revenue FROM {{db}}.{view} ORDER BY currency");
        assert_eq!(ask(&client, &by_currency).await, "\t3\t0\nTHB\t1\t10.5", "{view}: a cart is no revenue");
    }
    assert_eq!(
        ask(&client, "SELECT page, entry_count, exit_count, bounce_count FROM {db}.content_performance ORDER BY page")
            .await,
        "/\t4\t0\t1\n/cart\t0\t4\t0"
    );
}

#[tokio::test]
async fn ways_through_the_site_and_where_the_checkout_ends() {
    if !engine_is_here("ways_through_the_site_and_where_the_checkout_ends") {
        return;
    }
    let (client, _) = migrated("v_paths").await;
    let mut rows = Rows::of(&client, TableId::Sessions);
    for (id, device, steps) in [(1, Device::Mobile, 3), (2, Device::Desktop, 4)] {
        let row = session(id, device, steps);
        rows.add(|version, out| sessions::encode(&row, version, out), 1);
    }
    rows.insert("s").await;
    let mut rows = Rows::of(&client, TableId::Touchpoints);
    let mut add = |session: u64, at: i64, kind: Kind, page: &'static str, step: &'static str, outcome: Outcome| {
        let id = session * 100 + at as u64;
        let mut touchpoint = Touchpoint { page, step, ..click("shop", id, START.0 + at * 1000) };
        touchpoint.head.kind = kind;
        let row = TouchpointRow { touchpoint: &touchpoint, outcome, session_id: session, log_partition: 0 };
        rows.add(|version, out| touchpoints::encode(&row, version, out), id);
    };
    for session in [1, 2] {
        add(session, 1, Kind::PageView, "/", "", Outcome::Counted);
        add(session, 2, Kind::PageView, "/", "", Outcome::Counted); // a reload
        add(session, 3, Kind::PageView, "/p", "", Outcome::Counted);
        add(session, 4, Kind::PageView, "/late", "", Outcome::Late);
        add(session, 5, Kind::CheckoutStarted, "/c", "", Outcome::Counted);
    }
    add(2, 6, Kind::CheckoutStep, "/c", "payment", Outcome::Counted);
    rows.insert("t").await;
    assert_eq!(
        ask(&client, "SELECT step_index, from_page, to_page, session_count FROM {db}.paths ORDER BY step_index").await,
        "1\t/\t/p\t2\n2\t/p\t(exit)\t2"
    );
    assert_eq!(
        ask(
            &client,
            "SELECT device, step, session_count, stopped_count FROM {db}.checkout_steps ORDER BY device, step"
        )
        .await,
        "desktop\tcheckout_started\t1\t0\ndesktop\tpayment\t1\t0\nmobile\tcheckout_started\t1\t1"
    );
}

#[tokio::test]
async fn pages_carry_their_labels_and_shops_their_visitors() {
    if !engine_is_here("pages_carry_their_labels_and_shops_their_visitors") {
        return;
    }
    let (client, _) = migrated("v_labels").await;
    let mut rows = Rows::of(&client, TableId::Sessions);
    let row = session(1, Device::Mobile, 0);
    rows.add(|version, out| sessions::encode(&row, version, out), 1);
    rows.insert("s").await;
    let mut rows = Rows::of(&client, TableId::Touchpoints);
    let mut add = |id: u64, visitor: &'static str, of: Touchpoint<'static>, kind: Kind| {
        let at = click("shop", id, START.0 + id as i64 * 1000);
        let mut touchpoint = Touchpoint { head: at.head, site: "shop", visitor, offset: id, ..of };
        touchpoint.head.kind = kind;
        let row = TouchpointRow { touchpoint: &touchpoint, outcome: Outcome::Counted, session_id: 1, log_partition: 0 };
        rows.add(|version, out| touchpoints::encode(&row, version, out), id);
    };
    let page = Touchpoint { page: "/", page_group: "Old", ..Touchpoint::default() };
    add(1, "v1", page, Kind::PageView);
    add(2, "v1", Touchpoint { page_group: "Home", content_type: "home", ..page }, Kind::PageView);
    let shop = Touchpoint { store: "s1", ..Touchpoint::default() };
    add(3, "v1", shop, Kind::PageView);
    add(4, "v2", shop, Kind::StoreVisit);
    add(5, "v2", shop, Kind::PagePing);
    add(6, "v3", Touchpoint { author: Author::Customer, ..shop }, Kind::SupportMessage);
    rows.insert("t").await;
    assert_eq!(
        ask(
            &client,
            "SELECT page, page_group, content_type, content_topic, view_count FROM {db}.content_performance
            WHERE view_count > 0"
        )
        .await,
        "/\tHome\thome\t\t2"
    );
    assert_eq!(ask(&client, "SELECT store, visit_count, visitor_count FROM {db}.store_visits").await, "s1\t1\t2");
}

#[tokio::test]
async fn why_people_leave_and_how_they_felt() {
    if !engine_is_here("why_people_leave_and_how_they_felt") {
        return;
    }
    let (client, _) = migrated("v_churn").await;
    let cancelled = START.plus(100 * DAY);
    // c1 and c2 left, c3 and c4 stayed. c1 complained of billing 10 days before, c2 90 days before (too long ago),
    // c3 of billing lately; c4 never.
    let mut rows = Rows::of(&client, TableId::Journeys);
    for (customer, leaves) in [("c1", true), ("c2", true), ("c3", false), ("c4", false)] {
        let row = JourneyRow {
            site: "shop",
            person: Key::customer("shop", customer),
            customer,
            model: "retail",
            stage: "service",
            stage_since: START,
            is_stalled: customer == "c4",
            first_at: START,
            last_at: cancelled,
            cancelled_at: leaves.then_some(cancelled),
            rating_last: Some(5.0),
            rating_scale: Scale::Csat,
            rating_at: Some(START.plus(if customer == "c2" { 101 } else { 50 } * DAY)),
            ..JourneyRow::default()
        };
        rows.add(|version, out| journeys::encode(&row, version, out), 1);
    }
    rows.insert("j").await;
    let mut rows = Rows::of(&client, TableId::Touchpoints);
    for (id, customer, day, friction) in
        [(1, "c1", 90, true), (2, "c1", 91, true), (3, "c2", 10, true), (4, "c3", 95, true), (5, "c4", 95, false)]
    {
        let mut touchpoint = Touchpoint {
            customer,
            channel: Channel::Chat,
            author: Author::Customer,
            feeling: if friction { Feeling::Negative } else { Feeling::Positive },
            score: Some(if friction { -0.5 } else { 0.5 }),
            topics: 1, // billing
            friction,
            language: "th",
            ..click("shop", id, START.plus(day * DAY).0)
        };
        touchpoint.head.kind = Kind::SupportMessage;
        let row = TouchpointRow { touchpoint: &touchpoint, outcome: Outcome::Counted, session_id: 0, log_partition: 0 };
        rows.add(|version, out| touchpoints::encode(&row, version, out), id);
    }
    rows.insert("t").await;
    assert_eq!(
        ask(&client, "SELECT reason, leaver_count, all_leaver_count, leaver_share, stayer_count, lift, rated_count, satisfied_count
            FROM {db}.churn_reasons ORDER BY reason").await,
        "(none)\t1\t2\t0.5\t1\t1\t0\t0\nbilling\t1\t2\t0.5\t1\t1\t1\t1"
    );
    assert_eq!(
        ask(&client, "SELECT channel, language, sum(text_count), sum(negative_count), sum(friction_count) FROM {db}.sentiment_daily GROUP BY channel, language").await,
        "chat\tth\t5\t4\t4"
    );
    assert_eq!(
        ask(&client, "SELECT stage, person_count, stalled_count, waiting_ms_median FROM {db}.stage_stalls").await,
        format!("service\t4\t1\t{}", 100 * DAY)
    );
}

/// `ann`, `bea`, `cy` and `dan` left on day 100. `ann` and `bea` complained before they said who they are (a device, an address), `cy` under
/// another id; `dan`'s device was not yet his. `dan` was content, and was not any more once he had left. Four who are but an address and one
/// who is but a device stay; one of either complained.
#[tokio::test]
async fn why_people_leave_is_asked_of_all_they_said_and_of_nobody_else() {
    if !engine_is_here("why_people_leave_is_asked_of_all_they_said_and_of_nobody_else") {
        return;
    }
    let (client, _) = migrated("v_leavers").await;
    let mut links = Rows::of(&client, TableId::IdentityLinks);
    for (id_kind, id, customer, day) in [
        (IdKind::Visitor, "va", "ann", 0),
        (IdKind::Contact, "hb", "bea", 0),
        (IdKind::Customer, "cyrus", "cy", 0),
        (IdKind::Visitor, "vd", "dan", 91),
    ] {
        let link = LinkRow {
            site: "shop",
            id_kind,
            id,
            customer,
            person: Key::customer("shop", customer),
            standing: Standing::Linked,
            how: How::Login,
            claimed_at: Some(START.plus(95 * DAY)),
            reaches_from: Some(START.plus(day * DAY)),
            claim_event: 1,
            moved_count: 1,
        };
        links.add(|version, out| identity_links::encode(Change { link: &link, at: START }, version, out), 1);
    }
    links.insert("l").await;
    let left = START.plus(100 * DAY);
    let mut people = Rows::of(&client, TableId::Journeys);
    let mut person = |customer: &'static str, key: Key, rating: Option<f32>| {
        let row = JourneyRow {
            site: "shop",
            person: key,
            customer,
            first_at: START,
            last_at: left,
            cancelled_at: Some(left).filter(|_| !customer.is_empty()),
            rating_last: rating,
            rating_scale: rating.map_or(Scale::None, |_| Scale::Csat),
            rating_at: rating.map(|_| left.plus(DAY)),
            ..JourneyRow::default()
        };
        people.add(|version, out| journeys::encode(&row, version, out), 1);
    };
    for customer in ["ann", "bea", "cy", "dan"] {
        person(customer, Key::customer("shop", customer), Some(1.0).filter(|_| customer == "dan"));
    }
    for contact in ["h1", "h2", "h3", "h4"] {
        person("", Key::contact("shop", contact), None);
    }
    person("", Key::visitor("shop", "v1"), None);
    people.insert("j").await;
    let mut rows = Rows::of(&client, TableId::Conversations);
    for (id, visitor, contact) in [
        ("1", "", "h1"),
        ("2", "", "h2"),
        ("3", "", "h3"),
        ("4", "", "h4"),
        ("5", "v1", ""),
        ("6", "", "hb"),
        ("7", "vd", ""),
    ] {
        let person = if visitor.is_empty() { Key::contact("shop", contact) } else { Key::visitor("shop", visitor) };
        let row = ConversationRow {
            site: "shop",
            conversation_id: id,
            visitor,
            contact,
            person,
            opened_at: START,
            awaiting: "agent",
            waiting_since: Some(START),
            ..ConversationRow::default()
        };
        rows.add(|version, out| conversations::encode(&row, version, out), 1);
    }
    rows.insert("c").await;
    let mut rows = Rows::of(&client, TableId::Touchpoints);
    let mut say = |id: u64, at: EventTime, of: Touchpoint<'static>| {
        let mut touchpoint = Touchpoint { head: click("shop", id, at.0).head, site: "shop", offset: id, ..of };
        touchpoint.head.kind = Kind::SupportMessage;
        let row = TouchpointRow { touchpoint: &touchpoint, outcome: Outcome::Counted, session_id: 0, log_partition: 0 };
        rows.add(|version, out| touchpoints::encode(&row, version, out), id);
    };
    let bill = Touchpoint { author: Author::Customer, friction: true, topics: 1, ..Touchpoint::default() };
    let complaints = [
        Touchpoint { visitor: "va", ..bill },
        Touchpoint { contact: "hb", ..bill },
        Touchpoint { customer: "cyrus", ..bill },
        Touchpoint { visitor: "vd", ..bill },
        Touchpoint { contact: "h1", ..bill },
        Touchpoint { conversation: "5", ..bill },
    ];
    for (number, complaint) in complaints.into_iter().enumerate() {
        say(number as u64, START.plus(90 * DAY), complaint);
    }
    let rating = Touchpoint { customer: "dan", author: Author::System, scale: Scale::Csat, ..Touchpoint::default() };
    for (id, at, stars, author) in [
        (10, left.plus(-DAY), 2.0, Author::System),
        (11, left, 5.0, Author::System),
        (12, left, 9.0, Author::System), // off its scale
        (13, left, 1.0, Author::Agent),
        (14, left.plus(1), 1.0, Author::System),
    ] {
        say(id, at, Touchpoint { rating: Some(stars), author, ..rating });
    }
    rows.insert("t").await;
    assert_eq!(
        ask(
            &client,
            "SELECT reason, leaver_count, all_leaver_count, stayer_count, stayer_share, rated_count, satisfied_count, satisfied_share
            FROM {db}.churn_reasons ORDER BY reason"
        )
        .await,
        "(none)\t1\t4\t3\t0.6\t1\t1\t1\nbilling\t3\t4\t2\t0.4\t0\t0\t\\N"
    );
    // Bea waits under the address that is hers.
    let waiting =
        "SELECT person FROM {db}.contacts_waiting WHERE conversation_id IN ('1', '6', '7') ORDER BY conversation_id";
    let keys = [Key::contact("shop", "h1"), Key::customer("shop", "bea"), Key::visitor("shop", "vd")];
    assert_eq!(ask(&client, waiting).await, keys.map(|key| key.to_hex()).join("\n"));
}

/// Texts about billing (bit 0) and delivery (bit 1): `ann` on two devices and under another id, and a contact nobody knows.
#[tokio::test]
async fn what_people_write_about_and_how_many_they_are() {
    if !engine_is_here("what_people_write_about_and_how_many_they_are") {
        return;
    }
    let (client, _) = migrated("v_topics").await;
    let mut links = Rows::of(&client, TableId::IdentityLinks);
    for (id_kind, id, customer, day) in [(IdKind::Visitor, "v1", "anna", 1), (IdKind::Customer, "anna", "ann", 0)] {
        let link = LinkRow {
            site: "shop",
            id_kind,
            id,
            customer,
            person: Key::customer("shop", customer),
            standing: Standing::Linked,
            how: How::Login,
            claimed_at: Some(START.plus(DAY)),
            reaches_from: Some(START.plus(day * DAY)),
            claim_event: 1,
            moved_count: 1,
        };
        links.add(|version, out| identity_links::encode(Change { link: &link, at: START }, version, out), 1);
    }
    links.insert("l").await;
    let text = |id: u64, day: i64, says: Says, [topics, likes, dislikes]: [u32; 3]| {
        let mut touchpoint = Touchpoint {
            visitor: "",
            author: Author::Customer,
            channel: Channel::Chat,
            language: "th",
            feeling: Feeling::Neutral,
            score: Some(0.5),
            says,
            topics,
            likes,
            dislikes,
            ..click("shop", id, START.plus(day * DAY).0)
        };
        touchpoint.head.kind = Kind::SupportMessage;
        touchpoint
    };
    let complaint = |id, day| text(id, day, Says::Complaint, [0b11, 0, 0b10]);
    let entries = [
        (Touchpoint { customer: "ann", friction: true, ..complaint(1, 1) }, Outcome::Counted),
        (Touchpoint { visitor: "v1", ..text(2, 1, Says::Praise, [0b11, 0b01, 0b10]) }, Outcome::Counted),
        // Known by its conversation alone, and a day before the link reaches.
        (Touchpoint { conversation: "c1", ..complaint(3, 1) }, Outcome::Counted),
        (Touchpoint { visitor: "v1", ..complaint(4, 0) }, Outcome::Counted),
        (Touchpoint { contact: "h", ..text(5, 1, Says::Question, [1 << 12 | 0b10, 0, 0]) }, Outcome::Counted),
        // Of nothing, and none of a customer that counts.
        (Touchpoint { customer: "bob", ..text(6, 1, Says::Suggestion, [1 << 13, 0, 0]) }, Outcome::Counted),
        (Touchpoint { customer: "bob", author: Author::Agent, ..complaint(7, 1) }, Outcome::Counted),
        (Touchpoint { visitor: "v2", ..complaint(8, 1) }, Outcome::Erased),
        (Touchpoint { visitor: "v3", bot: "list", ..complaint(9, 1) }, Outcome::Counted),
    ];
    for version in [2, 1] {
        let mut rows = Rows::of(&client, TableId::Touchpoints);
        for (touchpoint, outcome) in &entries {
            // The older version liked everything: whoever reads it counts too many.
            let older = Touchpoint { likes: 0b11, friction: true, ..*touchpoint };
            let touchpoint = if version == 1 { &older } else { touchpoint };
            let row = TouchpointRow { touchpoint, outcome: *outcome, session_id: 0, log_partition: 0 };
            rows.add(|version, out| touchpoints::encode(&row, version, out), version);
        }
        rows.insert(&format!("t{version}")).await;
    }
    let mut rows = Rows::of(&client, TableId::Conversations);
    // The id was another's long before, and will be again.
    for (customer, day) in [("old", -200), ("ann", 1), ("later", 200)] {
        let opened_at = START.plus(day * DAY);
        let row =
            ConversationRow { site: "shop", conversation_id: "c1", customer, opened_at, ..ConversationRow::default() };
        rows.add(|version, out| conversations::encode(&row, version, out), 1);
    }
    rows.insert("c").await;
    assert_eq!(
        ask(
            &client,
            "SELECT day - toDate('2023-11-14') AS n, topic, text_count, person_count, like_count, dislike_count,
            question_count, complaint_count, suggestion_count, praise_count, friction_count, score_mean
            FROM {db}.topics_daily WHERE channel = 'chat' AND language = 'th' ORDER BY n, topic"
        )
        .await,
        "0\tbilling\t1\t1\t0\t0\t0\t1\t0\t0\t0\t0.5\n\
         0\tdelivery\t1\t1\t0\t1\t0\t1\t0\t0\t0\t0.5\n\
         1\t\t1\t1\t0\t0\t0\t0\t1\t0\t0\t0.5\n\
         1\tbilling\t3\t1\t1\t0\t0\t2\t0\t1\t1\t0.5\n\
         1\tdelivery\t4\t2\t0\t3\t1\t2\t0\t1\t1\t0.5"
    );
}

#[tokio::test]
async fn which_visit_it_was_and_whether_service_was_asked_for() {
    if !engine_is_here("which_visit_it_was_and_whether_service_was_asked_for") {
        return;
    }
    let (client, _) = migrated("v_visits").await;
    let person = Key::customer("shop", "c1");
    let mut rows = Rows::of(&client, TableId::Sessions);
    // The person's first session is on another device, which is known to be theirs by a link; a robot's does not count.
    let link = LinkRow {
        site: "shop",
        id_kind: IdKind::Visitor,
        id: "v0",
        customer: "c1",
        person,
        standing: Standing::Linked,
        how: How::Login,
        claimed_at: Some(START.plus(20 * DAY)),
        reaches_from: Some(START),
        claim_event: 1,
        moved_count: 1,
    };
    let mut links = Rows::of(&client, TableId::IdentityLinks);
    links.add(|version, out| identity_links::encode(Change { link: &link, at: START }, version, out), 1);
    links.insert("l").await;
    for (id, visitor, at, bot) in [(1, "v0", 0, ""), (2, "v1", 1, "list"), (3, "v1", 2, ""), (4, "v1", 10, "")] {
        let is_anonymous = visitor == "v0";
        let row = SessionRow {
            site: "shop",
            session_id: id,
            visitor,
            customer: if is_anonymous { "" } else { "c1" },
            person: if is_anonymous { Key::visitor("shop", visitor) } else { person },
            bot,
            started_at: START.plus(at * DAY),
            ended_at: START.plus(at * DAY + 1000),
            ..SessionRow::default()
        };
        rows.add(|version, out| sessions::encode(&row, version, out), 1);
    }
    rows.insert("s").await;
    let mut rows = Rows::of(&client, TableId::Conversations);
    // Exactly 24 h after the end of session 3 is within the day, a millisecond more after that of session 4 is not.
    for (id, opened) in [("a", 2 * DAY + 1000 + DAY), ("b", 10 * DAY + 1001 + DAY)] {
        let opened_at = START.plus(opened);
        let row = ConversationRow {
            site: "shop",
            conversation_id: id,
            person,
            opened_at,
            customer_message_count: 1,
            last_at: opened_at,
            status: "open",
            ..ConversationRow::default()
        };
        rows.add(|version, out| conversations::encode(&row, version, out), 1);
    }
    rows.insert("c").await;
    assert_eq!(
        ask(
            &client,
            "SELECT session_id, visitor_session_number, person_session_number, is_returning, has_contact_within_day,
            late_event_count FROM {db}.visits ORDER BY started_at"
        )
        .await,
        "0000000000000001\t1\t1\tfalse\tfalse\t0\n0000000000000003\t1\t2\ttrue\ttrue\t0\n\
         0000000000000004\t2\t3\ttrue\tfalse\t0"
    );
}

/// `a` is `b`'s from day 2 on, `b` is `c`'s from day 5 on, and `d` is `b`'s from day 7 on.
#[tokio::test]
async fn customers_who_are_one_are_one_in_every_view() {
    if !engine_is_here("customers_who_are_one_are_one_in_every_view") {
        return;
    }
    let (client, _) = migrated("v_merged").await;
    let mut links = Rows::of(&client, TableId::IdentityLinks);
    let kinds = [IdKind::Customer, IdKind::Customer, IdKind::Customer, IdKind::Visitor, IdKind::Customer];
    let said = [("a", "b", 2), ("b", "c", 5), ("d", "b", 7), ("v", "a", 0), ("c", "a", 9)];
    for (id_kind, (id, customer, day)) in kinds.into_iter().zip(said) {
        let standing = if id == "c" { Standing::Circle } else { Standing::Linked };
        let link = LinkRow {
            site: "shop",
            id_kind,
            id,
            customer,
            person: Key::customer("shop", customer),
            standing,
            how: How::Alias,
            claimed_at: Some(START.plus(30 * DAY)),
            reaches_from: Some(START.plus(day * DAY)).filter(|_| standing == Standing::Linked),
            claim_event: 1,
            moved_count: 1,
        };
        links.add(|version, out| identity_links::encode(Change { link: &link, at: START }, version, out), 1);
    }
    links.insert("l").await;
    assert_eq!(
        ask(
            &client,
            "SELECT customer, merged_customer, dateDiff('day', toDateTime64('2023-11-14 00:00:00', 3, 'UTC'), reaches_from),
            hop_count FROM {db}.merged_customers ORDER BY ALL"
        )
        .await,
        "a\tb\t2\t1\na\tc\t5\t2\nb\tc\t5\t1\nd\tc\t7\t2"
    );
    let mut rows = Rows::of(&client, TableId::Sessions);
    let seen = [("a", 1), ("a", 3), ("", 6), ("b", 4), ("d", 6), ("d", 8), ("x", 8), ("", 9)];
    for (number, (customer, day)) in seen.into_iter().enumerate() {
        let visitor = if day == 9 { "nobody" } else { "v" };
        let own = if customer.is_empty() { Key::visitor("shop", visitor) } else { Key::customer("shop", customer) };
        let row = SessionRow {
            site: "shop",
            session_id: number as u64 + 1,
            visitor,
            customer,
            person: own,
            started_at: START.plus(day * DAY),
            ended_at: START.plus(day * DAY + 1000),
            ..SessionRow::default()
        };
        rows.add(|version, out| sessions::encode(&row, version, out), 1);
    }
    rows.insert("s").await;
    let mut people = String::new();
    for (session, customer) in [(1, "a"), (2, "b"), (3, "c"), (4, "b"), (5, "d"), (6, "c"), (7, "x"), (8, "")] {
        let key = if session == 8 { Key::visitor("shop", "nobody") } else { Key::customer("shop", customer) };
        people.push_str(&format!("{session:016x}\t{customer}\t{}\n", key.to_hex()));
    }
    let whose = ask(&client, "SELECT session_id, customer, person FROM {db}.session_people ORDER BY session_id").await;
    assert_eq!(whose, people.trim_end());
    // `c` asks on day 6, after what they did as `a` that day; `v` asks without saying who they are.
    let mut rows = Rows::of(&client, TableId::Conversations);
    for (id, customer, visitor, day) in [("t1", "c", "", 6), ("t2", "", "v", 3), ("t3", "a", "", 1)] {
        let opened_at = START.plus(day * DAY + 5000);
        let own = if customer.is_empty() { Key::visitor("shop", visitor) } else { Key::customer("shop", customer) };
        let row = ConversationRow {
            site: "shop",
            conversation_id: id,
            customer,
            visitor,
            person: own,
            opened_at,
            customer_message_count: 1,
            last_at: opened_at,
            status: "open",
            ..ConversationRow::default()
        };
        rows.add(|version, out| conversations::encode(&row, version, out), 1);
    }
    rows.insert("c").await;
    assert_eq!(
        ask(&client, "SELECT conversation_id, customer FROM {db}.conversation_people ORDER BY conversation_id").await,
        "t1\tc\nt2\tb\nt3\ta"
    );
    assert_eq!(
        ask(&client, "SELECT conversation_id, session_id FROM {db}.conversation_origins ORDER BY conversation_id")
            .await,
        "t1\t0000000000000003\nt2\t0000000000000002\nt3\t0000000000000001"
    );
    assert_eq!(
        ask(
            &client,
            "SELECT session_id, person_session_number, has_contact_within_day FROM {db}.visits ORDER BY session_id LIMIT 6"
        )
        .await,
        "0000000000000001\t1\ttrue\n0000000000000002\t1\ttrue\n0000000000000003\t1\ttrue\n\
         0000000000000004\t2\tfalse\n0000000000000005\t1\tfalse\n0000000000000006\t2\tfalse"
    );
}

/// On a device of two customers what names nobody is the one's who was named last, of an operator's the operator's.
#[tokio::test]
async fn a_session_without_a_customer_is_whose_turn_it_is() {
    if !engine_is_here("a_session_without_a_customer_is_whose_turn_it_is") {
        return;
    }
    let (client, _) = migrated("v_turns").await;
    let mut links = Rows::of(&client, TableId::IdentityLinks);
    let said = [
        ("shared", "ann", Standing::Linked, How::Login),
        ("shared", "bob", Standing::Rival, How::Seen),
        ("shared", "till", Standing::Shared, How::Seen),
        ("told", "ann", Standing::Linked, How::Operator),
        ("told", "bob", Standing::Rival, How::Seen),
    ];
    for (id, customer, standing, how) in said {
        let link = LinkRow {
            site: "shop",
            id_kind: IdKind::Visitor,
            id,
            customer,
            person: Key::customer("shop", customer),
            standing,
            how,
            claimed_at: Some(START.plus(2 * DAY)),
            reaches_from: Some(START.plus(DAY)).filter(|_| standing == Standing::Linked),
            claim_event: 1,
            moved_count: 1,
        };
        links.add(|version, out| identity_links::encode(Change { link: &link, at: START }, version, out), 1);
    }
    links.insert("l").await;
    let mut rows = Rows::of(&client, TableId::Sessions);
    let seen = [
        ("shared", ["", "", "ann", "", "bob", "", "till", "", "ann", ""].as_slice()),
        ("told", ["", "bob", ""].as_slice()),
    ];
    let mut number = 0;
    for (visitor, customers) in seen {
        for (day, customer) in customers.iter().enumerate() {
            number += 1;
            let own = if customer.is_empty() { Key::visitor("shop", visitor) } else { Key::customer("shop", customer) };
            let row = SessionRow {
                site: "shop",
                session_id: number,
                visitor,
                customer,
                person: own,
                started_at: START.plus(day as i64 * DAY),
                ended_at: START.plus(day as i64 * DAY + 1000),
                ..SessionRow::default()
            };
            rows.add(|version, out| sessions::encode(&row, version, out), 1);
        }
    }
    rows.insert("s").await;
    let whose = "SELECT visitor, groupArray(customer), groupArray(is_by_link) FROM \
        (SELECT * FROM {db}.session_people ORDER BY session_id) GROUP BY visitor ORDER BY visitor";
    assert_eq!(
        ask(&client, whose).await,
        "shared\t['','ann','ann','ann','bob','bob','till','bob','ann','ann']\t[false,true,false,true,false,true,false,true,false,true]\n\
         told\t['','bob','ann']\t[false,false,true]"
    );
    let bobs = "SELECT count() FROM {db}.session_people WHERE is_by_link AND customer = 'bob' AND person = \
        (SELECT any(person) FROM {db}.identity_links WHERE customer = 'bob')";
    assert_eq!(ask(&client, bobs).await, "2");
}

#[tokio::test]
async fn how_the_service_did_and_how_stages_filled() {
    if !engine_is_here("how_the_service_did_and_how_stages_filled") {
        return;
    }
    let (client, _) = migrated("v_support").await;
    let mut rows = Rows::of(&client, TableId::Conversations);
    for (id, reply, rating) in [("a", Some(1000), Some(5.0)), ("b", Some(3000), Some(2.0)), ("c", None, None)] {
        let row = ConversationRow {
            site: "shop",
            conversation_id: id,
            channel: Channel::Ticket,
            opened_at: START,
            last_at: START,
            first_word_at: Some(START),
            first_reply_at: reply.map(|ms| START.plus(ms)),
            first_reply_business_ms: reply.map(|ms| ms / 2),
            first_reply_due_at: Some(START.plus(2000)),
            is_first_reply_breached: reply.map(|ms| ms > 2000),
            awaiting: if reply.is_some() { "" } else { "agent" },
            waiting_since: if reply.is_some() { None } else { Some(START) },
            resolved_at: reply.map(|ms| START.plus(ms * 10)),
            // What was told last is of another scale.
            csat: rating,
            rating_latest: Some(1.0),
            scale: Scale::Ces,
            ces: Some(1.0),
            // A courtesy after the resolution is not among what it took.
            touch_class: if reply.is_some() { "one" } else { "" },
            agent_message_count: if id == "a" { 2 } else { 1 },
            status: "open",
            ..ConversationRow::default()
        };
        rows.add(|version, out| conversations::encode(&row, version, out), 1);
    }
    rows.insert("c").await;
    assert_eq!(
        ask(
            &client,
            "SELECT conversation_count, resolved_count, one_touch_count, csat_count, csat_share, nps, ces_mean,
            first_reply_ms_median IN (1000, 3000) FROM {db}.support_performance"
        )
        .await,
        "3\t2\t2\t2\t0.5\t\\N\t1\t1"
    );
    // Of the three the second came late, and the third, due long ago, has not come at all.
    assert_eq!(
        ask(
            &client,
            "SELECT answered_count, waiting_count, round(answered_share, 2), first_reply_business_ms_median IN (500, 1500),
            first_reply_breach_count, resolution_breach_count FROM {db}.support_performance"
        )
        .await,
        "2\t1\t0.67\t1\t2\t0"
    );
    assert_eq!(
        ask(
            &client,
            "SELECT conversation_id, channel, waiting_ms > 1000000, was_answered_before, is_overdue
            FROM {db}.contacts_waiting"
        )
        .await,
        "c\tticket\t1\tfalse\ttrue"
    );
    let mut rows = Rows::of(&client, TableId::StageMoves);
    for (index, from, to, direction) in
        [(0, "", "awareness", "enter"), (1, "awareness", "purchase", "forward"), (2, "purchase", "awareness", "back")]
    {
        let row = StageMoveRow {
            site: "shop",
            person: Key::customer("shop", "c1"),
            model: "retail",
            move_index: index,
            from_stage: from,
            to_stage: to,
            direction,
            moved_at: START,
            ..StageMoveRow::default()
        };
        rows.add(|version, out| stage_moves::encode(&row, version, out), 1);
    }
    rows.insert("m").await;
    assert_eq!(
        ask(&client, "SELECT stage, entered_count, left_count, forward_count, back_count, net_count FROM {db}.stage_daily ORDER BY stage").await,
        "awareness\t2\t1\t0\t1\t1\npurchase\t1\t1\t1\t0\t0"
    );
}
