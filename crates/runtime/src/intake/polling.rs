//! The records of one poll: judged, written, counted.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use crumbtrail_events::Outcome;
use crumbtrail_log::{LogError, OriginId, SourceEvent, SourceRecord};
use crumbtrail_telemetry::{Metrics, catalogue};
use hashbrown::HashMap;

use super::judge::Judge;
use super::member::IntakeLoop;
use super::progress::OriginAt;
use super::proof::Proof;
use super::writer::Writer;
use crate::ahead::Kept;
use crate::quarantine;

/// What a poll brought.
pub(super) enum Polled {
    Event(SourceEvent),
    Held { origin: OriginId, offset: u64, why: String },
}

impl IntakeLoop {
    /// Reads what the source says next, and writes what becomes of its records until one is held up.
    pub(super) fn poll(
        &mut self,
        wait: Duration,
        origins: &mut HashMap<OriginId, OriginAt>,
    ) -> Result<Polled, LogError> {
        let IntakeLoop { source, writer, judge, metrics, .. } = self;
        let (outcomes, bytes) = ([0; Outcome::ALL.len()], 0);
        let judge = judge.as_mut();
        let mut deciding = Deciding { writer, judge, metrics, origins, outcomes, bytes, held: None, at: None };
        let polling = AssertUnwindSafe(|| {
            if !deciding.judge.looks_ahead() {
                return source.poll(wait, &mut |record| deciding.decide(&record));
            }
            let mut kept = Kept::default();
            let event = source.poll(wait, &mut |record| kept.push(&record))?;
            kept.records().for_each(|record| deciding.look_ahead(&record));
            kept.records().for_each(|record| deciding.decide(&record));
            Ok(event)
        });
        let polled = catch_unwind(polling);
        let Deciding { outcomes, bytes, held, at, .. } = deciding;
        let event = match polled {
            Ok(polled) => polled?,
            Err(panic) => {
                // The process ends by it all the same; the next one knows where.
                if let (Some((origin, offset)), Some(crashes)) = (at, &mut writer.crashes) {
                    crashes.crashed(origin, offset);
                }
                resume_unwind(panic)
            }
        };
        self.judge.judged();
        for (outcome, count) in Outcome::ALL.into_iter().zip(outcomes) {
            if count > 0 {
                self.metrics.add(&catalogue::INTAKE_RECORDS, &[outcome.as_str()], count);
            }
        }
        if bytes > 0 {
            self.metrics.add(&catalogue::INTAKE_BYTES, &[], bytes);
        }
        Ok(match held {
            Some((origin, offset, why)) => Polled::Held { origin, offset, why },
            None => Polled::Event(event),
        })
    }
}
/// The records of one poll on their way into the logs.
struct Deciding<'a> {
    writer: &'a mut Writer,
    judge: &'a mut dyn Judge,
    metrics: &'a Metrics,
    origins: &'a mut HashMap<OriginId, OriginAt>,
    outcomes: [u64; Outcome::ALL.len()],
    bytes: u64,
    /// The record that is held up, and why.
    held: Option<(OriginId, u64, String)>,
    /// The record at work.
    at: Option<(OriginId, u64)>,
}

impl Deciding<'_> {
    #[inline]
    fn decide(&mut self, record: &SourceRecord<'_>) {
        // After a hold-up the rest of the poll is passed over; all origins go back before the source goes on.
        if self.held.is_some() {
            return;
        }
        self.at = Some((record.origin, record.offset));
        match self.writer.write(self.judge, record) {
            Ok(judgement) => {
                self.outcomes[judgement.outcome as usize] += 1;
                self.bytes += record.payload.map_or(0, <[u8]>::len) as u64;
                if let Some(reason) = judgement.reason {
                    self.metrics.add(&catalogue::DEAD_LETTERS, &[reason], 1);
                    if reason == quarantine::REASON {
                        self.metrics.add(&catalogue::INTAKE_QUARANTINED, &[], 1);
                    }
                }
                if let Some(at) = self.origins.get_mut(&record.origin) {
                    if at.wants_read {
                        (at.read, at.wants_read) = (Some(Proof::of(record.offset, record.payload)), false);
                    }
                    at.frontier = record.offset + 1;
                    if let Some(time) = judgement.occurred_at {
                        at.watermark = at.watermark.max(time);
                    }
                    self.writer.decided(record.origin, at.frontier, at.watermark);
                }
            }
            Err(why) => self.held = Some((record.origin, record.offset, why)),
        }
    }

    /// Tells the judge of a record, unless a process may have crashed at it: that is found out at its turn.
    fn look_ahead(&mut self, record: &SourceRecord<'_>) {
        if self.writer.crashes.as_ref().is_some_and(|crashes| crashes.is_watched(record.origin)) {
            return;
        }
        self.at = Some((record.origin, record.offset));
        self.judge.ahead(record);
    }
}
