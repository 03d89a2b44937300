//! `crumbtrail check`: of everything that can be wrong one line that says what, and one that says how to mend it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crumbtrail_tests::registry::free_address;
use crumbtrail_tests::{Broker, Deployment, Registry, has_engine};
use crumbtrail_warehouse::{Client, Endpoint};

/// What `check` says, with whether all is well; each fault must be followed by how to mend it.
#[track_caller]
fn check(shop: &Deployment) -> (bool, String) {
    let out = shop.run("check", [""; 0]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let lines: Vec<&str> = said.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let how = lines.get(at + 1).and_then(|next| next.strip_prefix("      how: "));
        match line.get(..6) {
            Some("MEND  ") => assert!(how.is_some_and(|how| how.len() > 20), "how? {line}\n{said}"),
            Some("ok    " | "      ") => {}
            _ => assert_eq!(at + 1, lines.len(), "{said}"),
        }
    }
    let faults = lines.iter().filter(|line| line.starts_with("MEND")).count();
    let expected = if faults == 0 { (Some(0), "all well".to_owned()) } else { (Some(4), format!("{faults} to mend")) };
    assert_eq!((out.status.code(), lines[lines.len() - 1].to_owned()), expected, "{said}");
    (faults == 0, said)
}

/// How to mend the fault that begins so.
#[track_caller]
fn how<'a>(said: &'a str, fault: &str) -> &'a str {
    let (_, after) =
        said.split_once(&format!("MEND  {fault}")).unwrap_or_else(|| panic!("no such fault: {fault}\n{said}"));
    after.lines().nth(1).unwrap().trim_start()
}

fn execute(shop: &Deployment, statement: &str) {
    let (url, user, password) = shop.engine_access();
    let client = Client::new(&Endpoint { user, password, ..Endpoint::new(url) }).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(client.execute(statement)).unwrap();
}

/// Answers every request so, from now on.
fn answering(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut caller in listener.incoming().flatten() {
            let _ = caller.read(&mut [0; 4096]);
            let _ = write!(caller, "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
        }
    });
    url
}

#[test]
fn what_is_wrong_with_tables_and_logs_is_told_with_how_to_mend_it() {
    if !has_engine("what_is_wrong_with_tables_and_logs_is_told_with_how_to_mend_it") {
        return;
    }
    let mut shop = Deployment::new("log:\n  partitions: 2\n");
    shop.start_engine();
    let (_, said) = check(&shop);
    assert!(said.contains("\n1 to mend\n"), "{said}");
    assert!(
        how(&said, "tables: there are no tables of epoch 1 in the database")
            .contains("`crumbtrail migrate` makes them")
    );

    // To look fixes nothing: the first start may have other rules.
    shop.with_config("partitions: 2", "partitions: 3");
    shop.ok("migrate", [""; 0]);
    let (is_well, said) = check(&shop);
    assert!(is_well && said.contains("log touchpoints-e1: not there yet"), "{said}");
    let file = shop.write("none.jsonl", "{}\n");
    shop.ok("import", ["--format", "native", file.to_str().unwrap()]);
    let (is_well, said) = check(&shop);
    assert!(is_well && said.contains("log touchpoints-e1: 3 partitions"), "{said}");

    // A configuration of before.
    shop.with_config("log:\n", "generation: 3\nlog:\n");
    let more = shop.write("more.jsonl", "{}\n");
    shop.ok("import", ["--format", "native", more.to_str().unwrap()]);
    let (is_well, said) = check(&shop);
    assert!(is_well && said.contains("generation: 3, none in our logs is higher"), "{said}");
    shop.with_config("generation: 3", "generation: 2");
    let (_, said) = check(&shop);
    let mend = how(&said, "generation: our logs were written under generation 3, the configuration says 2");
    assert!(mend.contains("set `generation: 3`") && mend.contains("or 4"), "{said}");
    shop.with_config("generation: 2", "generation: 3");

    shop.with_config("partitions: 3", "partitions: 5");
    let (_, said) = check(&shop);
    for log in ["touchpoints", "people"] {
        let fault = format!("log {log}-e1: it has 3 partitions, 5 are configured");
        assert!(how(&said, &fault).contains("set `log.partitions: 3`; to go on with 5"), "{said}");
    }
    assert!(how(&said, "rules: ").contains("put the keys it names back"), "{said}");
    shop.with_config("partitions: 5", "partitions: 3");

    execute(&shop, "ALTER TABLE crumbtrail.sessions_e1 DROP COLUMN bot");
    execute(&shop, "ALTER TABLE crumbtrail.journeys_e1 MODIFY COLUMN purchase_count UInt64");
    execute(&shop, "DROP VIEW crumbtrail.funnel");
    let (_, said) = check(&shop);
    assert!(how(&said, "table sessions_e1: column bot is missing").contains("a copy of the table"), "{said}");
    assert!(how(&said, "table journeys_e1: column purchase_count is UInt64").contains("MODIFY COLUMN"), "{said}");
    assert!(how(&said, "table funnel: there is no such view").contains("`crumbtrail migrate` makes it"), "{said}");

    let (url, user, password) = shop.engine_access();
    let server = |database: &str, password: &str| {
        Deployment::new("")
            .with_clickhouse(&format!("url: {url}\n  user: {user}\n  password: {password}\n  database: {database}"))
    };
    let (_, said) = check(&server("crumbtrial", &password));
    assert!(how(&said, "tables: ").contains("name it (`clickhouse.database`; there are some in crumbtrail)"), "{said}");
    let (_, said) = check(&server("crumbtrail", "wrong"));
    assert!(how(&said, "clickhouse: ").contains("CRUMBTRAIL_CLICKHOUSE_PASSWORD"), "{said}");
    let nobody = format!("http://{}", free_address());
    let (_, said) = check(&Deployment::new("").with_clickhouse(&format!("url: {nobody}")));
    assert!(how(&said, "clickhouse: ").contains(&format!("mend `clickhouse.url` (now {nobody})")), "{said}");
    let (_, said) = check(&Deployment::new("").with_clickhouse(&format!("url: {}", answering("404 Not Found"))));
    assert!(how(&said, "clickhouse: ").contains("HTTP port"), "{said}");
}

#[test]
fn files_that_cannot_be_used_are_told_by_their_key() {
    if !has_engine("files_that_cannot_be_used_are_told_by_their_key") {
        return;
    }
    let text = "enrich:\n  geo_database: /no/such/city.mmdb\n  fences: /no/such/shops.geojson\njourneys:\n  model: /no/such/model.yaml\n";
    let (_, said) = check(&Deployment::new(text));
    assert!(how(&said, "geo database: ").contains("`enrich.geo_database`"), "{said}");
    assert!(how(&said, "geofences: ").contains("`enrich.fences`"), "{said}");
    assert!(how(&said, "stage model: ").contains("`journeys.model: retail`"), "{said}");
}

#[test]
fn what_is_wrong_with_a_registry_is_told_with_how_to_mend_it() {
    if !has_engine("what_is_wrong_with_a_registry_is_told_with_how_to_mend_it") {
        return;
    }
    let at = |url: &str, more: &str| check(&Deployment::new(&format!("registry:\n  url: {url}\n{more}"))).1;
    let registry = Registry::start();
    let said = at(&registry.url, "");
    assert!(said.contains(&format!("ok    schema registry: {} answers", registry.url)), "{said}");
    let denying = answering("401 Unauthorized");
    let said = at(&denying, "");
    assert!(how(&said, "schema registry: ").contains("set `registry.user` and CRUMBTRAIL_REGISTRY_PASSWORD"), "{said}");
    let said = at(&denying, "  user: ann\n  password: secret\n");
    assert!(how(&said, "schema registry: ").contains("mend `registry.user` (now ann)"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    for other in ["404 Not Found", "200 OK"] {
        let said = at(&answering(other), "");
        assert!(how(&said, "schema registry: ").contains("the registry's own base address"), "{other}: {said}");
    }
    let said = at(&format!("http://{}", free_address()), "");
    assert!(how(&said, "schema registry: ").contains("start the registry"), "{said}");
}

#[test]
fn what_is_wrong_with_topics_is_told_with_how_to_mend_it() {
    let test = "what_is_wrong_with_topics_is_told_with_how_to_mend_it";
    if !has_engine(test) {
        return;
    }
    let config = |address: &str, partitions: u32| {
        format!(
            "log:\n  home: kafka\n  partitions: {partitions}\n  replication_factor: 1\nkafka:\n  bootstrap_servers: \"{address}\"\n\
             sources:\n  - topic: clicks\n    site: shop\n"
        )
    };
    let nobody = free_address().to_string();
    let (_, said) = check(&Deployment::new(&config(&nobody, 2)));
    assert!(how(&said, "kafka: ").contains(&format!("is a broker running at {nobody}?")), "{said}");
    assert_eq!(said.matches("MEND  ").count(), 2, "of what is behind the broker nothing is said: {said}");

    let Some(broker) = Broker::start(test) else { return };
    // As brokers are unless told otherwise: whoever asks for a topic gets one, of one partition.
    broker.reconfigure("auto.create.topics.enable=true");
    let mut shop = Deployment::new(&config(&broker.address, 2));
    shop.start_engine();
    shop.ok("migrate", [""; 0]);
    for _ in 0..2 {
        let (_, said) = check(&shop);
        let mend = how(&said, "source clicks: the topic does not exist");
        assert!(
            mend.contains("--create --topic clicks") && said.contains("\n1 to mend\n"),
            "to look makes none: {said}"
        );
        assert!(said.contains("log crumbtrail.touchpoints-e1: not there yet"), "{said}");
    }
    let world = shop.path("world");
    crumbtrail_tests::world::make(&world, "0.01", &["--kafka", &broker.address]);
    shop.ok("run", ["all", "--until-idle"]);
    let (is_well, said) = check(&shop);
    assert!(is_well, "{said}");

    let other = Deployment::new(&config(&broker.address, 3));
    let (_, said) = check(&other);
    let fault = "log crumbtrail.touchpoints-e1: it has 2 partitions, 3 are configured";
    assert!(how(&said, fault).contains("set `log.partitions: 2`"), "{said}");
    let longer = Deployment::new(
        &config(&broker.address, 2).replace("  partitions: 2\n", "  partitions: 2\n  ttl_hours: 999\n"),
    );
    let (_, said) = check(&longer);
    let mend = how(&said, "log crumbtrail.people-e1: keeps records 604800000 ms");
    assert!(mend.contains("raise retention.ms (`kafka-configs.sh"), "{said}");
}
