//! The engine in this process: one folder, a fresh connection for every statement.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::analysis::Analysis;
use crate::connection::Connection;
use crate::error::EngineError;
use crate::exception::Exception;
use crate::ffi::Library;
use crate::start_id::START_ID_SQL;

/// How to start the engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The shared library, see [`crate::locate_engine`].
    pub library: PathBuf,
    /// The folder that holds the databases; created when absent. One engine per folder, one folder per process.
    pub folder: PathBuf,
    /// The most memory the engine may use, in bytes (the engine's own default would be 90 % of the machine).
    pub max_memory_bytes: u64,
    /// The size of the cache of index marks, in bytes (the engine's own default would be 5 GB).
    pub mark_cache_bytes: u64,
}

/// A running engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    library: Library,
    folder: String,
    /// Keeps the engine up between statements; runs nothing but classification.
    anchor: Mutex<Option<Connection>>,
    about: About,
}

/// What a running engine says of itself.
#[derive(Debug, Clone)]
pub struct About {
    /// ClickHouse's version, such as `26.7.2.1`.
    pub version: String,
    /// The library's version, such as `26.7.3`.
    pub library_version: String,
    /// The engine's time zone.
    pub timezone: String,
    /// See [`START_ID_SQL`].
    pub start_id: String,
    /// The names of all settings a statement may carry.
    pub settings: Vec<String>,
}

impl Engine {
    /// Loads the library and opens the folder.
    ///
    /// # Errors
    /// [`EngineError`] says what is missing and how to mend it.
    pub fn start(options: &EngineOptions) -> Result<Self, EngineError> {
        check_processor()?;
        let library = Library::load(&options.library)
            .map_err(|reason| EngineError::Load { path: options.library.clone(), reason })?;
        let folder = format!("--path={}", options.folder.display());
        let arguments = [
            folder.clone(),
            format!("--max_server_memory_usage={}", options.max_memory_bytes),
            format!("--mark_cache_size={}", options.mark_cache_bytes),
            // Without it any mistyped word is an expression to evaluate instead of a syntax error.
            "--implicit_select=0".to_owned(),
        ];
        let raw = library.connect(&arguments).ok_or_else(|| EngineError::Open { path: options.folder.clone() })?;
        let anchor = Connection::new(raw);
        let opener = Opener { library, folder: folder.clone() };
        let about = opener.about(library.version())?;
        Ok(Self { shared: Arc::new(Shared { library, folder, anchor: Mutex::new(Some(anchor)), about }) })
    }

    /// What the engine says of itself.
    pub fn about(&self) -> &About {
        &self.shared.about
    }

    /// The folder that holds the databases.
    pub fn folder(&self) -> &str {
        self.shared.folder.trim_start_matches("--path=")
    }

    /// Classifies a text with the engine's own parser: 10–40 µs, nothing runs.
    ///
    /// # Errors
    /// When the engine is shutting down.
    pub fn classify(&self, sql: &[u8]) -> Result<Analysis, Exception> {
        match &mut *self.shared.anchor.lock() {
            Some(anchor) => anchor.classify(sql),
            None => Err(Exception::new(236, "ABORTED", "the engine is stopping")),
        }
    }

    /// Opens a connection for one statement. Settings go in as connection arguments, so that no statement runs before
    /// the one that matters: a streamed insert on a used connection can fail.
    ///
    /// # Errors
    /// A setting with a value that the engine refuses, or an engine that is stopping.
    pub fn connect(&self, settings: &[(String, String)]) -> Result<Connection, Exception> {
        Opener { library: self.shared.library, folder: self.shared.folder.clone() }.connect(settings)
    }

    /// Closes the engine. Connections still open keep its threads alive; the result says whether all ended.
    pub fn stop(&self) -> bool {
        drop(self.shared.anchor.lock().take());
        self.shared.library.shutdown()
    }
}

struct Opener {
    library: Library,
    folder: String,
}

impl Opener {
    fn connect(&self, settings: &[(String, String)]) -> Result<Connection, Exception> {
        let mut arguments = vec![self.folder.clone()];
        // An answered insert is a written insert; a mistyped word is a syntax error. A client may ask otherwise.
        let defaults = [("implicit_select", "0"), ("async_insert", "0")];
        let unset = defaults.iter().filter(|(name, _)| settings.iter().all(|(given, _)| given != name));
        arguments.extend(unset.map(|(name, value)| format!("--{name}={value}")));
        arguments.extend(settings.iter().map(|(name, value)| format!("--{name}={value}")));
        match self.library.connect(&arguments) {
            Some(raw) => Ok(Connection::new(raw)),
            None => {
                let given: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
                Err(Exception::new(
                    36,
                    "BAD_ARGUMENTS",
                    format_args!("the engine refused these settings: {}", given.join(", ")),
                ))
            }
        }
    }

    fn about(&self, library_version: String) -> Result<About, EngineError> {
        let line = self.text("SELECT version(), timezone() FORMAT TSVRaw")?;
        let (version, timezone) = line.split_once('\t').unwrap_or((&line, "UTC"));
        Ok(About {
            version: version.to_owned(),
            timezone: timezone.to_owned(),
            library_version,
            start_id: self.text(START_ID_SQL)?,
            settings: self.text("SELECT name FROM system.settings FORMAT TSVRaw")?.lines().map(str::to_owned).collect(),
        })
    }

    fn text(&self, sql: &str) -> Result<String, EngineError> {
        let output = self.connect(&[])?.query(sql.as_bytes(), "TSVRaw", &[])?;
        Ok(String::from_utf8_lossy(output.bytes()).trim_end().to_owned())
    }
}

/// The library is compiled for AVX2 on x86-64 and would die of an illegal instruction.
fn check_processor() -> Result<(), EngineError> {
    #[cfg(target_arch = "x86_64")]
    if !std::arch::is_x86_feature_detected!("avx2") {
        return Err(EngineError::Processor("AVX2"));
    }
    Ok(())
}

/// The engine's folder below a data folder.
pub fn engine_folder(data: &Path) -> PathBuf {
    data.join("engine")
}
