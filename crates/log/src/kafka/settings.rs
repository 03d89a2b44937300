//! Client settings: ours, the operator's, and those nobody may change.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;

use crate::error::LogError;

/// How to reach a cluster, and any other setting of the client by its own name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `bootstrap.servers`: hosts and ports, comma separated.
    pub bootstrap: String,
    /// Settings passed through to librdkafka (TLS, SASL, tuning). Those the promise rests on are refused.
    pub client: BTreeMap<String, String>,
    /// Longest time an append waits for room in the producer's queue, and a question for its answer.
    pub deadline: Option<Duration>,
}

/// Settings may hold passwords: only names are shown.
impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.client.keys().collect();
        f.debug_struct("KafkaSettings").field("bootstrap", &self.bootstrap).field("client", &names).finish()
    }
}

const CONSUMER: [(&str, &str); 9] = [
    ("session.timeout.ms", "45000"),
    ("queued.min.messages", "10000"),
    ("queued.max.messages.kbytes", "16384"),
    // Once a partition's queue is full the client looks again after so long: at its default of a second the small queue
    // above would be all a partition gives in a second.
    ("fetch.queue.backoff.ms", "5"),
    ("fetch.wait.max.ms", "100"),
    ("statistics.interval.ms", "1000"),
    ("topic.metadata.refresh.interval.ms", "30000"),
    ("log.connection.close", "false"),
    ("socket.keepalive.enable", "true"),
];

/// What the promise rests on, for consumers.
const CONSUMER_FIXED: [(&str, &str); 8] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("isolation.level", "read_committed"),
    ("check.crcs", "true"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("allow.auto.create.topics", "false"),
    ("enable.partition.eof", "true"),
];

const PRODUCER: [(&str, &str); 7] = [
    ("linger.ms", "5"),
    ("compression.type", "lz4"),
    ("queue.buffering.max.kbytes", "65536"),
    ("queue.buffering.max.messages", "100000"),
    ("message.max.bytes", "4194304"),
    ("log.connection.close", "false"),
    ("socket.keepalive.enable", "true"),
];

/// What the promise rests on, for producers.
const PRODUCER_FIXED: [(&str, &str); 5] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("message.timeout.ms", "0"),
    ("enable.gapless.guarantee", "true"),
    ("allow.auto.create.topics", "false"),
];

/// Given by other means, or meant for another design.
const RESERVED: [&str; 7] = [
    "bootstrap.servers",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "transactional.id",
    "request.required.acks",
    "delivery.timeout.ms",
];

impl KafkaSettings {
    /// Settings that only say where the cluster is.
    #[must_use]
    pub fn new(bootstrap: impl Into<String>) -> KafkaSettings {
        KafkaSettings { bootstrap: bootstrap.into(), ..KafkaSettings::default() }
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline.unwrap_or(Duration::from_secs(30))
    }

    /// A consumer; `instance` is empty for one that joins no group.
    pub(super) fn consumer(&self, group: &str, instance: &str) -> Result<ClientConfig, LogError> {
        let mut config = self.client(&CONSUMER, &CONSUMER_FIXED)?;
        config.set("group.id", group);
        if !instance.is_empty() {
            config.set("group.instance.id", instance);
        }
        Ok(config)
    }

    pub(super) fn producer(&self) -> Result<ClientConfig, LogError> {
        self.client(&PRODUCER, &PRODUCER_FIXED)
    }

    /// A client that only asks and manages.
    pub(super) fn admin(&self) -> Result<ClientConfig, LogError> {
        self.client(&[("log.connection.close", "false")], &[])
    }

    fn client(&self, ours: &[(&str, &str)], fixed: &[(&str, &str)]) -> Result<ClientConfig, LogError> {
        self.check()?;
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        let theirs = self.client.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in ours.iter().copied().chain(theirs).chain(fixed.iter().copied()) {
            config.set(name, value);
        }
        Ok(config)
    }

    /// Refuses to pass through what would break the promise.
    ///
    /// # Errors
    /// [`LogError::Setting`] for the first such setting.
    pub fn check(&self) -> Result<(), LogError> {
        for (name, value) in &self.client {
            let fixed = CONSUMER_FIXED.iter().chain(&PRODUCER_FIXED).find(|(fixed, _)| fixed == name);
            let detail = match fixed {
                Some((_, ours)) if ours != value => format!("must stay {ours}: leave it out"),
                None if RESERVED.contains(&name.as_str()) => "is set by crumbtrail itself: leave it out".to_owned(),
                _ => continue,
            };
            return Err(LogError::Setting { setting: name.clone(), detail });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> KafkaSettings {
        let client = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        KafkaSettings { bootstrap: "b:9092".to_owned(), client, deadline: None }
    }

    #[test]
    fn what_the_promise_rests_on_cannot_be_changed() {
        for (name, value) in [("acks", "1"), ("enable.auto.commit", "true"), ("transactional.id", "x")] {
            let error = with(name, value).producer().unwrap_err();
            assert_eq!(error.kind(), "setting");
            assert!(error.to_string().contains(name));
        }
        assert!(with("acks", "all").producer().is_ok());
    }

    #[test]
    fn other_settings_pass_through_and_win_over_defaults() {
        let config = with("linger.ms", "20").producer().unwrap();
        assert_eq!(config.get("linger.ms"), Some("20"));
        assert_eq!(config.get("enable.idempotence"), Some("true"));
        let config = with("security.protocol", "ssl").consumer("g", "pod-0").unwrap();
        assert_eq!(config.get("security.protocol"), Some("ssl"));
        assert_eq!(config.get("group.instance.id"), Some("pod-0"));
    }

    #[test]
    fn passwords_are_not_shown() {
        let shown = format!("{:?}", with("sasl.password", "canary"));
        assert!(shown.contains("sasl.password") && !shown.contains("canary"));
    }
}
