//! Whose tables these are: two deployments that fill one set of tables would spoil each other's ledger.

use serde::Deserialize;

use crate::client::Client;
use crate::error::WarehouseError;

/// Claims the tables of an epoch for the deployment with this id; returns the id of another that has them.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn claim(client: &Client, epoch: u8, id: &str) -> Result<Option<String>, WarehouseError> {
    if let Some(owner) = owner(client, epoch).await? {
        return Ok((owner != id).then_some(owner));
    }
    insert(client, epoch, id, false).await?;
    // Of two that came at once the first has them.
    Ok(owner(client, epoch).await?.filter(|owner| owner != id))
}

/// The deployment other than this one that fills the tables of an epoch, if there are such tables and somebody claimed them.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn foreign(client: &Client, epoch: u8, id: &str) -> Result<Option<String>, WarehouseError> {
    #[derive(Deserialize)]
    struct Row {
        tables: u64,
    }
    let sql = format!(
        "SELECT count() AS tables FROM system.tables WHERE database = '{}' AND name = 'deployments_e{epoch}'",
        client.database()
    );
    if client.rows::<Row>(&sql).await?.first().is_none_or(|row| row.tables == 0) {
        return Ok(None);
    }
    Ok(owner(client, epoch).await?.filter(|owner| owner != id))
}

/// Gives the tables to the deployment with this id, whosever they were.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn adopt(client: &Client, epoch: u8, id: &str) -> Result<(), WarehouseError> {
    insert(client, epoch, id, true).await
}

async fn insert(client: &Client, epoch: u8, id: &str, is_adopted: bool) -> Result<(), WarehouseError> {
    let id = id.replace('\\', "\\\\").replace('\'', "\\'");
    let sql = format!(
        "INSERT INTO {}.deployments_e{epoch} SELECT '{id}', {}, now64(3, 'UTC')",
        client.database(),
        u8::from(is_adopted)
    );
    client.execute(&sql).await
}

/// The deployment that fills the tables of an epoch: whoever adopted them last, else whoever came first.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn owner(client: &Client, epoch: u8) -> Result<Option<String>, WarehouseError> {
    #[derive(Deserialize)]
    struct Row {
        id: String,
    }
    let sql = format!(
        "SELECT id FROM {}.deployments_e{epoch} FINAL \
         ORDER BY is_adopted DESC, if(is_adopted, -1, 1) * toUnixTimestamp64Milli(applied_at), id LIMIT 1",
        client.database()
    );
    let rows: Vec<Row> = client.rows(&sql).await?;
    Ok(rows.into_iter().next().map(|row| row.id))
}
