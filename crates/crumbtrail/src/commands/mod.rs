//! One file per command.

mod audit;
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

use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory as _;

use crate::args::ConfigWhat;
use crate::cli::{Cli, Command};
use crate::config::{self, ConfigError};
use crate::say::print;

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
        Command::Audit(args) => audit::audit(&args),
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
            sayln!("{}", double.url());
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
