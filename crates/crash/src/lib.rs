//! Named points at which a test kills the process: in the binary that is shipped, so that what is tried is what runs.
//!
//! A process that was armed (`CRUMBTRAIL_CRASH_AT=<point>:<n>` in its environment) ends by SIGKILL when it comes to the point for
//! the n-th time. In every other a point is one load. `tests/tests/faults/crash_points.rs` visits each.
#![forbid(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The variable that arms a process.
pub const VARIABLE: &str = "CRUMBTRAIL_CRASH_AT";

/// The points in the life of a record, and where each lies.
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

/// The points of commands that have steps of their own, named after them.
pub const COMMAND_POINTS: [(&str, &str); 6] = [
    ("redrive_planned", "which dead letters are sent again is durable, none of them is"),
    ("redrive_sent", "dead letters are durable among the touchpoints, their plan does not say so"),
    ("rebuild_carried", "the old log is carried over to its end, the new tables are not whole"),
    ("rebuild_taken_over", "rows of before are in the new tables, the views show the old ones"),
    ("rebuild_staged", "the new views are staged and audited, nobody sees them"),
    ("rebuild_exchanged", "the views show the new tables, nobody was told"),
];

/// Where to end, and at which time there.
#[derive(Debug)]
struct Plan {
    point: &'static str,
    left: AtomicU64,
}

static PLAN: OnceLock<Plan> = OnceLock::new();

/// Arms this process as its environment says; the point, if there is one. Once, before anything else is done.
///
/// # Errors
/// What stands there is no point, in words.
pub fn arm() -> Result<Option<&'static str>, String> {
    let Ok(text) = std::env::var(VARIABLE) else { return Ok(None) };
    let plan = read(&text)?;
    Ok(Some(PLAN.get_or_init(|| plan).point))
}

fn read(text: &str) -> Result<Plan, String> {
    let points = || POINTS.into_iter().chain(COMMAND_POINTS);
    let known = || points().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
    let plan = text.split_once(':').and_then(|(name, times)| {
        let (point, _) = points().find(|(point, _)| *point == name)?;
        Some(Plan { point, left: AtomicU64::new(times.parse().ok().filter(|times| *times > 0)?) })
    });
    plan.ok_or_else(|| {
        format!("{VARIABLE} is for tests that kill this process: <point>:<n-th time>, of {}; it says {text:?}", known())
    })
}

/// Comes to a point.
#[inline]
pub fn point(name: &'static str) {
    if let Some(plan) = PLAN.get() {
        plan.come_to(name);
    }
}

impl Plan {
    #[cold]
    fn come_to(&self, name: &str) {
        if self.point == name && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            let killed = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            panic!("invariant: a process may kill itself: {killed:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_a_point_and_a_time() {
        for (name, _) in POINTS.into_iter().chain(COMMAND_POINTS) {
            assert_eq!(read(&format!("{name}:2")).unwrap().point, name);
        }
        for wrong in ["", "log_written", "log_written:", "log_written:0", "log_written:x", "nowhere:1"] {
            let said = read(wrong).unwrap_err();
            assert!(said.contains("ledger_written") && said.contains(&format!("{wrong:?}")), "{said}");
        }
    }

    #[test]
    fn the_drawing_of_a_records_life_has_every_point() {
        let page = include_str!("../../../ARCHITECTURE.md");
        let (_, life) = page.split_once("## The life of a record").unwrap();
        let (life, _) = life.split_once("\n## ").unwrap();
        let (drawing, table) = life.split_once("| | killed at |").unwrap();
        let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).collect();
        assert_eq!(rows.len(), POINTS.len());
        for (number, ((name, _), row)) in (1..).zip(POINTS.into_iter().zip(rows)) {
            assert!(row.starts_with(&format!("| {number} | `{name}` | ")), "{name}: {row}");
            assert!(drawing.contains(&format!("({number})")), "{name} is not drawn");
        }
    }
}
