//! The serving process: found or started, one per folder, gone when nobody needs it, nothing lost when killed.

mod common;

use std::process::{Command, Stdio};

use crumbtrail_embedded::{Endpoint, START_ID_SQL, StartError, StartOptions, connect_or_start};

use common::{alive, engine_is_here, eventually, options, owner, owner_bytes, program, signal, start, try_send};

#[test]
fn the_first_command_starts_the_engine_and_the_next_one_finds_it() {
    if !engine_is_here("the_first_command_starts_the_engine_and_the_next_one_finds_it") {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let first = start(data.path());
    let second = start(data.path());
    assert!(first.started_by_us() && !second.started_by_us());
    assert_eq!(first.endpoint(), second.endpoint());
    let pid = first.endpoint().pid;
    // The first goes and the second still works; with the second the engine goes too.
    first.stop();
    assert!(alive(pid));
    assert_eq!(owner(&second, "SELECT 1"), "1\n");
    second.stop();
    eventually("the engine ends", || !alive(pid));
    assert_eq!(Endpoint::read(data.path()), None);
}

#[test]
fn commands_that_start_together_share_one_engine() {
    if !engine_is_here("commands_that_start_together_share_one_engine") {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let handles: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| start(data.path()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(handles.iter().filter(|handle| handle.started_by_us()).count(), 1);
    let pid = handles[0].endpoint().pid;
    assert!(handles.iter().all(|handle| handle.endpoint().pid == pid));
    drop(handles);
    eventually("the engine ends", || !alive(pid));
}

#[test]
fn the_start_id_changes_with_every_start() {
    if !engine_is_here("the_start_id_changes_with_every_start") {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let first = start(data.path());
    let before = owner(&first, START_ID_SQL);
    assert_eq!(owner(&first, START_ID_SQL), before);
    assert_eq!(before.trim_end(), first.endpoint().server_start_id);
    first.stop();
    let second = start(data.path());
    assert_ne!(owner(&second, START_ID_SQL), before);
}

#[test]
fn an_engine_without_its_parent_ends_and_a_standalone_one_stops_on_sigterm() {
    if !engine_is_here("an_engine_without_its_parent_ends_and_a_standalone_one_stops_on_sigterm") {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let serve = |arguments: &[&str]| {
        let mut command = Command::new(program());
        command.arg("serve").arg("--data").arg(data.path()).args(["--listen", "127.0.0.1:0"]).args(arguments);
        command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let ready = || Endpoint::read(data.path()).is_some_and(|endpoint| endpoint.answers());
    let mut child = serve(&["--with-parent"]);
    eventually("ready", ready);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());

    let mut child = serve(&[]);
    eventually("ready", ready);
    drop(child.stdin.take());
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(ready(), "standing alone, it does not mind its input's end");
    // One process per folder.
    let second = serve(&[]).wait_with_output().unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(
        said.contains("already served by another process (pid ") && said.contains(&child.id().to_string()),
        "{said}"
    );
    signal(child.id(), "TERM");
    assert!(child.wait().unwrap().success());
    assert_eq!(Endpoint::read(data.path()), None);
}

#[test]
fn a_taken_port_and_an_absent_engine_are_said_in_one_line() {
    if !engine_is_here("a_taken_port_and_an_absent_engine_are_said_in_one_line") {
        return;
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    let strict = StartOptions { listen: Some(address.clone()), port_fallback: false, ..options() };
    let Err(StartError::Ended { said }) = connect_or_start(data.path(), &program(), &strict) else { panic!("started") };
    assert!(said.contains(&address) && said.contains("--listen") && said.lines().count() == 1, "{said}");

    let lenient = StartOptions { listen: Some(address.clone()), ..options() };
    let handle = connect_or_start(data.path(), &program(), &lenient).unwrap();
    assert_ne!(handle.url(), format!("http://{address}"));
    handle.stop();

    let absent = StartOptions { library: Some("/nowhere/libchdb.so".into()), ..options() };
    let Err(StartError::Ended { said }) = connect_or_start(data.path(), &program(), &absent) else { panic!("started") };
    assert!(
        said.contains("run make setup, or set CRUMBTRAIL_ENGINE=/path/libchdb.so") && said.lines().count() == 1,
        "{said}"
    );
    let wrong = data.path().join("libchdb.so");
    std::fs::write(&wrong, b"not a library").unwrap();
    let broken = StartOptions { library: Some(wrong), ..options() };
    let Err(StartError::Ended { said }) = connect_or_start(data.path(), &program(), &broken) else { panic!("started") };
    assert!(said.contains("cannot load the ClickHouse engine"), "{said}");
}

#[test]
fn running_statements_are_drained_on_a_signal() {
    if !engine_is_here("running_statements_are_drained_on_a_signal") {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let handle = start(data.path());
    let pid = handle.endpoint().pid;
    std::thread::scope(|scope| {
        let slow =
            scope.spawn(|| owner_bytes(&handle, "/?max_block_size=1", b"SELECT sleepEachRow(1) FROM numbers(2)"));
        std::thread::sleep(std::time::Duration::from_millis(500));
        signal(pid, "TERM");
        assert_eq!(slow.join().unwrap().status, 200);
    });
    eventually("the engine ends", || !alive(pid));
}

#[test]
fn acknowledged_inserts_survive_kill_9() {
    if !engine_is_here("acknowledged_inserts_survive_kill_9") {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    let rows_of = |batch: u64| -> String { (0..1000).map(|row| format!("{batch}\t{row}\n")).collect() };
    for round in 0..5_u64 {
        let handle = start(data.path());
        owner(
            &handle,
            "CREATE TABLE IF NOT EXISTS kept (batch UInt64, row UInt64) ENGINE = MergeTree ORDER BY (batch, row)",
        );
        check(&handle, &acknowledged);
        let pid = handle.endpoint().pid;
        let killer = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(150 + 130 * round));
            signal(pid, "KILL");
        });
        for number in 0.. {
            let batch = round * 1_000_000 + number;
            let body = rows_of(batch);
            let credentials = [("X-ClickHouse-User", handle.user()), ("X-ClickHouse-Key", handle.password())];
            match try_send(&handle, "POST", "/?query=INSERT+INTO+kept+FORMAT+TSV", &credentials, body.as_bytes()) {
                Ok(answer) if answer.status == 200 => acknowledged.push(batch),
                _ => break,
            }
        }
        killer.join().unwrap();
        eventually("killed", || !alive(pid));
    }
    let handle = start(data.path());
    check(&handle, &acknowledged);
    assert!(acknowledged.len() > 20, "only {} batches were acknowledged", acknowledged.len());
    eprintln!("kill -9: 5 rounds, {} acknowledged batches of 1000 rows, all there", acknowledged.len());
}

/// Every acknowledged batch is there whole; another one is there whole or not at all.
fn check(handle: &crumbtrail_embedded::EngineHandle, acknowledged: &[u64]) {
    let found = owner(handle, "SELECT batch FROM kept GROUP BY batch HAVING count() = 1000 AND uniqExact(row) = 1000");
    let found: std::collections::HashSet<u64> = found.lines().map(|line| line.parse().unwrap()).collect();
    let lost: Vec<_> = acknowledged.iter().filter(|batch| !found.contains(batch)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert_eq!(
        owner(handle, "SELECT count() FROM (SELECT batch FROM kept GROUP BY batch HAVING count() != 1000)"),
        "0\n",
        "partial batches"
    );
}
