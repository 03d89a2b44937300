//! Questions of people: read only, the answer as it comes.

use crate::client::Client;
use crate::error::WarehouseError;
use bytes::Bytes;

/// An answer in the making.
pub struct Answer {
    cursor: clickhouse::query::BytesCursor,
    url: String,
}

impl Answer {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// The connection broke, or the query failed after it had begun to answer.
    pub async fn next(&mut self) -> Result<Option<Bytes>, WarehouseError> {
        self.cursor.next().await.map_err(|error| WarehouseError::of(&self.url, error))
    }
}

/// Asks `sql` in the tables' database, read only; `format` is a ClickHouse format (`PrettyCompact`, `CSVWithNames`,
/// `JSONEachRow`, …). The server refuses whatever writes.
///
/// # Errors
/// An address that cannot be asked; what the server says comes with the first [`Answer::next`].
pub fn query(client: &Client, sql: &str, format: &str) -> Result<Answer, WarehouseError> {
    let inner = client.inner.clone().with_database(&client.database);
    let cursor = inner
        .query_raw(sql)
        .with_setting("readonly", "1")
        .fetch_bytes(format)
        .map_err(|error| WarehouseError::of(&client.url, error))?;
    Ok(Answer { cursor, url: client.url.clone() })
}
