//! Real web server logs: every line one touchpoint or one dead letter, sessions as SQL computes them.

use crumbtrail_tests::oracle::assert_same_sessions;
use crumbtrail_tests::{Deployment, data, has_engine};

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
        let seconds = (gap * 60).to_string();
        let sessions = assert_same_sessions(&shop, &[("gap_seconds", &seconds)]);
        // At a gap of an hour one robot's visit lasts longer than a day and is rolled over.
        let rolled_over = shop.number("SELECT countIf(is_continuation) FROM sessions");
        assert!(sessions > 1_000 && rolled_over == i64::from(gap == 60), "{sessions}, {rolled_over}");
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
