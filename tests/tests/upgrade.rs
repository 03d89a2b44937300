//! Two builds take turns on one deployment, mid-stream: an upgrade and a roll-back. `make upgrade-test OTHER=<git ref>` makes the
//! other build; builds whose stored formats differ refuse each other's deployments instead.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crumbtrail_tests::{Broker, Deployment, binary, has_engine, tables, world};
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

/// Runs it by one build for so long and ends it, asking first or not. Whether it had ended by itself.
fn turn(build: &Path, shop: &Deployment, name: &str, arguments: &[String], most: Duration, is_asked: bool) -> bool {
    let mut job = command(build, shop, name, arguments).stderr(Stdio::null()).spawn().expect("the build starts");
    let until = Instant::now() + most;
    while Instant::now() < until && job.try_wait().expect("it is ours").is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let ended = job.try_wait().expect("it is ours");
    if ended.is_none() {
        let signal = if is_asked { "-TERM" } else { "-KILL" };
        Command::new("kill").args([signal, &job.id().to_string()]).status().expect("kill runs");
    }
    job.wait().expect("it ends");
    ended.is_some_and(|status| status.success())
}

/// Whether the other build refuses what the first has made, with a clear word; then the first goes on as if nothing had been.
fn refuses(first: &Path, second: &Path, arguments: &[String], shop: &Deployment) -> bool {
    turn(first, shop, "import", arguments, Duration::from_secs(2), false);
    let out = command(second, shop, "import", arguments).stderr(Stdio::piped()).output().expect("the build runs");
    let said = String::from_utf8_lossy(&out.stderr);
    if out.status.success() {
        return false;
    }
    assert!(said.contains("format") && !said.contains("panicked"), "{said}");
    true
}

#[test]
fn an_import_goes_back_and_forth_between_two_builds() {
    let Some(other) = other("an_import_goes_back_and_forth_between_two_builds") else { return };
    let current = binary();
    let mut calm = Deployment::new("");
    let files = calm.path("world");
    world::make(&files, "0.3", &[]);
    let arguments = world::import_arguments(&files);
    calm.ok("import", &arguments);
    calm.start_engine();
    let expected = tables::all(&calm);

    let mut shop = Deployment::new("");
    shop.start_engine();
    if refuses(&other, &current, &arguments, &shop) {
        // An upgrade is not possible within an epoch: the build that began it ends it.
        assert!(command(&other, &shop, "import", &arguments).status().expect("the build runs").success());
        let mut back = Deployment::new("");
        back.start_engine();
        assert!(refuses(&current, &other, &arguments, &back), "then a roll-back is refused, too");
        back.ok("import", &arguments);
        tables::assert_says(&expected, &back);
        eprintln!("upgrade: refused, both ways");
        return;
    }
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut turns = 0;
    let mut shop = Deployment::new("");
    shop.start_engine();
    loop {
        let build = [&other, &current][turns % 2];
        let most = Duration::from_millis(random.random_range(300..2_500));
        if turn(build, &shop, "import", &arguments, most, false) {
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

#[test]
fn a_service_goes_back_and_forth_between_two_builds() {
    let test = "a_service_goes_back_and_forth_between_two_builds";
    let Some(other) = other(test) else { return };
    let Some(broker) = Broker::start(test) else { return };
    let current = binary();
    let config = |prefix: &str| {
        format!(
            "log:\n  home: kafka\n  partitions: 3\n  replication_factor: 1\n  topic_prefix: {prefix}\nkafka:\n  \
             bootstrap_servers: {}\n  client:\n    session.timeout.ms: \"6000\"\nsources:\n  - topic: clicks\n    site: shop\n  \
             - topic: support\n    kind: support\n    site: shop\n",
            broker.address
        )
    };
    let mut calm = Deployment::new(&config("calm"));
    world::make(&calm.path("world"), "0.3", &["--kafka", &broker.address]);
    calm.start_engine();
    calm.ok("run", ["all", "--until-idle"]);
    let expected = tables::all(&calm);
    let mut shop = Deployment::new(&config("shop"));
    shop.start_engine();
    let all = ["all".to_owned()];
    // Upgraded, rolled back, upgraded: asked to end and killed, in full flow.
    for (build, is_asked) in [(&other, true), (&current, true), (&other, false), (&current, false), (&other, true)] {
        turn(build, &shop, "run", &all, Duration::from_secs(8), is_asked);
    }
    shop.ok("run", ["all", "--until-idle"]);
    tables::assert_says(&expected, &shop);
    eprintln!("upgrade: a service by turns: every table equal, audit empty");
}
