//! Tables and whose they are: a ClickHouse that is away when a deployment starts, and two deployments on one set of tables.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use crumbtrail_tests::deployment::wait_until;
use crumbtrail_tests::registry::free_address;
use crumbtrail_tests::{Deployment, Proxy, has_engine};

fn clicks(shop: &Deployment, prefix: &str, count: usize) -> Vec<std::ffi::OsString> {
    let line = |n: usize| {
        let at = 1_760_000_000_000i64 + n as i64 * 1_000;
        format!("{{\"event_id\":\"{prefix}{n}\",\"visitor\":\"v{n}\",\"occurred_at\":{at},\"name\":\"page_view\"}}\n")
    };
    let file = shop.write("clicks.jsonl", (0..count).map(line).collect::<String>());
    vec!["--format".into(), "native".into(), file.into()]
}

#[test]
fn a_second_deployment_on_the_same_tables_is_refused_until_it_adopts_them() {
    if !has_engine("a_second_deployment_on_the_same_tables_is_refused_until_it_adopts_them") {
        return;
    }
    let mut host = Deployment::new("");
    host.start_engine();
    let url = host.engine_access().0;
    let [first, second] = [(); 2].map(|()| Deployment::beside(&host, &url, "shared", ""));
    first.ok("import", clicks(&first, "a", 20));
    let said = second.fails("import", clicks(&second, "b", 20));
    assert!(said.contains("filled by another deployment") && said.contains("migrate --adopt"), "{said}");
    let said = String::from_utf8_lossy(&second.run("check", [""; 0]).stdout).into_owned();
    assert!(said.contains("MEND  owner: ") && said.contains("`crumbtrail migrate --adopt` once"), "{said}");
    let said = String::from_utf8_lossy(&first.run("check", [""; 0]).stdout).into_owned();
    assert!(said.contains("ok    owner: the tables are this deployment's"), "{said}");
    first.ok("import", clicks(&first, "c", 5));
    assert_eq!(first.number("SELECT count() FROM touchpoints"), 25);
    assert_eq!(first.sql("SELECT * FROM audit"), "");
    // Nor may it take them from view, or away.
    first.ok("rebuild", [""; 0]);
    let said = second.fails("rebuild", ["--drop-epoch", "1"]);
    assert!(said.contains("another deployment's"), "{said}");
    let config = std::fs::read_to_string(second.config()).unwrap();
    std::fs::write(second.config(), format!("epoch: 9\n{config}")).unwrap();
    let said = second.fails("migrate", ["--show"]);
    assert!(said.contains("the views stay as they are") && said.contains("--adopt"), "{said}");
    std::fs::write(second.config(), format!("epoch: 2\n{config}")).unwrap();
    assert_eq!(first.number("SELECT count() FROM touchpoints"), 25);
    assert_eq!(first.number("SELECT count() FROM touchpoints_e1"), 25);
    let config = std::fs::read_to_string(first.config()).unwrap();
    std::fs::write(first.config(), format!("epoch: 2\n{config}")).unwrap();
    first.ok("rebuild", ["--drop-epoch", "1"]);
    second.ok("migrate", ["--adopt"]);
    let said = first.fails("import", clicks(&first, "d", 5));
    assert!(said.contains("filled by another deployment"), "{said}");
}

#[test]
fn a_clickhouse_that_is_away_at_the_start_is_waited_for() {
    if !has_engine("a_clickhouse_that_is_away_at_the_start_is_waited_for") {
        return;
    }
    let mut host = Deployment::new("");
    host.start_engine();
    let door = Proxy::start(&host.engine_access().0);
    let shop = Deployment::beside(&host, &door.url(), "away", "");
    door.shut(true);
    let arguments = clicks(&shop, "a", 20);
    let mut job = shop.command("import").args(arguments).stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert!(job.try_wait().unwrap().is_none(), "it waits");
    door.shut(false);
    assert!(job.wait().unwrap().success());
    assert_eq!(shop.number("SELECT count() FROM touchpoints"), 20);

    // A service is alive meanwhile, and ready behind it.
    let address = free_address();
    shop.with_config("listen: \"\"", &format!("listen: \"{address}\""));
    door.shut(true);
    let mut service = shop.command("run").args(["sessionize"]).stdout(Stdio::null()).spawn().unwrap();
    wait_until(Duration::from_secs(60), || status(address, "/livez") == 200);
    assert_eq!(status(address, "/readyz"), 503);
    door.shut(false);
    wait_until(Duration::from_secs(60), || status(address, "/readyz") == 200);
    service.kill().unwrap();
    service.wait().unwrap();
}

/// What is answered to a question for this path; 0 if nobody answers.
fn status(address: SocketAddr, path: &str) -> u16 {
    let mut text = String::new();
    let Ok(mut stream) = TcpStream::connect(address) else { return 0 };
    let asked = write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let _ = asked.and_then(|()| stream.read_to_string(&mut text));
    text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
}

#[test]
fn a_configuration_that_routes_differently_is_refused_before_anything_is_written() {
    if !has_engine("a_configuration_that_routes_differently_is_refused_before_anything_is_written") {
        return;
    }
    let mut shop = Deployment::new("identity: {never_link: [TILL]}\n");
    shop.start_engine();
    shop.ok("import", clicks(&shop, "a", 20));
    let config = std::fs::read_to_string(shop.config()).unwrap();
    for (from, to, told) in [
        ("[TILL]", "[TILL, TEST]", "identity.never_link was [\"TILL\"], is [\"TEST\", \"TILL\"]"),
        ("a key for tests only", "another key for tests", "the keys of privacy are others"),
    ] {
        std::fs::write(shop.config(), config.replace(from, to)).unwrap();
        let said = shop.fails("import", clicks(&shop, "b", 20));
        assert!(said.contains(told) && said.contains("crumbtrail rebuild"), "{said}");
        assert_eq!(shop.number("SELECT count() FROM touchpoints"), 20);
    }
    // What only judges differently is a new generation, and not refused; under the same it would be mixed without a word.
    let judges = config + "enrich: {drop_bots: true}\n";
    std::fs::write(shop.config(), &judges).unwrap();
    let said = shop.fails("import", clicks(&shop, "b", 20));
    let told = "enrich.drop_bots was false, is true. Raise `generation` to 2";
    assert!(said.contains(told), "{said}");
    assert!(String::from_utf8_lossy(&shop.run("check", [""; 0]).stdout).contains(told), "and so says check");
    std::fs::write(shop.config(), judges + "generation: 2\n").unwrap();
    shop.ok("import", clicks(&shop, "b", 20));
    assert_eq!(shop.number("SELECT count() FROM touchpoints"), 40);
}

#[test]
fn a_build_of_other_formats_is_refused_before_anything_is_written() {
    if !has_engine("a_build_of_other_formats_is_refused_before_anything_is_written") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    shop.ok("import", clicks(&shop, "a", 20));
    let note = shop.data().join("snapshots/e1/epoch/formats");
    let ours = std::fs::read(&note).unwrap();
    let with = |format: &str| {
        let mut formats: serde_json::Value = serde_json::from_slice(&ours).unwrap();
        assert!(formats[format].is_string(), "{formats}");
        formats[format] = "99".into();
        std::fs::write(&note, formats.to_string()).unwrap();
    };
    // A state is made anew by a rebuild; a log is read.
    for (format, is_carried) in [("journeys", false), ("touchpoint", true)] {
        with(format);
        let told = format!("{format} is 99 there, ");
        // Before the tables are touched, too: a build of other formats may have other ones.
        let said = [shop.fails("migrate", [""; 0]), shop.fails("import", clicks(&shop, "b", 20))];
        for said in said {
            assert!(said.contains(&told) && said.contains("crumbtrail rebuild") != is_carried, "{said}");
        }
        if is_carried {
            let said = shop.fails("rebuild", ["--dry-run"]);
            assert!(said.contains(&told) && said.contains("the build that wrote it"), "{said}");
        } else {
            shop.ok("rebuild", ["--dry-run"]);
        }
        assert_eq!(shop.number("SELECT count() FROM touchpoints"), 20);
    }
    std::fs::write(&note, &ours).unwrap();
    shop.ok("import", clicks(&shop, "b", 20));
    assert_eq!(shop.number("SELECT count() FROM touchpoints"), 40);
}
