//! Whose it is: customers who are one, and turns at a device.

use super::*;

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
