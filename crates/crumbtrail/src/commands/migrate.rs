//! `migrate`: creates or upgrades the tables.

use std::process::ExitCode;

use anyhow::Result;

use crate::args::MigrateArgs;
use crate::loaded::load;
use crate::wiring::Deployment;

pub fn migrate(args: &MigrateArgs) -> Result<ExitCode> {
    let deployment = Deployment::new(load(&args.place)?)?.impatient();
    let clickhouse = deployment.clickhouse()?;
    if args.anew {
        let gone = deployment.make_anew(&clickhouse)?;
        let said = if gone.is_empty() { "no table is gone".to_owned() } else { gone.join(", ") };
        sayln!("made anew  {said}");
        if !gone.is_empty() {
            sayln!(
                "next       start the processors (or run the last import again): they fill the tables from the logs"
            );
        }
    }
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
