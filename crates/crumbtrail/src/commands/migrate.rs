//! `migrate`: creates or upgrades the tables.

use std::process::ExitCode;

use anyhow::Result;

use crate::args::MigrateArgs;
use crate::loaded::load;
use crate::wiring::Deployment;

pub fn migrate(args: &MigrateArgs) -> Result<ExitCode> {
    let deployment = Deployment::new(load(&args.place)?)?.impatient();
    let clickhouse = deployment.clickhouse()?;
    let report = if args.show { deployment.show(&clickhouse, args.adopt)? } else { deployment.migrate(&clickhouse)? };
    for file in &report.applied {
        sayln!("applied {file}");
    }
    if args.adopt {
        sayln!("adopted by {}", deployment.adopt(&clickhouse)?);
    }
    sayln!("{} applied, {} unchanged: the tables are current", report.applied.len(), report.unchanged_count);
    Ok(ExitCode::SUCCESS)
}
