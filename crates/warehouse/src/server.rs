//! A server as a load sees it: what is asked of it, and the patience with it.
//!
//! Production speaks HTTP ([`crate::insert::Inserter`]); the simulation puts a server in its place that fails on purpose.

use std::future::Future;

use crate::error::WarehouseError;
use crate::insert::Observer;
use crate::ledger::ServerStart;
use crate::native::{self, Block};
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

    /// One try to insert ledger rows, if the server still is the one that started at `started`; whether it was. A restart
    /// between the question and the insert is noticed right behind it, and said as if the rows had not been written.
    ///
    /// # Errors
    /// Unreachable, late, refused.
    fn claim_once(
        &self,
        token: &str,
        row_count: u64,
        block: &Block,
        started: ServerStart,
    ) -> impl Future<Output = Result<bool, WarehouseError>> + Send {
        async move {
            if self.server_start().await? != started {
                return Ok(false);
            }
            self.insert_once(TableId::Batches, token, row_count, block).await?;
            Ok(self.server_start().await? == started)
        }
    }

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
