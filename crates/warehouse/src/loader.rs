//! Batches into tables, then into the ledger.
//!
//! ```text
//! server start seen ─► inserts (a table's rows of all batches joined) ─► ledger insert, taken only by the same start
//!        ▲                                                                       │ refused: it is another
//!        └───────────────────────────────────────────────────────────────────────┘
//! ```

use crate::batch::{Batch, Processor};
use crate::error::WarehouseError;
use crate::insert::Inserter;
use crate::ledger::{self, LedgerRow};
use crate::server::Server;
use crate::tables::{TableId, batches};
use bytes::Bytes;
use crumbtrail_crash as crash;
use crumbtrail_events::EventTime;
use crumbtrail_events::outcome::Counts;
use futures_util::{StreamExt as _, stream};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Inserts under way at once: while the server works on one, the columns of the next are filled.
pub const AT_ONCE: usize = 2;

/// Batches claimed in one statement: a server reads 256 KiB of one (`max_query_size`).
const CLAIM_BATCHES: usize = 80;

/// What a load did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Inserts acknowledged, the ledger's among them.
    pub insert_count: u64,
    /// Rows acknowledged, the ledger's apart.
    pub row_count: u64,
    /// Times everything was inserted again because the server had restarted in between.
    pub repeat_count: u64,
}

/// Loads batches: see the module's drawing.
#[derive(Clone)]
pub struct Loader<S = Inserter> {
    server: S,
    watches_restarts: bool,
    insert_bytes: usize,
}

impl<S: Server> Loader<S> {
    /// A loader. `watches_restarts`: whether a restart between insert and ledger row repeats the insert; right for a
    /// single node, wrong behind a balancer of replicas (each has its own start, and none loses what a quorum has).
    /// `insert_bytes`: rows joined into one insert, at most, unless one batch alone has more.
    #[must_use]
    pub fn new(server: S, watches_restarts: bool, insert_bytes: usize) -> Loader<S> {
        Loader { server, watches_restarts, insert_bytes }
    }

    /// Loads `batches` (in order of their offsets within each partition) and returns when all of it is in the tables
    /// and in the ledger. Outages are waited out; loading the same batches again changes nothing.
    ///
    /// # Errors
    /// What a repetition cannot mend.
    pub async fn load(&self, batches: &[Batch]) -> Result<LoadReport, WarehouseError> {
        let mut report = LoadReport::default();
        if batches.is_empty() {
            return Ok(report);
        }
        loop {
            let started = self.server_start().await?;
            crash::point("insert_begun");
            let inserts = TableId::ALL
                .into_iter()
                .flat_map(|table| self.joined(table, batches, started).into_iter().map(move |joined| (table, joined)));
            let mut acknowledged = stream::iter(inserts)
                .map(async |(table, joined)| {
                    self.server.insert(table, &joined.token, joined.row_count, &joined.pieces).await?;
                    Ok::<_, WarehouseError>(joined.row_count)
                })
                .buffer_unordered(AT_ONCE);
            while let Some(row_count) = acknowledged.next().await {
                report.row_count += row_count?;
                report.insert_count += 1;
            }
            drop(acknowledged);
            crash::point("rows_inserted");
            if let Some(insert_count) = self.write_ledger(batches, started).await? {
                crash::point("ledger_written");
                report.insert_count += insert_count;
                return Ok(report);
            }
            report.repeat_count += 1;
            self.server.observer().repeated();
            tracing::warn!("clickhouse restarted between insert and ledger row, inserting again");
        }
    }

    /// Writes the ledger rows if the server still is the one that acknowledged the rows, and says in how many inserts; `None`
    /// if it is not. A claim that was written before another is refused may stand: what it speaks of was acknowledged.
    async fn write_ledger(
        &self,
        batches: &[Batch],
        started: ledger::ServerStart,
    ) -> Result<Option<u64>, WarehouseError> {
        let mut insert_count = 0;
        // Without a condition they go as a block, of any size.
        for claimed in batches.chunks(if self.watches_restarts { CLAIM_BATCHES } else { batches.len() }) {
            if !self.claim(claimed, started).await? {
                return Ok(None);
            }
            insert_count += 1;
        }
        Ok(Some(insert_count))
    }

    /// The ledger rows of `batches`, how many and as bytes.
    fn claims(&self, batches: &[Batch], started: ledger::ServerStart) -> (u64, Vec<u8>) {
        let mut body = Vec::with_capacity(batches.len() * 5 * 160);
        let mut rows = 0;
        for row in batches.iter().flat_map(|batch| ledger_rows(batch, self.server.epoch(), started)) {
            batches::encode(&row, &mut body);
            rows += 1;
        }
        (rows, body)
    }

    /// Claims `batches` in one insert; whether the server still is the one that started at `started`.
    async fn claim(&self, batches: &[Batch], started: ledger::ServerStart) -> Result<bool, WarehouseError> {
        let (rows, body) = self.claims(batches, started);
        // The token speaks of the claims too: another claim about the same stretches must not pass for a repetition.
        let claims = xxh3_64(&body);
        let token = token(TableId::Batches, batches.iter().map(|batch| (batch, claims)), started);
        if !self.watches_restarts {
            let body = [Bytes::from(body)];
            return self.server.insert(TableId::Batches, &token, rows, &body).await.map(|()| true);
        }
        let mut failures = 0;
        loop {
            let error = match self.server.claim_once(&token, rows, &body, started).await {
                Ok(claimed) => return Ok(claimed),
                Err(error) if error.is_transient() => error,
                Err(error) => return Err(error),
            };
            failures += 1;
            self.server.wait(TableId::Batches, &token, failures, &error).await;
            // A balancer that puts words of its own in place of a refusal does so at every try.
            if error.is_of_a_balancer() && self.server.server_start().await.is_ok_and(|start| start != started) {
                return Ok(false);
            }
        }
    }

    /// Whether ledger rows can be written, and are judged: asks for one under a start the server is not, which it must refuse.
    /// True where starts are not watched. (A server that takes it has an empty stretch of a partition that nobody has.)
    ///
    /// # Errors
    /// Unreachable, late, refused: what the statement reads is not granted.
    pub async fn rehearse(&self) -> Result<bool, WarehouseError> {
        if !self.watches_restarts {
            return Ok(true);
        }
        let started = ledger::ServerStart(self.server.server_start().await?.0 ^ 1);
        let nothing = Batch {
            processor: Processor::Journey,
            partition: u32::MAX,
            from: 0,
            to: 0,
            tables: Vec::new(),
            record_count: 0,
            counts: Counts::default(),
            position_checksum: 0,
            watermark: EventTime(0),
            wall_ms: 0,
        };
        let (rows, body) = self.claims(std::slice::from_ref(&nothing), started);
        let token = token(TableId::Batches, [(&nothing, 0)].into_iter(), started);
        Ok(!self.server.claim_once(&token, rows, &body, started).await?)
    }

    /// The server's start, however long it takes to answer.
    async fn server_start(&self) -> Result<ledger::ServerStart, WarehouseError> {
        if !self.watches_restarts {
            return Ok(ledger::ServerStart::default());
        }
        let mut failures = 0;
        loop {
            match self.server.server_start().await {
                Err(error) if error.is_transient() => {
                    failures += 1;
                    self.server.wait(TableId::Batches, "server_start", failures, &error).await;
                }
                answer => return answer,
            }
        }
    }

    /// The rows of `table` in all batches, joined into as few inserts as the limit allows.
    fn joined(&self, table: TableId, batches: &[Batch], started: ledger::ServerStart) -> Vec<Joined> {
        let mut groups: Vec<Vec<(&Batch, &crate::batch::TableRows)>> = Vec::new();
        let mut size = usize::MAX;
        for batch in batches {
            for rows in batch.tables.iter().filter(|rows| rows.table == table && rows.row_count > 0) {
                if size.saturating_add(rows.size()) > self.insert_bytes {
                    groups.push(Vec::new());
                    size = 0;
                }
                size += rows.size();
                if let Some(group) = groups.last_mut() {
                    group.push((batch, rows));
                }
            }
        }
        groups
            .into_iter()
            .map(|group| Joined {
                token: token(table, group.iter().map(|(batch, rows)| (*batch, rows.content_hash)), started),
                row_count: group.iter().map(|(_, rows)| rows.row_count).sum(),
                pieces: group.iter().flat_map(|(_, rows)| rows.pieces.iter().cloned()).collect(),
            })
            .collect()
    }
}

struct Joined {
    token: String,
    row_count: u64,
    pieces: Vec<Bytes>,
}

/// One row for each table the processor writes, also for those without rows: a chain per table must not break there.
fn ledger_rows(batch: &Batch, epoch: u8, started: ledger::ServerStart) -> impl Iterator<Item = LedgerRow> + '_ {
    batch.processor.tables().iter().map(move |&table| {
        let rows = batch.tables.iter().find(|rows| rows.table == table);
        LedgerRow {
            epoch,
            processor: batch.processor,
            partition: batch.partition,
            table,
            from_offset: batch.from,
            to_offset: batch.to,
            content_hash: rows.map_or(0, |rows| rows.content_hash),
            position_checksum: batch.position_checksum,
            row_checksum: rows.map_or(0, |rows| rows.row_checksum),
            row_count: rows.map_or(0, |rows| rows.row_count),
            record_count: batch.record_count,
            counts: batch.counts,
            server_start: started,
            watermark_at: batch.watermark,
            written_at: EventTime(batch.wall_ms),
        }
    })
}

/// A name for exactly these rows on exactly this run of the server: table, first stretch, and a hash over all
/// stretches, their content and the server's start (a restored server has forgotten rows, so it must not know tokens).
fn token<'a>(table: TableId, parts: impl Iterator<Item = (&'a Batch, u64)>, started: ledger::ServerStart) -> String {
    let mut hash = Xxh3::new();
    hash.update(&started.0.to_le_bytes());
    let mut first = String::new();
    for (batch, content_hash) in parts {
        if first.is_empty() {
            first = format!("{}:{}:{}-{}", batch.processor.as_str(), batch.partition, batch.from, batch.to);
        }
        hash.update(batch.processor.as_str().as_bytes());
        for number in [u64::from(batch.partition), batch.from, batch.to, content_hash, batch.position_checksum] {
            hash.update(&number.to_le_bytes());
        }
    }
    format!("{}:{first}:{:032x}", table.name(), hash.digest128())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backoff::Backoff;
    use crate::batch::TableRows;
    use crate::client::{Client, Endpoint};
    use crate::conditional;
    use crate::ledger::ServerStart;
    use crate::observer::Silent;
    use std::sync::Arc;

    fn batch(partition: u32, from: u64, rows: &'static [u8]) -> Batch {
        Batch {
            processor: Processor::Sessionize,
            partition,
            from,
            to: from + 10,
            tables: vec![TableRows::new(TableId::Sessions, vec![Bytes::from_static(rows)], 1)],
            record_count: 1,
            counts: Counts::default(),
            position_checksum: 0,
            watermark: EventTime(0),
            wall_ms: 0,
        }
    }

    fn loader(insert_bytes: usize) -> Loader {
        let client = Client::new(&Endpoint::new("http://127.0.0.1:1")).unwrap();
        Loader::new(Inserter::new(client, 1, Backoff::default(), Arc::new(Silent)), true, insert_bytes)
    }

    #[test]
    fn rows_of_several_partitions_share_an_insert_up_to_the_limit() {
        let batches = [batch(0, 0, b"aaaa"), batch(1, 0, b"bbbb"), batch(2, 0, b"cccc")];
        let bodies = |limit| -> Vec<Vec<u8>> {
            let joined = loader(limit).joined(TableId::Sessions, &batches, ServerStart(1));
            joined.iter().map(|joined| joined.pieces.concat()).collect()
        };
        assert_eq!(bodies(100), [b"aaaabbbbcccc".to_vec()]);
        assert_eq!(bodies(8), [b"aaaabbbb".to_vec(), b"cccc".to_vec()]);
        assert_eq!(bodies(1).len(), 3, "a batch larger than the limit goes alone");
        assert!(loader(100).joined(TableId::Journeys, &batches, ServerStart(1)).is_empty());
    }

    #[test]
    fn a_token_names_rows_and_run_of_the_server() {
        let of = |batch: &Batch, start| {
            token(TableId::Sessions, [(batch, batch.tables[0].content_hash)].into_iter(), ServerStart(start))
        };
        let one = batch(3, 20, b"aaaa");
        assert_eq!(of(&one, 1), of(&one.clone(), 1));
        assert_ne!(of(&one, 1), of(&one, 2));
        assert_ne!(of(&one, 1), of(&batch(3, 20, b"aaab"), 1));
        assert!(of(&one, 1).starts_with("sessions:sessionize:3:20-30:"));
    }

    #[test]
    fn the_longest_claim_fits_into_what_a_server_reads_of_a_statement() {
        let longest = LedgerRow {
            epoch: u8::MAX,
            processor: Processor::Sessionize,
            partition: u32::MAX,
            table: TableId::IdentityLinks,
            from_offset: u64::MAX,
            to_offset: u64::MAX,
            content_hash: u64::MAX,
            position_checksum: u64::MAX,
            row_checksum: u64::MAX,
            row_count: u64::MAX,
            record_count: u64::MAX,
            counts: Counts([u64::MAX; 7]),
            server_start: ServerStart(u64::MAX),
            watermark_at: EventTime::MAX,
            written_at: EventTime::MAX,
        };
        let tables = [Processor::Sessionize, Processor::Journey].map(|processor| processor.tables().len());
        let mut rows = Vec::new();
        (0..CLAIM_BATCHES * tables[0].max(tables[1])).for_each(|_| batches::encode(&longest, &mut rows));
        let columns = TableId::Batches.columns();
        let statement = conditional::statement("", columns, &rows, ServerStart(u64::MAX)).unwrap();
        assert!(statement.body.len() + 8_192 < 256 << 10, "{} bytes", statement.body.len());
        assert!(statement.body.len() * 2 > 256 << 10, "twice as many would not fit: {} bytes", statement.body.len());
    }

    #[test]
    fn every_table_of_the_processor_gets_a_ledger_row() {
        let rows: Vec<LedgerRow> = ledger_rows(&batch(0, 0, b"aaaa"), 1, ServerStart(5)).collect();
        assert_eq!(rows.len(), Processor::Sessionize.tables().len());
        assert_eq!(rows.iter().map(|row| row.row_count).sum::<u64>(), 1);
    }
}
