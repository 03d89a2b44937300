//! `migrate`: creates or upgrades the tables.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::Place;
use crate::wiring::Deployment;

pub fn migrate(place: &Place) -> Result<ExitCode> {
    let deployment = Deployment::new(super::load(place)?)?;
    let clickhouse = deployment.clickhouse()?;
    let report = deployment.migrate(&clickhouse)?;
    for file in &report.applied {
        println!("applied {file}");
    }
    println!("{} applied, {} unchanged: the tables are current", report.applied.len(), report.unchanged_count);
    Ok(ExitCode::SUCCESS)
}
