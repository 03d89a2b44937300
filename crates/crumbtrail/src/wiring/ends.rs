//! Our logs' ends held against the tables, before anything is written to a log: one that ends before what the tables hold of it
//! would be long enough after some writing, and what is new would get the versions of what was.

use anyhow::{Context as _, Result};
use crumbtrail_log::{Log, LogError, Offset, PartitionId};
use crumbtrail_runtime::processor::ProcessorError;
use crumbtrail_warehouse::batch::Processor;
use crumbtrail_warehouse::{WarehouseError, ledger};

use super::deployment::{Deployment, Logs};
use super::look::PATIENCE;
use super::tables::Clickhouse;

/// How far the tables go of one partition: who reads the log, and up to where.
type Reached = (Processor, u32, Offset);

impl Deployment {
    /// Makes sure that our logs go as far as the tables say.
    ///
    /// # Errors
    /// One ends before, with both offsets and what to do; ClickHouse refuses, a log cannot be asked.
    pub fn hold_ends(&self, clickhouse: &Clickhouse, logs: &Logs) -> Result<()> {
        // The ledger first: what is in a table was in the log before.
        let asked = self.patience.ask("ledger", || reached(clickhouse, self.config.epoch.0));
        let reached = self.runtime.block_on(asked).context("how far the tables go cannot be asked")?;
        all_held(&reached, logs)
    }

    /// As [`Deployment::hold_ends`] for intake alone, which goes on while there is no ClickHouse to ask.
    ///
    /// # Errors
    /// As there, but for ClickHouse.
    pub fn hold_ends_if_told(&self, logs: &Logs) -> Result<()> {
        // An engine that never was has nothing to tell, and is not begun for this.
        if self.config.clickhouse.url.is_empty() && !self.data().join("engine").exists() {
            return Ok(());
        }
        let reached = self.clickhouse().and_then(|clickhouse| {
            let asked = reached(&clickhouse, self.config.epoch.0);
            Ok(self.runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await })??)
        });
        match reached {
            Ok(reached) => all_held(&reached, logs),
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "how far the tables go cannot be asked: whether our logs are as long is not known to intake"
                );
                Ok(())
            }
        }
    }

    /// As [`Deployment::hold_ends`], of logs that nobody opened yet, one that is not there among them; says whether they could
    /// be looked into.
    ///
    /// # Errors
    /// As there.
    pub fn look_at_ends(&self, clickhouse: &Clickhouse) -> Result<bool> {
        let epoch = self.config.epoch.0;
        let reached = self.runtime.block_on(reached(clickhouse, epoch))?;
        for (name, reader) in [("touchpoints", Processor::Sessionize), ("people", Processor::Journey)] {
            if !self.has_log(name, epoch)? {
                let stored = self.stored(name, epoch);
                of(&reached, reader).try_for_each(|at| refuse(at, &stored, Offset(0)))?;
                continue;
            }
            match self.log_of(name, epoch) {
                Err(error) if matches!(error.downcast_ref(), Some(LogError::Locked { .. })) => return Ok(false),
                log => held(&reached, reader, log?.as_ref())?,
            }
        }
        Ok(true)
    }
}

async fn reached(clickhouse: &Clickhouse, epoch: u8) -> Result<Vec<Reached>, WarehouseError> {
    let ends = ledger::chain_ends(&clickhouse.client, epoch).await?.into_iter();
    Ok(ends.filter_map(|(processor, partition, end)| Some((processor, partition, Offset(end.whole_to()?)))).collect())
}

fn all_held(reached: &[Reached], logs: &Logs) -> Result<()> {
    held(reached, Processor::Sessionize, logs.touchpoints.as_ref())?;
    held(reached, Processor::Journey, logs.people.as_ref())
}

/// Holds what a reader of a log has reached against the log. Partitions that it has not are another finding's.
fn held(reached: &[Reached], reader: Processor, log: &dyn Log) -> Result<()> {
    for at @ (_, partition, _) in of(reached, reader).filter(|(_, partition, _)| *partition < log.partitions()) {
        refuse(at, log.name(), log.bounds(PartitionId(*partition))?.1)?;
    }
    Ok(())
}

fn of(reached: &[Reached], reader: Processor) -> impl Iterator<Item = &Reached> {
    reached.iter().filter(move |(processor, ..)| *processor == reader)
}

/// # Errors
/// The log ends before, in the words of the processor that finds it later.
fn refuse(&(processor, partition, claimed): &Reached, log: &str, end: Offset) -> Result<()> {
    if claimed <= end {
        return Ok(());
    }
    let (processor, log) = (processor.as_str(), log.to_owned());
    Err(ProcessorError::Shortened { processor, partition, log, claimed: claimed.0, end: end.0 }.into())
}
