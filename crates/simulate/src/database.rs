//! A database that behaves as ClickHouse may: it applies and then fails, applies twice, forgets tokens, restarts, is put
//! back to an older copy, loses power. Rows are kept as the blocks in which they came.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use crumbtrail_warehouse::ledger::{ChainEnd, ServerStart};
use crumbtrail_warehouse::native::{self, Block};
use crumbtrail_warehouse::observer::{Observer, Silent};
use crumbtrail_warehouse::{Processor, Server, TableId, WarehouseError};
use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

use crate::dice::Dice;
use crate::mishaps::Faults;
use crate::mutation::{Mutation, is_on};
use crate::rows::{Row, columns, read};

/// The server and what it stores.
pub struct Database {
    state: Mutex<State>,
    dice: Dice,
    faults: Arc<Faults>,
}

struct State {
    data: Data,
    start: u64,
    tokens: VecDeque<(TableId, String)>,
    /// Tokens remembered.
    window: usize,
    is_away: bool,
    troubles: Troubles,
    /// Requests on their way whose sender may be gone.
    underway: Vec<Request>,
    next_request: u64,
}

/// What a backup holds.
#[derive(Clone, Default)]
pub struct Data {
    tables: Vec<Vec<Bytes>>,
    /// Of each ledger row: processor, partition, table, from, to.
    ledger: Vec<Claim>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    processor: String,
    partition: u32,
    table: String,
    from: u64,
    to: u64,
}

struct Request {
    number: u64,
    table: TableId,
    token: String,
    block: Bytes,
    /// Meant only for this start of the server.
    only_if: Option<u64>,
}

/// How often an insert goes wrong, of a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Troubles {
    /// Refused.
    pub refused: u64,
    /// Applied, and then an error.
    pub applied_then_failed: u64,
    /// Applied twice.
    pub applied_twice: u64,
}

impl Database {
    /// An empty one that remembers so many tokens.
    #[must_use]
    pub fn new(dice: Dice, faults: Arc<Faults>, window: usize) -> Arc<Database> {
        let data = Data { tables: vec![Vec::new(); TableId::ALL.len()], ledger: Vec::new() };
        let state = State {
            data,
            start: 1,
            tokens: VecDeque::new(),
            window,
            is_away: false,
            troubles: Troubles::default(),
            underway: Vec::new(),
            next_request: 0,
        };
        Arc::new(Database { state: Mutex::new(state), dice, faults })
    }

    /// From now on inserts go wrong so often.
    pub fn trouble(&self, troubles: Troubles) {
        self.state.lock().troubles = troubles;
    }

    /// Answers nothing from now on, or answers again.
    pub fn set_away(&self, is_away: bool) {
        self.state.lock().is_away = is_away;
    }

    /// Stops and starts.
    pub fn restart(&self) {
        self.state.lock().start += 1;
    }

    /// A copy of everything.
    #[must_use]
    pub fn backup(&self) -> Data {
        self.state.lock().data.clone()
    }

    /// Puts a copy back. The server remembers tokens of rows that are gone.
    pub fn restore(&self, data: Data) {
        let mut state = self.state.lock();
        state.data = data;
        state.start += 1;
    }

    /// The power goes and comes back: what was not acknowledged is lost, and, if inserts are not synced, some of each
    /// table's last rows.
    pub fn power_cut(&self) {
        let mut state = self.state.lock();
        state.start += 1;
        state.underway.clear();
        state.tokens.clear();
        if is_on(Mutation::NotSynced) {
            for table in &mut state.data.tables {
                let lost = self.dice.index(3).min(table.len());
                table.truncate(table.len() - lost);
            }
            let ledger = state.data.tables[TableId::Batches as usize].clone();
            state.data.ledger = ledger.iter().flat_map(claims).collect();
        }
    }

    /// Settles one request whose sender may be gone: it arrives, or never does.
    pub fn settle_one(&self) {
        let mut state = self.state.lock();
        if state.underway.is_empty() {
            return;
        }
        let at = self.dice.index(state.underway.len());
        let request = state.underway.swap_remove(at);
        if self.dice.chance(700) {
            self.apply(&mut state, &request);
        }
    }

    /// Whether a request is on its way.
    #[must_use]
    pub fn is_underway(&self) -> bool {
        !self.state.lock().underway.is_empty()
    }

    /// The blocks of a table.
    #[must_use]
    pub fn blocks(&self, table: TableId) -> Vec<Bytes> {
        self.state.lock().data.tables[table as usize].clone()
    }

    /// What `crumbtrail_warehouse::ledger::chain_end` asks in SQL: the unbroken chain from the oldest ledger row, the
    /// shortest over the processor's tables; none if a table has no row.
    #[must_use]
    pub fn chain_end(&self, processor: Processor, partition: u32) -> Option<ChainEnd> {
        let state = self.state.lock();
        let ends = processor.tables().iter().map(|table| {
            let mut claims: Vec<(u64, u64)> = state
                .data
                .ledger
                .iter()
                .filter(|claim| {
                    claim.processor == processor.as_str() && claim.partition == partition && claim.table == table.name()
                })
                .map(|claim| (claim.from, claim.to))
                .collect();
            if is_on(Mutation::NewestLedgerRow) {
                return claims.iter().map(|(_, to)| (0, *to)).max();
            }
            claims.sort_unstable();
            let mut claims = claims.into_iter();
            let (begin, mut covered) = claims.next()?;
            for (from, to) in claims {
                if from > covered {
                    break;
                }
                covered = covered.max(to);
            }
            Some((begin, covered))
        });
        let ends = ends.collect::<Option<Vec<(u64, u64)>>>()?;
        let from = ends.iter().map(|(from, _)| *from).max()?;
        let to = ends.iter().map(|(_, to)| *to).min()?;
        Some(ChainEnd { from, to })
    }

    /// Takes a request, unless it is meant for another start of the server; whether it did.
    fn apply(&self, state: &mut State, request: &Request) -> bool {
        if request.only_if.is_some_and(|start| start != state.start) {
            return false;
        }
        let key = (request.table, request.token.clone());
        if state.window > 0 && state.tokens.contains(&key) {
            return true;
        }
        state.tokens.push_back(key);
        while state.tokens.len() > state.window {
            state.tokens.pop_front();
        }
        let block = request.block.clone();
        self.faults.note(&block);
        if request.table == TableId::Batches {
            state.data.ledger.extend(claims(&block));
        }
        state.data.tables[request.table as usize].push(block);
        true
    }
}

fn claims(block: &Bytes) -> Vec<Claim> {
    let [processor, partition, table, from, to] =
        columns(TableId::Batches, ["processor", "partition", "table_name", "from_offset", "to_offset"]);
    let claim = |row: Row<'_>| Claim {
        processor: row[processor].text().to_owned(),
        partition: row[partition].number() as u32,
        table: row[table].text().to_owned(),
        from: row[from].number() as u64,
        to: row[to].number() as u64,
    };
    read(TableId::Batches, block).unwrap_or_default().into_iter().map(claim).collect()
}

/// One process's connection.
#[derive(Clone)]
pub struct Link {
    database: Arc<Database>,
    /// Inserts of this process so far.
    count: Arc<AtomicU64>,
    /// The start first seen in this load, for the bug that never asks again.
    seen: Arc<AtomicU64>,
}

impl Link {
    /// To a database.
    #[must_use]
    pub fn new(database: &Arc<Database>) -> Link {
        Link { database: database.clone(), count: Arc::default(), seen: Arc::default() }
    }

    /// A load begins.
    pub fn begin(&self) {
        self.seen.store(0, Ordering::Relaxed);
    }

    fn away(&self) -> Result<(), WarehouseError> {
        if self.database.state.lock().is_away {
            return Err(failure("refused"));
        }
        Ok(())
    }

    /// The token the server hears.
    fn told(&self, table: TableId, token: &str, block: &Bytes) -> String {
        let place = || token.rsplit_once(':').map_or(token, |(place, _)| place);
        if is_on(Mutation::TokenFromCounter) {
            return self.count.fetch_add(1, Ordering::Relaxed).to_string();
        }
        if is_on(Mutation::TokenWithoutContent) {
            return place().to_owned();
        }
        if is_on(Mutation::TokenOutlivesRows) && table != TableId::Batches {
            return format!("{}:{:x}", place(), xxh3_64(block));
        }
        token.to_owned()
    }
}

fn failure(detail: &str) -> WarehouseError {
    WarehouseError::Unreachable { url: "the simulated server".to_owned(), detail: detail.to_owned() }
}

impl Link {
    /// Sends a block; whether it was taken. With `only_if`, the server takes it only if that is its start.
    async fn send(
        &self,
        table: TableId,
        token: &str,
        block: &Block,
        only_if: Option<u64>,
    ) -> Result<bool, WarehouseError> {
        let database = &self.database;
        let bytes = Bytes::from(block.bytes.concat());
        let token = self.told(table, token, &bytes);
        self.away()?;
        let number = {
            let mut state = database.state.lock();
            state.next_request += 1;
            let number = state.next_request;
            state.underway.push(Request { number, table, token, block: bytes, only_if });
            number
        };
        if is_on(Mutation::InsertNotAwaited) && table != TableId::Batches {
            return Ok(true);
        }
        Later::default().await;
        let outcome = {
            let mut state = database.state.lock();
            let mine = state.underway.iter().position(|request| request.number == number);
            let Troubles { refused, applied_then_failed, applied_twice } = state.troubles;
            match mine {
                // It arrived, or was lost, while nobody looked.
                None => Err(failure("connection reset")),
                Some(at) => {
                    let request = state.underway.remove(at);
                    let roll = database.dice.below(1_000);
                    if state.is_away || roll < refused {
                        Err(failure("refused"))
                    } else {
                        let taken = database.apply(&mut state, &request);
                        if roll < refused + applied_twice {
                            let forgotten = state.tokens.pop_back();
                            database.apply(&mut state, &request);
                            state.tokens.extend(forgotten);
                        }
                        if roll >= 1_000 - applied_then_failed { Err(failure("timed out")) } else { Ok(taken) }
                    }
                }
            }
        };
        Later::default().await;
        outcome
    }
}

impl Server for Link {
    fn epoch(&self) -> u8 {
        1
    }

    async fn server_start(&self) -> Result<ServerStart, WarehouseError> {
        Later::default().await;
        self.away()?;
        let start = self.database.state.lock().start;
        if is_on(Mutation::LedgerUnasked) {
            let seen = self.seen.load(Ordering::Relaxed);
            let start = if seen == 0 { start } else { seen };
            self.seen.store(start, Ordering::Relaxed);
            return Ok(ServerStart(start));
        }
        Ok(ServerStart(start))
    }

    async fn insert_once(&self, table: TableId, token: &str, _: u64, block: &Block) -> Result<(), WarehouseError> {
        self.send(table, token, block, None).await.map(|_| ())
    }

    async fn claim_once(
        &self,
        token: &str,
        row_count: u64,
        rows: &[u8],
        started: ServerStart,
    ) -> Result<bool, WarehouseError> {
        let block = &native::block(TableId::Batches.columns(), [rows], row_count)?;
        if is_on(Mutation::LedgerAskedApart) {
            if self.server_start().await? != started {
                return Ok(false);
            }
            self.insert_once(TableId::Batches, token, 0, block).await?;
            return Ok(self.server_start().await? == started);
        }
        let only_if = (!is_on(Mutation::LedgerUnasked)).then_some(started.0);
        self.send(TableId::Batches, token, block, only_if).await
    }

    async fn wait(&self, _: TableId, _: &str, _: u32, _: &WarehouseError) {
        Later::default().await;
    }

    fn observer(&self) -> &dyn Observer {
        &Silent
    }
}

/// Ready the second time it is polled: between the two the scheduler may do what it likes.
#[derive(Default)]
struct Later(bool);

impl Future for Later {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
