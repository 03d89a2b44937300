//! Intake's turns: what its loop knows between two of them, and what is due.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crumbtrail_events::EventTime;
use crumbtrail_log::{Offset, OriginId, PartitionId, SourceEvent};
use crumbtrail_telemetry::catalogue;
use hashbrown::HashMap;

use super::error::IntakeError;
use super::member::IntakeLoop;
use super::polling::Polled;
use super::progress::{IMPORT_ORIGIN, OriginAt};
use crate::clock::Behind;

/// Intake at work: what its loop knows between two turns. Time comes from whoever turns it.
pub struct Running {
    intake: IntakeLoop,
    origins: HashMap<OriginId, OriginAt>,
    declared: Vec<(OriginId, String)>,
    control_at: Offset,
    cut_at: Duration,
    tick_at: Duration,
    behind: Behind,
    held: Option<HoldUp>,
}

/// A record that cannot be decided now.
struct HoldUp {
    origin: OriginId,
    offset: u64,
    since: Duration,
    /// It was asked for again, and has not come yet.
    retrying: bool,
}

/// How long to wait before asking an absent registry again.
const HOLD: Duration = Duration::from_secs(1);

/// How long frames may wait before they are cut, and how long a poll waits.
const CUT: Duration = Duration::from_millis(20);

impl IntakeLoop {
    /// Runs until it is stopped or cannot go on. Ends with a tick, so that nothing decided is decided again.
    ///
    /// # Errors
    /// A log or source fails for good.
    pub fn run(self) -> Result<(), IntakeError> {
        // So that the first tick is due at once: until it comes, readers know no time later than the process before this one told.
        let (started, before) = (Instant::now(), self.tick);
        let mut running = self.begin()?;
        while !running.intake.stop.load(Ordering::Relaxed) {
            running.intake.beat.turn();
            running.turn(CUT, || before + started.elapsed())?;
        }
        let _leaving = running.intake.beat.at_work();
        running.leave()
    }

    /// Begins: what [`IntakeLoop::run`] turns.
    ///
    /// # Errors
    /// The control log cannot be reached.
    pub fn begin(mut self) -> Result<Running, IntakeError> {
        // Imported files are history to a live stream: their clock holds nothing back any more.
        let import = OriginId::of(IMPORT_ORIGIN);
        self.writer.start(import, IMPORT_ORIGIN, 0);
        self.writer.decided(import, 0, EventTime::MAX);
        let control_at = self.control.bounds(PartitionId(0))?.1;
        Ok(Running {
            intake: self,
            origins: HashMap::new(),
            declared: Vec::new(),
            control_at,
            cut_at: Duration::ZERO,
            tick_at: Duration::ZERO,
            behind: Behind::default(),
            held: None,
        })
    }
}

impl Running {
    /// One turn: what the source says next, waiting up to `wait` for it, and what is due. `now` is read when that is
    /// decided: time since the start, from whatever clock.
    ///
    /// # Errors
    /// As [`IntakeLoop::run`].
    pub fn turn(&mut self, wait: Duration, now: impl Fn() -> Duration) -> Result<(), IntakeError> {
        self.retry(now())?;
        let Running { intake, origins, .. } = self;
        match intake.poll(wait, origins)? {
            Polled::Event(SourceEvent::Assigned(partitions)) => {
                intake.assigned(partitions, origins)?;
                self.declared = intake.source.origins_declared()?;
                self.declared.push((OriginId::of(IMPORT_ORIGIN), IMPORT_ORIGIN.to_owned()));
                intake.end_earlier()?;
            }
            Polled::Event(SourceEvent::Revoked(gone)) => {
                for origin in gone {
                    if let Some(at) = origins.remove(&origin) {
                        intake.writer.stop(origin);
                        intake.writer.left(origin, at.read);
                        // From now on another member's to tell.
                        intake.show_lag(&at.partition, 0);
                    }
                }
                intake.progress.set(origins);
            }
            Polled::Event(SourceEvent::EndConfirmed { origin, at_wall_ms, end }) => {
                if let Some(at) = origins.get_mut(&origin) {
                    // What lies between is no record, such as a transaction's marker.
                    at.frontier = at.frontier.max(end);
                    at.watermark = at.watermark.max(EventTime(at_wall_ms));
                    intake.writer.decided(origin, at.frontier, at.watermark);
                    at.at_end = true;
                    intake.progress.set(origins);
                }
            }
            Polled::Event(SourceEvent::Polled(_)) => {}
            Polled::Held { origin, offset, why } => {
                tracing::warn!(why, "intake is paused");
                intake.metrics.set(&catalogue::INTAKE_PAUSED, &["registry"], 1.0);
                intake.source.pause_all()?;
                self.held = Some(HoldUp { origin, offset, since: now(), retrying: false });
            }
        }
        self.due(now())
    }

    /// Asks an absent registry again once it is time, and tells when it is back.
    fn retry(&mut self, now: Duration) -> Result<(), IntakeError> {
        let Running { intake, origins, held, .. } = self;
        let Some(hold) = held else { return Ok(()) };
        if hold.retrying {
            // Told only once the record is decided, or another member's: an alert waits for minutes of 1.
            if origins.get(&hold.origin).is_none_or(|at| at.frontier > hold.offset) {
                tracing::info!("intake goes on");
                intake.metrics.set(&catalogue::INTAKE_PAUSED, &["registry"], 0.0);
                *held = None;
            }
        } else if now.saturating_sub(hold.since) >= HOLD {
            hold.retrying = true;
            // The source has handed over more than was decided: every origin goes back, then all go on.
            for (origin, at) in origins {
                intake.source.start(*origin, Some(at.frontier))?;
            }
            intake.source.resume_all()?;
        }
        Ok(())
    }

    /// Cuts frames and puts ticks when it is time.
    fn due(&mut self, now: Duration) -> Result<(), IntakeError> {
        let Running { intake, origins, declared, .. } = self;
        let cut = now.saturating_sub(self.cut_at) >= CUT;
        intake.writer.append(cut)?;
        if cut {
            self.cut_at = now;
        }
        if now.saturating_sub(self.tick_at) >= intake.tick && !origins.is_empty() {
            self.tick_at = now;
            let wall_ms = intake.clock.now_ms();
            intake.tick(origins, declared, (wall_ms, self.behind.moves_on(wall_ms, now)))?;
            self.control_at = intake.heed(self.control_at, origins)?;
            intake.judge.refresh();
        }
        Ok(())
    }

    /// Ends in order, with a tick: nothing decided is decided again.
    ///
    /// # Errors
    /// A log refuses.
    pub fn leave(mut self) -> Result<(), IntakeError> {
        let Running { intake, origins, declared, .. } = &mut self;
        if !origins.is_empty() {
            intake.tick(origins, declared, (intake.clock.now_ms(), false))?;
            if intake.closes {
                intake.writer.close(intake.clock.now_ms(), declared)?;
            }
        }
        origins.iter().for_each(|(origin, at)| intake.writer.left(*origin, at.read));
        Ok(())
    }
}
