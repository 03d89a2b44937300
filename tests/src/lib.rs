//! What the end-to-end tests share: the built binary, a deployment of its own per test, the broker, the data folder.
#![forbid(unsafe_code)]

pub mod broker;
pub mod clients;
pub mod deployment;
pub mod disk;
pub mod member;
pub mod oracle;
pub mod proxy;
pub mod registry;
pub mod tables;
pub mod world;

pub use broker::Broker;
pub use clients::python_client;
pub use deployment::Deployment;
pub use disk::Disk;
pub use member::Member;
pub use proxy::{Fault, Proxy};
pub use registry::Registry;

use std::path::{Path, PathBuf};

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository's root")
}

/// The binary under test: beside the test's own profile folder.
#[must_use]
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("the test's own path");
    let path = own.ancestors().nth(2).expect("target/<profile>").join("crumbtrail");
    assert!(path.exists(), "{} is missing: build it with `cargo build --release -p crumbtrail`", path.display());
    path
}

/// A file of the data folder beside the project; without `CRUMBTRAIL_DATA` says that the test did not run.
#[must_use]
pub fn data(test: &str, file: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("CRUMBTRAIL_DATA").filter(|folder| !folder.is_empty()) else {
        eprintln!("not run: {test}: CRUMBTRAIL_DATA is not set");
        return None;
    };
    Some(Path::new(&folder).join(file))
}

/// Says that a test did not run because a part cannot be had; on CI that is a failure.
pub fn not_run(test: &str, why: &str) {
    eprintln!("not run: {test}: {why}");
    assert!(std::env::var_os("CI").is_none(), "{test} did not run on CI: {why}");
}

/// Whether the engine's library is there.
#[must_use]
pub fn has_engine(test: &str) -> bool {
    let found = std::env::var_os("CRUMBTRAIL_ENGINE").is_some() || root().join(".setup/engine/libchdb.so").exists();
    if !found {
        not_run(test, "the ClickHouse engine is not set up (make setup)");
    }
    found
}
