//! Tables computed anew under a new epoch: they say what a run from scratch says, and the old ones serve until then.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crumbtrail_tests::{Deployment, has_engine, tables, world};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Rules under which fewer and longer sessions are cut.
const OTHER_RULES: &str = "log:\n  partitions: 3\nrules:\n  gap_seconds: 5400\n  conversation_gap_seconds: 172800\n";

fn reconfigure(shop: &Deployment, more: &str) {
    let config = std::fs::read_to_string(shop.config()).unwrap();
    std::fs::write(shop.config(), config + more).unwrap();
}

/// A deployment with a world under the rules of before, and what a run from scratch says under the others.
fn before_and_expected(folder: &str) -> (Deployment, Vec<String>, Vec<Vec<String>>) {
    let mut scratch = Deployment::new(OTHER_RULES);
    let files = scratch.path(folder);
    world::make(&files, "0.05", &[]);
    let arguments = world::import_arguments(&files);
    scratch.ok("import", &arguments);
    scratch.start_engine();
    let expected = tables::all(&scratch);
    let mut shop = Deployment::new("");
    let files = shop.path(folder);
    world::make(&files, "0.05", &[]);
    let arguments = world::import_arguments(&files);
    shop.ok("import", &arguments);
    shop.start_engine();
    (shop, arguments, expected)
}

#[test]
fn a_rebuild_says_what_a_run_from_scratch_says() {
    if !has_engine("a_rebuild_says_what_a_run_from_scratch_says") {
        return;
    }
    let (shop, arguments, expected) = before_and_expected("world");
    let before = tables::all(&shop);
    assert_ne!(before, expected, "the rules make a difference");
    reconfigure(&shop, OTHER_RULES);

    let said = shop.ok("rebuild", ["--dry-run"]);
    assert!(said.contains("touchpoints-e1: 4 partitions (the new one has 3)") && said.contains("not known"), "{said}");
    assert_eq!(
        shop.number("SELECT count() FROM system.tables WHERE name LIKE '%\\\\_e2'"),
        0,
        "a dry run changes nothing"
    );
    // The old epoch cannot go on with another number of partitions, nor the new one begin unasked.
    assert!(shop.fails("import", &arguments).contains("partitions"));
    let config = std::fs::read_to_string(shop.config()).unwrap();
    reconfigure(&shop, "epoch: 2\n");
    let error = shop.fails("import", &arguments);
    std::fs::write(shop.config(), config).unwrap();
    assert!(error.contains("crumbtrail rebuild") && error.contains("migrate --show"), "{error}");
    tables::assert_says(&before, &shop);

    let said = shop.ok("rebuild", [] as [&str; 0]);
    assert!(said.contains("set `epoch: 2`"), "{said}");
    tables::assert_says(&expected, &shop);
    let said = shop.ok("rebuild", [] as [&str; 0]);
    assert!(said.contains("the views show epoch 2"), "{said}");

    // Commands of the old epoch are refused, with what to do; with the new one the same import changes nothing.
    let error = shop.fails("import", &arguments);
    assert!(error.contains("set `epoch: 2`"), "{error}");
    reconfigure(&shop, "epoch: 2\n");
    let said = shop.ok("import", &arguments);
    assert!(said.contains("imported before, unchanged"), "{said}");
    tables::assert_says(&expected, &shop);
    let said = shop.ok("rebuild", ["--dry-run"]);
    assert!(said.contains("epoch 3") && said.contains("records per second measured here last"), "{said}");

    let error = shop.fails("rebuild", ["--drop-epoch", "2"]);
    assert!(error.contains("in use"), "{error}");
    shop.ok("rebuild", ["--drop-epoch", "1"]);
    assert_eq!(shop.number("SELECT count() FROM system.tables WHERE name LIKE '%\\\\_e1'"), 0);
    assert!(!shop.data().join("log/touchpoints-e1.redb").exists() && !shop.data().join("snapshots/e1").exists());
    tables::assert_says(&expected, &shop);
}

#[test]
fn a_rebuild_that_is_killed_goes_on_and_old_tables_serve_until_its_end() {
    if !has_engine("a_rebuild_that_is_killed_goes_on_and_old_tables_serve_until_its_end") {
        return;
    }
    let (shop, arguments, expected) = before_and_expected("world");
    let before = tables::all(&shop);
    reconfigure(&shop, OTHER_RULES);
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // Later and later, until it comes to its end.
    let (mut killed, mut moment) = (Vec::new(), Duration::from_millis(100));
    while shop.sql("SELECT DISTINCT epoch FROM batches") == "1\n" {
        tables::assert_says(&before, &shop);
        let mut job = shop.command("rebuild").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + moment;
        while Instant::now() < until && job.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        if job.try_wait().unwrap().is_none() {
            job.kill().unwrap();
            killed.push(moment);
        }
        job.wait().unwrap();
        moment = moment.mul_f64(random.random_range(1.1..1.5));
    }
    assert!(killed.len() >= 3, "it ends too quickly to be killed");
    eprintln!("seed {seed}: killed after {killed:?}");
    shop.ok("rebuild", [] as [&str; 0]);
    tables::assert_says(&expected, &shop);
    reconfigure(&shop, "epoch: 2\n");
    shop.ok("import", &arguments);
    tables::assert_says(&expected, &shop);
}

#[test]
fn a_rebuild_goes_on_under_its_own_rules_or_begins_afresh() {
    if !has_engine("a_rebuild_goes_on_under_its_own_rules_or_begins_afresh") {
        return;
    }
    let (shop, arguments, expected) = before_and_expected("world");
    reconfigure(&shop, "rules:\n  gap_seconds: 60\n");
    let mut job = shop.command("rebuild").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let log = shop.data().join("log/touchpoints-e2.redb");
    crumbtrail_tests::deployment::wait_until(Duration::from_secs(60), || log.exists());
    job.kill().unwrap();
    job.wait().unwrap();
    let config = std::fs::read_to_string(shop.config()).unwrap();
    std::fs::write(shop.config(), config.replace("rules:\n  gap_seconds: 60\n", OTHER_RULES)).unwrap();
    let error = shop.fails("rebuild", [] as [&str; 0]);
    assert!(error.contains("another configuration") && error.contains("--afresh"), "{error}");
    shop.ok("rebuild", ["--afresh"]);
    tables::assert_says(&expected, &shop);

    // And back: the old tables are there as they were, and their epoch goes on.
    let config = std::fs::read_to_string(shop.config()).unwrap();
    std::fs::write(shop.config(), config.replace(OTHER_RULES, "")).unwrap();
    shop.ok("migrate", ["--show"]);
    let said = shop.ok("import", &arguments);
    assert!(said.contains("imported before, unchanged"), "{said}");
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}
