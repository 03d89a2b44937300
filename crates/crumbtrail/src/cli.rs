//! The command line. Help is written to teach: every command says what it is for and shows one use.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Customer journeys, streamed from Kafka (or files) into ClickHouse: sessions, conversations, stages, carts.
#[derive(Debug, Parser)]
#[command(name = "crumbtrail", version, about, long_about = None, propagate_version = true, max_term_width = 110,
    after_help = "Exit codes: 0 well, 1 failed, 2 wrong use, 3 wrong configuration, 4 `check` found something to mend.\n\
                  Start here:  crumbtrail import --format combined access.log.gz\n             \
                  crumbtrail sql 'SELECT channel, count() FROM sessions GROUP BY channel'")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

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

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run processors on Kafka or the local log until stopped (SIGTERM drains)
    #[command(after_help = "Example: crumbtrail run all --config crumbtrail.yaml")]
    Run(RunArgs),
    /// Read files through the very same processors, into the tables
    #[command(after_help = "Examples:\n  crumbtrail import --format combined access.log.gz\n  \
        crumbtrail import --format native --kind support chats.jsonl.zst\n  \
        zcat clicks.jsonl.gz | crumbtrail import --format native -\n\n\
        The same import again changes nothing. At the end event time is closed, so that all sessions are final.")]
    Import(ImportArgs),
    /// Send dead letters through intake again, after a fix
    #[command(after_help = "Examples:\n  crumbtrail redrive --dry-run\n  \
        crumbtrail redrive --reason unknown_schema --since 2026-03-01\n  \
        crumbtrail sql 'SELECT reason, became, count() FROM dead_letter_fates GROUP BY ALL'\n\n\
        Those that are readable now are sent once, however often this is run; the others stay as they are. On Kafka the \
        members of `crumbtrail run` process them; on the local log this command does.")]
    Redrive(RedriveArgs),
    /// Compute the tables anew under a new epoch while the old ones serve, then show them
    #[command(
        after_help = "Examples:\n  crumbtrail rebuild --dry-run\n  crumbtrail rebuild\n  crumbtrail rebuild --since 2026-03-01\n  \
        crumbtrail rebuild --drop-epoch 1\n\n\
        After other session, identity or journey rules, or with another number of partitions. Reads our own log of touchpoints. \
        Interrupted at any point, it goes on when run again; until its end the views show the old tables, unchanged. On the local \
        log the processors must stand still meanwhile. docs/reliability.md tells more."
    )]
    Rebuild(RebuildArgs),
    /// Show whose visitors and contacts are, link and unlink them
    #[command(
        subcommand,
        after_help = "Examples:\n  crumbtrail identity show --customer C-1017\n  \
        crumbtrail identity unlink --site shop --visitor a81f --customer C-1017\n\n\
        A decision is a record of the log: a replay decides alike, and every table follows. On Kafka the members of \
        `crumbtrail run` take it; on the local log this command does."
    )]
    Identity(crate::commands::identity::IdentityCommand),
    /// Show what the tables are computed by, and let other rules hold from here on
    #[command(
        subcommand,
        after_help = "Examples:\n  crumbtrail rules show\n  crumbtrail rules apply --config crumbtrail.yaml\n\n\
        After other session rules, carts or stages in the configuration, which every other command refuses until then. A record of \
        the log: a replay decides alike. What is final stays, what is open is cut anew; `crumbtrail rebuild` computes the history \
        anew, too. docs/reliability.md tells more."
    )]
    Rules(crate::commands::rules::RulesCommand),
    /// Ask the tables, read only
    #[command(after_help = "Example: crumbtrail sql 'SELECT * FROM audit' --format PrettyCompact")]
    Sql(SqlArgs),
    /// Host the embedded ClickHouse engine behind ClickHouse's HTTP interface
    #[command(
        after_help = "Other commands find it through the data folder; BI tools use http://127.0.0.1:8123, user default, no password."
    )]
    Serve(ServeArgs),
    /// Make the demo world, or a load, as files
    Generate(crate::commands::generate::GenerateArgs),
    /// Turn public data sets into the native formats
    Convert(ConvertArgs),
    /// Show what intake would add to records, and why
    #[command(after_help = "Example: crumbtrail enrich --jsonl --geo city.mmdb < clicks.jsonl\n\n\
        One line out for each line in, in order; a bad record is a line that says so.")]
    Enrich(crate::commands::enrich::EnrichArgs),
    /// Say why something was decided as it was
    #[command(subcommand)]
    Explain(crate::commands::explain::ExplainCommand),
    /// Read the feeling, topics and friction of a text, and which words made it so
    #[command(after_help = "Examples:\n  crumbtrail sentiment 'Still waiting, and nobody answers the phone'\n  \
        crumbtrail sentiment --jsonl < texts.jsonl > readings.jsonl\n  \
        crumbtrail sentiment recalibrate labels.csv")]
    Sentiment(crate::commands::sentiment::SentimentArgs),
    /// Check configuration and world: topics, tables, engine, registry, geo database
    Check(Place),
    /// Create or upgrade the tables
    Migrate(MigrateArgs),
    /// Show what the demo's tables say, planted truths against found ones
    Report(ReportArgs),
    /// The configuration: a commented example, or its JSON schema
    Config(ConfigArgs),
    /// Print a completion script for your shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// A stand-in for a schema registry, for demos and tests
    #[command(hide = true)]
    RegistryDouble {
        /// Address to listen on.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: std::net::SocketAddr,
    },
    /// Measure what the processors cost in this process
    #[command(hide = true, subcommand)]
    Bench(crate::commands::bench::BenchCommand),
    /// Write the generated pages of the documentation
    #[command(hide = true)]
    Docs {
        /// Folder to write to.
        #[arg(long, default_value = "docs")]
        out: PathBuf,
    },
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
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
    /// Leave event time open: more files of the same days will follow.
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
    #[arg(long, value_name = "TIME", value_parser = crate::commands::redrive::since)]
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
    #[arg(long, value_name = "TIME", value_parser = crate::commands::redrive::since)]
    pub since: Option<i64>,
    /// Say what would be sent, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
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
    /// ABCD customer-service dialogues (to native support entries; it has no times, so they are made: see docs/import.md).
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
