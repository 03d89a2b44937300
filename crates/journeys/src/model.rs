//! Stage models: ordered stages, and the rules that move a person between them. They are data (YAML).

use crumbtrail_events::vocabulary::Scale;
use crumbtrail_events::{EventTime, Kind};

use crate::point::Seen;
use crate::strings::Strings;

/// Number of the rule that enters the first stage when no other rule takes the first touchpoint.
pub(crate) const ENTRY: u32 = u32::MAX;
/// Its name.
pub(crate) const ENTRY_NAME: &str = "first_touchpoint";
/// No stage yet.
pub(crate) const NOWHERE: u8 = u8::MAX;

/// A validated stage model.
#[derive(Clone, Debug, PartialEq)]
pub struct StageModel {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) stages: Vec<StageDef>,
    /// In the order written: the first that holds wins.
    pub(crate) rules: Vec<Rule>,
    /// Rules that time alone fires: (silence in ms, index of the rule), shortest first.
    pub(crate) silences: Vec<(i64, u32)>,
    /// Remembered times that the counting rules need together.
    pub(crate) slots: usize,
}

/// One stage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StageDef {
    pub(crate) name: String,
    /// Longer than this in the stage is stalled, ms.
    pub(crate) stalled_after: Option<i64>,
}

/// One rule. Masks have a bit per code; all ones when the rule does not ask.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) to: u8,
    /// Stages it may leave, a bit each.
    pub(crate) from: u64,
    /// It may also begin a journey.
    pub(crate) may_enter: bool,
    pub(crate) kinds: u64,
    pub(crate) channels: u64,
    pub(crate) authors: u64,
    pub(crate) feelings: u64,
    pub(crate) names: Vec<String>,
    pub(crate) friction: Option<bool>,
    pub(crate) rating: Option<RatingRange>,
    /// Touchpoints needed, this one included (1: no counting).
    pub(crate) count: u32,
    /// … within so many ms.
    pub(crate) within: i64,
    /// First of its `count − 1` remembered times.
    pub(crate) slot: usize,
    /// It is fired by silence, not by a touchpoint.
    pub(crate) is_timed: bool,
}

/// Ratings a rule asks for, bounds included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RatingRange {
    pub(crate) scale: Scale,
    pub(crate) at_least: f32,
    pub(crate) at_most: f32,
}

impl StageModel {
    /// The text of the shipped model.
    pub const RETAIL: &str = include_str!("../models/retail.yaml");

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version, as written.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Its stages in order.
    pub fn stages(&self) -> impl Iterator<Item = &str> {
        self.stages.iter().map(|stage| stage.name.as_str())
    }

    pub(crate) fn stage_name(&self, stage: u8) -> &str {
        self.stages.get(usize::from(stage)).map_or("", |stage| stage.name.as_str())
    }

    pub(crate) fn rule_name(&self, rule: u32) -> &str {
        self.rules.get(rule as usize).map_or(ENTRY_NAME, |rule| rule.name.as_str())
    }

    /// When somebody who entered `stage` at `since` counts as stalled: after this time.
    pub(crate) fn stalled_at(&self, stage: u8, since: EventTime) -> Option<EventTime> {
        let after = self.stages.get(usize::from(stage))?.stalled_after?;
        Some(since.plus(after))
    }
}

impl Rule {
    /// Whether it may move somebody who stands in `stage`.
    pub(crate) fn leaves(&self, stage: u8) -> bool {
        if stage == NOWHERE { self.may_enter } else { self.from & (1 << stage) != 0 }
    }

    /// Whether the touchpoint meets everything the rule asks, counting aside.
    #[inline]
    pub(crate) fn holds(&self, seen: &Seen<'_>, strings: &Strings) -> bool {
        self.may_hold(seen.point.kind)
            && self.channels & (1 << seen.point.channel as u32) != 0
            && self.authors & (1 << seen.point.author as u32) != 0
            && self.feelings & (1 << seen.detail.feeling as u32) != 0
            && self.friction.is_none_or(|wanted| wanted == seen.detail.friction)
            && self.rating.is_none_or(|range| range.holds(seen))
            && (self.names.is_empty() || self.names.iter().any(|name| name == strings.get(seen.detail.name)))
    }

    #[inline]
    fn may_hold(&self, kind: Kind) -> bool {
        self.kinds & (1 << kind as u32) != 0
    }
}

impl RatingRange {
    fn holds(self, seen: &Seen<'_>) -> bool {
        seen.detail.scale == self.scale
            && seen.detail.rating.is_some_and(|rating| (self.at_least..=self.at_most).contains(&rating))
    }
}
