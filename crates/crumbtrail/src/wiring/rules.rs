//! A configuration as the rules that the crates compute by.

use anyhow::{Context as _, Result, anyhow};
use crumbtrail_identity as identity;
use crumbtrail_journeys::JourneyRules;
use crumbtrail_journeys::model::StageModel;
use crumbtrail_runtime::cutter::CutRules;
use crumbtrail_sessions::RuleBook;

use crate::config::{self, Config, ConfigError};

/// When batches are cut and snapshots taken, as configured.
#[must_use]
pub fn cut_rules(config: &Config) -> CutRules {
    CutRules {
        interval_ms: i64::from(config.pace.insert_interval_ms),
        snapshot_interval_ms: i64::from(config.snapshots.interval_seconds) * 1_000,
        // A quiet partition's snapshot must not fall behind what the log keeps.
        quiet_ms: CutRules::default().quiet_ms.min(i64::from(config.log.ttl_hours) * 3_600_000 / 4),
        ..CutRules::default()
    }
}

/// Session rules as configured.
///
/// # Errors
/// A value that cannot work.
pub fn session_rules(config: &Config) -> Result<RuleBook> {
    config::session_rules(config).map_err(|message| anyhow!(message))
}

/// Identity rules as configured.
///
/// # Errors
/// A value that cannot work.
pub fn identity_rules(config: &Config) -> Result<identity::Rules> {
    const DAY_MS: i64 = 86_400_000;
    let rules = session_rules(config)?;
    let widest = rules.sites.values().chain([&rules.default]).map(|rules| rules.limits.lateness_ms).max();
    Ok(identity::Rules {
        look_back_ms: i64::from(config.identity.look_back_days) * DAY_MS,
        lateness_ms: widest.unwrap_or_default(),
        remember_ms: i64::from(config.identity.remember_days) * DAY_MS,
        most_ids: config.identity.most_visitors,
        most_ids_a_day: config.identity.most_visitors_a_day,
        ..identity::Rules::default()
    })
}

/// Journey rules as configured.
///
/// # Errors
/// The stage model cannot be read.
pub fn journey_rules(config: &Config) -> Result<JourneyRules> {
    let name = &config.journeys.model;
    let model = StageModel::from_yaml(&model_text(name)?);
    journey_rules_with(config, model.with_context(|| ConfigError::Names(format!("journeys.model: {name}")))?)
}

/// The text of the stage model that is configured: a shipped one's name, or a path.
///
/// # Errors
/// The file cannot be read.
pub fn model_text(model: &str) -> Result<String> {
    if model == "retail" {
        return Ok(StageModel::RETAIL.to_owned());
    }
    let text = std::fs::read_to_string(model);
    text.with_context(|| ConfigError::Names(format!("journeys.model: cannot read {model} (shipped is: retail)")))
}

/// Journey rules as configured, with this stage model.
///
/// # Errors
/// A value that cannot work.
pub fn journey_rules_with(config: &Config, model: StageModel) -> Result<JourneyRules> {
    let journeys = &config.journeys;
    let rules = session_rules(config)?;
    let widest = rules.sites.values().chain([&rules.default]);
    let horizon_ms = widest.map(|r| r.limits.lateness_ms + r.longest_ms + r.limits.gap_ms).max().unwrap_or_default();
    Ok(JourneyRules {
        models: vec![model],
        cart_abandoned_after_ms: i64::from(journeys.cart_abandoned_after_minutes) * 60_000,
        horizon_ms,
        history_ms: identity_rules(config)?.kept_ms(),
        throttle_ms: i64::from(config.pace.correction_interval_ms),
        look_back_ms: i64::from(journeys.look_back_days) * 86_400_000,
        ..JourneyRules::default()
    })
}
