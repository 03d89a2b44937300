//! The other commands' side: find the engine of a data folder, or start it. No async runtime needed.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::endpoint::Endpoint;
use crate::engine::engine_folder;
use crate::error::{ALREADY_SERVED, StartError};
use crate::lease::{UserLease, others_use};
use crate::locate::LIBRARY_VARIABLE;

const POLL: Duration = Duration::from_millis(10);
/// How long to wait before trying again for a folder that another process has.
const RACE_PAUSE: Duration = Duration::from_millis(200);
const REMEMBERED_LINES: usize = 20;

/// How to start an engine when none runs.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// `--listen`; `None` leaves it to the child.
    pub listen: Option<String>,
    /// `--port-fallback`: a free port when that one is taken.
    pub port_fallback: bool,
    /// The engine's library, handed over as `CRUMBTRAIL_ENGINE`; `None` lets the child look for it.
    pub library: Option<PathBuf>,
    /// How long the child may take until it answers.
    pub ready_within: Duration,
    /// How long [`EngineHandle::stop`] waits before it kills.
    pub stop_within: Duration,
    /// Further arguments of the child.
    pub arguments: Vec<OsString>,
}

impl Default for StartOptions {
    fn default() -> Self {
        Self {
            listen: None,
            port_fallback: true,
            library: None,
            ready_within: Duration::from_secs(60),
            stop_within: Duration::from_secs(20),
            arguments: Vec::new(),
        }
    }
}

/// A running engine. Dropping the handle of an engine that it started stops it, unless other processes use it; it then
/// ends with the last of them.
pub struct EngineHandle {
    endpoint: Endpoint,
    child: Option<OwnChild>,
    lease: Option<UserLease>,
    data: PathBuf,
    stop_within: Duration,
}

struct OwnChild {
    process: Child,
    stdin: Option<ChildStdin>,
    /// The last lines of its standard error.
    said: Arc<Mutex<VecDeque<String>>>,
    listener: Option<JoinHandle<()>>,
}

impl EngineHandle {
    /// Such as `http://127.0.0.1:8123`.
    pub fn url(&self) -> &str {
        &self.endpoint.url
    }

    /// The user that may write.
    pub fn user(&self) -> &str {
        &self.endpoint.user
    }

    /// Its password.
    pub fn password(&self) -> &str {
        &self.endpoint.password
    }

    /// Everything that the endpoint file says.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether this handle started the engine.
    pub fn started_by_us(&self) -> bool {
        self.child.is_some()
    }

    /// Lets go of the engine; one that this handle started ends, unless other processes use it.
    pub fn stop(mut self) {
        self.let_go();
    }

    fn let_go(&mut self) {
        drop(self.lease.take());
        let Some(mut child) = self.child.take() else { return };
        drop(child.stdin.take());
        let deadline = Instant::now() + self.stop_within;
        while let Ok(None) = child.process.try_wait() {
            if others_use(&self.data) {
                return;
            }
            if Instant::now() > deadline {
                let _ = child.process.kill();
                let _ = child.process.wait();
                return;
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// Connects to the engine that serves `data`, or starts `program serve --data DIR --with-parent …` and waits until it
/// answers.
///
/// # Errors
/// [`StartError`] with the child's last lines.
pub fn connect_or_start(data: &Path, program: &Path, options: &StartOptions) -> Result<EngineHandle, StartError> {
    let folder = engine_folder(data);
    fs::create_dir_all(&folder).map_err(|source| StartError::File { path: folder.clone(), source })?;
    // Taken first: an engine that is about to stop for want of users either sees it or is waited for.
    let lease = UserLease::take(data, options.stop_within)
        .map_err(|source| StartError::File { path: folder.clone(), source })?;
    let handle = |endpoint, child, lease| EngineHandle {
        endpoint,
        child,
        lease: Some(lease),
        data: data.to_owned(),
        stop_within: options.stop_within,
    };
    if let Some(endpoint) = Endpoint::read(data).filter(Endpoint::answers) {
        return Ok(handle(endpoint, None, lease));
    }
    let deadline = Instant::now() + options.ready_within;
    let mut child = spawn(data, program, options)?;
    loop {
        let ended = child.process.try_wait().ok().flatten().is_some();
        if let Some(endpoint) = Endpoint::read(data).filter(Endpoint::answers) {
            if endpoint.pid == child.process.id() {
                return Ok(handle(endpoint, Some(child), lease));
            }
            // Another command won the race to serve; ours finds the folder taken and ends.
            let _ = child.process.wait();
            return Ok(handle(endpoint, None, lease));
        }
        if ended {
            let said = child.said();
            if !said.contains(ALREADY_SERVED) {
                return Err(StartError::Ended { said });
            }
            // The one that has the folder is not ready yet, or is just ending.
            std::thread::sleep(RACE_PAUSE);
            child = spawn(data, program, options)?;
        }
        if Instant::now() > deadline {
            let _ = child.process.kill();
            let _ = child.process.wait();
            return Err(StartError::Slow { seconds: options.ready_within.as_secs(), said: child.said() });
        }
        std::thread::sleep(POLL);
    }
}

fn spawn(data: &Path, program: &Path, options: &StartOptions) -> Result<OwnChild, StartError> {
    let mut command = Command::new(program);
    command.arg("serve").arg("--data").arg(data).arg("--with-parent");
    if let Some(listen) = &options.listen {
        command.arg("--listen").arg(listen);
    }
    if options.port_fallback {
        command.arg("--port-fallback");
    }
    command.args(&options.arguments);
    if let Some(library) = &options.library {
        command.env(LIBRARY_VARIABLE, library);
    }
    // A process group of its own: Ctrl-C reaches the parent, which drains into the engine before it lets go of it.
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    let mut process = command.spawn().map_err(|source| StartError::Spawn { program: program.to_owned(), source })?;
    let said = Arc::default();
    let listener = process.stderr.take().map(|stderr| listen(stderr, &said));
    Ok(OwnChild { stdin: process.stdin.take(), process, said, listener })
}

/// Remembers the last lines; goes on reading so that the child never blocks on its standard error.
fn listen(stderr: impl Read + Send + 'static, said: &Arc<Mutex<VecDeque<String>>>) -> JoinHandle<()> {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut lines = said.lock();
            if lines.len() == REMEMBERED_LINES {
                lines.pop_front();
            }
            lines.push_back(line);
        }
    })
}

impl OwnChild {
    /// What an ended child said, to its last line.
    fn said(&mut self) -> String {
        if let Some(listener) = self.listener.take() {
            // An error means that the listener panicked; what it had heard is there all the same.
            let _ = listener.join();
        }
        let lines = self.said.lock();
        if lines.is_empty() {
            "it said nothing".to_owned()
        } else {
            lines.iter().cloned().collect::<Vec<_>>().join("\n")
        }
    }
}
