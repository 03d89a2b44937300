//! A real Apache Kafka broker for one test.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// A running broker; stopped when dropped.
pub struct Broker {
    folder: TempDir,
    /// `host:port`.
    pub address: String,
}

impl Broker {
    /// Starts one, or says that the test did not run.
    #[must_use]
    pub fn start(test: &str) -> Option<Broker> {
        if !crate::root().join(".setup/kafka/.complete").exists() {
            crate::not_run(test, "the Kafka broker is not set up (make setup)");
            return None;
        }
        let folder = TempDir::new().expect("a folder");
        let out = script().args(["start".as_ref(), folder.path().as_os_str()]).output().expect("scripts/kafka.sh runs");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let address = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        Some(Broker { folder, address })
    }

    /// Kills it without asking.
    pub fn kill(&self) {
        self.run("kill");
    }

    /// Asks it to end, as an operator does.
    pub fn stop(&self) {
        self.run("stop");
    }

    /// Starts it again on the same data and the same port.
    pub fn restart(&self) {
        self.run("start");
    }

    /// Has it start again with other settings, lines of its `server.properties`: the last of a name counts.
    pub fn reconfigure(&self, lines: &str) {
        self.stop();
        let path = self.folder.path().join("server.properties");
        let text = std::fs::read_to_string(&path).expect("its settings");
        std::fs::write(path, format!("{text}{lines}\n")).expect("its settings are written");
        self.restart();
    }

    /// Stops all its threads where they stand, or lets them go on.
    pub fn freeze(&self, is_frozen: bool) {
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).expect("it runs");
        let signal = if is_frozen { "-STOP" } else { "-CONT" };
        let sent = Command::new("kill").args([signal, pid.trim()]).status().expect("kill runs");
        assert!(sent.success(), "the broker is gone");
    }

    fn run(&self, what: &str) {
        let out =
            script().args([what.as_ref(), self.folder.path().as_os_str()]).output().expect("scripts/kafka.sh runs");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
}

fn script() -> Command {
    let path: PathBuf = crate::root().join("scripts/kafka.sh");
    Command::new(path)
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = script().args(["kill".as_ref(), self.folder.path().as_os_str()]).status();
    }
}
