//! Runs schedules: many, with a progress line and the seed of every one that fails; or one, told step by step.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::Parser;
use crumbtrail_simulate::{Done, Mutation, Report, mutation, run};

/// Tries to break the promise, with seeds.
#[derive(Debug, Parser)]
struct Args {
    /// The first seed; without `--runs` the only one, and its story is told.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Schedules to run, seeds in order.
    #[arg(long)]
    runs: Option<u64>,
    /// Threads.
    #[arg(long, default_value_t = 1)]
    jobs: u64,
    /// A bug to build in; `list` lists them.
    #[arg(long)]
    mutation: Option<String>,
}

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let args = Args::parse();
    let bug = match args.mutation.as_deref() {
        None => None,
        Some("list") => {
            Mutation::ALL.iter().for_each(|mutation| println!("{mutation:?}"));
            return ExitCode::SUCCESS;
        }
        Some(name) => match Mutation::named(name) {
            Some(mutation) => Some(mutation),
            None => {
                eprintln!("there is no mutation {name:?}: --mutation list lists them");
                return ExitCode::from(2);
            }
        },
    };
    let failed = match args.runs {
        None => tell(args.seed, bug),
        Some(runs) => run_many(&args, runs, bug),
    };
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Tells the story of one seed; whether it ended badly.
fn tell(seed: u64, bug: Option<Mutation>) -> bool {
    mutation::set(bug);
    let report = run(seed, Some(&mut |line| println!("{line}")));
    println!("seed {seed}: fingerprint {:016x}, {:?}", report.print, report.done);
    report.violations.iter().for_each(|violation| println!("VIOLATION {violation}"));
    !report.violations.is_empty()
}

/// Runs many seeds; whether one ended badly.
fn run_many(args: &Args, runs: u64, bug: Option<Mutation>) -> bool {
    let begun = Instant::now();
    let next = AtomicU64::new(args.seed);
    let (sender, receiver) = mpsc::channel::<(u64, Report)>();
    let (mut finished, mut failed, mut done, mut told) = (0u64, 0u64, Done::default(), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                mutation::set(bug);
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed - args.seed >= runs || sender.send((seed, run(seed, None))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (seed, report) in receiver {
            finished += 1;
            done.add(&report.done);
            if report.done.too_late > 0 {
                println!("seed {seed}: a loss was noticed too late to be healed");
            }
            if let Some(first) = report.violations.first() {
                failed += 1;
                println!("FAILED seed {seed}: {} violations, the first: {first}", report.violations.len());
            }
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                let rate = finished as f64 / begun.elapsed().as_secs_f64();
                println!("{finished} of {runs} schedules, {failed} failed, {rate:.0}/s");
            }
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    println!("{finished} schedules from seed {}, {failed} failed, {seconds:.1} s: {done:?}", args.seed);
    failed > 0
}
