//! A partition as its tables and the next log allow: which snapshot, and from where on.

use std::panic::resume_unwind;
use std::thread;

use crumbtrail_log::{Generation, Log, LogError, Offset, OriginId, PartitionId};
use parking_lot::Mutex;

use super::error::ProcessorError;
use super::settings::Processor;
use crate::frontier;
use crate::held::Held;
use crate::owner::{Owner, Start};
use crate::provenance::Provenance;
use crate::step::Step;

/// A partition, and what came of restoring it.
type Recovered<S, I> = (PartitionId, Result<Held<S, I>, ProcessorError>);

impl<S: Step, M: Fn(PartitionId) -> S + Sync> Processor<M> {
    /// Partitions, each as [`Processor::recover`] gives it, in the order they are named: some at once, for most of it is
    /// unpacking and building of what has nothing to do with the others.
    pub(super) fn recover_all<I: Provenance>(&self, partitions: &[PartitionId]) -> Vec<Recovered<S, I>> {
        // At almost every turn.
        if partitions.is_empty() {
            return Vec::new();
        }
        let _restoring = self.beat.at_work();
        let line = Mutex::new(partitions.iter().zip(self.restores.line_up(partitions.len())));
        let next = || line.lock().next();
        let some = || {
            let mut recovered = Vec::new();
            while let Some((&partition, place)) = next() {
                let _turn = place.wait();
                recovered.push((partition, self.recover(partition)));
            }
            recovered
        };
        let mut all = thread::scope(|scope| {
            // One that cannot be started leaves its work to the others.
            let helper = |_| thread::Builder::new().name("restore".to_owned()).spawn_scoped(scope, some).ok();
            let helpers: Vec<_> = (1..self.restores.threads(partitions.len())).filter_map(helper).collect();
            let mut all = some();
            for helper in helpers {
                all.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            all
        });
        all.sort_by_key(|(partition, _)| partitions.iter().position(|named| named == partition));
        all
    }
}

impl<S: Step, M: Fn(PartitionId) -> S> Processor<M> {
    /// A partition as its tables and the next log allow, with a mark that somebody has it.
    pub(super) fn recover<I: Provenance>(&self, partition: PartitionId) -> Result<Held<S, I>, ProcessorError> {
        let name = (self.make)(partition).name();
        if let (Some(marks), Some(crashes)) = (self.marks(), self.crashes()) {
            marks.count(&crashes, name, partition.0);
        }
        let mut held = self.recovered(partition)?;
        let (_, end) = self.log.bounds(partition)?;
        held.suspects = self.marks().map(|marks| marks.started(name, partition.0, held.owner.next(), end));
        Ok(held)
    }

    fn recovered<I: Provenance>(&self, partition: PartitionId) -> Result<Held<S, I>, ProcessorError> {
        let limit = self.limit(partition, newest)?;
        match self.restore(partition, limit) {
            // Whoever spoke last may have been far behind: a replay that was killed, a sleeper that woke. Every frontier ever
            // said is true, so the highest counts; it is looked for only where there is no other way.
            Err(forgotten @ ProcessorError::Forgotten { .. }) => match self.limit(partition, frontier::highest)? {
                further if further > limit => self.restore(partition, further),
                _ => Err(forgotten),
            },
            restored => restored,
        }
        .or_else(|error| match error {
            ProcessorError::Forgotten { limit, .. } if self.accepts_gaps => {
                self.adopt(partition, Offset(limit))?.ok_or(error)
            }
            error => Err(error),
        })
    }

    /// Up to where a partition's tables and its part of the next log go: the end of the ledger's unbroken chain, and the
    /// frontiers that `read_back` finds in each partition there.
    fn limit(
        &self,
        partition: PartitionId,
        read_back: impl Fn(&dyn Log, PartitionId, OriginId) -> Result<Option<(u64, Generation)>, LogError>,
    ) -> Result<Offset, ProcessorError> {
        let name = (self.make)(partition).name();
        let claimed = self.sink.chain_end(name, partition.0)?;
        let (_, end) = self.log.bounds(partition)?;
        if let Some(claimed) = claimed.filter(|claimed| *claimed > end && *claimed < Offset(u64::MAX)) {
            let log = self.log.name().to_owned();
            let (partition, claimed, end) = (partition.0, claimed.0, end.0);
            return Err(ProcessorError::Shortened { processor: name, partition, log, claimed, end });
        }
        let mut limit = claimed.unwrap_or_default();
        if let Some(onward) = &self.onward {
            let origin = OriginId::of(&self.origin_name(partition));
            for to in 0..onward.partitions() {
                let (frontier, found) = read_back(onward.as_ref(), PartitionId(to), origin)?.unwrap_or_default();
                if found > self.generation {
                    let log = onward.name().to_owned();
                    let (found, ours) = (found.0, self.generation.0);
                    return Err(ProcessorError::Generation { processor: name, log, found, ours });
                }
                limit = limit.min(Offset(frontier));
            }
        }
        Ok(limit)
    }

    /// A partition as it was at the newest snapshot not ahead of `limit`; without one, at the log's start.
    pub(super) fn restore<I: Provenance>(
        &self,
        partition: PartitionId,
        limit: Offset,
    ) -> Result<Held<S, I>, ProcessorError> {
        let step = (self.make)(partition);
        let name = step.name();
        let snapshot = match &self.snapshots {
            Some(store) => store.newest(name, partition.0, Some(limit))?,
            None => None,
        };
        let (first, end) = self.log.bounds(partition)?;
        let start = match snapshot {
            Some(snapshot) if snapshot.offset >= first && snapshot.offset <= end => Start::Snapshot(snapshot),
            // From the middle of a log nothing true can be computed.
            _ if first > Offset(0) => {
                let log = self.log.name().to_owned();
                let (partition, first, limit) = (partition.0, first.0, limit.0);
                return Err(ProcessorError::Forgotten { processor: name, partition, log, first, limit });
            }
            _ => Start::Empty(first),
        };
        tracing::info!(
            processor = name,
            partition = partition.0,
            limit = limit.0,
            end = end.0,
            from = match &start {
                Start::Snapshot(s) => s.offset.0,
                Start::Empty(o) => o.0,
                Start::Adopted { at, .. } => at.0,
            },
            snapshot = matches!(start, Start::Snapshot(_)),
            "partition recovered"
        );
        let onward = self.onward_of(partition);
        let owner = Owner::judging(step, self.epoch, partition, start, self.rules, onward)
            .map_err(|source| ProcessorError::Owner { processor: name, partition: partition.0, source })?
            .declaring(self.origin_names())
            .setting_aside(self.aside(name, partition));
        let flushed = owner.next();
        Ok(self.held(owner, end, limit, flushed))
    }
}

/// The frontier last said of an origin, and under which configuration.
fn newest(log: &dyn Log, partition: PartitionId, origin: OriginId) -> Result<Option<(u64, Generation)>, LogError> {
    Ok(log.read_back(partition, origin)?.map(|back| (back.frontier, back.generation)))
}
