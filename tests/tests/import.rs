//! A history in several imports.

use std::fmt::Write as _;

use crumbtrail_tests::{Deployment, has_engine};

const START: i64 = 1_760_000_000_000;

/// Files longer than what is interleaved at once, each over the same two days: the last import alone closes them.
#[test]
fn files_of_the_same_days_are_in_time_while_event_time_is_kept_open() {
    if !has_engine("files_of_the_same_days_are_in_time_while_event_time_is_kept_open") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let import = |name: &str, lines: String, is_last: bool| {
        let file = shop.write(name, lines);
        let open = (!is_last).then(|| "--keep-open".into());
        let arguments = ["--format".into(), "native".into()].into_iter().chain(open).chain([file.into_os_string()]);
        let said = shop.ok("import", arguments);
        assert!(said.contains("late                0"), "{said}");
    };
    let clicks = |source: &str, count: i64| {
        (0..count).fold(String::new(), |mut lines, n| {
            let (at, visitor) = (START + n * 60_000, n / 20 % 50);
            let _ = writeln!(
                lines,
                r#"{{"event_id":"{source}{n}","site":"shop","visitor":"v{visitor}","occurred_at":{at},"name":"page_view"}}"#
            );
            lines
        })
    };
    let asked = (0..48).fold(String::new(), |mut lines, n| {
        let at = START + n * 3_600_000;
        let _ = writeln!(
            lines,
            r#"{{"entry_id":"s{n}","site":"shop","occurred_at":{at},"kind":"message","author":"customer","channel":"chat","customer":"c{n}","text":"?"}}"#
        );
        lines
    });
    import("app.jsonl", clicks("a", 3_000), false);
    assert_eq!(shop.sql("SELECT count() FROM sessions WHERE is_final"), "0\n");
    import("support.jsonl", asked, false);
    import("web.jsonl", clicks("w", 2_880), true);
    // Each visitor has twenty minutes in a row, again and again, which both sources tell of.
    let told = "SELECT count(), sum(event_count), countIf(NOT is_final) FROM sessions";
    assert_eq!(shop.sql(told), "150\t5880\t0\n");
    assert_eq!(shop.sql("SELECT count(), countIf(NOT is_final) FROM conversations"), "48\t0\n");
    assert_eq!(shop.sql("SELECT count() FROM audit"), "0\n");
}
