//! Starts the processors a command asks for and waits for them.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use crumbtrail_log::kafka::admin;
use crumbtrail_log::{Log, LogError, Member, Offset, PartitionId};
use crumbtrail_runtime::progress::Progress;
use crumbtrail_runtime::restores::Restores;
use crumbtrail_runtime::{Clock, Processor, Sink, SnapshotStore, Step};
use crumbtrail_steps::{Journey, Place, Sessionize};
use crumbtrail_telemetry::{Health, Metrics};

use super::Deployment;
use super::computing::Rulings;
use super::deployment::Logs;
use super::elsewhere::Elsewhere;
use super::rules::{cut_rules, identity_rules};
use crate::config::LogHome;

/// Running processors of this process.
pub struct Processors {
    /// Where sessionize is.
    pub sessionize: Progress,
    /// Where journey is.
    pub journey: Progress,
    sink: Arc<dyn Sink>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<()>>>,
    failed: Arc<AtomicBool>,
}

/// What processors share.
pub struct Shared {
    /// Our logs.
    pub logs: Logs,
    /// Where rows go.
    pub sink: Arc<dyn Sink>,
    /// Where snapshots go.
    pub snapshots: Option<SnapshotStore>,
    /// Metrics.
    pub metrics: Metrics,
    /// Health.
    pub health: Health,
}

/// A drain gives up on records missing from a log once nothing has moved for so long.
const HEALING: Duration = Duration::from_secs(10);

/// No more partitions are restored at once, however many cores there are: their snapshots lie in memory meanwhile.
const MOST_RESTORES: usize = 4;

fn restores() -> Restores {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    // Two on one core, too: one waits for its files or for the tables.
    Restores::new(cores.clamp(2, MOST_RESTORES))
}

impl Processors {
    /// Starts sessionize and journey as asked.
    ///
    /// # Errors
    /// The rules of the epoch cannot be read, or threads cannot be started.
    pub fn start(deployment: &Deployment, shared: &Shared, sessionize: bool, journey: bool) -> Result<Processors> {
        let config = &deployment.config;
        let restores = restores();
        let rulings = Rulings::of(&deployment.epoch_notes(config.epoch.0)?, config)?;
        let mut processors = Processors {
            sessionize: Progress::default(),
            journey: Progress::default(),
            sink: shared.sink.clone(),
            stop: Arc::new(AtomicBool::new(false)),
            threads: Vec::new(),
            failed: Arc::new(AtomicBool::new(false)),
        };
        if sessionize {
            let rules = rulings.sessions;
            let touchpoints = config.clickhouse.touchpoints;
            let identity = identity_rules(config)?;
            let of = shared.logs.touchpoints.partitions();
            let most_resident = config.pace.events_in_memory_mib as usize * (1 << 20);
            let make = move |PartitionId(partition): PartitionId| {
                Sessionize::new(rules.clone(), identity, touchpoints, Place { partition, of }).holding(most_resident)
            };
            let progress = processors.sessionize.clone();
            let logs = &shared.logs;
            processors.spawn(
                deployment,
                shared,
                "sessionize",
                &logs.touchpoints,
                Some(&logs.people),
                &restores,
                progress,
                make,
            )?;
        }
        if journey {
            let rules = rulings.journeys;
            let most_resident = config.pace.touchpoints_in_memory_mib as usize * (1 << 20);
            let make = move |_: PartitionId| Journey::new(rules.clone()).holding(most_resident);
            let progress = processors.journey.clone();
            processors.spawn(
                deployment,
                shared,
                "journey",
                &shared.logs.people,
                None,
                &restores.behind(),
                progress,
                make,
            )?;
        }
        Ok(processors)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one processor, named at the one call each")]
    fn spawn<S: Step + 'static>(
        &mut self,
        deployment: &Deployment,
        shared: &Shared,
        name: &'static str,
        log: &Arc<dyn Log>,
        onward: Option<&Arc<dyn Log>>,
        restores: &Restores,
        progress: Progress,
        make: impl Fn(PartitionId) -> S + Clone + Send + Sync + 'static,
    ) -> Result<()> {
        let config = &deployment.config;
        for index in 0..config.pace.threads {
            let part = format!("{name}-{index}");
            let processor = Processor {
                log: log.clone(),
                onward: onward.cloned(),
                control: Some(shared.logs.control.clone()),
                sink: shared.sink.clone(),
                snapshots: shared.snapshots.clone(),
                make: make.clone(),
                rules: cut_rules(config),
                epoch: deployment.epoch(),
                generation: deployment.generation(),
                clock: Clock::System,
                metrics: shared.metrics.clone(),
                progress: progress.clone(),
                stop: self.stop.clone(),
                beat: shared.health.watch(&part),
                accepts_gaps: deployment.accepts_gaps,
                restores: restores.clone(),
                flush_interval: Duration::from_millis(u64::from(config.pace.tick_ms.min(200))),
                retention: deployment.retention(),
            };
            let group = group(deployment, name);
            let instance = format!("{}{index}", instance(deployment, name));
            let count = config.pace.threads;
            let (health, failed) = (shared.health.clone(), self.failed.clone());
            let thread = std::thread::Builder::new()
                .name(part.clone())
                .spawn(move || {
                    health.ready(&part);
                    let ended = processor.run(Member { group: &group, index, count, instance });
                    if let Err(error) = &ended {
                        failed.store(true, Ordering::Relaxed);
                        health.dead(&part, error.to_string());
                        tracing::error!(processor = part, %error, "processor ended");
                    }
                    ended.map_err(|error| anyhow!("{part}: {error}"))
                })
                .context("cannot start a processor thread")?;
            self.threads.push(thread);
        }
        Ok(())
    }

    /// Whether one of them has ended with an error.
    #[must_use]
    pub fn have_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Waits until sessionize and then journey, here or in other members of their groups, have processed everything their logs hold
    /// now and cut it into batches, or one of them has ended with an error, which [`Processors::stop`] tells, or `stop` is set;
    /// `look` is asked all the while whether to go on waiting.
    ///
    /// # Errors
    /// Records are missing from a log; what `look` says.
    pub fn drain(&self, logs: &Logs, stop: &AtomicBool, mut look: impl FnMut() -> Result<()>) -> Result<()> {
        // What was written counts from where it is durable.
        logs.touchpoints.flush(Duration::from_secs(60))?;
        let sessionize = Elsewhere::new("sessionize", &logs.touchpoints, Some(&logs.people), self.sink.as_ref());
        self.wait_for(&logs.touchpoints, &self.sessionize, sessionize, stop, &mut look)?;
        logs.people.flush(Duration::from_secs(60))?;
        let journey = Elsewhere::new("journey", &logs.people, None, self.sink.as_ref());
        self.wait_for(&logs.people, &self.journey, journey, stop, &mut look)
    }

    fn wait_for(
        &self,
        log: &Arc<dyn Log>,
        progress: &Progress,
        mut elsewhere: Elsewhere<'_>,
        stop: &AtomicBool,
        look: &mut impl FnMut() -> Result<()>,
    ) -> Result<()> {
        let mut moved_at = Instant::now();
        // Others may go on writing: that is not waited for.
        let mut ends = ends(log.as_ref())?;
        while !stop.load(Ordering::Relaxed) {
            let (mut behind, mut gaps) = (false, 0);
            for (partition, &end) in (0..).zip(&ends) {
                match progress.of(partition) {
                    Some(at) => {
                        behind |= at.processed < end || at.waiting && at.cut < end;
                        gaps += at.gaps;
                    }
                    None => behind |= elsewhere.is_behind(partition, end)?,
                }
            }
            if gaps > 0 {
                // What is sent again is behind all else.
                ends = self::ends(log.as_ref())?;
            }
            look()?;
            if behind {
                moved_at = Instant::now();
            } else if gaps == 0 {
                return Ok(());
            } else if moved_at.elapsed() >= HEALING {
                let log = log.name();
                return Err(anyhow!(
                    "records are missing from {log}: what follows them is not counted yet; run again, and their writer \
                     is asked to send them again"
                ));
            }
            if self.have_failed() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Stops them and waits, until the deadline.
    ///
    /// # Errors
    /// The first error a processor ended with, or the deadline.
    pub fn stop(self, deadline: Duration) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let until = Instant::now() + deadline;
        let mut result = Ok(());
        for thread in self.threads {
            while !thread.is_finished() {
                if Instant::now() >= until {
                    return Err(anyhow!(
                        "drain did not end within {} s; nothing is lost: the log has it",
                        deadline.as_secs()
                    ));
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            match thread.join() {
                Ok(ended) => result = result.and(ended),
                Err(_) => result = result.and(Err(anyhow!("a processor thread panicked"))),
            }
        }
        result
    }
}

/// The consumer group of a processor of the configured epoch.
fn group(deployment: &Deployment, name: &str) -> String {
    format!("{}-{name}-e{}", deployment.config.log.topic_prefix, deployment.config.epoch.0)
}

/// What our members are called in it, without their number.
fn instance(deployment: &Deployment, name: &str) -> String {
    format!("{}-{name}-", deployment.instance())
}

/// Members of other processes that the epoch's sessionize has. A local log has one owner.
///
/// # Errors
/// The broker cannot be asked.
pub fn others_at_work(deployment: &Deployment) -> Result<Vec<String>> {
    if deployment.config.log.home == LogHome::Local {
        return Ok(Vec::new());
    }
    let (name, ours) = ("sessionize", instance(deployment, "sessionize"));
    let members = admin::members(&deployment.kafka_settings(), &group(deployment, name))?;
    Ok(members.into_iter().filter(|member| !member.starts_with(&ours)).collect())
}

/// Where the partitions of a log end.
fn ends(log: &dyn Log) -> Result<Vec<Offset>, LogError> {
    (0..log.partitions()).map(|partition| Ok(log.bounds(PartitionId(partition))?.1)).collect()
}
