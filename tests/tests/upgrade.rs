//! Two builds on one deployment, mid-stream, in turns and at once: an upgrade and a roll-back. `make upgrade-test OTHER=<git ref>` makes the
//! other build; builds whose stored formats differ refuse each other's deployments instead.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crumbtrail_tests::clients::Producing;
use crumbtrail_tests::deployment::wait_until;
use crumbtrail_tests::registry::free_address;
use crumbtrail_tests::{Broker, Deployment, Member, binary, has_engine, python_client, tables, world};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// The other build, or says that the test did not run.
fn other(test: &str) -> Option<PathBuf> {
    let other = binary().with_file_name("crumbtrail-other");
    if !other.exists() {
        // A second build of everything: too dear for `make test`.
        eprintln!("not run: {test}: the other build is made by `make upgrade-test`");
        return None;
    }
    has_engine(test).then_some(other)
}

fn command(build: &Path, shop: &Deployment, name: &str, arguments: &[String]) -> Command {
    let mut command = Command::new(build);
    command.arg(name).arg("--config").arg(shop.config()).args(arguments).env("NO_COLOR", "1").stdout(Stdio::null());
    command
}

/// Runs it by one build until it is enough and ends it, asking first or not. Whether it had ended by itself; that it did so badly
/// is a failure.
fn turn(
    build: &Path,
    shop: &Deployment,
    (name, arguments): (&str, &[String]),
    is_asked: bool,
    mut is_enough: impl FnMut() -> bool,
) -> bool {
    let said = shop.path("said");
    let stderr = std::fs::File::create(&said).expect("its folder is ours");
    let mut job = command(build, shop, name, arguments).stderr(stderr).spawn().expect("the build starts");
    while !is_enough() && job.try_wait().expect("it is ours").is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    if let Some(status) = job.try_wait().expect("it is ours") {
        let said = std::fs::read_to_string(&said).unwrap_or_default();
        assert!(status.success(), "{}: {status}\n{said}", build.display());
        return true;
    }
    let signal = if is_asked { "-TERM" } else { "-KILL" };
    Command::new("kill").args([signal, &job.id().to_string()]).status().expect("kill runs");
    job.wait().expect("it ends");
    false
}

/// Whether the second build refuses what the first has made, with a clear word; then the first goes on as if nothing had been.
fn refuses(first: &Path, second: &Path) -> bool {
    let mut shop = Deployment::new("");
    shop.start_engine();
    let files = shop.path("world");
    world::make(&files, "0.05", &[]);
    let arguments = world::import_arguments(&files);
    let import = |build| command(build, &shop, "import", &arguments).stderr(Stdio::piped()).output().expect("it runs");
    assert!(import(first).status.success());
    let before = tables::all(&shop);
    let out = import(second);
    if out.status.success() {
        return false;
    }
    let said = String::from_utf8_lossy(&out.stderr);
    // Of its log and states, or of its tables: whichever it looks at first.
    let is_clear = ["format", "was changed after it was applied"].iter().any(|word| said.contains(word));
    assert!(is_clear && !said.contains("panicked"), "{said}");
    eprintln!("upgrade: {} says: {}", second.display(), said.trim());
    assert!(import(first).status.success());
    tables::assert_says(&before, &shop);
    true
}

/// Whether their stored formats differ: then one of them cannot go on where the other was.
fn differ(other: &Path) -> bool {
    static DIFFER: OnceLock<bool> = OnceLock::new();
    *DIFFER.get_or_init(|| refuses(other, &binary()) || refuses(&binary(), other))
}

#[test]
fn builds_of_other_formats_refuse_each_other() {
    let Some(other) = other("builds_of_other_formats_refuse_each_other") else { return };
    if !differ(&other) {
        eprintln!("upgrade: the formats are the same");
        return;
    }
    assert!(refuses(&other, &binary()), "an upgrade within an epoch is refused");
    assert!(refuses(&binary(), &other), "and so is a roll-back");
    eprintln!("upgrade: refused, both ways");
}

/// The way out that the refusal names: the current build makes the next epoch of what the other has written, and goes on there.
#[test]
fn the_next_epoch_of_another_format_is_made_by_a_rebuild() {
    let Some(other) = other("the_next_epoch_of_another_format_is_made_by_a_rebuild") else { return };
    if !differ(&other) {
        eprintln!("upgrade: no rebuild: the formats are the same");
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let files = shop.path("world");
    world::make(&files, "0.05", &[]);
    let arguments = world::import_arguments(&files);
    assert!(command(&other, &shop, "import", &arguments).status().expect("the build runs").success());
    let kept = ["touchpoints", "dead_letters"].map(|view| shop.number(&format!("SELECT count() FROM {view}")));
    let said = shop.fails("import", &arguments);
    assert!(said.contains("is stored in other formats") && said.contains("crumbtrail rebuild"), "{said}");
    shop.ok("rebuild", [""; 0]);
    let config = std::fs::read_to_string(shop.config()).expect("its configuration");
    std::fs::write(shop.config(), config + "epoch: 2\n").expect("its configuration is ours");
    // What intake decided stands; the same files once more are known.
    for _ in 0..2 {
        assert_eq!(
            ["touchpoints", "dead_letters"].map(|view| shop.number(&format!("SELECT count() FROM {view}"))),
            kept
        );
        assert_eq!(shop.sql("SELECT * FROM audit"), "");
        shop.ok("import", &arguments);
    }
    let sessions = shop.number("SELECT count() FROM sessions");
    assert!(sessions > 100, "{sessions} sessions");
    eprintln!(
        "upgrade: rebuilt from the other build's epoch: {} touchpoints, {sessions} sessions, audit empty",
        kept[0]
    );
}

#[test]
fn an_import_goes_back_and_forth_between_two_builds() {
    let Some(other) = other("an_import_goes_back_and_forth_between_two_builds") else { return };
    if differ(&other) {
        eprintln!("upgrade: no import by turns: the formats differ");
        return;
    }
    let current = binary();
    let mut calm = Deployment::new("");
    let files = calm.path("world");
    world::make(&files, "1", &[]);
    let arguments = world::import_arguments(&files);
    calm.ok("import", &arguments);
    calm.start_engine();
    let expected = tables::all(&calm);

    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // Longer and longer, until it comes to its end.
    let (mut turns, mut moment) = (0, Duration::from_millis(300));
    let mut shop = Deployment::new("");
    shop.start_engine();
    loop {
        let build = [&other, &current][turns % 2];
        let until = Instant::now() + moment;
        moment = moment.mul_f64(random.random_range(1.1..1.5));
        if turn(build, &shop, ("import", &arguments), false, || Instant::now() >= until) {
            break;
        }
        turns += 1;
    }
    assert!(turns >= 3, "it ended after {turns} turns (seed {seed})");
    shop.ok("import", &arguments);
    tables::assert_says(&expected, &shop);
    // And back for good.
    assert!(command(&other, &shop, "import", &arguments).status().expect("the build runs").success());
    tables::assert_says(&expected, &shop);
    eprintln!("upgrade: an import by turns, {turns} of them killed (seed {seed}): every table equal, audit empty");
}

/// Touchpoints in the tables; none before there are tables.
fn count(shop: &Deployment) -> i64 {
    let out = shop.run("sql", ["SELECT count() FROM touchpoints", "--format", "TSV"]);
    String::from_utf8_lossy(&out.stdout).trim().parse().unwrap_or(0)
}

/// A service on the broker, under a prefix of its own.
fn config(broker: &Broker, prefix: &str, sources: &str) -> String {
    format!(
        "log:\n  home: kafka\n  partitions: 3\n  replication_factor: 1\n  topic_prefix: {prefix}\nkafka:\n  bootstrap_servers: \
         {}\n  client:\n    session.timeout.ms: \"6000\"\nsources:\n{sources}",
        broker.address
    )
}

/// Records a process has ended in a step, as its metrics say.
fn ended(metrics: SocketAddr) -> u64 {
    let mut text = String::new();
    let Ok(mut stream) = TcpStream::connect(metrics) else { return 0 };
    let asked = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    if asked.and_then(|()| stream.read_to_string(&mut text)).is_err() {
        return 0;
    }
    let lines = text.lines().filter(|line| line.starts_with("crumbtrail_step_records_total{"));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[test]
fn members_of_two_builds_share_the_work_at_once() {
    let test = "members_of_two_builds_share_the_work_at_once";
    let Some(other) = other(test) else { return };
    let Some(python) = python_client(test) else { return };
    let Some(broker) = Broker::start(test) else { return };
    let (current, differ) = (binary(), differ(&other));
    let sources = "  - topic: clicks-json\n    site: shop\n";
    let _ = Producing::start(&python, &[&broker.address, "-", "topics"]).sent();
    let mut shop = Deployment::new(&config(&broker, "shop", sources));
    shop.start_engine();
    shop.ok("migrate", [""; 0]);
    // Both under the same configuration, but for where they serve their metrics.
    let text = std::fs::read_to_string(shop.config()).expect("its configuration");
    let members = [("current", &current), ("other", &other)].map(|(name, build)| {
        let metrics = free_address();
        let config = shop.write(name, text.replace("listen: \"\"", &format!("listen: \"{metrics}\"")));
        (name, build, config, metrics)
    });
    let start = |n: usize| Member::of(members[n].1, &members[n].2, members[n].0);
    let producing = Producing::start(&python, &[&broker.address, "-", "steady", "40000", "60"]);
    let mut running = vec![start(0)];
    wait_until(Duration::from_secs(60), || count(&shop) > 0);
    running.push(start(1));
    if differ {
        wait_until(Duration::from_secs(60), || running[1].has_ended());
        running.pop();
        assert!(!running[0].has_ended(), "it goes on as if nothing had been");
    } else {
        // One, then the other, is killed and comes back; each works beside the other.
        for n in [0, 1] {
            let begun = members.each_ref().map(|member| ended(member.3));
            wait_until(Duration::from_secs(60), || members.iter().zip(begun).all(|(of, begun)| ended(of.3) > begun));
            running.remove(n).kill();
            running.insert(n, start(n));
        }
    }
    let amidst = count(&shop);
    let sent = producing.sent();
    wait_until(Duration::from_secs(300), || count(&shop) >= 40_000);
    running.into_iter().for_each(Member::drain);
    shop.ok("run", ["all", "--until-idle"]);
    let mut calm = Deployment::new(&config(&broker, "calm", sources));
    calm.start_engine();
    calm.ok("run", ["all", "--until-idle"]);
    assert_eq!(sent["sessions"].as_i64(), Some(calm.number("SELECT count() FROM sessions")));
    tables::assert_equal(&calm, &shop);
    let what = if differ { "the second was refused" } else { "both at work" };
    eprintln!(
        "upgrade: two builds at once: {what}, {amidst} of 40000 at the last kill: every table equal, audit empty"
    );
}

#[test]
fn a_service_goes_back_and_forth_between_two_builds() {
    let test = "a_service_goes_back_and_forth_between_two_builds";
    let Some(other) = other(test) else { return };
    if differ(&other) {
        eprintln!("upgrade: no service by turns: the formats differ");
        return;
    }
    let Some(broker) = Broker::start(test) else { return };
    let current = binary();
    let sources = "  - topic: clicks\n    site: shop\n  - topic: support\n    kind: support\n    site: shop\n";
    let mut calm = Deployment::new(&config(&broker, "calm", sources));
    world::make(&calm.path("world"), "1", &["--kafka", &broker.address]);
    calm.start_engine();
    calm.ok("run", ["all", "--until-idle"]);
    let expected = tables::all(&calm);
    let whole = count(&calm);
    let mut shop = Deployment::new(&config(&broker, "shop", sources));
    shop.start_engine();
    let all = ["all".to_owned()];
    let mut seen = Vec::new();
    // Upgraded, rolled back, upgraded: asked to end and killed, each as soon as it has written.
    for (build, is_asked) in [(&other, false), (&current, false), (&other, true), (&current, true), (&other, false)] {
        let before = count(&shop);
        let until = Instant::now() + Duration::from_secs(60);
        turn(build, &shop, ("run", &all), is_asked, || {
            count(&shop) > before || Instant::now() >= until || before == whole
        });
        seen.push(count(&shop));
    }
    let amidst = seen.iter().filter(|count| (1..whole).contains(*count)).count();
    assert!(amidst >= 2, "it was read too quickly for turns: {seen:?} of {whole}");
    shop.ok("run", ["all", "--until-idle"]);
    tables::assert_says(&expected, &shop);
    eprintln!(
        "upgrade: a service by turns, {seen:?} of {whole} touchpoints after each: every table equal, audit empty"
    );
}
