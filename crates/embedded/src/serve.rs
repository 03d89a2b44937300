//! The serving process: engine and HTTP interface until a signal, or until nobody needs them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::serve::ListenerExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::endpoint::Endpoint;
use crate::engine::{Engine, EngineOptions, engine_folder};
use crate::error::ServeError;
use crate::facade::{Facade, OWNER};
use crate::lease::{NoLock, ServerLock, wait_until_unused};
use crate::locate::locate_engine;

/// Told once requests are answered.
pub type OnReady = Box<dyn FnOnce(&Endpoint) + Send>;

/// How to serve.
pub struct ServeOptions {
    /// The data folder; the databases live in `engine/store` below it.
    pub data: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Take a free port when the one of `listen` is taken, instead of ending.
    pub port_fallback: bool,
    /// The engine's library; `None` looks for it, see [`crate::locate_engine`].
    pub library: Option<PathBuf>,
    /// Stop when standard input closes (the parent is gone) and no other process uses the engine.
    pub with_parent: bool,
    /// The most memory the engine may use, in bytes.
    pub max_memory_bytes: u64,
    /// The cache of index marks, in bytes.
    pub mark_cache_bytes: u64,
    /// Statements that may run at a time; more wait.
    pub concurrent_statements: usize,
    /// How long running statements may take after a signal before they are cancelled.
    pub drain: Duration,
    /// Called once requests are answered.
    pub on_ready: Option<OnReady>,
}

impl ServeOptions {
    /// The defaults for a data folder: 127.0.0.1:8123, half of the machine's memory, 10 s to drain.
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8123),
            port_fallback: false,
            library: None,
            with_parent: false,
            max_memory_bytes: half_of_memory(),
            mark_cache_bytes: 256 << 20,
            concurrent_statements: 32,
            drain: Duration::from_secs(10),
            on_ready: None,
        }
    }
}

/// Why serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitReason {
    /// SIGTERM or SIGINT.
    Signal,
    /// Standard input closed and nobody else uses the engine.
    ParentGone,
}

/// Serves until told to stop. Blocks; call it from a thread without a tokio runtime. One engine per process.
///
/// # Errors
/// [`ServeError`] in one line that says what to do.
pub fn serve(mut options: ServeOptions) -> Result<ExitReason, ServeError> {
    let library = locate_engine(options.library.as_deref())?;
    let store = engine_folder(&options.data).join("store");
    fs::create_dir_all(&store).map_err(file_error("create", &store))?;
    let _lock = ServerLock::take(&options.data).map_err(|error| match error {
        NoLock::Taken(pid) => {
            ServeError::Busy { path: options.data.clone(), pid: pid.unwrap_or_else(|| "unknown".to_owned()) }
        }
        NoLock::File(source) => file_error("lock", &options.data)(source),
    })?;
    let parent = detach_stdin().map_err(ServeError::Runtime)?;
    let (listener, address) = listen(options.listen, options.port_fallback)?;
    let engine = Engine::start(&EngineOptions {
        library,
        folder: store,
        max_memory_bytes: options.max_memory_bytes,
        mark_cache_bytes: options.mark_cache_bytes,
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // A statement and its cancellation each need one at most.
        .max_blocking_threads(options.concurrent_statements + 8)
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let endpoint = describe(&engine, address).map_err(ServeError::Runtime)?;
    let reason = runtime.block_on(run(&mut options, &engine, listener, &endpoint, parent));
    // Only our own: a later process may have published its own already.
    if Endpoint::read(&options.data).is_some_and(|published| published == endpoint) {
        let _ = fs::remove_file(Endpoint::path(&options.data));
    }
    runtime.shutdown_timeout(Duration::from_secs(2));
    if !engine.stop() {
        tracing::debug!("statements were still running when the engine stopped");
    }
    reason
}

async fn run(
    options: &mut ServeOptions,
    engine: &Engine,
    listener: TcpListener,
    endpoint: &Endpoint,
    parent: File,
) -> Result<ExitReason, ServeError> {
    let listener = tokio::net::TcpListener::from_std(listener).map_err(ServeError::Runtime)?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let salt = random_hex(16).map_err(ServeError::Runtime)?;
    let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let facade = Facade::new(engine.clone(), endpoint.password.clone(), &hostname, salt, options.concurrent_statements);
    let signals = Signals::new().map_err(ServeError::Runtime)?;
    let parent_gone = options.with_parent.then(|| watch_parent(parent, options.data.clone()));
    let (stop, stopped) = oneshot::channel::<()>();
    let mut server = tokio::spawn(
        axum::serve(listener, Arc::new(facade).router())
            .with_graceful_shutdown(async {
                let _ = stopped.await;
            })
            .into_future(),
    );
    endpoint.publish(&options.data).map_err(file_error("write", &Endpoint::path(&options.data)))?;
    tracing::info!(url = endpoint.url, engine = endpoint.engine_version, "engine is serving");
    if let Some(on_ready) = options.on_ready.take() {
        on_ready(endpoint);
    }
    let reason = tokio::select! {
        reason = wait(signals, parent_gone) => reason,
        ended = &mut server => {
            let error = ended.map_err(io::Error::other).and_then(|result| result).err();
            return Err(ServeError::Runtime(error.unwrap_or_else(|| io::Error::other("the server ended by itself"))));
        }
    };
    let _ = stop.send(());
    if tokio::time::timeout(options.drain, &mut server).await.is_err() {
        tracing::warn!(seconds = options.drain.as_secs(), "statements still run after the drain time: cancelling them");
        let engine = engine.clone();
        let _ = tokio::task::spawn_blocking(move || {
            engine.connect(&[])?.query(b"KILL QUERY WHERE query_kind != 'KillQuery' ASYNC", "Null", &[]).map(drop)
        })
        .await;
        let _ = tokio::time::timeout(Duration::from_secs(2), &mut server).await;
    }
    Ok(reason)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }
}

async fn wait(mut signals: Signals, parent_gone: Option<oneshot::Receiver<File>>) -> ExitReason {
    let parent_gone = async {
        match parent_gone {
            Some(receiver) => receiver.await.ok(),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = signals.terminate.recv() => ExitReason::Signal,
        _ = signals.interrupt.recv() => ExitReason::Signal,
        held = parent_gone => {
            // Held until the process ends: new users wait and then start an engine of their own.
            std::mem::forget(held);
            ExitReason::ParentGone
        }
    }
}

/// Fires once standard input has closed and nobody uses the engine.
fn watch_parent(mut parent: File, data: PathBuf) -> oneshot::Receiver<File> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while parent.read(&mut buffer).is_ok_and(|length| length > 0) {}
        match wait_until_unused(&data) {
            Ok(held) => {
                let _ = sender.send(held);
            }
            Err(error) => tracing::warn!(%error, "cannot watch for users of the engine; it goes on until a signal"),
        }
    });
    receiver
}

/// Puts `/dev/null` in the place of standard input, which an INSERT … VALUES would read, and returns the original.
fn detach_stdin() -> io::Result<File> {
    let original = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let null = File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    Ok(File::from(original))
}

fn listen(address: SocketAddr, fallback: bool) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Listen { address: address.to_string(), source };
    let listener = match TcpListener::bind(address) {
        Err(error) if fallback && error.kind() == io::ErrorKind::AddrInUse => {
            TcpListener::bind(SocketAddr::new(address.ip(), 0))
        }
        other => other,
    }
    .map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn describe(engine: &Engine, address: SocketAddr) -> io::Result<Endpoint> {
    let about = engine.about();
    // Whoever reads the file is on this machine.
    let reachable = if address.ip().is_unspecified() {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port())
    } else {
        address
    };
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Endpoint {
        url: format!("http://{reachable}"),
        user: OWNER.to_owned(),
        password: random_hex(16)?,
        pid: std::process::id(),
        started_at: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX),
        engine_version: about.version.clone(),
        server_start_id: about.start_id.clone(),
    })
}

fn random_hex(bytes: usize) -> io::Result<String> {
    let mut buffer = vec![0; bytes];
    File::open("/dev/urandom")?.read_exact(&mut buffer)?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Half of the machine's memory, in bytes, at least 1 GiB.
fn half_of_memory() -> u64 {
    let total_kib = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        text.lines()
            .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
    });
    total_kib.map_or(4 << 30, |kib| kib * 1024 / 2).max(1 << 30)
}

fn file_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ServeError + use<> {
    let path = path.to_owned();
    move |source| ServeError::File { action, path, source }
}
