//! Dead letters sent through intake again after a fix, on the local log and on Kafka: once, however often it is tried.

use std::fmt::Write as _;

use crumbtrail_tests::clients::Producing;
use crumbtrail_tests::{Broker, Deployment, has_engine, python_client, tables};

const START: i64 = 1_760_000_000_000;
const FATES: &str = "SELECT became, count() FROM dead_letter_fates GROUP BY became ORDER BY became";

#[test]
fn letters_of_a_file_come_back_once() {
    if !has_engine("letters_of_a_file_come_back_once") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let mut lines = String::new();
    for n in 0..20 {
        let at = START + n * 1_000;
        let _ = writeln!(lines, r#"{{"event_id":"n{n}","visitor":"v{n}","occurred_at":{at},"name":"page_view"}}"#);
        let _ = writeln!(
            lines,
            r#"{{"type":"page","messageId":"s{n}","anonymousId":"w{n}","timestamp":"2025-10-09T08:53:{:02}Z"}}"#,
            20 + n
        );
    }
    lines.push_str("{\n");
    let file = shop.write("clicks.jsonl", lines);
    shop.ok("import", ["--keep-open".as_ref(), "--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    assert_eq!(shop.sql(FATES), "dead\t21\n");

    let said = shop.ok("redrive", ["--dry-run"]);
    assert!(said.contains("left out                     21"), "{said}");
    let said = shop.ok("redrive", ["--dry-run", "--format", "segment"]);
    assert!(
        said.contains("would be sent                20") && said.contains("unreadable still              1"),
        "{said}"
    );
    let said = shop.fails("redrive", ["--reason", "malformed", "--format", "segment"]);
    assert!(
        said.contains("no dead letter has the reason \"malformed\": there are malformed_json, missing_field"),
        "{said}"
    );
    let said = shop.ok("redrive", ["--reason", "oversize", "--since", "2030-01-01", "--format", "segment"]);
    assert!(said.contains("unreadable still              0"), "{said}");
    let said = shop.ok("redrive", ["--since", "2030-01-01", "--dry-run", "--format", "segment"]);
    assert!(said.contains("would be sent                 0"), "nothing was written since: {said}");
    let said = shop.ok("redrive", ["--reason", "malformed_json", "--format", "segment"]);
    assert!(said.contains("sent                          0"), "{said}");
    assert_eq!(shop.sql(FATES), "dead\t21\n");

    let said = shop.ok("redrive", ["--since", "1h", "--format", "segment"]);
    assert!(said.contains("sent                         20"), "{said}");
    assert_eq!(shop.sql(FATES), "counted\t20\ndead\t1\n");
    assert_eq!(shop.number("SELECT uniqExact(event_id) FROM touchpoints WHERE startsWith(event_id, 's')"), 20);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");

    let before = tables::all(&shop);
    let said = shop.ok("redrive", ["--format", "segment"]);
    assert!(
        said.contains("sent by runs before          20") && said.contains("sent                          0"),
        "{said}"
    );
    shop.ok("import", ["--keep-open".as_ref(), "--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    tables::assert_says(&before, &shop);
}

#[test]
fn a_redrive_of_a_file_that_was_killed_is_gone_on_with_as_it_began() {
    let test = "a_redrive_of_a_file_that_was_killed_is_gone_on_with_as_it_began";
    if !has_engine(test) {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let mut lines = String::new();
    for n in 0..20 {
        let _ = writeln!(
            lines,
            r#"{{"type":"page","messageId":"s{n}","anonymousId":"w{n}","timestamp":"2025-10-09T08:53:{:02}Z"}}"#,
            20 + n
        );
    }
    let file = shop.write("clicks.jsonl", lines);
    shop.ok("import", ["--keep-open".as_ref(), "--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    // Once the plan is durable, and again once what is planned is.
    for (point, args) in [("log_written:1", &["--format", "segment"][..]), ("log_written:2", &[])] {
        let mut killed = shop.command("redrive");
        let ended = killed.args(args).env("CRUMBTRAIL_CRASH_AT", point).output().unwrap();
        assert!(!ended.status.success() && ended.status.code().is_none(), "{point}: {ended:?}");
        assert_eq!(shop.sql(FATES), "dead\t20\n", "{point}");
    }
    let said = shop.ok("redrive", [] as [&str; 0]);
    assert!(said.contains("sent again                   20"), "{said}");
    assert_eq!(shop.sql(FATES), "counted\t20\n");
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

/// Dead records move no event time, neither when they are imported nor when that is done again: a fix finds them in time.
#[test]
fn what_was_read_in_a_wrong_way_is_not_late_when_it_is_read_right() {
    let test = "what_was_read_in_a_wrong_way_is_not_late_when_it_is_read_right";
    if !has_engine(test) {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let mut lines = String::new();
    // Three chunks of an import, so that event time would move within it, too.
    for n in 0..3_000i64 {
        let at = START + n * 60_000;
        let _ = writeln!(
            lines,
            r#"{{"entry_id":"n{n}","conversation":"c{n}","customer":"k{n}","channel":"chat","author":"customer","kind":"message","occurred_at":{at},"text":"hello"}}"#
        );
    }
    let file = shop.write("chats.jsonl", lines);
    for told in ["are --format and --kind right?", "known            3000"] {
        let said = shop.ok("import", ["--format".as_ref(), "native".as_ref(), file.as_os_str()]);
        assert!(said.contains(told), "{said}");
    }
    let said = shop.ok("redrive", ["--format", "native", "--kind", "support"]);
    assert!(said.contains("sent                       3000"), "{said}");
    assert_eq!(shop.sql(FATES), "counted\t3000\n");
    assert_eq!(shop.number("SELECT count() FROM conversations"), 3_000);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

#[test]
fn letters_of_a_topic_come_back_once() {
    let test = "letters_of_a_topic_come_back_once";
    let Some(python) = python_client(test).filter(|_| has_engine(test)) else { return };
    let Some(broker) = Broker::start(test) else { return };
    let _ = Producing::start(&python, &[&broker.address, "-", "topics"]).sent();
    let sent = Producing::start(&python, &[&broker.address, "-", "steady", "300", "1"]).sent();
    let config = format!(
        "log:\n  home: kafka\n  partitions: 3\n  replication_factor: 1\nkafka:\n  bootstrap_servers: {}\n  client:\n    \
         session.timeout.ms: \"6000\"\nsources:\n  - topic: clicks-json\n    format: segment\n    site: shop\n",
        broker.address
    );
    let mut shop = Deployment::new(&config);
    shop.start_engine();
    shop.ok("run", ["all", "--until-idle"]);
    assert_eq!(shop.sql(FATES), "dead\t300\n");
    // The mistake is mended.
    let config = std::fs::read_to_string(shop.config()).unwrap();
    let config = config.replace("format: segment", "format: native") + "generation: 2\n";
    std::fs::write(shop.config(), config).unwrap();
    let said = shop.ok("redrive", ["--dry-run"]);
    assert!(said.contains("would be sent               300"), "{said}");
    for round in 0..3 {
        let said = shop.ok("redrive", [] as [&str; 0]);
        assert_eq!(said.contains("sent                        300\n"), round == 0, "{said}");
        shop.ok("run", ["all", "--until-idle"]);
        assert_eq!(shop.sql(FATES), "counted\t300\n", "{sent}");
        assert_eq!(shop.number("SELECT count() FROM touchpoints"), 300);
        assert_eq!(shop.sql("SELECT * FROM audit"), "");
    }
}
