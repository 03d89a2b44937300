//! The work of a rebuild: the old log is carried over while sessionize and journey make the new tables of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use crumbtrail_crash as crash;
use crumbtrail_log::{Epoch, Log, PartitionId};
use crumbtrail_runtime::Clock;
use crumbtrail_runtime::progress::Progress;
use crumbtrail_telemetry::{Health, Metrics};

use super::carry::{Carry, Epochs, Tail};
use super::plan::{Old, Plan};
use super::since::Since;
use super::telling::{Telling, left};
use super::{dry, letters};
use crate::commands::import::close_after_ms;
use crate::config::LogHome;
use crate::say::span;
use crate::wiring::Deployment;
use crate::wiring::deployment::Logs;
use crate::wiring::processors::{Processors, Shared};
use crate::wiring::sink::{self, InsertMetrics};
use crate::wiring::tables::Clickhouse;

/// A tick after so many records, or so much time.
const TICK_RECORDS: u64 = 32 << 10;
const TICK: Duration = Duration::from_secs(1);
/// Frames that sessionize may be behind: what it reads next is still in memory, and progress tells the truth.
const MOST_BEHIND: u64 = 2_048;
/// On Kafka the processors of the old epoch may run: they have stopped once their log is silent for so long. Intake ticks every
/// second.
const SILENCE: Duration = Duration::from_secs(10);
/// The last rows of a rebuild that is told to stop are waited for so long.
const LEAVING: Duration = Duration::from_secs(5);

/// What was done.
pub struct Done {
    /// Records carried by this run.
    pub records: u64,
    /// Dead letters carried by this run.
    pub letters: u64,
    /// Where the old log ended then.
    pub tail: Tail,
}

/// Carries and computes everything; `None` if it was told to stop before the end.
///
/// # Errors
/// A log, ClickHouse or a processor fails; the old log is not whole. Running it again goes on.
pub fn work(
    plan: &Plan,
    deployment: &Deployment,
    clickhouse: &Clickhouse,
    old: &Old,
    since: Option<&Since>,
    stop: &AtomicBool,
) -> Result<Option<Done>> {
    let logs = deployment.logs()?;
    deployment.hold_ends(clickhouse, &logs)?;
    let epochs = Epochs { from: Epoch(plan.from), to: Epoch(plan.to), generation: deployment.generation() };
    let (from, to) = (old.touchpoints.as_ref(), logs.touchpoints.as_ref());
    let mut carry = Carry::begin(from, to, logs.control.as_ref(), epochs, since)?;
    let metrics = Metrics::new();
    let sink = sink::open(deployment, clickhouse, &metrics, InsertMetrics::observer(&metrics))?;
    let shared = Shared {
        logs: logs.clone(),
        sink: sink.clone(),
        snapshots: Some(deployment.snapshots()?),
        metrics,
        health: Health::default(),
    };
    let processors = Processors::start(deployment, &shared, true, true)?;
    let shutdown = Duration::from_secs(u64::from(deployment.config.pace.shutdown_deadline_seconds));
    let mut teller = Teller::new(plan);
    let silence = if deployment.config.log.home == LogHome::Kafka { SILENCE } else { Duration::ZERO };
    let is_patient = || sink.is_patient(deployment.patience.most());
    let carried = through(&mut carry, &processors, &logs, &mut teller, silence, (stop, &is_patient));
    let ended = carried.and_then(|is_whole| {
        if !is_whole {
            return Ok(None);
        }
        let known = carry.known(close_after_ms(deployment)?)?;
        let tail = carry.tail()?;
        let wall_ms = Clock::System.now_ms();
        let letters = letters::carry(old.dead_letters.as_ref(), logs.dead_letters.as_ref(), epochs, &known, wall_ms)?;
        carry.finish(&known, wall_ms)?;
        crash::point("rebuild_carried");
        let at = || {
            teller.tell(&carry, &processors, &logs);
            is_patient()
        };
        processors.drain(&logs, stop, at)?;
        Ok(Some((letters, tail)))
    });
    let stopped = processors.stop(shutdown);
    let ended = ended?;
    stopped?;
    if stop.load(Ordering::Relaxed) {
        // What is not in the tables by then is made again of the log.
        sink.flush(LEAVING)?;
    } else {
        sink.finish(deployment.patience.most())?;
    }
    teller.end(&carry);
    if let Some(pace) = teller.pace(&carry) {
        dry::note_pace(deployment, pace);
    }
    let is_interrupted = stop.load(Ordering::Relaxed);
    let ended = ended.filter(|_| !is_interrupted);
    Ok(ended.map(|(letters, tail)| Done { records: carry.records(), letters, tail }))
}

/// Carries what ticks of the old log cover, until nothing has come to it for so long; false if it was told to stop before, or a processor
/// ended.
fn through(
    carry: &mut Carry<'_>,
    processors: &Processors,
    logs: &Logs,
    teller: &mut Teller,
    silence: Duration,
    (stop, is_patient): (&AtomicBool, &dyn Fn() -> Result<()>),
) -> Result<bool> {
    let mut ticked_at = Instant::now();
    let (mut grew_at, mut is_told) = (Instant::now(), false);
    loop {
        let is_at_end = !carry.step()?;
        if is_at_end {
            if carry.look()? {
                grew_at = Instant::now();
                // Somebody is at work there still.
                if !std::mem::replace(&mut is_told, true) {
                    teller.say_caught_up();
                }
            } else if grew_at.elapsed() >= silence {
                return Ok(true);
            }
            std::thread::sleep(silence.min(Duration::from_millis(100)));
        }
        if carry.unsaid() >= TICK_RECORDS || ticked_at.elapsed() >= TICK {
            carry.tick(Clock::System.now_ms())?;
            ticked_at = Instant::now();
            teller.tell(carry, processors, logs);
        }
        while behind(logs.touchpoints.as_ref(), &processors.sessionize)? > MOST_BEHIND && !stop.load(Ordering::Relaxed)
        {
            if processors.have_failed() {
                return Ok(false);
            }
            is_patient()?;
            std::thread::sleep(Duration::from_millis(20));
            teller.tell(carry, processors, logs);
        }
        if stop.load(Ordering::Relaxed) {
            carry.tick(Clock::System.now_ms())?;
            return Ok(false);
        }
    }
}

/// Frames of a log that are not processed.
fn behind(log: &dyn Log, progress: &Progress) -> Result<u64> {
    let mut frames = 0;
    for partition in 0..log.partitions() {
        let (_, end) = log.bounds(PartitionId(partition))?;
        let at = progress.of(partition).unwrap_or_default().processed;
        frames += end.0.saturating_sub(at.0);
    }
    Ok(frames)
}

/// Tells how far it is and how long it takes still.
struct Teller {
    telling: Telling,
    begun: Instant,
    /// Share done when this run began to tell.
    share_before: Option<f64>,
    from: u8,
}

impl Teller {
    fn new(plan: &Plan) -> Teller {
        let telling = Telling::new(format!("rebuilding epoch {} into {}", plan.from, plan.to));
        Teller { telling, begun: Instant::now(), share_before: None, from: plan.from }
    }

    /// A log that cannot be asked now is asked the next time.
    fn tell(&mut self, carry: &Carry<'_>, processors: &Processors, logs: &Logs) {
        let of = |log: &dyn Log, progress: &Progress| {
            let ends = (0..log.partitions()).filter_map(|p| log.bounds(PartitionId(p)).ok()).map(|(_, end)| end.0);
            let all: u64 = ends.sum();
            let left = behind(log, progress).unwrap_or(all);
            if all == 0 { 1.0 } else { 1.0 - left as f64 / all as f64 }
        };
        let (taken, all) = carry.progress();
        let share = (taken as f64 / all.max(1) as f64)
            * of(logs.touchpoints.as_ref(), &processors.sessionize)
            * of(logs.people.as_ref(), &processors.journey);
        let before = *self.share_before.get_or_insert(share);
        let left = left(self.begun.elapsed(), share - before, 1.0 - share);
        let left = left.map_or("time left not known yet".to_owned(), |left| format!("about {} left", span(left)));
        self.telling.tell(Some(share), &left);
    }

    fn say_caught_up(&self) {
        let from = self.from;
        self.telling.say(&format!(
            "caught up, and epoch {from} goes on: stop its processors now (SIGTERM), this waits for them"
        ));
    }

    fn end(&self, carry: &Carry<'_>) {
        self.telling.end();
        let (taken, all) = carry.progress();
        self.telling.say(&format!("{taken} of {all} frames in {}", span(self.begun.elapsed())));
    }

    /// Records per second of this run, if it was long enough to tell.
    fn pace(&self, carry: &Carry<'_>) -> Option<f64> {
        let seconds = self.begun.elapsed().as_secs_f64();
        (carry.records() >= 1_000).then(|| carry.records() as f64 / seconds)
    }
}
