//! The whole job is killed at random moments, over and over; every table ends as if nothing had happened.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crumbtrail_tests::{Broker, Deployment, Proxy, has_engine, tables, world};
use crumbtrail_warehouse::{Client, Endpoint};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Many small inserts and snapshots, so that a kill has much to fall between.
const PACE: &str = "pace:\n  insert_interval_ms: 100\n  tick_ms: 20\nsnapshots:\n  interval_seconds: 1\n";
/// A job that sends nothing for so long behind its start, or behind its last request, has loaded all there is.
const IDLE: [Duration; 2] = [Duration::from_secs(20), Duration::from_secs(5)];

/// Kills of each job behind a door; with the five that have an engine of their own fifty together.
fn kills(short: usize) -> usize {
    let times = std::env::var("CRUMBTRAIL_FAULTS_TIMES").map_or(1, |times| times.parse().expect("a number"));
    if std::env::var("CRUMBTRAIL_FAULTS").is_ok_and(|form| form == "long") { 10 * short * times } else { short }
}

/// Chance, and the seed that the output tells.
fn chance() -> (ChaCha8Rng, u64) {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    (ChaCha8Rng::seed_from_u64(seed), seed)
}

/// Runs the command once undisturbed and says how long that took.
fn run_calmly(shop: &Deployment, name: &str, arguments: &[String]) -> Duration {
    let begun = Instant::now();
    shop.ok(name, arguments);
    begun.elapsed()
}

fn start(shop: &Deployment, name: &str, arguments: &[String]) -> Child {
    let mut command = shop.command(name);
    let said = std::fs::File::create(shop.path("said")).unwrap();
    command.args(arguments).stdout(Stdio::null()).stderr(said);
    command.spawn().unwrap()
}

/// Starts the command, lets it go on until its moment has come, then kills it; whether it was killed, and did not end before.
fn kill_when(shop: &Deployment, name: &str, arguments: &[String], mut has_come: impl FnMut() -> bool) -> bool {
    let mut job = start(shop, name, arguments);
    while !has_come() && job.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let lives = job.try_wait().unwrap().is_none();
    if lives {
        job.kill().unwrap();
    }
    let ended = job.wait().unwrap();
    let said = || std::fs::read_to_string(shop.path("said")).unwrap();
    assert!(lives || ended.success(), "it ended by itself: {ended}\n{}", said());
    lives
}

/// Kills the command, which starts an engine of its own, at five random moments, then lets it run to its end. `calm` is what
/// an undisturbed run takes: the first kill falls within its first half. A run that ends before its moment is started again
/// with less time to live.
fn kill_with_its_engine(shop: &Deployment, name: &str, arguments: &[String], calm: Duration) {
    let (mut random, seed) = chance();
    let mut most = calm / 2;
    let (mut killed, mut ended) = (Vec::new(), 0);
    while killed.len() < 5 {
        assert!(ended < 20, "the job ends too quickly to be killed (seed {seed}, killed after {killed:?})");
        let moment = most.mul_f64(random.random_range(0.05..1.0));
        let until = Instant::now() + moment;
        if kill_when(shop, name, arguments, || Instant::now() >= until) {
            killed.push(moment);
        } else {
            ended += 1;
            most /= 2;
        }
    }
    eprintln!("seed {seed}: a calm run takes {calm:?}; killed after {killed:?}; ended by itself {ended} times");
    shop.ok(name, arguments);
}

/// Kills the command, which reaches the engine through `door`, until it has been killed `most` times or there is nothing left to
/// do; then lets it run to its end. By turns a kill falls behind so many requests of inserts and ledger rows, however long
/// they take, and at a moment of the first second, whatever is done then. Says how often it was killed.
fn kill_behind(
    door: &Proxy,
    shop: &Deployment,
    name: &str,
    arguments: &[String],
    last: &[String],
    most: usize,
) -> usize {
    let (mut random, seed) = chance();
    let begun = Instant::now();
    let (mut killed, mut requests) = (0, 0);
    while killed < most {
        let (wanted, pause) = (door.seen() + random.random_range(1..=12), random.random_range(0..60));
        let counts_requests = killed % 4 != 3;
        let early = Instant::now() + Duration::from_millis(random.random_range(0..1_000));
        let (mut seen, mut quiet_since, mut idle) = (door.seen(), Instant::now(), IDLE[0]);
        let mut is_idle = false;
        let is_killed = kill_when(shop, name, arguments, || {
            if door.seen() > seen {
                (seen, quiet_since, idle) = (door.seen(), Instant::now(), IDLE[1]);
            }
            is_idle = quiet_since.elapsed() > idle;
            let has_come = if counts_requests { seen >= wanted } else { Instant::now() >= early };
            if has_come {
                std::thread::sleep(Duration::from_millis(pause));
            }
            has_come || is_idle
        });
        if !is_killed || is_idle {
            break;
        }
        killed += 1;
        requests = door.seen();
    }
    shop.ok(name, last);
    eprintln!(
        "seed {seed}: {name} killed {killed} times within {requests} requests, {:.1?} ({:.1?} a kill)",
        begun.elapsed(),
        begun.elapsed() / u32::try_from(killed.max(1)).unwrap()
    );
    killed
}

/// Kills the command in one deployment after the other, each through its whole input, until it was killed so many times.
fn kill_through(
    calm: &Deployment,
    name: &str,
    (arguments, last): (&[String], &[String]),
    config: impl Fn(&str) -> String,
    kills: usize,
) {
    let expected = tables::all(calm);
    let (mut killed, mut replays, mut round) = (0, 0, 0);
    while killed + replays < kills {
        assert!(round < 3 + kills / 5, "only {killed} and {replays} kills in {round} rounds: it has too little to do");
        let url = calm.engine_access().0;
        let prefix = format!("shaken{round}");
        let door = Proxy::start(&url);
        let shop = Deployment::beside(calm, &door.url(), &prefix, &config(&prefix));
        killed += kill_behind(&door, &shop, name, arguments, last, (kills - killed - replays).div_ceil(2));
        tables::assert_says(&expected, &shop);
        shop.ok("audit", ["--log"]);
        // The same logs once more, with as many kills as are left, into tables that are made anew.
        let before = tables::with_versions(&shop);
        drop_tables(calm, &prefix);
        replays += kill_behind(&door, &shop, name, arguments, last, kills - killed - replays);
        tables::assert_replayed(&before, &shop);
        round += 1;
    }
    eprintln!(
        "faults: {name} killed {} times in {round} deployments: every table equal, audit empty, as the logs have it; of \
         these {replays} times while the same logs were read once more: every version as before, too",
        killed + replays
    );
}

/// Takes all tables of a database in the engine of `host` away, the ledger with them; logs and snapshots stay.
fn drop_tables(host: &Deployment, database: &str) {
    let (url, user, password) = host.engine_access();
    let client = Client::new(&Endpoint { user, password, ..Endpoint::new(url) }).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(client.execute(&format!("DROP DATABASE {database} SYNC"))).unwrap();
}

#[test]
fn an_import_on_the_local_log_survives_kills() {
    if !has_engine("an_import_on_the_local_log_survives_kills") {
        return;
    }
    let mut calm = Deployment::new("");
    let files = calm.path("world");
    world::make(&files, "0.1", &[]);
    let arguments = world::import_arguments(&files);
    let taken = run_calmly(&calm, "import", &arguments);
    let mut shaken = Deployment::new("");
    kill_with_its_engine(&shaken, "import", &arguments, taken);
    calm.start_engine();
    shaken.start_engine();
    assert!(calm.number("SELECT count() FROM sessions") > 1_000);
    tables::assert_equal(&calm, &shaken);
    drop(shaken);
    kill_through(&calm, "import", (&arguments, &arguments), |_| PACE.to_owned(), kills(20));
}

#[test]
fn a_job_on_kafka_survives_kills() {
    let test = "a_job_on_kafka_survives_kills";
    if !has_engine(test) {
        return;
    }
    let Some(broker) = Broker::start(test) else { return };
    let config = |prefix: &str| {
        format!(
            "log:\n  home: kafka\n  partitions: 3\n  replication_factor: 1\n  topic_prefix: {prefix}\nkafka:\n  \
             bootstrap_servers: {}\n  client:\n    session.timeout.ms: \"6000\"\nsources:\n  - topic: clicks\n    site: shop\n  \
             - topic: support\n    kind: support\n    site: shop\n{PACE}",
            broker.address
        )
    };
    let mut calm = Deployment::new(&config("calm"));
    world::make(&calm.path("world"), "0.1", &["--kafka", &broker.address]);
    let [all, until_idle] = ["all", "--until-idle"].map(str::to_owned);
    let last = [all.clone(), until_idle];
    calm.start_engine();
    calm.ok("run", &last);
    assert!(calm.number("SELECT count() FROM sessions") > 1_000);
    kill_through(&calm, "run", (&[all], &last), config, kills(25));
}
