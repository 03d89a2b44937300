//! A processor's sink: the real loader, polled by the scheduler instead of run on a thread.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crumbtrail_log::Offset;
use crumbtrail_runtime::sink::{Batch, Sink, SinkError};
use crumbtrail_steps::batch::{for_warehouse, processor};
use crumbtrail_warehouse::ledger::ChainEnd;
use crumbtrail_warehouse::{Loader, Processor, WarehouseError};
use parking_lot::Mutex;

use crate::database::{Database, Link};
use crate::dice::Dice;
use crate::mutation::{Mutation, is_on};

/// Batches that may wait before the partitions are paused.
const ROOM: usize = 6;
/// Bytes joined into one insert: few, so that batches are sometimes joined and sometimes not.
const INSERT_BYTES: usize = 8 << 10;

type Load = Pin<Box<dyn Future<Output = Result<(), WarehouseError>> + Send>>;

/// Where a batch ends: processor, partition, offset.
type End = (Processor, u32, u64);

/// What waits, and what is being loaded.
pub struct WorldSink {
    database: Arc<Database>,
    loader: Loader<Link>,
    link: Link,
    dice: Dice,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<crumbtrail_warehouse::Batch>,
    loading: Option<(Load, Vec<End>)>,
    acked: BTreeMap<(Processor, u32), u64>,
}

impl WorldSink {
    /// Of one process.
    #[must_use]
    pub fn new(database: &Arc<Database>, dice: Dice) -> Arc<WorldSink> {
        let link = Link::new(database);
        let loader = Loader::new(link.clone(), true, INSERT_BYTES);
        Arc::new(WorldSink { database: database.clone(), loader, link, dice, state: Mutex::default() })
    }

    /// Moves the load under way one wait further, or begins the next. Says whether there is more to do.
    ///
    /// # Errors
    /// Loading stopped for good.
    pub fn poll(&self) -> Result<bool, String> {
        let mut state = self.state.lock();
        if state.loading.is_none() {
            if state.queue.is_empty() {
                return Ok(false);
            }
            let most = 1 + self.dice.index(state.queue.len());
            let batches: Vec<_> = state.queue.drain(..most).collect();
            let ends = batches.iter().map(|batch| (batch.processor, batch.partition, batch.to)).collect();
            let loader = self.loader.clone();
            self.link.begin();
            state.loading = Some((Box::pin(async move { loader.load(&batches).await.map(|_| ()) }), ends));
        }
        let Some((load, _)) = &mut state.loading else { return Ok(false) };
        match load.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Ok(true),
            Poll::Ready(Err(error)) => Err(error.to_string()),
            Poll::Ready(Ok(())) => {
                let (_, ends) = state.loading.take().unwrap_or_else(|| unreachable!("it was polled"));
                for (processor, partition, to) in ends {
                    state.acked.insert((processor, partition), to);
                }
                Ok(!state.queue.is_empty())
            }
        }
    }
}

impl Sink for WorldSink {
    fn has_room(&self) -> bool {
        self.state.lock().queue.len() < ROOM
    }

    fn submit(&self, mut batch: Batch) -> Result<(), SinkError> {
        if is_on(Mutation::PositionsApart) {
            batch.position_checksum = batch.record_count;
        }
        self.state.lock().queue.push_back(for_warehouse(batch));
        Ok(())
    }

    fn acked(&self, name: &'static str, partition: u32) -> Option<Offset> {
        self.state.lock().acked.get(&(processor(name).0, partition)).copied().map(Offset)
    }

    fn chain_end(&self, name: &'static str, partition: u32) -> Result<Option<Offset>, SinkError> {
        if is_on(Mutation::LedgerIgnored) {
            return Ok(Some(Offset(u64::MAX)));
        }
        Ok(self.database.chain_end(processor(name).0, partition).and_then(ChainEnd::whole_to).map(Offset))
    }
}
