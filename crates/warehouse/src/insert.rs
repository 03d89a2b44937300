//! **The one place a batch is inserted.**
//!
//! Rows are turned into a block once; a retry sends the same bytes with the same token. The token makes a repetition harmless while
//! the server remembers it (per part key, for a while); ReplacingMergeTree makes it harmless for ever. Ledger rows go with a
//! condition, as a statement of their own kind ([`crate::conditional`]).

use crate::backoff::Backoff;
use crate::client::Client;
use crate::conditional::{self, Statement};
use crate::error::WarehouseError;
use crate::ledger::{self, ServerStart};
use crate::native::Block;
use crate::observer::Observer;
use crate::server::Server;
use crate::tables::TableId;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;

/// Bytes handed to the connection at a time.
const CHUNK: usize = 1 << 20;

/// Everything that decides what an insert does, pinned: servers' defaults have moved before.
///
/// One block per insert, so that it is whole or absent per part; an import's batch may span many months and makes one
/// part for each. Rows are not merged while they are inserted: it doubles the price, and readers merge anyway.
const SETTINGS: &str = "async_insert = 0, insert_deduplicate = 1, optimize_on_insert = 0, \
    max_insert_block_size = 16777216, min_insert_block_size_rows = 16777216, \
    min_insert_block_size_bytes = 1073741824, max_partitions_per_insert_block = 100000, \
    throw_on_max_partitions_per_insert_block = 0";

/// For replicated tables: what is acknowledged outlives the replica that took it.
const QUORUM: &str = ", insert_quorum = 'auto'";

/// Inserts encoded rows.
#[derive(Clone)]
pub struct Inserter {
    client: Client,
    epoch: u8,
    backoff: Backoff,
    observer: Arc<dyn Observer>,
    quorum: &'static str,
}

impl Inserter {
    /// An inserter into the tables of `epoch`.
    #[must_use]
    pub fn new(client: Client, epoch: u8, backoff: Backoff, observer: Arc<dyn Observer>) -> Inserter {
        Inserter { client, epoch, backoff, observer, quorum: "" }
    }

    /// The same for replicated tables: an insert is acknowledged when a majority of replicas has it.
    #[must_use]
    pub fn with_quorum(self) -> Inserter {
        Inserter { quorum: QUORUM, ..self }
    }

    /// One try: the statement, and what follows it.
    #[expect(clippy::disallowed_methods, reason = "the one place a batch is inserted")]
    async fn send(
        &self,
        table: TableId,
        statement: String,
        row_count: u64,
        body: &[Bytes],
    ) -> Result<(), WarehouseError> {
        let started = Instant::now();
        let send = async {
            let mut insert = self.client.inner.insert_formatted_with(statement);
            for bytes in body {
                for start in (0..bytes.len()).step_by(CHUNK) {
                    insert.send(bytes.slice(start..bytes.len().min(start + CHUNK))).await?;
                }
            }
            insert.end().await
        };
        match tokio::time::timeout(self.client.timeout, send).await {
            Ok(sent) => sent.map_err(|error| {
                let name = format!("{}.{}", self.client.database, table.in_epoch(self.epoch));
                WarehouseError::of(&self.client.url, error).of_table(&name)
            })?,
            Err(_) => return Err(WarehouseError::TimedOut { url: self.client.url.clone() }),
        }
        let bytes = body.iter().map(Bytes::len).sum();
        self.observer.inserted(table, row_count, bytes, started.elapsed());
        Ok(())
    }

    /// An insert up to and with its settings.
    fn statement<'a>(&self, table: TableId, columns: impl Iterator<Item = &'a str>, token: &str) -> String {
        debug_assert!(!token.contains(['\'', '\\']), "tokens are made of names and numbers");
        let mut sql = format!("INSERT INTO {}.{} (", self.client.database, table.in_epoch(self.epoch));
        for (index, column) in columns.enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            sql.push_str(comma);
            sql.push('`');
            sql.push_str(column);
            sql.push('`');
        }
        sql.push_str(") SETTINGS insert_deduplication_token = '");
        sql.push_str(token);
        sql.push_str("', ");
        sql.push_str(SETTINGS);
        sql.push_str(self.quorum);
        sql
    }
}

impl Server for Inserter {
    fn epoch(&self) -> u8 {
        self.epoch
    }

    async fn server_start(&self) -> Result<ServerStart, WarehouseError> {
        ledger::server_start(&self.client).await
    }

    async fn insert_once(
        &self,
        table: TableId,
        token: &str,
        row_count: u64,
        block: &Block,
    ) -> Result<(), WarehouseError> {
        let statement = self.statement(table, block.names.iter().copied(), token) + " FORMAT Native";
        self.send(table, statement, row_count, &block.bytes).await
    }

    async fn claim_once(
        &self,
        token: &str,
        row_count: u64,
        rows: &[u8],
        started: ServerStart,
    ) -> Result<bool, WarehouseError> {
        let columns = TableId::Batches.columns();
        let insert = self.statement(TableId::Batches, columns.iter().map(|column| column.name), token);
        let Statement { head, body } = conditional::statement(&insert, columns, rows, started)?;
        match self.send(TableId::Batches, head, row_count, &[body.into()]).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_another_start() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn wait(&self, table: TableId, token: &str, failures: u32, error: &WarehouseError) {
        self.observer.retried(table, error.kind());
        let wait = self.backoff.wait(failures, token);
        tracing::warn!(
            table = table.name(),
            failures,
            wait_ms = wait.as_millis() as u64,
            kind = error.kind(),
            %error,
            "insert failed, trying again"
        );
        tokio::time::sleep(wait).await;
    }

    fn observer(&self) -> &dyn Observer {
        &*self.observer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Endpoint;
    use crate::observer::Silent;

    #[test]
    fn the_statement_names_columns_and_pins_every_setting() {
        let client = Client::new(&Endpoint::new("http://localhost:8123")).unwrap();
        let inserter = Inserter::new(client, 3, Backoff::default(), Arc::new(Silent));
        let sql = inserter.statement(TableId::StageMoves, ["site", "person", "model"].into_iter(), "t:1");
        assert!(sql.starts_with("INSERT INTO crumbtrail.stage_moves_e3 (`site`, `person`, `model`) "), "{sql}");
        assert!(sql.contains("SETTINGS insert_deduplication_token = 't:1', async_insert = 0, "), "{sql}");
        assert!(!sql.contains("quorum"), "{sql}");
        let sql = inserter.with_quorum().statement(TableId::StageMoves, ["site"].into_iter(), "t:1");
        assert!(sql.ends_with(", insert_quorum = 'auto'"), "{sql}");
    }
}
