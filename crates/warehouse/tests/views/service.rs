//! What people write about, how the service did, and how stages filled.

use super::*;

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
