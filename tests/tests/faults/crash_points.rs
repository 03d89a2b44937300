//! SIGKILL at every named point.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Instant;

use crumbtrail_crash::{POINTS, VARIABLE};
use crumbtrail_tests::{Deployment, has_engine};
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::local::Bench;
use crate::{is_long, seed};

const TEST: &str = "killed_at_every_named_point";

#[test]
fn killed_at_every_named_point() {
    if !has_engine(TEST) {
        return;
    }
    let bench = Bench::start(if is_long() { "0.1" } else { "0.05" });
    let seed = seed();
    eprintln!("seed {seed}");
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    for round in 0..if is_long() { 20 } else { 1 } {
        let mut points: Vec<&str> = POINTS.iter().map(|(name, _)| *name).collect();
        points.shuffle(&mut chance);
        let mut scene = 0;
        while !points.is_empty() {
            let begun = Instant::now();
            // One snapshot is kept, so that there is one to prune.
            let (_door, shop) = bench.scene_with(&format!("crash_{round}_{scene}"), "  keep: 1\n");
            scene += 1;
            let mut visited = Vec::new();
            while let Some(point) = points.pop() {
                let times = if visited.is_empty() { 1 } else { chance.random_range(1..=3) };
                if is_killed(&shop, bench.arguments(), &format!("{point}:{times}")) {
                    visited.push(point);
                } else {
                    // It came to the end first: in a world of its own it comes there.
                    assert!(!visited.is_empty(), "{point}: an import from its beginning never comes there");
                    points.push(point);
                    break;
                }
            }
            shop.ok("import", bench.arguments());
            bench.judge(&shop, &format!("killed at {}", visited.join(", ")), begun);
        }
    }
}

/// Imports; whether it was killed at the point.
fn is_killed(shop: &Deployment, arguments: &[String], at: &str) -> bool {
    let mut command = shop.command("import");
    let out = command.args(arguments).env(VARIABLE, at).stdout(Stdio::null()).output().expect("it starts");
    assert!(
        out.status.success() || out.status.signal() == Some(9),
        "{at}: {}: {}",
        out.status,
        String::from_utf8_lossy(&out.stderr)
    );
    !out.status.success()
}
