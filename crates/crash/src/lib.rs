//! Named points at which a test kills the process. In every other build they are nothing.
//!
//! A build with the feature `armed` reads `CRUMBTRAIL_CRASH_AT=<point>:<n>` and ends by SIGKILL when it comes to the point for
//! the n-th time. `tests/tests/faults/crash_points.rs` visits each.
#![forbid(unsafe_code)]

/// Every point, and where it lies.
pub const POINTS: [(&str, &str); 13] = [
    ("intake_appended", "touchpoints and dead letters of a tick are queued, nothing is durable"),
    ("letters_flushed", "dead letters are durable, the touchpoints of the same tick are not"),
    ("intake_flushed", "a tick and everything before it is durable, source offsets are not committed"),
    ("log_writing", "frames are in an open transaction of the local log"),
    ("log_written", "frames are durable in the local log, nobody was told"),
    ("frame_taken", "a frame changed a state, its batch is not handed over"),
    ("onward_flushed", "what a step passed on is durable, nothing else is"),
    ("snapshot_sealed", "a snapshot is made and not written"),
    ("snapshot_written", "a snapshot is written, older ones are not pruned"),
    ("snapshot_pruned", "an older snapshot is removed, others are still to be"),
    ("insert_begun", "the server's start is asked for, no row is sent"),
    ("rows_inserted", "rows are inserted, the ledger does not know"),
    ("ledger_written", "the ledger row is written, nobody was told"),
];

/// Comes to a point.
#[inline]
pub fn point(name: &str) {
    #[cfg(feature = "armed")]
    armed::come_to(name);
    #[cfg(not(feature = "armed"))]
    let _ = name;
}

#[cfg(feature = "armed")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Where to end, and after how many times there.
    static PLAN: OnceLock<Option<(String, AtomicU64)>> = OnceLock::new();

    pub(super) fn come_to(name: &str) {
        let plan = PLAN.get_or_init(|| {
            let text = std::env::var("CRUMBTRAIL_CRASH_AT").ok()?;
            let (point, times) = text.split_once(':')?;
            Some((point.to_owned(), AtomicU64::new(times.parse().ok()?)))
        });
        if let Some((point, left)) = plan
            && point == name
            && left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            let killed = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            panic!("invariant: a process may kill itself: {killed:?}");
        }
    }
}
