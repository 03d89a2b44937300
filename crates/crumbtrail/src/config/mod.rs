//! The one configuration struct: every key documented with unit and default. `crumbtrail config example` and
//! `docs/config.md` are made from these comments.

mod check;
mod example;
mod load;
mod privacy;
mod rules;
mod sentiment;
mod typed;

pub use example::{example, markdown, schema_json};
pub use load::{ConfigError, load};
pub use privacy::{chosen, hasher, keyring};
pub use rules::{RulesConfig, SiteConfig, session_rules};
pub use sentiment::{PluginConfig, SentimentConfig};

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Configuration of every Crumbtrail command. All keys are optional; what is written here are the defaults.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Home of the local log, the snapshots and the embedded engine.
    pub data_dir: DataDir,
    /// Routing epoch, 1 to 255. Another partition count or key rule needs the next epoch: new logs, new tables. `crumbtrail
    /// rebuild` makes them; raise it then.
    pub epoch: EpochNumber,
    /// Generation of this configuration: raise it whenever a key that judges or enriches changes; a start that judges otherwise
    /// under the same one is refused, as is one below the generation found in the log. The files named under `enrich` and `sites` are read again while it runs.
    pub generation: GenerationNumber,
    /// Our own logs between the processors.
    pub log: LogConfig,
    /// The Kafka cluster, for sources and for logs with `home: kafka`.
    pub kafka: KafkaConfig,
    /// Source topics that intake reads.
    pub sources: Vec<SourceConfig>,
    /// Schema registry of the Avro sources.
    pub registry: RegistryConfig,
    /// Session and conversation rules for every site.
    pub rules: RulesConfig,
    /// Sites by name: what differs from `rules`, and their own hosts.
    pub sites: BTreeMap<String, SiteConfig>,
    /// Identity: which visitors and contacts are a customer's.
    pub identity: IdentityConfig,
    /// Journeys: stage model and breadcrumbs.
    pub journeys: JourneysConfig,
    /// Enrichment: the files that say where, on what and by which channel.
    pub enrich: EnrichConfig,
    /// Feeling of texts.
    pub sentiment: SentimentConfig,
    /// Privacy: keys of the hashes, what is kept of free text and without consent.
    pub privacy: PrivacyConfig,
    /// ClickHouse: the embedded engine, or a server by URL.
    pub clickhouse: ClickhouseConfig,
    /// Snapshots of the processors' state.
    pub snapshots: SnapshotsConfig,
    /// Latency against cost.
    pub pace: PaceConfig,
    /// Logs, metrics and health endpoints.
    pub telemetry: TelemetryConfig,
}

macro_rules! scalar_default {
    ($(#[doc = $doc:literal] $name:ident($inner:ty) = $value:expr;)*) => {$(
        #[doc = $doc]
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(inline)]
        pub struct $name(pub $inner);
        impl Default for $name {
            fn default() -> $name {
                $name($value)
            }
        }
    )*};
}
scalar_default! {
    #[doc = "Home of the local log, the snapshots and the embedded engine."]
    DataDir(PathBuf) = PathBuf::from("./crumbtrail-data");
    #[doc = "Routing epoch."]
    EpochNumber(u8) = 1;
    #[doc = "Configuration generation."]
    GenerationNumber(u32) = 1;
}

/// Where a log of ours lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogHome {
    /// In `data_dir`, on this machine: no broker needed, one process.
    #[default]
    Local,
    /// In Kafka topics: scales by partitions and processes.
    Kafka,
}

/// Our own logs between the processors.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `local` or `kafka`.
    pub home: LogHome,
    /// Partitions of each of our logs. Constant within an epoch.
    pub partitions: u32,
    /// Prefix of the topics and consumer groups, for `home: kafka`.
    pub topic_prefix: String,
    /// Replication factor of the topics we create.
    pub replication_factor: u32,
    /// How long our logs keep frames, hours, and how far back a daily snapshot is kept. The local log keeps older frames
    /// too while a snapshot kept needs them.
    pub ttl_hours: u32,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig {
            home: LogHome::Local,
            partitions: 4,
            topic_prefix: "crumbtrail".to_owned(),
            replication_factor: 3,
            ttl_hours: 168,
        }
    }
}

/// The Kafka cluster.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// Brokers, `host:port`, comma separated.
    pub bootstrap_servers: String,
    /// Name of this member, stable over restarts (`group.instance.id`); the pod's name in Kubernetes. Empty: the host's name.
    pub instance: String,
    /// Any librdkafka client setting, passed through as it is: TLS and SASL (`security.protocol`, `ssl.ca.location`, …).
    pub client: BTreeMap<String, String>,
}

impl Default for KafkaConfig {
    fn default() -> KafkaConfig {
        KafkaConfig { bootstrap_servers: "127.0.0.1:9092".to_owned(), instance: String::new(), client: BTreeMap::new() }
    }
}

/// What a source topic carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// Clickstream events.
    #[default]
    Click,
    /// Support entries.
    Support,
}

/// How the records of a source are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceFormat {
    /// JSON with the field names of our schemas.
    #[default]
    Native,
    /// The Segment spec (clicks only).
    Segment,
    /// Avro: Confluent wire format with a registry, or single-object encoding.
    Avro,
    /// Combined log format (clicks only).
    Combined,
}

/// One source topic.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SourceConfig {
    /// Topic name.
    pub topic: String,
    /// `click` or `support`.
    pub kind: SourceKind,
    /// `native`, `segment`, `avro` or `combined`.
    pub format: SourceFormat,
    /// Site of records that don't name one. Constant within an epoch.
    pub site: String,
    /// Which topic of this name it is, from 1. Raise it by one when the topic was deleted and made anew: it is read from its
    /// beginning, as new records.
    #[serde(default = "first")]
    pub incarnation: u32,
}

fn first() -> u32 {
    1
}

/// A Confluent-compatible schema registry.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryConfig {
    /// URL, such as `http://registry:8081`; empty without Avro in Confluent wire format.
    pub url: String,
    /// User for basic authentication, empty for none.
    pub user: String,
    /// Password; better in the environment: `CRUMBTRAIL_REGISTRY_PASSWORD`.
    pub password: String,
}

/// Identity.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// How long before a login (or another touchpoint that names a customer) anonymous touchpoints of its visitor join the
    /// customer's journey, days; as far an alias reaches back. Touchpoints are kept on disk for so long (`data_dir/scratch` and the
    /// snapshots), about 70 bytes each; 0: none join.
    pub look_back_days: u32,
    /// How long a visitor or contact without touchpoints is still known to be its customer's, days.
    pub remember_days: u32,
    /// Visitors and contacts of one customer that link to them: the earliest claims; further ones stand as `over_limit`. Each of
    /// `log.partitions` decides of its own and has an even share, rounded down, of 4 at least: so at most this many link (or 4 times the
    /// partitions), and one more than a share is refused if they fall into one partition. Constant within an epoch. 0: no bound.
    pub most_visitors: u32,
    /// Visitors and contacts first claimed for one customer on one day (UTC); with more the customer id is taken for a shared one
    /// (a till, a test account), and links nobody from that day on: `shared`. Dealt out as `most_visitors`: sooner than the whole
    /// number, the first partition with more than its share decides (docs/identity.md says how often). Constant within an epoch. 0: no
    /// bound.
    pub most_visitors_a_day: u32,
    /// Customer ids that are nobody's (test accounts, tills): read as if they were not there. Placeholders such as `null` or
    /// `anonymous` are known. The view `shared_ids` shows candidates. Constant within an epoch.
    pub never_link: Vec<String>,
}

impl Default for IdentityConfig {
    fn default() -> IdentityConfig {
        IdentityConfig {
            look_back_days: 30,
            remember_days: 395,
            most_visitors: 1_000,
            most_visitors_a_day: 100,
            never_link: Vec::new(),
        }
    }
}

/// Journeys.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JourneysConfig {
    /// Stage model: `retail`, or the path of a YAML file of your own.
    pub model: String,
    /// A cart is abandoned after this time without purchase, minutes.
    pub cart_abandoned_after_minutes: u32,
    /// Look-back of first and last touch, days.
    pub look_back_days: u32,
}

impl Default for JourneysConfig {
    fn default() -> JourneysConfig {
        JourneysConfig { model: "retail".to_owned(), cart_abandoned_after_minutes: 60, look_back_days: 30 }
    }
}

/// Enrichment.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EnrichConfig {
    /// City database in MMDB format (MaxMind's nested layout or the flat one of free databases); empty: no places.
    /// Reloaded when the file changes.
    pub geo_database: String,
    /// ASN database in MMDB format (MaxMind's layout or a flat one): who runs the network, and whether it is a data centre's;
    /// empty: neither. Reloaded when the file changes.
    pub asn_database: String,
    /// List of robots' addresses, one address or network in CIDR notation a line; empty: none. Reloaded when the file changes,
    /// as are the three below.
    pub robots: String,
    /// Channel rules of your own: `source` lines add known sources, `mark` and `channel` lines replace all rules
    /// (`crates/enrich/data/channels.txt` says how they are written); empty: those shipped.
    pub channels: String,
    /// Page rules: group, content type and topic of pages. `shipped` for what most shops name alike, or the path of a file
    /// (`docs/enrichment.md`); empty: none.
    pub pages: String,
    /// Geofences of shops, GeoJSON: a device's position inside one names the `store` that the event doesn't; empty: none.
    pub fences: String,
    /// Calling code of phone numbers that contacts are written with without one, such as `66` or `62`: `081 234 5678` and
    /// `+66 81 234 5678` are then one contact; empty: they are two.
    pub calling_code: String,
    /// URL parameters that are part of a page's address, such as `category` or `id`: kept in `page`, in this order, with personal
    /// data redacted. All others are left out of it.
    pub kept_parameters: Vec<String>,
    /// Take an event without a user agent (or with `-`, as access logs write none) for a robot's (`empty_agent`). Off: servers,
    /// tills and apps send none.
    pub empty_agent_is_bot: bool,
    /// Drop robots (outcome `bot`) instead of flagging their sessions.
    pub drop_bots: bool,
}

/// What is kept of free text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeepText {
    /// The text with personal data redacted.
    #[default]
    Redacted,
    /// Nothing: only feeling, topics and length.
    None,
}

/// What is kept of the clicks of people who do not consent. They have the outcome `erased`, no session and no journey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WithoutConsent {
    /// That there was one: site, kind and time.
    #[default]
    Nothing,
    /// What can be counted, too: page, channel, device class, country, revenue; nobody's id, place, text or address.
    Counts,
}

/// A key that takes over later.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LaterKeyConfig {
    /// From which event time it counts, RFC 3339, such as `2027-01-01T00:00:00Z`.
    pub from: String,
    /// Secret key, at least 16 characters.
    pub key: String,
}

/// Privacy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrivacyConfig {
    /// Secret key of the hashes of contacts and of visitors made from access logs, at least 16 characters; better in the
    /// environment: `CRUMBTRAIL_PRIVACY_KEY`. Empty: a key is made once and kept in `data_dir` (refused with
    /// `log.home: kafka`, where every process needs the same).
    pub key: String,
    /// Keys that take over later, oldest first: each hashes the contacts of events from its time on, so that a replay hashes as
    /// the first run did. Give one `overlap_days` before its time, or what was linked before is not found under it. Better in the
    /// environment: `CRUMBTRAIL_PRIVACY_LATER_KEYS`, as `2027-01-01T00:00:00Z=KEY,…`.
    pub later_keys: Vec<LaterKeyConfig>,
    /// So many days before and after a later key takes over, a customer's contact is linked under both keys, so that entries under
    /// either find their customer.
    pub overlap_days: u32,
    /// Fields that intake replaces by keyed hashes (`h:` and 32 hex digits) before anything is stored: `visitor`, `customer` (and an
    /// alias call's previous one), `conversation`, `order_id`, `client_session`, `agent`, and `properties.KEY` or `traits.KEY`, whose
    /// values are hashed at whatever depth. The first three route: they are constant within an epoch. Dead letters then have no
    /// preview in the table. What it means for links and rotation stands in `docs/enrichment.md`.
    pub hash_fields: Vec<String>,
    /// `redacted` or `none`.
    pub keep_text: KeepText,
    /// So many days after it was said, a text (redacted as it is) is dropped from the touchpoints table; its row stays, with what was
    /// read of it. 0 keeps it as long as the row. `migrate`, and every start, gives a table that is there what it says now.
    pub text_ttl_days: u32,
    /// What is kept of clicks without consent (`consent: false`, or `gcs=G1x0` in the page's URL): `nothing` or `counts`.
    pub without_consent: WithoutConsent,
    /// Whether clicks that say nothing of consent are without it.
    pub consent_required: bool,
}

impl Default for PrivacyConfig {
    fn default() -> PrivacyConfig {
        PrivacyConfig {
            key: String::new(),
            later_keys: Vec::new(),
            overlap_days: 30,
            hash_fields: Vec::new(),
            keep_text: KeepText::default(),
            text_ttl_days: 0,
            without_consent: WithoutConsent::default(),
            consent_required: false,
        }
    }
}

/// ClickHouse.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClickhouseConfig {
    /// URL of a server, such as `https://clickhouse:8443`. Empty: the embedded engine in `data_dir`.
    pub url: String,
    /// User of the server.
    pub user: String,
    /// Password; better in the environment: `CRUMBTRAIL_CLICKHOUSE_PASSWORD`.
    pub password: String,
    /// Database; created if missing.
    pub database: String,
    /// Cluster name for `ON CLUSTER`, empty for a single node.
    pub cluster: String,
    /// Use replicated tables. An insert is then acknowledged when a majority of replicas has it, and `url` may be a balancer's.
    pub replicated: bool,
    /// Write the touchpoints table (one row an event: the costly one).
    pub touchpoints: bool,
    /// Touchpoints are dropped after this many days; 0 keeps them. `migrate`, and every start, gives a table
    /// that is there the ttl it says now.
    pub touchpoints_ttl_days: u32,
    /// Address the embedded engine listens on.
    pub listen: String,
    /// Memory limit of the embedded engine, MiB.
    pub engine_memory_mib: u32,
}

impl Default for ClickhouseConfig {
    fn default() -> ClickhouseConfig {
        ClickhouseConfig {
            url: String::new(),
            user: "default".to_owned(),
            password: String::new(),
            database: "crumbtrail".to_owned(),
            cluster: String::new(),
            replicated: false,
            touchpoints: true,
            touchpoints_ttl_days: 0,
            listen: "127.0.0.1:8123".to_owned(),
            engine_memory_mib: 4096,
        }
    }
}

/// Snapshots.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SnapshotsConfig {
    /// `file:///path` or the URL of an object store; empty: `data_dir`/snapshots. A local folder is refused with more
    /// than one replica. Keys, region and endpoint of a store come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_REGION`,
    /// `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_KEY`, …), where nothing is said from the machine it runs on.
    pub url: String,
    /// Seconds between snapshots of a partition.
    pub interval_seconds: u32,
    /// Newest snapshots kept per partition, beside one a day for `log.ttl_hours`.
    pub keep: usize,
}

impl Default for SnapshotsConfig {
    fn default() -> SnapshotsConfig {
        SnapshotsConfig { url: String::new(), interval_seconds: 30, keep: 3 }
    }
}

/// Latency against cost.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PaceConfig {
    /// A tick this often, ms; 200 for the low-latency profile.
    pub tick_ms: u32,
    /// Rows are cut into a batch and inserted this often, ms.
    pub insert_interval_ms: u32,
    /// An open session's or journey's row is corrected at most this often, ms.
    pub correction_interval_ms: u32,
    /// Encoded rows that may wait for ClickHouse before partitions are paused, MiB. A quarter of it is joined into one insert
    /// when ClickHouse is behind. While it is away or refuses, partitions are paused at once.
    pub insert_queue_mib: u32,
    /// Events of sessions and conversations that can still change, most of them because of the allowed lateness: so much of them stays
    /// in memory, MiB a partition, 2 million events. Beyond it those of quiet visitors, where a session
    /// has eight or more, lie in files without a name in `data_dir/scratch`, 32 bytes an event.
    pub events_in_memory_mib: u32,
    /// Touchpoints of journeys that are settled and may still change hands: so much of them stays in memory, MiB a partition. What
    /// is older lies in files without a name in `data_dir/scratch`, 15 to 30 bytes a touchpoint.
    pub touchpoints_in_memory_mib: u32,
    /// Threads (consumer group members) per processor in this process.
    pub threads: u32,
    /// How long a drain may take on SIGTERM, seconds.
    pub shutdown_deadline_seconds: u32,
}

impl Default for PaceConfig {
    fn default() -> PaceConfig {
        PaceConfig {
            tick_ms: 1_000,
            insert_interval_ms: 1_000,
            correction_interval_ms: 5_000,
            insert_queue_mib: 128,
            events_in_memory_mib: 64,
            touchpoints_in_memory_mib: 4,
            threads: 1,
            shutdown_deadline_seconds: 25,
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLines {
    /// Short lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs, metrics and health endpoints.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Address of `/metrics`, `/livez` and `/readyz` while `run` runs; empty: none.
    pub listen: String,
    /// Log filter, such as `info` or `crumbtrail=debug,warn`.
    pub log: String,
    /// `text` or `json`.
    pub log_format: LogLines,
}

impl Default for TelemetryConfig {
    fn default() -> TelemetryConfig {
        TelemetryConfig { listen: "127.0.0.1:9464".to_owned(), log: "info".to_owned(), log_format: LogLines::Text }
    }
}
