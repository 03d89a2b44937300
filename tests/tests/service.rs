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

/// A deployment that keeps a table of touchpoints, or none.
fn with_touchpoints(is_kept: bool) -> Deployment {
    let mut shop = Deployment::new("");
    let config = std::fs::read_to_string(shop.config()).expect("the configuration is there");
    let kept = format!("clickhouse:\n  touchpoints: {is_kept}\n");
    let _ = shop.write("crumbtrail.yaml", config.replace("clickhouse:\n", &kept));
    shop.start_engine();
    shop
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
    // A robot on the visitor id of a person has sessions of its own, whatever becomes of them.
    let robot = |id: &str, visitor: &str, after: i64| {
        click(id, visitor, after, "/r", "").replace("}", r#","user_agent":"Googlebot/2.1"}"#)
    };
    let one = [click("b", "v1", 20 * MINUTE, "/b", ""), robot("r1", "v2", 0)].join("\n") + "\n";
    let first = shop.write("one.jsonl", one);
    shop.ok("import", ["--keep-open".as_ref(), "--format".as_ref(), "native".as_ref(), first.as_os_str()]);
    import(
        &shop,
        &[("two.jsonl", &[click("a", "v1", 0, "/a", ""), click("z", "v2", 0, "/z", ""), robot("r0", "v2", -MINUTE)])],
    );
    assert_eq!(
        shop.sql("SELECT visitor, is_corrected, late_event_count FROM visits ORDER BY visitor"),
        "v1\ttrue\t0\nv2\tfalse\t0\n"
    );
    let late = [
        click("l", "v1", 10 * MINUTE, "/l", ""),
        click("m", "v1", 99 * MINUTE, "/m", ""),
        robot("r2", "v1", 10 * MINUTE),
    ];
    let asked = entry("s", "", 10 * MINUTE, ["customer", "chat", "", "", "hello"])
        .replace(r#""conversation":"""#, r#""visitor":"v1""#);
    import(&shop, &[("three.jsonl", &late), ("three.support.jsonl", &[asked])]);
    assert_eq!(
        shop.sql("SELECT visitor, is_corrected, late_event_count FROM visits ORDER BY visitor"),
        "v1\ttrue\t1\nv2\tfalse\t0\n"
    );
}

/// An entry with fields of its own, minutes after the start.
fn told(id: &str, minutes: i64, conversation: &str, customer: &str, fields: &str) -> String {
    let at = START + minutes * MINUTE;
    format!(
        r#"{{"entry_id":"{id}","site":"shop","occurred_at":{at},"conversation":"{conversation}","customer":"{customer}",{fields}}}"#
    )
}

const CHAT: &str = r#""channel":"chat","author":"customer","kind":"message","text":"where is it""#;
const REPLY: &str = r#""channel":"chat","author":"agent","agent":"kim","kind":"message","text":"here""#;

#[test]
fn ratings_of_every_scale_and_messages_up_to_the_resolution_count() {
    if !has_engine("ratings_of_every_scale_and_messages_up_to_the_resolution_count") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let rated = |scale: &str, points: u8| {
        format!(r#""channel":"chat","author":"customer","kind":"rating","rating":{points},"scale":"{scale}""#)
    };
    let support = [
        // Content with the case and not with the shop: it counts in both.
        told("r1", 0, "rated", "ann", CHAT),
        told("r2", 1, "rated", "ann", &rated("csat", 5)),
        told("r3", 2, "rated", "ann", &rated("nps", 2)),
        told("r4", 3, "rated", "ann", &rated("ces", 6)),
        // One word solved it, a courtesy came after.
        told("t1", 0, "touched", "bob", CHAT),
        told("t2", 1, "touched", "bob", REPLY),
        told("t3", 2, "touched", "bob", r#""channel":"chat","author":"agent","kind":"resolved""#),
        told("t4", 3, "touched", "bob", REPLY),
        // Two resolved without a word.
        told("n1", 0, "untouched", "eve", CHAT),
        told("n2", 1, "untouched", "eve", r#""channel":"chat","author":"agent","kind":"resolved""#),
        told("n3", 0, "silent", "joe", CHAT),
        told("n4", 1, "silent", "joe", r#""channel":"chat","author":"agent","kind":"resolved""#),
    ];
    import(&shop, &[("support.jsonl", &support)]);
    assert_eq!(
        shop.sql(
            "SELECT csat_count, csat_share, nps, ces_mean, resolved_count, one_touch_count FROM support_performance"
        ),
        "1\t1\t-100\t6\t3\t1\n"
    );
}

#[test]
fn a_close_ends_the_wait_for_a_resolution() {
    if !has_engine("a_close_ends_the_wait_for_a_resolution") {
        return;
    }
    let mut shop = Deployment::new("rules: {policies: [{resolution_minutes: 60}]}");
    shop.start_engine();
    let closed = r#""channel":"chat","author":"system","kind":"closed""#;
    let support = [
        told("a1", 0, "in-time", "ann", CHAT),
        told("a2", 1, "in-time", "ann", REPLY),
        told("a3", 2, "in-time", "ann", closed),
        told(
            "a4",
            90,
            "in-time",
            "ann",
            r#""channel":"chat","author":"customer","kind":"rating","rating":5,"scale":"csat""#,
        ),
        told("b1", 0, "late", "bob", CHAT),
        told("b2", 61, "late", "bob", closed),
        told("c1", 0, "open", "eve", CHAT),
    ];
    import(&shop, &[("support.jsonl", &support)]);
    assert_eq!(
        shop.sql("SELECT conversation_id, status, is_resolution_breached FROM conversations ORDER BY conversation_id"),
        "in-time\tclosed\tfalse\nlate\tclosed\ttrue\nopen\topen\ttrue\n"
    );
    assert_eq!(shop.sql("SELECT resolution_breach_count FROM support_performance"), "2\n");
}

#[test]
fn who_waits_is_who_was_not_answered_with_or_without_a_word() {
    if !has_engine("who_waits_is_who_was_not_answered_with_or_without_a_word") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let stars = |channel: &str| {
        format!(r#""channel":"{channel}","author":"customer","kind":"rating","rating":1,"scale":"stars""#)
    };
    let support = [
        told("a1", 0, "thanked", "ann", CHAT),
        told("a2", 1, "thanked", "ann", REPLY),
        told("a3", 2, "thanked", "ann", r#""channel":"chat","author":"agent","kind":"resolved""#),
        told("a4", 3, "thanked", "ann", r#""channel":"chat","author":"customer","kind":"message","text":"thanks""#),
        told("b1", 0, "polite", "bob", CHAT),
        told("b2", 2, "polite", "bob", r#""channel":"chat","author":"agent","kind":"resolved""#),
        told("b3", 3, "polite", "bob", REPLY),
        told("c1", 0, "", "cy", &stars("review")),
        told("d1", 0, "", "dan", &stars("survey")),
        told("e1", 0, "", "eve", &stars("review")),
        told("e2", 9, "", "eve", &REPLY.replace("chat", "review")),
        told("f1", 0, "mentioned", "flo", r#""channel":"social","author":"customer","kind":"mention","text":"well""#),
    ];
    import(&shop, &[("support.jsonl", &support)]);
    assert_eq!(
        shop.sql("SELECT customer, channel FROM contacts_waiting JOIN conversations USING (site, conversation_id) ORDER BY customer"),
        "cy\treview\ndan\tsurvey\nflo\tsocial\n"
    );
    let polite = shop.sql("SELECT awaiting, waiting_since_at FROM conversations WHERE conversation_id = 'polite'");
    assert_eq!(polite, "\t\\N\n", "a resolution ends the agent's wait, too");
}

#[test]
fn hand_overs_of_conversations_without_an_id_are_told() {
    if !has_engine("hand_overs_of_conversations_without_an_id_are_told") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let by = |agent: &str, channel: &str| {
        format!(r#""channel":"{channel}","author":"agent","agent":"{agent}","kind":"message","text":"here""#)
    };
    let support = [
        told("a1", 0, "", "ann", r#""channel":"phone","author":"customer","kind":"message","text":"hello""#),
        told("a2", 1, "", "ann", &by("kim", "phone")),
        // Another person's, another channel's and another day's are other conversations.
        told("b1", 2, "", "bob", &by("joe", "phone")),
        told("a3", 3, "", "ann", &by("max", "chat")),
        told("a4", 4, "", "ann", &by("lee", "phone")),
        told("a5", 24 * 60 + 5, "", "ann", &by("sue", "phone")),
    ];
    import(&shop, &[("support.jsonl", &support)]);
    assert_eq!(
        shop.sql("SELECT what, channel, from_name, to_name, handover_count, conversation_count FROM handovers"),
        "agent\tphone\tkim\tlee\t1\t1\n"
    );
    assert_eq!(shop.sql("SELECT sum(handover_count) FROM conversations"), "1\n");
}

#[test]
fn an_id_that_comes_back_after_the_memory_is_another_row_and_another_matter() {
    if !has_engine("an_id_that_comes_back_after_the_memory_is_another_row_and_another_matter") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let memory = 90 * 24 * 60;
    let by = |id: &str, after: i64, agent: &str| {
        let said = format!(r#""channel":"chat","author":"agent","agent":"{agent}","kind":"message","text":"here""#);
        told(id, after, "again", "ann", &said)
    };
    // Kim and Lee exactly 90 days apart, Sue a minute more than that behind Lee.
    let support = [
        told("a1", 0, "again", "ann", CHAT),
        by("a2", 0, "kim"),
        by("a3", memory, "lee"),
        by("a4", 2 * memory + 1, "sue"),
        by("a5", 2 * memory + 2, "max"),
    ];
    import(&shop, &[("support.jsonl", &support)]);
    let rows = "SELECT agent_message_count, handover_count, is_final FROM conversations WHERE conversation_id = 'again' ORDER BY opened_at";
    assert_eq!(shop.sql(rows), "2\t1\ttrue\n2\t1\ttrue\n");
    assert_eq!(
        shop.sql("SELECT from_name, to_name, handover_count, conversation_count FROM handovers ORDER BY from_name"),
        "kim\tlee\t1\t1\nsue\tmax\t1\t1\n"
    );
    for view in ["conversation_people", "conversation_origins"] {
        assert_eq!(shop.number(&format!("SELECT count() FROM {view}")), 2, "{view}");
    }
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

#[test]
fn who_asked_before_the_help_page_or_a_day_after_it_helped_themselves() {
    if !has_engine("who_asked_before_the_help_page_or_a_day_after_it_helped_themselves") {
        return;
    }
    let clicks = [
        // Asked, then read the page.
        click("a1", "first", 0, "/", ""),
        click("a2", "first", 10 * MINUTE, "/en/help/returns", ""),
        // Read the page, stayed on, and asked a day after the page: within the day after the visit.
        click("b1", "day", 0, "/en/help/returns", ""),
        click("b2", "day", 20 * MINUTE, "/", ""),
        // Read the page, asked, and read it again.
        click("c1", "asks", 0, "/en/help/returns", ""),
        click("c2", "asks", 10 * MINUTE, "/en/help/returns", ""),
    ];
    let asks =
        |id: &str, after: i64, visitor: &str| told(id, after, id, "", &format!(r#""visitor":"{visitor}",{CHAT}"#));
    let support = [asks("s1", 1, "first"), asks("s2", 24 * 60 + 1, "day"), asks("s3", 5, "asks")];
    // Without touchpoints nobody knows when a page was seen: the session stands for it.
    for (is_kept, contacted) in [(true, 1), (false, 3)] {
        let shop = with_touchpoints(is_kept);
        import(&shop, &[("clicks.jsonl", &clicks), ("support.jsonl", &support)]);
        assert_eq!(
            shop.sql(
                "SELECT page_group, session_count, contacted_count, helped_themselves_count, undecided_count
                 FROM self_service"
            ),
            format!("/en/help\t3\t{contacted}\t{}\t0\n", 3 - contacted)
        );
    }
}

#[test]
fn a_reply_that_fell_into_another_row_answers_who_waits() {
    if !has_engine("a_reply_that_fell_into_another_row_answers_who_waits") {
        return;
    }
    const DAY_AND_HOUR: i64 = 25 * 60;
    let clicks = [("bea", "bea@example.com"), ("eve", "eve@example.com")].map(|(customer, contact)| {
        format!(
            r#"{{"event_id":"{customer}","site":"shop","visitor":"{customer}","occurred_at":{},"name":"identify","customer":"{customer}","contact":"{contact}"}}"#,
            START - DAY
        )
    });
    let by = |id: &str, minutes: i64, conversation: &str, customer: &str, said: &str, more: &str| {
        told(id, minutes, conversation, customer, &format!("{said}{more}"))
    };
    let (bea, eve) = (r#","contact":"bea@example.com""#, r#","contact":"eve@example.com""#);
    let support = [
        // After more than a day of silence.
        by("a1", 0, "", "ann", CHAT, ""),
        by("a2", DAY_AND_HOUR, "", "ann", REPLY, ""),
        // Asked by address, answered by name.
        by("b1", 0, "", "", CHAT, bea),
        by("b2", 5, "", "bea", REPLY, bea),
        // A visitor who says who they are.
        by("c1", 0, "", "", CHAT, r#","visitor":"vc""#),
        by("c2", 5, "", "cy", CHAT, r#","visitor":"vc""#),
        by("c3", 6, "", "cy", REPLY, r#","visitor":"vc""#),
        // On another channel, and before the question: no answers.
        by("d1", 0, "", "dan", CHAT, ""),
        by("d2", 5, "", "dan", &REPLY.replace("chat", "phone"), ""),
        by("d3", -DAY_AND_HOUR, "", "dan", REPLY, ""),
        // Answered, and asked again.
        by("e1", 0, "", "", CHAT, eve),
        by("e2", 60, "", "eve", REPLY, ""),
        by("e3", 120, "", "", CHAT, eve),
        // A reply in a case that was there before is about that; one that begins a case is about the question.
        by("f1", -10, "case-f", "flo", CHAT, ""),
        by("f2", 0, "", "flo", CHAT, ""),
        by("f3", 30, "case-f", "flo", REPLY, ""),
        by("g1", 0, "", "gus", CHAT, ""),
        by("g2", 30, "case-g", "gus", REPLY, ""),
        // Closed a day later without a word.
        by("h1", 0, "", "hal", CHAT, ""),
        by("h2", DAY_AND_HOUR, "", "hal", r#""channel":"chat","author":"agent","kind":"closed""#, ""),
    ];
    let mut shop = Deployment::new("rules: {policies: [{first_reply_minutes: 60}]}");
    shop.start_engine();
    import(&shop, &[("clicks.jsonl", &clicks), ("support.jsonl", &support)]);
    assert_eq!(
        shop.sql(&format!(
            "SELECT customer, intDiv(toUnixTimestamp64Milli(assumeNotNull(waiting_since_at)) - {START}, {MINUTE}),
                was_answered_before, is_overdue
             FROM contacts_waiting JOIN conversation_people USING (site, conversation_id) ORDER BY customer"
        )),
        "dan\t0\tfalse\ttrue\neve\t120\ttrue\tfalse\nflo\t0\tfalse\ttrue\n"
    );
    assert_eq!(
        shop.sql(&format!(
            "SELECT customer, intDiv(dateDiff('millisecond', asked_at, answered_at), {MINUTE}), settled_at IS NULL
             FROM answers_elsewhere JOIN conversation_people USING (site, conversation_id) ORDER BY customer"
        )),
        format!("ann\t{DAY_AND_HOUR}\t0\nbea\t5\t0\ncy\t6\t0\neve\t60\t1\ngus\t30\t0\nhal\t\\N\t0\n")
    );
    // Of the questions these have no reply: Dan's, Flo's second and Hal's. Ann's came late.
    assert_eq!(
        shop.sql(
            "SELECT sum(asked_count), sum(answered_count), sum(waiting_count), sum(first_reply_breach_count)
             FROM support_performance WHERE channel = 'chat'"
        ),
        "10\t7\t3\t4\n"
    );
}

#[test]
fn a_contact_is_a_word_of_the_customer_in_whatever_conversation() {
    if !has_engine("a_contact_is_a_word_of_the_customer_in_whatever_conversation") {
        return;
    }
    const HOURS: i64 = 60;
    let day = 3 * 24 * HOURS;
    let clicks = ["ann", "bob", "cy"].map(|who| click(who, who, day * MINUTE, "/help/returns", who));
    let support = [
        // Ann writes that it is still broken, in a case three days old.
        told("a1", 0, "old", "ann", CHAT),
        told("a2", HOURS, "old", "ann", REPLY),
        told("a3", day + 2 * HOURS, "old", "ann", CHAT),
        // Bob is called, Cy is asked for an opinion.
        told("b1", day + 2 * HOURS, "promotion", "bob", REPLY),
        told("c1", day + 2 * HOURS, "survey", "cy", r#""channel":"survey","author":"system","kind":"opened""#),
    ];
    for is_kept in [true, false] {
        let shop = with_touchpoints(is_kept);
        import(&shop, &[("clicks.jsonl", &clicks), ("support.jsonl", &support)]);
        assert_eq!(
            shop.sql("SELECT visitor, has_contact_within_day FROM visits ORDER BY visitor"),
            "ann\ttrue\nbob\tfalse\ncy\tfalse\n"
        );
        assert_eq!(
            shop.sql("SELECT session_count, contacted_count, helped_themselves_count FROM self_service"),
            "3\t1\t2\n"
        );
        // What was opened to them had no session that led to it, though it followed one.
        assert_eq!(shop.number("SELECT countIf(session_id != '') FROM conversation_origins"), 0);
    }
}

#[test]
fn a_visit_over_midnight_is_one_visit() {
    if !has_engine("a_visit_over_midnight_is_one_visit") {
        return;
    }
    let mut shop = Deployment::new("rules: {cut_at_midnight: true}");
    shop.start_engine();
    // Midnight is 15 h 6 min 40 s after the start.
    let night = (15 * 60 + 6) * MINUTE;
    let clicks = [
        click("a1", "desk", night, "/", "ann"),
        click("a2", "desk", night + MINUTE, "/p", "ann"),
        click("a3", "desk", night + DAY, "/", "ann"),
        // Meanwhile on her phone.
        click("b1", "phone", night + MINUTE / 2, "/", "ann"),
    ];
    import(&shop, &[("clicks.jsonl", &clicks)]);
    assert_eq!(
        shop.sql(
            "SELECT visitor, is_continuation, visitor_session_number, person_session_number, is_returning, is_bounce
             FROM visits ORDER BY started_at"
        ),
        "desk\tfalse\t1\t1\tfalse\tfalse\nphone\tfalse\t1\t2\ttrue\ttrue\n\
         desk\ttrue\t1\t1\tfalse\tfalse\ndesk\tfalse\t2\t3\ttrue\ttrue\n"
    );
}
