//! What a rebuild is to do, and whether it may.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use crumbtrail_log::{Log, LogError};
use crumbtrail_warehouse::{claim, epochs};
use serde::{Deserialize, Serialize};

use crate::args::RebuildArgs;
use crate::config::Config;
use crate::say::time_of;
use crate::wiring::Deployment;
use crate::wiring::formats;
use crate::wiring::tables::Clickhouse;

/// From which epoch to which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The epoch shown.
    pub from: u8,
    /// The new one.
    pub to: u8,
    /// Rows wholly before this event time, ms, are taken over.
    pub since: Option<i64>,
    /// Rules that the new tables are made by: another run must not go on under others.
    rules: String,
}

/// The logs that are carried over.
pub struct Old {
    /// Of touchpoints.
    pub touchpoints: Arc<dyn Log>,
    /// Of dead letters' bytes.
    pub dead_letters: Arc<dyn Log>,
}

/// What is to be done.
pub enum Planned {
    /// The views show the epoch already.
    Done(u8),
    /// The plan, the deployment under the new epoch, and its database.
    Work(Box<(Plan, Deployment, Clickhouse)>),
}

/// Plans a rebuild.
///
/// # Errors
/// It may not be done as asked, in words; or what there is cannot be asked.
pub fn plan(args: &RebuildArgs, mut config: Config) -> Result<Planned> {
    let configured = config.epoch.0;
    let deployment = Deployment::new(config.clone())?;
    let clickhouse = deployment.clickhouse()?;
    let shown = deployment.patience.ask("epochs", || epochs::shown(&clickhouse.client));
    let shown = deployment.runtime.block_on(shown).context("what the views show cannot be asked")?;
    let shown = shown
        .ok_or_else(|| anyhow!("there are no tables yet in {}: nothing to rebuild", clickhouse.client.database()))?;
    let to = match args.epoch {
        Some(epoch) => epoch,
        None if configured == shown.newest && shown.oldest == shown.newest => {
            shown.newest.checked_add(1).ok_or_else(|| anyhow!("there is no epoch after 255"))?
        }
        None => configured,
    };
    if to < shown.newest && args.epoch.is_some() {
        bail!("the views show epoch {}: an epoch is never rebuilt into an earlier one", shown.newest);
    }
    if to <= shown.newest {
        let is_half_done = || deployment.runtime.block_on(epochs::has_staged(&clickhouse.client));
        if !args.dry_run && (shown.oldest < shown.newest || is_half_done()?) {
            config.epoch.0 = shown.newest;
            let deployment = Deployment::new(config)?;
            deployment.runtime.block_on(epochs::switch(&clickhouse.client, &deployment.target()))?;
        }
        return Ok(Planned::Done(shown.newest));
    }
    config.epoch.0 = to;
    let plan = Plan { from: shown.newest, to, since: args.since, rules: rules_of(&config)? };
    let deployment = Deployment::new(config)?;
    let (id, from) = (deployment.identity()?, plan.from);
    let owner = deployment.runtime.block_on(claim::owner(&clickhouse.client, from))?;
    if let Some(owner) = owner.filter(|owner| *owner != id) {
        bail!(
            "the tables of epoch {from} are filled by another deployment ({owner}; this one is {id}): its logs are elsewhere"
        );
    }
    formats::check_carried(&deployment.epoch_notes(from)?, from)?;
    Ok(Planned::Work(Box::new((plan, deployment, clickhouse))))
}

/// What of a configuration decides the rows that are made of a log, as text.
fn rules_of(config: &Config) -> Result<String> {
    let Config { log, rules, sites, identity, journeys, generation, .. } = config;
    let whole = serde_json::to_string(&(log.partitions, generation, rules, sites, identity, journeys))?;
    let model = match journeys.model.as_str() {
        "retail" => Vec::new(),
        path => std::fs::read(path).with_context(|| format!("journeys.model: cannot read {path}"))?,
    };
    Ok(format!("{:016x}{:016x}", xxhash_rust::xxh3::xxh3_64(whole.as_bytes()), xxhash_rust::xxh3::xxh3_64(&model)))
}

impl Plan {
    /// Opens the logs that are carried over.
    ///
    /// # Errors
    /// Their processors are at work, or there are none.
    pub fn old_logs(&self, deployment: &Deployment) -> Result<Old> {
        let open = |name| deployment.log_of(name, self.from);
        let opened =
            open("touchpoints").and_then(|log| Ok(Old { touchpoints: log, dead_letters: open("dead-letters")? }));
        opened.map_err(|error| match error.downcast_ref::<LogError>() {
            Some(LogError::Locked { .. }) => error.context(format!(
                "the local log has one owner: stop the processors of epoch {} (SIGTERM) while this runs; their sources wait, and \
                 the tables go on answering",
                self.from
            )),
            _ => error,
        })
    }

    /// Makes sure that what is there of the new epoch was begun by this very rebuild.
    ///
    /// # Errors
    /// It was not; what to do.
    pub fn check_begun(&self, deployment: &Deployment, clickhouse: &Clickhouse) -> Result<()> {
        let notes = deployment.snapshots()?.notes("rebuild");
        let begun = notes.get("plan")?.and_then(|bytes| serde_json::from_slice::<Plan>(&bytes).ok());
        let to = self.to;
        match begun {
            Some(begun) if begun == *self => Ok(()),
            Some(begun) if (Plan { since: self.since, ..begun.clone() }) == *self => bail!(
                "a rebuild into epoch {to} was begun {}: go on with that, or begin anew with --afresh",
                begun.since.map_or("without --since".to_owned(), |at| format!("with --since {}", time_of(at)))
            ),
            Some(_) => bail!(
                "a rebuild into epoch {to} was begun under another configuration or from another epoch: go on under that one, or \
                 begin anew with --afresh"
            ),
            None => {
                let there = deployment.runtime.block_on(epochs::with_tables(&clickhouse.client))?;
                if there.contains(&to) {
                    bail!(
                        "there are tables of epoch {to} that no rebuild has begun: take another (--epoch), or remove them with \
                         --drop-epoch {to}"
                    );
                }
                Ok(notes.put("plan", serde_json::to_vec(self)?)?)
            }
        }
    }
}
