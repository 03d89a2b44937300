//! `bench`: what intake and sessionize cost in this process, with no sink behind them. For `make bench`.
//!
//! The way of a record is that of `import`: survey, judge, frames, log, owner, encoded rows, and the next log's frames.
//! Only the ends differ: the logs live in memory, rows and the next log's frames are counted and dropped, and wall time
//! moves by the record, so that two runs do the same work.

mod bare;
mod recovery;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Args, Subcommand};
use crumbtrail_events::EventTime;
use crumbtrail_events::Outcome;
use crumbtrail_events::outcome::Counts;
use crumbtrail_log::memory::MemoryLog;
use crumbtrail_log::{Log, Offset, Outbox, PartitionId};
use crumbtrail_runtime::cutter::CutRules;
use crumbtrail_runtime::import::{self, ImportFile, ImportRules, Survey};
use crumbtrail_runtime::intake::Writer;
use crumbtrail_runtime::owner::Start;
use crumbtrail_runtime::snapshot::{SnapshotError, SnapshotStore};
use crumbtrail_runtime::{Clock, Owner, Step as _};
use crumbtrail_scratch::Scratch;
use crumbtrail_steps::sessionize::{Sessionize, TABLES};
use crumbtrail_steps::{Place, Ruling};
use crumbtrail_telemetry::Metrics;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

use self::bare::Bare;
use super::files::SourceFile;
use crate::args::ImportArgs;
use crate::loaded::load;
use crate::wiring::Deployment;
use crate::wiring::intake::SourceJudge;
use crate::wiring::rules::{cut_rules, identity_rules, session_rules};

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Files to sessions: intake and sessionize on one thread, rows encoded and dropped
    Sessions(SessionsArgs),
    /// The same with snapshots, and without anything that makes it exact, in turn: what exactness costs
    Exactness(ExactnessArgs),
    /// A service on its log and sources, killed and started again: how long until it is back
    Recovery(recovery::RecoveryArgs),
}

/// `bench sessions`.
#[derive(Debug, Args)]
pub struct SessionsArgs {
    /// What to read, as `import` takes it.
    #[command(flatten)]
    pub import: ImportArgs,
    /// Encode rows of the touchpoints table, too.
    #[arg(long)]
    pub touchpoints: bool,
    /// Wall time told per 1,024 records, ms: how often rows are corrected and batches cut.
    #[arg(long, default_value_t = 2)]
    pub wall_ms: i64,
}

/// `bench exactness`.
#[derive(Debug, Args)]
pub struct ExactnessArgs {
    /// The work.
    #[command(flatten)]
    pub work: SessionsArgs,
    /// Rounds, each of one run with and one without.
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
}

/// A made-up key: nothing is kept.
const KEY: &str = "bench-keeps-nothing";
/// Bytes read from a log at once.
const READ: usize = 1 << 20;

/// Runs a measurement.
///
/// # Errors
/// As `import`.
pub fn bench(command: &BenchCommand) -> Result<ExitCode> {
    match command {
        BenchCommand::Sessions(args) => sessions(args),
        BenchCommand::Exactness(args) => exactness(args),
        BenchCommand::Recovery(args) => recovery::recovery(args).map(|()| ExitCode::SUCCESS),
    }
}

/// What a run did and cost.
struct Measured {
    processing: f64,
    records: u64,
    reader: Sessionizing,
}

fn sessions(args: &SessionsArgs) -> Result<ExitCode> {
    let mut work = Work::prepare(args)?;
    let Measured { processing, records, reader } = work.whole(None)?;
    let Work { set_up, survey, .. } = work;
    say("records", records);
    for outcome in Outcome::ALL {
        say(outcome.as_str(), reader.counts.of(outcome));
    }
    say("set-up CPU-seconds", format_args!("{set_up:.2}"));
    say("survey CPU-seconds", format_args!("{survey:.2}"));
    say("CPU-seconds", format_args!("{processing:.2}"));
    say("records per CPU-second", format_args!("{:.0}", records as f64 / processing.max(0.01)));
    say("with the survey", format_args!("{:.0}", records as f64 / (survey + processing).max(0.01)));
    say("peak RSS MiB", format_args!("{:.1}", peak_rss_bytes()? as f64 / f64::from(1 << 20)));
    say("sessions closed", reader.closed_sessions());
    say("most open sessions", reader.peak.open);
    let per_session = reader.peak.resident_bytes as f64 / reader.peak.open.max(1) as f64;
    say("bytes per open session", format_args!("{per_session:.0}"));
    for (table, (rows, bytes)) in TABLES.iter().zip(&reader.rows) {
        say(table.name(), format_args!("{rows} rows, {bytes} bytes"));
    }
    say("passed on", format_args!("{} bytes", reader.passed_bytes));
    say("kept in blocks", format_args!("{} bytes", reader.block_bytes()));
    Ok(ExitCode::SUCCESS)
}

/// Runs with all of it, without snapshots, and without any of it, in turn, after one of each that only warms up.
fn exactness(args: &ExactnessArgs) -> Result<ExitCode> {
    let mut work = Work::prepare(&args.work)?;
    let folder = tempfile::tempdir().context("no room for snapshots")?;
    let (mut costs, mut snapshots) = ([(); 3].map(|()| Vec::new()), 0);
    for round in 0..=args.rounds {
        let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder.path())?);
        let prefix = format!("round-{round}");
        let store = SnapshotStore::new(store, &prefix, work.deployment.runtime.handle().clone(), 2);
        let (whole, logged) = (work.whole(Some(&store))?, work.whole(None)?);
        let (bare, cost) = work.bare()?;
        snapshots = whole.reader.snapshots;
        if (bare.records(), bare.closed_sessions()) != (whole.records, whole.reader.closed_sessions()) {
            bail!("the runs do not come to the same: a fault of this program");
        }
        for (costs, cost) in costs.iter_mut().zip([whole.processing, logged.processing, cost]).filter(|_| round > 0) {
            costs.push(cost);
        }
    }
    let [whole, logged, bare] = costs.map(|mut costs| {
        costs.sort_by(f64::total_cmp);
        [costs.first().copied().unwrap_or_default(), costs.get(costs.len() / 2).copied().unwrap_or_default()]
    });
    let ratios = |[best, median]: [f64; 2]| {
        format!("best {best:.2} s, {:.3}; median {median:.2} s, {:.3}", best / bare[0], median / bare[1])
    };
    say("without any of it", ratios(bare));
    say("without snapshots", ratios(logged));
    say(&format!("with {snapshots} snapshots"), ratios(whole));
    Ok(ExitCode::SUCCESS)
}

/// Files surveyed, to be read any number of times.
struct Work<'a> {
    args: &'a SessionsArgs,
    deployment: Deployment,
    files: Vec<SourceFile>,
    surveys: Vec<Survey>,
    judge: SourceJudge,
    set_up: f64,
    survey: f64,
}

impl Work<'_> {
    fn prepare(args: &SessionsArgs) -> Result<Work<'_>> {
        let mut config = load(&args.import.place)?;
        config.clickhouse.touchpoints = args.touchpoints;
        if config.privacy.key.is_empty() {
            KEY.clone_into(&mut config.privacy.key);
        }
        let spool = std::env::temp_dir();
        let format = args.import.format;
        let mut files: Vec<SourceFile> =
            args.import.files.iter().map(|path| SourceFile::open(path, &spool, format)).collect::<Result<_>>()?;
        let deployment = Deployment::new(config)?;
        let mut judge = SourceJudge::new(&deployment, &Metrics::new())?;
        let set_up = cpu_seconds()?;
        let surveys = super::import::survey(&args.import, &mut files, &mut judge)?;
        let survey = cpu_seconds()? - set_up;
        Ok(Work { args, deployment, files, surveys, judge, set_up, survey })
    }

    /// Everything an import does, up to where rows go to ClickHouse.
    fn whole(&mut self, snapshots: Option<&SnapshotStore>) -> Result<Measured> {
        let begun = cpu_seconds()?;
        let Work { args, deployment, files, surveys, judge, .. } = self;
        let log: Arc<dyn Log> = Arc::new(MemoryLog::new("touchpoints", deployment.config.log.partitions));
        let letters: Arc<dyn Log> = Arc::new(MemoryLog::new("dead-letters", 1));
        let mut reader = Sessionizing::new(deployment, log.clone(), letters.clone())?;
        let mut writer = Writer::new(log, letters, deployment.epoch(), deployment.generation());
        let pairs: Vec<_> = files.iter().map(|file| file as &dyn ImportFile).zip(surveys.iter().cloned()).collect();
        let close_after_ms = (!args.import.keep_open).then(|| super::import::close_after_ms(deployment)).transpose()?;
        let (tick_ms, believed_to) = (i64::from(deployment.config.pace.tick_ms), EventTime::MAX.plus(-1));
        let rules = ImportRules { tick_ms, close_after_ms, believed_to };
        let clock = Clock::manual(0);
        let mut failed = None;
        let imported = import::import(&pairs, &mut writer, judge, rules, &clock, &Metrics::new(), |_| {
            clock.advance(args.wall_ms);
            if failed.is_none() {
                failed = reader.read(snapshots).err();
            }
        })?;
        failed.map_or(Ok(()), Err)?;
        reader.read(snapshots)?;
        reader.end_snapshots(snapshots)?;
        let processing = cpu_seconds()? - begun;
        if reader.counts.total() != imported.new {
            bail!("{} records went in, {} came out: a fault of this program", imported.new, reader.counts.total());
        }
        Ok(Measured { processing, records: imported.read, reader })
    }

    /// The same without what makes it exact, and its processor time.
    fn bare(&mut self) -> Result<(Bare, f64)> {
        let begun = cpu_seconds()?;
        let Work { args, deployment, files, surveys, judge, .. } = self;
        let pairs: Vec<_> = files.iter().map(|file| file as &dyn ImportFile).zip(surveys.iter().cloned()).collect();
        let steps = (0..deployment.config.log.partitions).map(|partition| step(deployment, partition));
        let steps = steps.collect::<Result<Vec<_>>>()?;
        let mut bare = Bare::new(steps, Scratch::new(std::env::temp_dir()));
        bare.run(&pairs, judge, args.wall_ms, super::import::close_after_ms(deployment)?)?;
        Ok((bare, cpu_seconds()? - begun))
    }
}

/// The step of one partition.
fn step(deployment: &Deployment, partition: u32) -> Result<Sessionize> {
    let config = &deployment.config;
    let place = Place { partition, of: config.log.partitions };
    Ok(Sessionize::new(
        Ruling::fixed(session_rules(config)?),
        identity_rules(config)?,
        config.clickhouse.touchpoints,
        place,
    )
    .holding(config.pace.events_in_memory_mib as usize * (1 << 20)))
}

/// Every partition's owner, fed from the log in memory.
struct Sessionizing {
    log: Arc<dyn Log>,
    letters: Arc<dyn Log>,
    owners: Vec<Owner<Sessionize>>,
    scratch: Scratch,
    counts: Counts,
    /// Rows and bytes by table.
    rows: [(u64, u64); TABLES.len()],
    passed_bytes: u64,
    /// Snapshots begun, and the outcomes of those that are published.
    snapshots: usize,
    published: (Sender<Publishing>, Receiver<Publishing>),
    /// Gauges of all partitions when most sessions were open.
    peak: Peak,
}

/// Goes on with a snapshot, if one is being taken; whether it is whole now, and published.
fn save_on(owner: &mut Owner<Sessionize>, store: &SnapshotStore, published: &Sender<Publishing>) -> bool {
    let Some((at, state)) = owner.save_on(CutRules::default().save_at_once) else { return false };
    let published = published.clone();
    store.publish("sessionize", owner.partition().0, at, state, at, move |done| {
        let _ = published.send(done.map(|_| ()));
    });
    true
}

type Publishing = Result<(), SnapshotError>;

#[derive(Default)]
struct Peak {
    open: usize,
    resident_bytes: usize,
}

impl Sessionizing {
    fn new(deployment: &Deployment, log: Arc<dyn Log>, letters: Arc<dyn Log>) -> Result<Sessionizing> {
        let config = &deployment.config;
        let owner = |partition: u32| -> Result<Owner<Sessionize>> {
            let outbox = Outbox::new(deployment.epoch(), deployment.generation(), config.log.partitions);
            let onward = Some((outbox, format!("log:touchpoints/{partition}")));
            let (step, start) = (step(deployment, partition)?, Start::Empty(Offset(0)));
            Ok(Owner::new(step, deployment.epoch(), PartitionId(partition), start, cut_rules(config), onward)?)
        };
        Ok(Sessionizing {
            owners: (0..log.partitions()).map(owner).collect::<Result<_, _>>()?,
            scratch: Scratch::new(std::env::temp_dir()),
            log,
            letters,
            counts: Counts::default(),
            rows: [(0, 0); TABLES.len()],
            passed_bytes: 0,
            snapshots: 0,
            published: mpsc::channel(),
            peak: Peak::default(),
        })
    }

    /// Processes what the log holds and trims it.
    fn read(&mut self, store: Option<&SnapshotStore>) -> Result<()> {
        let mut ticked = false;
        let Sessionizing { log, owners, scratch, counts, rows, passed_bytes, snapshots, published, .. } = self;
        for owner in owners {
            let partition = owner.partition();
            loop {
                let frames = log.read(partition, owner.next(), READ)?;
                if frames.is_empty() {
                    break;
                }
                for (offset, bytes) in frames {
                    let report = owner.frame(offset, &bytes, |_, frame| *passed_bytes += frame.len() as u64)?;
                    if let Some((_, position)) = report.gap {
                        return Err(anyhow!("a record before {position:?} is missing: a fault of this program"));
                    }
                    ticked |= report.ticked;
                    if report.ticked {
                        owner.spill(scratch)?;
                    }
                    if store.is_some() && report.snapshot_is_due {
                        owner.begin_save();
                    }
                    if let Some(store) = store {
                        *snapshots += usize::from(save_on(owner, store, &published.0));
                    }
                    if let Some(batch) = report.batch {
                        counts.join(&batch.counts);
                        for (sum, table) in rows.iter_mut().zip(&batch.tables) {
                            sum.0 += table.rows;
                            sum.1 += table.bytes() as u64;
                        }
                    }
                }
                log.trim(partition, owner.next())?;
            }
        }
        let (_, end) = self.letters.bounds(PartitionId(0))?;
        self.letters.trim(PartitionId(0), end)?;
        if ticked {
            self.note_peak();
        }
        Ok(())
    }

    /// Ends the snapshots that are being taken, as a process does that is asked to end.
    fn end_snapshots(&mut self, store: Option<&SnapshotStore>) -> Result<()> {
        for owner in &mut self.owners {
            while let (Some(store), true) = (store, owner.is_saving()) {
                self.snapshots += usize::from(save_on(owner, store, &self.published.0));
            }
        }
        (0..self.snapshots).try_for_each(|_| Ok(self.published.1.recv()??))
    }

    fn note_peak(&mut self) {
        let mut now = Peak::default();
        for owner in &self.owners {
            let gauges = owner.step().gauges();
            now.open += gauges.open;
            now.resident_bytes += gauges.resident_bytes;
        }
        if now.open > self.peak.open {
            self.peak = now;
        }
    }

    fn block_bytes(&self) -> usize {
        self.owners.iter().flat_map(|owner| owner.step().blocks()).map(|(_, block)| block.len()).sum()
    }

    fn closed_sessions(&self) -> u64 {
        self.owners.iter().map(|owner| owner.step().closed_sessions()).sum()
    }
}

fn say(what: &str, value: impl std::fmt::Display) {
    sayln!("{what:<24} {value}");
}

/// Processor time of this process so far, user and system, all threads.
fn cpu_seconds() -> Result<f64> {
    // USER_HZ is 100 on every Linux we build for; /proc counts in it.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").context("processor time is read from Linux's /proc")?;
    // The command's name, in parentheses, may hold blanks.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_ascii_whitespace()).context("/proc/self/stat")?;
    let ticks: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}

/// The most memory this process has had resident.
fn peak_rss_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("memory is read from Linux's /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("/proc/self/status: VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().context("/proc/self/status: VmHWM")?;
    Ok(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_world::container::ContainerWriter;
    use crumbtrail_world::{Load, LoadShape};
    use std::io::Write as _;

    #[test]
    fn a_load_has_the_sessions_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let (lines, container) = (folder.path().join("clicks.jsonl"), folder.path().join("clicks.avro"));
        let load = Load::new(3, LoadShape { events: 3_000, visitors: 200, sessions: 400, days: 1 });
        let mut file = std::fs::File::create(&lines).unwrap();
        load.visit(|click| {
            let mut line = Vec::new();
            crumbtrail_events::encode::json::click(&click, &mut line);
            line.push(b'\n');
            file.write_all(&line)
        })
        .unwrap();
        let file = std::fs::File::create(&container).unwrap();
        let mut writer = ContainerWriter::new(file, crumbtrail_events::avro::CLICK_SCHEMA).unwrap();
        load.visit(|click| writer.append(|out| crumbtrail_events::encode::avro::click(&click, out))).unwrap();
        // One that is dead: where it ends has to be found, and what follows is read on.
        let dead = crumbtrail_events::ClickEvent { visitor: "v", ..Default::default() };
        writer.append(|out| crumbtrail_events::encode::avro::click(&dead, out)).unwrap();
        load.visit(|click| writer.append(|out| crumbtrail_events::encode::avro::click(&click, out))).unwrap();
        writer.finish().unwrap();
        for (format, path, (dead, repeated)) in [("native", &lines, (0, 0)), ("avro", &container, (1, 3_000))] {
            let args = crate::args::parsed(&["--format", format, path.to_str().unwrap()]);
            let mut work = Work::prepare(&args).unwrap();
            let reader = work.whole(None).unwrap().reader;
            let bare = work.bare().unwrap().0;
            assert_eq!((bare.records(), bare.closed_sessions()), (reader.counts.total(), reader.closed_sessions()));
            assert_eq!((reader.counts.of(Outcome::Counted), reader.closed_sessions()), (3_000, 400), "{format}");
            assert_eq!((reader.counts.of(Outcome::Dead), reader.counts.of(Outcome::Duplicate)), (dead, repeated));
        }
    }

    #[test]
    fn this_process_has_used_time_and_memory() {
        assert!(cpu_seconds().unwrap() >= 0.0);
        assert!(peak_rss_bytes().unwrap() > 1 << 20);
    }
}
