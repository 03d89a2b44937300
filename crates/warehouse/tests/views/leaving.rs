//! Why people leave, and how they felt.

use super::*;

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
