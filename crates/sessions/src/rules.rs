//! The settings of the rules, per site.

use std::collections::BTreeMap;

/// What decides where sessions and conversations of one site are cut. Durations are milliseconds of event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Longest silence inside a session: exactly this far apart is the same session, one more is a new one. Default 30 min.
    pub gap_ms: i64,
    /// How far behind the watermark the end of an event's merged window may lie before the event is late. Default 1 h.
    pub lateness_ms: i64,
    /// Longest session, from its first event to its last: one ms more rolls it over. Default 24 h.
    pub longest_ms: i64,
    /// Most events of one session, heartbeats included: one more rolls it over. Default 10 000.
    pub most_events: u32,
    /// A session at least this long is engaged. Default 10 s.
    pub engaged_ms: i64,
    /// A session with at least this many views is engaged. Default 2.
    pub engaged_views: u32,
    /// Silence that ends a conversation without an id, and after which one with an id counts as settled. Default 24 h.
    pub conversation_gap_ms: i64,
    /// How long the summary of a settled conversation with an id is kept, so that a later entry goes on from it. Default 90 d.
    pub conversation_memory_ms: i64,
}

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            gap_ms: 30 * MINUTE,
            lateness_ms: 60 * MINUTE,
            longest_ms: DAY,
            most_events: 10_000,
            engaged_ms: 10_000,
            engaged_views: 2,
            conversation_gap_ms: DAY,
            conversation_memory_ms: 90 * DAY,
        }
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
}

impl Default for RuleBook {
    fn default() -> RuleBook {
        RuleBook { default: Rules::default(), sites: BTreeMap::new(), correction_ms: 5_000, first_row_ms: 0 }
    }
}

impl RuleBook {
    /// The rules of `site`.
    #[must_use]
    pub fn of(&self, site: &str) -> Rules {
        self.sites.get(site).copied().unwrap_or(self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_without_rules_of_its_own_has_the_default_ones() {
        let own = Rules { gap_ms: 1, ..Rules::default() };
        let book = RuleBook { sites: [("shop".to_owned(), own)].into(), ..RuleBook::default() };
        assert_eq!(book.of("shop"), own);
        assert_eq!(book.of("blog"), Rules::default());
    }
}
