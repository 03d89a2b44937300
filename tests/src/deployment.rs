//! A deployment of its own: data folder, configuration, the binary run on it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A data folder with a configuration, removed when dropped.
pub struct Deployment {
    folder: TempDir,
    engine: Option<Child>,
}

/// Configuration every test starts from: free ports, no metrics endpoint, little memory.
const BASE: &str =
    "clickhouse:\n  listen: 127.0.0.1:0\n  engine_memory_mib: 2048\nprivacy:\n  key: a key for tests only\n";

impl Deployment {
    /// A deployment with further configuration (YAML, top-level keys other than the base's).
    #[must_use]
    pub fn new(more: &str) -> Deployment {
        Deployment::with_metrics_at("", more)
    }

    /// The same, with metrics served at this address while it runs.
    #[must_use]
    pub fn with_metrics_at(listen: &str, more: &str) -> Deployment {
        let folder = TempDir::new().expect("a folder");
        let telemetry = format!("telemetry:\n  listen: \"{listen}\"\n  log: warn\n");
        let text = format!("{BASE}{telemetry}data_dir: {}\n{more}", folder.path().join("data").display());
        std::fs::write(folder.path().join("crumbtrail.yaml"), text).expect("the configuration is written");
        Deployment { folder, engine: None }
    }

    /// A deployment whose tables live in a database of their own in the engine of `host` (which serves), reached at `url`.
    #[must_use]
    pub fn beside(host: &Deployment, url: &str, database: &str, more: &str) -> Deployment {
        let (_, user, password) = host.engine_access();
        let folder = TempDir::new().expect("a folder");
        let clickhouse = format!(
            "clickhouse:\n  url: {url}\n  user: {user}\n  password: {password}\n  database: {database}\nprivacy:\n  \
             key: a key for tests only\ntelemetry:\n  listen: \"\"\n  log: warn\n"
        );
        let text = format!("{clickhouse}data_dir: {}\n{more}", folder.path().join("data").display());
        std::fs::write(folder.path().join("crumbtrail.yaml"), text).expect("the configuration is written");
        Deployment { folder, engine: None }
    }

    /// The same deployment with a ClickHouse server in place of the engine: lines under `clickhouse`.
    #[must_use]
    pub fn with_clickhouse(self, lines: &str) -> Deployment {
        self.with_config("listen: 127.0.0.1:0", lines);
        self
    }

    /// Says a part of its configuration otherwise.
    #[track_caller]
    pub fn with_config(&self, part: &str, other: &str) {
        let text = std::fs::read_to_string(self.config()).expect("the configuration");
        assert!(text.contains(part), "{part} is in the configuration");
        std::fs::write(self.config(), text.replacen(part, other, 1)).expect("the configuration is written");
    }

    /// URL, user and password of its engine, which serves.
    #[must_use]
    pub fn engine_access(&self) -> (String, String, String) {
        let endpoint = self.endpoint();
        let of = |key: &str| endpoint[key].as_str().expect("a text").to_owned();
        (of("url"), of("user"), of("password"))
    }

    /// The process of its engine, which serves.
    #[must_use]
    pub fn engine_pid(&self) -> u64 {
        self.endpoint()["pid"].as_u64().expect("a number")
    }

    fn endpoint(&self) -> serde_json::Value {
        let text = std::fs::read(self.data().join("engine/endpoint.json")).expect("the engine serves");
        serde_json::from_slice(&text).expect("the endpoint file is JSON")
    }

    /// A path in its folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Writes a file into its folder.
    #[must_use]
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("the file is written");
        path
    }

    /// The binary with a command and this deployment's configuration.
    #[must_use]
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(crate::binary());
        command.arg(name).arg("--config").arg(self.path("crumbtrail.yaml")).env("NO_COLOR", "1");
        command
    }

    /// Runs a command to its end.
    pub fn run<A: AsRef<OsStr>>(&self, name: &str, arguments: impl IntoIterator<Item = A>) -> Output {
        self.command(name).args(arguments).output().expect("the binary runs")
    }

    /// Runs a command that must succeed; returns what it printed.
    #[track_caller]
    pub fn ok<A: AsRef<OsStr>>(&self, name: &str, arguments: impl IntoIterator<Item = A>) -> String {
        let out = self.run(name, arguments);
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{name}: {}\n{text}{}", out.status, String::from_utf8_lossy(&out.stderr));
        text
    }

    /// Runs a command that must fail without a panic; returns what it said.
    #[track_caller]
    pub fn fails<A: AsRef<OsStr>>(&self, name: &str, arguments: impl IntoIterator<Item = A>) -> String {
        let out = self.run(name, arguments);
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success(), "{name} should have failed: {}", String::from_utf8_lossy(&out.stdout));
        assert!(!text.contains("panicked"), "{text}");
        text
    }

    /// Starts the engine for the life of the deployment, so that commands need not each start one.
    pub fn start_engine(&mut self) {
        let child = self
            .command("serve")
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the engine starts");
        self.engine = Some(child);
        wait_until(Duration::from_secs(60), || self.data().join("engine/endpoint.json").exists());
    }

    /// Ends the engine, if it was started for the life of the deployment.
    pub fn stop_engine(&mut self) {
        if let Some(mut engine) = self.engine.take() {
            let _ = engine.kill();
            let _ = engine.wait();
        }
    }

    /// Asks the tables; rows as tab separated lines.
    #[track_caller]
    pub fn sql(&self, statement: &str) -> String {
        self.ok("sql", [statement, "--format", "TSV"])
    }

    /// Asks for one number.
    #[track_caller]
    pub fn number(&self, statement: &str) -> i64 {
        let text = self.sql(statement);
        text.trim().parse().unwrap_or_else(|_| panic!("{statement}: not a number: {text}"))
    }

    /// Its configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path("crumbtrail.yaml")
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        self.stop_engine();
    }
}

/// Waits until `ready`, or fails.
#[track_caller]
pub fn wait_until(most: Duration, mut ready: impl FnMut() -> bool) {
    let until = Instant::now() + most;
    while !ready() {
        assert!(Instant::now() < until, "not within {} s", most.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
}
