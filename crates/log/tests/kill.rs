//! The local home against `kill -9` and a full disk: a child process of this test is the victim.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crumbtrail_log::local::LocalLog;
use crumbtrail_log::{Log, Offset, PartitionId};

/// Tells the child what to be and where; without it the child's test does nothing.
const FOLDER: &str = "CRUMBTRAIL_LOG_TEST_FOLDER";
/// Makes the child trim behind itself.
const TRIMS: &str = "CRUMBTRAIL_LOG_TEST_TRIMS";
const PARTITIONS: u32 = 3;
const SOON: Duration = Duration::from_secs(30);

/// A frame that says which it is, of a size that varies.
fn frame(partition: u32, number: u64) -> Vec<u8> {
    let mut frame = vec![(number % 251) as u8; 100 + (number * 7_919 % 30_000) as usize];
    frame[..8].copy_from_slice(&number.to_le_bytes());
    frame[8] = partition as u8;
    frame
}

/// Checks that a log holds frames up to its end whole and in order, from its start on, and returns each partition's end.
fn verify(log: &LocalLog) -> Vec<u64> {
    let counts = (0..PARTITIONS).map(|partition| {
        let (start, end) = log.bounds(PartitionId(partition)).expect("bounds");
        let mut next = start.0;
        if next > 0 {
            let gone = log.read(PartitionId(partition), Offset(next - 1), 1).expect_err("trimmed");
            assert_eq!(gone.kind(), "trimmed");
        }
        while next < end.0 {
            for (offset, bytes) in log.read(PartitionId(partition), Offset(next), 1 << 20).expect("a read") {
                assert_eq!(offset, Offset(next));
                assert!(bytes == frame(partition, next), "frame {next} of partition {partition} changed");
                next += 1;
            }
        }
        next
    });
    counts.collect()
}

/// The child: appends, flushes, and prints what was acknowledged, until killed or refused.
#[test]
fn child_writes_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let log = LocalLog::open(Path::new(&folder), "victim", PARTITIONS).expect("the log opens");
    let mut next = verify(&log);
    println!("acked {next:?}");
    loop {
        for _ in 0..20 {
            for partition in 0..PARTITIONS {
                let number = &mut next[partition as usize];
                log.append(PartitionId(partition), frame(partition, *number)).expect("an append queues");
                *number += 1;
            }
        }
        match log.flush(SOON) {
            Ok(()) => {
                println!("acked {next:?}");
                if std::env::var_os(TRIMS).is_some() {
                    for (partition, next) in (0..).zip(&next) {
                        log.trim(PartitionId(partition), Offset(next - next % 50)).expect("a trim");
                    }
                    println!("trimmed {:?}", next.iter().map(|next| next - next % 50).collect::<Vec<_>>());
                }
            }
            Err(error) => {
                println!("refused {}: {error}", error.kind());
                println!("held {:?}", verify(&log));
                // room again, as far as it goes: what was queued is still there, in order
                return;
            }
        }
    }
}

fn child(folder: &Path, blocks: Option<u32>) -> Command {
    let program = std::env::current_exe().expect("this program");
    let arguments = ["child_writes_until_killed", "--exact", "--nocapture"];
    let mut command = match blocks {
        None => Command::new(program),
        Some(blocks) => {
            let mut shell = Command::new("sh");
            // beyond the limit a write fails as on a full disk; the signal is ignored so that it can
            let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
            shell.arg("-c").arg(script).arg(program);
            shell
        }
    };
    command.args(arguments).env(FOLDER, folder).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

fn counts(line: &str) -> Vec<u64> {
    line.split(['[', ']'])
        .nth(1)
        .map(|list| list.split(", ").filter_map(|n| n.parse().ok()).collect())
        .unwrap_or_default()
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut reached = vec![0; PARTITIONS as usize];
    for round in 0..6_u64 {
        let mut victim = child(folder.path(), None).spawn().unwrap();
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut seen = 0;
        // at a different moment each time, in the middle of whatever it does
        while seen < 3 + round {
            let line = lines.next().expect("the child goes on").unwrap();
            if line.contains("acked") {
                reached = counts(&line);
                seen += 1;
            }
        }
        std::thread::sleep(Duration::from_millis(round * 3));
        victim.kill().unwrap();
        victim.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            if line.contains("acked") && line.ends_with(']') {
                reached = counts(&line);
            }
        }
        let started = Instant::now();
        let log = LocalLog::open(folder.path(), "victim", PARTITIONS).unwrap();
        let took = started.elapsed();
        let held = verify(&log);
        println!("round {round}: acknowledged {reached:?}, held {held:?}, opened in {took:?}");
        assert!(held.iter().zip(&reached).all(|(held, reached)| held >= reached), "{held:?} < {reached:?}");
        let whole = held.iter().all(|count| *count == held[0]);
        assert!(whole, "a flush is all or nothing: {held:?}");
    }
}

#[test]
fn a_log_killed_while_it_is_trimmed_is_readable_from_its_start_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut trimmed = vec![0; PARTITIONS as usize];
    for round in 0..6_u64 {
        let mut victim = child(folder.path(), None).env(TRIMS, "1").spawn().unwrap();
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut seen = 0;
        // right after an acknowledgement the child trims
        while seen < 6 + round {
            let line = lines.next().expect("the child goes on").unwrap();
            trimmed = if line.contains("trimmed") { counts(&line) } else { trimmed };
            seen += u64::from(line.contains("acked"));
        }
        std::thread::sleep(Duration::from_millis(round));
        victim.kill().unwrap();
        victim.wait().unwrap();
        let log = LocalLog::open(folder.path(), "victim", PARTITIONS).unwrap();
        let ends = verify(&log);
        for (partition, (end, trimmed)) in (0..).zip(ends.iter().zip(&trimmed)) {
            let (start, _) = log.bounds(PartitionId(partition)).unwrap();
            assert!(start.0 >= *trimmed && start.0 <= *end, "partition {partition}: {trimmed} {start:?} {end}");
        }
        assert!(trimmed[0] > 0, "something was trimmed");
    }
}

#[test]
fn a_full_disk_is_a_clear_error_and_nothing_is_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let output = child(folder.path(), Some(40_000)).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let refused = said.lines().find(|line| line.contains("refused")).expect("the limit is met");
    assert!(refused.contains("disk_full") && refused.contains("no space left for"), "{refused}");
    let acked = said.lines().rfind(|line| line.contains("acked")).map(counts).unwrap();
    let held = said.lines().find(|line| line.contains("held")).map(counts).unwrap();
    assert_eq!(held, acked, "readers see what was acknowledged, no more, no less");
    // with room again, it opens and goes on
    let log = LocalLog::open(folder.path(), "victim", PARTITIONS).unwrap();
    assert_eq!(verify(&log), acked);
    for partition in 0..PARTITIONS {
        log.append(PartitionId(partition), frame(partition, acked[partition as usize])).unwrap();
    }
    log.flush(SOON).unwrap();
    assert_eq!(verify(&log)[0], acked[0] + 1);
}
