//! `sql`: asks the tables, read only.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use crumbtrail_warehouse::read;

use crate::args::SqlArgs;
use crate::loaded::load_to_read;
use crate::say::print;
use crate::wiring::Deployment;

pub fn sql(args: &SqlArgs) -> Result<ExitCode> {
    sql_or(args, "")
}

/// As [`sql`]; where the answer is empty, says `nothing` instead.
pub fn sql_or(args: &SqlArgs, nothing: &str) -> Result<ExitCode> {
    let deployment = Deployment::new(load_to_read(&args.place)?)?;
    let mut statement = args.statement.clone();
    if statement == "-" {
        statement.clear();
        std::io::stdin().read_to_string(&mut statement).context("cannot read the statement")?;
    }
    let clickhouse = deployment.clickhouse()?;
    let mut answer = read::query(&clickhouse.client, &statement, &args.format)?;
    let mut out = std::io::stdout().lock();
    let mut is_empty = true;
    while let Some(chunk) = deployment.runtime.block_on(answer.next())? {
        is_empty &= chunk.is_empty();
        match out.write_all(&chunk) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => break,
            written => written?,
        }
    }
    drop(out);
    if is_empty && !nothing.is_empty() {
        return print(&format!("{nothing}\n"));
    }
    Ok(ExitCode::SUCCESS)
}
