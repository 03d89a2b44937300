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
    after_help = "Exit codes: 0 well, 1 failed, 2 wrong use, 3 wrong configuration, 4 `check` found something to mend, `audit` is not \
                  empty, `enrich` met a line that intake would refuse, or an import's balance does not add up; 130 a rebuild was interrupted, and goes on when run again.\n\
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
    #[command(after_help = "Examples:\n  crumbtrail run all --config crumbtrail.yaml\n  \
        crumbtrail run intake --config crumbtrail.yaml\n  \
        crumbtrail run --until-idle --config crumbtrail.yaml\n\n\
        Several processes with the same configuration share the partitions. docs/reliability.md tells what a stop and a start do.")]
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
    #[command(after_help = "Examples:\n  crumbtrail sql 'SELECT channel, count() FROM sessions GROUP BY channel'\n  \
        crumbtrail sql 'SELECT * FROM journeys LIMIT 10' --format JSONEachRow\n  \
        crumbtrail sql --format CSVWithNames - < question.sql > answer.csv\n\n\
        docs/tables.md explains every table, view and column.")]
    Sql(SqlArgs),
    /// Show what does not add up, and what to do: nothing, if every record stands in the tables once
    #[command(after_help = "Examples:\n  crumbtrail audit\n  crumbtrail audit --log --config crumbtrail.yaml\n\n\
        Exits with 0 and one line where the view `audit` is empty, with 4 where it is not. docs/reliability.md tells what \
        it compares, and what it cannot see.\n\n\
        With --log the logs are read, too: the ledger must tell the positions of their very records. On the local log while no \
        processor runs.")]
    Audit(AuditArgs),
    /// Host the embedded ClickHouse engine behind ClickHouse's HTTP interface
    #[command(
        after_help = "Examples:\n  crumbtrail serve\n  crumbtrail serve --data crumbtrail-data --listen 0.0.0.0:8123\n\n\
        Other commands find it through the data folder; BI tools use http://127.0.0.1:8123, user default, no password."
    )]
    Serve(ServeArgs),
    /// Make the demo world, or a load, as files
    Generate(crate::commands::generate::GenerateArgs),
    /// Turn public data sets into the native formats
    #[command(after_help = "Examples:\n  crumbtrail convert otto otto.jsonl --out clicks.jsonl\n  \
        crumbtrail convert abcd abcd.json --site shop | crumbtrail import --format native --kind support -\n\n\
        ABCD has no times: its dialogues begin at --started-at, one every two hours.")]
    Convert(ConvertArgs),
    /// Show what intake would add to records, and why
    #[command(after_help = "Examples:\n  crumbtrail enrich --jsonl --geo city.mmdb < clicks.jsonl\n\n\
        One line out for each line in that is not empty, in order; a record that intake would refuse is a line that says so \
        and why. They are counted at the end; exit code 4 then.")]
    Enrich(crate::commands::enrich::EnrichArgs),
    /// Say why something was decided as it was
    #[command(
        subcommand,
        after_help = "Examples:\n  crumbtrail explain session 00c1f3a29be1d044\n  \
        crumbtrail explain channel 'https://shop.example/?gclid=x' https://www.google.co.th/"
    )]
    Explain(crate::commands::explain::ExplainCommand),
    /// Read the feeling, topics and friction of a text, and which words made it so
    #[command(after_help = "Examples:\n  crumbtrail sentiment 'Still waiting, and nobody answers the phone'\n  \
        crumbtrail sentiment --jsonl < texts.jsonl > readings.jsonl\n  \
        crumbtrail sentiment recalibrate labels.csv")]
    Sentiment(crate::commands::sentiment::SentimentArgs),
    /// Check configuration and world: topics, tables, engine, registry, geo database
    #[command(after_help = "Examples:\n  crumbtrail check --config crumbtrail.yaml\n\n\
        A line each, `ok` or `MEND` with how to; exits with 4 where there is something to mend.")]
    Check(Place),
    /// Create or upgrade the tables
    #[command(after_help = "Examples:\n  crumbtrail migrate --config crumbtrail.yaml\n  \
        crumbtrail migrate --show --config crumbtrail.yaml\n  \
        crumbtrail migrate --anew --config crumbtrail.yaml\n\n\
        Run again it changes nothing. Every start of `run` and `import` does the same. A table that was made and is gone stops all of \
        them, with what to do: it is never made again, empty, by itself.")]
    Migrate(MigrateArgs),
    /// Show what the demo's tables say, planted truths against found ones
    #[command(after_help = "Examples:\n  crumbtrail report\n  \
        crumbtrail report --data demo/data --truths demo/truths.json --strict\n\n\
        All of it is read from views: docs/tables.md says which, for a BI tool to show the same.")]
    Report(ReportArgs),
    /// The configuration: a commented example, or its JSON schema
    #[command(after_help = "Examples:\n  crumbtrail config example > crumbtrail.yaml\n  \
        crumbtrail config schema > crumbtrail.schema.json\n\n\
        With the schema, editors complete keys and show what they mean. Secrets may stand in the environment: docs/config.md.")]
    Config(ConfigArgs),
    /// Print a completion script for your shell
    #[command(after_help = "Examples:\n  crumbtrail completions bash > /etc/bash_completion.d/crumbtrail\n  \
        crumbtrail completions zsh > \"${fpath[1]}/_crumbtrail\"\n  \
        crumbtrail completions fish > ~/.config/fish/completions/crumbtrail.fish")]
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// The words of a line as a shell would read them, of the part of a pipeline that is ours; nothing where none is.
    fn words(line: &str) -> Option<Vec<String>> {
        let (mut parts, mut quote) = (vec![vec![String::new()]], None);
        for c in line.chars() {
            let part = parts.last_mut()?;
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (None, '|' | '<' | '>') => parts.push(vec![c.to_string(), String::new()]),
                (None, ' ') => part.push(String::new()),
                (_, c) => part.last_mut()?.push(c),
            }
        }
        // Prose, with an apostrophe.
        if quote.is_some() {
            return None;
        }
        let ours = parts.into_iter().map(|part| {
            let words = part.into_iter().filter(|word| !word.is_empty() && word != "|");
            words.collect::<Vec<String>>()
        });
        ours.into_iter().find(|words| words.first().is_some_and(|word| word == "crumbtrail"))
    }

    /// The names of the commands in a parsed line, innermost last.
    fn named(line: &str, words: &[String]) -> Vec<String> {
        let matches = Cli::command().try_get_matches_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        let (mut at, mut names) = (&matches, Vec::new());
        while let Some((name, inner)) = at.subcommand() {
            names.push(name.to_owned());
            at = inner;
        }
        names
    }

    fn examples(command: &clap::Command, path: &[String], seen: &mut usize) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines = help.lines().filter_map(|line| Some((line, words(line.trim_start_matches("Start here:").trim())?)));
        let parsed: Vec<Vec<String>> = lines.map(|(line, words)| named(line, &words)).collect();
        let is_shown = parsed.iter().any(|names| names.starts_with(path));
        assert!(
            is_shown && (path.is_empty() || help.contains("Examples:\n  ")),
            "`{}` shows no use of it: {help}",
            path.join(" ")
        );
        *seen += parsed.len();
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            examples(inner, &[path, &[inner.get_name().to_owned()]].concat(), seen);
        }
    }

    #[test]
    fn every_command_shows_examples_that_are_read_as_they_stand() {
        let mut seen = 0;
        examples(&Cli::command(), &[], &mut seen);
        assert!(seen > 40, "{seen} examples");
    }
}
