//! Real web server logs: every line one touchpoint or one dead letter, sessions as SQL counts them.

use crumbtrail_tests::{Deployment, data, has_engine};

/// Sessions by the gap rule, computed by window functions over the touchpoints.
fn naive_sessions(gap_minutes: u32) -> String {
    let gap = gap_minutes * 60_000;
    format!(
        "SELECT countIf(is_first) FROM (SELECT row_number() OVER w = 1
             OR toUnixTimestamp64Milli(occurred_at) - lagInFrame(toUnixTimestamp64Milli(occurred_at)) OVER w > {gap} AS is_first
         FROM touchpoints WHERE outcome = 'counted'
         WINDOW w AS (PARTITION BY site, visitor ORDER BY occurred_at, event_id
                      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))"
    )
}

#[test]
fn ten_thousand_real_lines() {
    let test = "ten_thousand_real_lines";
    let Some(log) = data(test, "web/apache_logs.gz") else { return };
    if !has_engine(test) {
        return;
    }
    for gap in [10, 30, 60] {
        let mut shop = Deployment::new(&format!("rules:\n  gap_seconds: {}\n", gap * 60));
        shop.start_engine();
        let log = log.to_str().unwrap();
        let said = shop.ok("import", ["--format", "combined", log]);
        assert!(said.contains("balance    read = counted"), "{said}");
        assert_eq!(shop.number("SELECT count() FROM touchpoints"), 9_999);
        assert_eq!(shop.number("SELECT count() FROM touchpoints WHERE outcome = 'counted'"), 9_999);
        assert_eq!(shop.sql("SELECT reason, count() FROM dead_letters GROUP BY reason"), "malformed_line\t1\n");
        // At a gap of an hour one robot's visit lasts longer than a day and is rolled over.
        let sessions = shop.number("SELECT countIf(NOT is_continuation) FROM sessions");
        assert_eq!(sessions, shop.number(&naive_sessions(gap)), "gap {gap}");
        assert_eq!(shop.number("SELECT countIf(NOT is_final) FROM sessions"), 0, "event time was closed");
        assert_eq!(shop.sql("SELECT * FROM audit"), "");
        if gap == 30 {
            let before = shop.sql("SELECT * FROM sessions ORDER BY ALL");
            let again = shop.ok("import", ["--format", "combined", log]);
            assert!(again.contains("10000 imported before"), "{again}");
            assert_eq!(shop.sql("SELECT * FROM sessions ORDER BY ALL"), before, "the same import changes nothing");
            assert_eq!(shop.number("SELECT count() FROM touchpoints"), 9_999);
        }
    }
}
