//! A log of ours that has forgotten its begin, and no snapshot stands for it: what an operator may decide (`run --accept-gap`).
//!
//! The partition goes on from where the log and the tables both are, with an empty state, and takes the first it meets of each
//! origin as following what was held. The decision is written down three times: as a snapshot (every later start goes on
//! from there, so that a replay is the same), as a stretch of the ledger without rows where the tables did not go so far, and
//! as a dead record in the log, which is counted and audited like any other.

use crumbtrail_events::EventTime;
use crumbtrail_events::outcome::Counts;
use crumbtrail_log::{Offset, OriginId, Outbox, PartitionId, Position};
use crumbtrail_telemetry::catalogue;

use crate::accepted_gap::{self, dead_stub};
use crate::clock::FLUSH_DEADLINE;
use crate::held::Held;
use crate::owner::{Owner, Start};
use crate::processor::{Processor, ProcessorError};
use crate::provenance::Provenance;
use crate::sink::Batch;
use crate::step::Step;

impl<S: Step, M: Fn(PartitionId) -> S> Processor<M> {
    /// Takes a partition over without what its log has forgotten. `limit` is as far as the tables and the next log go.
    pub(crate) fn adopt<I: Provenance>(
        &self,
        partition: PartitionId,
        limit: Offset,
    ) -> Result<Option<Held<S, I>>, ProcessorError> {
        let (first, end) = self.log.bounds(partition)?;
        if limit > end {
            // The log is shorter than what was made of it: another log, not a forgetful one.
            return Ok(None);
        }
        let at = first.max(limit);
        let mut step = (self.make)(partition);
        let name = step.name();
        step.adopted().map_err(|source| ProcessorError::Owner {
            processor: name,
            partition: partition.0,
            source: source.into(),
        })?;
        let known = self.sink.chain_end(name, partition.0)?.unwrap_or_default();
        tracing::error!(
            processor = name,
            partition = partition.0,
            log = self.log.name(),
            tables_to = known.0,
            from = at.0,
            "the log has forgotten its begin: the state up to here is accepted as lost"
        );
        let wall_ms = self.clock.now_ms();
        if known < at {
            let tables = vec![crate::step::TableRows::default(); step.tables()];
            self.sink.submit(Batch {
                processor: name,
                partition: partition.0,
                from: known,
                to: at,
                tables,
                record_count: 0,
                counts: Counts::default(),
                position_checksum: 0,
                watermark: EventTime::MIN,
                wall_ms,
            })?;
        }
        let onward_from = self.said_onward(partition)?.min(at);
        let onward = self.onward_of(partition);
        let owner = Owner::judging(step, self.epoch, partition, Start::Adopted { at, onward_from }, self.rules, onward)
            .map_err(|source| ProcessorError::Owner { processor: name, partition: partition.0, source })?
            .declaring(self.origin_names())
            .setting_aside(self.aside(name, partition));
        self.write_down(partition, known, at, wall_ms)?;
        if let Some(store) = &self.snapshots {
            store.publish(name, partition.0, at, owner.save(), at, move |published| {
                if let Err(error) = published {
                    tracing::warn!(processor = name, partition = partition.0, %error, "snapshot was not published");
                }
            });
        }
        self.metrics.add(&catalogue::STEP_GAPS_ACCEPTED, &[name], 1);
        Ok(Some(self.held(owner, end, at, at)))
    }

    /// The lowest frontier that the next log has of this partition.
    fn said_onward(&self, partition: PartitionId) -> Result<Offset, ProcessorError> {
        let Some(onward) = &self.onward else { return Ok(Offset(u64::MAX)) };
        let origin = OriginId::of(&self.origin_name(partition));
        let mut lowest = u64::MAX;
        for to in 0..onward.partitions() {
            let back = onward.read_back(PartitionId(to), origin)?;
            lowest = lowest.min(back.map_or(0, |back| back.frontier));
        }
        Ok(Offset(lowest))
    }

    /// Puts the decision into the log itself, under an origin of its own.
    fn write_down(
        &self,
        partition: PartitionId,
        known: Offset,
        at: Offset,
        wall_ms: i64,
    ) -> Result<(), ProcessorError> {
        let log = self.log.name();
        let detail = format!(
            "frames below {} of {log}/{} were forgotten without a snapshot; the tables went to {}: the state of before is \
             accepted as lost",
            at.0, partition.0, known.0
        );
        let mut stub = Vec::new();
        let name = format!("accepted:{log}/{}@{}", partition.0, at.0);
        let origin = OriginId::of(&name);
        dead_stub((log, partition.0, at.0), origin, at.0, (accepted_gap::REASON, &detail), wall_ms, &mut stub);
        let mut outbox = Outbox::new(self.epoch, self.generation, self.log.partitions()).with_lz4(self.log.wants_lz4());
        outbox.start(origin, &name, Position::default());
        outbox.push(origin, Position { offset: at.0, seq: 1 }, partition, &stub);
        outbox.cut_all();
        for (to, frame) in outbox.drain() {
            self.log.append(to, frame)?;
        }
        Ok(self.log.flush(FLUSH_DEADLINE)?)
    }
}
