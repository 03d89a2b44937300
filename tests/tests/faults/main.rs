//! One fault after another on real parts: processes of the binary, the local log or a real broker, the real engine behind a
//! door that misbehaves. After each, every table says what an undisturbed run says and the audit is empty.
//!
//! `make faults` (`CRUMBTRAIL_FAULTS=long`) runs all of them, many times and on more data; without it what fits into a
//! minute. A line a fault, `faults: …`, tells what was done.

mod commands;
mod crash_points;
mod kafka;
mod local;

use std::time::{SystemTime, UNIX_EPOCH};

fn is_long() -> bool {
    std::env::var("CRUMBTRAIL_FAULTS").is_ok_and(|form| form == "long")
}

/// How many times over what the long form does again and again is done: `CRUMBTRAIL_FAULTS_TIMES`.
fn times() -> u32 {
    std::env::var("CRUMBTRAIL_FAULTS_TIMES")
        .map_or(1, |times| times.parse().expect("CRUMBTRAIL_FAULTS_TIMES is a number"))
}

/// A seed that the clock gives and the output tells.
fn seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}
