//! What people did on the site: sessions, pages, shops, visits.

use super::*;

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
