//! A member of the source's group: partitions come, go and are gone back on; ticks are put.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crumbtrail_events::EventTime;
use crumbtrail_log::control::Control;
use crumbtrail_log::{Log, LogError, Offset, OriginId, PartitionId, Position, Source, SourcePartition};
use crumbtrail_telemetry::{Beat, Metrics, catalogue};
use hashbrown::HashMap;

use super::error::IntakeError;
use super::judge::Judge;
use super::progress::{OriginAt, Progress};
use super::proof::Proof;
use super::writer::Writer;
use crate::accepted_gap::{self, AcceptedGap};
use crate::clock::Clock;

/// Everything an intake thread needs.
pub struct IntakeLoop {
    /// Where records come from.
    pub source: Box<dyn Source>,
    /// Where they go.
    pub writer: Writer,
    /// Who decides.
    pub judge: Box<dyn Judge>,
    /// The control log: readers ask there to go back.
    pub control: Arc<dyn Log>,
    /// Name of the touchpoints log, as readers say it.
    pub log_name: String,
    /// A tick this often.
    pub tick: Duration,
    /// Wall time.
    pub clock: Clock,
    /// Metrics.
    pub metrics: Metrics,
    /// Set to end the loop.
    pub stop: Arc<AtomicBool>,
    /// Told at each turn, for whoever looks whether it hangs.
    pub beat: Beat,
    /// A job that ends: its last tick asks readers to do at once what waits for wall time.
    pub closes: bool,
    /// How many partitions it has and how many of them it has read to their end, for a job that ends then.
    pub progress: Arc<Progress>,
}

impl IntakeLoop {
    pub(super) fn assigned(
        &mut self,
        partitions: Vec<SourcePartition>,
        origins: &mut HashMap<OriginId, OriginAt>,
    ) -> Result<(), IntakeError> {
        // Our log is read back for each of them.
        let _taking_over = self.beat.at_work();
        let ids: Vec<OriginId> = partitions.iter().map(|p| p.origin).collect();
        let frontiers = self.writer.read_back(&ids)?;
        self.prove(&partitions, &frontiers)?;
        for (partition, from) in partitions.into_iter().zip(frontiers) {
            let frontier = from.unwrap_or_default();
            let (started, lost) = match self.source.start(partition.origin, from) {
                Err(LogError::Trimmed { start, .. }) if self.writer.accepts_gaps => {
                    let started = self.source.start(partition.origin, None)?;
                    (started, Some(AcceptedGap { from: frontier, to: started.max(start.0) }))
                }
                started => (started?, None),
            };
            // A first start claims nothing: whoever wrote before and was not heard of may have begun at a lower offset
            // that the source has dropped since. Only the decision says where this run really starts.
            self.writer.start(partition.origin, &partition.name, frontier);
            if let Some(gap) = lost {
                let to = self.writer.most_behind(partition.origin)?;
                self.lose(&partition, gap, to);
            }
            self.writer.decided(partition.origin, started, EventTime::MIN);
            if let Some(crashes) = &mut self.writer.crashes {
                crashes.started(partition.origin, started);
            }
            tracing::info!(origin = partition.name, from = started, end = partition.end, "source partition assigned");
            let (origin, watermark) = (partition.origin, EventTime::MIN);
            let (frontier, at_end, read, wants_read) = (started, false, None, true);
            origins.insert(origin, OriginAt { partition, frontier, watermark, at_end, read, wants_read });
        }
        self.progress.set(origins);
        Ok(())
    }

    /// Holds what stands in the source against what was noted of it, before anything is read on.
    fn prove(&mut self, partitions: &[SourcePartition], frontiers: &[Option<u64>]) -> Result<(), IntakeError> {
        let Some(proofs) = &self.writer.proofs else { return Ok(()) };
        let known = partitions.iter().zip(frontiers).filter_map(|(partition, frontier)| {
            let noted = proofs.get(partition.origin).filter(|noted| frontier.is_some_and(|at| noted.offset < at))?;
            (partition.start..partition.end).contains(&noted.offset).then_some((partition.origin, noted))
        });
        let noted: HashMap<OriginId, Proof> = known.collect();
        let places: Vec<(OriginId, u64)> = noted.iter().map(|(origin, noted)| (*origin, noted.offset)).collect();
        let mut other = None;
        let looked = self.source.peek(&places, &mut |record| {
            let is_noted = noted.get(&record.origin).filter(|noted| noted.offset == record.offset);
            if is_noted.is_some_and(|noted| *noted != Proof::of(record.offset, record.payload)) {
                other = Some((record.topic.to_owned(), record.partition, record.offset));
            }
        });
        if let Err(error) = looked {
            tracing::warn!(%error, "whether a source is the one that was read cannot be told");
        }
        match other {
            Some((topic, partition, offset)) => Err(IntakeError::Other { topic, partition, offset }),
            None => Ok(()),
        }
    }

    fn lose(&mut self, partition: &SourcePartition, gap: AcceptedGap, to: PartitionId) {
        tracing::error!(
            origin = partition.name,
            from = gap.from,
            to = gap.to,
            "source records are gone before they were read: accepted as lost"
        );
        self.metrics.add(&catalogue::INTAKE_LOST_OFFSETS, &[&partition.topic], gap.offsets());
        self.metrics.add(&catalogue::DEAD_LETTERS, &[accepted_gap::REASON], 1);
        self.writer.lose(partition, gap, to, self.clock.now_ms());
    }

    /// Says of earlier incarnations of the source's origins that nothing comes of them any more, so that nobody waits.
    pub(super) fn end_earlier(&mut self) -> Result<(), LogError> {
        for (origin, name) in self.source.ended()? {
            self.writer.start(origin, &name, 0);
            self.writer.decided(origin, 0, EventTime::MAX);
        }
        Ok(())
    }

    /// Puts ticks of this wall time; with `closing` they say that what waits for time is due.
    pub(super) fn tick(
        &mut self,
        origins: &mut HashMap<OriginId, OriginAt>,
        declared: &[(OriginId, String)],
        (wall_ms, closing): (i64, bool),
    ) -> Result<(), LogError> {
        if closing {
            self.writer.close(wall_ms, declared)?;
        } else {
            self.writer.tick(wall_ms, declared)?;
        }
        if let Some(crashes) = &mut self.writer.crashes {
            origins.iter().for_each(|(origin, at)| crashes.came_past(*origin, at.frontier));
        }
        if let Some(proofs) = &mut self.writer.proofs {
            proofs.note(wall_ms, origins.iter().filter_map(|(origin, at)| Some((*origin, at.read?))));
            origins.values_mut().for_each(|at| at.wants_read = true);
        }
        let offsets: Vec<(OriginId, u64)> = origins.iter().map(|(origin, at)| (*origin, at.frontier)).collect();
        if let Err(error) = self.source.commit(&offsets) {
            // A report only: the next one makes it good.
            tracing::debug!(%error, "offset report failed");
        }
        for at in origins.values() {
            let end = self.source.end(at.partition.origin).unwrap_or_default().max(at.partition.end);
            self.show_lag(&at.partition, end.saturating_sub(at.frontier));
        }
        Ok(())
    }

    pub(super) fn show_lag(&self, of: &SourcePartition, lag: u64) {
        self.metrics.set(&catalogue::INTAKE_LAG, &[&of.topic, &of.partition.to_string()], lag as f64);
    }

    /// Reads the control log and goes back where a reader asks.
    pub(super) fn heed(&mut self, from: Offset, origins: &mut HashMap<OriginId, OriginAt>) -> Result<Offset, LogError> {
        let messages = match self.control.read(PartitionId(0), from, 1 << 20) {
            Ok(messages) => messages,
            Err(error) if error.is_retriable() => {
                tracing::debug!(%error, "the control log cannot be read");
                return Ok(from);
            }
            Err(error) => return Err(error),
        };
        let mut next = from;
        for (offset, bytes) in messages {
            next = Offset(offset.0 + 1);
            let Ok(Control::GoBack(ask)) = Control::decode(&bytes) else { continue };
            if ask.log != self.log_name {
                continue;
            }
            let Some(at) = origins.get_mut(&ask.origin) else { continue };
            // A run that is not there yet sends what follows anyway.
            if at.frontier <= ask.position.offset {
                continue;
            }
            // The default position asks for everything the source still has.
            let to = (ask.position != Position::default()).then_some(ask.position.offset);
            let (started, lost) = match self.source.start(ask.origin, to) {
                Ok(started) => (started, None),
                Err(LogError::Trimmed { .. }) if self.writer.accepts_gaps => {
                    let started = self.source.start(ask.origin, None)?;
                    (started, Some(AcceptedGap { from: ask.position.offset, to: started }))
                }
                Err(error @ LogError::Trimmed { .. }) => {
                    tracing::error!(
                        %error,
                        "cannot go back: a reader goes on missing records; `run --accept-gap` takes them as lost"
                    );
                    continue;
                }
                Err(error) => return Err(error),
            };
            tracing::warn!(
                origin = at.partition.name,
                from = at.frontier,
                to = started,
                "going back: a reader misses records"
            );
            self.metrics.add(&catalogue::WRITER_GO_BACKS, &["intake"], 1);
            self.writer.start(ask.origin, &at.partition.name, to.unwrap_or_default());
            if let Some(gap) = lost {
                let partition = at.partition.clone();
                self.lose(&partition, gap, ask.partition);
            }
            self.writer.decided(ask.origin, started, EventTime::MIN);
            at.frontier = started;
            // What it had seen of event time is still to come for the reader.
            at.watermark = EventTime::MIN;
            at.at_end = false;
        }
        self.progress.set(origins);
        Ok(next)
    }
}
