//! `run`: the processors until told to stop, or until there is nothing left to do.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use crumbtrail_log::kafka::KafkaSource;
use crumbtrail_log::kafka::admin;
use crumbtrail_log::log::GIVE_UP_FRAMES;
use crumbtrail_log::{Offset, PartitionId};
use crumbtrail_runtime::Clock;
use crumbtrail_runtime::intake::{IntakeLoop, Progress, Proofs, Writer};
use crumbtrail_runtime::quarantine::Crashes;
use crumbtrail_runtime::retention::forget;
use crumbtrail_telemetry::{Health, Metrics, catalogue, server};
use crumbtrail_warehouse::{epochs, migrate};

use super::interrupt::on_signal;
use crate::args::{RunArgs, Which};
use crate::loaded::load_service;
use crate::wiring::Deployment;
use crate::wiring::deployment::Logs;
use crate::wiring::intake::SourceJudge;
use crate::wiring::processors::{Processors, Shared};
use crate::wiring::sink::{self, InsertMetrics};
use crate::wiring::tables::Clickhouse;

/// How often the audit is asked and memory of progress compared.
const AUDIT: Duration = Duration::from_secs(30);
/// `--until-idle`: at the end of everything, with nothing new, for this long.
const IDLE: Duration = Duration::from_secs(3);
/// `--until-idle`: without some source partition for this long, as when other members have it. Longer than the group takes to
/// notice that a member is gone.
const UNASSIGNED: Duration = Duration::from_secs(60);

pub fn run(args: &RunArgs) -> Result<ExitCode> {
    let stop = on_signal()?;
    let mut deployment = Deployment::new(load_service(&args.place)?)?.serving(stop.clone());
    deployment.accepts_gaps = args.accept_gap;
    let metrics = Metrics::new();
    let health = Health::default();
    // Until all has begun: it may have to wait for ClickHouse.
    health.announce("start");
    let listen = &deployment.config.telemetry.listen;
    if !listen.is_empty() {
        let bound = deployment.runtime.block_on(server::serve(listen, metrics.clone(), health.clone()))?;
        tracing::info!(address = %bound, "metrics and health are served");
    }
    let intake = matches!(args.which, Which::Intake | Which::All);
    let (sessionize, journey) =
        (matches!(args.which, Which::Sessionize | Which::All), matches!(args.which, Which::Journey | Which::All));
    if intake && deployment.config.sources.is_empty() {
        if args.which == Which::Intake {
            bail!("no sources are configured: intake has nothing to read; add `sources` to the configuration");
        }
        tracing::warn!("no sources are configured: intake does not run");
    }
    let logs = deployment.logs()?;
    let clickhouse = if sessionize || journey { Some(clickhouse(&deployment)?) } else { None };
    // Before anybody writes.
    match &clickhouse {
        Some(clickhouse) => deployment.hold_ends(clickhouse, &logs)?,
        None => deployment.hold_ends_if_told(&logs)?,
    }
    let processors = match &clickhouse {
        Some(clickhouse) => Some(processors(&deployment, clickhouse, &logs, &metrics, &health, sessionize, journey)?),
        None => None,
    };
    let intake = if intake && !deployment.config.sources.is_empty() {
        Some(Intake::start(&deployment, &logs, &metrics, &health, args)?)
    } else {
        None
    };
    health.ready("start");
    let place = Place { deployment: &deployment, logs: &logs, clickhouse: clickhouse.as_ref() };
    let ended = watch(args, place, &metrics, processors.as_ref(), intake.as_ref(), &stop);
    tracing::info!("draining");
    let deadline = Duration::from_secs(u64::from(deployment.config.pace.shutdown_deadline_seconds));
    let intake_ended = intake.map_or(Ok(()), |intake| intake.stop(deadline));
    let mut drained = Ok(());
    if let Some((processors, sink)) = processors {
        if args.until_idle && ended.is_ok() && intake_ended.is_ok() {
            drained = processors.drain(&logs, &stop, || sink.is_patient(deployment.patience.most()));
        }
        drained = drained.and(processors.stop(deadline));
        drained = drained.and(sink.flush(deadline).map(|_| ()).map_err(Into::into));
    }
    ended?;
    intake_ended?;
    drained?;
    Ok(ExitCode::SUCCESS)
}

fn clickhouse(deployment: &Deployment) -> Result<Clickhouse> {
    let clickhouse = deployment.clickhouse()?;
    deployment.migrate(&clickhouse)?;
    deployment.claim(&clickhouse)?;
    Ok(clickhouse)
}

type Running = (Processors, Arc<sink::WarehouseSink>);

fn processors(
    deployment: &Deployment,
    clickhouse: &Clickhouse,
    logs: &Logs,
    metrics: &Metrics,
    health: &Health,
    sessionize: bool,
    journey: bool,
) -> Result<Running> {
    let sink = sink::open(deployment, clickhouse, metrics, InsertMetrics::observer(metrics))?;
    let shared = Shared {
        logs: logs.clone(),
        sink: sink.clone(),
        snapshots: Some(deployment.snapshots()?),
        metrics: metrics.clone(),
        health: health.clone(),
    };
    Ok((Processors::start(deployment, &shared, sessionize, journey)?, sink))
}

/// Where `run` runs.
#[derive(Clone, Copy)]
struct Place<'a> {
    deployment: &'a Deployment,
    logs: &'a Logs,
    clickhouse: Option<&'a Clickhouse>,
}

/// Waits for a signal, a failure, or for everything to be done.
fn watch(
    args: &RunArgs,
    place: Place<'_>,
    metrics: &Metrics,
    processors: Option<&Running>,
    intake: Option<&Intake>,
    stop: &AtomicBool,
) -> Result<()> {
    let Place { deployment, logs, clickhouse } = place;
    let mut audited = Instant::now();
    // The metric is there from the first scrape on.
    if let Some(clickhouse) = clickhouse {
        audit(deployment, clickhouse, metrics);
    }
    let of_sources = if args.until_idle && intake.is_some() { source_partitions(deployment)? } else { 0 };
    let mut seen = ((0, None), Instant::now());
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(50));
        if processors.is_some_and(|(processors, _)| processors.have_failed()) || intake.is_some_and(Intake::has_ended) {
            return Ok(()); // The error itself comes out of the drain.
        }
        if audited.elapsed() >= AUDIT {
            audited = Instant::now();
            forget_letters(deployment, logs);
            if let Some(clickhouse) = clickhouse {
                audit(deployment, clickhouse, metrics);
                none_dropped(deployment, clickhouse)?;
            }
        }
        if args.until_idle {
            let read: u64 = crumbtrail_events::Outcome::ALL
                .iter()
                .map(|outcome| metrics.counter(&catalogue::INTAKE_RECORDS, &[outcome.as_str()]))
                .sum();
            let now = (read, intake.map(Intake::progress));
            if now != seen.0 {
                seen = (now, Instant::now());
            }
            // A partition that is behind (a registry that is away, say) is waited for, however long it is silent.
            let patience = match now.1 {
                None => Some(IDLE),
                Some((0, _)) => Some(UNASSIGNED),
                // The rest may be another member's, or that of one that is gone and not given up yet.
                Some((assigned, at_end)) if assigned < of_sources => (at_end == assigned).then_some(UNASSIGNED),
                Some((assigned, at_end)) => (at_end == assigned).then_some(IDLE),
            };
            if patience.is_some_and(|patience| seen.1.elapsed() >= patience) {
                if patience == Some(UNASSIGNED) {
                    tracing::warn!(assigned = ?now.1, "not every source partition was assigned to this process: the rest is not read");
                }
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Partitions of all sources' topics: where fewer were counted than there are, a run would end before it has read all.
fn source_partitions(deployment: &Deployment) -> Result<u64> {
    let settings = deployment.kafka_settings();
    let of = |topic: &str| -> Result<u64> {
        Ok(admin::describe(&settings, topic)?.map_or(0, |facts| u64::from(facts.partitions)))
    };
    deployment.config.sources.iter().map(|source| of(&source.topic)).sum()
}

/// Dead letters have no reader of ours that would keep them longer.
fn forget_letters(deployment: &Deployment, logs: &Logs) {
    let Some(retention) = deployment.retention() else { return };
    let oldest_ms = Clock::System.now_ms().saturating_sub(i64::try_from(retention.as_millis()).unwrap_or(i64::MAX));
    let (log, partition) = (logs.dead_letters.as_ref(), PartitionId(0));
    // The last ones tell intake where to go on.
    let needed = log.bounds(partition).map(|(_, end)| Offset(end.0.saturating_sub(GIVE_UP_FRAMES)));
    if let Err(error) = needed.and_then(|needed| forget(log, partition, needed, oldest_ms)) {
        tracing::warn!(%error, "old dead letters were not forgotten");
    }
}

/// Tables that are seldom written to are missed all the same.
///
/// # Errors
/// One that was made is gone. A server that does not answer is no error.
fn none_dropped(deployment: &Deployment, clickhouse: &Clickhouse) -> Result<()> {
    let target = deployment.target();
    match deployment.runtime.block_on(migrate::dropped(&clickhouse.client, &target)) {
        Ok(gone) => Ok(migrate::refuse(&target, &gone)?),
        Err(error) => {
            tracing::warn!(%error, "which tables there are cannot be asked");
            Ok(())
        }
    }
}

fn audit(deployment: &Deployment, clickhouse: &Clickhouse, metrics: &Metrics) {
    #[derive(serde::Deserialize)]
    struct Row {
        rows: u64,
    }
    let sql = format!("SELECT count() AS rows FROM {}.audit", clickhouse.client.database());
    match deployment.runtime.block_on(clickhouse.client.rows::<Row>(&sql)) {
        Ok(rows) => {
            let count = rows.first().map_or(0, |row| row.rows);
            metrics.set(&catalogue::AUDIT_ROWS, &[], count as f64);
            if count > 0 {
                tracing::error!(rows = count, "the audit is not empty");
            }
        }
        Err(error) => tracing::warn!(%error, "the audit could not be asked"),
    }
    let ours = deployment.config.epoch.0;
    if let Ok(Some(shown)) = deployment.runtime.block_on(epochs::shown(&clickhouse.client))
        && shown.newest > ours
    {
        tracing::error!(
            shown = shown.newest,
            ours,
            "the views show a later epoch: nobody reads what this process writes, stop it"
        );
    }
}

/// Intake threads, one per member.
struct Intake {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<()>>>,
    progress: Vec<Arc<Progress>>,
}

impl Intake {
    fn start(
        deployment: &Deployment,
        logs: &Logs,
        metrics: &Metrics,
        health: &Health,
        args: &RunArgs,
    ) -> Result<Intake> {
        let config = &deployment.config;
        let stop = Arc::new(AtomicBool::new(false));
        let (mut threads, mut all_progress) = (Vec::new(), Vec::new());
        let snapshots = deployment.snapshots()?;
        let topics: BTreeSet<&str> = config.sources.iter().map(|source| source.topic.as_str()).collect();
        let topics: Vec<&str> = topics.into_iter().collect();
        for index in 0..config.pace.threads {
            let part = format!("intake-{index}");
            let group = format!("{}-intake-e{}", config.log.topic_prefix, config.epoch.0);
            let instance = format!("{}-intake-{index}", deployment.instance());
            // Of ticks, and of what a quiet source's end is claimed to be of.
            let clock = Clock::steady();
            let now = {
                let clock = clock.clone();
                move || clock.now_ms()
            };
            let mut source = KafkaSource::open(&deployment.kafka_settings(), &topics, &group, &instance, now)?;
            for configured in &config.sources {
                source = source.with_incarnation(&configured.topic, configured.incarnation.max(1));
            }
            let progress = Arc::new(Progress::default());
            all_progress.push(progress.clone());
            let intake = IntakeLoop {
                source: Box::new(source),
                writer: Writer::new(
                    logs.touchpoints.clone(),
                    logs.dead_letters.clone(),
                    deployment.epoch(),
                    deployment.generation(),
                )
                .accepting_gaps(deployment.accepts_gaps)
                .counting(Crashes::new(snapshots.notes("crashes")))
                .proving(Proofs::new(snapshots.notes("sources"))),
                judge: Box::new(SourceJudge::new(deployment, metrics)?),
                control: logs.control.clone(),
                log_name: logs.touchpoints.name().to_owned(),
                tick: Duration::from_millis(u64::from(config.pace.tick_ms)),
                clock,
                metrics: metrics.clone(),
                stop: stop.clone(),
                beat: health.watch(&part),
                closes: args.until_idle,
                progress,
            };
            let health = health.clone();
            let thread = std::thread::Builder::new()
                .name(part.clone())
                .spawn(move || {
                    health.ready(&part);
                    let ended = intake.run();
                    if let Err(error) = &ended {
                        health.dead(&part, error.to_string());
                        tracing::error!(processor = part, %error, "intake ended");
                    }
                    ended.map_err(|error| anyhow!("{part}: {error}"))
                })
                .context("cannot start an intake thread")?;
            threads.push(thread);
        }
        Ok(Intake { stop, threads, progress: all_progress })
    }

    /// Source partitions of all members here, and how many were read to their end.
    fn progress(&self) -> (u64, u64) {
        self.progress.iter().map(|member| member.get()).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    fn has_ended(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    fn stop(self, deadline: Duration) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let until = Instant::now() + deadline;
        let mut result = Ok(());
        for thread in self.threads {
            while !thread.is_finished() {
                if Instant::now() >= until {
                    return Err(anyhow!("intake did not end within {} s; nothing is lost", deadline.as_secs()));
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            match thread.join() {
                Ok(ended) => result = result.and(ended),
                Err(_) => result = result.and(Err(anyhow!("an intake thread panicked"))),
            }
        }
        result
    }
}
