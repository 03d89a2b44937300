//! One deployment as a command sees it: data folder, logs, snapshots, keys; its tables: `tables.rs`.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use crumbtrail_log::kafka::{KafkaLog, KafkaSettings, admin};
use crumbtrail_log::local::LocalLog;
use crumbtrail_log::{Epoch, Generation, Log, LogError, Offset, PartitionId};
use crumbtrail_runtime::SnapshotStore;
use crumbtrail_runtime::notes::Notes;
use crumbtrail_runtime::snapshot::place;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Runtime;

use super::begun;
use super::computing::{self, Computing};
use super::formats;
use super::judging::{self, Judging};
use super::key;
use super::patience::Patience;
use super::plugin::Plugged;
use super::routing::{self, Routing};
use crate::config::{Config, LogHome};

/// The logs between the processors.
#[derive(Clone)]
pub struct Logs {
    /// Intake to sessionize, by visitor.
    pub touchpoints: Arc<dyn Log>,
    /// Sessionize to journey, by person.
    pub people: Arc<dyn Log>,
    /// Dead letters with their bytes.
    pub dead_letters: Arc<dyn Log>,
    /// Readers ask writers to go back.
    pub control: Arc<dyn Log>,
}

/// The names of these, without their epoch.
pub const LOGS: [&str; 4] = ["touchpoints", "people", "dead-letters", "control"];

/// Whether a log has the configured number of partitions, not one.
pub(super) fn is_dealt(name: &str) -> bool {
    matches!(name, "touchpoints" | "people")
}

/// What every command that touches a deployment holds.
pub struct Deployment {
    /// The configuration.
    pub config: Config,
    /// Runs what is asynchronous: HTTP to ClickHouse, object stores, endpoints.
    pub runtime: Runtime,
    /// With a ClickHouse that is away.
    pub patience: Patience,
    /// Whether what is gone before it was read is accepted as lost (`run --accept-gap`).
    pub accepts_gaps: bool,
    /// Whether an epoch of which nothing is noted is taken for one begun under this configuration (`rules assume`).
    pub assumes_rules: bool,
    /// The plugged-in model, once it was asked for.
    plugged: OnceLock<Option<Arc<Plugged>>>,
}

/// How long a command waits for a ClickHouse that is away, unless it is a service.
const PATIENCE: Duration = Duration::from_secs(600);
/// The embedded engine is a process of ours: if it is gone it does not come back by itself.
const ENGINE_PATIENCE: Duration = Duration::from_secs(20);

impl Deployment {
    /// A deployment under `config`.
    ///
    /// # Errors
    /// Threads cannot be started.
    pub fn new(config: Config) -> Result<Deployment> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("io")
            .enable_all()
            .build()
            .context("cannot start the I/O threads")?;
        let most = if config.clickhouse.url.is_empty() { ENGINE_PATIENCE } else { PATIENCE };
        let patience = Patience::new(instance(&config), Some(most), Arc::default());
        Ok(Deployment {
            config,
            runtime,
            patience,
            accepts_gaps: false,
            assumes_rules: false,
            plugged: OnceLock::new(),
        })
    }

    /// Gives a ClickHouse that is away a few seconds only: somebody waits for the answer.
    #[must_use]
    pub fn impatient(mut self) -> Deployment {
        self.patience = Patience::new(self.instance(), Some(Duration::from_secs(5)), Arc::default());
        self
    }

    /// Waits for a ClickHouse that is away until `stop` is set, as a service does.
    #[must_use]
    pub fn serving(mut self, stop: Arc<AtomicBool>) -> Deployment {
        let most = self.config.clickhouse.url.is_empty().then_some(ENGINE_PATIENCE);
        self.patience = Patience::new(self.instance(), most, stop);
        self
    }

    /// The plugged-in model, if one is configured: the same for every thread that asks.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn plugged(&self) -> Result<Option<Arc<Plugged>>> {
        if let Some(plugged) = self.plugged.get() {
            return Ok(plugged.clone());
        }
        let plugged = Plugged::start(&self.config)?;
        Ok(self.plugged.get_or_init(|| plugged).clone())
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.config.data_dir.0
    }

    /// The routing epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        Epoch(self.config.epoch.0)
    }

    /// The configuration's generation.
    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation(self.config.generation.0)
    }

    /// Opens our logs, making them on first use.
    ///
    /// # Errors
    /// They are stored in formats of another build, the configuration routes differently than the one they were made under or
    /// computes differently than is in force, the store is in use or full, the broker cannot be reached, a topic has another
    /// partition count.
    pub fn logs(&self) -> Result<Logs> {
        self.open_logs(Some(Computing::of(&self.config)?))
    }

    /// As [`Deployment::logs`], under whatever rules they are computed.
    ///
    /// # Errors
    /// As there, but for those.
    pub fn logs_of_any_rules(&self) -> Result<Logs> {
        self.open_logs(None)
    }

    fn open_logs(&self, computing: Option<Computing>) -> Result<Logs> {
        let partitions = self.config.log.partitions;
        let notes = self.epoch_notes(self.config.epoch.0)?;
        let is_noted = self.put_notes_back(&notes)?;
        formats::check(&notes, self.config.epoch.0)?;
        let rules = Routing::of(&self.config, &self.privacy_key()?)?;
        routing::check(&notes, self.config.epoch.0, &rules)?;
        let judging = Judging::of(&self.config)?;
        if let Some(computing) = &computing {
            computing::check(&notes, self.config.epoch.0, computing)?;
            judging::check(&notes, &judging)?;
        }
        let logs = Logs {
            touchpoints: self.log("touchpoints", partitions)?,
            people: self.log("people", partitions)?,
            dead_letters: self.log("dead-letters", 1)?,
            control: self.log("control", 1)?,
        };
        if !is_noted && !self.assumes_rules && has_frames(logs.touchpoints.as_ref())? {
            return Err(begun::is_unknown(self.config.epoch.0));
        }
        routing::note(&notes, rules)?;
        formats::note(&notes)?;
        if let Some(computing) = computing {
            judging::note(&notes, judging)?;
            computing::note(&notes, computing)?;
        }
        self.copy_notes()?;
        Ok(logs)
    }

    fn log(&self, name: &str, partitions: u32) -> Result<Arc<dyn Log>> {
        Ok(match self.config.log.home {
            LogHome::Local => {
                Arc::new(LocalLog::open(&self.log_folder(), &format!("{name}-e{}", self.config.epoch.0), partitions)?)
            }
            LogHome::Kafka => {
                let topic = self.topic(name, self.config.epoch.0);
                let settings = self.kafka_settings();
                let retention = self.ttl();
                let replication = self.config.log.replication_factor;
                admin::ensure_topic(&settings, &topic, partitions, replication, Some(retention))?;
                Arc::new(KafkaLog::open(settings, &topic, partitions)?)
            }
        })
    }

    /// Opens a log of another epoch, with as many partitions as it was begun with.
    ///
    /// # Errors
    /// There is none, it is in use, the broker cannot be reached.
    pub fn log_of(&self, name: &str, epoch: u8) -> Result<Arc<dyn Log>> {
        match self.config.log.home {
            LogHome::Local => {
                let (folder, name) = (self.log_folder(), format!("{name}-e{epoch}"));
                if !folder.join(format!("{name}.redb")).exists() {
                    bail!("there is no log {name} in {}", folder.display());
                }
                match LocalLog::open(&folder, &name, 1) {
                    Err(LogError::PartitionsDiffer { found, .. }) => {
                        Ok(Arc::new(LocalLog::open(&folder, &name, found)?))
                    }
                    opened => Ok(Arc::new(opened?)),
                }
            }
            LogHome::Kafka => {
                let (settings, topic) = (self.kafka_settings(), self.topic(name, epoch));
                let facts = admin::describe(&settings, &topic)?;
                let facts = facts.with_context(|| format!("there is no topic {topic}"))?;
                let begun = routing::partitions(&self.epoch_notes(epoch)?)?.filter(|_| is_dealt(name));
                let ours = begun.map_or(facts.partitions, |begun| begun.min(facts.partitions));
                Ok(Arc::new(KafkaLog::open_first(settings, &topic, ours)?))
            }
        }
    }

    /// Whether a log of an epoch was made.
    ///
    /// # Errors
    /// The broker cannot be asked.
    pub fn has_log(&self, name: &str, epoch: u8) -> Result<bool> {
        Ok(match self.config.log.home {
            LogHome::Local => self.log_folder().join(format!("{name}-e{epoch}.redb")).exists(),
            LogHome::Kafka => admin::describe(&self.kafka_settings(), &self.topic(name, epoch))?.is_some(),
        })
    }

    /// The name of a log of ours as it is stored.
    #[must_use]
    pub fn stored(&self, name: &str, epoch: u8) -> String {
        match self.config.log.home {
            LogHome::Local => format!("{name}-e{epoch}"),
            LogHome::Kafka => self.topic(name, epoch),
        }
    }

    /// The topic of a log of ours.
    #[must_use]
    pub fn topic(&self, name: &str, epoch: u8) -> String {
        format!("{}.{name}-e{epoch}", self.config.log.topic_prefix)
    }

    pub(super) fn log_folder(&self) -> PathBuf {
        self.data().join("log")
    }

    /// Removes the local logs of the configured epoch; whether there were any.
    ///
    /// # Errors
    /// One is in use, or its file cannot be removed.
    pub fn remove_local_logs(&self) -> Result<bool> {
        let epoch = self.config.epoch.0;
        let there = LOGS.map(|name| (name, self.log_folder().join(format!("{name}-e{epoch}.redb"))));
        let there = || there.iter().filter(|(_, file)| file.exists());
        // All are opened before the first is removed: what is in use stays whole.
        let opened = there().map(|(name, _)| self.log_of(name, epoch)).collect::<Result<Vec<_>>>()?;
        let _ = std::fs::remove_file(self.copy_file(epoch));
        for (_, file) in there() {
            std::fs::remove_file(file).with_context(|| format!("cannot remove {}", file.display()))?;
            let _ = std::fs::remove_file(file.with_extension("holder"));
        }
        Ok(!opened.is_empty())
    }

    /// How long our logs keep frames.
    pub(super) fn ttl(&self) -> Duration {
        Duration::from_secs(u64::from(self.config.log.ttl_hours) * 3_600)
    }

    /// As [`Deployment::ttl`] of logs that we have to trim ourselves: a topic's retention does it there.
    #[must_use]
    pub fn retention(&self) -> Option<Duration> {
        (self.config.log.home == LogHome::Local).then(|| self.ttl())
    }

    /// Client settings of the cluster, as configured.
    #[must_use]
    pub fn kafka_settings(&self) -> KafkaSettings {
        let kafka = &self.config.kafka;
        KafkaSettings { client: kafka.client.clone(), ..KafkaSettings::new(kafka.bootstrap_servers.clone()) }
    }

    /// Name of this process in consumer groups.
    #[must_use]
    pub fn instance(&self) -> String {
        instance(&self.config)
    }

    /// What tells this deployment from others: where its logs are, for they are what the tables are made of.
    ///
    /// # Errors
    /// The broker cannot be asked, or the file with the id not be read or written.
    pub fn identity(&self) -> Result<String> {
        match self.config.log.home {
            // Made once, and gone with the log.
            LogHome::Local => {
                let key = key::kept(&self.id_file())?;
                Ok(format!("log {}", String::from_utf8_lossy(&key[..16])))
            }
            LogHome::Kafka => {
                let cluster = admin::cluster_id(&self.kafka_settings())?;
                Ok(format!("kafka {cluster}/{}", self.config.log.topic_prefix))
            }
        }
    }

    /// Where the id of a local log lies.
    pub(super) fn id_file(&self) -> PathBuf {
        self.log_folder().join("deployment.id")
    }

    /// Where snapshots live.
    ///
    /// # Errors
    /// The URL is not understood or the folder cannot be made.
    pub fn snapshots(&self) -> Result<SnapshotStore> {
        let store = self.snapshots_of(self.config.epoch.0)?;
        // One a day is kept, so that to reach back as far as the logs takes a day more.
        let store = store.reaching_back(self.ttl() + Duration::from_secs(86_400));
        Ok(store.with_scratch(self.data().join("scratch")))
    }

    /// What is noted beside the snapshots of an epoch: what must stay the same within it.
    ///
    /// # Errors
    /// As [`Deployment::snapshots`].
    pub fn epoch_notes(&self, epoch: u8) -> Result<Notes> {
        Ok(self.snapshots_of(epoch)?.notes("epoch"))
    }

    fn snapshots_of(&self, epoch: u8) -> Result<SnapshotStore> {
        let (store, prefix) = self.snapshot_place(epoch)?;
        Ok(SnapshotStore::new(store, &prefix, self.runtime.handle().clone(), self.config.snapshots.keep))
    }

    /// The store of snapshots, and where in it those of an epoch are.
    fn snapshot_place(&self, epoch: u8) -> Result<(Arc<dyn ObjectStore>, String)> {
        let url = &self.config.snapshots.url;
        let prefix = format!("e{epoch}");
        if url.is_empty() {
            let folder = self.data().join("snapshots");
            std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
            return Ok((Arc::new(LocalFileSystem::new_with_prefix(&folder)?), prefix));
        }
        let parsed = url::Url::parse(url).with_context(|| format!("snapshots.url: {url}"))?;
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let (store, path) = place::open(&parsed, environment).with_context(|| {
            let is_cloud = matches!(parsed.scheme(), "s3" | "s3a" | "gs" | "az" | "azure" | "adl" | "abfs" | "abfss");
            let hint = if is_cloud && !cfg!(feature = "cloud") {
                " needs a build with object stores: `cargo build --release -p crumbtrail --features cloud`"
            } else {
                ""
            };
            format!("snapshots.url: {url}{hint}")
        })?;
        Ok((store, format!("{path}/{prefix}")))
    }

    /// Removes the snapshots of the configured epoch, and the notes beside them; whether there were any.
    ///
    /// # Errors
    /// The store refuses.
    pub fn remove_snapshots(&self) -> Result<bool> {
        let (store, prefix) = self.snapshot_place(self.config.epoch.0)?;
        if self.config.snapshots.url.is_empty() {
            let folder = self.data().join("snapshots").join(prefix);
            return match std::fs::remove_dir_all(&folder) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
                removed => removed.map(|()| true).with_context(|| format!("cannot remove {}", folder.display())),
            };
        }
        self.runtime.block_on(async {
            let mut folders = vec![object_store::path::Path::from(prefix)];
            let mut was_there = false;
            while let Some(folder) = folders.pop() {
                let listed = store.list_with_delimiter(Some(&folder)).await?;
                folders.extend(listed.common_prefixes);
                for object in listed.objects {
                    store.delete(&object.location).await?;
                    was_there = true;
                }
            }
            Ok(was_there)
        })
    }

    /// The secret of the keyed hashes: configured, or made once and kept in the data folder.
    ///
    /// # Errors
    /// The key file cannot be written or read.
    pub fn privacy_key(&self) -> Result<Vec<u8>> {
        if !self.config.privacy.key.is_empty() {
            return Ok(self.config.privacy.key.clone().into_bytes());
        }
        key::kept(&self.data().join("privacy.key"))
    }
}

/// Makes a data folder, if it is not there.
///
/// # Errors
/// It cannot be made, with what to do.
pub fn make_data_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| {
        let folder = folder.display();
        format!(
            "cannot make the data folder {folder}: name a place that this user can write, with --data or `data_dir`"
        )
    })
}

/// Whether anything was ever written to a log.
pub(super) fn has_frames(log: &dyn Log) -> Result<bool, LogError> {
    for partition in (0..log.partitions()).map(PartitionId) {
        if log.bounds(partition)?.1 > Offset(0) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn instance(config: &Config) -> String {
    if !config.kafka.instance.is_empty() {
        return config.kafka.instance.clone();
    }
    std::fs::read_to_string("/etc/hostname").map_or_else(|_| "crumbtrail".to_owned(), |name| name.trim().to_owned())
}
