//! Removes what an epoch has: tables, logs, snapshots. Never one that the views show.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use crumbtrail_log::kafka::admin;
use crumbtrail_warehouse::epochs;

use crate::config::{Config, LogHome};
use crate::wiring::Deployment;
use crate::wiring::begun;
use crate::wiring::deployment::LOGS;
use crate::wiring::tables::Clickhouse;

/// `rebuild --drop-epoch`.
pub fn drop_epoch(mut config: Config, drop: u8) -> Result<ExitCode> {
    config.epoch.0 = drop;
    let deployment = Deployment::new(config)?;
    let clickhouse = deployment.clickhouse()?;
    if !epoch(&deployment, &clickhouse)? {
        bail!(
            "there is no epoch {drop}: it has no tables, snapshots{}",
            if is_local(&deployment) { " or log" } else { "" }
        );
    }
    sayln!("epoch {drop} is removed: tables, snapshots{}", if is_local(&deployment) { " and log" } else { "" });
    Ok(ExitCode::SUCCESS)
}

fn is_local(deployment: &Deployment) -> bool {
    deployment.config.log.home == LogHome::Local
}

/// Removes what the deployment's epoch has; whether there was anything.
///
/// # Errors
/// The views show it, another deployment fills it, its log is in use, its topics are there still, ClickHouse refuses.
pub fn epoch(deployment: &Deployment, clickhouse: &Clickhouse) -> Result<bool> {
    let number = deployment.config.epoch.0;
    let shown = deployment.runtime.block_on(epochs::shown(&clickhouse.client))?;
    if shown.is_some_and(|shown| (shown.oldest..=shown.newest).contains(&number)) {
        bail!("the views show epoch {number}: it is in use, and stays");
    }
    deployment.refuse_anothers(clickhouse, number)?;
    let had_tables = deployment.runtime.block_on(epochs::with_tables(&clickhouse.client))?.contains(&number);
    let had_log = match deployment.config.log.home {
        LogHome::Local => deployment.remove_local_logs()?,
        LogHome::Kafka => {
            let settings = deployment.kafka_settings();
            let topics =
                LOGS.iter().chain([&begun::NAME]).map(|name| deployment.topic(name, number)).collect::<Vec<_>>();
            for topic in &topics {
                if admin::describe(&settings, topic)?.is_some() {
                    let topics = topics.join(", ");
                    bail!(
                        "its topics are there still: delete {topics} with the broker's own tools, then run this again"
                    );
                }
            }
            false
        }
    };
    let had_snapshots = deployment.remove_snapshots().context("its snapshots cannot be removed")?;
    let target = deployment.target();
    deployment
        .runtime
        .block_on(epochs::drop_tables(&clickhouse.client, &target))
        .context("its tables cannot be removed")?;
    Ok(had_tables || had_log || had_snapshots)
}
