//! The ledger against the logs: what their records add up to, position by position, stretch by stretch.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;

use anyhow::{Context as _, Result};
use crumbtrail_events::EventTime;
use crumbtrail_log::{Log, LogError, PartitionId};
use crumbtrail_runtime::recount::{Edge, Recount, Sum};
use crumbtrail_warehouse::ledger::{self, Stretch};
use crumbtrail_warehouse::rowbinary::stored_ms;
use crumbtrail_warehouse::{Client, Processor};
use indicatif::{ProgressBar, ProgressStyle};

use super::Finding;
use crate::say::time_of;
use crate::wiring::{Deployment, formats};

/// As a kind of finding.
pub const KIND: &str = "log";

/// What was held against what.
#[derive(Debug, Default)]
pub struct Compared {
    /// What does not agree.
    pub findings: Vec<Finding>,
    /// Stretches compared.
    stretches: u64,
    /// Records of the logs in them.
    records: u64,
    /// Stretches from before the logs begin now, or before their oldest snapshot.
    forgotten: u64,
    /// Records of the logs behind the ledger's ends.
    behind: u64,
}

impl Compared {
    /// What was compared, and what could not be, in a line each.
    pub fn told(&self) -> String {
        let Compared { findings, stretches, records, forgotten, behind } = self;
        let agrees = if findings.is_empty() { "agree with it" } else { "do not agree with all of it" };
        let mut told =
            format!("{stretches} stretches of the ledger held against {records} records of the logs, which {agrees}\n");
        if *forgotten > 0 {
            told += &format!("{forgotten} stretches not compared: the logs have forgotten them (`log.ttl_hours`)\n");
        }
        if *behind > 0 {
            told += &format!(
                "{behind} records of the logs behind the ledger's ends: `crumbtrail run` loads them, as it does when the ledger's last \
                 rows were lost\n"
            );
        }
        told
    }
}

/// Holds the ledger of the configured epoch against its logs.
///
/// # Errors
/// The ledger, a log or its snapshots cannot be read; a local log is in use.
pub fn compare(deployment: &Deployment, client: &Client) -> Result<Compared> {
    let epoch = deployment.epoch().0;
    formats::check(&deployment.epoch_notes(epoch)?, epoch)?;
    let snapshots = deployment.snapshots()?;
    let mut compared = Compared::default();
    for (processor, name) in [(Processor::Sessionize, "touchpoints"), (Processor::Journey, "people")] {
        let log = deployment.log_of(name, epoch).map_err(|error| match error.downcast_ref::<LogError>() {
            Some(LogError::Locked { .. }) => error.context(
                "the local log has one owner: stop `crumbtrail run` (SIGTERM) while its log is read; the tables go on answering",
            ),
            _ => error,
        })?;
        for partition in (0..log.partitions()).map(PartitionId) {
            let stretches = ledger::stretches(client, epoch, processor, partition.0);
            let stretches = deployment.runtime.block_on(stretches).context("the ledger cannot be asked")?;
            let counted = Recount::begin(log.as_ref(), partition, processor.as_str(), Some(&snapshots))
                .map_err(anyhow::Error::from)
                .and_then(|recount| through(recount, log.as_ref(), partition, &stretches))
                .with_context(|| format!("{}, partition {}", log.name(), partition.0))?;
            compared.judge(&Part { epoch, processor, partition: partition.0 }, &counted, stretches);
        }
    }
    Ok(compared)
}

/// What a partition's records add up to at each edge of a stretch that it still knows.
#[derive(Debug, Default)]
struct Counted {
    /// Where the log begins to be known; nowhere: after everything.
    began: Option<u64>,
    /// By offset; an edge that is not there lies beyond the log's end.
    edges: BTreeMap<u64, Edge>,
}

impl Counted {
    /// All of it: of the last edge that the log reaches, its end.
    fn whole(&self) -> Sum {
        self.edges.values().next_back().map(|edge| edge.sum).unwrap_or_default()
    }
}

fn through(
    recount: Option<Recount<'_>>,
    log: &dyn Log,
    partition: PartitionId,
    stretches: &[Stretch],
) -> Result<Counted> {
    let Some(recount) = recount else { return Ok(Counted::default()) };
    let began = recount.began().0;
    let end = log.bounds(partition)?.1.0;
    let edges: BTreeSet<u64> = stretches.iter().flat_map(|s| [s.from_offset, s.to_offset]).chain([end]).collect();
    let frames = edges.last().map_or(0, |end| end.saturating_sub(began));
    let bar = bar(frames).with_message(format!("{} {}", log.name(), partition.0));
    let edges = recount.edges(&edges, |edge| bar.set_position(edge - began))?;
    bar.finish_and_clear();
    Ok(Counted { began: Some(began), edges })
}

/// A partition of a processor.
struct Part {
    epoch: u8,
    processor: Processor,
    partition: u32,
}

impl Part {
    fn finding(&self, stretch: Stretch, found: Sum, detail: String) -> Finding {
        Finding {
            kind: KIND.to_owned(),
            epoch: self.epoch,
            processor: self.processor.as_str().to_owned(),
            partition: self.partition,
            table_name: stretch.tables,
            from_offset: stretch.from_offset,
            to_offset: stretch.to_offset,
            expected_count: stretch.record_count.cast_signed(),
            found_count: found.records.cast_signed(),
            detail,
        }
    }
}

impl Compared {
    fn judge(&mut self, part: &Part, counted: &Counted, stretches: Vec<Stretch>) {
        let whole = counted.whole();
        match stretches.iter().map(|stretch| stretch.to_offset).max() {
            None if whole.records > 0 => {
                let nothing = Stretch { from_offset: counted.began.unwrap_or_default(), ..Stretch::default() };
                let detail = "the log has records and the ledger no row of this partition: it was never loaded, or its ledger is lost";
                self.findings.push(part.finding(nothing, whole, detail.to_owned()));
            }
            end => {
                let claimed = end.and_then(|end| counted.edges.get(&end));
                self.behind += claimed.map_or(0, |claimed| whole.since(claimed.sum).records);
            }
        }
        for stretch in stretches {
            if counted.began.is_none_or(|began| stretch.from_offset < began) {
                self.forgotten += 1;
                continue;
            }
            self.stretches += 1;
            let [from, to] = [stretch.from_offset, stretch.to_offset].map(|offset| counted.edges.get(&offset));
            let (Some(from), Some(to)) = (from, to) else {
                let detail = "the log ends before it: it was cut, or is another one of that name".to_owned();
                self.findings.push(part.finding(stretch, Sum::default(), detail));
                continue;
            };
            let found = to.sum.since(from.sum);
            self.records += found.records;
            let (said, adds_up_to) = (stretch.position_checksum, found.checksum);
            if said != adds_up_to {
                let detail = format!(
                    "the ledger's position checksum is {said:016x}, the log's records add up to {adds_up_to:016x}"
                );
                self.findings.push(part.finding(stretch, found, detail));
            } else if stretch.record_count > found.records {
                // Fewer may be right: what is passed between partitions has a position, and is counted by neither.
                let detail = "the ledger counts more records than the log has there".to_owned();
                self.findings.push(part.finding(stretch, found, detail));
            } else if let Some(detail) = other_times(&stretch, to) {
                self.findings.push(part.finding(stretch, found, detail));
            }
        }
    }
}

/// What the ledger tells of a stretch's end otherwise than the log's ticks.
fn other_times(stretch: &Stretch, end: &Edge) -> Option<String> {
    let [watermark, wall] = [end.watermark, EventTime(end.wall_ms)].map(stored_ms);
    let times = [("watermark", stretch.watermark_ms, watermark), ("wall time", stretch.written_ms, wall)];
    let (what, said, found) = times.into_iter().find(|(_, said, found)| said != found)?;
    Some(format!("the ledger's {what} at its end is {}, the log's ticks say {}", time_of(said), time_of(found)))
}

fn bar(frames: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(frames);
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {human_pos} of {human_len} frames, {eta} left") {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(from_offset: u64, to_offset: u64, position_checksum: u64) -> Stretch {
        let tables = "sessions".to_owned();
        Stretch { from_offset, to_offset, record_count: 3, position_checksum, watermark_ms: 7, written_ms: 8, tables }
    }

    #[test]
    fn a_stretch_agrees_differs_is_cut_or_is_forgotten() {
        let edge = |records, checksum| Edge { sum: Sum { records, checksum }, watermark: EventTime(7), wall_ms: 8 };
        let edges = [(4, edge(0, 0)), (6, edge(3, 100)), (9, edge(7, 90)), (11, edge(9, 95))];
        let counted = Counted { began: Some(4), edges: edges.into_iter().collect() };
        let stretches = vec![
            stretch(0, 4, 1),
            stretch(4, 6, 100),
            stretch(6, 9, 90u64.wrapping_sub(100)),
            stretch(6, 9, 5),
            stretch(9, 12, 0),
        ];
        let mut compared = Compared::default();
        let part = Part { epoch: 1, processor: Processor::Journey, partition: 0 };
        compared.judge(&part, &counted, stretches);
        let found: Vec<_> = compared.findings.iter().map(|f| (f.from_offset, f.to_offset, f.found_count)).collect();
        assert_eq!(found, [(6, 9, 4), (9, 12, 0)]);
        assert_eq!((compared.stretches, compared.records, compared.forgotten), (4, 11, 1));
        assert!(compared.findings[1].detail.starts_with("the log ends before it"));
        assert!(compared.told().contains("1 stretches not compared"), "{}", compared.told());

        let mut compared = Compared::default();
        compared.judge(&part, &Counted::default(), vec![stretch(0, 4, 1)]);
        assert_eq!((compared.stretches, compared.forgotten), (0, 1));

        // More records than there are, and two behind its end; then none of a partition that has records.
        let mut compared = Compared::default();
        let more = Stretch { record_count: 5, ..stretch(6, 9, 90u64.wrapping_sub(100)) };
        compared.judge(&part, &counted, vec![stretch(4, 6, 100), more]);
        assert_eq!((compared.findings.len(), compared.behind), (1, 2));
        assert!(compared.findings[0].detail.starts_with("the ledger counts more records"));
        assert!(compared.told().contains("2 records of the logs behind the ledger's ends"), "{}", compared.told());
        // The watermark moved, or the wall time.
        let mut compared = Compared::default();
        let moved =
            [Stretch { watermark_ms: 9, ..stretch(4, 6, 100) }, Stretch { written_ms: 7, ..stretch(4, 6, 100) }];
        compared.judge(&part, &counted, moved.to_vec());
        let found: Vec<&str> = compared.findings.iter().map(|found| found.detail.as_str()).collect();
        assert!(found[0].starts_with("the ledger's watermark at its end is 1970-01-01T00:00:00.009"), "{found:?}");
        assert!(found[1].starts_with("the ledger's wall time at its end is"), "{found:?}");

        let mut compared = Compared::default();
        compared.judge(&part, &counted, Vec::new());
        assert_eq!((compared.findings.len(), compared.findings[0].found_count, compared.behind), (1, 9, 0));
    }
}
