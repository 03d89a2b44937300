//! A disk that is really full, under the log, under the engine, under both: one line says so, nothing is lost, and it goes on
//! with room. (`faults` has the same with files that may not grow, where no disk can be mounted.)

use std::process::Stdio;
use std::time::{Duration, Instant};

use crumbtrail_tests::deployment::wait_until;
use crumbtrail_tests::{Deployment, Disk, has_engine, tables, world};

/// Small batches, and many snapshots.
const PACE: &str = "pace:\n  insert_interval_ms: 50\n  tick_ms: 20\nsnapshots:\n  interval_seconds: 1\n";

/// What an undisturbed import says, and the arguments of that import.
fn calm(test: &str) -> Option<(Deployment, Vec<String>, Vec<Vec<String>>)> {
    if !has_engine(test) {
        return None;
    }
    let mut calm = Deployment::new(PACE);
    calm.start_engine();
    world::make(&calm.path("world"), "0.1", &[]);
    let arguments = world::import_arguments(&calm.path("world"));
    calm.ok("import", &arguments);
    let expected = tables::all(&calm);
    Some((calm, arguments, expected))
}

/// Imports, makes some room where it fails, and imports again, until it is well; how often it failed, and what it said last.
#[track_caller]
fn until_there_is_room(shop: &Deployment, disk: &Disk, arguments: &[String], rooms: &[u32]) -> (usize, String) {
    let (mut failures, mut last) = (0, String::new());
    for mib in rooms {
        let begun = Instant::now();
        let out = shop.run("import", arguments);
        if out.status.success() {
            return (failures, last);
        }
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        last = said.lines().last().unwrap_or_default().to_owned();
        eprintln!("full disk: after {:.1?}: {last}", begun.elapsed());
        assert!(!said.contains("panicked"), "{said}");
        assert_eq!(said.lines().filter(|line| line.starts_with("crumbtrail: ")).count(), 1, "{said}");
        let words = ["no space left", "disk is full", "No space left", "disk full"];
        assert!(last.starts_with("crumbtrail: ") && words.iter().any(|word| last.contains(word)), "{said}");
        assert!(begun.elapsed() < Duration::from_secs(120), "it takes long to say so");
        failures += 1;
        disk.grow(*mib);
    }
    let said = shop.fails("import", arguments);
    panic!("{} MiB are not enough: {said}", rooms[rooms.len() - 1]);
}

#[test]
fn an_import_on_a_full_disk_says_so_and_goes_on_with_room() {
    let test = "an_import_on_a_full_disk_says_so_and_goes_on_with_room";
    let Some((_calm, arguments, expected)) = calm(test) else { return };
    let mut shop = Deployment::new(PACE);
    let Some(disk) = Disk::mount(test, &shop.data(), 16) else { return };
    let (failures, said) = until_there_is_room(&shop, &disk, &arguments, &[24, 32, 40, 56, 512, 512]);
    assert!(failures > 1, "it was not full: {said}");
    shop.start_engine();
    tables::assert_says(&expected, &shop);
    shop.ok("audit", ["--log"]);
    eprintln!("faults: log, snapshots and engine on a full disk, {failures} times: every table equal, audit empty");
    shop.stop_engine();
    drop(disk);
}

#[test]
fn a_log_on_a_full_disk_loses_nothing() {
    let test = "a_log_on_a_full_disk_loses_nothing";
    let Some((calm, arguments, expected)) = calm(test) else { return };
    let shop = Deployment::beside(&calm, &calm.engine_access().0, "small", PACE);
    let Some(disk) = Disk::mount(test, &shop.data(), 3) else { return };
    let (failures, said) = until_there_is_room(&shop, &disk, &arguments, &[5, 8, 12, 512, 512]);
    assert!(failures > 1, "it was not full: {said}");
    tables::assert_says(&expected, &shop);
    shop.ok("audit", ["--log"]);
    eprintln!("faults: log and snapshots on a full disk, {failures} times: every table equal, audit empty");
    drop(disk);
}

#[test]
fn clickhouse_on_a_full_disk_is_waited_for() {
    let test = "clickhouse_on_a_full_disk_is_waited_for";
    let Some((_calm, arguments, expected)) = calm(test) else { return };
    let mut host = Deployment::new("");
    let Some(disk) = Disk::mount(test, &host.data(), 8) else { return };
    host.start_engine();
    let shop = Deployment::beside(&host, &host.engine_access().0, "crumbtrail", PACE);
    let said = std::fs::File::create(shop.path("said")).unwrap();
    let mut job = shop.command("import").args(&arguments).stdout(Stdio::null()).stderr(said).spawn().unwrap();
    let said = || std::fs::read_to_string(shop.path("said")).unwrap();
    wait_until(Duration::from_secs(120), || said().contains("clickhouse's disk is full: make room there"));
    std::thread::sleep(Duration::from_secs(2));
    assert!(job.try_wait().unwrap().is_none(), "it waits: {}", said());
    disk.grow(512);
    let ended = job.wait().unwrap();
    assert!(ended.success(), "{}", said());
    tables::assert_says(&expected, &shop);
    eprintln!(
        "faults: ClickHouse's disk full under an import, then not: it went on by itself, every table equal, audit empty"
    );
    host.stop_engine();
    drop(disk);
}
