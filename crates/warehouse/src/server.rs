//! A server as a load sees it: what is asked of it, and the patience with it.
//!
//! Production speaks HTTP ([`crate::insert::Inserter`]); the simulation puts a server in its place that fails on purpose.

use std::future::Future;

use crate::error::WarehouseError;
use crate::ledger::ServerStart;
use crate::native::{self, Block};
use crate::observer::Observer;
use crate::tables::TableId;
use bytes::Bytes;

/// What takes rows.
pub trait Server: Sync {
    /// The epoch whose tables it fills.
    fn epoch(&self) -> u8;

    /// Which start of which server answers.
    ///
    /// # Errors
    /// Unreachable, late, refused.
    fn server_start(&self) -> impl Future<Output = Result<ServerStart, WarehouseError>> + Send;

    /// One try to insert a block. An error does not say that nothing was inserted.
    ///
    /// # Errors
    /// Unreachable, late, refused.
    fn insert_once(
        &self,
        table: TableId,
        token: &str,
        row_count: u64,
        block: &Block,
    ) -> impl Future<Output = Result<(), WarehouseError>> + Send;

    /// One try to insert ledger rows (RowBinary), in one request that the server itself judges: it takes them only if it is
    /// the start `started`, which took the rows they speak of. Says whether it did. An error does not say that they were not
    /// taken; but if they were, then by that start, however late the request arrives.
    ///
    /// That is all a claim needs: start ids never return, so a claim that stands was written while everything stood that this
    /// start had acknowledged. What is lost later (a copy put back) is lost with the claim or found by the chain's end.
    ///
    /// # Errors
    /// Unreachable, late, refused.
    fn claim_once(
        &self,
        token: &str,
        row_count: u64,
        rows: &[u8],
        started: ServerStart,
    ) -> impl Future<Output = Result<bool, WarehouseError>> + Send;

    /// Waits after so many failures, the last of them `error`.
    fn wait(
        &self,
        table: TableId,
        token: &str,
        failures: u32,
        error: &WarehouseError,
    ) -> impl Future<Output = ()> + Send;

    /// Who is told of what happens.
    fn observer(&self) -> &dyn Observer;

    /// Inserts `row_count` rows (RowBinary, in `pieces` of whole rows) into `table` until they are acknowledged: the same
    /// bytes with the same token each time.
    ///
    /// # Errors
    /// What a repetition cannot mend: rows of another shape, an unknown table, a refused user.
    fn insert(
        &self,
        table: TableId,
        token: &str,
        row_count: u64,
        pieces: &[Bytes],
    ) -> impl Future<Output = Result<(), WarehouseError>> + Send {
        async move {
            let block = native::block(table.columns(), pieces.iter().map(|piece| &piece[..]), row_count)?;
            let mut failures = 0;
            loop {
                let Err(error) = self.insert_once(table, token, row_count, &block).await else { return Ok(()) };
                if !error.is_transient() {
                    return Err(error);
                }
                failures += 1;
                self.wait(table, token, failures, &error).await;
            }
        }
    }
}
