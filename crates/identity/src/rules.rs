//! What linking is done by.

use crate::ring::Packing;

const HOUR: i64 = 3_600_000;
/// A day, ms.
pub(crate) const DAY: i64 = 24 * HOUR;

/// The least share of a bound that a partition has, if the bound is as much.
const FEWEST: u32 = 4;

/// The rules of one partition's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How far before a claim anonymous touchpoints join the customer's journey, ms. Default: 30 d. 0: none join.
    pub look_back_ms: i64,
    /// How far before a click that names another customer than the last one did anonymous touchpoints are that other's, ms; not so
    /// far behind the last one's. Default: 30 min, what a session's gap is by default.
    pub before_login_ms: i64,
    /// How late a claim may come behind the watermark and still find all of them, ms: the allowed lateness. Default: 1 h.
    pub lateness_ms: i64,
    /// How long a link outlives the last touchpoint of its visitor, ms. Default: 395 d, the longest a cookie should live.
    pub remember_ms: i64,
    /// Anonymous touchpoints of one visitor kept to change hands. Beyond, they stay with whom they were told to: that many
    /// are no person's. Default: 20,000.
    pub most_kept: u16,
    /// Visitors and contacts of one customer that link: the earliest claims. Default: 1,000; 0: all.
    pub most_ids: u32,
    /// Visitors and contacts first claimed for one customer on one day (UTC); with more the id is shared, and links nobody from
    /// that day on. Default: 100; 0: any number.
    pub most_ids_a_day: u32,
    /// How kept touchpoints are packed.
    pub packing: Packing,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            look_back_ms: 30 * DAY,
            before_login_ms: HOUR / 2,
            lateness_ms: HOUR,
            remember_ms: 395 * DAY,
            most_kept: 20_000,
            most_ids: 1_000,
            most_ids_a_day: 100,
            packing: Packing::default(),
        }
    }
}

impl Rules {
    /// How far behind the watermark a touchpoint may still change hands, ms: what a claim reaches back to; and a day more if a
    /// day's first claims may turn out to be a shared id's at its end.
    #[must_use]
    pub fn kept_ms(&self) -> i64 {
        let day = if self.most_ids_a_day > 0 { DAY } else { 0 };
        self.look_back_ms.saturating_add(self.lateness_ms).saturating_add(day)
    }

    /// These rules in a log of so many partitions: what a customer may have is dealt out evenly, for each partition decides of
    /// its own ids. Nobody with a few devices is to suffer from how they fall: a share is never less than four of them.
    #[must_use]
    pub fn dealt_to(self, partitions: u32) -> Rules {
        let share = |most: u32| (most / partitions.max(1)).max(most.min(FEWEST));
        Rules { most_ids: share(self.most_ids), most_ids_a_day: share(self.most_ids_a_day), ..self }
    }

    /// Whether claims are counted at all.
    pub(crate) fn is_bounded(&self) -> bool {
        self.most_ids > 0 || self.most_ids_a_day > 0
    }

    /// So many claims for one customer all link.
    pub(crate) fn fewest(&self) -> usize {
        let bounds = [self.most_ids, self.most_ids_a_day];
        bounds.into_iter().filter(|most| *most > 0).min().map_or(usize::MAX, |most| most as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_dealt_out_and_none_stays_none() {
        let rules = Rules { most_ids: 100, most_ids_a_day: 0, ..Rules::default() };
        let dealt = |partitions| (rules.dealt_to(partitions).most_ids, rules.dealt_to(partitions).most_ids_a_day);
        assert_eq!([dealt(1), dealt(8), dealt(1000)], [(100, 0), (12, 0), (4, 0)]);
        assert_eq!(Rules { most_ids: 3, ..rules }.dealt_to(1000).most_ids, 3);
        assert_eq!((rules.fewest(), rules.kept_ms()), (100, 30 * DAY + HOUR));
        assert_eq!(Rules::default().kept_ms(), 31 * DAY + HOUR);
    }
}
