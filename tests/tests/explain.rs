//! `explain session`, on the real engine.

use std::fmt::Write as _;
use std::process::{Command, Output};

use crumbtrail_tests::{Deployment, binary, has_engine};

const START: i64 = 1_760_000_000_000;

/// A click at a second, received `after` seconds later.
fn click(id: &str, second: i64, after: i64, more: &str) -> String {
    let at = START + second * 1_000;
    let received = at + after * 1_000;
    format!(
        r#"{{"event_id":"{id}","site":"shop","visitor":"v1","occurred_at":{at},"received_at":{received},"name":"page_view","url":"https://shop.example/{id}"{more}}}"#
    )
}

fn explain(shop: &Deployment, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(["explain", "session"]).args(arguments).arg("--config").arg(shop.config());
    command.output().expect("the binary runs")
}

#[track_caller]
fn told(shop: &Deployment, arguments: &[&str]) -> String {
    let out = explain(shop, arguments);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("text")
}

#[test]
fn a_session_is_explained_with_its_cuts_and_what_was_left_out() {
    if !has_engine("a_session_is_explained_with_its_cuts_and_what_was_left_out") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let robot = r#","user_agent":"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)""#;
    let mut lines = String::new();
    for line in [
        click("a", 0, 1, r#","customer":"ann""#),
        click("b", 60, 1, ""),
        click("b", 60, 90, ""),
        click("r", 70, 1, robot),
        click("c", 100, 1, r#","customer":"bob""#),
        click("d", 1_901, 1, ""),
    ] {
        let _ = writeln!(lines, "{line}");
    }
    for (name, lines) in [("clicks.jsonl", lines), ("more.jsonl", click("l", 30, 9_000, "") + "\n")] {
        let file = shop.write(name, lines);
        shop.ok("import", ["--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    }
    let ids = shop.sql("SELECT session_id FROM sessions WHERE bot = '' ORDER BY started_at");
    let ids: Vec<&str> = ids.lines().collect();
    assert_eq!(ids.len(), 3, "ann's, bob's, and one after more than the gap");

    let ann = told(&shop, &[ids[0]]);
    let has = |text: &str, parts: &[&str]| {
        for part in parts {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    };
    has(
        &ann,
        &["visitor v1, customer ann", "began    the first session", "customer: it is of ann, the next event of bob"],
    );
    has(
        &ann,
        &["┌ 2025-10-09T08:53:20.000Z  ●", "└ 2025-10-09T08:54:20.000Z  ●", "left out: late", "left out: repeat"],
    );
    has(&ann, &["left out: a robot (", &format!("session {}", ids[1])]);
    let bob = told(&shop, &[ids[1]]);
    has(
        &bob,
        &["ended here: customer", "gap: 30:01.000 of silence until session", "1 event and 0 heartbeats", "a bounce"],
    );
    has(&told(&shop, &[ids[2]]), &["30:01.000 of silence since", "nothing that starts or extends one came"]);

    let json: serde_json::Value = serde_json::from_str(&told(&shop, &[ids[0], "--format", "json"])).expect("JSON");
    let records = json["records"].as_array().expect("records");
    let at = |place: &str| records.iter().filter(|record| record["place"] == place).count();
    assert_eq!((json["session"]["session_id"].as_str(), at("inside"), at("left_out")), (Some(ids[0]), 2, 3));

    // The rules are those the epoch is computed by, whatever the configuration says by now.
    let configured = std::fs::read_to_string(shop.config()).expect("the configuration");
    std::fs::write(shop.config(), format!("{configured}rules: {{gap_seconds: 7}}\n")).expect("it is written");
    has(&told(&shop, &[ids[2]]), &["rules    those epoch 1 began with", "more than the gap of 30:00.000"]);
    std::fs::write(shop.config(), configured).expect("it is written");

    let nobody = explain(&shop, &["0123456789abcdef"]);
    let said = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(nobody.status.code() == Some(1) && said.contains("no session 0123456789abcdef"), "{said}");
    assert_eq!(explain(&shop, &["not-an-id"]).status.code(), Some(2));
}

/// What a robot does makes one of a person's session; its events are that person's all the same.
#[test]
fn a_robot_by_what_it_does_is_explained_with_its_events() {
    if !has_engine("a_robot_by_what_it_does_is_explained_with_its_events") {
        return;
    }
    let mut shop = Deployment::new("rules: {robot_views_a_minute: 2}");
    shop.start_engine();
    let mut lines = String::new();
    for (id, second) in [("a", 0), ("b", 1), ("c", 2), ("d", 4_000)] {
        let _ = writeln!(lines, "{}", click(id, second, 1, ""));
    }
    let file = shop.write("clicks.jsonl", lines);
    shop.ok("import", ["--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    let ids = shop.sql("SELECT session_id FROM sessions ORDER BY started_at");
    let ids: Vec<&str> = ids.lines().collect();
    let fast = told(&shop, &[ids[0]]);
    assert!(fast.contains("robot    rate") && fast.contains("└ 2025-10-09T08:53:22.000Z  ●  page_view"), "{fast}");
    assert!(fast.contains(&format!("1:06:38.000 of silence until session {}", ids[1])), "{fast}");
    let slow = told(&shop, &[ids[1]]);
    assert!(slow.contains(&format!("1:06:38.000 of silence since {}", ids[0])), "{slow}");
}

#[test]
fn an_id_that_was_taken_back_is_told_with_where_its_events_are() {
    if !has_engine("an_id_that_was_taken_back_is_told_with_where_its_events_are") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    for (name, id, second) in [("first.jsonl", "b", 60), ("second.jsonl", "a", 0)] {
        let file = shop.write(name, click(id, second, 0, "") + "\n");
        shop.ok("import", ["--keep-open".as_ref(), "--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    }
    let was = shop.sql("SELECT session_id FROM touchpoints WHERE event_id = 'b'");
    let now = shop.sql("SELECT session_id FROM touchpoints WHERE event_id = 'a'");
    assert_ne!(was, now, "an earlier event is another beginning");
    // The row of the open session may still be on its way.
    let file = shop.write("third.jsonl", click("z", 9_000, 0, "") + "\n");
    shop.ok("import", ["--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    let out = explain(&shop, &[was.trim()]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("any more") && said.contains(&format!("{} (1 events)", now.trim())), "{said}");
}
