//! The whole job is killed five times at random moments; every table ends as if nothing had happened.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crumbtrail_tests::{Broker, Deployment, has_engine, tables, world};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Runs the command once undisturbed and says how long that took.
fn run_calmly(shop: &Deployment, name: &str, arguments: &[String]) -> Duration {
    let begun = Instant::now();
    shop.ok(name, arguments);
    begun.elapsed()
}

/// Kills the command at five random moments, then lets it run to its end. `calm` is what an undisturbed run takes: the first
/// kill falls within its first half. A run that ends before its moment is started again with less time to live.
fn kill_five_times(shop: &Deployment, name: &str, arguments: &[String], calm: Duration) {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut most = calm / 2;
    let (mut killed, mut ended) = (Vec::new(), 0);
    while killed.len() < 5 {
        assert!(ended < 20, "the job ends too quickly to be killed (seed {seed}, killed after {killed:?})");
        let mut job = shop.command(name).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moment = most.mul_f64(random.random_range(0.05..1.0));
        let until = Instant::now() + moment;
        while Instant::now() < until && job.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        if job.try_wait().unwrap().is_none() {
            job.kill().unwrap();
            killed.push(moment);
        } else {
            ended += 1;
            most /= 2;
        }
        job.wait().unwrap();
    }
    eprintln!("seed {seed}: a calm run takes {calm:?}; killed after {killed:?}; ended by itself {ended} times");
    shop.ok(name, arguments);
}

#[test]
fn an_import_on_the_local_log_survives_five_kills() {
    if !has_engine("an_import_on_the_local_log_survives_five_kills") {
        return;
    }
    let calm = Deployment::new("");
    let files = calm.path("world");
    world::make(&files, "0.1", &[]);
    let arguments = world::import_arguments(&files);
    let taken = run_calmly(&calm, "import", &arguments);
    let shaken = Deployment::new("");
    kill_five_times(&shaken, "import", &arguments, taken);
    compare(calm, shaken);
}

#[test]
fn a_job_on_kafka_survives_five_kills() {
    let test = "a_job_on_kafka_survives_five_kills";
    if !has_engine(test) {
        return;
    }
    let Some(broker) = Broker::start(test) else { return };
    let config = |prefix: &str| {
        format!(
            "log:\n  home: kafka\n  partitions: 3\n  replication_factor: 1\n  topic_prefix: {prefix}\nkafka:\n  \
             bootstrap_servers: {}\n  client:\n    session.timeout.ms: \"6000\"\nsources:\n  - topic: clicks\n    site: shop\n  \
             - topic: support\n    kind: support\n    site: shop\n",
            broker.address
        )
    };
    let calm = Deployment::new(&config("calm"));
    world::make(&calm.path("world"), "0.1", &["--kafka", &broker.address]);
    let arguments = ["all".to_owned(), "--until-idle".to_owned()];
    let taken = run_calmly(&calm, "run", &arguments);
    let shaken = Deployment::new(&config("shaken"));
    kill_five_times(&shaken, "run", &arguments, taken);
    compare(calm, shaken);
}

fn compare(mut calm: Deployment, mut shaken: Deployment) {
    calm.start_engine();
    shaken.start_engine();
    assert!(calm.number("SELECT count() FROM sessions") > 1_000);
    tables::assert_equal(&calm, &shaken);
}
