//! Our logs as they are, for a command that only looks: nothing is made, and no rule is noted as the one they began with.

use std::time::Duration;

use anyhow::Result;
use crumbtrail_log::kafka::{self, KafkaSettings, admin};
use crumbtrail_log::{Generation, LogError, Offset, OriginId, PartitionId};
use crumbtrail_runtime::intake;
use crumbtrail_runtime::processor::origin_name;

use super::begun;
use super::computing::{self, Computing};
use super::deployment::{Deployment, LOGS, has_frames, is_dealt};
use super::formats;
use super::judging::{self, Judging};
use super::routing::{self, Routing};
use crate::config::{LogHome, SourceConfig};

/// Somebody waits for the answer.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What is found of a log.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is not there: whoever starts first makes it.
    NotYet,
    /// It is there, with so many partitions.
    There(u32),
    /// Another process has it, so it cannot be looked into.
    InUse(String),
}

/// Whether what is stored can be gone on from under the configuration.
///
/// # Errors
/// It is stored in formats of another build, or was routed or computed otherwise; each says what to do.
pub fn rules(deployment: &Deployment) -> Result<()> {
    let epoch = deployment.config.epoch.0;
    let mut notes = deployment.epoch_notes(epoch)?;
    // Of a broker that is away another finding tells.
    if notes.get(computing::NOTE)?.is_none() && is_there(deployment) {
        notes = deployment.noted(epoch)?;
        if notes.get(computing::NOTE)?.is_none() && has_records(deployment, epoch)? {
            return Err(begun::is_unknown(epoch));
        }
    }
    formats::check(&notes, epoch)?;
    routing::check(&notes, epoch, &Routing::of(&deployment.config, &deployment.privacy_key()?)?)?;
    computing::check(&notes, epoch, &Computing::of(&deployment.config)?)?;
    judging::check(&notes, &Judging::of(&deployment.config)?)
}

/// Whether whoever keeps our logs can be asked, within seconds.
fn is_there(deployment: &Deployment) -> bool {
    let settings = KafkaSettings { deadline: Some(PATIENCE), ..deployment.kafka_settings() };
    deployment.config.log.home == LogHome::Local || admin::cluster_id(&settings).is_ok()
}

/// Whether there is a log of an epoch, and records in it. Of one that somebody has, what it was begun under is noted.
fn has_records(deployment: &Deployment, epoch: u8) -> Result<bool> {
    if !deployment.has_log("touchpoints", epoch)? {
        return Ok(false);
    }
    match deployment.log_of("touchpoints", epoch) {
        Err(error) if matches!(error.downcast_ref(), Some(LogError::Locked { .. })) => Ok(false),
        log => Ok(has_frames(log?.as_ref())?),
    }
}

/// Names of our logs as they are stored, and the partitions each must have.
#[must_use]
pub fn wanted(deployment: &Deployment) -> Vec<(String, u32)> {
    let config = &deployment.config;
    let named =
        |name: &str| (deployment.stored(name, config.epoch.0), if is_dealt(name) { config.log.partitions } else { 1 });
    LOGS.iter().map(|name| named(name)).collect()
}

/// Whether local logs have been begun, so that the deployment has an id.
#[must_use]
pub fn has_identity(deployment: &Deployment) -> bool {
    deployment.id_file().exists()
}

/// How many partitions the epoch's logs were begun with, if that is noted.
#[must_use]
pub fn begun_with(deployment: &Deployment) -> Option<u32> {
    let notes = deployment.epoch_notes(deployment.config.epoch.0);
    notes.and_then(|notes| routing::partitions(&notes)).ok().flatten()
}

/// A log of this machine.
///
/// # Errors
/// Its file cannot be read.
pub fn local(deployment: &Deployment, name: &str, partitions: u32) -> Result<Seen, LogError> {
    let folder = deployment.log_folder();
    if !folder.join(format!("{name}.redb")).exists() {
        return Ok(Seen::NotYet);
    }
    match crumbtrail_log::local::LocalLog::open(&folder, name, partitions) {
        Ok(_) => Ok(Seen::There(partitions)),
        Err(LogError::PartitionsDiffer { found, .. }) => Ok(Seen::There(found)),
        Err(LogError::Locked { holder, .. }) => Ok(Seen::InUse(holder)),
        Err(error) => Err(error),
    }
}

/// A topic of ours, and what of it is not as it must be: in words, each with how to mend it behind a colon.
///
/// # Errors
/// The broker cannot be asked.
pub fn topic(deployment: &Deployment, settings: &KafkaSettings, name: &str) -> Result<(Seen, Vec<String>), LogError> {
    let Some(facts) = admin::describe(settings, name)? else { return Ok((Seen::NotYet, Vec::new())) };
    // Of partitions only the number is told: what to do about it is another matter than the topic's settings.
    let complaints = facts.complaints(facts.partitions, deployment.ttl());
    Ok((Seen::There(facts.partitions), complaints))
}

/// How our logs stand to the configuration and to the sources.
#[derive(Debug)]
pub struct Stands {
    /// The highest generation under which intake or sessionize last wrote.
    pub generation: Generation,
    /// Of each source asked for, partitions that have not what is to be read of them next.
    pub missing: Vec<Vec<LogError>>,
}

/// How our logs, which must be there, stand to the configuration and to sources that have so many partitions.
///
/// # Errors
/// A log cannot be read, or the broker not be asked.
pub fn stands(deployment: &Deployment, settings: &KafkaSettings, sources: &[(&SourceConfig, u32)]) -> Result<Stands> {
    let log = |name| deployment.log_of(name, deployment.config.epoch.0);
    let (touchpoints, letters, people) = (log("touchpoints")?, log("dead-letters")?, log("people")?);
    let origins = |&(source, partitions): &(&SourceConfig, u32)| {
        let incarnation = source.incarnation.max(1);
        let name = |partition| kafka::origin_name(&source.topic, incarnation, partition);
        (0..partitions).map(|partition| OriginId::of(&name(partition))).collect::<Vec<_>>()
    };
    let origins: Vec<OriginId> = sources.iter().flat_map(origins).collect();
    let intake::Stands { next, mut generation } = intake::stands([&touchpoints, &letters], &origins)?;
    let passing_on = (0..touchpoints.partitions()).map(|of| origin_name(touchpoints.as_ref(), PartitionId(of)));
    let passing_on: Vec<OriginId> = passing_on.map(|name| OriginId::of(&name)).collect();
    for partition in (0..people.partitions()).map(PartitionId) {
        let told = people.read_back_many(partition, &passing_on)?;
        generation = told.into_iter().flatten().fold(generation, |highest, back| highest.max(back.generation));
    }
    let mut next = next.into_iter();
    let missing = sources.iter().map(|(source, partitions)| {
        let next = (0..*partitions).zip(next.by_ref());
        // What nobody has read yet is read from wherever it begins.
        let next: Vec<_> = next.filter_map(|(of, next)| Some((PartitionId(of), Offset(next?)))).collect();
        admin::out_of_bounds(settings, &source.topic, &next)
    });
    let missing = missing.collect::<Result<_, _>>()?;
    Ok(Stands { generation, missing })
}
