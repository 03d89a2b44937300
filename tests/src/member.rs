//! One process of all processors, as a member of the deployment's groups.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Deployment;

/// A running process; killed if the test ends before it does.
pub struct Member(Child);

impl Member {
    /// Starts `run all` under a name of its own.
    #[must_use]
    pub fn start(shop: &Deployment, instance: &str) -> Member {
        Member::of(&crate::binary(), &shop.config(), instance)
    }

    /// Starts `run all` of a build, under a configuration.
    #[must_use]
    pub fn of(build: &Path, config: &Path, instance: &str) -> Member {
        let mut command = Command::new(build);
        command.args(["run", "all", "--config"]).arg(config).env("NO_COLOR", "1").stdout(Stdio::null());
        Member(command.env("CRUMBTRAIL_KAFKA_INSTANCE", instance).spawn().expect("the binary starts"))
    }

    /// Kills it where it stands.
    #[track_caller]
    pub fn kill(mut self) {
        self.assert_lives();
        self.0.kill().expect("it is ours");
        self.0.wait().expect("it ends");
    }

    /// Asks it to end, as an operator does; it must end well.
    #[track_caller]
    pub fn drain(mut self) {
        self.assert_lives();
        self.signal("TERM");
        assert!(self.0.wait().expect("it ends").success(), "it did not end well");
    }

    /// Asks it to end, however it then does.
    #[track_caller]
    pub fn send_off(mut self) {
        self.signal("TERM");
        self.0.wait().expect("it ends");
    }

    /// Stops it as a whole: no heartbeat, no request, every thread where it stands.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on as if nothing had happened.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("it is ours").is_some()
    }

    /// Memory it holds, bytes.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap_or_default();
        let kib =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok());
        kib.map_or(0, |kib: u64| kib << 10)
    }

    /// Files, sockets and pipes it has open.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.0.id())).map_or(0, Iterator::count)
    }

    #[track_caller]
    fn assert_lives(&mut self) {
        assert!(!self.has_ended(), "it ended by itself");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status();
        assert!(sent.expect("kill runs").success(), "it ended by itself");
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
