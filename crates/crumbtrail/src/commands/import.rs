//! `import`: files through the very same processors, ending with the balance.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Result;
use crumbtrail_enrich::Missing;
use crumbtrail_events::{EventTime, Outcome};
use crumbtrail_intake::SourceShape;
use crumbtrail_log::OriginId;
use crumbtrail_runtime::Clock;
use crumbtrail_runtime::import::{self, ImportFile, ImportRules, Imported, Survey};
use crumbtrail_runtime::intake::Writer;
use crumbtrail_telemetry::{Health, Metrics, catalogue};
use crumbtrail_warehouse::{Client, TableId};
use indicatif::{ProgressBar, ProgressStyle};

use super::files::SourceFile;
use crate::args::{FileFormat, FileKind, ImportArgs};
use crate::config::LogHome;
use crate::loaded::load;
use crate::say::time_of;
use crate::wiring::Deployment;
use crate::wiring::deployment::make_data_folder;
use crate::wiring::intake::{FileScout, Reading, SourceJudge};
use crate::wiring::processors::{Processors, Shared};
use crate::wiring::sink::{self, InsertMetrics};
use crate::wiring::tables::Clickhouse;

/// A year: a clock that is off is seldom off by more.
const FAR_AHEAD_MS: i64 = 366 * 86_400_000;

pub fn import(args: &ImportArgs) -> Result<ExitCode> {
    let config = load(&args.place)?;
    let spool = config.data_dir.0.clone();
    make_data_folder(&spool)?;
    let mut files: Vec<SourceFile> =
        args.files.iter().map(|path| SourceFile::open(path, &spool, args.format)).collect::<Result<_>>()?;
    let deployment = Deployment::new(config)?;
    let clickhouse = deployment.clickhouse()?;
    deployment.migrate(&clickhouse)?;
    deployment.claim(&clickhouse)?;

    let metrics = Metrics::new();
    let mut judge = SourceJudge::new(&deployment, &metrics)?;
    let surveys = survey(args, &mut files, &mut judge)?;
    for (file, _) in files.iter().zip(&surveys).filter(|(_, survey)| survey.records == 0) {
        sayln!("note       {} is empty: no record in it", file.place());
    }
    let before = balance(&deployment, &clickhouse)?;
    let imported = through(args, &deployment, &clickhouse, &files, surveys, judge, &metrics)?;
    let after = balance(&deployment, &clickhouse)?;
    let beside = deployment.config.log.home == LogHome::Kafka;
    let repeats = metrics.counter(&catalogue::STEP_REPEATS, &["sessionize"]);
    let ended = say(imported, repeats, (&before, &after), beside);
    say_missing(&metrics);
    say_plugin(&metrics);
    Ok(ended)
}

/// Pass one: identities and event times.
pub(super) fn survey(args: &ImportArgs, files: &mut [SourceFile], judge: &mut SourceJudge) -> Result<Vec<Survey>> {
    let bar = bar("scanning", None);
    let mut surveys = Vec::new();
    let mut done = 0;
    for file in files {
        let shape = shape(args.format, args.kind, file.name());
        file.prepare(|schema, _| judge.add_schema(schema, shape))?;
        let file = &*file;
        let reading = Reading { shape, site: args.site.clone(), file: String::new() };
        let mut scout = FileScout { judge, reading };
        let survey = import::survey(file, &mut scout, |seen| bar.set_position(done + seen))?;
        done += survey.records;
        let reading = Reading { shape, site: args.site.clone(), file: survey.identity[..16].to_owned() };
        judge.add_file(OriginId::of(&survey.origin_name()), reading);
        surveys.push(survey);
    }
    bar.finish_and_clear();
    Ok(surveys)
}

/// What the records of a file of this name are.
pub(super) fn shape(format: FileFormat, kind: FileKind, name: &str) -> SourceShape {
    let support = match kind {
        FileKind::Click => false,
        FileKind::Support => true,
        FileKind::Auto => name.to_ascii_lowercase().contains("support"),
    };
    match (format, support) {
        (FileFormat::Native, false) => SourceShape::ClickJson,
        (FileFormat::Native, true) => SourceShape::SupportJson,
        (FileFormat::Segment, _) => SourceShape::Segment,
        (FileFormat::Combined, _) => SourceShape::Combined,
        (FileFormat::Avro, false) => SourceShape::ClickAvro,
        (FileFormat::Avro, true) => SourceShape::SupportAvro,
    }
}

/// Pass two: through intake, sessionize and journey into the tables. `metrics` count how many records sessionize dropped as
/// repeats: those an earlier import had sent, though the log no longer told how far it came.
fn through(
    args: &ImportArgs,
    deployment: &Deployment,
    clickhouse: &Clickhouse,
    files: &[SourceFile],
    surveys: Vec<Survey>,
    mut judge: SourceJudge,
    metrics: &Metrics,
) -> Result<Imported> {
    let config = &deployment.config;
    let sink = sink::open(deployment, clickhouse, metrics, InsertMetrics::observer(metrics))?;
    let logs = deployment.logs()?;
    deployment.hold_ends(clickhouse, &logs)?;
    let shared = Shared {
        logs: logs.clone(),
        sink: sink.clone(),
        snapshots: Some(deployment.snapshots()?),
        metrics: metrics.clone(),
        health: Health::default(),
    };
    let processors = Processors::start(deployment, &shared, true, true)?;
    let mut writer =
        Writer::new(logs.touchpoints.clone(), logs.dead_letters.clone(), deployment.epoch(), deployment.generation());
    let total: u64 = surveys.iter().map(|survey| survey.records).sum();
    let bar = bar("importing", Some(total));
    let last = surveys.iter().map(|survey| survey.last).max().unwrap_or(EventTime::MIN);
    let believed_to = EventTime(Clock::System.now_ms() + FAR_AHEAD_MS);
    let pairs: Vec<(&dyn ImportFile, Survey)> = files.iter().map(|file| file as &dyn ImportFile).zip(surveys).collect();
    let pace = &config.pace;
    let rules = ImportRules {
        tick_ms: i64::from(pace.tick_ms),
        close_after_ms: (!args.keep_open).then(|| close_after_ms(deployment)).transpose()?,
        believed_to,
    };
    let imported = import::import(&pairs, &mut writer, &mut judge, rules, &Clock::System, metrics, |seen| {
        bar.set_position(seen);
    });
    // What was written is finished, whatever became of the rest.
    let most = deployment.patience.most();
    let drained = if imported.is_ok() {
        processors.drain(&logs, &AtomicBool::default(), || sink.is_patient(most))
    } else {
        Ok(())
    };
    bar.finish_and_clear();
    let stopped = processors.stop(Duration::from_secs(u64::from(pace.shutdown_deadline_seconds)));
    let imported = imported?;
    drained?;
    stopped?;
    sink.finish(most)?;
    if rules.close_after_ms.is_some() && imported.closed_at.is_none() && last > believed_to {
        sayln!("note       the last event is of {}, far ahead of now: event time stays open", time_of(last.0));
    }
    Ok(imported)
}

/// Event time is moved this far past the last event: gap (also the conversations') and lateness, or the cart's threshold.
///
/// # Errors
/// Rules that cannot work.
pub(super) fn close_after_ms(deployment: &Deployment) -> Result<i64> {
    let rules = crate::wiring::rules::session_rules(&deployment.config)?;
    let limits = rules.sites.values().chain([&rules.default]).map(|rules| rules.limits);
    let widest = limits.map(|l| l.gap_ms.max(l.conversation_gap_ms) + l.lateness_ms).max();
    let cart = i64::from(deployment.config.journeys.cart_abandoned_after_minutes) * 60_000;
    Ok(widest.unwrap_or_default().max(cart) + 1)
}

fn bar(what: &'static str, total: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let template = if total.is_some() {
        "{prefix} {bar:30} {human_pos} of {human_len} records, {per_sec}, {eta} left"
    } else {
        "{prefix} {spinner} {human_pos} records"
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_prefix(what)
}

/// Records by outcome, as the ledger counts them.
type Balance = [u64; Outcome::ALL.len()];

fn balance(deployment: &Deployment, clickhouse: &Clickhouse) -> Result<Balance> {
    #[derive(serde::Deserialize)]
    struct Row {
        outcome: String,
        records: u64,
    }
    let client: &Client = &clickhouse.client;
    let sums: Vec<String> = Outcome::ALL
        .iter()
        .map(|outcome| format!("SELECT '{0}' AS outcome, sum({0}_count) AS records FROM ledger", outcome.as_str()))
        .collect();
    let sql = format!(
        "WITH ledger AS (SELECT * FROM {}.{} FINAL WHERE processor = 'sessionize' AND table_name = 'sessions') {}",
        client.database(),
        TableId::Batches.in_epoch(deployment.config.epoch.0),
        sums.join(" UNION ALL ")
    );
    let asked = deployment.patience.ask("balance", || client.rows::<Row>(&sql));
    let rows = deployment.runtime.block_on(asked)?;
    let mut balance = Balance::default();
    for row in rows {
        if let Some(outcome) = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == row.outcome) {
            balance[outcome as usize] = row.records;
        }
    }
    Ok(balance)
}

/// Counts as known what was written again and dropped as a repeat, as far as the outcomes (`sum` of them) don't tell of it:
/// an earlier import's ledger does.
fn with_repeats(imported: Imported, repeats: u64, sum: u64) -> Imported {
    let again = repeats.min(imported.new.saturating_sub(sum));
    Imported { known: imported.known + again, new: imported.new - again, ..imported }
}

/// Says what came of it; `beside`: others may load records of theirs meanwhile.
fn say(imported: Imported, repeats: u64, (before, after): (&Balance, &Balance), beside: bool) -> ExitCode {
    let counts: Vec<u64> = after.iter().zip(before).map(|(after, before)| after.saturating_sub(*before)).collect();
    let sum: u64 = counts.iter().sum();
    let imported = with_repeats(imported, repeats, sum);
    sayln!("read       {:>10} records", imported.read);
    if imported.known > 0 {
        sayln!(
            "known      {:>10} imported before, unchanged (what was dead then is dead: `crumbtrail redrive`)",
            imported.known
        );
    }
    for outcome in Outcome::ALL {
        sayln!("{:<10} {:>10}", outcome.as_str(), counts[outcome as usize]);
    }
    if imported.new > 0 && counts[Outcome::Dead as usize] == imported.new {
        sayln!(
            "note       not one record could be read: are --format and --kind right? The reasons are in the table \
             dead_letters; `crumbtrail redrive --format … --kind …` reads them again in another way"
        );
    }
    if counts[Outcome::Late as usize] > 0 {
        sayln!(
            "note       late records came when event time had gone past them (an import closes it at its end): they stand in touchpoints, \
             and in no session; import with --keep-open where more is to follow, and `crumbtrail rebuild` to have these counted. Of a file \
             that an interrupted import had begun, and that changed since, what was counted then is among them, and stays counted once"
        );
    }
    if sum == imported.new {
        sayln!("balance    read = counted + each named outcome + known");
        return ExitCode::SUCCESS;
    }
    if sum > imported.new && imported.known > 0 {
        sayln!("balance    {} of the outcomes are of an interrupted import's records", sum - imported.new);
        return ExitCode::SUCCESS;
    }
    if sum > imported.new && beside {
        sayln!(
            "balance    {} of the outcomes are of records that members of `crumbtrail run` read meanwhile",
            sum - imported.new
        );
        return ExitCode::SUCCESS;
    }
    sayln!("balance    BROKEN: {} records were written, the ledger has {sum}; see `crumbtrail audit`", imported.new);
    ExitCode::from(4)
}

/// What enrichment had not, if something.
fn say_missing(metrics: &Metrics) {
    let missing = missing(
        Missing::default().counts().map(|(what, _)| (what, metrics.counter(&catalogue::ENRICHMENT_MISSING, &[what]))),
    );
    if !missing.is_empty() {
        sayln!("missing    {missing}; these columns stay empty");
    }
}

/// What enrichment had not, in words; empty if nothing.
fn missing(counts: [(&'static str, u64); 4]) -> String {
    let told = counts.into_iter().filter(|(_, count)| *count > 0).map(|(what, count)| match what {
        "no_database" => format!("{count} addresses' places, for want of a database (enrich.geo_database)"),
        "place" => format!("{count} addresses' places, which the database does not know"),
        "damaged" => format!("{count} look-ups that the damaged database failed"),
        _ => format!("{count} user agents that no rule knows"),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// What came of the texts for a plugged-in model, if there were some.
fn say_plugin(metrics: &Metrics) {
    let of = |outcome| metrics.counter(&catalogue::SENTIMENT_PLUGIN, &[outcome]);
    let left = ["full", "late", "too_long", "failed"].map(|outcome| (outcome, of(outcome)));
    if of("read") + left.iter().map(|(_, count)| count).sum::<u64>() == 0 {
        return;
    }
    let left: Vec<String> =
        left.iter().filter(|(_, count)| *count > 0).map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let left = if left.is_empty() { "none".to_owned() } else { left.join(", ") };
    sayln!("plug-in    {:>10} texts read by the plugged-in model; left to the tables: {left}", of("read"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_and_nothing_is_not() {
        assert_eq!(missing(Missing::default().counts()), "");
        let said = missing(Missing { no_database: 7, agents: 2, ..Missing::default() }.counts());
        assert_eq!(
            said,
            "7 addresses' places, for want of a database (enrich.geo_database), 2 user agents that no rule knows"
        );
    }

    #[test]
    fn repeats_are_known_and_losses_are_not() {
        let written = Imported { read: 1_000, new: 1_000, ..Imported::default() };
        let settled = |repeats, sum| {
            let Imported { known, new, .. } = with_repeats(written, repeats, sum);
            (known, new)
        };
        assert_eq!(settled(0, 1_000), (0, 1_000));
        assert_eq!(settled(1_000, 0), (1_000, 0), "the log no longer told of the first import");
        assert_eq!(settled(400, 600), (400, 600));
        assert_eq!(settled(400, 1_000), (0, 1_000), "sent again, and counted here all the same");
        assert_eq!(settled(0, 990), (0, 1_000), "ten are missing: the balance is broken");
        assert_eq!(settled(400, 590), (400, 600), "ten are missing beside the repeats");
    }
}
