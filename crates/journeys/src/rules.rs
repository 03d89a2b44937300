//! The thresholds and models that journeys are computed with.

use crumbtrail_events::Micros;
use xxhash_rust::xxh3::xxh3_64;

use crate::model::StageModel;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// What journeys are computed with, until other rules are told (`change.rs`).
#[derive(Clone, Debug, PartialEq)]
pub struct JourneyRules {
    /// Stage models; the first one's stage stands in the journeys table. Default: `retail`.
    pub models: Vec<StageModel>,
    /// Cart: no purchase for longer than this after its last activity, ms. Default: 60 min.
    pub cart_abandoned_after_ms: i64,
    /// How far behind the watermark a touchpoint may still arrive, ms: lateness + longest session + gap. Default: 25.5 h.
    pub horizon_ms: i64,
    /// How far behind the watermark a touchpoint may still change hands, ms: identity's look-back + lateness. At least
    /// `horizon_ms` counts. Default: 30 d + 1 h.
    pub history_ms: i64,
    /// Least wall time between two versions of one person's rows, ms. Default: 5 s.
    pub throttle_ms: i64,
    /// How long before a conversion a touch still counts, ms. Default: 30 d.
    pub look_back_ms: i64,
    /// Cart values from which an abandoned cart is of severity 2 and 3, per currency; an empty currency stands for all
    /// others.
    pub cart_severity: Vec<CartSeverity>,
}

/// From which value on an abandoned cart matters more.
#[derive(Clone, Debug, PartialEq)]
pub struct CartSeverity {
    /// Currency, ISO 4217; empty: every other one.
    pub currency: String,
    /// Severity 2 from here.
    pub medium: Micros,
    /// Severity 3 from here.
    pub high: Micros,
}

impl Default for JourneyRules {
    fn default() -> JourneyRules {
        let severity = |currency: &str, medium: i64, high: i64| CartSeverity {
            currency: currency.to_owned(),
            medium: Micros(medium * 1_000_000),
            high: Micros(high * 1_000_000),
        };
        JourneyRules {
            models: vec![StageModel::retail()],
            cart_abandoned_after_ms: 60 * MINUTE,
            horizon_ms: HOUR + 24 * HOUR + 30 * MINUTE,
            history_ms: 30 * DAY + HOUR,
            throttle_ms: 5000,
            look_back_ms: 30 * DAY,
            cart_severity: vec![
                severity("", 50, 200),
                severity("THB", 1500, 6000),
                severity("IDR", 750_000, 3_000_000),
            ],
        }
    }
}

impl JourneyRules {
    /// 1 (low) to 3 (high) for a cart of this value.
    pub(crate) fn severity(&self, currency: &str, value: Micros) -> u8 {
        let of = |wanted: &str| self.cart_severity.iter().find(|severity| severity.currency == wanted);
        match of(currency).or_else(|| of("")) {
            Some(severity) if value >= severity.high => 3,
            Some(severity) if value >= severity.medium => 2,
            _ => 1,
        }
    }

    /// Whether a rule asks for the names of events.
    pub(crate) fn asks_for_names(&self) -> bool {
        self.models.iter().flat_map(|model| &model.rules).any(|rule| !rule.names.is_empty())
    }

    /// How far behind the watermark touchpoints are kept, ms.
    pub(crate) fn kept_ms(&self) -> i64 {
        self.history_ms.max(self.horizon_ms)
    }

    /// Hash of what a stored state depends on: the models' stages, rules and counts. Thresholds may change between a
    /// snapshot and its loading; they hold from then on.
    pub(crate) fn shape(&self) -> u64 {
        let mut text = String::new();
        for model in &self.models {
            text.push_str(&model.name);
            for stage in &model.stages {
                text.push('\n');
                text.push_str(&stage.name);
            }
            for rule in &model.rules {
                text.push_str(&format!("\n{}>{}x{}{}", rule.name, rule.to, rule.count, rule.is_timed));
            }
            text.push('\0');
        }
        xxh3_64(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_is_judged_in_the_cart_s_own_currency() {
        let rules = JourneyRules::default();
        assert_eq!(rules.severity("USD", Micros(60_000_000)), 2);
        assert_eq!(rules.severity("THB", Micros(60_000_000)), 1);
        assert_eq!(rules.severity("IDR", Micros(3_000_000_000_000)), 3);
    }
}
