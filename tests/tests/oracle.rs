//! The SQL oracle: the query an analyst can run computes the very rows of `sessions`.

use std::fs;
use std::path::PathBuf;

use crumbtrail_tests::oracle::{assert_same_sessions, differing};
use crumbtrail_tests::{Deployment, binary, has_engine};

/// Events of the made-up load; `make oracle` asks for a million.
fn events() -> u64 {
    std::env::var("CRUMBTRAIL_ORACLE_EVENTS").map_or(100_000, |text| text.parse().expect("a number of events"))
}

/// A load with disorder, repeats, shared devices, robots and more, in two files: what the second holds comes too late.
fn rough_load(shop: &Deployment, events: u64) -> [PathBuf; 2] {
    let folder = shop.path("load");
    let (visitors, sessions) = ((events / 20).max(100), (events / 9).max(100));
    let sizes = [("--events", events), ("--visitors", visitors), ("--sessions", sessions), ("--days", 3)];
    let out = std::process::Command::new(binary())
        .args(["generate", "load", "--rough", "--out"])
        .arg(&folder)
        .args(sizes.iter().flat_map(|(flag, n)| [(*flag).to_owned(), n.to_string()]))
        .output()
        .expect("the binary runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let all = fs::read_to_string(folder.join("clicks.jsonl")).expect("the clicks");
    let of = |is_late: bool| -> String {
        all.split_inclusive('\n').enumerate().filter(|(n, _)| (n % 50 == 7) == is_late).map(|(_, line)| line).collect()
    };
    [shop.write("clicks.jsonl", of(false)), shop.write("more.jsonl", of(true))]
}

/// Imports the load under rules and holds the query, under the same, against the table.
fn hold(events: u64, config: &str, rules: &[(&str, &str)], reasons: &[&str]) {
    let mut shop =
        Deployment::new(&format!("sites:\n  tamarind:\n    own_hosts: [www.tamarind.example]\nrules:\n{config}"));
    shop.start_engine();
    for file in rough_load(&shop, events) {
        shop.ok("import", ["--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    }
    let outcomes = shop.sql("SELECT DISTINCT outcome FROM touchpoints ORDER BY toString(outcome)");
    assert_eq!(outcomes, "counted\nduplicate\nlate\n");
    let began = std::time::Instant::now();
    let sessions = assert_same_sessions(&shop, rules);
    println!("{sessions} sessions of {events} events computed twice, in SQL in {:.1?}", began.elapsed());
    let found = shop.sql("SELECT DISTINCT end_reason FROM sessions ORDER BY toString(end_reason)");
    assert_eq!(found.lines().collect::<Vec<_>>(), reasons);
}

#[test]
fn a_rough_load_by_the_default_rules() {
    if has_engine("a_rough_load_by_the_default_rules") {
        hold(events(), "  gap_seconds: 1800\n", &[], &["customer", "gap"]);
    }
}

#[test]
fn a_rough_load_by_every_rule_at_once() {
    if has_engine("a_rough_load_by_every_rule_at_once") {
        let config = "  gap_seconds: 300\n  longest_seconds: 300\n  most_events: 12\n  cut_on_campaign: true\n  \
            cut_at_midnight: true\n  time_zone: Asia/Bangkok\n  client_sessions: true\n  engaged_seconds: 60\n  \
            engaged_views: 4\n  heartbeat_seconds: 7\n  minimum_visit_seconds: 3\n  conversions: [product_added]\n  \
            robot_views_a_minute: 3\n  robot_views_alone: 3\n  robot_alone_seconds: 45\n";
        let rules = [
            ("gap_seconds", "300"),
            ("longest_seconds", "300"),
            ("most_events", "12"),
            ("cut_on_campaign", "true"),
            ("cut_at_midnight", "true"),
            ("site_time_zone", "'Asia/Bangkok'"),
            ("client_sessions", "true"),
            ("engaged_seconds", "60"),
            ("engaged_views", "4"),
            ("heartbeat_seconds", "7"),
            ("minimum_visit_seconds", "3"),
            ("conversions", "['product_added']"),
            ("robot_views_a_minute", "3"),
            ("robot_views_alone", "3"),
            ("robot_alone_seconds", "45"),
        ];
        let reasons = ["campaign", "client_session", "customer", "gap", "longest", "midnight", "most"];
        hold(events() / 3, config, &rules, &reasons);
    }
}

/// Each site's sessions are those that the query computes by its rules, and not by the other's.
#[test]
fn sites_with_rules_of_their_own_are_each_cut_by_them() {
    if !has_engine("sites_with_rules_of_their_own_are_each_cut_by_them") {
        return;
    }
    let mut shop = Deployment::new(
        "sites:\n  tamarind:\n    own_hosts: [www.tamarind.example]\n  blog:\n    own_hosts: [www.tamarind.example]\n    \
         gap_seconds: 300\n    longest_seconds: 900\n    cut_on_customer: false\n    cut_at_midnight: true\n    \
         time_zone: Asia/Jakarta\n",
    );
    shop.start_engine();
    for file in rough_load(&shop, events() / 5) {
        // Every other visitor is the other site's, by the last digit of their id; what is broken stays so.
        let text = fs::read_to_string(&file).expect("the load");
        let mut lines = String::new();
        for line in text.lines() {
            let id = line.split("\"visitor\":\"").nth(1).and_then(|rest| rest.split('"').next());
            let is_other = id.and_then(|id| id.bytes().last()).is_some_and(|last| last % 2 == 1);
            lines +=
                &if is_other { line.replace("\"site\":\"tamarind\"", "\"site\":\"blog\"") } else { line.to_owned() };
            lines.push('\n');
        }
        fs::write(&file, lines).expect("the load is written");
        shop.ok("import", ["--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    }
    let blog = [
        ("one_site", "'blog'"),
        ("gap_seconds", "300"),
        ("longest_seconds", "900"),
        ("cut_on_customer", "false"),
        ("cut_at_midnight", "true"),
        ("site_time_zone", "'Asia/Jakarta'"),
    ];
    assert_same_sessions(&shop, &blog);
    assert_same_sessions(&shop, &[("one_site", "'tamarind'")]);
    for site in ["tamarind", "blog"] {
        assert!(shop.number(&format!("SELECT count() FROM sessions WHERE site = '{site}'")) > 100);
    }
    let (computed, in_table, _) = differing(&shop, &[("one_site", "'blog'")]);
    assert!(computed > 0 && in_table > 0, "by the default rules they are others");
}

/// Clocks are looked at for 24.8 days either way; further off, heartbeats would fall into other slots, and repeats be ranked otherwise.
#[test]
fn clocks_that_are_far_off_are_off_by_the_same_in_both() {
    if !has_engine("clocks_that_are_far_off_are_off_by_the_same_in_both") {
        return;
    }
    const DAY: i64 = 86_400_000;
    let mut shop = Deployment::new("");
    shop.start_engine();
    let mut lines = String::new();
    for (visitor, days) in [-400i64, -30, -25, -24, 24, 25, 30, 400].into_iter().enumerate() {
        let mut event = |id: &str, at: i64, name: &str| {
            let (at, device) = (1_760_000_000_000 + at, 1_760_000_000_000 + at + days * DAY);
            // Sent at once by the device's own clock, so that the difference of both is what it is off by.
            lines += &format!(
                "{{\"event_id\":\"{visitor}.{id}\",\"visitor\":\"v{visitor}\",\"occurred_at\":{device},\"sent_at\":{device},\"received_at\":{at},\
                 \"name\":\"{name}\"}}\n"
            );
        };
        event("view", 0, "page_view");
        (1..40).for_each(|n| event(&n.to_string(), n * 6_700, "page_ping"));
        // A repeat, received later.
        event("view", 30_000, "page_view");
    }
    let file = shop.write("clicks.jsonl", lines);
    shop.ok("import", ["--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    let off = "SELECT max(abs(dateDiff('day', occurred_at, device_at))) FROM touchpoints WHERE outcome = 'counted'";
    assert_eq!(shop.number(off), 400);
    assert_eq!(assert_same_sessions(&shop, &[]), 8);
}

/// An order of ten million is no rarity in rupiah: its millionths are within 64 bits, if not within the digits of a decimal.
#[test]
fn sums_of_many_digits_are_the_same_in_both() {
    if !has_engine("sums_of_many_digits_are_the_same_in_both") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let mut lines = String::new();
    for (n, (name, more)) in [
        ("product_added", r#""revenue":-7"#),
        ("product_added", r#""revenue":12500000.5"#),
        ("product_added", r#""items":[{"product":"p","price":98000000.25,"quantity":3}]"#),
        ("product_removed", r#""revenue":12500000.5"#),
        ("purchase", r#""revenue":294000000.75"#),
        ("purchase", r#""revenue":900000000000"#),
    ]
    .into_iter()
    .enumerate()
    {
        lines += &format!(
            "{{\"event_id\":\"e{n}\",\"visitor\":\"v\",\"occurred_at\":{},\"name\":\"{name}\",\"currency\":\"IDR\",{more}}}\n",
            1_760_000_000_000i64 + n as i64
        );
    }
    let file = shop.write("clicks.jsonl", lines);
    shop.ok("import", ["--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    assert_eq!(assert_same_sessions(&shop, &[]), 1);
    assert_eq!(shop.sql("SELECT revenue FROM sessions"), "900294000000.75\n");
}

#[test]
fn another_rule_is_another_answer() {
    let test = "another_rule_is_another_answer";
    if !has_engine(test) {
        return;
    }
    let mut shop = Deployment::new("sites:\n  tamarind:\n    own_hosts: [www.tamarind.example]\n");
    shop.start_engine();
    let [clicks, _] = rough_load(&shop, 2_000);
    shop.ok("import", ["--format".as_ref(), "native".as_ref(), clicks.as_os_str()]);
    assert_same_sessions(&shop, &[]);
    let others =
        ["60 AS gap_seconds", "false AS cut_on_customer", "6 AS minimum_visit_seconds", "1 AS heartbeat_seconds"];
    for (value, name) in others.map(|rule| rule.split_once(" AS ").expect("a rule")) {
        let (computed, in_table, _) = differing(&shop, &[(name, value)]);
        assert!(computed > 0 && in_table > 0, "{name} {value} is not the table's");
    }
}
