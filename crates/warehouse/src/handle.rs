//! The loader on a thread of its own: processors hand batches over and never wait for the network, unless the queue is
//! full. An outage costs lag, not memory.

use crate::backoff::Backoff;
use crate::batch::{Batch, Processor};
use crate::client::{Client, Endpoint};
use crate::error::WarehouseError;
use crate::insert::Inserter;
use crate::loader::{AT_ONCE, Loader};
use crate::observer::Observer;
use crate::tables::TableId;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How to load.
#[derive(Clone)]
pub struct LoaderConfig {
    /// Where ClickHouse is.
    pub endpoint: Endpoint,
    /// Routing epoch.
    pub epoch: u8,
    /// Bytes of rows that may wait; the next batch waits until there is room (one always fits).
    pub queue_bytes: usize,
    /// Bytes of rows joined into one insert.
    pub insert_bytes: usize,
    /// From the begin of one load to that of the next while less than `insert_bytes` wait: parts stay few. After a load
    /// that took longer the loader rests as long as that took, [`LONGEST_REST`] at most: a server that is busy gets fewer
    /// and larger inserts, which cost it less.
    pub pause: Duration,
    /// Waits after failures.
    pub backoff: Backoff,
    /// The tables are replicated, and the URL may be a balancer's: every replica has a start of its own, so starts are not
    /// watched (see [`Loader::new`]), and an insert is acknowledged when a majority of replicas has it.
    pub is_replicated: bool,
    /// Told of inserts.
    pub observer: Arc<dyn Observer>,
}

impl LoaderConfig {
    /// The defaults for `endpoint`: epoch 1, 64 MiB waiting, 16 MiB an insert, one load in 500 ms.
    #[must_use]
    pub fn new(endpoint: Endpoint, observer: Arc<dyn Observer>) -> LoaderConfig {
        LoaderConfig {
            endpoint,
            epoch: 1,
            queue_bytes: 64 << 20,
            insert_bytes: 16 << 20,
            pause: Duration::from_millis(500),
            backoff: Backoff::default(),
            is_replicated: false,
            observer,
        }
    }

    /// What loads so, without a queue and a thread.
    ///
    /// # Errors
    /// A configuration that cannot be right.
    pub fn loader(&self) -> Result<Loader, WarehouseError> {
        let client = Client::new(&self.endpoint)?;
        let inserter = Inserter::new(client, self.epoch, self.backoff, Arc::clone(&self.observer));
        let inserter = if self.is_replicated { inserter.with_quorum() } else { inserter };
        Ok(Loader::new(inserter, !self.is_replicated, self.insert_bytes))
    }
}

/// The longest rest after a load.
pub const LONGEST_REST: Duration = Duration::from_secs(2);

/// Why a batch was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SubmitError {
    /// The loader met an error that waiting does not mend, and stopped. Nothing it had not acknowledged is lost: the
    /// log has it.
    #[error("loading stopped: {0}")]
    Halted(Arc<WarehouseError>),
    /// The loader was closed.
    #[error("the loader is closed")]
    Closed,
    /// There is no room (only [`LoaderHandle::try_submit`] says so).
    #[error("the loader's queue is full")]
    Full,
}

impl SubmitError {
    /// The stable name.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            SubmitError::Halted(_) => "halted",
            SubmitError::Closed => "closed",
            SubmitError::Full => "full",
        }
    }
}

#[derive(Default)]
struct State {
    queue: VecDeque<Batch>,
    /// Bytes of the queue and of what is being loaded.
    bytes: usize,
    loading: bool,
    acked: HashMap<(Processor, u32), u64>,
    halted: Option<Arc<WarehouseError>>,
    /// Somebody waits for the queue to be empty.
    flushing: bool,
    closing: bool,
    aborting: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    abort: Notify,
    /// A try of the load under way has failed.
    is_refused: AtomicBool,
    /// Since when nothing was acknowledged, and why the last try failed.
    refused: Mutex<Option<(Instant, &'static str)>>,
}

/// Passes on what an observer is told, and notes that a try has failed.
struct Watched {
    observer: Arc<dyn Observer>,
    shared: Arc<Shared>,
}

impl Observer for Watched {
    fn inserted(&self, table: TableId, rows: u64, bytes: usize, elapsed: Duration) {
        *self.shared.refused() = None;
        self.observer.inserted(table, rows, bytes, elapsed);
    }

    fn retried(&self, table: TableId, kind: &'static str) {
        self.shared.is_refused.store(true, Ordering::Relaxed);
        let mut refused = self.shared.refused();
        *refused = Some((refused.map_or_else(Instant::now, |(since, _)| since), kind));
        drop(refused);
        self.observer.retried(table, kind);
    }

    fn repeated(&self) {
        self.observer.repeated();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of the other side leaves the state whole: every change to it is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> MutexGuard<'_, Option<(Instant, &'static str)>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for<'a>(&self, state: MutexGuard<'a, State>, most: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The loader's thread and its queue.
pub struct LoaderHandle {
    shared: Arc<Shared>,
    queue_bytes: usize,
    thread: Option<JoinHandle<()>>,
}

impl LoaderHandle {
    /// Starts the thread.
    ///
    /// # Errors
    /// A configuration that cannot be right; no thread to be had.
    pub fn spawn(mut config: LoaderConfig) -> Result<LoaderHandle, WarehouseError> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            abort: Notify::new(),
            is_refused: AtomicBool::new(false),
            refused: Mutex::new(None),
        });
        config.observer = Arc::new(Watched { observer: config.observer, shared: Arc::clone(&shared) });
        let loader = config.loader()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| WarehouseError::Config { detail: format!("no event loop for the loader: {error}") })?;
        let worker = Worker { shared: Arc::clone(&shared), loader, pause: config.pause, full: config.insert_bytes };
        let thread = std::thread::Builder::new()
            .name("loader".to_owned())
            .spawn(move || worker.run(&runtime))
            .map_err(|error| WarehouseError::Config { detail: format!("no thread for the loader: {error}") })?;
        Ok(LoaderHandle { shared, queue_bytes: config.queue_bytes, thread: Some(thread) })
    }

    /// Hands a batch over; waits while the queue is full.
    ///
    /// # Errors
    /// The loader stopped or was closed.
    pub fn submit(&self, batch: Batch) -> Result<(), SubmitError> {
        let mut state = self.shared.lock();
        loop {
            match self.admit(&state, &batch) {
                Ok(()) => {
                    self.push(&mut state, batch);
                    return Ok(());
                }
                Err(SubmitError::Full) => state = self.shared.wait(state),
                Err(error) => return Err(error),
            }
        }
    }

    /// Hands a batch over if there is room; gives it back otherwise.
    ///
    /// # Errors
    /// The queue is full, or the loader stopped or was closed; the batch comes back with it.
    pub fn try_submit(&self, batch: Batch) -> Result<(), (SubmitError, Box<Batch>)> {
        let mut state = self.shared.lock();
        match self.admit(&state, &batch) {
            Ok(()) => {
                self.push(&mut state, batch);
                Ok(())
            }
            Err(error) => Err((error, Box::new(batch))),
        }
    }

    /// Where the next batch of this partition begins once all that was handed over is in the tables and the ledger:
    /// the `to` of the last batch acknowledged; `None` before the first.
    #[must_use]
    pub fn acked(&self, processor: Processor, partition: u32) -> Option<u64> {
        self.shared.lock().acked.get(&(processor, partition)).copied()
    }

    /// Bytes of rows handed over and not yet acknowledged.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.shared.lock().bytes
    }

    /// Whether a try of the load under way has failed: more batches would only wait in memory.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.shared.is_refused.load(Ordering::Relaxed)
    }

    /// For how long nothing was taken though it was tried, and why not at the last try ([`WarehouseError::kind`]).
    #[must_use]
    pub fn refused_for(&self) -> Option<(Duration, &'static str)> {
        self.shared.refused().map(|(since, kind)| (since.elapsed(), kind))
    }

    /// The error the loader stopped with, if it did.
    #[must_use]
    pub fn halted(&self) -> Option<Arc<WarehouseError>> {
        self.shared.lock().halted.clone()
    }

    /// Waits until everything handed over is acknowledged; false if `most` was not enough.
    ///
    /// # Errors
    /// The loader stopped.
    pub fn flush(&self, most: Duration) -> Result<bool, SubmitError> {
        let deadline = Instant::now() + most;
        let mut state = self.shared.lock();
        state.flushing = true;
        self.shared.changed.notify_all();
        let flushed = loop {
            if let Some(error) = &state.halted {
                break Err(SubmitError::Halted(Arc::clone(error)));
            }
            if state.queue.is_empty() && !state.loading {
                break Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break Ok(false);
            }
            state = self.shared.wait_for(state, left);
        };
        state.flushing = false;
        flushed
    }

    /// Takes nothing more, waits at most `most` for what was handed over, then ends the thread; false if something was
    /// left (it will be loaded again from the log).
    ///
    /// # Errors
    /// The loader stopped.
    pub fn close(mut self, most: Duration) -> Result<bool, SubmitError> {
        {
            let mut state = self.shared.lock();
            state.closing = true;
            self.shared.changed.notify_all();
        }
        let flushed = self.flush(most);
        self.end();
        flushed
    }

    fn admit(&self, state: &State, batch: &Batch) -> Result<(), SubmitError> {
        if let Some(error) = &state.halted {
            return Err(SubmitError::Halted(Arc::clone(error)));
        }
        if state.closing {
            return Err(SubmitError::Closed);
        }
        if state.bytes > 0 && state.bytes + batch.size() > self.queue_bytes {
            return Err(SubmitError::Full);
        }
        Ok(())
    }

    fn push(&self, state: &mut State, batch: Batch) {
        state.bytes += batch.size();
        state.queue.push_back(batch);
        self.shared.changed.notify_all();
    }

    fn end(&mut self) {
        {
            let mut state = self.shared.lock();
            state.closing = true;
            state.aborting = true;
        }
        self.shared.changed.notify_all();
        self.shared.abort.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the loader's thread panicked");
        }
    }
}

impl Drop for LoaderHandle {
    fn drop(&mut self) {
        self.end();
    }
}

struct Worker {
    shared: Arc<Shared>,
    loader: Loader,
    pause: Duration,
    full: usize,
}

impl Worker {
    fn run(self, runtime: &tokio::runtime::Runtime) {
        let mut next = Instant::now();
        while let Some(batches) = self.take(next) {
            let begun = Instant::now();
            let loaded = runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = self.shared.abort.notified() => None,
                    loaded = self.loader.load(&batches) => Some(loaded),
                }
            });
            next = (begun + self.pause).max(Instant::now() + begun.elapsed().min(LONGEST_REST));
            let mut state = self.shared.lock();
            state.loading = false;
            self.shared.is_refused.store(false, Ordering::Relaxed);
            match loaded {
                Some(Ok(_)) => {
                    for batch in &batches {
                        state.bytes -= batch.size();
                        state.acked.insert((batch.processor, batch.partition), batch.to);
                    }
                }
                Some(Err(error)) => {
                    tracing::error!(%error, kind = error.kind(), "loading stopped");
                    state.halted = Some(Arc::new(error));
                }
                None => state.aborting = true,
            }
            let stop = state.halted.is_some() || state.aborting;
            drop(state);
            self.shared.changed.notify_all();
            if stop {
                return;
            }
        }
    }

    /// The batches to load next: once the pause is over, or enough waits, or the end is near. `None` at the end.
    fn take(&self, next: Instant) -> Option<Vec<Batch>> {
        let mut state = self.shared.lock();
        loop {
            if state.aborting || (state.closing && state.queue.is_empty()) {
                return None;
            }
            let early = next.saturating_duration_since(Instant::now());
            if state.queue.is_empty() {
                state = self.shared.wait(state);
            } else if !early.is_zero() && !state.closing && !state.flushing && state.bytes < self.full {
                state = self.shared.wait_for(state, early);
            } else {
                break;
            }
        }
        let mut batches = Vec::new();
        let mut bytes = 0;
        while let Some(batch) = state.queue.pop_front() {
            bytes += batch.size();
            if bytes > AT_ONCE * self.full && !batches.is_empty() {
                state.queue.push_front(batch);
                break;
            }
            batches.push(batch);
        }
        state.loading = true;
        Some(batches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::TableRows;
    use crate::observer::Silent;
    use bytes::Bytes;
    use crumbtrail_events::EventTime;
    use crumbtrail_events::outcome::Counts;

    fn batch(from: u64) -> Batch {
        Batch {
            processor: Processor::Journey,
            partition: 0,
            from,
            to: from + 1,
            tables: vec![TableRows::new(TableId::Journeys, vec![Bytes::from(vec![0; 1000])], 1)],
            record_count: 1,
            counts: Counts::default(),
            position_checksum: 0,
            watermark: EventTime(0),
            wall_ms: 0,
        }
    }

    #[test]
    fn an_outage_fills_the_queue_and_no_more() {
        let mut config = LoaderConfig::new(Endpoint::new("http://127.0.0.1:1"), Arc::new(Silent));
        config.queue_bytes = 5000;
        let handle = LoaderHandle::spawn(config).unwrap();
        let mut taken = 0;
        while handle.try_submit(batch(taken)).is_ok() {
            taken += 1;
            assert!(taken < 100);
        }
        assert!((3..=4).contains(&taken), "{taken}");
        assert!(handle.waiting_bytes() <= 5000);
        let begun = Instant::now();
        while !handle.is_refused() {
            assert!(begun.elapsed() < Duration::from_secs(60), "nobody answers there");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(handle.acked(Processor::Journey, 0), None);
        assert!(handle.refused_for().is_some_and(|(_, kind)| kind == "unreachable"));
        assert!(!handle.close(Duration::from_millis(50)).unwrap(), "what is left is said to be left");
    }
}
