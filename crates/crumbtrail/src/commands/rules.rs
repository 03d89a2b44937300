//! `rules`: shows what an epoch is computed by, and since when; lets other rules hold from here on.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use crumbtrail_events::touchpoint::To;
use crumbtrail_runtime::{Clock, decision};

use crate::args::Place;
use crate::config::{Config, LogHome};
use crate::loaded::{load, load_to_read};
use crate::say::time_of;
use crate::wiring::Deployment;
use crate::wiring::computing::{Applied, Computing, Noted};

/// `rules`.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Show the rules in force and since when they are
    #[command(after_help = "Examples:\n  crumbtrail rules show --config crumbtrail.yaml")]
    Show(Place),
    /// Let the rules of the configuration hold from here on
    #[command(after_help = "Examples:\n  crumbtrail rules apply --config crumbtrail.yaml")]
    Apply(Place),
    /// Take the configuration for the one the epoch was begun with, where nothing tells that any more
    #[command(
        after_help = "Where the notes beside the snapshots are lost, and the copy of them with the log, a start is refused: other \
        rules than those of before would make other rows of the same log. This says that the configuration given is the one of before.\n\n\
        Examples:\n  crumbtrail rules assume --config crumbtrail.yaml"
    )]
    Assume(Place),
}

pub fn rules(command: &RulesCommand) -> Result<ExitCode> {
    match command {
        RulesCommand::Show(place) => show(place),
        RulesCommand::Apply(place) => apply(place),
        RulesCommand::Assume(place) => assume(place),
    }
}

fn show(place: &Place) -> Result<ExitCode> {
    let deployment = Deployment::new(load_to_read(place)?)?;
    let epoch = deployment.epoch().0;
    let Some(noted) = Noted::read(&deployment.noted(epoch)?)? else {
        sayln!("no rules of epoch {epoch} are noted: it will be computed by those of its first start");
        return Ok(ExitCode::SUCCESS);
    };
    let mut before = Computing::of(&Config::default())?;
    let own: String = noted.begun.words(&before).into_iter().map(|words| format!("; {words}")).collect();
    sayln!("{:<24} the defaults{own}", "the epoch began with");
    before = noted.begun.clone();
    for applied in &noted.applied {
        let since = time_of(applied.at_ms);
        let whole =
            if applied.is_written { "" } else { " (not in every partition yet: `crumbtrail rules apply` ends it)" };
        sayln!("{since:<24} {}{whole}", applied.rules.words(&before).join("; "));
        before = applied.rules.clone();
    }
    let changes = noted.may_change_to(&Computing::of(&deployment.config)?);
    match changes {
        Ok(changes) if changes.is_empty() => sayln!("{:<24} is the same", "the configuration"),
        Ok(changes) => sayln!("{:<24} {}: `crumbtrail rules apply`", "the configuration", changes.join("; ")),
        Err(error) => sayln!("{:<24} {error}", "the configuration"),
    }
    Ok(ExitCode::SUCCESS)
}

fn assume(place: &Place) -> Result<ExitCode> {
    let mut deployment = Deployment::new(load(place)?)?;
    let epoch = deployment.epoch().0;
    if Noted::read(&deployment.noted(epoch)?)?.is_some() {
        bail!("what epoch {epoch} was begun under is noted: `crumbtrail rules show`");
    }
    deployment.assumes_rules = true;
    deployment.logs()?;
    sayln!("noted: epoch {epoch} was begun under this configuration");
    Ok(ExitCode::SUCCESS)
}

fn apply(place: &Place) -> Result<ExitCode> {
    let deployment = Deployment::new(load(place)?)?;
    let epoch = deployment.epoch().0;
    let notes = deployment.epoch_notes(epoch)?;
    let rules = Computing::of(&deployment.config)?;
    let noted = || {
        Noted::read(&notes)?.with_context(|| {
            format!("no rules of epoch {epoch} are noted: it will be computed by those of its first start")
        })
    };
    noted()?;
    let logs = deployment.logs_of_any_rules()?;
    let clickhouse = deployment.clickhouse()?;
    deployment.hold_ends(&clickhouse, &logs)?;
    // On the local log we are alone from here on.
    let mut noted = noted()?;
    let changes = noted.may_change_to(&rules)?;
    match (noted.applied.last(), changes.as_slice()) {
        (Some(begun), []) if !begun.is_written => sayln!("going on with what was begun"),
        (Some(begun), _) if !begun.is_written => bail!(
            "other rules were begun to be written into the log: end that first, under their configuration ({}, seen from there)",
            changes.join("; ")
        ),
        (_, []) => {
            sayln!("in force already");
            return Ok(ExitCode::SUCCESS);
        }
        (last, _) => {
            let at_ms = Clock::System.now_ms().max(last.map_or(i64::MIN, |last| last.at_ms + 1));
            // Of its own: what is said tomorrow is another decision.
            let name = format!("rules:{at_ms}:{}", std::process::id());
            noted.applied.push(Applied { at_ms, name, rules, is_written: false });
            // Before the log: half a change must not go unnoticed.
            noted.write(&notes)?;
            deployment.copy_notes()?;
        }
    }
    if let Some(applied) = noted.applied.last_mut() {
        let mut payload = Vec::new();
        applied.told()?.encode(&applied.name, &mut payload);
        let versions = (deployment.epoch(), deployment.generation());
        decision::decide(logs.touchpoints.as_ref(), versions, &applied.name, To::All, &payload).context(
            "the rules may have reached a part of the log: say it again until it is done, they are taken once",
        )?;
        applied.is_written = true;
        noted.write(&notes)?;
        deployment.copy_notes()?;
    }
    changes.iter().for_each(|change| sayln!("{change}"));
    if deployment.config.log.home == LogHome::Local {
        deployment.migrate(&clickhouse)?;
        super::redrive::close_and_process(&deployment, &clickhouse, &logs)?;
        sayln!("done: what is open was cut anew, what is final stays");
    } else {
        sayln!(
            "written: the members of `crumbtrail run` take it from the log; give each this configuration before it starts again"
        );
    }
    Ok(ExitCode::SUCCESS)
}
