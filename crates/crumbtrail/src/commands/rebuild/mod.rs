//! `rebuild`: the tables are computed anew under a new epoch while those of the old one serve; then the views are exchanged.
//!
//! ```text
//! log of epoch 1 ─ carry.rs ─► log of epoch 2 ─► sessionize, journey ─► tables of epoch 2 ─► audited ─► views exchanged
//! ```

mod carry;
mod dry;
mod letters;
mod remove;
mod since;
mod work;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use crumbtrail_log::{Epoch, Log, LogError};
use crumbtrail_warehouse::{claim, epochs};
use serde::{Deserialize, Serialize};

pub(super) use self::dry::time_of;
use self::since::Since;
use super::interrupt::on_signal;
use crate::cli::RebuildArgs;
use crate::config::Config;
use crate::wiring::Deployment;
use crate::wiring::deployment::Clickhouse;
use crate::wiring::formats;

pub fn rebuild(args: &RebuildArgs) -> Result<ExitCode> {
    let config = super::load(&args.place)?;
    if let Some(epoch) = args.drop_epoch {
        return remove::drop_epoch(config, epoch);
    }
    let configured = config.epoch.0;
    let (plan, deployment, clickhouse) = match plan(args, config)? {
        Planned::Done(epoch) => {
            println!(
                "the views show epoch {epoch}: set `epoch: {epoch}` in the configuration and go on with `crumbtrail run`"
            );
            return Ok(ExitCode::SUCCESS);
        }
        Planned::Work(work) => *work,
    };
    let old = plan.old_logs(&deployment);
    if args.dry_run {
        dry::say(&plan, &deployment, &clickhouse, old)?;
        return Ok(ExitCode::SUCCESS);
    }
    let old = old?;
    let since = plan.since(&deployment, &clickhouse, &old)?;
    let stop = on_signal()?;
    if args.afresh {
        remove::epoch(&deployment, &clickhouse)?;
    }
    plan.check_begun(&deployment, &clickhouse)?;
    deployment.migrate_tables(&clickhouse)?;
    deployment.claim(&clickhouse)?;
    let Some(done) = work::work(&plan, &deployment, &clickhouse, &old, since.as_ref(), &stop)? else {
        println!("interrupted: the views show epoch {} as before; run it again, it goes on from here", plan.from);
        return Ok(ExitCode::from(130));
    };
    if let Some(at) = plan.since {
        let taken = since::take_over(&clickhouse, plan.from, plan.to, at);
        for (table, rows) in deployment.runtime.block_on(taken).context("the rows of before were not taken over")? {
            println!("{:<12} {rows:>12} rows of {}", "taken over", table.name());
        }
    }
    let target = deployment.target();
    deployment.runtime.block_on(epochs::stage(&clickhouse.client, &target))?;
    let findings = deployment.runtime.block_on(epochs::staged_audit(&clickhouse.client, &target))?;
    if findings > 0 {
        bail!("the audit of epoch {} has {findings} rows: the views show epoch {} as before", plan.to, plan.from);
    }
    deployment
        .runtime
        .block_on(epochs::switch(&clickhouse.client, &target))
        .context("the views were not exchanged; run this again, it ends it")?;
    println!("{:<12} {:>12} records, {} dead letters with their bytes", "read again", done.records, done.letters);
    println!("{:<12} epoch {}; the audit is empty", "views show", plan.to);
    if configured != plan.to {
        println!(
            "{:<12} set `epoch: {}` in the configuration: with another one commands are refused now",
            "next", plan.to
        );
    }
    println!(
        "{:<12} crumbtrail rebuild --drop-epoch {} removes tables, log and snapshots of before",
        "when content", plan.from
    );
    Ok(ExitCode::SUCCESS)
}

/// From which epoch to which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Plan {
    from: u8,
    to: u8,
    /// Rows wholly before this event time, ms, are taken over.
    since: Option<i64>,
    /// Rules that the new tables are made by: another run must not go on under others.
    rules: String,
}

/// The logs that are carried over.
struct Old {
    touchpoints: Arc<dyn Log>,
    dead_letters: Arc<dyn Log>,
}

enum Planned {
    /// The views show the epoch already.
    Done(u8),
    Work(Box<(Plan, Deployment, Clickhouse)>),
}

fn plan(args: &RebuildArgs, mut config: Config) -> Result<Planned> {
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
    fn epochs(&self, deployment: &Deployment) -> carry::Epochs {
        carry::Epochs { from: Epoch(self.from), to: Epoch(self.to), generation: deployment.generation() }
    }

    fn old_logs(&self, deployment: &Deployment) -> Result<Old> {
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

    /// What of the history is computed anew, where it is not all.
    fn since(&self, deployment: &Deployment, clickhouse: &Clickhouse, old: &Old) -> Result<Option<Since>> {
        let Some(at) = self.since else {
            if deployment.runtime.block_on(since::has_taken_over(&clickhouse.client, self.from))? {
                bail!(
                    "the log of epoch {} has forgotten its begin, which an earlier rebuild has taken over: give --since TIME here, too",
                    self.from
                );
            }
            return Ok(None);
        };
        let forgotten = since::check(deployment, clickhouse, old.touchpoints.as_ref(), self.from, at)?;
        if forgotten.cut > 0 {
            println!(
                "{:<12} {:>12} touchpoints of sessions and conversations that reach over it are forgotten: these begin later now",
                "cut off", forgotten.cut
            );
        }
        Ok(Some(deployment.runtime.block_on(Since::ask(&clickhouse.client, self.from, at))?))
    }

    /// Makes sure that what is there of the new epoch was begun by this very rebuild.
    fn check_begun(&self, deployment: &Deployment, clickhouse: &Clickhouse) -> Result<()> {
        let notes = deployment.snapshots()?.notes("rebuild");
        let begun = notes.get("plan")?.and_then(|bytes| serde_json::from_slice::<Plan>(&bytes).ok());
        let to = self.to;
        match begun {
            Some(begun) if begun == *self => Ok(()),
            Some(begun) if (Plan { since: self.since, ..begun.clone() }) == *self => bail!(
                "a rebuild into epoch {to} was begun {}: go on with that, or begin anew with --afresh",
                begun.since.map_or("without --since".to_owned(), |at| format!("with --since {}", dry::time_of(at)))
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
