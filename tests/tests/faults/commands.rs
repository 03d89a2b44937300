//! SIGKILL of a redrive and of a rebuild at every named point that they come to: their own, and those of the records they send.

use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Instant;

use crumbtrail_crash::{COMMAND_POINTS, POINTS, VARIABLE};
use crumbtrail_tests::{Deployment, has_engine, tables, world};
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::{is_long, seed};

/// Many small inserts and snapshots.
const PACE: &str = "pace:\n  insert_interval_ms: 20\n  tick_ms: 10\nsnapshots:\n  interval_seconds: 1\n  keep: 1\n";
/// What intake alone comes to: neither command has one.
const OF_INTAKE: [&str; 3] = ["intake_appended", "letters_flushed", "intake_flushed"];

/// The points that a command comes to, by the beginning of the names of its own.
fn points(command: &str) -> Vec<&'static str> {
    let own = COMMAND_POINTS.iter().map(|(name, _)| *name).filter(|name| name.starts_with(command));
    POINTS.iter().map(|(name, _)| *name).filter(|name| !OF_INTAKE.contains(name)).chain(own).collect()
}

/// Runs a command; whether it was killed at the point.
fn is_killed(shop: &Deployment, command: &str, arguments: &[&str], at: &str) -> bool {
    let out = shop.command(command).args(arguments).env(VARIABLE, at).output().expect("it starts");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() || out.status.signal() == Some(9), "{command} {at}: {}: {said}", out.status);
    !out.status.success()
}

/// Visits all points of a command, in as few deployments as they fit in: each is prepared, killed at one point after the other until
/// the command comes to its end first, and judged.
fn visit(
    command: &str,
    arguments: &[&str],
    prepare: impl Fn(usize) -> Deployment,
    unharmed: impl Fn(&Deployment),
    judge: impl Fn(&Deployment),
) {
    let seed = seed();
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    eprintln!("seed {seed}");
    let mut scene = 0;
    for _ in 0..if is_long() { 20 } else { 1 } {
        let mut left = points(command);
        left.shuffle(&mut chance);
        while !left.is_empty() {
            let begun = Instant::now();
            let shop = prepare(scene);
            scene += 1;
            let mut visited = Vec::new();
            while let Some(point) = left.pop() {
                let times = if visited.is_empty() { 1 } else { chance.random_range(1..=2) };
                let was_last = point == "rebuild_exchanged";
                if !is_killed(&shop, command, arguments, &format!("{point}:{times}")) {
                    // It came to the end first. In a deployment of its own it comes there, or never.
                    if visited.is_empty() {
                        assert!(!point.starts_with(command), "it never comes to {point}");
                        eprintln!("{command} never comes to {point}");
                    } else {
                        left.push(point);
                    }
                    break;
                }
                visited.push(point);
                if was_last {
                    break;
                }
                unharmed(&shop);
            }
            shop.ok(command, arguments);
            judge(&shop);
            eprintln!(
                "faults: {command} killed at {}: every table equal, audit empty ({:.1?})",
                visited.join(", "),
                begun.elapsed()
            );
        }
    }
}

#[test]
fn a_redrive_killed_at_every_named_point_sends_each_letter_once() {
    if !has_engine("a_redrive_killed_at_every_named_point_sends_each_letter_once") {
        return;
    }
    let mut host = Deployment::new("");
    host.start_engine();
    let mut lines = String::new();
    for n in 0..400 {
        let at = format!("2025-10-09T08:{:02}:{:02}Z", n / 60, n % 60);
        let _ =
            writeln!(lines, r#"{{"type":"page","messageId":"s{n}","anonymousId":"w{}","timestamp":"{at}"}}"#, n % 37);
    }
    lines.push_str("{\n");
    let file = host.write("clicks.jsonl", lines);
    // Segment messages taken for native ones: all are dead, and readable once that is mended.
    let import = ["--keep-open", "--format", "native", file.to_str().unwrap()];
    let redrive = ["--format", "segment"];
    let prepare = |scene: usize| {
        let shop = Deployment::beside(&host, &host.engine_access().0, &format!("redrive_{scene}"), PACE);
        shop.ok("import", import);
        assert_eq!(shop.number("SELECT count() FROM dead_letters"), 401);
        shop
    };
    let calm = prepare(usize::MAX);
    calm.ok("redrive", redrive);
    let expected = tables::all(&calm);
    assert_eq!(
        calm.sql("SELECT became, count() FROM dead_letter_fates GROUP BY became ORDER BY became"),
        "counted\t400\ndead\t1\n"
    );
    visit(
        "redrive",
        &redrive,
        prepare,
        |_| (),
        |shop| {
            tables::assert_says(&expected, shop);
            let said = shop.ok("redrive", redrive);
            assert!(said.contains("sent                          0"), "{said}");
            shop.ok("audit", ["--log"]);
        },
    );
}

#[test]
fn a_rebuild_killed_at_every_named_point_leaves_the_old_tables_or_shows_the_new() {
    if !has_engine("a_rebuild_killed_at_every_named_point_leaves_the_old_tables_or_shows_the_new") {
        return;
    }
    let mut host = Deployment::new("");
    host.start_engine();
    world::make(&host.path("world"), "0.02", &[]);
    let import = world::import_arguments(&host.path("world"));
    // With a time: rows of before are taken over, too.
    let day = "2025-07-15";
    let prepare = |scene: usize| {
        let shop = Deployment::beside(&host, &host.engine_access().0, &format!("rebuild_{scene}"), PACE);
        shop.ok("import", &import);
        shop
    };
    let calm = prepare(usize::MAX);
    let before = tables::all(&calm);
    calm.ok("rebuild", ["--since", day]);
    let expected = tables::all(&calm);
    visit(
        "rebuild",
        &["--since", day],
        prepare,
        |shop| tables::assert_says(&before, shop),
        |shop| {
            tables::assert_says(&expected, shop);
            assert_eq!(shop.sql("SELECT DISTINCT epoch FROM batches"), "2\n");
        },
    );
}
