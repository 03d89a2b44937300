//! The settings of the rules, per site.

use crate::behaviour::Pace;
use crate::business_hours::Hours;
use crate::midnight::Zone;
use crate::sla::Policy;
use crate::stays::StayRules;
use crumbtrail_events::Kind;
use std::collections::BTreeMap;

/// What decides where sessions and conversations of one site are cut, and what their rows say. Durations are
/// milliseconds of event time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What is looked at for every event.
    pub limits: Limits,
    /// Longest session, from its first event to its last: one ms more rolls it over. Default 24 h.
    pub longest_ms: i64,
    /// Most events of one session, heartbeats included: one more rolls it over. Default 10 000.
    pub most_events: u32,
    /// A new, different campaign starts a session. Default off.
    pub cut_on_campaign: bool,
    /// Midnight in this zone starts a session; `None` for off, the default.
    pub midnight: Option<Zone>,
    /// Another customer than the session's starts a session. Default on.
    pub cut_on_customer: bool,
    /// A session at least this long is engaged. Default 10 s.
    pub engaged_ms: i64,
    /// A session with at least this many views is engaged. Default 2.
    pub engaged_views: u32,
    /// A session with an event of one of these kinds is engaged, as it is with media that were watched. Default: purchase.
    pub conversions: Kinds,
    /// Distance of two heartbeats of one page, the length of a ping slot. Default 10 s.
    pub heartbeat_ms: i64,
    /// What a view with heartbeats is worth before the first of them. Default 5 s.
    pub minimum_visit_ms: i64,
    /// The last so many events of a chain are kept one by one after the horizon has passed them, a quarter more at most. What comes
    /// before those that were not is late. With as many as a session may have, that is what comes before the session still open.
    /// Default 10 000.
    pub kept_events: u32,
    /// What makes a session a robot's by its events. Default nothing.
    pub pace: Pace,
    /// When somebody in a shop has dwelt, and when they have left. Defaults: see [`StayRules`].
    pub stays: StayRules,
    /// When the service is open: business time of conversations. Default always.
    pub hours: Hours,
    /// What was promised to whom, the first that fits counts. Default nothing.
    pub policies: Vec<Policy>,
}

/// The settings that every event needs, apart because they are copied for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest silence inside a session: exactly this far apart is the same session, one more is a new one. Default 30 min.
    pub gap_ms: i64,
    /// How far behind the watermark the end of an event's merged window may lie before the event is late. Default 1 h.
    pub lateness_ms: i64,
    /// Silence that ends a conversation without an id, and after which one with an id counts as settled. Default 24 h.
    pub conversation_gap_ms: i64,
    /// Longest silence inside a conversation with an id: exactly this far apart is the same one, one more begins another of the same
    /// id. Not less than `conversation_gap_ms`. Default 90 d.
    pub conversation_memory_ms: i64,
    /// The client's own session id decides. Default off.
    pub client_sessions: bool,
}

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            gap_ms: 30 * MINUTE,
            lateness_ms: 60 * MINUTE,
            conversation_gap_ms: DAY,
            conversation_memory_ms: 90 * DAY,
            client_sessions: false,
        }
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            limits: Limits::default(),
            longest_ms: DAY,
            most_events: 10_000,
            cut_on_campaign: false,
            midnight: None,
            cut_on_customer: true,
            engaged_ms: 10_000,
            engaged_views: 2,
            conversions: Kinds::of(&[Kind::Purchase]),
            heartbeat_ms: 10_000,
            minimum_visit_ms: 5_000,
            kept_events: 10_000,
            pace: Pace::default(),
            stays: StayRules::default(),
            hours: Hours::default(),
            policies: Vec::new(),
        }
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u64);

impl Kinds {
    /// The set of these.
    #[must_use]
    pub const fn of(kinds: &[Kind]) -> Kinds {
        let (mut set, mut i) = (0, 0);
        while i < kinds.len() {
            set |= 1 << kinds[i] as u8;
            i += 1;
        }
        Kinds(set)
    }

    /// Whether `kind` is among them.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }
}

/// The rules of every site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleBook {
    /// Rules of sites that have none of their own.
    pub default: Rules,
    /// Rules of single sites, by site name.
    pub sites: BTreeMap<String, Rules>,
    /// Least wall time, as told by ticks, between two corrections of one visitor's open rows, ms. Default 5 s.
    pub correction_ms: i64,
    /// Least wall time, as told by ticks, between the tick before a session's first event and its first row while it is
    /// open, ms: half the time between two ticks, so that a history read in no time has no rows of sessions still open. Default 0.
    pub first_row_ms: i64,
    /// Most events of one visitor of which rows are said at one tick, but for final ones; the next tick goes on from there.
    /// 48 at least. Default 2 048.
    pub events_a_tick: usize,
}

impl Default for RuleBook {
    fn default() -> RuleBook {
        RuleBook {
            default: Rules::default(),
            sites: BTreeMap::new(),
            correction_ms: 5_000,
            first_row_ms: 0,
            events_a_tick: 2_048,
        }
    }
}

impl RuleBook {
    /// The rules of `site`.
    #[must_use]
    pub fn of(&self, site: &str) -> &Rules {
        self.sites.get(site).unwrap_or(&self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_without_rules_of_its_own_has_the_default_ones() {
        let own = Rules { longest_ms: 1, ..Rules::default() };
        let book = RuleBook { sites: [("shop".to_owned(), own.clone())].into(), ..RuleBook::default() };
        assert_eq!(book.of("shop"), &own);
        assert_eq!(book.of("blog"), &Rules::default());
    }

    #[test]
    fn a_set_has_what_it_was_made_of() {
        let set = Kinds::of(&[Kind::Purchase, Kind::SignUp]);
        assert!(Kind::ALL.iter().all(|&kind| set.has(kind) == matches!(kind, Kind::Purchase | Kind::SignUp)));
    }
}
