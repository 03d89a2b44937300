//! ClickHouse as a deployment sees it: the server or the engine, its tables, and whose they are.

use anyhow::{Context as _, Result, bail};
use crumbtrail_embedded::{EngineHandle, StartOptions, connect_or_start};
use crumbtrail_log::{Offset, PartitionId};
use crumbtrail_sentiment::{FRICTION_NAMES, TOPIC_NAMES};
use crumbtrail_warehouse::schema::Target;
use crumbtrail_warehouse::{Client, Endpoint, claim, epochs, migrate};

use super::deployment::{Deployment, make_data_folder};
use super::formats;

/// The note that the tables of an epoch were made: without it none are missed.
const MADE: &str = "tables";

/// ClickHouse, and the engine if it is ours.
pub struct Clickhouse {
    /// A client as the owner.
    pub client: Client,
    /// Where it is.
    pub endpoint: Endpoint,
    /// The embedded engine: held so that it stops with us if nobody else uses it.
    _engine: Option<EngineHandle>,
}

impl Deployment {
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
        let ours = target.epoch;
        if let Some(shown) = shown.filter(|shown| *shown > ours)
            && !self.runtime.block_on(epochs::with_tables(&clickhouse.client))?.contains(&ours)
        {
            bail!("epoch {ours} has no tables any more to go back to: the views show epoch {shown} as before");
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
}
