//! `report`: what the tables say, for somebody who sells things. Everything is read from SQL views.

mod queries;
mod sections;
mod table;
mod verdict;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use crumbtrail_warehouse::Client;
use crumbtrail_world::Truths;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use crate::args::ReportArgs;
use crate::loaded::load_to_read;
use crate::say::print;
use crate::wiring::Deployment;

/// Exit code when a planted truth was not found and `--strict` is given.
const NOT_FOUND: u8 = 4;

pub fn report(args: &ReportArgs) -> Result<ExitCode> {
    let truths = args.truths.as_deref().map(read_truths).transpose()?;
    let deployment = Deployment::new(load_to_read(&args.place)?)?;
    let clickhouse = deployment.clickhouse()?;
    let asker = Asker { client: &clickhouse.client, runtime: &deployment.runtime };
    let mut lines = sections::all(&sections::Found::ask(&asker)?);
    let mut all_found = true;
    if let Some(truths) = &truths {
        let checks = verdict::checks(truths, &verdict::Figures::ask(&asker)?);
        all_found = checks.iter().all(|check| check.is_found);
        lines.extend(verdict::lines(&checks));
    }
    print(&(lines.join("\n") + "\n"))?;
    Ok(if args.strict && !all_found { ExitCode::from(NOT_FOUND) } else { ExitCode::SUCCESS })
}

fn read_truths(path: &Path) -> Result<Truths> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| {
        format!("{} holds no truths of a world: make one with `crumbtrail generate world`", path.display())
    })
}

/// Asks the views.
struct Asker<'a> {
    client: &'a Client,
    runtime: &'a Runtime,
}

impl Asker<'_> {
    /// The rows of a query; `{db}` in it stands for the database.
    fn rows<T: DeserializeOwned>(&self, query: &str) -> Result<Vec<T>> {
        let sql = query.replace("{db}", self.client.database());
        self.runtime
            .block_on(self.client.rows(&sql))
            .with_context(|| format!("cannot ask {}: are the tables made (`crumbtrail migrate`)?", view_of(query)))
    }
}

/// The first view a query reads, for messages.
fn view_of(query: &str) -> &str {
    let after = query.split_once("{db}.").map_or(query, |(_, after)| after);
    after.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_view() {
        assert_eq!(view_of(queries::CHANNELS), "channel_performance");
        assert_eq!(view_of(queries::STAGES), "stage_stalls");
    }

    #[test]
    fn a_file_without_truths_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("truths.json");
        assert!(read_truths(&path).unwrap_err().to_string().contains("cannot read"));
        std::fs::write(&path, "{}").unwrap();
        assert!(read_truths(&path).unwrap_err().to_string().contains("generate world"));
    }
}
