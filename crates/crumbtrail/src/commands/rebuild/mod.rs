//! `rebuild`: the tables are computed anew under a new epoch while those of the old one serve; then the views are exchanged.
//!
//! ```text
//! log of epoch 1 ─ carry.rs ─► log of epoch 2 ─► sessionize, journey ─► tables of epoch 2 ─► audited ─► views exchanged
//! ```

mod carry;
mod dry;
mod letters;
mod plan;
mod remove;
mod since;
mod taking;
mod telling;
mod work;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use crumbtrail_crash as crash;
use crumbtrail_warehouse::epochs;

use self::plan::Planned;
use super::interrupt::on_signal;
use crate::args::RebuildArgs;
use crate::loaded::{load, load_to_read};
use crate::wiring::Deployment;
use crate::wiring::processors::others_at_work;

pub fn rebuild(args: &RebuildArgs) -> Result<ExitCode> {
    let config = if args.dry_run { load_to_read(&args.place)? } else { load(&args.place)? };
    if let Some(epoch) = args.drop_epoch {
        return remove::drop_epoch(config, epoch);
    }
    let configured = config.epoch.0;
    let (plan, deployment, clickhouse) = match plan::plan(args, config)? {
        Planned::Done(epoch) => {
            sayln!(
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
    let since = since::planned(&plan, &deployment, &clickhouse, &old)?;
    let stop = on_signal()?;
    refuse_beside(&deployment, plan.to)?;
    if args.afresh {
        remove::epoch(&deployment, &clickhouse)?;
    }
    plan.check_begun(&deployment, &clickhouse)?;
    deployment.migrate_tables(&clickhouse)?;
    deployment.claim(&clickhouse)?;
    let Some(done) = work::work(&plan, &deployment, &clickhouse, &old, since.as_ref(), &stop)? else {
        sayln!("interrupted: the views show epoch {} as before; run it again, it goes on from here", plan.from);
        return Ok(ExitCode::from(130));
    };
    if let Some(at) = plan.since {
        let taken = taking::take_over(&clickhouse, plan.from, plan.to, at);
        for (table, rows) in deployment.runtime.block_on(taken).context("the rows of before were not taken over")? {
            sayln!("{:<12} {rows:>12} rows of {}", "taken over", table.name());
        }
        crash::point("rebuild_taken_over");
    }
    let target = deployment.target();
    deployment.runtime.block_on(epochs::stage(&clickhouse.client, &target))?;
    let findings = deployment.runtime.block_on(epochs::staged_audit(&clickhouse.client, &target))?;
    if findings > 0 {
        bail!("the audit of epoch {} has {findings} rows: the views show epoch {} as before", plan.to, plan.from);
    }
    done.tail.check(old.touchpoints.as_ref())?;
    crash::point("rebuild_staged");
    deployment
        .runtime
        .block_on(epochs::switch(&clickhouse.client, &target))
        .context("the views were not exchanged; run this again, it ends it")?;
    crash::point("rebuild_exchanged");
    sayln!("{:<12} {:>12} records, {} dead letters with their bytes", "read again", done.records, done.letters);
    sayln!("{:<12} epoch {}; the audit is empty", "views show", plan.to);
    if configured != plan.to {
        sayln!(
            "{:<12} set `epoch: {}` in the configuration: with another one commands are refused now",
            "next",
            plan.to
        );
    }
    sayln!(
        "{:<12} crumbtrail rebuild --drop-epoch {} removes tables, log and snapshots of before",
        "when content",
        plan.from
    );
    Ok(ExitCode::SUCCESS)
}

/// # Errors
/// Another process makes this epoch: neither would end for the partitions that the other holds.
fn refuse_beside(deployment: &Deployment, epoch: u8) -> Result<()> {
    let others = others_at_work(deployment)?;
    if let Some(other) = others.first() {
        bail!(
            "another process makes epoch {epoch} ({other}), so this one does not: let that end, or stop it (SIGTERM) and run this again; if it \
             was killed, Kafka notices within `session.timeout.ms` (45 s unless set under `kafka.client`)"
        );
    }
    Ok(())
}
