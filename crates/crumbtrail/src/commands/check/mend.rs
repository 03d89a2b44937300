//! How to mend what `check` finds, in one line.

use anyhow::Error;
use crumbtrail_log::LogError;
use crumbtrail_registry::NoRegistry;
use crumbtrail_warehouse::WarehouseError;

use crate::config::{Config, LogHome};

/// ACCESS_DENIED.
const DENIED: u32 = 497;

/// A broker that cannot be asked.
pub fn kafka(config: &Config, error: &Error) -> String {
    let kafka = &config.kafka;
    if let Some(LogError::Setting { .. }) = error.downcast_ref() {
        return "mend that setting under `kafka.client`, or remove it".to_owned();
    }
    let servers = &kafka.bootstrap_servers;
    let secured = kafka.client.get("security.protocol").map_or("plaintext", String::as_str);
    format!(
        "is a broker running at {servers}? Else mend `kafka.bootstrap_servers`; if it asks for TLS or a password, say so under \
         `kafka.client` (security.protocol is {secured}; sasl.mechanism, sasl.username, ssl.ca.location)"
    )
}

/// A log or snapshots that cannot be opened.
pub fn store(config: &Config, error: &Error) -> String {
    let folder = config.data_dir.0.display();
    if let Some(LogError::DiskFull { .. }) = error.downcast_ref() {
        return format!("make room on the disk of {folder}, or move `data_dir`");
    }
    format!(
        "can this user read and write {folder} (`data_dir`), and is its disk well? A copy of the folder can take its place"
    )
}

/// Partitions of ours that are another number than configured; `begun` of them the epoch began with, if that is noted.
pub fn partitions(there: u32, wanted: u32, begun: Option<u32>) -> String {
    if begun == Some(wanted) && there > wanted {
        return format!(
            "partitions were added to it since the epoch began, and Kafka takes none away: leave `log.partitions` as it is and run \
             `crumbtrail rebuild`, which makes the next epoch of what is in the first {wanted}"
        );
    }
    format!(
        "set `log.partitions: {there}`; to go on with {wanted}, keep that and run `crumbtrail rebuild`, which makes the next epoch"
    )
}

/// A generation that is lower than the one in our logs.
pub fn generation(found: u32) -> String {
    format!(
        "set `generation: {found}`, with the configuration that had it; or {} where this one judges otherwise on purpose",
        found.saturating_add(1)
    )
}

/// What is wrong with partitions of a source that have not what is to be read next, and how to mend it; `None` where none is so.
pub fn missing(missing: &[LogError]) -> Option<(String, String)> {
    let told = |error: &LogError| match error {
        LogError::Trimmed { partition, start, asked, .. } => {
            format!(
                "partition {} begins at offset {}, and {} is to be read next: {} are gone",
                partition.0,
                start.0,
                asked.0,
                start.0 - asked.0
            )
        }
        LogError::Regressed { partition, end, reached, .. } => {
            format!("partition {} ends at offset {}, and {} is to be read next", partition.0, end.0, reached.0)
        }
        error => error.to_string(),
    };
    let mut told: Vec<String> = missing.iter().map(told).collect();
    if told.len() > MOST_TOLD {
        let more = told.len() - MOST_TOLD;
        told.truncate(MOST_TOLD);
        told.push(format!("{more} more are so"));
    }
    let mend = if missing.iter().any(|error| matches!(error, LogError::Regressed { .. })) {
        "if the topic was made anew, raise its `incarnation` (`sources`) by one: it is read from its beginning as new records; if it lost its \
         end, put that back"
    } else {
        "look for those records elsewhere; then start once with `crumbtrail run --accept-gap`, which writes into the log that they are lost, \
         and goes on"
    };
    (!told.is_empty()).then(|| (told.join("; "), mend.to_owned()))
}

/// Of so many partitions it is told what is wrong with them.
const MOST_TOLD: usize = 3;

/// A log of ours that ends before what the tables hold of it.
pub const SHORTENED: &str = "put the log back as it was: until then every start is refused before it writes anything; if it is lost, begin the next \
     epoch (`epoch` one higher, then `crumbtrail migrate --show`) and read the sources again";

/// A question of which a log and ClickHouse each tell a part.
pub fn log_or_clickhouse(config: &Config, error: &Error) -> String {
    match error.downcast_ref() {
        Some(WarehouseError::Server { .. } | WarehouseError::Unreachable { .. } | WarehouseError::TimedOut { .. }) => {
            clickhouse(config, error)
        }
        _ if config.log.home == LogHome::Kafka => kafka(config, error),
        _ => store(config, error),
    }
}

/// A registry that does not answer as one.
pub fn registry(config: &Config, error: &Error) -> String {
    match error.downcast_ref() {
        Some(NoRegistry::Denied { .. }) if config.registry.user.is_empty() => {
            "it wants a user and a password: set `registry.user` and CRUMBTRAIL_REGISTRY_PASSWORD".to_owned()
        }
        Some(NoRegistry::Denied { .. }) => format!(
            "mend `registry.user` (now {}) and CRUMBTRAIL_REGISTRY_PASSWORD, or let that user read the subjects",
            config.registry.user
        ),
        Some(NoRegistry::Other { .. }) => {
            "mend `registry.url`: it must be the registry's own base address, with its path if it has one".to_owned()
        }
        _ => "start the registry, or mend `registry.url` (`http://host:8081`); until then records of Avro sources wait"
            .to_owned(),
    }
}

/// A ClickHouse that does not answer, or refuses.
pub fn clickhouse(config: &Config, error: &Error) -> String {
    let settings = &config.clickhouse;
    let user = if settings.user.is_empty() { "default" } else { &settings.user };
    match error.downcast_ref() {
        Some(WarehouseError::Denied { .. }) => {
            format!("mend `clickhouse.user` (now {user}) and CRUMBTRAIL_CLICKHOUSE_PASSWORD")
        }
        Some(WarehouseError::Server { code: DENIED, .. }) => format!(
            "grant {user} SELECT, INSERT, ALTER, CREATE, DROP and TRUNCATE on {}.*, and SELECT on system.tables, system.columns, \
             system.databases and system.one",
            settings.database
        ),
        Some(WarehouseError::DiskFull { .. }) => "make room on the disk of ClickHouse".to_owned(),
        Some(WarehouseError::Unreachable { .. } | WarehouseError::TimedOut { .. }) if !settings.url.is_empty() => {
            format!(
                "start ClickHouse, or mend `clickhouse.url` (now {}): its HTTP port, http://host:8123, or https://host:8443 with TLS",
                settings.url
            )
        }
        Some(WarehouseError::Config { .. }) => "mend `clickhouse.url` and `clickhouse.database`".to_owned(),
        _ if settings.url.is_empty() => format!(
            "`make setup` fetches the engine (or CRUMBTRAIL_ENGINE names its library); {} must be this user's, with room on its disk; or \
             name a server in `clickhouse.url`",
            config.data_dir.0.display()
        ),
        _ => "is `clickhouse.url` that of ClickHouse's HTTP port, 23.12 or newer? Its own log says more".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crumbtrail_log::{Offset, PartitionId};

    use super::*;

    fn config(json: &str) -> Config {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn each_fault_has_its_own_way_to_mend_it() {
        let plain = config("{}");
        let named =
            config(r#"{"registry": {"user": "ann"}, "clickhouse": {"url": "http://ch:8123", "user": "loader"}}"#);
        let url = || "http://r".to_owned();
        let log = || "clicks".to_owned();
        let gone = |p| LogError::Trimmed { log: log(), partition: PartitionId(p), start: Offset(9), asked: Offset(4) };
        let anew = || LogError::Regressed { log: log(), partition: PartitionId(7), end: Offset(2), reached: Offset(5) };
        assert_eq!(missing(&[]), None);
        let denied = || Error::from(NoRegistry::Denied { url: url() });
        let cases = [
            (registry(&plain, &denied()), "set `registry.user` and CRUMBTRAIL_REGISTRY_PASSWORD"),
            (registry(&named, &denied()), "`registry.user` (now ann)"),
            (registry(&plain, &NoRegistry::Other { url: url(), status: 404 }.into()), "base address"),
            (registry(&plain, &NoRegistry::Away { url: url(), detail: url() }.into()), "start the registry"),
            (kafka(&plain, &LogError::Broker { what: url(), detail: url() }.into()), "`kafka.bootstrap_servers`"),
            (kafka(&plain, &LogError::Setting { setting: url(), detail: url() }.into()), "under `kafka.client`"),
            (store(&plain, &LogError::DiskFull { path: url() }.into()), "make room"),
            (clickhouse(&named, &WarehouseError::Denied { detail: url() }.into()), "`clickhouse.user` (now loader)"),
            (
                clickhouse(&named, &WarehouseError::TimedOut { url: url() }.into()),
                "`clickhouse.url` (now http://ch:8123)",
            ),
            (
                clickhouse(&named, &WarehouseError::Server { code: DENIED, transient: false, detail: url() }.into()),
                "grant loader",
            ),
            (clickhouse(&plain, &anyhow::anyhow!("no engine")), "`make setup`"),
            (partitions(4, 8, None), "`log.partitions: 4`"),
            (partitions(4, 8, Some(4)), "`log.partitions: 4`"),
            (partitions(9, 8, Some(8)), "what is in the first 8"),
            (generation(3), "set `generation: 3`"),
            (missing(&[gone(1)]).unwrap().0, "partition 1 begins at offset 9, and 4 is to be read next: 5 are gone"),
            (missing(&[gone(1)]).unwrap().1, "--accept-gap"),
            (missing(&[gone(1), anew()]).unwrap().1, "`incarnation`"),
            (missing(&[anew()]).unwrap().0, "partition 7 ends at offset 2, and 5 is to be read next"),
            (missing(&[0, 1, 2, 3, 4].map(gone)).unwrap().0, "2 more are so"),
        ];
        for (said, part) in cases {
            assert!(said.contains(part) && !said.contains('\n'), "{said}");
        }
    }
}
