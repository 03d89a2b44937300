//! A connection to ClickHouse over HTTP: a server, or the embedded engine's facade.

use crate::error::WarehouseError;
use bytes::Bytes;
use clickhouse::Compression;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Where ClickHouse is and who asks.
#[derive(Clone)]
pub struct Endpoint {
    /// `http://host:8123` or `https://host:8443`.
    pub url: String,
    /// User; empty for the default.
    pub user: String,
    /// Password; empty for none.
    pub password: String,
    /// Database the tables live in.
    pub database: String,
    /// LZ4 on the wire: worth it across a network, not to the same machine.
    pub compress: bool,
    /// How long one request may take.
    pub timeout: Duration,
}

impl Endpoint {
    /// The endpoint at `url`: default user, database `crumbtrail`, 30 s.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Endpoint {
        Endpoint {
            url: url.into(),
            user: String::new(),
            password: String::new(),
            database: "crumbtrail".to_owned(),
            compress: false,
            timeout: Duration::from_secs(30),
        }
    }
}

impl std::fmt::Debug for Endpoint {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("url", &self.url).field("user", &self.user).finish_non_exhaustive()
    }
}

/// A client; cheap to clone, keeps its connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: clickhouse::Client,
    pub(crate) url: String,
    pub(crate) database: String,
    pub(crate) timeout: Duration,
}

impl Client {
    /// A client of `endpoint`. Nothing is asked yet: see [`Client::ping`].
    ///
    /// # Errors
    /// A database name that is not a plain identifier, a URL that is not HTTP.
    pub fn new(endpoint: &Endpoint) -> Result<Client, WarehouseError> {
        let plain =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !plain(&endpoint.database) {
            let detail = format!("database {:?} is not a plain name: use letters, digits and _", endpoint.database);
            return Err(WarehouseError::Config { detail });
        }
        if !endpoint.url.starts_with("http://") && !endpoint.url.starts_with("https://") {
            let detail = format!("{:?} is not a ClickHouse HTTP address: write http://host:8123", endpoint.url);
            return Err(WarehouseError::Config { detail });
        }
        let mut inner = clickhouse::Client::default()
            .with_url(&endpoint.url)
            .with_compression(if endpoint.compress { Compression::Lz4 } else { Compression::None })
            .with_product_info("crumbtrail", env!("CARGO_PKG_VERSION"));
        if !endpoint.user.is_empty() {
            inner = inner.with_user(&endpoint.user);
        }
        if !endpoint.password.is_empty() {
            inner = inner.with_password(&endpoint.password);
        }
        let Endpoint { url, database, timeout, .. } = endpoint.clone();
        Ok(Client { inner, url, database, timeout })
    }

    /// The database the tables live in.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Asks for the server's version.
    ///
    /// # Errors
    /// Unreachable, late, refused.
    pub async fn ping(&self) -> Result<String, WarehouseError> {
        let answer = self.fetch("SELECT version()", "TSVRaw").await?;
        Ok(String::from_utf8_lossy(&answer).trim().to_owned())
    }

    /// Runs a statement without an answer.
    ///
    /// # Errors
    /// Unreachable, late, refused.
    pub async fn execute(&self, sql: &str) -> Result<(), WarehouseError> {
        self.fetch(sql, "TSV").await.map(drop)
    }

    /// The answer to a query, whole, in a ClickHouse format.
    ///
    /// # Errors
    /// Unreachable, late, refused.
    pub async fn fetch(&self, sql: &str, format: &str) -> Result<Bytes, WarehouseError> {
        let mut cursor = self
            .inner
            .query_raw(sql)
            .with_setting("output_format_json_quote_64bit_integers", "0")
            .fetch_bytes(format)
            .map_err(|error| WarehouseError::of(&self.url, error))?;
        match tokio::time::timeout(self.timeout, cursor.collect()).await {
            Ok(answer) => answer.map_err(|error| WarehouseError::of(&self.url, error)),
            Err(_) => Err(WarehouseError::TimedOut { url: self.url.clone() }),
        }
    }

    /// The rows of a query; each a struct with the columns' names.
    ///
    /// # Errors
    /// Unreachable, late, refused, rows of another shape.
    pub async fn rows<T: DeserializeOwned>(&self, sql: &str) -> Result<Vec<T>, WarehouseError> {
        let answer = self.fetch(sql, "JSONEachRow").await?;
        serde_json::Deserializer::from_slice(&answer)
            .into_iter()
            .collect::<Result<Vec<T>, _>>()
            .map_err(|error| WarehouseError::Answer { detail: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_configuration_is_refused_with_what_to_do() {
        let refusal = |endpoint: &Endpoint| Client::new(endpoint).err().map(|error| error.to_string());
        let mut endpoint = Endpoint::new("localhost:8123");
        assert!(refusal(&endpoint).is_some_and(|text| text.contains("write http://")));
        endpoint.url = "http://localhost:8123".into();
        endpoint.database = "a; DROP".into();
        assert!(refusal(&endpoint).is_some_and(|text| text.contains("plain name")));
        endpoint.password = "hunter2".into();
        assert!(!format!("{endpoint:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn nobody_there_is_unreachable_and_transient() {
        let client = Client::new(&Endpoint::new("http://127.0.0.1:1")).unwrap();
        let error = client.ping().await.unwrap_err();
        assert_eq!(error.kind(), "unreachable");
        assert!(error.is_transient());
    }
}
