//! One deployment as a command sees it: data folder, logs, ClickHouse, snapshots, keys.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use crumbtrail_embedded::{EngineHandle, StartOptions, connect_or_start};
use crumbtrail_log::kafka::{KafkaLog, KafkaSettings, admin};
use crumbtrail_log::local::LocalLog;
use crumbtrail_log::{Epoch, Generation, Log, LogError, Offset, PartitionId};
use crumbtrail_runtime::SnapshotStore;
use crumbtrail_runtime::notes::Notes;
use crumbtrail_runtime::snapshot::place;
use crumbtrail_sentiment::{FRICTION_NAMES, TOPIC_NAMES};
use crumbtrail_warehouse::schema::Target;
use crumbtrail_warehouse::{Client, Endpoint, claim, epochs, migrate};
use object_store::local::LocalFileSystem;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Runtime;

use super::computing::{self, Computing};
use super::formats;
use super::judging::{self, Judging};
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

/// The note that the tables of an epoch were made: without it none are missed.
const MADE: &str = "tables";

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
        Ok(Deployment { config, runtime, patience, accepts_gaps: false, plugged: OnceLock::new() })
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
        routing::note(&notes, rules)?;
        formats::note(&notes)?;
        if computing.is_some() {
            judging::note(&notes, judging)?;
        }
        if let Some(computing) = computing
            && computing::note(&notes, computing)?
            && has_frames(logs.touchpoints.as_ref())?
        {
            tracing::warn!(
                epoch = self.config.epoch.0,
                "the epoch was begun by a build that did not note its rules: those of this configuration are noted as the ones it began \
                 with; if it was begun under others, put them back and remove the note `epoch/rules` beside its snapshots, or compute \
                 the history anew: `crumbtrail rebuild`"
            );
        }
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

    /// ClickHouse: connects to the server, or to the embedded engine, which is started if it does not run.
    ///
    /// # Errors
    /// The engine is missing or the server cannot be reached; each says what to do.
    pub fn clickhouse(&self) -> Result<Clickhouse> {
        let settings = &self.config.clickhouse;
        let mut endpoint = Endpoint::new(settings.url.clone());
        endpoint.database = settings.database.clone();
        let mut engine = None;
        if settings.url.is_empty() {
            make_data_folder(self.data())?;
            let program = std::env::current_exe().context("cannot find this program's own path")?;
            let options = StartOptions {
                listen: Some(settings.listen.clone()),
                arguments: vec!["--memory-mib".into(), settings.engine_memory_mib.to_string().into()],
                ..StartOptions::default()
            };
            let handle = connect_or_start(self.data(), &program, &options)?;
            endpoint.url = handle.url().to_owned();
            endpoint.user = handle.user().to_owned();
            endpoint.password = handle.password().to_owned();
            engine = Some(handle);
        } else {
            endpoint.user = settings.user.clone();
            endpoint.password = settings.password.clone();
            endpoint.compress = true;
        }
        let client = Client::new(&endpoint)?;
        Ok(Clickhouse { client, endpoint, _engine: engine })
    }

    /// What the tables are made for.
    #[must_use]
    pub fn target(&self) -> Target {
        let settings = &self.config.clickhouse;
        let mut target = Target::single(&TOPIC_NAMES, &FRICTION_NAMES);
        target.database = settings.database.clone();
        target.epoch = self.config.epoch.0;
        target.cluster = (!settings.cluster.is_empty()).then(|| settings.cluster.clone());
        target.replicated = settings.replicated;
        let days = |days: u32| (days > 0).then_some(days);
        target.touchpoints_ttl_days = days(settings.touchpoints_ttl_days);
        target.text_ttl_days = days(self.config.privacy.text_ttl_days);
        target
    }

    /// Creates or upgrades the tables, if the views show the configured epoch, or nothing yet.
    ///
    /// # Errors
    /// The epoch is stored in formats of another build; the views show another epoch; ClickHouse refuses.
    pub fn migrate(&self, clickhouse: &Clickhouse) -> Result<migrate::Report> {
        let (target, ours) = (self.target(), self.config.epoch.0);
        // Before the tables are looked at: of a build with other formats they may be others, too, and this refusal names the way out.
        formats::check(&self.epoch_notes(ours)?, ours)?;
        let database = clickhouse.client.database();
        let shown = self.runtime.block_on(self.patience.ask("epochs", || epochs::shown(&clickhouse.client)));
        match shown.context("which epoch the views show cannot be asked")?.map(|shown| shown.newest) {
            Some(shown) if shown > ours => bail!(
                "the views in {database} show epoch {shown}, the configuration says {ours}, whose tables nobody reads any more: set \
                 `epoch: {shown}`, its log goes on where that of epoch {ours} was read to (or go back to epoch {ours} with `crumbtrail \
                 migrate --show`)"
            ),
            Some(shown) if shown < ours => bail!(
                "the views in {database} show epoch {shown}, the configuration says {ours}: `crumbtrail rebuild` makes the tables \
                 of epoch {ours} and has the views show them; `crumbtrail migrate --show` begins it empty"
            ),
            _ => {}
        }
        let notes = self.epoch_notes(ours)?;
        let was_made = notes.get(MADE)?.is_some();
        if was_made {
            let made = self.runtime.block_on(self.patience.ask("tables", || epochs::with_tables(&clickhouse.client)));
            if !made.context("which tables there are cannot be asked")?.contains(&ours) {
                tracing::warn!(
                    database,
                    epoch = ours,
                    "the tables of this deployment are gone, all of them: they are made anew and filled from the logs, from their begin; \
                     where it is forgotten the processors say so and stop, and a copy of the database has to be put back"
                );
            }
        }
        let report = self
            .runtime
            .block_on(self.patience.ask("tables", || migrate::migrate(&clickhouse.client, &target)))
            .context("the tables could not be created or upgraded")?;
        if !was_made {
            notes.put(MADE, database.into())?;
        }
        Ok(report)
    }

    /// Makes tables that somebody dropped anew, empty, for the next start to fill them from the logs; says which.
    ///
    /// # Errors
    /// The logs do not reach back to their begin; the tables are another deployment's; ClickHouse refuses.
    pub fn make_anew(&self, clickhouse: &Clickhouse) -> Result<Vec<String>> {
        let (client, target) = (&clickhouse.client, self.target());
        let gone =
            self.runtime.block_on(migrate::dropped(client, &target)).context("the tables cannot be asked for")?;
        if gone.is_empty() {
            return Ok(gone);
        }
        self.refuse_anothers(clickhouse, target.epoch)?;
        let logs = self.logs_of_any_rules()?;
        for log in [&logs.touchpoints, &logs.people] {
            for partition in (0..log.partitions()).map(PartitionId) {
                let (first, _) = log.bounds(partition)?;
                if first > Offset(0) {
                    bail!(
                        "{} are not made anew: the log {} has forgotten its begin (partition {} starts at {}), so they would lack \
                         what they had; put them back from a copy of the database, or begin the next epoch empty (`epoch` one \
                         higher, then `crumbtrail migrate --show`)",
                        gone.join(", "),
                        log.name(),
                        partition.0,
                        first.0
                    );
                }
            }
        }
        self.runtime.block_on(migrate::anew(client, &target)).context("the tables could not be made anew")
    }

    /// Creates or upgrades the tables of the configured epoch, and leaves the views as they are.
    ///
    /// # Errors
    /// ClickHouse refuses.
    pub fn migrate_tables(&self, clickhouse: &Clickhouse) -> Result<migrate::Report> {
        let target = self.target();
        self.runtime
            .block_on(self.patience.ask("tables", || migrate::migrate_tables(&clickhouse.client, &target)))
            .context("the tables could not be created or upgraded")
    }

    /// Creates or upgrades the tables, and has the views show the configured epoch, whichever they showed before.
    ///
    /// # Errors
    /// They show another deployment's, or would (unless these are to be `adopted`); ClickHouse refuses.
    pub fn show(&self, clickhouse: &Clickhouse, adopted: bool) -> Result<migrate::Report> {
        let target = self.target();
        let shown = self.runtime.block_on(self.patience.ask("epochs", || epochs::shown(&clickhouse.client)));
        let shown = shown.context("which epoch the views show cannot be asked")?.map(|shown| shown.newest);
        for epoch in shown.into_iter().chain([target.epoch]).filter(|_| !adopted) {
            self.refuse_anothers(clickhouse, epoch)
                .context("the views stay as they are; if these tables are to be this deployment's, add --adopt")?;
        }
        self.runtime
            .block_on(self.patience.ask("tables", || epochs::show(&clickhouse.client, &target)))
            .context("the tables could not be created or shown")
    }

    /// Makes sure that the tables are ours to fill, once they and our logs exist.
    ///
    /// # Errors
    /// Another deployment fills them; ClickHouse refuses.
    pub fn claim(&self, clickhouse: &Clickhouse) -> Result<()> {
        let (id, epoch) = (self.identity()?, self.config.epoch.0);
        let claimed = self.patience.ask("claim", || claim::claim(&clickhouse.client, epoch, &id));
        let other = self.runtime.block_on(claimed).context("whose tables these are cannot be asked")?;
        let Some(other) = other else { return Ok(()) };
        bail!(
            "the tables of epoch {epoch} in {} are filled by another deployment ({other}; this one is {id}): two would spoil \
             each other's; give this one a database or an epoch of its own, or, if its logs were moved or made anew on \
             purpose, run `crumbtrail migrate --adopt` once",
            clickhouse.client.database()
        )
    }

    /// Refuses to touch the tables of an epoch that are another deployment's: before they are taken from view or removed.
    ///
    /// # Errors
    /// They are; ClickHouse refuses.
    pub fn refuse_anothers(&self, clickhouse: &Clickhouse, epoch: u8) -> Result<()> {
        let id = self.identity()?;
        let asked = self.patience.ask("claim", || claim::foreign(&clickhouse.client, epoch, &id));
        match self.runtime.block_on(asked).context("whose tables these are cannot be asked")? {
            Some(other) => bail!(
                "the tables of epoch {epoch} in {} are another deployment's ({other}; this one is {id}): run this with that one's \
                 configuration",
                clickhouse.client.database()
            ),
            None => Ok(()),
        }
    }

    /// Gives the tables to this deployment, whosever they were.
    ///
    /// # Errors
    /// ClickHouse refuses.
    pub fn adopt(&self, clickhouse: &Clickhouse) -> Result<String> {
        let id = self.identity()?;
        self.runtime
            .block_on(claim::adopt(&clickhouse.client, self.config.epoch.0, &id))
            .context("the tables cannot be adopted")?;
        Ok(id)
    }

    /// What tells this deployment from others: where its logs are, for they are what the tables are made of.
    ///
    /// # Errors
    /// The broker cannot be asked, or the file with the id not be read or written.
    pub fn identity(&self) -> Result<String> {
        match self.config.log.home {
            LogHome::Local => local_identity(&self.data().join("log/deployment.id")),
            LogHome::Kafka => {
                let cluster = admin::cluster_id(&self.kafka_settings())?;
                Ok(format!("kafka {cluster}/{}", self.config.log.topic_prefix))
            }
        }
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
        let path = self.data().join("privacy.key");
        match std::fs::read(&path) {
            Ok(key) if key.len() >= 16 => Ok(key),
            Ok(_) => bail!("{} is too short to be a key: remove it to make a new one", path.display()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => make_key(&path),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}

/// ClickHouse, and the engine if it is ours.
pub struct Clickhouse {
    /// A client as the owner.
    pub client: Client,
    /// Where it is.
    pub endpoint: Endpoint,
    /// The embedded engine: held so that it stops with us if nobody else uses it.
    _engine: Option<EngineHandle>,
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
fn has_frames(log: &dyn Log) -> Result<bool, LogError> {
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

/// The id of a log on disk: made once, and gone with it.
fn local_identity(path: &PathBuf) -> Result<String> {
    let key = match std::fs::read(path) {
        Ok(id) => id,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make_key(path)?,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let id = String::from_utf8_lossy(&key);
    Ok(format!("log {}", id.get(..16).unwrap_or(&id)))
}

/// A file of random hexadecimal digits that did not exist.
fn make_key(path: &PathBuf) -> Result<Vec<u8>> {
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut raw = [0u8; 32];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut raw))
        .context("cannot read random bytes")?;
    let key: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(key.as_bytes()).and_then(|()| file.sync_all())?;
    Ok(key.into_bytes())
}
