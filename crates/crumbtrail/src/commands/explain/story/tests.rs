use super::super::timeline::draw;
use super::*;

const MINUTE: i64 = 60_000;

fn record(minute: i64, kind: &str) -> Record {
    let at_ms = minute * MINUTE;
    let (event_id, event_hash) = (format!("e{minute}"), format!("{minute:016x}"));
    let (kind, outcome) = (kind.to_owned(), "counted".to_owned());
    Record { at_ms, received_ms: at_ms, device_ms: at_ms, event_id, event_hash, kind, outcome, ..Record::default() }
}

fn row(id: &str, from: i64, to: i64, event_count: u32, end_reason: &str) -> Row {
    let (session_id, end_reason) = (id.to_owned(), end_reason.to_owned());
    let (started_ms, ended_ms, is_final) = (from * MINUTE, to * MINUTE, true);
    Row { session_id, started_ms, ended_ms, event_count, end_reason, is_final, ..Row::default() }
}

fn standings(story: &Story) -> Vec<&str> {
    let told = story.records.iter().map(|told| match &told.standing {
        Standing::Inside => "inside",
        Standing::Elsewhere(text) | Standing::LeftOut(text) => text.split([':', ' ']).next().unwrap_or_default(),
    });
    told.collect()
}

#[test]
fn a_session_is_told_with_what_was_left_out() {
    let mut records =
        vec![record(0, "page_view"), record(10, "message_sent"), record(50, "page_view"), record(55, "page_ping")];
    records.push(Record { received_ms: 99 * MINUTE, outcome: "duplicate".into(), ..records[2].clone() });
    records.push(Record { outcome: "late".into(), ..record(52, "page_view") });
    records.push(Record { bot: "agent".into(), ..record(53, "page_view") });
    records.push(record(95, "message_sent"));
    records.sort_by_key(|record| (record.at_ms, record.received_ms));
    let mut own = row("b", 50, 55, 1, "gap");
    own.ping_count = 1;
    let neighbours = [row("a", 0, 10, 2, "gap"), own.clone(), row("c", 120, 121, 1, "gap")];
    let story = tell(&own, &neighbours, &records, &Rules::default(), "those epoch 1 began with");
    assert_eq!(standings(&story), ["session", "session", "inside", "repeat", "late", "a", "inside", "in"]);
    assert!(story.began.contains("40:00.000 of silence since a"), "{}", story.began);
    let few = Rules { kept_events: 1, ..Rules::default() };
    let story_of_few = tell(&own, &neighbours, &records, &few, "others");
    let told = story_of_few.records.iter().find(|told| told.record.outcome == "late").map(|told| &told.standing);
    assert!(
        matches!(told, Some(Standing::LeftOut(why)) if why.contains("more than 1 events (kept_events)")),
        "{told:?}"
    );
    assert!(story.ended.contains("1:05:00.000 of silence until session c"), "{}", story.ended);
    let drawn = draw(&story, false);
    assert!(drawn.contains("rules    those epoch 1 began with"), "{drawn}");
    assert!(drawn.contains("┌ 1970-01-01T00:50:00.000Z  ●  page_view"), "{drawn}");
    assert!(drawn.contains("│ 1970-01-01T00:52:00.000Z  ◌  page_view") && drawn.contains("left out: late"), "{drawn}");
    assert!(drawn.contains("└ 1970-01-01T00:55:00.000Z  ○  page_ping"), "{drawn}");
    assert!(drawn.contains("m  message_sent") && drawn.contains("starts none"), "{drawn}");
}

#[test]
fn of_two_records_of_an_event_the_one_received_first_is_inside() {
    let kept = Record { outcome: "duplicate".into(), received_ms: 1, ..record(1, "page_view") };
    let records = [record(1, "page_view"), kept];
    let own = row("a", 1, 1, 1, "open");
    let story = tell(&own, std::slice::from_ref(&own), &records, &Rules::default(), "");
    assert_eq!(standings(&story), ["repeat", "inside"]);
    assert!(story.ended.contains("it has not") && story.began.contains("first session"), "{}", story.ended);
}

#[test]
fn every_reason_is_told_with_what_decided() {
    let rules = Rules::default();
    let (customer, client_session, channel) = ("bob".into(), "b".into(), "email".into());
    let next = Record { customer, client_session, channel, ..record(7, "page_view") };
    let told = |reason: &str| {
        let own = Row {
            customer: "ann".into(),
            client_session: "a".into(),
            channel: "direct".into(),
            ..row("x", 0, 5, 1, reason)
        };
        let neighbours = [own.clone(), row("y", 7, 7, 1, "gap")];
        let records = [record(0, "page_view"), next.clone()];
        (
            tell(&own, &neighbours, &records, &rules, "").ended,
            tell(&neighbours[1], &neighbours, &records, &rules, "").began,
        )
    };
    for (reason, parts) in [
        ("customer", ["ann", "bob"]),
        ("client_session", ["is a", "event b"]),
        ("campaign", ["direct", "email"]),
        ("longest", ["7:00.000", "24:00:00.000"]),
        ("most", ["10000", "rolled over"]),
        ("midnight", ["day", "cut_at_midnight"]),
    ] {
        let (ended, began) = told(reason);
        assert!(parts.iter().all(|part| ended.contains(part) && began.contains(part)), "{ended} / {began}");
    }
}

#[test]
fn a_session_that_begins_in_the_millisecond_another_ends_has_its_own_events() {
    let mut records: Vec<Record> = (0..4).map(|_| record(5, "page_view")).collect();
    (0..4).for_each(|n| records[n].event_hash = n.to_string());
    let [before, own] = [row("a", 5, 5, 3, "customer"), row("b", 5, 5, 1, "gap")];
    let story = tell(&own, &[before, own.clone()], &records, &Rules::default(), "");
    assert_eq!(standings(&story), ["session", "session", "session", "inside"]);
}

#[test]
fn what_is_a_robot_by_its_behaviour_alone_has_the_events_of_people() {
    let records = [record(0, "page_view"), Record { bot: "user_agent".into(), ..record(1, "page_view") }];
    let told = |bot: &str, is_robots, from| {
        let own = Row { bot: bot.into(), is_robots, ..row("a", from, from, 1, "gap") };
        let story = tell(&own, std::slice::from_ref(&own), &records, &Rules::default(), "");
        standings(&story).join(" ")
    };
    assert_eq!([told("rate", false, 0), told("user_agent", true, 1)], ["inside a", "a inside"]);
}

#[test]
fn the_middle_of_a_long_session_is_drawn_if_asked() {
    let records: Vec<Record> = (0..100).map(|minute| record(minute, "click")).collect();
    let own = row("a", 0, 99, 100, "gap");
    let story = tell(&own, std::slice::from_ref(&own), &records, &Rules::default(), "");
    assert!(draw(&story, false).contains("│ … 60 more (--all draws them)"), "{}", draw(&story, false));
    assert_eq!(draw(&story, true).matches("click").count(), 100);
}
