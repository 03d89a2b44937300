//! `check`: the configuration against the world, each finding with how to mend it.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use crumbtrail_log::kafka::admin;
use crumbtrail_warehouse::epochs::{self, Shown};
use crumbtrail_warehouse::observer::Silent;
use crumbtrail_warehouse::{ledger, migrate};

use crate::args::Place;
use crate::config::{Config, LogHome, SourceFormat, WithoutConsent};
use crate::loaded::load;
use crate::wiring::deployment::Clickhouse;
use crate::wiring::{Deployment, enrichment, intake, plugin, rules, sink};

pub fn check(place: &Place) -> Result<ExitCode> {
    let mut config = load(place)?;
    if config.clickhouse.url.is_empty() {
        config.clickhouse.listen = "127.0.0.1:0".to_owned();
    }
    let deployment = Deployment::new(config)?;
    let mut findings = Findings::default();
    findings.note("configuration", Ok("read, no unknown keys".to_owned()));
    findings.note("stage model", rules::journey_rules(&deployment.config).map(|r| r.models[0].name().to_owned()));
    for (what, found) in enrich(&deployment.config) {
        findings.note(what, found);
    }
    findings.note("sentiment models", models());
    findings.note("plugged-in model", plugged(&deployment.config));
    findings.note("snapshots", deployment.snapshots().map(|_| "store can be reached".to_owned()));
    findings.note("our logs", logs(&deployment));
    for source in &deployment.config.sources {
        findings.note(&format!("source {}", source.topic), topic(&deployment, &source.topic));
    }
    findings.note("schema registry", registry(&deployment.config));
    tables(&deployment, &mut findings);
    Ok(findings.end())
}

#[derive(Default)]
struct Findings {
    bad: usize,
}

impl Findings {
    fn note(&mut self, what: &str, found: Result<String>) {
        match found {
            Ok(detail) => sayln!("ok    {what}: {detail}"),
            Err(error) => {
                self.bad += 1;
                sayln!("MEND  {what}: {error:#}");
            }
        }
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
fn enrich(config: &Config) -> [(&'static str, Result<String>); 6] {
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
        ("geo database", geo()),
        ("ASN database", systems()),
        ("robots' addresses", robots),
        ("channel and page rules", rules),
        ("geofences", fences),
        ("consent", Ok(consent)),
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

fn logs(deployment: &Deployment) -> Result<String> {
    let logs = deployment.logs()?;
    let home = match deployment.config.log.home {
        LogHome::Local => "local",
        LogHome::Kafka => "kafka",
    };
    Ok(format!("{home}, {} partitions", logs.touchpoints.partitions()))
}

fn topic(deployment: &Deployment, topic: &str) -> Result<String> {
    match admin::describe(&deployment.kafka_settings(), topic)? {
        Some(facts) => Ok(format!("{} partitions", facts.partitions)),
        None => bail!("the topic does not exist: create it, or mend `sources` in the configuration"),
    }
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
        Some(Shown { newest, .. }) => bail!(
            "show epoch {newest}, the configuration says {configured}: `crumbtrail rebuild` goes from one to the next, or `epoch: \
             {newest}` stays"
        ),
    }
}

/// Whether ClickHouse judges ledger rows as it must: a refusal is what is asked for.
fn ledger_rows(deployment: &Deployment, clickhouse: &Clickhouse) -> Result<String> {
    if deployment.config.clickhouse.replicated {
        return Ok("replicated: acknowledged by a majority, starts of servers are not watched".to_owned());
    }
    let loader = sink::loader_config(deployment, clickhouse, Arc::new(Silent)).loader()?;
    let judged = deployment.runtime.block_on(loader.rehearse()).context(
        "a ledger row cannot be written: grant what is missing, for system.one, system.tables and system.databases, too",
    )?;
    ensure!(
        judged,
        "the server took a ledger row under a start it is not: ClickHouse 23.12 or newer is needed, or \
         `clickhouse.replicated` for a balancer of replicas"
    );
    Ok("a row under another start of the server is refused".to_owned())
}

fn tables(deployment: &Deployment, findings: &mut Findings) {
    let clickhouse = match deployment.clickhouse() {
        Ok(clickhouse) => clickhouse,
        Err(error) => return findings.note("clickhouse", Err(error)),
    };
    let runtime = &deployment.runtime;
    let version = runtime.block_on(clickhouse.client.ping()).map_err(Into::into);
    findings.note("clickhouse", version);
    let started = runtime.block_on(ledger::server_start(&clickhouse.client)).map_err(anyhow::Error::from);
    findings.note("clickhouse restart mark", started.map(|_| "readable".to_owned()));
    let shown = runtime.block_on(epochs::shown(&clickhouse.client)).map_err(anyhow::Error::from);
    findings.note("views", shown.and_then(|shown| views(shown, deployment.config.epoch.0)));
    match runtime.block_on(migrate::verify(&clickhouse.client, &deployment.target())) {
        Ok(wrong) if wrong.is_empty() => {
            findings.note("tables", Ok("all columns as this build writes them".to_owned()));
            findings.note("ledger", ledger_rows(deployment, &clickhouse));
        }
        Ok(wrong) => {
            for finding in wrong {
                findings.note(&format!("table {}", finding.object), Err(anyhow::anyhow!(finding.detail)));
            }
        }
        Err(error) => findings.note("tables", Err(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_of_another_epoch_are_to_mend() {
        let of = |oldest, newest| views(Some(Shown { oldest, newest }), 2).map_err(|error| error.to_string());
        assert_eq!((views(None, 2).is_ok(), of(2, 2)), (true, Ok("show epoch 2".to_owned())));
        assert!(
            [of(1, 1), of(1, 2), of(3, 3)].iter().all(|found| found.as_ref().is_err_and(|e| e.contains("rebuild")))
        );
    }
}
