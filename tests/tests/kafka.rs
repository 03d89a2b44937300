//! A real broker with an independent producer: what is read right, what pauses, how members share and take over.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crumbtrail_log::control::{Control, GoBack};
use crumbtrail_log::kafka::{KafkaLog, KafkaSettings, admin};
use crumbtrail_log::{Log, OriginId, PartitionId, Position};
use crumbtrail_tests::clients::Producing;
use crumbtrail_tests::deployment::wait_until;
use crumbtrail_tests::registry::{Registry, free_address};
use crumbtrail_tests::{Broker, Deployment, Member, has_engine, python_client, tables};
use serde_json::Value;

/// Configuration on a broker: our logs in Kafka too.
fn config(broker: &Broker, registry: &str, sources: &str) -> String {
    format!(
        "log:\n  home: kafka\n  partitions: 3\n  replication_factor: 1\nkafka:\n  bootstrap_servers: {}\n  client:\n    \
         session.timeout.ms: \"6000\"\n    topic.metadata.refresh.interval.ms: \"1000\"\nregistry:\n  url: \"{registry}\"\nsources:\n{sources}",
        broker.address
    )
}

const AVRO_CLICKS: &str = "  - topic: clicks\n    format: avro\n    site: shop\n";
const JSON_CLICKS: &str = "  - topic: clicks-json\n    site: shop\n";
const OTHERS: &str = "  - topic: clicks-segment\n    format: segment\n    site: shop\n  - topic: support\n    kind: support\n    \
                      format: avro\n    site: shop\n";

/// `topic outcome → records` as the producer planted them, or as the tables have them.
type Tally = BTreeMap<(String, String), u64>;

fn planted(sent: &Value) -> Tally {
    let topics = sent.as_object().unwrap().iter();
    let tally = topics.flat_map(|(topic, counts)| {
        let counts = counts.as_object().unwrap().iter();
        counts.map(|(what, count)| ((topic.clone(), what.clone()), count.as_u64().unwrap()))
    });
    tally.collect()
}

fn found(shop: &Deployment, statement: &str) -> Tally {
    let row = |line: &str| {
        let [topic, what, count]: [&str; 3] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        ((topic.to_owned(), what.to_owned()), count.parse().unwrap())
    };
    shop.sql(statement).lines().map(row).collect()
}

const OUTCOMES: &str = "SELECT topic, outcome, count() FROM touchpoints GROUP BY ALL";
const DEAD: &str = "SELECT topic, reason, count() FROM dead_letters GROUP BY ALL";

#[test]
fn the_official_python_client_is_read_right() {
    let test = "the_official_python_client_is_read_right";
    let Some(python) = python_client(test).filter(|_| has_engine(test)) else { return };
    let Some(broker) = Broker::start(test) else { return };
    let registry = Registry::start();
    let sent = Producing::start(&python, &[&broker.address, &registry.url, "mixed"]).sent();
    let sources = [AVRO_CLICKS, JSON_CLICKS, OTHERS].concat();
    let mut shop = Deployment::new(&config(&broker, &registry.url, &sources));
    shop.ok("run", ["all", "--until-idle"]);
    shop.start_engine();
    assert_eq!(found(&shop, OUTCOMES), planted(&sent["outcomes"]));
    assert_eq!(found(&shop, DEAD), planted(&sent["dead"]));
    assert_eq!(shop.number("SELECT count() FROM sessions") as u64, sent["sessions"].as_u64().unwrap());
    assert_eq!(shop.number("SELECT count() FROM conversations"), 15);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
    // Nothing new: it ends by itself, and changes nothing.
    let before = tables::VIEWS.map(|view| tables::business(&shop, view));
    shop.ok("run", ["all", "--until-idle"]);
    for (view, before) in tables::VIEWS.into_iter().zip(before) {
        assert_eq!(tables::business(&shop, view), before, "{view}");
    }
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

#[test]
fn a_registry_that_is_down_pauses_and_makes_no_dead_letters() {
    let test = "a_registry_that_is_down_pauses_and_makes_no_dead_letters";
    let Some(python) = python_client(test).filter(|_| has_engine(test)) else { return };
    let Some(broker) = Broker::start(test) else { return };
    let (registry, door, metrics) = (Registry::start(), free_address(), free_address());
    let sent = Producing::start(&python, &[&broker.address, &registry.url, "avro", "2000"]).sent();
    let config = config(&broker, &format!("http://{door}"), AVRO_CLICKS);
    let mut shop = Deployment::with_metrics_at(&metrics.to_string(), &config);
    shop.start_engine();
    let job = Member::start(&shop, "only");
    wait_until(Duration::from_secs(60), || is_paused(metrics));
    // Never tells that it goes on while it does not.
    for _ in 0..30 {
        std::thread::sleep(Duration::from_millis(100));
        assert!(is_paused(metrics));
    }
    assert_eq!(shop.number("SELECT count() FROM dead_letters"), 0);
    assert_eq!(shop.number("SELECT count() FROM touchpoints"), 0);
    registry.open_at(door);
    wait_until(Duration::from_secs(90), || shop.number("SELECT count() FROM touchpoints") == 2_000);
    assert!(!is_paused(metrics));
    job.drain();
    assert_eq!(found(&shop, OUTCOMES), planted(&sent["outcomes"]));
    assert_eq!(shop.number("SELECT count() FROM dead_letters"), 0);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

#[test]
fn two_members_share_the_partitions() {
    let test = "two_members_share_the_partitions";
    let Some(python) = python_client(test).filter(|_| has_engine(test)) else { return };
    let Some(broker) = Broker::start(test) else { return };
    let _ = Producing::start(&python, &[&broker.address, "-", "topics"]).sent();
    let mut shop = Deployment::new(&config(&broker, "", JSON_CLICKS));
    shop.start_engine();
    let (one, other) = (Member::start(&shop, "one"), Member::start(&shop, "other"));
    let producing = Producing::start(&python, &[&broker.address, "-", "steady", "30000", "20"]);
    // Both make topics and tables at the same moment; which of them comes first is theirs to settle.
    let counted = || {
        let out = shop.run("sql", ["SELECT count() FROM touchpoints", "--format", "TSV"]);
        String::from_utf8_lossy(&out.stdout).trim().parse().unwrap_or(0)
    };
    wait_until(Duration::from_secs(60), || counted() > 5_000);
    one.kill();
    let sent = producing.sent();
    wait_until(Duration::from_secs(120), || counted() >= 30_000);
    other.drain();
    shop.ok("run", ["all", "--until-idle"]);
    assert_eq!(found(&shop, OUTCOMES), planted(&sent["outcomes"]));
    assert_eq!(shop.number("SELECT count() FROM sessions") as u64, sent["sessions"].as_u64().unwrap());
    assert_eq!(shop.number("SELECT sum(event_count) FROM sessions"), 30_000);
    assert_eq!(shop.number("SELECT count() FROM dead_letters"), 0);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

#[test]
fn an_import_beside_a_running_member_ends_with_a_right_balance() {
    let test = "an_import_beside_a_running_member_ends_with_a_right_balance";
    let Some(python) = python_client(test).filter(|_| has_engine(test)) else { return };
    let Some(broker) = Broker::start(test) else { return };
    let _ = Producing::start(&python, &[&broker.address, "-", "topics"]).sent();
    let mut shop = Deployment::new(&config(&broker, "", JSON_CLICKS));
    shop.start_engine();
    let member = Member::start(&shop, "member");
    let sent = Producing::start(&python, &[&broker.address, "-", "steady", "300", "1"]).sent();
    let counted = || {
        let out = shop.run("sql", ["SELECT count() FROM touchpoints", "--format", "TSV"]);
        String::from_utf8_lossy(&out.stdout).trim().parse().unwrap_or(0)
    };
    wait_until(Duration::from_secs(60), || counted() == 300);
    // Of the last seconds, as the member's are: event time has not gone past them.
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let line = |n: usize| {
        let at = now_ms - 20_000 + n as i64 * 10;
        format!("{{\"event_id\":\"i{n}\",\"visitor\":\"v{}\",\"occurred_at\":{at},\"name\":\"page_view\"}}\n", n % 50)
    };
    let file = shop.write("clicks.jsonl", (0..2_000).map(line).collect::<String>());
    // The second time there is nothing new in it.
    for (new, known) in [(2_000, 0), (0, 2_000)] {
        let mut import = shop.command("import");
        import.args(["--keep-open", "--format", "native"]).arg(&file).env("CRUMBTRAIL_KAFKA_INSTANCE", "importer");
        let mut job = import.stdout(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        while job.try_wait().unwrap().is_none() {
            if begun.elapsed() > Duration::from_secs(60) {
                job.kill().unwrap();
                panic!("the import does not end");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let ended = job.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success(), "{said}");
        assert!(said.contains("balance    read = counted + each named outcome + known"), "{said}");
        for (what, records) in [("read", 2_000), ("counted", new), ("known", known)] {
            assert!(records == 0 || said.contains(&format!("{what:<10} {records:>10}")), "{said}");
        }
    }
    member.drain();
    assert_eq!(shop.number("SELECT count() FROM touchpoints WHERE outcome = 'counted'"), 2_300);
    assert_eq!(sent["outcomes"]["clicks-json"]["counted"].as_u64(), Some(300));
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

#[test]
fn a_rebuild_is_refused_beside_another_and_ends_when_told_to_while_it_waits() {
    let test = "a_rebuild_is_refused_beside_another_and_ends_when_told_to_while_it_waits";
    let Some(python) = python_client(test).filter(|_| has_engine(test)) else { return };
    let Some(broker) = Broker::start(test) else { return };
    let _ = Producing::start(&python, &[&broker.address, "-", "topics"]).sent();
    let _ = Producing::start(&python, &[&broker.address, "-", "steady", "600", "1"]).sent();
    let mut shop = Deployment::new(&config(&broker, "", JSON_CLICKS));
    shop.start_engine();
    shop.ok("run", ["all", "--until-idle"]);
    let rebuild = |instance: &str| {
        let mut command = shop.command("rebuild");
        command.env("CRUMBTRAIL_KAFKA_INSTANCE", instance).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut one = rebuild("one");
    // Somebody of its group who never gets on.
    let (mut settings, stop) = (KafkaSettings::new(broker.address.clone()), Arc::new(AtomicBool::new(false)));
    settings.client.insert("session.timeout.ms".to_owned(), "6000".to_owned());
    let topic = "crumbtrail.touchpoints-e2";
    wait_until(Duration::from_secs(60), || matches!(admin::describe(&settings, topic), Ok(Some(_))));
    std::thread::sleep(Duration::from_secs(1));
    let idler = std::thread::spawn({
        let (log, stop) = (KafkaLog::open(settings, topic, 3).unwrap(), stop.clone());
        move || {
            let (group, instance) = ("crumbtrail-sessionize-e2", "idle-sessionize-0".to_owned());
            let mut idle = log.subscribe(crumbtrail_log::Member { group, index: 0, count: 1, instance }).unwrap();
            while !stop.load(Ordering::Relaxed) {
                let _ = idle.next(Duration::from_millis(100));
            }
        }
    });
    // Longer than it waits for more of the old log.
    std::thread::sleep(Duration::from_secs(20));
    let mut other = rebuild("two");
    wait_until(Duration::from_secs(30), || other.try_wait().unwrap().is_some());
    let said = other.wait_with_output().unwrap();
    assert_eq!(said.status.code(), Some(1));
    let said = String::from_utf8_lossy(&said.stderr);
    assert!(said.contains("another process makes epoch 2 (") && said.contains("run this again"), "{said}");

    assert!(one.try_wait().unwrap().is_none(), "it waits for what the idle one holds");
    assert!(std::process::Command::new("kill").arg(one.id().to_string()).status().unwrap().success());
    wait_until(Duration::from_secs(20), || one.try_wait().unwrap().is_some());
    assert_eq!(one.wait().unwrap().code(), Some(130));
    stop.store(true, Ordering::Relaxed);
    idler.join().unwrap();
    wait_until(Duration::from_secs(30), || {
        let settings = KafkaSettings::new(broker.address.clone());
        admin::members(&settings, "crumbtrail-sessionize-e2").is_ok_and(|members| members.is_empty())
    });
    shop.ok("rebuild", [""; 0]);
    assert_eq!(shop.number("SELECT count() FROM touchpoints"), 600);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

#[test]
fn both_writers_go_back_when_asked_in_full_flow_and_source_partitions_are_added() {
    let test = "both_writers_go_back_when_asked_in_full_flow_and_source_partitions_are_added";
    let Some(python) = python_client(test).filter(|_| has_engine(test)) else { return };
    let Some(broker) = Broker::start(test) else { return };
    let _ = Producing::start(&python, &[&broker.address, "-", "topics"]).sent();
    let metrics = free_address();
    let mut shop = Deployment::with_metrics_at(&metrics.to_string(), &config(&broker, "", JSON_CLICKS));
    shop.start_engine();
    let member = Member::start(&shop, "only");
    let producing = Producing::start(&python, &[&broker.address, "-", "steady", "30000", "20"]);
    let went_back = |processor: &str| {
        let name = format!("crumbtrail_writer_go_backs_total{{processor=\"{processor}\"}} ");
        scrape(metrics).lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
    };
    let counted = || {
        let out = shop.run("sql", ["SELECT count() FROM touchpoints", "--format", "TSV"]);
        String::from_utf8_lossy(&out.stdout).trim().parse().unwrap_or(0)
    };
    wait_until(Duration::from_secs(60), || counted() > 2_000);
    // Source partitions are added, and filled before anybody has heard of them.
    let _ = Producing::start(&python, &[&broker.address, "-", "grow", "9"]).sent();
    let more = Producing::start(&python, &[&broker.address, "-", "steady", "3000", "1", "30000"]).sent();
    let settings = KafkaSettings::new(broker.address.clone());
    let control = KafkaLog::open(settings, "crumbtrail.control-e1", 1).unwrap();
    for round in 1..4 {
        for (log, origin) in [
            ("crumbtrail.touchpoints-e1", "kafka:clicks-json/0"),
            ("crumbtrail.touchpoints-e1", "kafka:clicks-json/1"),
            ("crumbtrail.people-e1", "log:crumbtrail.touchpoints-e1/0"),
            ("crumbtrail.people-e1", "log:crumbtrail.touchpoints-e1/1"),
        ] {
            let (partition, position) = (PartitionId(0), Position { offset: 2, seq: 1 });
            let ask = GoBack { log: log.to_owned(), partition, origin: OriginId::of(origin), position };
            control.append(PartitionId(0), Control::GoBack(ask).encode()).unwrap();
        }
        control.flush(Duration::from_secs(60)).unwrap();
        wait_until(Duration::from_secs(60), || {
            went_back("intake") >= 2 * round && went_back("sessionize") >= 2 * round
        });
    }
    let sent = producing.sent();
    wait_until(Duration::from_secs(120), || counted() >= 33_000);
    assert_eq!(scrape(metrics).lines().find(|line| line.starts_with("crumbtrail_step_gaps_total")), None);
    member.drain();
    shop.ok("run", ["all", "--until-idle"]);
    let mut all = planted(&sent["outcomes"]);
    planted(&more["outcomes"]).into_iter().for_each(|(what, count)| *all.entry(what).or_default() += count);
    assert_eq!(found(&shop, OUTCOMES), all);
    assert_eq!(shop.number("SELECT uniqExact(partition) FROM touchpoints"), 9);
    assert_eq!(shop.number("SELECT count() FROM sessions") as u64, sent["sessions"].as_u64().unwrap());
    assert_eq!(shop.number("SELECT sum(event_count) FROM sessions"), 33_000);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
    our_log_is_given_partitions(&shop, metrics, &python, &broker);
    assert_eq!(found(&shop, OUTCOMES), all);
    assert_eq!(shop.number("SELECT sum(event_count) FROM sessions"), 33_000);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

/// Somebody gives our own topic more partitions while it is in use: refused, and the way out that is told is one.
fn our_log_is_given_partitions(shop: &Deployment, metrics: SocketAddr, python: &Path, broker: &Broker) {
    let mut member = shop.command("run");
    let member = member.arg("all").env("CRUMBTRAIL_KAFKA_INSTANCE", "one").stdout(Stdio::null()).stderr(Stdio::piped());
    let member = member.spawn().unwrap();
    let lag = "crumbtrail_step_lag_seconds{";
    wait_until(Duration::from_secs(60), || scrape(metrics).lines().filter(|line| line.starts_with(lag)).count() == 6);
    let _ = Producing::start(python, &[&broker.address, "-", "grow", "4", "crumbtrail.touchpoints-e1"]).sent();
    let out = member.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    let told = "leave `log.partitions: 3` as it is, and run `crumbtrail rebuild`";
    assert!(!out.status.success() && said.contains(told), "{said}");
    let said = shop.fails("run", ["all", "--until-idle"]);
    assert!(said.contains("4 partitions, 3 are configured") && said.contains("`crumbtrail rebuild`"), "{said}");
    let said = shop.run("check", [""; 0]).stdout;
    assert!(String::from_utf8_lossy(&said).contains("leave `log.partitions` as it is"), "{said:?}");
    shop.ok("rebuild", [""; 0]);
    shop.with_config("log:\n  home", "epoch: 2\nlog:\n  home");
    shop.ok("run", ["all", "--until-idle"]);
}

fn is_paused(metrics: SocketAddr) -> bool {
    scrape(metrics).lines().any(|line| line == "crumbtrail_intake_paused{why=\"registry\"} 1")
}

/// The metrics as text; empty if nobody answers.
fn scrape(metrics: SocketAddr) -> String {
    let mut text = String::new();
    let Ok(mut stream) = TcpStream::connect(metrics) else { return text };
    let asked = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let answered = asked.and_then(|()| stream.read_to_string(&mut text));
    answered.map_or_else(|_| String::new(), |_| text)
}

#[test]
fn a_gap_is_accepted_when_told_and_a_topic_made_anew_is_another() {
    let test = "a_gap_is_accepted_when_told_and_a_topic_made_anew_is_another";
    let Some(python) = python_client(test).filter(|_| has_engine(test)) else { return };
    let Some(broker) = Broker::start(test) else { return };
    let produce = |arguments: &[&str]| {
        let _ = Producing::start(&python, &[&[broker.address.as_str(), "-"], arguments].concat()).sent();
    };
    produce(&["topics"]);
    produce(&["steady", "300", "1"]);
    let mut shop = Deployment::new(&config(&broker, "", JSON_CLICKS));
    shop.start_engine();
    let counted = || shop.number("SELECT count() FROM touchpoints WHERE outcome = 'counted'");
    shop.ok("run", ["all", "--until-idle"]);
    assert_eq!(counted(), 300);
    // Retention outruns us: a hundred records are gone before they were read.
    produce(&["steady", "100", "1", "300"]);
    produce(&["trim", "clicks-json", "6", "0"]);
    produce(&["steady", "50", "1", "400"]);
    let checked = || String::from_utf8_lossy(&shop.run("check", [""; 0]).stdout).into_owned();
    let said = checked();
    let told = said.split_once("MEND  source clicks-json: ").unwrap_or_else(|| panic!("{said}")).1;
    assert!(told.contains(" is to be read next: ") && told.contains("`crumbtrail run --accept-gap`"), "{said}");
    let said = shop.fails("run", ["all", "--until-idle"]);
    assert!(said.contains("--accept-gap"), "{said}");
    shop.ok("run", ["all", "--until-idle", "--accept-gap"]);
    assert_eq!(counted(), 350);
    let lost =
        "SELECT sum(toUInt64(extract(detail, ': (\\d+), accepted'))) FROM dead_letters WHERE reason = 'accepted_gap'";
    assert_eq!(shop.number(lost), 100);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
    assert!(checked().contains("ok    source clicks-json: 6 partitions"), "{}", checked());
    // Somebody makes the topic anew.
    produce(&["anew"]);
    produce(&["steady", "30", "1", "500"]);
    let said = checked();
    let told = said.split_once("MEND  source clicks-json: ").unwrap_or_else(|| panic!("{said}")).1;
    assert!(told.contains("raise its `incarnation` (`sources`) by one"), "{said}");
    let said = shop.fails("run", ["all", "--until-idle", "--accept-gap"]);
    assert!(said.contains("incarnation"), "{said}");
    let text = std::fs::read_to_string(shop.config()).unwrap();
    std::fs::write(shop.config(), text.replace("- topic: clicks-json\n", "- topic: clicks-json\n    incarnation: 2\n"))
        .unwrap();
    shop.ok("run", ["all", "--until-idle"]);
    assert_eq!(counted(), 380);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
    // And again, and it has grown beyond where we stood.
    produce(&["anew"]);
    produce(&["steady", "200", "1", "2000"]);
    let said = shop.fails("run", ["all", "--until-idle"]);
    assert!(said.contains("stands another record than was read there") && said.contains("incarnation"), "{said}");
    assert_eq!(counted(), 380);
    shop.with_config("incarnation: 2", "incarnation: 3");
    shop.ok("run", ["all", "--until-idle"]);
    assert_eq!(counted(), 580);
    // The only topic is not there, or not any more: what is to be done is told.
    shop.with_config("  - topic: clicks-json\n", "  - topic: clicks-gone\n");
    let said = shop.fails("run", ["all", "--until-idle"]);
    assert!(said.contains("topic clicks-gone: does not exist") && said.contains("`incarnation`"), "{said}");
    shop.with_config("  - topic: clicks-gone\n", "  - topic: clicks-json\n");
    // Our own log forgets its begin, and the snapshots are lost.
    produce(&["trim", "crumbtrail.touchpoints-e1", "3", "1"]);
    std::fs::remove_dir_all(shop.data().join("snapshots")).unwrap();
    produce(&["steady", "40", "1", "600"]);
    let said = shop.fails("run", ["all", "--until-idle"]);
    assert!(said.contains("none reaches there") && said.contains("--accept-gap"), "{said}");
    shop.ok("run", ["all", "--until-idle", "--accept-gap"]);
    shop.ok("run", ["all", "--until-idle"]);
    assert_eq!(counted(), 620);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
    let adopted =
        "SELECT count() FROM dead_letters WHERE reason = 'accepted_gap' AND topic = 'crumbtrail.touchpoints-e1'";
    assert_eq!(shop.number(adopted), 3);
}
