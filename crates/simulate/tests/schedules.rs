//! Twenty thousand schedules in which nothing may be wrong, and each seed always the same.

use crumbtrail_simulate::{Done, run};

const SCHEDULES: u64 = 20_000;

#[test]
fn no_schedule_loses_or_doubles_anything() {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64).min(SCHEDULES);
    let part = |first: u64| {
        let (mut done, mut failed) = (Done::default(), Vec::new());
        for seed in (first..SCHEDULES).step_by(threads as usize) {
            let report = run(seed, None);
            done.add(&report.done);
            if let Some(first) = report.violations.first() {
                println!("seed {seed}: {first}");
                failed.push(seed);
            }
        }
        (done, failed)
    };
    let (mut done, mut failed) = (Done::default(), Vec::new());
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|first| scope.spawn(move || part(first))).collect();
        for part in parts {
            let (of, seeds) = part.join().unwrap();
            done.add(&of);
            failed.extend(seeds);
        }
    });
    println!("{SCHEDULES} schedules: {done:?}");
    assert!(failed.is_empty(), "make simulate SEED=… tells the story of each of these seeds: {failed:?}");
    assert!(done.too_late <= SCHEDULES / 5_000, "what can be healed is not: {done:?}");
    assert!(done.kills > SCHEDULES && done.zombies > SCHEDULES && done.restores > SCHEDULES / 10, "{done:?}");
}

#[test]
fn a_seed_is_replayed_to_the_byte() {
    for seed in 0..40 {
        let (first, again) = (run(seed, None), run(seed, None));
        assert_eq!((first.print, first.done), (again.print, again.done), "seed {seed}");
        let mut lines = 0;
        assert_eq!(run(seed, Some(&mut |_| lines += 1)).print, first.print, "listening changes nothing");
        assert!(lines > 0);
    }
}

/// A frame was lost whose records were two days old, as long as logs are kept there; nobody missed it before another day
/// had passed.
#[test]
fn a_loss_noticed_only_when_its_log_has_forgotten_is_told_and_not_healed() {
    let report = run(5_101, None);
    assert_eq!(report.violations, Vec::<String>::new());
    assert_eq!(report.done.too_late, 1);
}
