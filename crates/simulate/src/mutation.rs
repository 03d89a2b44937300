//! Bugs on purpose: each is what somebody might write to make the design simpler. The simulation must notice every one.
//!
//! They live in what the simulation puts round the real code (its logs, its database, its source, wrappers of a step and of
//! an inbox), chosen by a cell of this thread. Production code knows nothing of them: no feature to build in by accident,
//! no branch on a hot path.

use std::cell::Cell;
use std::collections::BTreeMap;

use crumbtrail_log::{FrameView, OriginId, Outbox, PartitionId, Position};

/// One bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutation {
    /// Provenance is not looked at: repeats and what follows a gap are taken.
    NoProvenance,
    /// Repeats are told by offset, without the sequence number.
    OffsetOnly,
    /// A frame is judged by its first record.
    FirstRecordJudgesFrame,
    /// A tick can lower what is held.
    TickLowers,
    /// A tick's frontier is taken though its last position is not held.
    LastIgnored,
    /// The watermark of a rejected tick is taken.
    RejectedWatermark,
    /// A gap is counted, and passed.
    GapPassed,
    /// The watermark is the minimum over the origins heard of, not over those declared.
    SeenOrigins,
    /// An origin whose watermark has not moved since its last tick holds nothing back.
    IdleLeftOut,
    /// Records decided under an older configuration are followed too.
    AnyGeneration,
    /// A snapshot forgets what was held of each origin.
    SnapshotWithoutPositions,
    /// A snapshot forgets rows that were not written yet.
    SnapshotWithoutDirtyRows,
    /// A row's version is the wall clock.
    VersionFromClock,
    /// A row's version is a counter of the process.
    VersionFromCounter,
    /// A row's version is the source's offset, as if a step merged two logs and kept their offsets.
    VersionFromSource,
    /// The session gap is what the environment says at restart, not what the log says.
    RulesFromEnvironment,
    /// Other rules hold from the start of the next process on, not from their record in the log on.
    RulesOncePerProcess,
    /// Batches are cut where the process pleases, not where the log says.
    CutByProcess,
    /// The end of a source is claimed for the moment of the answer, not of the question.
    StaleEndStampedNow,
    /// Keys are routed differently under another configuration, without a new epoch.
    RoutingWithoutEpoch,
    /// Source offsets are committed before ticks are acknowledged, and started from.
    CommitBeforeAck,
    /// Intake starts at the highest frontier read back, not the lowest.
    ReadBackHighest,
    /// `previous` falls back to the last acknowledged frontier instead of the run's start.
    PreviousFromFrontier,
    /// Going back does not reset `previous`.
    NoResetOnGoingBack,
    /// A producer drops frames and nobody is asked to go back.
    NobodyIsAsked,
    /// The log is trimmed beyond the oldest snapshot kept.
    TrimsTooFar,
    /// Any snapshot is used, though the tables do not go so far.
    LedgerIgnored,
    /// Any snapshot is used, though the next log does not go so far.
    FrontiersIgnored,
    /// A restart looks at the newest ledger row, not at the unbroken chain.
    NewestLedgerRow,
    /// The ledger row is written without asking whether the server restarted meanwhile.
    LedgerUnasked,
    /// A batch's ledger rows tell other positions than its records have, in every table alike.
    PositionsApart,
    /// The server's start is asked before and after the ledger row, in requests of their own, as it once was done.
    LedgerAskedApart,
    /// A token outlives the rows it spoke of.
    TokenOutlivesRows,
    /// A token is a counter of the process.
    TokenFromCounter,
    /// A token names table and first stretch, not the content.
    TokenWithoutContent,
    /// A snapshot's checksum is not looked at.
    DamagedSnapshotLoaded,
    /// Inserts are acknowledged before they are done, as by `async_insert` without waiting.
    InsertNotAwaited,
    /// Inserts are not synced: a power cut loses acknowledged rows.
    NotSynced,
    /// What changes hands is given to the new person and not taken from the old.
    HandOverOnlyGives,
    /// Of rival claims to a visitor the first to arrive wins.
    FirstToArriveWins,
    /// That a customer's id is another one's alias is told to the partition of its key alone.
    AliasToldToOneOnly,
    /// An alias is applied once: what its customer does later stays under the id they use.
    AliasAppliedOnce,
    /// Of aliases that stand in each other's way, rivals and circles, the first to arrive holds.
    FirstAliasHolds,
    /// Every partition lets all visitors of a customer link that one may have, not its share.
    BoundNotDealt,
    /// A visitor that is a customer's no more for the number of these stays in their journey.
    CutKeepsTouchpoints,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Mutation; 45] = [
        Mutation::NoProvenance,
        Mutation::OffsetOnly,
        Mutation::FirstRecordJudgesFrame,
        Mutation::TickLowers,
        Mutation::LastIgnored,
        Mutation::RejectedWatermark,
        Mutation::GapPassed,
        Mutation::SeenOrigins,
        Mutation::IdleLeftOut,
        Mutation::AnyGeneration,
        Mutation::SnapshotWithoutPositions,
        Mutation::SnapshotWithoutDirtyRows,
        Mutation::VersionFromClock,
        Mutation::VersionFromCounter,
        Mutation::VersionFromSource,
        Mutation::RulesFromEnvironment,
        Mutation::RulesOncePerProcess,
        Mutation::CutByProcess,
        Mutation::StaleEndStampedNow,
        Mutation::RoutingWithoutEpoch,
        Mutation::CommitBeforeAck,
        Mutation::ReadBackHighest,
        Mutation::PreviousFromFrontier,
        Mutation::NoResetOnGoingBack,
        Mutation::NobodyIsAsked,
        Mutation::TrimsTooFar,
        Mutation::LedgerIgnored,
        Mutation::FrontiersIgnored,
        Mutation::NewestLedgerRow,
        Mutation::LedgerUnasked,
        Mutation::PositionsApart,
        Mutation::LedgerAskedApart,
        Mutation::TokenOutlivesRows,
        Mutation::TokenFromCounter,
        Mutation::TokenWithoutContent,
        Mutation::DamagedSnapshotLoaded,
        Mutation::InsertNotAwaited,
        Mutation::NotSynced,
        Mutation::HandOverOnlyGives,
        Mutation::FirstToArriveWins,
        Mutation::AliasToldToOneOnly,
        Mutation::AliasAppliedOnce,
        Mutation::FirstAliasHolds,
        Mutation::BoundNotDealt,
        Mutation::CutKeepsTouchpoints,
    ];

    /// The one of this name, as `{:?}` prints it.
    #[must_use]
    pub fn named(name: &str) -> Option<Mutation> {
        Mutation::ALL.into_iter().find(|mutation| format!("{mutation:?}").eq_ignore_ascii_case(name))
    }
}

thread_local! {
    static ON: Cell<Option<Mutation>> = const { Cell::new(None) };
}

/// Which bug this thread's schedules have.
#[must_use]
pub fn current() -> Option<Mutation> {
    ON.get()
}

/// Whether this thread's schedules have this bug.
#[must_use]
pub fn is_on(mutation: Mutation) -> bool {
    ON.get() == Some(mutation)
}

/// From now on this thread's schedules have this bug, or none.
pub fn set(mutation: Option<Mutation>) {
    ON.set(mutation);
}

/// Rewrites the frames of one writer for the bugs that live in an outbox; hands them through otherwise.
#[derive(Debug, Default)]
pub struct Rewriter {
    /// Of an origin to a partition: the last position sent, and whether any was since the run began.
    links: BTreeMap<(OriginId, PartitionId), Position>,
    /// Per origin, the frontier of the last tick, and of the last that was flushed.
    said: BTreeMap<OriginId, u64>,
    acked: BTreeMap<OriginId, u64>,
}

impl Rewriter {
    /// What was said is acknowledged.
    pub fn flushed(&mut self) {
        self.acked.clone_from(&self.said);
    }

    /// The frame as this bug has it sent.
    pub fn rewrite(&mut self, partition: PartitionId, frame: Vec<u8>) -> Vec<u8> {
        if !is_on(Mutation::PreviousFromFrontier) && !is_on(Mutation::NoResetOnGoingBack) {
            return frame;
        }
        let mut scratch = Vec::new();
        let Ok(view) = FrameView::parse(&frame, &mut scratch) else { return frame };
        // Starting anew before each record makes its `previous` explicit.
        let mut outbox = Outbox::new(view.epoch(), view.generation(), 1).with_cut_bytes(usize::MAX);
        for record in view.records() {
            let sent = self.links.get(&(record.origin, partition)).copied();
            if is_on(Mutation::NoResetOnGoingBack) && sent >= Some(record.position) {
                continue;
            }
            let previous = self.previous(partition, record.origin, record.previous).min(before(record.position));
            self.links.insert((record.origin, partition), record.position);
            outbox.start(record.origin, "", previous);
            outbox.push(record.origin, record.position, PartitionId(0), record.payload);
            outbox.stop(record.origin);
        }
        if let Ok(Some(tick)) = view.tick() {
            for said in &tick.origins {
                self.said.insert(said.origin, said.frontier);
                let last = self.previous(partition, said.origin, said.last).min(Position::before(said.frontier));
                outbox.start(said.origin, "", last);
                outbox.decided(said.origin, said.frontier, said.watermark);
            }
            if tick.closing {
                outbox.closing_tick(tick.wall_ms, &tick.declared);
            } else {
                outbox.tick(tick.wall_ms, &tick.declared);
            }
        } else {
            outbox.cut_all();
        }
        outbox.drain().next().map_or(frame, |(_, rewritten)| rewritten)
    }

    fn previous(&self, partition: PartitionId, origin: OriginId, real: Position) -> Position {
        if is_on(Mutation::NoResetOnGoingBack) {
            // The position it was at before it went back is still the last one sent.
            return self.links.get(&(origin, partition)).map_or(real, |sent| real.max(*sent));
        }
        let acked = self.acked.get(&origin).copied().unwrap_or_default();
        // Nothing sent since the start: the frontier stands in.
        if real.seq == 0 { real.max(Position::before(acked)) } else { real }
    }
}

/// The position right before one, as far as one can be named.
fn before(position: Position) -> Position {
    match position.seq {
        0 => Position::before(position.offset),
        seq => Position { seq: seq - 1, ..position },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for mutation in Mutation::ALL {
            assert_eq!(Mutation::named(&format!("{mutation:?}")), Some(mutation));
        }
        assert_eq!(Mutation::named("none"), None);
    }
}
