//! Where snapshots lie, as a URL says: a folder, or an object store to which the environment has the keys.

use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectStore, parse_url_opts};
use url::Url;

/// How the variables begin that object stores go by: as their own clients name them, for nothing else is meant for them.
const OF_STORES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

/// The store of a URL, and the folder in it. Keys, region, endpoint and the like are taken from the environment's variables
/// (`AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_KEY`, …).
///
/// # Errors
/// The URL is of no store that this build knows, or what the environment says of it cannot be.
pub fn open(
    url: &Url,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(Arc<dyn ObjectStore>, Path), object_store::Error> {
    let is_of_stores = |name: &str| OF_STORES.iter().any(|prefix| name.starts_with(prefix));
    let (store, folder) = parse_url_opts(url, environment.into_iter().filter(|(name, _)| is_of_stores(name)))?;
    Ok((Arc::from(store), folder))
}
