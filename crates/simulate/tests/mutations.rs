//! The proof that the simulation would notice: every bug on purpose is found, most within a few schedules.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crumbtrail_simulate::{Mutation, inbox, mutation, run};

/// As many schedules as `make test` runs.
const MOST: u64 = 20_000;

/// Schedules of the control: more than the first seed of any bug of an inbox.
const CONTROLS: u64 = 1_000;

/// The first seed that shows a bug, and how. A panic shows it too: an invariant is asserted there.
fn found(bug: Mutation) -> Option<(u64, String)> {
    mutation::set(Some(bug));
    let shown = (0..MOST).find_map(|seed| match catch_unwind(AssertUnwindSafe(|| run(seed, None))) {
        Ok(report) => report.violations.into_iter().next().map(|violation| (seed, violation)),
        Err(_) => Some((seed, "an invariant is violated".to_owned())),
    });
    mutation::set(None);
    shown
}

#[test]
fn every_bug_is_found() {
    std::panic::set_hook(Box::new(|_| ()));
    let mut missed = Vec::new();
    for bug in Mutation::ALL {
        match found(bug) {
            Some((seed, how)) => println!("{bug:?}: seed {seed}: {}", how.chars().take(160).collect::<String>()),
            None => missed.push(bug),
        }
    }
    let _ = std::panic::take_hook();
    assert!(missed.is_empty(), "not found within {MOST} schedules: {missed:?}");
}

/// The control: what shows a bug in an inbox is the bug, not the simple inbox it was put into.
#[test]
fn the_inbox_that_bugs_are_put_into_is_right_without_one() {
    inbox::simple(true);
    for seed in 0..CONTROLS {
        let report = run(seed, None);
        assert_eq!(report.violations, [""; 0], "seed {seed}");
    }
    inbox::simple(false);
}
