//! `rebuild --dry-run`: what would be done, how much it is, and how long it takes at the pace measured last.

use std::time::Duration;

use anyhow::Result;
use crumbtrail_log::{Log, Offset, PartitionId};
use crumbtrail_warehouse::TableId;

use super::plan::{Old, Plan};
use super::since::{self, first_tick_ms};
use crate::say::{in_words, span, time_of};
use crate::wiring::Deployment;
use crate::wiring::tables::Clickhouse;

/// Records per second of the rebuild that ran last here.
const PACE_FILE: &str = "rebuild.pace";

/// Keeps the pace for the next dry run; that it cannot be kept harms nothing.
pub fn note_pace(deployment: &Deployment, records_per_second: f64) {
    let path = deployment.data().join(PACE_FILE);
    if let Err(error) = std::fs::write(&path, format!("{records_per_second:.0}\n")) {
        tracing::debug!(path = %path.display(), %error, "the pace was not noted");
    }
}

fn pace(deployment: &Deployment) -> Option<f64> {
    let text = std::fs::read_to_string(deployment.data().join(PACE_FILE)).ok()?;
    text.trim().parse().ok().filter(|pace| *pace > 0.0)
}

/// Tells what would be done.
///
/// # Errors
/// ClickHouse or the log cannot be asked.
pub fn say(plan: &Plan, deployment: &Deployment, clickhouse: &Clickhouse, old: Result<Old>) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Row {
        records: u64,
        table_bytes: u64,
    }
    let (database, from) = (clickhouse.client.database(), plan.from);
    let sql = format!(
        "SELECT (SELECT sum(record_count) FROM {database}.{} FINAL WHERE processor = 'sessionize' AND table_name = 'sessions') \
         AS records, (SELECT sum(total_bytes) FROM system.tables WHERE database = '{database}' AND name LIKE '%\\\\_e{from}') \
         AS table_bytes",
        TableId::Batches.in_epoch(from)
    );
    let rows = deployment.runtime.block_on(clickhouse.client.rows::<Row>(&sql))?;
    let Some(Row { records, table_bytes }) = rows.into_iter().next() else { return Ok(()) };
    let line = |what: &str, text: String| sayln!("{what:<14} {text}");
    line("from", format!("epoch {from}: the views show it, and go on until the end"));
    line("into", format!("epoch {}: new log, tables and snapshots beside the old ones", plan.to));
    match &old {
        Ok(old) => line("log", log(old.touchpoints.as_ref(), deployment)?),
        Err(error) => line("log", format!("cannot be looked at now: {}", in_words(error))),
    }
    line("records", format!("{records}, as the ledger counts them"));
    line("room", format!("tables of about {} MiB, and a log as large as the old one", table_bytes >> 20));
    line("time", time(records, pace(deployment)));
    line("made anew", "sessions, conversations, identity, journeys, stage moves, conversions, breadcrumbs".to_owned());
    line(
        "taken over",
        "what intake decided: places, devices, channels, feelings, keys, outcomes, dead letters".to_owned(),
    );
    if let Some(at) = plan.since {
        line("since", format!("{}: rows wholly before it are taken over from the old tables as they are", time_of(at)));
        line("", "journeys of people who came since begin there: what they did before is not in them".to_owned());
        if let Ok(old) = &old {
            let forgotten = since::check(deployment, clickhouse, old.touchpoints.as_ref(), from, at)?;
            line("cut off", format!("{} touchpoints of what reaches over it are forgotten", forgotten.cut));
        }
    }
    line("nothing", "was changed: this was a dry run".to_owned());
    Ok(())
}

fn time(records: u64, pace: Option<f64>) -> String {
    match pace {
        Some(pace) => {
            let left = Duration::from_secs_f64((records as f64 / pace).min(1e9));
            format!("about {}, at the {pace:.0} records per second measured here last", span(left))
        }
        None => "not known: no rebuild has been measured here yet; the first one tells while it runs".to_owned(),
    }
}

/// What the old log has.
fn log(log: &dyn Log, deployment: &Deployment) -> Result<String> {
    let (mut frames, mut forgotten) = (0, None);
    for partition in (0..log.partitions()).map(PartitionId) {
        let (first, end) = log.bounds(partition)?;
        frames += end.0 - first.0;
        if first > Offset(0) {
            forgotten = forgotten.max(first_tick_ms(log, partition, first)?);
        }
    }
    let (name, partitions, new) = (log.name(), log.partitions(), deployment.config.log.partitions);
    let begin = match forgotten {
        None => "from its begin on".to_owned(),
        Some(at_ms) => format!("what was written before {} is forgotten", time_of(at_ms)),
    };
    Ok(format!("{name}: {partitions} partitions (the new one has {new}), {frames} frames, {begin}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_told_at_the_pace_measured_last() {
        assert_eq!(time(1_200_000, Some(20_000.0)), "about 60 s, at the 20000 records per second measured here last");
        assert!(time(5, None).starts_with("not known"));
    }
}
