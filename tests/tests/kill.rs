//! The whole job is killed five times at random moments; every table ends as if nothing had happened.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crumbtrail_tests::{Broker, Deployment, has_engine, tables};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Kills the command at random moments, then lets it run to its end. `most` bounds a moment.
fn kill_five_times(shop: &Deployment, name: &str, arguments: &[String], most: Duration) {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    eprintln!("kill seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut killed = 0;
    for _ in 0..5 {
        let mut job = shop.command(name).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moment = Duration::from_millis(random.random_range(300..most.as_millis() as u64));
        let until = Instant::now() + moment;
        while Instant::now() < until && job.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        if job.try_wait().unwrap().is_none() {
            job.kill().unwrap();
            killed += 1;
        }
        job.wait().unwrap();
    }
    assert!(killed >= 2, "the job was too quick to be killed: {killed} of 5");
    shop.ok(name, arguments);
}

#[test]
fn an_import_on_the_local_log_survives_five_kills() {
    if !has_engine("an_import_on_the_local_log_survives_five_kills") {
        return;
    }
    let calm = Deployment::new("");
    let world = calm.path("world");
    calm_world(&calm, &["--format", "native"]);
    let arguments: Vec<String> = ["--format", "native"]
        .map(str::to_owned)
        .into_iter()
        .chain(["clicks.jsonl", "support.jsonl"].map(|file| world.join(file).display().to_string()))
        .collect();
    calm.ok("import", &arguments);
    let shaken = Deployment::new("");
    kill_five_times(&shaken, "import", &arguments, Duration::from_secs(6));
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
    calm_world(&calm, &["--format", "native", "--kafka", &broker.address]);
    let arguments = ["all".to_owned(), "--until-idle".to_owned()];
    calm.ok("run", &arguments);
    let shaken = Deployment::new(&config("shaken"));
    kill_five_times(&shaken, "run", &arguments, Duration::from_secs(6));
    compare(calm, shaken);
}

fn calm_world(calm: &Deployment, more: &[&str]) {
    let world = calm.path("world");
    let out = std::process::Command::new(crumbtrail_tests::binary())
        .args(["generate", "world", "--scale", "0.1", "--out"])
        .arg(world)
        .args(more)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

fn compare(mut calm: Deployment, mut shaken: Deployment) {
    calm.start_engine();
    shaken.start_engine();
    assert!(calm.number("SELECT count() FROM sessions") > 1_000);
    tables::assert_equal(&calm, &shaken);
}
