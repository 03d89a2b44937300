//! The command line. Help is written to teach: every command says what it is for and shows one use.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::args::{
    AuditArgs, ConfigArgs, ConvertArgs, ImportArgs, MigrateArgs, Place, RebuildArgs, RedriveArgs, ReportArgs, RunArgs,
    ServeArgs, SqlArgs,
};

/// Customer journeys, streamed from Kafka (or files) into ClickHouse: sessions, conversations, stages, carts.
#[derive(Debug, Parser)]
#[command(name = "crumbtrail", version, about, long_about = None, propagate_version = true, max_term_width = 110,
    after_help = "Exit codes: 0 well, 1 failed, 2 wrong use, 3 wrong configuration, 4 `check` found something to mend, or `audit` is not empty.\n\
                  Start here:  crumbtrail import --format combined access.log.gz\n             \
                  crumbtrail sql 'SELECT channel, count() FROM sessions GROUP BY channel'")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
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
    /// Show what does not add up, and what to do: nothing, if every record stands in the tables once
    #[command(
        after_help = "Exits with 0 and one line where the view `audit` is empty, with 4 where it is not. docs/reliability.md tells what \
        it compares, and what it cannot see.\n\n\
        With --log the logs are read, too: the ledger must tell the positions of their very records. On the local log while no \
        processor runs."
    )]
    Audit(AuditArgs),
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
