//! Real shoppers and real support dialogues, by the documented mappings, to journeys with carts and orders.

use crumbtrail_tests::{Deployment, data, has_engine};

#[test]
fn otto_shoppers_become_journeys_with_carts_and_orders() {
    let test = "otto_shoppers_become_journeys_with_carts_and_orders";
    let Some(sample) = data(test, "commerce/otto_sample.jsonl") else { return };
    if !has_engine(test) {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let clicks = shop.path("clicks.jsonl");
    let out = std::process::Command::new(crumbtrail_tests::binary())
        .args(["convert", "otto"])
        .arg(sample)
        .arg("--out")
        .arg(&clicks)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    shop.ok("import", ["--format".as_ref(), "native".as_ref(), clicks.as_os_str()]);
    assert_eq!(shop.number("SELECT count() FROM journeys"), 20, "20 real shoppers");
    let events = std::fs::read_to_string(&clicks).unwrap().lines().count() as i64;
    assert_eq!(shop.number("SELECT count() FROM touchpoints"), events);
    let bought = std::fs::read_to_string(&clicks).unwrap().matches("\"purchase\"").count() as i64;
    assert!(bought > 0 && shop.number("SELECT count() FROM conversions WHERE kind = 'purchase'") > 0);
    assert!(shop.number("SELECT count() FROM breadcrumbs WHERE kind = 'cart_abandoned'") > 0);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

#[test]
fn abcd_dialogues_become_conversations() {
    let test = "abcd_dialogues_become_conversations";
    let Some(sample) = data(test, "support/abcd_sample.json") else { return };
    if !has_engine(test) {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let support = shop.path("support.jsonl");
    let out = std::process::Command::new(crumbtrail_tests::binary())
        .args(["convert", "abcd"])
        .arg(&sample)
        .arg("--out")
        .arg(&support)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    shop.ok("import", ["--format".as_ref(), "native".as_ref(), support.as_os_str()]);
    let dialogues: serde_json::Value = serde_json::from_slice(&std::fs::read(sample).unwrap()).unwrap();
    let dialogues = dialogues.as_array().unwrap().len() as i64;
    assert_eq!(shop.number("SELECT count() FROM conversations"), dialogues);
    assert!(shop.number("SELECT countIf(first_reply_at IS NOT NULL) FROM conversations") > dialogues / 2);
    assert!(shop.number("SELECT countIf(score_start IS NOT NULL) FROM conversations") > dialogues / 2);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}
