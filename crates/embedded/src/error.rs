//! What can go wrong in this crate, outside of a single statement.

use std::io;
use std::path::PathBuf;

use crate::exception::Exception;

/// The engine cannot be loaded or started.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No engine library was found.
    #[error(
        "the ClickHouse engine is not here (looked at {looked}): run make setup, or set CRUMBTRAIL_ENGINE=/path/libchdb.so"
    )]
    Missing {
        /// The places looked at, separated by commas.
        looked: String,
    },
    /// The library exists and cannot be used.
    #[error(
        "cannot load the ClickHouse engine {path}: {reason}; run make setup, or set CRUMBTRAIL_ENGINE=/path/libchdb.so"
    )]
    Load {
        /// The library.
        path: PathBuf,
        /// The loader's words.
        reason: String,
    },
    /// The processor lacks what the library was compiled for.
    #[error("the ClickHouse engine needs a processor with {0}: use a ClickHouse server on another machine instead")]
    Processor(&'static str),
    /// The engine refused to open its folder.
    #[error(
        "the ClickHouse engine cannot open {path}: is its disk full, is another process using it, or is a setting wrong?"
    )]
    Open {
        /// The engine's folder.
        path: PathBuf,
    },
    /// A statement of the start-up failed.
    #[error("the ClickHouse engine answered at start: {0}")]
    Statement(#[from] Exception),
}

impl EngineError {
    /// A stable label for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "engine_missing",
            Self::Load { .. } => "engine_load",
            Self::Processor(_) => "engine_processor",
            Self::Open { .. } => "engine_open",
            Self::Statement(_) => "engine_statement",
        }
    }
}

/// The words by which [`ServeError::Busy`] is known in another process's standard error.
pub(crate) const ALREADY_SERVED: &str = "is already served";

/// `serve` cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// See [`EngineError`].
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Another process serves this folder.
    #[error("{path} {ALREADY_SERVED} by another process (pid {pid}): connect to it, or stop it first")]
    Busy {
        /// The data folder.
        path: PathBuf,
        /// The other process, or `unknown`.
        pid: String,
    },
    /// The address to listen on is taken.
    #[error("cannot listen on {address}: {source}; choose another address with --listen, or port 0 for a free one")]
    Listen {
        /// The address asked for.
        address: String,
        /// The system's words.
        source: io::Error,
    },
    /// A file or folder cannot be used.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was tried, such as "create".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The runtime or a signal handler could not be set up.
    #[error("cannot start the server: {0}")]
    Runtime(io::Error),
}

impl ServeError {
    /// A stable label for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Engine(error) => error.kind(),
            Self::Busy { .. } => "serve_busy",
            Self::Listen { .. } => "serve_listen",
            Self::File { .. } => "serve_file",
            Self::Runtime(_) => "serve_runtime",
        }
    }
}

/// A command could neither find a running engine nor start one.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The child process could not be started at all.
    #[error("cannot start {program}: {source}")]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The child ended before it was ready.
    #[error("the engine's process ended before it was ready: {said}")]
    Ended {
        /// The last lines it wrote to standard error.
        said: String,
    },
    /// The child did not become ready in time.
    #[error("the engine's process was not ready after {seconds} s: {said}")]
    Slow {
        /// Seconds waited.
        seconds: u64,
        /// The last lines it wrote to standard error.
        said: String,
    },
    /// The data folder cannot be used.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

impl StartError {
    /// A stable label for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Spawn { .. } => "start_spawn",
            Self::Ended { .. } => "start_ended",
            Self::Slow { .. } => "start_slow",
            Self::File { .. } => "start_file",
        }
    }
}
