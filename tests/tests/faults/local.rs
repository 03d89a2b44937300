//! Faults on the local log: an import of a small world, behind a door that misbehaves, killed, on a full disk.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crumbtrail_tests::deployment::wait_until;
use crumbtrail_tests::proxy::{Fault, Proxy};
use crumbtrail_tests::{Deployment, has_engine, tables, world};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::{is_long, seed, times};

/// Many small inserts, so that many can be struck, and many snapshots.
const PACE: &str = "pace:\n  insert_interval_ms: 20\n  tick_ms: 10\nsnapshots:\n  interval_seconds: 1\n";

/// What faults are measured by: an engine, a world, and what an undisturbed import of it says.
pub struct Bench {
    host: Deployment,
    arguments: Vec<String>,
    calm: Vec<Vec<String>>,
    taken: Duration,
}

impl Bench {
    pub fn start(scale: &str) -> Bench {
        let mut host = Deployment::new("");
        host.start_engine();
        world::make(&host.path("world"), scale, &[]);
        let arguments = world::import_arguments(&host.path("world"));
        let calm = Deployment::beside(&host, &host.engine_access().0, "calm", PACE);
        let begun = Instant::now();
        calm.ok("import", &arguments);
        let taken = begun.elapsed();
        assert!(calm.number("SELECT count() FROM sessions") > 100);
        let calm = tables::all(&calm);
        let rows: usize = calm.iter().map(Vec::len).sum();
        eprintln!("faults: an undisturbed import takes {taken:.1?} and makes {rows} rows");
        Bench { host, arguments, calm, taken }
    }

    /// A deployment of its own behind a door of its own.
    fn scene(&self, name: &str) -> (Proxy, Deployment) {
        self.scene_with(name, "")
    }

    /// The same, with more of the pace's last key.
    pub fn scene_with(&self, name: &str, more: &str) -> (Proxy, Deployment) {
        let proxy = Proxy::start(&self.host.engine_access().0);
        let shop = Deployment::beside(&self.host, &proxy.url(), name, &format!("{PACE}{more}"));
        (proxy, shop)
    }

    /// What is imported.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    #[track_caller]
    pub fn judge(&self, shop: &Deployment, what: &str, begun: Instant) {
        tables::assert_says(&self.calm, shop);
        eprintln!("faults: {what}: every table equal, audit empty ({:.1?})", begun.elapsed());
    }

    /// Starts the import; what it says goes to `said`.
    fn spawn(&self, shop: &Deployment) -> Child {
        let said = File::create(shop.path("said")).unwrap();
        shop.command("import").args(&self.arguments).stdout(Stdio::null()).stderr(said).spawn().unwrap()
    }
}

#[test]
fn faults_on_the_local_log() {
    if !has_engine("faults_on_the_local_log") {
        return;
    }
    let bench = &Bench::start(if is_long() { "0.2" } else { "0.05" });
    let rounds = if is_long() { 4 * times() } else { 1 };
    let mut scenes: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
    for round in 0..rounds {
        for fault in Fault::QUICK {
            scenes.push(Box::new(move || struck(bench, round, fault, 2, if is_long() { 100 } else { 25 })));
        }
        scenes.push(Box::new(move || damaged(bench, round, if is_long() { 10 } else { 3 })));
        scenes.push(Box::new(move || full(bench, round)));
    }
    let scenes = Mutex::new(scenes.into_iter());
    let play = || {
        loop {
            let next = scenes.lock().unwrap().next();
            let Some(scene) = next else { return };
            scene();
        }
    };
    std::thread::scope(|scope| {
        // A client waits half a minute for an answer, and one that is refused for a minute waits, too: the others go on meanwhile.
        scope.spawn(|| away(bench, Duration::from_secs(60)));
        scope.spawn(|| (0..rounds).for_each(|round| struck(bench, round, Fault::Hangs, 5, 1)));
        // Most of a scene is waiting for the next try.
        scope.spawn(play);
        scope.spawn(play);
    });
}

#[test]
fn storms_and_older_copies_on_the_local_log() {
    if !has_engine("storms_and_older_copies_on_the_local_log") {
        return;
    }
    let bench = Bench::start(if is_long() { "0.2" } else { "0.05" });
    for round in 0..if is_long() { 12 } else { 1 } {
        storm(&bench, round);
        if is_long() && round < 4 {
            put_back(&bench);
        }
    }
}

/// An import of which every `every`-th request is struck, `at_most` of them.
fn struck(bench: &Bench, round: u32, fault: Fault, every: u64, at_most: u64) {
    let (begun, name) = (Instant::now(), format!("{fault:?}"));
    let (proxy, shop) = bench.scene(&format!("{name}_{round}"));
    proxy.strike(&[fault], every, at_most);
    shop.ok("import", &bench.arguments);
    let (struck, seen) = (proxy.struck(), proxy.seen());
    proxy.strike(&[], 1, 0);
    assert!(struck > 0, "{name}: nothing was struck of {seen}");
    bench.judge(&shop, &format!("{name}: {struck} of {seen} requests struck"), begun);
}

/// The door is shut in the middle of an import, and stays so.
fn away(bench: &Bench, long: Duration) {
    let begun = Instant::now();
    let (proxy, shop) = bench.scene("away");
    let mut job = bench.spawn(&shop);
    while proxy.seen() < 4 && job.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    proxy.shut(true);
    std::thread::sleep(long);
    assert!(job.try_wait().unwrap().is_none(), "it must wait");
    proxy.shut(false);
    assert!(job.wait().unwrap().success());
    bench.judge(&shop, &format!("refused for {long:?} in the middle"), begun);
}

/// Kills an import at random moments; snapshots are damaged before each of its further starts.
fn damaged(bench: &Bench, round: u32, times: u32) {
    let (begun, seed) = (Instant::now(), seed());
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (_proxy, shop) = bench.scene(&format!("damaged_{round}"));
    let mut harmed = Vec::new();
    for time in 0..times {
        let mut job = bench.spawn(&shop);
        let until = Instant::now() + bench.taken.mul_f64(random.random_range(0.4..1.0));
        while Instant::now() < until && job.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = job.kill();
        job.wait().unwrap();
        harmed.push(damage(&shop.data().join("snapshots"), time == 0, &mut random));
    }
    shop.ok("import", &bench.arguments);
    let what = format!("{times} times killed, snapshots truncated or flipped each time: {harmed:?} (seed {seed})");
    bench.judge(&shop, &what, begun);
}

/// Truncates or changes every other snapshot, or each of them; says how many.
fn damage(folder: &Path, each: bool, random: &mut ChaCha8Rng) -> usize {
    let mut harmed = 0;
    for path in files(folder).into_iter().filter(|path| path.extension().is_some_and(|is| is == "snap")) {
        if !each && random.random_bool(0.5) {
            continue;
        }
        let mut bytes = std::fs::read(&path).unwrap();
        if random.random_bool(0.5) {
            bytes.truncate(random.random_range(0..bytes.len()));
        } else {
            let at = random.random_range(0..bytes.len());
            bytes[at] ^= 1 << random.random_range(0..8);
        }
        std::fs::write(path, bytes).unwrap();
        harmed += 1;
    }
    harmed
}

/// All files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// No file may grow beyond a size: as on a disk that is full. The job ends with a word; with room again it goes on.
fn full(bench: &Bench, round: u32) {
    let begun = Instant::now();
    let (_proxy, shop) = bench.scene(&format!("full_{round}"));
    let mut said = String::new();
    for kib in [1_024, 2_048 + 512 * round] {
        let limited = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"");
        let plain = shop.command("import");
        let mut command = Command::new("bash");
        command.args(["-c", &limited, "limited"]).arg(plain.get_program()).args(plain.get_args());
        let out = command.args(&bench.arguments).output().unwrap();
        said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success(), "{kib} KiB were enough");
        assert!(!said.contains("panicked"), "{said}");
    }
    shop.ok("import", &bench.arguments);
    let word = said.lines().last().unwrap_or_default();
    bench.judge(&shop, &format!("disk full, twice (\"{word}\")"), begun);
}

/// Everything at once: requests struck in every way, kills at random moments, snapshots damaged, the door shut for moments.
fn storm(bench: &Bench, round: u32) {
    let (begun, seed) = (Instant::now(), seed());
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (proxy, shop) = bench.scene(&format!("storm_{round}"));
    let mut faults = Fault::QUICK;
    let first = random.random_range(0..faults.len());
    faults.rotate_left(first);
    proxy.strike(&faults, 3, u64::MAX);
    let (mut kills, mut gave_up, mut shut) = (0, 0, 0);
    while kills < 6 {
        let seen = proxy.seen();
        let mut job = bench.spawn(&shop);
        let until = Instant::now() + bench.taken.mul_f64(random.random_range(0.3..1.0));
        let mut has_ended = false;
        while Instant::now() < until && !has_ended {
            // At its start a job wants an answer; later it mostly waits for one.
            if proxy.seen() > seen + 3 && random.random_bool(0.05) {
                shut += 1;
                proxy.shut(true);
                std::thread::sleep(Duration::from_millis(random.random_range(1..300)));
                proxy.shut(false);
            }
            std::thread::sleep(Duration::from_millis(10));
            has_ended = job.try_wait().unwrap().is_some();
        }
        let _ = job.kill();
        let ended = job.wait().unwrap();
        if has_ended && ended.success() {
            break;
        }
        if has_ended {
            // A question that is not asked again met a shut door: whoever watches over the job starts it again.
            let said = std::fs::read_to_string(shop.path("said")).unwrap();
            let mut why = said.lines().filter(|line| line.contains(" ERROR ") || line.starts_with("crumbtrail: "));
            assert!(why.any(|line| line.contains("cannot be reached")), "{said} (seed {seed})");
            gave_up += 1;
        }
        kills += 1;
        damage(&shop.data().join("snapshots"), false, &mut random);
    }
    // What is late arrives, from processes that are no more.
    std::thread::sleep(Duration::from_secs(2));
    shop.ok("import", &bench.arguments);
    let struck = proxy.struck();
    proxy.strike(&[], 1, 0);
    let what = format!(
        "all of it: {kills} ends ({gave_up} by itself), {struck} requests struck, door shut {shut} times (seed {seed})"
    );
    bench.judge(&shop, &what, begun);
}

/// A copy of the database is taken in the middle of an import and put back after its end.
fn put_back(bench: &Bench) {
    let (begun, seed) = (Instant::now(), seed());
    let mut shop = Deployment::new(PACE);
    let (store, copy) = (shop.data().join("engine/store"), shop.path("copy"));
    let mut job = bench.spawn(&shop);
    wait_until(Duration::from_secs(60), || shop.data().join("engine/endpoint.json").exists());
    let command_line = format!("/proc/{}/cmdline", shop.engine_pid());
    std::thread::sleep(bench.taken.mul_f64(ChaCha8Rng::seed_from_u64(seed).random_range(0.2..0.9)));
    let _ = job.kill();
    job.wait().unwrap();
    // Its engine ends when it notices that nobody is left.
    wait_until(Duration::from_secs(60), || std::fs::read(&command_line).unwrap_or_default().is_empty());
    copy_folder(&store, &copy);
    shop.ok("import", &bench.arguments);
    let loaded = ledger_rows(&shop);
    shop.start_engine();
    let before = tables::with_versions(&shop);
    shop.stop_engine();
    std::fs::remove_dir_all(&store).unwrap();
    copy_folder(&copy, &store);
    let left = ledger_rows(&shop);
    shop.ok("import", &bench.arguments);
    shop.start_engine();
    let what = format!("an older copy of the database put back: {left} of {loaded} ledger rows left (seed {seed})");
    // One log made them, before and after.
    tables::assert_replayed(&before, &shop);
    bench.judge(&shop, &what, begun);
}

/// Rows of the ledger; none if there is no ledger yet.
fn ledger_rows(shop: &Deployment) -> usize {
    let out = shop.run("sql", ["SELECT count() FROM batches", "--format", "TSV"]);
    String::from_utf8_lossy(&out.stdout).trim().parse().unwrap_or(0)
}

fn copy_folder(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}
