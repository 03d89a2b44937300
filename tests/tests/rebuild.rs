//! Tables computed anew under a new epoch: they say what a run from scratch says, and the old ones serve until then.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crumbtrail_log::local::LocalLog;
use crumbtrail_log::{Log as _, Offset, PartitionId};
use crumbtrail_tests::{Broker, Deployment, Member, has_engine, tables, world};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Rules under which fewer and longer sessions are cut.
const OTHER_RULES: &str = "log:\n  partitions: 3\nrules:\n  gap_seconds: 5400\n  conversation_gap_seconds: 172800\n";

fn reconfigure(shop: &Deployment, more: &str) {
    let config = std::fs::read_to_string(shop.config()).unwrap();
    std::fs::write(shop.config(), config + more).unwrap();
}

/// Sums of all views' rows, by one question.
fn sums(shop: &Deployment) -> String {
    let of = |view: &&str| format!("SELECT '{view}', count(), groupBitXor(cityHash64(*)) FROM {view}");
    let all = tables::VIEWS.iter().map(of).collect::<Vec<_>>().join(" UNION ALL ");
    shop.sql(&format!("SELECT * FROM ({all}) ORDER BY ALL"))
}

/// A file of customers under two ids, whom only an alias makes one: every partition has to know of it. Before the world begins.
fn aliases(shop: &Deployment) -> String {
    let click = |n: u64, visitor: char, minute: u64, name: &str, customer: char, more: &str| {
        let at = 1_748_700_000_000 + minute * 60_000;
        format!(
            "{{\"event_id\":\"{name}{visitor}{n}\",\"visitor\":\"{visitor}{n}\",\"occurred_at\":{at},\"name\":\"{name}\",\
             \"customer\":\"{customer}{n}\"{more}}}\n"
        )
    };
    let lines = (0..24).map(|n| {
        click(n, 'a', n, "login", 'o', "")
            + &click(n, 'a', n + 1, "purchase", 'o', "")
            + &click(n, 'b', n + 2, "login", 'n', &format!(",\"previous_customer\":\"o{n}\""))
    });
    shop.write("aliases.jsonl", lines.collect::<String>()).display().to_string()
}

/// A deployment with a world under the rules of before, and what a run from scratch says under the others.
fn before_and_expected(folder: &str) -> (Deployment, Vec<String>, Vec<Vec<String>>) {
    let mut scratch = Deployment::new(OTHER_RULES);
    let files = scratch.path(folder);
    world::make(&files, "0.05", &[]);
    let mut arguments = world::import_arguments(&files);
    arguments.insert(2, aliases(&scratch));
    scratch.ok("import", &arguments);
    scratch.start_engine();
    let expected = tables::all(&scratch);
    let merged = scratch.number("SELECT count() FROM merged_customers WHERE customer LIKE 'o%'");
    assert_eq!(merged, 24);
    let mut shop = Deployment::new("");
    let files = shop.path(folder);
    world::make(&files, "0.05", &[]);
    let mut arguments = world::import_arguments(&files);
    arguments.insert(2, aliases(&shop));
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
    let error = shop.fails("import", &arguments);
    assert!(error.contains("log.partitions was 4, is 3") && error.contains("crumbtrail rebuild"), "{error}");
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
    for never in ["1", "77"] {
        let error = shop.fails("rebuild", ["--drop-epoch", never]);
        assert!(error.contains(&format!("there is no epoch {never}")), "{error}");
    }
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
    let before = sums(&shop);
    reconfigure(&shop, OTHER_RULES);
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // Later and later, until it comes to its end.
    let (mut killed, mut moment) = (Vec::new(), Duration::from_millis(100));
    while shop.sql("SELECT DISTINCT epoch FROM batches") == "1\n" {
        assert_eq!(sums(&shop), before, "killed after {killed:?}");
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
        moment = moment.mul_f64(random.random_range(1.2..1.8));
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

/// A moment at which some are in the middle of a session, and others have left a cart that is not abandoned yet, as `--since` takes it.
fn amidst(shop: &Deployment) -> String {
    let sql = "SELECT formatDateTime(started_at + INTERVAL 1 SECOND, '%FT%TZ') FROM sessions, breadcrumbs WHERE duration_ms > 600000 \
               AND last_at < started_at AND true_at > started_at + INTERVAL 1 MINUTE \
               ORDER BY abs(started_at - (SELECT quantileExact(0.5)(started_at) FROM sessions)) LIMIT 1";
    shop.sql(sql).trim().to_owned()
}

#[test]
fn what_lies_wholly_before_is_taken_over_and_the_rest_computed_anew() {
    if !has_engine("what_lies_wholly_before_is_taken_over_and_the_rest_computed_anew") {
        return;
    }
    let mut shop = Deployment::new("");
    let files = shop.path("world");
    world::make(&files, "0.05", &[]);
    let arguments = world::import_arguments(&files);
    shop.ok("import", &arguments);
    shop.start_engine();
    let whole = ["touchpoints", "sessions", "conversations", "dead_letters"];
    let before = whole.map(|view| tables::business(&shop, view));
    let since = amidst(&shop);
    let moment = format!("parseDateTimeBestEffort('{since}')");
    let settled = format!("SELECT * FROM journeys WHERE last_at < {moment} ORDER BY ALL");
    let settled_before = shop.sql(&settled);
    let carts = || shop.sql("SELECT visitor, last_at, true_at FROM breadcrumbs ORDER BY ALL");
    let carts_before = carts();
    assert!(
        shop.number(&format!("SELECT count() FROM sessions WHERE started_at < {moment} AND ended_at >= {moment}")) > 0
    );

    let said = shop.ok("rebuild", ["--dry-run", "--since", &since]);
    assert!(said.contains("rows wholly before it are taken over"), "{said}");
    let said = shop.ok("rebuild", ["--since", &since]);
    assert!(said.contains("rows of sessions"), "{said}");
    assert_eq!(whole.map(|view| tables::business(&shop, view)), before, "under the same rules the seam is not seen");
    assert_eq!(shop.sql(&settled), settled_before);
    assert_eq!(carts(), carts_before);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
    let anew = shop.number("SELECT count() FROM touchpoints WHERE log_epoch = 2");
    assert!(anew > 0 && anew < before[0].len() as i64, "{anew}");
    reconfigure(&shop, "epoch: 2\n");
    shop.ok("import", &arguments);
    assert_eq!(whole.map(|view| tables::business(&shop, view)), before);

    // A log that has forgotten its begin.
    let log = LocalLog::open(&shop.data().join("log"), "touchpoints-e2", 4).unwrap();
    for partition in (0..4).map(PartitionId) {
        let end = log.bounds(partition).unwrap().1.0;
        log.trim(partition, Offset(end / 2)).unwrap();
    }
    drop(log);
    let error = shop.fails("rebuild", [] as [&str; 0]);
    assert!(error.contains("has forgotten its begin") && error.contains("--since"), "{error}");
    let error = shop.fails("rebuild", ["--since", &since]);
    assert!(error.contains("in touchpoints-e2 no more"), "{error}");
    let earliest = error.rsplit(' ').next().unwrap().trim().to_owned();
    shop.ok("rebuild", ["--since", &earliest]);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
    assert_eq!(tables::business(&shop, "touchpoints"), before[0]);
    assert_eq!(tables::business(&shop, "dead_letters"), before[3]);
    let lost = before[1].len() as i64 - shop.number("SELECT count() FROM sessions");
    assert!((0..5).contains(&lost), "{lost} sessions of what reaches over it were cut off");
    shop.ok("rebuild", ["--drop-epoch", "1"]);
}

/// Nothing in the log, nor in touchpoints, tells of what an earlier rebuild has taken over.
#[test]
fn what_an_earlier_rebuild_took_over_is_not_left_behind_by_the_next() {
    if !has_engine("what_an_earlier_rebuild_took_over_is_not_left_behind_by_the_next") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.with_config("listen: 127.0.0.1:0", "listen: 127.0.0.1:0\n  touchpoints: false");
    shop.start_engine();
    // The first of June, and of July.
    let click = |visitor: &str, at: i64| {
        format!(
            "{{\"event_id\":\"{visitor}\",\"visitor\":\"{visitor}\",\"occurred_at\":{at},\"name\":\"page_view\"}}\n"
        )
    };
    let clicks = click("a", 1_748_736_000_000) + "no click\n" + &click("b", 1_751_328_000_000);
    let file = shop.write("clicks.jsonl", clicks);
    shop.ok("import", ["--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    let all = || ["sessions", "journeys", "dead_letters"].map(|view| tables::business(&shop, view));
    let before = all();
    assert_eq!(before.each_ref().map(Vec::len), [2, 2, 1]);
    shop.ok("rebuild", ["--since", "2025-06-15T00:00:00Z"]);
    assert_eq!(all(), before);
    reconfigure(&shop, "epoch: 2\n");
    let refused = shop.fails("rebuild", ["--since", "2025-05-15T00:00:00Z"]);
    assert!(refused.contains("taken over by an earlier rebuild"), "{refused}");
    let earliest = refused.rsplit(' ').next().unwrap().trim().to_owned();
    let refused = shop.fails("rebuild", [""; 0]);
    assert!(refused.contains("give --since TIME here, too"), "{refused}");
    shop.ok("rebuild", ["--since", &earliest]);
    assert_eq!(all(), before);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

#[test]
fn who_became_a_customer_since_then_keeps_what_stays_their_own() {
    if !has_engine("who_became_a_customer_since_then_keeps_what_stays_their_own") {
        return;
    }
    let mut shop = Deployment::new("");
    let click = |id: &str, visitor: &str, minute: i64, more: &str| {
        let at = 1_750_000_000_000 + minute * 60_000;
        let site = r#""site":"shop","name":"page_view""#;
        format!("{{\"event_id\":\"{id}\",\"visitor\":\"{visitor}\",\"occurred_at\":{at},{site}{more}}}\n")
    };
    const DAY: i64 = 24 * 60;
    // Long before, then since, as nobody's; enough of others for a tick; then theirs. The first is older than what joins them.
    let mut clicks = click("a", "v", 0, "") + &click("b", "v", 55 * DAY, "");
    clicks.extend((0..40_000).map(|n| click(&format!("f{n}"), &format!("w{}", n / 50), 55 * DAY + 1 + n / 1_000, "")));
    clicks.push_str(&click("c", "v", 55 * DAY + 60, r#","customer":"c""#));
    let file = shop.write("clicks.jsonl", clicks);
    shop.ok("import", ["--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    shop.start_engine();
    let told = || {
        let theirs = "visitor = 'v' OR customer = 'c'";
        let journeys = format!(
            "SELECT visitor, customer, first_at, last_at, touchpoint_count, stage FROM journeys WHERE {theirs} ORDER BY ALL"
        );
        let moves = format!(
            "SELECT from_stage, to_stage, moved_at FROM stage_moves WHERE person IN (SELECT person FROM journeys WHERE {theirs}) ORDER BY ALL"
        );
        (shop.sql(&journeys), shop.sql(&moves))
    };
    let before = told();
    assert_eq!(before.0.lines().count(), 2, "{}", before.0);
    shop.ok("rebuild", ["--since", "2025-08-05T00:00:00Z"]);
    assert_eq!(told(), before);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

#[test]
fn on_kafka_the_old_processors_go_on_until_it_has_caught_up() {
    let test = "on_kafka_the_old_processors_go_on_until_it_has_caught_up";
    if !has_engine(test) {
        return;
    }
    let Some(broker) = Broker::start(test) else { return };
    let config = |prefix: &str, partitions: u32, more: &str| {
        format!(
            "log:\n  home: kafka\n  partitions: {partitions}\n  replication_factor: 1\n  topic_prefix: {prefix}\nkafka:\n  \
             bootstrap_servers: {}\n  client:\n    session.timeout.ms: \"6000\"\nsources:\n  - topic: clicks\n    site: shop\n  \
             - topic: support\n    kind: support\n    site: shop\n{more}",
            broker.address
        )
    };
    let rules = "rules:\n  gap_seconds: 5400\n";
    let mut scratch = Deployment::new(&config("scratch", 2, rules));
    world::make(&scratch.path("world"), "0.05", &["--kafka", &broker.address]);
    scratch.start_engine();
    scratch.ok("run", ["all", "--until-idle"]);
    let expected = tables::all(&scratch);

    let mut shop = Deployment::new(&config("shop", 3, ""));
    shop.start_engine();
    let member = Member::start(&shop, "a");
    let counted = || shop.run("sql", ["SELECT count() FROM touchpoints", "--format", "TSV"]);
    let all = format!("{}\n", expected[0].len()).into_bytes();
    crumbtrail_tests::deployment::wait_until(Duration::from_secs(120), || counted().stdout == all);
    let text = std::fs::read_to_string(shop.config()).unwrap();
    std::fs::write(shop.config(), text.replace("partitions: 3", "partitions: 2") + rules).unwrap();
    let mut job = shop.command("rebuild").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(job.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("caught up") && line.contains("stop its processors")));
    member.drain();
    let said: Vec<String> = lines.collect();
    assert!(job.wait().unwrap().success(), "{said:?}");
    tables::assert_says(&expected, &shop);
    reconfigure(&shop, "epoch: 2\n");
    shop.ok("run", ["all", "--until-idle"]);
    tables::assert_says(&expected, &shop);
}
