//! Who is told of what a load does.

use std::time::Duration;

use crate::tables::TableId;

/// Told of inserts as they happen, for metrics; called from the loader's thread.
pub trait Observer: Send + Sync {
    /// An insert was acknowledged.
    fn inserted(&self, table: TableId, rows: u64, bytes: usize, elapsed: Duration) {
        let _ = (table, rows, bytes, elapsed);
    }
    /// A try failed and will be repeated; `kind` is [`WarehouseError::kind`].
    fn retried(&self, table: TableId, kind: &'static str) {
        let _ = (table, kind);
    }
    /// The server restarted between insert and ledger row: everything is inserted again.
    fn repeated(&self) {}
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
