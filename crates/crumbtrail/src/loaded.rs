//! The configuration of a command.

use anyhow::Result;

use crate::args::Place;
use crate::config::{self, Config};

/// The configuration at a place, for a command whose own output speaks: only warnings are logged unless asked otherwise.
pub fn load(place: &Place) -> Result<Config> {
    let mut config = read(place)?;
    if config.telemetry.log == config::TelemetryConfig::default().log {
        config.telemetry.log = "warn".to_owned();
    }
    start_logs(&config);
    Ok(config)
}

/// The configuration at a place, for a service.
pub fn load_service(place: &Place) -> Result<Config> {
    let config = read(place)?;
    start_logs(&config);
    Ok(config)
}

fn read(place: &Place) -> Result<Config> {
    let mut config = config::load(place.config.as_deref())?;
    if let Some(data) = &place.data {
        config.data_dir.0.clone_from(data);
    }
    Ok(config)
}

fn start_logs(config: &Config) {
    let format = match config.telemetry.log_format {
        config::LogLines::Text => crumbtrail_telemetry::logs::LogFormat::Text,
        config::LogLines::Json => crumbtrail_telemetry::logs::LogFormat::Json,
    };
    crumbtrail_telemetry::logs::init(&config.telemetry.log, format);
}
