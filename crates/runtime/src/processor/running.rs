//! A processor's turns: what its loop knows between two of them, and what is due.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crumbtrail_crash as crash;
use crumbtrail_log::{Event, Inbox, LogError, Member, Offset, PartitionId, Subscription};

use super::error::ProcessorError;
use super::saving::Oldest;
use super::settings::Processor;
use crate::awaited::Awaited;
use crate::clock::FLUSH_DEADLINE;
use crate::held::Held;
use crate::owner::Owner;
use crate::provenance::Provenance;
use crate::step::Step;
use crate::suspects::Suspects;

/// How long a poll waits when there is nothing to read.
const POLL: Duration = Duration::from_millis(20);
/// How often lag and gauges are measured.
const MEASURE: Duration = Duration::from_secs(1);

/// A processor at work: what its loop knows between two turns. Time comes from whoever turns it.
pub struct Running<P, S, I = Inbox> {
    processor: P,
    subscription: Box<dyn Subscription>,
    partitions: BTreeMap<u32, Held<S, I>>,
    awaited: Awaited,
    control_at: Offset,
    oldest: Oldest,
    paused: bool,
    unflushed: bool,
    flushed_at: Duration,
    measured_at: Duration,
}

impl<S: Step, M: Fn(PartitionId) -> S + Sync> Processor<M> {
    /// Runs until it is stopped or cannot go on.
    ///
    /// # Errors
    /// The log, the sink or the snapshot store fails for good, or a partition must halt.
    pub fn run(&self, member: Member<'_>) -> Result<(), ProcessorError> {
        let started = Instant::now();
        let mut running = Running::<_, S>::join(self, member)?;
        while !self.stop.load(Ordering::Relaxed) {
            self.beat.turn();
            if let Err(error) = running.turn(POLL, || started.elapsed()) {
                // It ends with a word: no record is to be suspected of it.
                running.take_marks_away();
                return Err(error);
            }
        }
        let _leaving = self.beat.at_work();
        running.leave()
    }
}

impl<S: Step, M: Fn(PartitionId) -> S> Processor<M> {
    /// Has a partition read from where its owner is.
    pub(super) fn begin<I: Provenance>(
        &self,
        subscription: &mut dyn Subscription,
        owner: &Owner<S, I>,
        paused: bool,
    ) -> Result<(), LogError> {
        subscription.start(owner.partition(), owner.next())?;
        if paused {
            subscription.pause(owner.partition())?;
        }
        self.note(owner, 0);
        Ok(())
    }
}

impl<P, M, S, I> Running<P, S, I>
where
    P: Deref<Target = Processor<M>>,
    M: Fn(PartitionId) -> S + Sync,
    S: Step,
    I: Provenance,
{
    /// Joins the group: what [`Processor::run`] turns.
    ///
    /// # Errors
    /// A log cannot be reached or refuses.
    pub fn join(processor: P, member: Member<'_>) -> Result<Running<P, S, I>, ProcessorError> {
        let control_at = match &processor.control {
            Some(control) => control.bounds(PartitionId(0))?.1,
            None => Offset::default(),
        };
        Ok(Running {
            subscription: processor.log.subscribe(member)?,
            processor,
            partitions: BTreeMap::new(),
            awaited: Awaited::default(),
            control_at,
            oldest: Oldest::default(),
            paused: false,
            unflushed: false,
            flushed_at: Duration::ZERO,
            measured_at: Duration::ZERO,
        })
    }

    /// One turn: what the subscription says next, waiting up to `wait` for it, and what is due. `now` is read when that
    /// is decided: time since the start, from whatever clock.
    ///
    /// # Errors
    /// As [`Processor::run`].
    pub fn turn(&mut self, wait: Duration, now: impl FnOnce() -> Duration) -> Result<(), ProcessorError> {
        let processor = &*self.processor;
        let room = processor.sink.has_room();
        if room == self.paused {
            for partition in self.partitions.keys() {
                if room {
                    self.subscription.resume(PartitionId(*partition))?;
                } else {
                    self.subscription.pause(PartitionId(*partition))?;
                }
            }
            self.paused = !room;
        }
        match self.subscription.next(wait)? {
            Event::Assigned(partition) => {
                self.awaited.add(partition);
                // Those dealt with it are taken over with it.
                if self.subscription.deals_another() {
                    return Ok(());
                }
            }
            Event::Revoked(partition) => {
                self.awaited.forget(partition);
                if let Some(held) = self.partitions.remove(&partition.0) {
                    held.suspects.iter().for_each(Suspects::left);
                }
                processor.progress.forget(partition.0);
            }
            Event::Frame { partition, offset, bytes } => {
                if let Some(held) = self.partitions.get_mut(&partition.0) {
                    self.unflushed |= processor.frame(held, offset, &bytes, &self.oldest)?;
                }
            }
            Event::AtEnd { .. } | Event::Idle => {
                self.partitions.values_mut().for_each(|held| processor.save_on(held, &self.oldest));
            }
        }
        let now = now();
        self.take_over(now)?;
        if self.unflushed && now.saturating_sub(self.flushed_at) >= self.processor.flush_interval {
            self.flush()?;
            self.flushed_at = now;
        }
        if now.saturating_sub(self.measured_at) >= MEASURE {
            self.measured_at = now;
            self.look_around()?;
        }
        Ok(())
    }

    /// Takes over the partitions that are due; while the tables cannot be asked, the others go on.
    fn take_over(&mut self, now: Duration) -> Result<(), ProcessorError> {
        let processor = &*self.processor;
        let mut taken_over = Ok(());
        for (partition, recovered) in processor.recover_all(&self.awaited.due(now)) {
            let begun = recovered.and_then(|held| {
                processor.begin(self.subscription.as_mut(), &held.owner, self.paused)?;
                Ok(held)
            });
            match begun {
                Ok(held) => {
                    self.partitions.insert(partition.0, held);
                    self.awaited.forget(partition);
                }
                Err(ProcessorError::Sink(error)) if error.is_away => {
                    let wait = self.awaited.failed(partition, now).as_millis() as u64;
                    tracing::warn!(partition = partition.0, %error, wait_ms = wait, "how far the tables go cannot be asked yet");
                }
                // Those that could be taken over are held to be left in order.
                Err(error) => taken_over = taken_over.and(Err(error)),
            }
        }
        taken_over
    }

    /// Makes durable what was appended onward.
    fn flush(&mut self) -> Result<(), ProcessorError> {
        if let Some(onward) = &self.processor.onward {
            onward.flush(FLUSH_DEADLINE)?;
            crash::point("onward_flushed");
        }
        for held in self.partitions.values_mut() {
            held.flushed = held.owner.next();
        }
        self.unflushed = false;
        Ok(())
    }

    /// Goes back where it is asked to, lets the log forget, and tells how far everything is.
    fn look_around(&mut self) -> Result<(), ProcessorError> {
        let processor = &*self.processor;
        let subscription = self.subscription.as_mut();
        self.control_at = processor.heed(self.control_at, &mut self.partitions, subscription, self.paused)?;
        processor.forget(&self.oldest, &self.partitions)?;
        for Held { owner, .. } in self.partitions.values() {
            processor.measure(owner, subscription.lag(owner.partition()));
            let name = owner.step().name();
            if let Some(acked) = processor.sink.acked(name, owner.partition().0) {
                // A report only: a failed one is made good by the next.
                if let Err(error) = subscription.report(owner.partition(), acked) {
                    tracing::debug!(%error, "offset report failed");
                }
            }
        }
        Ok(())
    }

    fn take_marks_away(&self) {
        self.partitions.values().filter_map(|held| held.suspects.as_ref()).for_each(Suspects::left);
    }

    /// Ends in order: what was appended onward is durable.
    ///
    /// # Errors
    /// The log refuses.
    pub fn leave(mut self) -> Result<(), ProcessorError> {
        for held in self.partitions.values_mut() {
            while held.owner.is_saving() {
                self.processor.save_on(held, &self.oldest);
            }
        }
        self.take_marks_away();
        self.flush()
    }
}
