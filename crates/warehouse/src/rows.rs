//! Rows that no processor has a struct for: a touchpoint as judged, and a dead letter.

use crumbtrail_events::{Outcome, Touchpoint};

/// One row of `touchpoints`: the touchpoint and what became of it. Any outcome but `Dead`.
#[derive(Clone, Copy, Debug)]
pub struct TouchpointRow<'a> {
    /// The touchpoint.
    pub touchpoint: &'a Touchpoint<'a>,
    /// The final outcome (sessionize may have found it late or repeated).
    pub outcome: Outcome,
    /// Session it was counted in; 0 if none.
    pub session_id: u64,
    /// Partition of the log it was read from.
    pub log_partition: u32,
}

/// One row of `dead_letters`: the stub intake left (reason, detail, topic, partition, offset; preview in `text`).
#[derive(Clone, Copy, Debug)]
pub struct DeadLetterRow<'a> {
    /// The stub, its outcome `Dead`.
    pub touchpoint: &'a Touchpoint<'a>,
    /// Partition of the log it was read from.
    pub log_partition: u32,
}
