//! What has been said of a person, and what it is said with.

use crumbtrail_events::EventTime;

use crate::rules::JourneyRules;
use crate::snapshot::stored;
use crate::strings::Strings;

/// A row that was said and may still change: what a correction or a retraction needs to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    pub(crate) table: u8,
    /// Move: model and index. Else the row's id.
    pub(crate) key: u64,
    /// Of all its columns.
    pub(crate) hash: u64,
    /// The time a retraction repeats.
    pub(crate) at: EventTime,
    /// No later touchpoint can change it, unless one changes hands.
    pub(crate) is_settled: bool,
}
stored!(Told { table, key, hash, at, is_settled });

impl Told {
    /// What it is a version of.
    pub(crate) fn place(&self) -> (u8, u64) {
        (self.table, self.key)
    }
}

/// What rows are made with, besides the person.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AsOf<'a> {
    pub(crate) rules: &'a JourneyRules,
    pub(crate) strings: &'a Strings,
    pub(crate) watermark: EventTime,
}
