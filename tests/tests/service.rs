//! What the views say of service and of visits, over a few records whose answers can be counted by hand.

use std::fmt::Write as _;

use crumbtrail_tests::{Deployment, has_engine};

const START: i64 = 1_760_000_000_000;
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

fn click(id: &str, visitor: &str, after: i64, path: &str, customer: &str) -> String {
    let at = START + after;
    format!(
        r#"{{"event_id":"{id}","site":"shop","visitor":"{visitor}","occurred_at":{at},"name":"page_view","url":"https://shop.example{path}","customer":"{customer}"}}"#
    )
}

/// An entry: id, conversation, minutes after the start, who, channel, department, agent, text.
fn entry(id: &str, conversation: &str, after: i64, [author, channel, department, agent, text]: [&str; 5]) -> String {
    let at = START + after;
    let customer = "ann";
    format!(
        r#"{{"entry_id":"{id}","site":"shop","conversation":"{conversation}","occurred_at":{at},"kind":"message","author":"{author}","channel":"{channel}","department":"{department}","agent":"{agent}","customer":"{customer}","text":"{text}"}}"#
    )
}

/// Imports files in one go, the last import of this history: what comes later is late.
fn import(shop: &Deployment, files: &[(&str, &[String])]) {
    let mut arguments = vec!["--format".into(), "native".into()];
    for (name, lines) in files {
        let mut text = String::new();
        for line in *lines {
            let _ = writeln!(text, "{line}");
        }
        arguments.push(shop.write(name, text).into_os_string());
    }
    let said = shop.ok("import", arguments);
    assert!(said.contains("dead                0"), "{said}");
}

#[test]
fn visits_hand_overs_self_service_and_what_led_to_a_conversation() {
    if !has_engine("visits_hand_overs_self_service_and_what_led_to_a_conversation") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let clicks = [
        // Ann, on her phone, then on her desk: help pages, and a chat during the second visit.
        click("a1", "phone", 0, "/", "ann"),
        click("a2", "desk", DAY, "/help/returns", "ann"),
        click("a3", "desk", DAY + 10 * MINUTE, "/orders/77", ""),
        // Two strangers read help pages; nobody asks.
        click("b1", "v1", DAY, "/help/returns", ""),
        click("c1", "v2", DAY, "/en/faq/sizes", ""),
    ];
    let talk = DAY + 5 * MINUTE;
    let support = [
        entry("s1", "case-1", talk, ["customer", "chat", "", "", "This is terrible, nothing works"]),
        entry("s2", "case-1", talk + MINUTE, ["bot", "chat", "", "helper", "Hello"]),
        entry("s3", "case-1", talk + 2 * MINUTE, ["agent", "chat", "sales", "kim", "I look"]),
        entry("s4", "case-1", talk + 3 * MINUTE, ["agent", "support_email", "returns", "lee", "Sent"]),
        entry("s5", "case-1", talk + 4 * MINUTE, ["agent", "support_email", "returns", "lee", "Anything else?"]),
        entry("s6", "case-2", 9 * DAY, ["customer", "phone", "", "", "Hello again"]),
    ];
    import(&shop, &[("clicks.jsonl", &clicks), ("support.jsonl", &support)]);

    assert_eq!(
        shop.sql(
            "SELECT visitor, visitor_session_number, person_session_number, is_returning, has_contact_within_day,
                is_corrected, contact_text_count, contact_score < -0.1
             FROM visits ORDER BY started_at, visitor"
        ),
        "phone\t1\t1\tfalse\tfalse\tfalse\t0\t\\N\ndesk\t1\t2\ttrue\ttrue\tfalse\t1\t1\n\
         v1\t1\t1\tfalse\tfalse\tfalse\t0\t\\N\nv2\t1\t1\tfalse\tfalse\tfalse\t0\t\\N\n"
    );
    assert_eq!(
        shop.sql("SELECT what, channel, from_name, to_name, handover_count FROM handovers ORDER BY toString(what)"),
        "agent\tsupport_email\tkim\tlee\t1\nchannel\tsupport_email\tchat\tsupport_email\t1\n\
         department\tsupport_email\tsales\treturns\t1\n"
    );
    assert_eq!(
        shop.sql(
            "SELECT sum(handover_count), sum(department_change_count), sum(channel_change_count) FROM conversations"
        ),
        "1\t1\t1\n"
    );
    assert_eq!(
        shop.sql(
            "SELECT page_group, session_count, contacted_count, helped_themselves_count, undecided_count, helped_share
             FROM self_service ORDER BY page_group"
        ),
        "/en/faq\t1\t0\t1\t0\t1\n/help\t2\t1\t1\t0\t0.5\n"
    );
    assert_eq!(
        shop.sql(
            "SELECT conversation_id, toUnixTimestamp64Milli(started_at), after_ms, entry_page, exit_page, has_bought,
                session_id = '' OR session_id IN (SELECT session_id FROM sessions WHERE visitor = 'desk')
             FROM conversation_origins ORDER BY conversation_id"
        ),
        format!("case-1\t{}\t0\t/help/returns\t/orders/:id\tfalse\t1\ncase-2\t\\N\t\\N\t\t\tfalse\t1\n", START + DAY)
    );
    let answered = shop.sql(
        "SELECT channel, answered_share, first_reply_ms_median FROM support_performance ORDER BY toString(channel)",
    );
    assert_eq!(answered, format!("chat\t1\t{}\nphone\t0\t\\N\n", 2 * MINUTE));
}

#[test]
fn a_session_that_an_earlier_event_or_a_merge_moved_is_corrected() {
    if !has_engine("a_session_that_an_earlier_event_or_a_merge_moved_is_corrected") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let first = shop.write("one.jsonl", click("b", "v1", 20 * MINUTE, "/b", "") + "\n");
    shop.ok("import", ["--keep-open".as_ref(), "--format".as_ref(), "native".as_ref(), first.as_os_str()]);
    import(&shop, &[("two.jsonl", &[click("a", "v1", 0, "/a", ""), click("z", "v2", 0, "/z", "")])]);
    assert_eq!(
        shop.sql("SELECT visitor, is_corrected, late_event_count FROM visits ORDER BY visitor"),
        "v1\ttrue\t0\nv2\tfalse\t0\n"
    );
    import(
        &shop,
        &[("three.jsonl", &[click("l", "v1", 10 * MINUTE, "/l", ""), click("m", "v1", 99 * MINUTE, "/m", "")])],
    );
    assert_eq!(
        shop.sql("SELECT visitor, is_corrected, late_event_count FROM visits ORDER BY visitor"),
        "v1\ttrue\t1\nv2\tfalse\t0\n"
    );
}
