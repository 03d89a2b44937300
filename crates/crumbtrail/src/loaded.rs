//! The configuration of a command.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

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

/// The configuration at a place, for a command that only reads: the data folder is not made if it is not there.
///
/// # Errors
/// As [`load`]; the embedded engine has no tables there, with where it may have some.
pub fn load_to_read(place: &Place) -> Result<Config> {
    let mut config = load(place)?;
    if config.clickhouse.url.is_empty() {
        has_tables(&config.data_dir.0)?;
        // A question needs no fixed port.
        config.clickhouse.listen = "127.0.0.1:0".to_owned();
    }
    Ok(config)
}

/// Whether an engine has ever kept its tables in a data folder.
fn is_data_folder(folder: &Path) -> bool {
    folder.join("engine").is_dir()
}

fn has_tables(folder: &Path) -> Result<()> {
    if is_data_folder(folder) {
        return Ok(());
    }
    let what = if folder.exists() { "is no data folder, or has no tables yet" } else { "does not exist" };
    let hint = match nearest(folder) {
        Some(near) => format!("; did you mean --data {}?", near.display()),
        None => format!(
            ": name the right one with --data (or `data_dir` in the configuration); `crumbtrail import --data {} …` makes one",
            folder.display()
        ),
    };
    bail!("the data folder {} {what}{hint}", folder.display())
}

/// The data folder in or beside a folder whose name is nearest.
fn nearest(folder: &Path) -> Option<PathBuf> {
    let parent = folder.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let inside = [Some(folder), parent].into_iter().flatten().filter_map(|place| std::fs::read_dir(place).ok());
    let found = inside.flatten().flatten().map(|entry| entry.path()).filter(|path| is_data_folder(path));
    found.min_by_key(|path| {
        let other = path.file_name().unwrap_or_default().to_string_lossy();
        (!path.starts_with(folder), strsim::damerau_levenshtein(&name, &other), path.clone())
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_tables_is_refused_with_the_nearest_that_has_some_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = folder.path().join("shop-dta");
        let said = |folder: &Path| has_tables(folder).unwrap_err().to_string();
        assert!(said(&wrong).contains("shop-dta does not exist: name the right one with --data"), "{}", said(&wrong));
        for name in ["shop-data", "other"] {
            std::fs::create_dir_all(folder.path().join(name).join("engine")).unwrap();
        }
        assert!(said(&wrong).ends_with("shop-data?"), "{}", said(&wrong));
        assert!(said(folder.path()).contains("is no data folder, or has no tables yet; did you mean --data"));
        assert!(has_tables(&folder.path().join("shop-data")).is_ok() && !wrong.exists());
    }
}
