//! A statement of a schema file, and whose it is if it fails.

use crate::client::Client;
use crate::error::WarehouseError;
use crate::schema::SchemaFile;

/// Runs a statement.
///
/// # Errors
/// Unreachable; refused, with the file.
pub(crate) async fn run(client: &Client, file: &SchemaFile, sql: &str) -> Result<(), WarehouseError> {
    client.execute(sql).await.map_err(|error| match error {
        error @ WarehouseError::Server { .. } => WarehouseError::Migration { file: file.file, source: Box::new(error) },
        other => other,
    })
}
