//! Structured logs with `tracing`: JSON lines for collectors, short lines for people.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One short line an event, for people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// Installs the log writer (standard error) with a filter such as `info` or `crumbtrail=debug,warn`. The first call of
/// a process wins; a filter that cannot be read falls back to `info`.
pub fn init(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match format {
        LogFormat::Text => builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).compact().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
