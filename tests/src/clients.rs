//! The official clients in other languages, installed once from their pins.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The Python with the official clients of `tests/clients/requirements.txt`, made on first use; or says that the test
/// did not run.
#[must_use]
pub fn python_client(test: &str) -> Option<PathBuf> {
    static READY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match READY.get_or_init(install) {
        Ok(python) => Some(python.clone()),
        Err(why) => {
            crate::not_run(test, why);
            None
        }
    }
}

fn install() -> Result<PathBuf, String> {
    let folder = crate::root().join(".setup/clients/python");
    let pins = crate::root().join("tests/clients/requirements.txt");
    let (wanted, mark) = (std::fs::read(&pins).map_err(|error| error.to_string())?, folder.join(".installed"));
    let python = folder.join("bin/python");
    if std::fs::read(&mark).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(folder.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(&pins))?;
    std::fs::write(mark, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let out = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if out.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}\n{}", out.status, String::from_utf8_lossy(&out.stderr)))
}

/// The official Python Kafka client, producing; see the script.
pub struct Producing(Child);

impl Producing {
    /// Starts `tests/clients/python_producer.py`.
    #[must_use]
    pub fn start(python: &Path, arguments: &[&str]) -> Producing {
        let script = crate::root().join("tests/clients/python_producer.py");
        let child = Command::new(python).arg(script).args(arguments).stdout(Stdio::piped()).spawn();
        Producing(child.expect("the Python client starts"))
    }

    /// Asks one that produces steadily to send no more.
    pub fn end(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        assert!(sent.expect("kill runs").success(), "the Python client has ended");
    }

    /// Waits for its end; returns what it says it sent.
    #[must_use]
    pub fn sent(self) -> serde_json::Value {
        let out = self.0.wait_with_output().expect("the Python client ends");
        assert!(out.status.success(), "the Python client: {}", out.status);
        serde_json::from_slice(&out.stdout).expect("the Python client prints JSON")
    }
}
