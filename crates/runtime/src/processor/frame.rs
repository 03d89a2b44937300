//! One frame: taken by the partition's owner, and what comes of it delivered.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use crumbtrail_crash as crash;
use crumbtrail_events::Outcome;
use crumbtrail_log::{Offset, PartitionId};
use crumbtrail_telemetry::catalogue;

use super::error::ProcessorError;
use super::saving::Oldest;
use super::settings::Processor;
use crate::held::Held;
use crate::owner::FrameReport;
use crate::provenance::Provenance;
use crate::step::Step;
use crate::suspects::Suspects;

impl<S: Step, M: Fn(PartitionId) -> S> Processor<M> {
    /// Takes a frame; says whether something was appended onward.
    pub(super) fn frame<I: Provenance>(
        &self,
        held: &mut Held<S, I>,
        offset: Offset,
        bytes: &[u8],
        oldest: &Oldest,
    ) -> Result<bool, ProcessorError> {
        let Held { owner, asks, suspects, .. } = held;
        let name = owner.step().name();
        let partition = owner.partition();
        if let Some(suspects) = suspects {
            owner.noting(suspects.before(offset));
        }
        let mut failed = None;
        let mut appended = false;
        let taken = catch_unwind(AssertUnwindSafe(|| {
            owner.frame(offset, bytes, |to, frame| {
                appended = true;
                if let Some(onward) = &self.onward
                    && let Err(error) = onward.append(to, frame)
                {
                    failed.get_or_insert(error);
                }
            })
        }));
        let report = taken
            .unwrap_or_else(|panic| {
                // The process ends by it all the same; the next one knows where.
                if let Some(crashes) = self.crashes() {
                    crashes.crashed(name, partition.0, owner.deciding());
                }
                suspects.iter().for_each(Suspects::left);
                resume_unwind(panic)
            })
            .map_err(|source| ProcessorError::Owner { processor: name, partition: partition.0, source })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        if let Some(suspects) = suspects {
            suspects.after(offset);
        }
        crash::point("frame_taken");
        let accepted = report.accepted;
        if report.ticked || report.gaps > 0 {
            self.ask(owner, asks, report.ticked)?;
        }
        let ticked = report.ticked;
        self.deliver(held, report)?;
        self.save_on(held, oldest);
        if ticked && !held.room.spill(&mut held.owner) {
            self.metrics.add(&catalogue::SCRATCH_FAILURES, &[name], 1);
        }
        if ticked {
            self.measure_age(&held.owner);
        }
        self.note(&held.owner, accepted);
        Ok(appended)
    }

    fn deliver<I: Provenance>(&self, held: &mut Held<S, I>, report: FrameReport) -> Result<(), ProcessorError> {
        let (name, partition) = (held.owner.step().name(), held.owner.partition());
        if report.repeats > 0 {
            self.metrics.add(&catalogue::STEP_REPEATS, &[name], report.repeats);
        }
        if report.old_generation > 0 {
            self.metrics.add(&catalogue::STEP_OLD_GENERATION, &[name], report.old_generation);
        }
        if report.set_aside > 0 {
            tracing::error!(
                processor = name,
                partition = partition.0,
                "three processes crashed at a record: it is set aside"
            );
            self.metrics.add(&catalogue::STEP_QUARANTINED, &[name], report.set_aside);
        }
        if report.gaps > 0 {
            self.metrics.add(&catalogue::STEP_GAPS, &[name], report.gaps);
        }
        if let Some(batch) = report.batch {
            for outcome in Outcome::ALL {
                let count = batch.counts.of(outcome);
                if count > 0 {
                    self.metrics.add(&catalogue::STEP_RECORDS, &[name, outcome.as_str()], count);
                }
            }
            self.sink.submit(batch)?;
        }
        if report.snapshot_is_due && self.snapshots.is_some() {
            let begun = Instant::now();
            held.owner.begin_save();
            self.metrics.observe(&catalogue::SNAPSHOT_SECONDS, &[name], begun.elapsed().as_secs_f64());
        }
        Ok(())
    }
}
