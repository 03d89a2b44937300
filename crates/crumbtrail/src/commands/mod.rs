//! One file per command.

pub mod bench;
mod check;
mod convert;
mod docs;
pub mod enrich;
pub mod explain;
mod files;
pub mod generate;
pub mod identity;
mod import;
mod interrupt;
mod migrate;
mod rebuild;
pub mod redrive;
mod report;
pub mod rules;
mod run;
pub mod sentiment;
mod serve;
mod sql;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory as _;

use crate::cli::{Cli, Command, ConfigWhat, Place};
use crate::config::{self, Config, ConfigError};

/// Runs the command.
///
/// # Errors
/// What to tell the user, as one line.
pub fn dispatch(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Import(args) => import::import(&args),
        Command::Sql(args) => sql::sql(&args),
        Command::Serve(args) => serve::serve(&args),
        Command::Generate(args) => generate::generate(&args),
        Command::Convert(args) => convert::convert(&args),
        Command::Enrich(args) => enrich::enrich(&args),
        Command::Explain(command) => explain::explain(&command),
        Command::Sentiment(args) => sentiment::sentiment(&args),
        Command::Check(place) => check::check(&place),
        Command::Redrive(args) => redrive::redrive(&args),
        Command::Identity(command) => identity::identity(&command),
        Command::Rules(command) => rules::rules(&command),
        Command::Migrate(args) => migrate::migrate(&args),
        Command::Rebuild(args) => rebuild::rebuild(&args),
        Command::Report(args) => report::report(&args),
        Command::Config(args) => {
            let text = match args.what {
                ConfigWhat::Example => config::example(),
                ConfigWhat::Schema => serde_json::to_string_pretty(&config::schema_json())? + "\n",
            };
            print(&text)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "crumbtrail", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
        Command::RegistryDouble { listen } => {
            let double = crumbtrail_registry::double::Double::start_at(listen)?;
            println!("{}", double.url());
            loop {
                std::thread::park();
            }
        }
        Command::Bench(command) => bench::bench(&command),
        Command::Docs { out } => docs::docs(&out),
    }
}

/// 3 for a wrong configuration, 1 for anything else.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<ConfigError>().is_some() { 3 } else { 1 }
}

/// One line: what happened, and of its causes those that it does not already tell.
#[must_use]
pub fn in_words(error: &anyhow::Error) -> String {
    let mut words = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

/// Writes to standard output; a reader that has gone away (`| head`) is no error.
fn print(text: &str) -> Result<ExitCode> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The configuration at a place, for a command whose own output speaks: only warnings are logged unless asked otherwise.
fn load(place: &Place) -> Result<Config> {
    let mut config = read(place)?;
    if config.telemetry.log == config::TelemetryConfig::default().log {
        config.telemetry.log = "warn".to_owned();
    }
    start_logs(&config);
    Ok(config)
}

/// The configuration at a place, for a service.
fn load_service(place: &Place) -> Result<Config> {
    let config = read(place)?;
    start_logs(&config);
    Ok(config)
}

fn read(place: &Place) -> Result<Config> {
    let mut config = config::load(place.config.as_deref())?;
    if let Some(data) = &place.data {
        config.data_dir.0.clone_from(data);
    }
    Ok(config)
}

fn start_logs(config: &Config) {
    let format = match config.telemetry.log_format {
        config::LogLines::Text => crumbtrail_telemetry::logs::LogFormat::Text,
        config::LogLines::Json => crumbtrail_telemetry::logs::LogFormat::Json,
    };
    crumbtrail_telemetry::logs::init(&config.telemetry.log, format);
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn what_an_error_tells_of_its_causes_is_not_told_again() {
        let full = anyhow!("no space left").context("intake: no space left").context("cannot import");
        assert_eq!(in_words(&full), "cannot import: intake: no space left");
    }
}
