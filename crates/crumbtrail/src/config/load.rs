//! Reading the file: unknown keys are refused with the nearest known one, secrets come from the environment.

use std::path::Path;

use super::{Config, check, typed};

/// Why a configuration was refused; every variant says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}{hint}")]
    Read {
        /// Path as given.
        path: String,
        /// What the system said.
        source: std::io::Error,
        /// The nearest file, or how to get one.
        hint: String,
    },
    /// It is not YAML, or a value has the wrong type.
    #[error("{path}: {message}")]
    Parse {
        /// Path as given.
        path: String,
        /// Where and what.
        message: String,
    },
    /// A key nobody knows.
    #[error("{path}: unknown key `{key}`{hint}")]
    UnknownKey {
        /// Path as given.
        path: String,
        /// Dotted key.
        key: String,
        /// The nearest known key, if one is near.
        hint: String,
    },
    /// A value that cannot work.
    #[error("{path}: {message}")]
    Value {
        /// Path as given.
        path: String,
        /// What is wrong and how to mend it.
        message: String,
    },
    /// What a setting names, a file most often, cannot be used; the cause says why. To be put in front of it.
    #[error("{0}")]
    Names(String),
}

/// Loads the file, or the defaults without one, and applies the secrets of the environment.
///
/// # Errors
/// The file is missing, malformed, has unknown keys or impossible values.
pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
    let mut config = match path {
        None => Config::default(),
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|source| {
                let hint = if source.kind() == std::io::ErrorKind::NotFound { nearest(path) } else { String::new() };
                ConfigError::Read { path: name.clone(), source, hint }
            })?;
            parse(&name, &text)?
        }
    };
    let set = apply_environment(&mut config, |name| std::env::var(name).ok());
    let mut name = path.map_or_else(|| "the default configuration".to_owned(), |p| p.display().to_string());
    if !set.is_empty() {
        name = format!("{name}, with {} of the environment", set.join(", "));
    }
    check::values(&config).map_err(|message| ConfigError::Value { path: name, message })?;
    Ok(config)
}

/// What to do about a file that is not there: the YAML file beside it whose name is nearest, or how to get one.
fn nearest(path: &Path) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_yaml =
        |path: &std::path::PathBuf| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let distance = |path: &std::path::PathBuf| {
        strsim::damerau_levenshtein(&name, &path.file_name().unwrap_or_default().to_string_lossy())
    };
    match beside.filter(is_yaml).map(|path| (distance(&path), path)).min() {
        Some((distance, near)) if distance <= 1 + name.len() / 3 => format!("; did you mean {}?", near.display()),
        _ => format!("; `crumbtrail config example > {}` writes one with every key", path.display()),
    }
}

/// Parses the text of a configuration file called `name`.
///
/// # Errors
/// Malformed YAML, unknown keys, wrong types.
pub(super) fn parse(name: &str, text: &str) -> Result<Config, ConfigError> {
    let wrong = |message: String| ConfigError::Parse { path: name.to_owned(), message };
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Config::default());
    }
    let yaml = |error: serde_saphyr::Error| {
        let hint = if name.ends_with(".toml") { "; the configuration is written in YAML" } else { "" };
        wrong(format!("{}{hint}", error.without_snippet()))
    };
    let tree: serde_json::Value = serde_saphyr::from_str(text).map_err(yaml)?;
    if let Some((key, hint)) = check::unknown_key(&tree) {
        return Err(ConfigError::UnknownKey { path: name.to_owned(), key, hint });
    }
    serde_saphyr::from_str(text)
        .map_err(|error| wrong(typed::misfit(text, &tree).unwrap_or_else(|| error.without_snippet().to_string())))
}

/// Secrets that never have to stand in a file. `CRUMBTRAIL_KAFKA_SASL_PASSWORD` and its like set the librdkafka
/// setting of the same words with dots. Gives the variables that were set.
fn apply_environment(config: &mut Config, get: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut set = Vec::new();
    // A variable that is set and empty says nothing.
    let mut get = |name: &str| {
        let value = get(name).filter(|value| !value.is_empty());
        set.extend(value.is_some().then(|| name.to_owned()));
        value
    };
    if let Some(password) = get("CRUMBTRAIL_CLICKHOUSE_PASSWORD") {
        config.clickhouse.password = password;
    }
    if let Some(password) = get("CRUMBTRAIL_REGISTRY_PASSWORD") {
        config.registry.password = password;
    }
    if let Some(key) = get("CRUMBTRAIL_PRIVACY_KEY") {
        config.privacy.key = key;
    }
    if let Some(keys) = get("CRUMBTRAIL_PRIVACY_LATER_KEYS") {
        config.privacy.later_keys = super::privacy::later_keys(&keys);
    }
    for setting in ["sasl.username", "sasl.password", "ssl.key.password", "ssl.keystore.password"] {
        let name = format!("CRUMBTRAIL_KAFKA_{}", setting.replace('.', "_").to_uppercase());
        if let Some(value) = get(&name) {
            config.kafka.client.insert(setting.to_owned(), value);
        }
    }
    if let Some(instance) = get("CRUMBTRAIL_KAFKA_INSTANCE") {
        config.kafka.instance = instance;
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_names_the_nearest() {
        let error = parse("c.yaml", "log:\n  partition: 8\n").unwrap_err().to_string();
        assert_eq!(error, "c.yaml: unknown key `log.partition`; did you mean `log.partitions`?");
        let error = parse("c.yaml", "clickhose:\n  url: x\n").unwrap_err().to_string();
        assert!(error.contains("did you mean `clickhouse`?"), "{error}");
        let error = parse("c.yaml", "sources:\n  - topik: a\n").unwrap_err().to_string();
        assert!(error.contains("`sources.0.topik`; did you mean `sources.0.topic`?"), "{error}");
    }

    #[test]
    fn a_missing_file_names_the_nearest_or_how_to_get_one() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("crumbtrial.yaml");
        let said = || load(Some(&missing)).unwrap_err().to_string();
        assert!(said().contains("`crumbtrail config example > "), "{}", said());
        std::fs::write(folder.path().join("crumbtrail.yaml"), "").unwrap();
        std::fs::write(folder.path().join("other.yaml"), "").unwrap();
        assert!(said().ends_with("crumbtrail.yaml?") && said().contains("; did you mean "), "{}", said());
    }

    #[test]
    fn maps_take_any_key_and_their_values_are_checked() {
        let config =
            parse("c.yaml", "kafka:\n  client:\n    security.protocol: SSL\nsites:\n  shop:\n    gap_seconds: 600\n")
                .unwrap();
        assert_eq!(config.kafka.client["security.protocol"], "SSL");
        assert_eq!(config.sites["shop"].gap_seconds, Some(600));
        assert!(
            parse("c.yaml", "sites:\n  shop:\n    gap_second: 600\n").unwrap_err().to_string().contains("gap_seconds")
        );
    }

    #[test]
    fn secrets_come_from_the_environment() {
        let mut config = Config::default();
        let set =
            apply_environment(&mut config, |name| (name == "CRUMBTRAIL_KAFKA_SASL_PASSWORD").then(|| "s3".to_owned()));
        assert_eq!(set, ["CRUMBTRAIL_KAFKA_SASL_PASSWORD"], "so that what is wrong with it names it");
        assert_eq!(config.kafka.client["sasl.password"], "s3");
    }

    #[test]
    fn the_example_is_the_default() {
        let example = super::super::example();
        let parsed = parse("example", &example).unwrap();
        assert_eq!(serde_json::to_value(parsed).unwrap(), serde_json::to_value(Config::default()).unwrap());
    }
}
