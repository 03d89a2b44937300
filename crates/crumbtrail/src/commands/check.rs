//! `check`: the configuration against the world, each finding with how to mend it.

mod mend;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use crumbtrail_log::LogError;
use crumbtrail_log::kafka::{KafkaSettings, admin};
use crumbtrail_runtime::processor::ProcessorError;
use crumbtrail_warehouse::epochs::{self, Shown};
use crumbtrail_warehouse::observer::Silent;
use crumbtrail_warehouse::{WarehouseError, claim, ledger, migrate};

use crate::args::Place;
use crate::config::{Config, LogHome, SourceConfig, SourceFormat, WithoutConsent};
use crate::loaded::load;
use crate::say::in_words;
use crate::wiring::look::{self, PATIENCE, Seen};
use crate::wiring::tables::Clickhouse;
use crate::wiring::{Deployment, enrichment, intake, plugin, rules, sink};

pub fn check(place: &Place) -> Result<ExitCode> {
    let mut config = load(place)?;
    if config.clickhouse.url.is_empty() {
        config.clickhouse.listen = "127.0.0.1:0".to_owned();
    }
    let deployment = Deployment::new(config)?.impatient();
    let config = &deployment.config;
    let mut findings = Findings::default();
    findings.note("configuration", Ok("read, no unknown keys".to_owned()), |_| String::new());
    let model = rules::journey_rules(config).map(|r| r.models[0].name().to_owned());
    findings
        .note("stage model", model, |_| "mend that file, or set `journeys.model: retail`, which is shipped".to_owned());
    for (what, key, found) in enrich(config) {
        let mend = format!("name a file in `{key}` that is there and can be read, or leave the key out");
        findings.note(what, found, |_| mend);
    }
    let shipped = |_: &_| "this build is not whole: build it anew".to_owned();
    findings.note("sentiment models", models(), shipped);
    findings.note("plugged-in model", plugged(config), |_| {
        "mend `sentiment.plugin` (docs/sentiment.md tells what the files must be), or leave it out".to_owned()
    });
    findings.note("snapshots", snapshots(&deployment), |error| match config.snapshots.url.as_str() {
        "" => mend::store(config, error),
        _ => "mend `snapshots.url`; its keys come from the environment (docs/config.md), and must allow to read, write, list and delete"
            .to_owned(),
    });
    findings.note("rules", look::rules(&deployment).map(|()| "as what is stored was made by".to_owned()), |_| {
        "put the keys it names back as they were, or do as it says; docs/reliability.md, \"New epochs\", tells more"
            .to_owned()
    });
    logs(&deployment, &mut findings);
    findings.note("schema registry", registry(config), |error| mend::registry(config, error));
    tables(&deployment, &mut findings);
    Ok(findings.end())
}

#[derive(Default)]
struct Findings {
    bad: usize,
}

impl Findings {
    /// A line; where something is wrong a second one that says how to mend it.
    fn note(&mut self, what: &str, found: Result<String>, mend: impl FnOnce(&anyhow::Error) -> String) {
        match found {
            Ok(detail) => sayln!("ok    {what}: {detail}"),
            Err(error) => {
                self.bad += 1;
                sayln!("MEND  {what}: {}", in_words(&error));
                sayln!("      how: {}", mend(&error));
            }
        }
    }

    fn wrong(&mut self, what: &str, detail: String, mend: String) {
        self.note(what, Err(anyhow!(detail)), |_| mend);
    }

    fn end(self) -> ExitCode {
        if self.bad == 0 {
            sayln!("all well");
            return ExitCode::SUCCESS;
        }
        sayln!("{} to mend", self.bad);
        ExitCode::from(4)
    }
}

/// What is found of each file of enrichment.
fn enrich(config: &Config) -> [(&'static str, &'static str, Result<String>); 6] {
    let geo = || match enrichment::geo(config)? {
        None => Ok("none configured: places stay empty (enrich.geo_database)".to_owned()),
        Some(geo) => {
            let (edition, built) = geo.edition();
            Ok(format!("{edition}, built {built}"))
        }
    };
    let systems = || match enrichment::systems(config)? {
        None => Ok("none configured: networks stay unknown (enrich.asn_database)".to_owned()),
        Some(systems) => Ok(systems.edition_name().to_owned()),
    };
    let robots = enrichment::robots(config).map(|list| match list {
        None => "none configured (enrich.robots)".to_owned(),
        Some(list) => format!("{} ranges", list.len()),
    });
    let fences = enrichment::fences(config).map(|fences| match fences {
        None => "none configured (enrich.fences)".to_owned(),
        Some(fences) => format!("{} fences", fences.len()),
    });
    let rules = enrichment::rules(config).map(|rules| {
        let labelled = rules.sites.iter().filter(|(_, site)| !site.pages.is_empty()).count();
        let every =
            if rules.default.pages.is_empty() { "no page rules for every site" } else { "page rules for every site" };
        let own = if config.enrich.channels.is_empty() { "shipped" } else { "own" };
        format!("{own} channel rules, {every}, {labelled} sites with page rules")
    });
    let consent = format!(
        "{}; kept without it: {}",
        if config.privacy.consent_required { "must be given" } else { "silence counts as given" },
        if config.privacy.without_consent == WithoutConsent::Counts { "what can be counted" } else { "nothing" },
    );
    [
        ("geo database", "enrich.geo_database", geo()),
        ("ASN database", "enrich.asn_database", systems()),
        ("robots' addresses", "enrich.robots", robots),
        ("channel and page rules", "enrich.channels` or `enrich.pages", rules),
        ("geofences", "enrich.fences", fences),
        ("consent", "privacy", Ok(consent)),
    ]
}

fn models() -> Result<String> {
    Ok(crumbtrail_sentiment::Scorer::embedded()?.model_version().to_owned())
}

fn plugged(config: &Config) -> Result<String> {
    Ok(match plugin::open(config)? {
        None => "none configured (sentiment.plugin)".to_owned(),
        Some(model) => model.describe(),
    })
}

/// Whether what a start writes there can be written, read and removed again.
fn snapshots(deployment: &Deployment) -> Result<String> {
    let notes = deployment.epoch_notes(deployment.config.epoch.0)?;
    notes.put("check", b"written by `crumbtrail check`".to_vec())?;
    notes.get("check")?.context("what was written is not there")?;
    notes.remove("check")?;
    Ok("can be written and read".to_owned())
}

/// Our logs, and the source topics; on Kafka nothing else is asked for once the broker did not answer.
fn logs(deployment: &Deployment, findings: &mut Findings) {
    let config = &deployment.config;
    let settings = KafkaSettings { deadline: Some(PATIENCE), ..deployment.kafka_settings() };
    let (wanted, begun) = (look::wanted(deployment), look::begun_with(deployment));
    let mut is_reached = true;
    if config.log.home == LogHome::Kafka || !config.sources.is_empty() {
        let reached = admin::cluster_id(&settings).map_err(anyhow::Error::from);
        is_reached = reached.is_ok();
        let told = reached.map(|_| format!("{} answers", config.kafka.bootstrap_servers));
        findings.note("kafka", told, |error| mend::kafka(config, error));
    }
    let mut are_there = true;
    match config.log.home {
        LogHome::Local => are_there = local_logs(deployment, &wanted, findings),
        LogHome::Kafka if !is_reached => return,
        LogHome::Kafka => {
            for (name, partitions) in &wanted {
                let (seen, complaints) = match look::topic(deployment, &settings, name) {
                    Ok(found) => found,
                    Err(error) => {
                        are_there = false;
                        findings.note(&format!("log {name}"), Err(error.into()), |error| mend::kafka(config, error));
                        continue;
                    }
                };
                if complaints.is_empty() {
                    are_there &= log(name, (*partitions, begun), seen, findings);
                }
                for complaint in complaints {
                    let (detail, mend) = complaint.split_once(": ").unwrap_or((&complaint, "set it back"));
                    let mend = format!("{mend} (`kafka-configs.sh --alter --entity-type topics --entity-name {name}`)");
                    findings.wrong(&format!("log {name}"), detail.to_owned(), mend);
                }
            }
        }
    }
    let sources = if is_reached { config.sources.as_slice() } else { &[] };
    let described: Vec<_> = sources.iter().map(|source| (source, admin::describe(&settings, &source.topic))).collect();
    let found =
        described.iter().filter_map(|(source, facts)| Some((*source, facts.as_ref().ok()?.as_ref()?.partitions)));
    let found: Vec<(&SourceConfig, u32)> = found.collect();
    let mut missing = standing(deployment, &settings, &found, are_there, findings).into_iter();
    for (source, facts) in described {
        let topic = &source.topic;
        let what = format!("source {topic}");
        match facts {
            Ok(Some(facts)) => {
                let missing = missing.next().unwrap_or_default();
                let told = mend::missing(&missing).map_or(Ok(format!("{} partitions", facts.partitions)), Err);
                let mend = told.as_ref().err().map(|(_, mend)| mend.clone()).unwrap_or_default();
                findings.note(&what, told.map_err(|(told, _)| anyhow!(told)), |_| mend);
            }
            Ok(None) => findings.wrong(
                &what,
                "the topic does not exist".to_owned(),
                format!(
                    "create it (`kafka-topics.sh --create --topic {topic} --partitions N`), let this user describe it, or mend `sources`"
                ),
            ),
            Err(error) => findings.note(&what, Err(error.into()), |error| mend::kafka(config, error)),
        }
    }
}

/// Whether the configuration is no older one than our logs were written under, if they `are_there`; what the sources have not that is to be
/// read next, as [`look::Stands`] has it.
fn standing(
    deployment: &Deployment,
    settings: &KafkaSettings,
    sources: &[(&SourceConfig, u32)],
    are_there: bool,
    findings: &mut Findings,
) -> Vec<Vec<LogError>> {
    if !are_there {
        return Vec::new();
    }
    let config = &deployment.config;
    let ours = deployment.generation().0;
    let stands = match look::stands(deployment, settings, sources) {
        Ok(stands) => stands,
        Err(error) => {
            findings.note("how far sources are read", Err(error), |error| match config.log.home {
                LogHome::Local => mend::store(config, error),
                LogHome::Kafka => mend::kafka(config, error),
            });
            return Vec::new();
        }
    };
    match stands.generation.0 {
        found if found > ours => findings.wrong(
            "generation",
            format!("our logs were written under generation {found}, the configuration says {ours}: no start goes on from there"),
            mend::generation(found),
        ),
        _ => findings.note("generation", Ok(format!("{ours}, none in our logs is higher")), |_| String::new()),
    }
    stands.missing
}

/// Whether all are there, with the partitions they must have.
fn local_logs(deployment: &Deployment, wanted: &[(String, u32)], findings: &mut Findings) -> bool {
    let begun = look::begun_with(deployment);
    let mut are_there = true;
    for (name, partitions) in wanted {
        match look::local(deployment, name, *partitions) {
            Ok(seen) => are_there &= log(name, (*partitions, begun), seen, findings),
            Err(error) => {
                are_there = false;
                findings
                    .note(&format!("log {name}"), Err(error.into()), |error| mend::store(&deployment.config, error));
            }
        }
    }
    are_there
}

/// Whether it is there, with the partitions it must have, and can be looked into.
fn log(name: &str, (partitions, begun): (u32, Option<u32>), seen: Seen, findings: &mut Findings) -> bool {
    let what = format!("log {name}");
    let is_there = seen == Seen::There(partitions);
    match seen {
        Seen::There(there) if there != partitions => findings.wrong(
            &what,
            format!("it has {there} partitions, {partitions} are configured"),
            mend::partitions(there, partitions, begun),
        ),
        seen => {
            let told = match seen {
                Seen::NotYet => "not there yet: the first start makes it".to_owned(),
                Seen::There(there) => format!("{there} partitions"),
                Seen::InUse(holder) => format!("in use by {holder}: not looked into"),
            };
            findings.note(&what, Ok(told), |_| String::new());
        }
    }
    is_there
}

fn registry(config: &Config) -> Result<String> {
    let avro = config.sources.iter().any(|source| source.format == SourceFormat::Avro);
    if config.registry.url.is_empty() {
        return Ok(if avro {
            "none configured: only single-object Avro can be read (registry.url)".to_owned()
        } else {
            "none needed".to_owned()
        });
    }
    intake::registry(config).ping()?;
    Ok(format!("{} answers", config.registry.url))
}

/// Whether the views show the configured epoch.
fn views(shown: Option<Shown>, configured: u8) -> Result<String> {
    match shown {
        None => Ok("none yet: the first start makes them".to_owned()),
        Some(shown) if shown == (Shown { oldest: configured, newest: configured }) => {
            Ok(format!("show epoch {configured}"))
        }
        Some(Shown { newest, .. }) => bail!("they show epoch {newest}, the configuration says {configured}"),
    }
}

/// Whether nobody else fills these tables.
fn owner(deployment: &Deployment, clickhouse: &Clickhouse) -> Result<String> {
    let epoch = deployment.config.epoch.0;
    let owner = deployment.runtime.block_on(claim::owner(&clickhouse.client, epoch))?;
    let Some(owner) = owner else { return Ok("nobody's yet: the first start claims the tables".to_owned()) };
    let ours = match deployment.config.log.home {
        // Nothing is made by a look.
        LogHome::Local if !look::has_identity(deployment) => "one that has no logs yet".to_owned(),
        _ => deployment.identity()?,
    };
    ensure!(
        owner == ours,
        "the tables of epoch {epoch} are filled by another deployment ({owner}; this one is {ours})"
    );
    Ok("the tables are this deployment's".to_owned())
}

/// Whether our logs go as far as the tables hold of them.
fn ends(deployment: &Deployment, clickhouse: &Clickhouse) -> Result<String> {
    Ok(match deployment.look_at_ends(clickhouse)? {
        true => "not before what the tables hold of them".to_owned(),
        false => "in use: not looked into".to_owned(),
    })
}

/// Whether ClickHouse judges ledger rows as it must: a refusal is what is asked for.
fn ledger_rows(deployment: &Deployment, clickhouse: &Clickhouse) -> Result<String> {
    if deployment.config.clickhouse.replicated {
        return Ok("replicated: acknowledged by a majority, starts of servers are not watched".to_owned());
    }
    let loader = sink::loader_config(deployment, clickhouse, Arc::new(Silent)).loader()?;
    let judged = deployment.runtime.block_on(loader.rehearse()).context("a ledger row cannot be written")?;
    ensure!(judged, "the server took a ledger row under a start it is not");
    Ok("a row under another start of the server is refused".to_owned())
}

fn tables(deployment: &Deployment, findings: &mut Findings) {
    let config = &deployment.config;
    let mend = |error: &anyhow::Error| mend::clickhouse(config, error);
    let clickhouse = match deployment.clickhouse() {
        Ok(clickhouse) => clickhouse,
        Err(error) => return findings.note("clickhouse", Err(error), mend),
    };
    let (client, runtime) = (&clickhouse.client, &deployment.runtime);
    let version = runtime.block_on(client.ping()).map_err(anyhow::Error::from);
    let answers = version.is_ok();
    findings.note("clickhouse", version, mend);
    if !answers {
        return;
    }
    let started = runtime.block_on(ledger::server_start(client)).map_err(anyhow::Error::from);
    findings.note("clickhouse restart mark", started.map(|_| "readable".to_owned()), mend);
    let configured = config.epoch.0;
    match runtime.block_on(epochs::shown(client)) {
        Err(error) => findings.note("views", Err(error.into()), mend),
        Ok(shown) => findings.note("views", views(shown, configured), |_| {
            let newest = shown.map_or(configured, |shown| shown.newest);
            format!(
                "set `epoch: {newest}`, or go to {configured} with `crumbtrail rebuild` (from the next lower one only)"
            )
        }),
    }
    match runtime.block_on(migrate::verify(client, &deployment.target())) {
        Ok(wrong) if wrong.is_empty() => {
            findings.note("tables", Ok("all columns as this build writes them".to_owned()), mend);
            let owner = owner(deployment, &clickhouse);
            let is_ours = owner.is_ok();
            findings.note("owner", owner, |error| match error.downcast_ref::<WarehouseError>() {
                Some(_) => mend::clickhouse(config, error),
                None => "give this deployment a `clickhouse.database` or an `epoch` of its own; or, if its logs were moved or made anew on \
                         purpose, run `crumbtrail migrate --adopt` once"
                    .to_owned(),
            });
            if is_ours {
                findings.note("ends of our logs", ends(deployment, &clickhouse), |error| match error.downcast_ref() {
                    Some(ProcessorError::Shortened { .. }) => mend::SHORTENED.to_owned(),
                    _ => mend::log_or_clickhouse(config, error),
                });
            }
            findings.note("ledger", ledger_rows(deployment, &clickhouse), |error| match error.downcast_ref() {
                Some(WarehouseError::Server { .. }) => mend::clickhouse(config, error),
                _ => "ClickHouse 23.12 or newer is needed; behind a balancer of replicas set `clickhouse.replicated`"
                    .to_owned(),
            });
        }
        Ok(wrong) => {
            for finding in wrong {
                let is_all = finding.object == config.clickhouse.database;
                let what = if is_all { "tables".to_owned() } else { format!("table {}", finding.object) };
                findings.wrong(&what, finding.detail, finding.mend);
            }
        }
        Err(error) => findings.note("tables", Err(error.into()), mend),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_of_another_epoch_are_to_mend() {
        let of = |oldest, newest| views(Some(Shown { oldest, newest }), 2).map_err(|error| error.to_string());
        assert_eq!((views(None, 2).is_ok(), of(2, 2)), (true, Ok("show epoch 2".to_owned())));
        assert!([of(1, 1), of(1, 2), of(3, 3)].iter().all(Result::is_err));
    }
}
