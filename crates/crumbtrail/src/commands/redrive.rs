//! `redrive`: dead letters that a fix has made readable go through intake again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use crumbtrail_events::touchpoint::Asides;
use crumbtrail_events::wire::WireError;
use crumbtrail_events::{Key, Outcome, Reason};
use crumbtrail_intake::dead_letter::DeadLetter;
use crumbtrail_log::{OriginId, Position, SourceRecord};
use crumbtrail_runtime::intake::Judge as _;
use crumbtrail_runtime::redrive::{Letter, Mender, Redrive, Redriven};
use crumbtrail_runtime::{Clock, decision, quarantine};
use crumbtrail_telemetry::{Health, Metrics};

use super::import::shape;
use crate::args::{FileFormat, FileKind, RedriveArgs};
use crate::config::LogHome;
use crate::loaded::load_to_read;
use crate::wiring::Deployment;
use crate::wiring::deployment::Logs;
use crate::wiring::intake::{Reading, SourceJudge};
use crate::wiring::processors::{Processors, Shared};
use crate::wiring::sink::{self, InsertMetrics};
use crate::wiring::tables::Clickhouse;

pub fn redrive(args: &RedriveArgs) -> Result<ExitCode> {
    // Letters are where tables are: neither is made here.
    let deployment = Deployment::new(load_to_read(&args.place)?)?;
    let clickhouse = deployment.clickhouse()?;
    deployment.migrate(&clickhouse)?;
    deployment.claim(&clickhouse)?;
    let dead = dead(&deployment, &clickhouse)?;
    check_reasons(&args.reason, &dead)?;
    let logs = deployment.logs()?;
    deployment.hold_ends(&clickhouse, &logs)?;
    let mut mender = Fix {
        args,
        dead,
        judge: SourceJudge::new(&deployment, &Metrics::new())?,
        topics: deployment.config.sources.iter().map(|source| source.topic.clone()).collect(),
        files: HashMap::new(),
        asked: None,
        by_reason: BTreeMap::new(),
        without_bytes: 0,
        of_files: 0,
    };
    let redrive = Redrive {
        letters: logs.dead_letters.clone(),
        touchpoints: logs.touchpoints.clone(),
        control: logs.control.clone(),
        epoch: deployment.epoch(),
        generation: deployment.generation(),
        wall_ms: Clock::System.now_ms(),
        leaves_unreadable: args.leave_unreadable,
    };
    let done = redrive.run(&mut mender, args.dry_run)?;
    if !args.dry_run && deployment.config.log.home == LogHome::Local {
        close_and_process(&deployment, &clickhouse, &logs)?;
    }
    say(args, &mender, done);
    Ok(ExitCode::SUCCESS)
}

/// On the local log nobody else is at work: what was written is processed here.
pub(super) fn close_and_process(deployment: &Deployment, clickhouse: &Clickhouse, logs: &Logs) -> Result<()> {
    let versions = (deployment.epoch(), deployment.generation());
    decision::close(logs.touchpoints.as_ref(), versions, Clock::System.now_ms())?;
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
    let drained = processors.drain(logs, &AtomicBool::default(), || sink.is_patient(deployment.patience.most()));
    let deadline = Duration::from_secs(u64::from(deployment.config.pace.shutdown_deadline_seconds));
    let stopped = processors.stop(deadline);
    drained?;
    stopped?;
    sink.finish(deployment.patience.most())
}

/// What the tables know of a dead letter.
struct Dead {
    reason: String,
    received_at_ms: i64,
}

/// Dead letters that count, by topic and by origin, partition and offset: of one record an older configuration, or a process that
/// was thought dead, may have left letters in the log that nobody followed.
type DeadLetters = HashMap<String, HashMap<(u64, u32, u64), Dead>>;

fn dead(deployment: &Deployment, clickhouse: &Clickhouse) -> Result<DeadLetters> {
    #[derive(serde::Deserialize)]
    struct Row {
        topic: String,
        partition: u32,
        offset: u64,
        origin: u64,
        reason: String,
        received_at_ms: i64,
    }
    let sql = format!(
        "SELECT topic, partition, offset, reinterpretAsUInt64(reverse(unhex(origin_hash))) AS origin, reason, ifNull(toUnixTimestamp64Milli(received_at), 0) AS received_at_ms \
         FROM {}.dead_letters",
        clickhouse.client.database()
    );
    let asked = deployment.patience.ask("dead letters", || clickhouse.client.rows::<Row>(&sql));
    let rows = deployment.runtime.block_on(asked).context("the dead letters cannot be asked for")?;
    let mut dead = DeadLetters::new();
    for Row { topic, partition, offset, origin, reason, received_at_ms } in rows {
        dead.entry(topic).or_default().insert((origin, partition, offset), Dead { reason, received_at_ms });
    }
    Ok(dead)
}

/// A mistyped reason would say that nothing is to be done.
fn check_reasons(asked: &[String], dead: &DeadLetters) -> Result<()> {
    let there: BTreeSet<&str> = dead.values().flat_map(HashMap::values).map(|dead| dead.reason.as_str()).collect();
    let known = |asked: &str| {
        there.contains(asked)
            || asked == quarantine::REASON
            || Reason::ALL.iter().any(|reason| reason.as_str() == asked)
    };
    if let Some(unknown) = asked.iter().find(|asked| !known(asked)) {
        let there: Vec<&str> = there.into_iter().collect();
        let there = if there.is_empty() {
            "there are no dead letters".to_owned()
        } else {
            format!("there are {}", there.join(", "))
        };
        bail!("no dead letter has the reason {unknown:?}: {there}");
    }
    Ok(())
}

/// The configuration and build as they are now, and what is asked for.
struct Fix<'a> {
    args: &'a RedriveArgs,
    dead: DeadLetters,
    judge: SourceJudge,
    topics: Vec<String>,
    /// How the records of each file met so far are read.
    files: HashMap<OriginId, String>,
    /// The letter that was wanted last and is about to be judged for the first time.
    asked: Option<Position>,
    /// Letters that are meant, and of these readable ones, by reason.
    by_reason: BTreeMap<String, (u64, u64)>,
    without_bytes: u64,
    of_files: u64,
}

impl Fix<'_> {
    /// What the tables know of a letter; rows of builds before know no origin.
    fn stands(&self, letter: &Letter<'_>, dead: &DeadLetter<'_>) -> Option<&Dead> {
        let of_topic = self.dead.get(dead.topic)?;
        let of = |origin| of_topic.get(&(origin, dead.partition, dead.offset));
        of(letter.origin.0).or_else(|| of(0))
    }

    fn is_of_topic(&self, dead: &DeadLetter<'_>) -> bool {
        self.topics.iter().any(|topic| topic == dead.topic)
    }

    /// Has the file of a letter read as its plan says.
    fn read_file(&mut self, letter: &Letter<'_>, topic: &str, reading: &str) -> Result<(), String> {
        if self.files.get(&letter.origin).is_some_and(|known| known == reading) {
            return Ok(());
        }
        let told = || format!("how {topic} is read was not told: say it with --format (and --kind, --site)");
        let file = if reading.is_empty() { self.file_reading().ok_or_else(told)? } else { FileReading::read(reading)? };
        let shape = shape(file.format, file.kind, topic);
        let name = format!("{:016x}", letter.origin.0);
        self.judge.add_file(letter.origin, Reading { shape, site: file.site, file: name });
        self.files.insert(letter.origin, reading.to_owned());
        Ok(())
    }

    /// What this run was told of files.
    fn file_reading(&self) -> Option<FileReading> {
        let RedriveArgs { format, kind, ref site, .. } = *self.args;
        format.map(|format| FileReading { format, kind, site: site.clone() })
    }
}

/// How the records of files are read, as a plan tells it.
#[derive(serde::Serialize, serde::Deserialize)]
struct FileReading {
    format: FileFormat,
    kind: FileKind,
    site: String,
}

impl FileReading {
    fn read(told: &str) -> Result<FileReading, String> {
        serde_json::from_str(told)
            .map_err(|error| format!("a plan tells a way to read files that is not known here: {error}"))
    }
}

impl Mender for Fix<'_> {
    fn wants(&mut self, letter: &Letter<'_>) -> Result<bool, WireError> {
        let dead = DeadLetter::decode(letter.bytes)?;
        let stands = self.stands(letter, &dead);
        let is_asked = (self.args.reason.is_empty() || self.args.reason.iter().any(|reason| reason == dead.reason))
            && self.args.since.zip(letter.written_at_ms).is_none_or(|(since, written)| written >= since);
        if stands.is_none_or(|stands| stands.reason != dead.reason) || !is_asked {
            return Ok(false);
        }
        if dead.payload.is_empty() {
            self.without_bytes += 1;
            return Ok(false);
        }
        if !self.is_of_topic(&dead) && self.args.format.is_none() {
            self.of_files += 1;
            return Ok(false);
        }
        self.by_reason.entry(dead.reason.to_owned()).or_default().0 += 1;
        self.asked = Some(letter.at);
        Ok(true)
    }

    fn reading(&self) -> String {
        self.file_reading().and_then(|reading| serde_json::to_string(&reading).ok()).unwrap_or_default()
    }

    fn judge(
        &mut self,
        letter: &Letter<'_>,
        reading: &str,
        touchpoint: &mut Vec<u8>,
        asides: &mut Asides,
    ) -> Result<Option<Key>, String> {
        let dead = DeadLetter::decode(letter.bytes).map_err(|error| error.to_string())?;
        if !self.is_of_topic(&dead) {
            self.read_file(letter, dead.topic, reading)?;
        }
        let stands = self.stands(letter, &dead);
        let record = SourceRecord {
            origin: letter.origin,
            topic: dead.topic,
            partition: dead.partition,
            offset: dead.offset,
            payload: Some(dead.payload),
            key: None,
            timestamp_ms: stands.map_or(0, |stands| stands.received_at_ms),
        };
        let judged = self.judge.judge(&record, touchpoint, asides, &mut Vec::new())?;
        let is_readable = judged.outcome != Outcome::Dead;
        if self.asked.take() == Some(letter.at)
            && is_readable
            && let Some((_, readable)) = self.by_reason.get_mut(dead.reason)
        {
            *readable += 1;
        }
        Ok(is_readable.then_some(judged.key))
    }
}

fn say(args: &RedriveArgs, fix: &Fix<'_>, done: Redriven) {
    let would = if args.dry_run { "would be sent" } else { "sent" };
    for (reason, (meant, readable)) in &fix.by_reason {
        sayln!("{reason:<20} {readable:>10} of {meant} {would}");
    }
    sayln!("{would:<20} {:>10}", done.sent);
    sayln!("{:<20} {:>10}", "unreadable still", done.wanted - done.sent);
    sayln!("{:<20} {:>10}", "sent by runs before", done.planned_before.saturating_sub(done.waiting + done.left));
    if done.waiting > 0 {
        sayln!(
            "{:<20} {:>10} chosen by a run that was cut off, the first of them not readable now: run it again under a configuration that reads \
             them, as that run's did, or leave them for ever: --leave-unreadable",
            "waiting",
            done.waiting
        );
    }
    if done.left > 0 {
        sayln!("{:<20} {:>10} chosen by a run that was cut off, and not readable any more", "left for ever", done.left);
    }
    if done.sent_for_earlier > 0 {
        sayln!(
            "{:<20} {:>10} of these, for a run that was cut off or records that a reader missed",
            "sent again",
            done.sent_for_earlier
        );
    }
    if fix.without_bytes > 0 {
        sayln!("{:<20} {:>10} (tombstones, empty, or longer than 1 MiB)", "without bytes", fix.without_bytes);
    }
    if fix.of_files > 0 {
        sayln!("{:<20} {:>10} of no configured topic: say how to read them with --format", "left out", fix.of_files);
    }
}
