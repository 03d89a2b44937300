//! The sink of the processors: batches to the loader, questions to the ledger.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use crumbtrail_log::Offset;
use crumbtrail_runtime::sink::{Batch, Sink, SinkError};
use crumbtrail_steps::batch::{for_warehouse, processor};
use crumbtrail_telemetry::{Metrics, catalogue};
use crumbtrail_warehouse::observer::Observer;
use crumbtrail_warehouse::{Client, LoaderConfig, LoaderHandle, TableId, ledger};

use super::Deployment;
use super::tables::Clickhouse;

/// Delivers batches to ClickHouse.
pub struct WarehouseSink {
    loader: LoaderHandle,
    client: Client,
    runtime: tokio::runtime::Handle,
    epoch: u8,
    queue_bytes: usize,
    metrics: Metrics,
}

/// A sink into the tables of a deployment, with a loader of its own.
///
/// # Errors
/// The loader cannot be started.
pub fn open(
    deployment: &Deployment,
    clickhouse: &Clickhouse,
    metrics: &Metrics,
    observer: Arc<dyn Observer>,
) -> Result<Arc<WarehouseSink>> {
    let config = loader_config(deployment, clickhouse, observer);
    let queue_bytes = config.queue_bytes;
    Ok(Arc::new(WarehouseSink::new(
        LoaderHandle::spawn(config)?,
        clickhouse.client.clone(),
        deployment.runtime.handle().clone(),
        deployment.config.epoch.0,
        queue_bytes,
        metrics.clone(),
    )))
}

/// How the deployment's rows are loaded.
#[must_use]
pub fn loader_config(deployment: &Deployment, clickhouse: &Clickhouse, observer: Arc<dyn Observer>) -> LoaderConfig {
    let config = &deployment.config;
    let queue_bytes = (config.pace.insert_queue_mib as usize) << 20;
    LoaderConfig {
        epoch: config.epoch.0,
        queue_bytes,
        insert_bytes: queue_bytes / 4,
        pause: Duration::from_millis(u64::from(config.pace.insert_interval_ms) / 2),
        is_replicated: config.clickhouse.replicated,
        ..LoaderConfig::new(clickhouse.endpoint.clone(), observer)
    }
}

impl WarehouseSink {
    /// A sink over a running loader; `client` asks the ledger.
    #[must_use]
    pub fn new(
        loader: LoaderHandle,
        client: Client,
        runtime: tokio::runtime::Handle,
        epoch: u8,
        queue_bytes: usize,
        metrics: Metrics,
    ) -> WarehouseSink {
        WarehouseSink { loader, client, runtime, epoch, queue_bytes, metrics }
    }

    /// Waits until everything submitted is acknowledged; false when the time is up.
    ///
    /// # Errors
    /// The loader has stopped for good.
    pub fn flush(&self, most: Duration) -> Result<bool, SinkError> {
        self.loader.flush(most).map_err(|error| SinkError { message: error.to_string(), is_away: false })
    }
}

/// The last rows of a command are waited for so long.
const LAST_ROWS: Duration = Duration::from_secs(600);

impl WarehouseSink {
    /// Whether a command may go on waiting for ClickHouse: not once it has been away, or its disk full, for `most`.
    ///
    /// # Errors
    /// Which of it, and what to do.
    pub fn is_patient(&self, most: Option<Duration>) -> Result<()> {
        let Some((since, kind)) =
            self.loader.refused_for().filter(|(since, _)| most.is_some_and(|most| *since >= most))
        else {
            return Ok(());
        };
        let what = match kind {
            "disk_full" => "ClickHouse's disk is full: make room there",
            "unreachable" | "timed_out" => "ClickHouse does not answer: start it again",
            _ => return Ok(()),
        };
        bail!(
            "{what}, then run the same command again, it goes on from here; nothing is lost (waited {} s)",
            since.as_secs()
        )
    }

    /// Waits until everything submitted is acknowledged, as long as [`WarehouseSink::is_patient`].
    ///
    /// # Errors
    /// The loader has stopped for good, or patience has ended.
    pub fn finish(&self, most: Option<Duration>) -> Result<()> {
        let begun = Instant::now();
        while !self.flush(Duration::from_secs(1))? {
            self.is_patient(most)?;
            ensure!(
                begun.elapsed() < LAST_ROWS,
                "ClickHouse did not take the last rows within {} minutes; run the same command again",
                LAST_ROWS.as_secs() / 60
            );
        }
        Ok(())
    }
}

impl Sink for WarehouseSink {
    fn has_room(&self) -> bool {
        let waiting = self.loader.waiting_bytes();
        self.metrics.set(&catalogue::INSERT_QUEUE_BYTES, &[], waiting as f64);
        waiting < self.queue_bytes && !self.loader.is_refused()
    }

    fn submit(&self, batch: Batch) -> Result<(), SinkError> {
        let submitted = self.loader.submit(for_warehouse(batch));
        submitted.map_err(|error| SinkError { message: error.to_string(), is_away: false })
    }

    fn acked(&self, name: &'static str, partition: u32) -> Option<Offset> {
        self.loader.acked(processor(name).0, partition).map(Offset)
    }

    fn chain_end(&self, name: &'static str, partition: u32) -> Result<Option<Offset>, SinkError> {
        let chain = ledger::chain_end(&self.client, self.epoch, processor(name).0, partition);
        let end = self
            .runtime
            .block_on(chain)
            .map_err(|error| SinkError { message: error.to_string(), is_away: error.is_transient() })?;
        Ok(end.and_then(ledger::ChainEnd::whole_to).map(Offset))
    }
}

/// Inserts as metrics.
pub struct InsertMetrics(pub Metrics);

impl InsertMetrics {
    /// For the loader.
    #[must_use]
    pub fn observer(metrics: &Metrics) -> Arc<dyn Observer> {
        Arc::new(InsertMetrics(metrics.clone()))
    }
}

impl Observer for InsertMetrics {
    fn inserted(&self, table: TableId, rows: u64, _bytes: usize, elapsed: Duration) {
        self.0.observe(&catalogue::INSERT_SECONDS, &[table.name()], elapsed.as_secs_f64());
        self.0.add(&catalogue::INSERT_ROWS, &[table.name()], rows);
    }

    fn retried(&self, _table: TableId, kind: &'static str) {
        self.0.add(&catalogue::INSERT_RETRIES, &[kind], 1);
    }

    fn repeated(&self) {
        tracing::warn!("the server restarted between insert and ledger row: inserting again");
    }
}
