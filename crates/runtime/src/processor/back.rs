//! Going back: writers are asked to, and readers of the next log ask for it.

use std::collections::BTreeMap;

use crumbtrail_log::control::{Control, GoBack};
use crumbtrail_log::{Gap, Offset, OriginId, PartitionId, Position, Subscription};
use crumbtrail_telemetry::catalogue;

use super::error::ProcessorError;
use super::settings::Processor;
use crate::clock::FLUSH_DEADLINE;
use crate::gaps::Asks;
use crate::held::Held;
use crate::owner::Owner;
use crate::provenance::Provenance;
use crate::step::Step;

/// Bytes of the control log read at once.
const CONTROL_BYTES: usize = 1 << 20;

impl<S: Step, M: Fn(PartitionId) -> S> Processor<M> {
    /// Asks the writers of open holes to go back, where it is time to.
    pub(super) fn ask<I: Provenance>(
        &self,
        owner: &Owner<S, I>,
        asks: &mut Asks,
        ticked: bool,
    ) -> Result<(), ProcessorError> {
        let due = asks.due(owner.next(), ticked.then(|| owner.wall_ms()), owner.gaps());
        if due.is_empty() {
            return Ok(());
        }
        let partition = owner.partition();
        let (_, end) = self.log.bounds(partition)?;
        for gap in due {
            let name = owner.step().name();
            self.metrics.add(&catalogue::STEP_GO_BACKS_ASKED, &[name], 1);
            tracing::warn!(
                processor = name,
                partition = partition.0,
                origin = format!("{:016x}", gap.origin.0),
                after = ?gap.expected_after,
                again = asks.is_asked(&gap),
                "a record is missing from the log: its writer is asked to go back"
            );
            asks.note(gap, end);
            if let Some(control) = &self.control {
                let Gap { origin, expected_after: position } = gap;
                let ask = Control::GoBack(GoBack { log: self.log.name().to_owned(), partition, origin, position });
                control.append(PartitionId(0), ask.encode())?;
                control.flush(FLUSH_DEADLINE)?;
            }
        }
        Ok(())
    }

    /// Reads the control log, and goes back with every partition of which a reader of the next log misses records.
    pub(super) fn heed<I: Provenance>(
        &self,
        from: Offset,
        partitions: &mut BTreeMap<u32, Held<S, I>>,
        subscription: &mut dyn Subscription,
        paused: bool,
    ) -> Result<Offset, ProcessorError> {
        let (Some(control), Some(onward)) = (&self.control, &self.onward) else { return Ok(from) };
        let messages = match control.read(PartitionId(0), from, CONTROL_BYTES) {
            Ok(messages) => messages,
            Err(error) if error.is_retriable() => {
                tracing::debug!(%error, "the control log cannot be read");
                return Ok(from);
            }
            Err(error) => return Err(error.into()),
        };
        let next = messages.last().map_or(from, |(offset, _)| Offset(offset.0 + 1));
        let mut back: BTreeMap<u32, Position> = BTreeMap::new();
        for (_, bytes) in messages {
            let Ok(Control::GoBack(ask)) = Control::decode(&bytes) else { continue };
            if ask.log != onward.name() {
                continue;
            }
            let asked = partitions.values().map(|held| held.owner.partition());
            for partition in asked.filter(|partition| OriginId::of(&self.origin_name(*partition)) == ask.origin) {
                let position = back.entry(partition.0).or_insert(ask.position);
                *position = ask.position.min(*position);
            }
        }
        for (number, position) in back {
            let Some(held) = partitions.get_mut(&number) else { continue };
            let owner = &held.owner;
            let name = owner.step().name();
            // An owner that is not there yet sends what follows anyway.
            if owner.next().0 <= position.offset {
                continue;
            }
            tracing::warn!(
                processor = name,
                partition = number,
                from = owner.next().0,
                to = position.offset,
                "going back: a reader misses records"
            );
            match self.restore(PartitionId(number), Offset(position.offset)) {
                Ok(earlier) => {
                    self.metrics.add(&catalogue::WRITER_GO_BACKS, &[name], 1);
                    self.begin(subscription, &earlier.owner, paused)?;
                    *held = Held { suspects: held.suspects.take(), ..earlier };
                }
                Err(error) => tracing::error!(%error, "cannot go back: the reader goes on missing records"),
            }
        }
        Ok(next)
    }
}
