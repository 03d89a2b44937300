//! What the commands take. One struct a command, and what several of them share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use crumbtrail_events::instant;
use crumbtrail_runtime::clock::Clock;

/// Where a deployment is.
#[derive(Clone, Debug, Default, Args)]
pub struct Place {
    /// Configuration file (YAML); without one the defaults hold.
    #[arg(long, value_name = "FILE", env = "CRUMBTRAIL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Data folder; wins over the configuration's `data_dir`.
    #[arg(long, value_name = "DIR", env = "CRUMBTRAIL_DATA_DIR")]
    pub data: Option<PathBuf>,
}

/// `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// Read our logs, too, and hold the ledger against their records.
    #[arg(long)]
    pub log: bool,
}

/// Which processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// Sources to touchpoints.
    Intake,
    /// Touchpoints to sessions and conversations.
    Sessionize,
    /// People to journeys.
    Journey,
    /// All three.
    #[default]
    All,
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Which processors to run.
    #[arg(value_enum, default_value = "all")]
    pub which: Which,
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// End by itself once everything in the sources and logs has been processed and loaded (for jobs and demos).
    #[arg(long)]
    pub until_idle: bool,
    /// Take what was gone before it was read as lost: it is written into the log, and the run goes on. For one start, after the
    /// one before has said what is missing.
    #[arg(long)]
    pub accept_gap: bool,
}

/// Formats of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// JSON lines with the field names of our schemas.
    Native,
    /// Segment messages, JSON lines.
    Segment,
    /// Avro object container files.
    Avro,
    /// Combined log format of web servers.
    Combined,
}

/// What files carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// Told by the name: a file with `support` in it carries support entries, any other clicks.
    #[default]
    Auto,
    /// Clicks.
    Click,
    /// Support entries.
    Support,
}

/// `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// Format of the files.
    #[arg(long, value_enum)]
    pub format: FileFormat,
    /// What they carry.
    #[arg(long, value_enum, default_value = "auto")]
    pub kind: FileKind,
    /// Site of records that name none.
    #[arg(long, default_value = "default")]
    pub site: String,
    /// Leave event time where it is: more files of the same days will follow. Until an import without it, all that they add is open,
    /// and held in memory.
    #[arg(long)]
    pub keep_open: bool,
    /// Files, plain, .gz or .zst; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// `migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Give the tables to this deployment: its logs were moved, or made anew on purpose.
    #[arg(long)]
    pub adopt: bool,
    /// Have the views show the configured epoch, whichever they show now: to begin one empty, or to go back after a rebuild.
    #[arg(long)]
    pub show: bool,
    /// Make tables that somebody dropped anew, empty, and have the next start fill them from the logs: without it nothing starts
    /// while a table is gone.
    #[arg(long, conflicts_with_all = ["show", "adopt"])]
    pub anew: bool,
    /// Where.
    #[command(flatten)]
    pub place: Place,
}

/// `rebuild`.
#[derive(Debug, Args)]
pub struct RebuildArgs {
    /// The new epoch; without it the configured one, or the next after the one shown.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..))]
    pub epoch: Option<u8>,
    /// Take over what lies wholly before from the old tables as it is, and compute the rest anew: a day, an RFC 3339 time, or
    /// 36h, 7d (so long ago). Needed where the log has forgotten its begin.
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<i64>,
    /// Say what would be done, how much it is and how long it takes, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Remove what an earlier run has made of the new epoch, and begin anew.
    #[arg(long, conflicts_with = "dry_run")]
    pub afresh: bool,
    /// Rebuild nothing: remove tables, log and snapshots of an epoch that is not shown any more.
    #[arg(long, value_name = "EPOCH", conflicts_with_all = ["epoch", "since", "dry_run", "afresh"])]
    pub drop_epoch: Option<u8>,
    /// Where.
    #[command(flatten)]
    pub place: Place,
}

/// `redrive`.
#[derive(Debug, Args)]
pub struct RedriveArgs {
    /// Only letters of this reason (again for more of them); all without.
    #[arg(long)]
    pub reason: Vec<String>,
    /// Only letters written since: a day or an RFC 3339 time, or 36h, 7d (so long ago).
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<i64>,
    /// Say what would be sent, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Leave letters for ever that a redrive which was cut off had chosen, and that are not readable any more; they wait otherwise.
    #[arg(long)]
    pub leave_unreadable: bool,
    /// Format of imported files; letters of topics are read as the configuration says.
    #[arg(long, value_enum)]
    pub format: Option<FileFormat>,
    /// What imported files carry.
    #[arg(long, value_enum, default_value = "auto")]
    pub kind: FileKind,
    /// Site of records of imported files that name none.
    #[arg(long, default_value = "default")]
    pub site: String,
    /// Where.
    #[command(flatten)]
    pub place: Place,
}

/// `sql`.
#[derive(Debug, Args)]
pub struct SqlArgs {
    /// One statement; `-` reads it from standard input.
    pub statement: String,
    /// Any output format of ClickHouse, such as TSVWithNames, JSONEachRow, CSV; a table for people by default.
    #[arg(long, default_value = "PrettyCompactMonoBlock")]
    pub format: String,
    /// Where.
    #[command(flatten)]
    pub place: Place,
}

/// `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// Address to listen on; wins over `clickhouse.listen`.
    #[arg(long)]
    pub listen: Option<String>,
    /// Take a free port if that one is taken.
    #[arg(long)]
    pub port_fallback: bool,
    /// End when the starting process is gone.
    #[arg(long, hide = true)]
    pub with_parent: bool,
    /// Memory limit of the engine, MiB.
    #[arg(long)]
    pub memory_mib: Option<u64>,
}

/// `convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// The data set.
    #[arg(value_enum)]
    pub dataset: Dataset,
    /// Its file.
    pub file: PathBuf,
    /// Site of the records.
    #[arg(long, default_value = "default")]
    pub site: String,
    /// ABCD: time of the first dialogue, ms since 1970 (the data set has no times).
    #[arg(long, default_value_t = 1_574_000_000_000)]
    pub started_at: i64,
    /// Where to write JSON lines; standard output without it.
    #[arg(long, short)]
    pub out: Option<PathBuf>,
}

/// Public data sets with a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Dataset {
    /// OTTO recommender sessions: clicks, carts, orders (to native clicks).
    Otto,
    /// ABCD customer-service dialogues (to native support entries; it has no times, so they are made: a dialogue every two hours from --started-at on).
    Abcd,
}

/// `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// The planted truths, as `generate world` wrote them.
    #[arg(long, value_name = "FILE")]
    pub truths: Option<PathBuf>,
    /// Fail when a planted truth is not found within its tolerance.
    #[arg(long)]
    pub strict: bool,
}

/// `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// What to print.
    #[arg(value_enum, default_value = "example")]
    pub what: ConfigWhat,
}

/// What of the configuration to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConfigWhat {
    /// A commented example with every key at its default.
    Example,
    /// The JSON schema.
    Schema,
}

/// A time as `--since` takes it, ms since 1970.
///
/// # Errors
/// What it may be.
pub fn since(text: &str) -> Result<i64, String> {
    let wrong = || "a day (2026-03-01), a time (2026-03-01T09:00:00Z), or how long ago (36h, 7d)".to_owned();
    if let Some(time) = instant::rfc3339(text).or_else(|| instant::rfc3339(&format!("{text}T00:00:00Z"))) {
        return Ok(time);
    }
    let hours = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(hours), _) => hours.parse::<u32>().map_err(|_| wrong())?,
        (_, Some(days)) => days.parse::<u32>().map_err(|_| wrong())?.saturating_mul(24),
        _ => return Err(wrong()),
    };
    Ok(Clock::System.now_ms() - i64::from(hours) * 3_600_000)
}

/// A command's arguments, from the words behind its name.
#[cfg(test)]
pub fn parsed<A: Args>(words: &[&str]) -> A {
    let command = A::augment_args(clap::Command::new("test").no_binary_name(true));
    A::from_arg_matches(&command.get_matches_from(words)).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_day_a_time_or_how_long_ago() {
        assert_eq!(since("2026-03-01"), Ok(1_772_323_200_000));
        assert_eq!(since("2026-03-01T07:00:00+07:00"), Ok(1_772_323_200_000));
        let ago = |text| Clock::System.now_ms() - since(text).unwrap();
        assert!((ago("36h") - 36 * 3_600_000).abs() < 60_000 && (ago("2d") - 48 * 3_600_000).abs() < 60_000);
        assert!(since("yesterday").is_err() && since("3").is_err() && since("-1h").is_err());
    }
}
