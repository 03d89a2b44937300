//! Ids that are claimed for one customer: how many of them link.
//!
//! ```text
//!  day 1      day 2       day 3 (more than a day may have)      day 4
//!  ● ●        ● ● ●       ● ● ● ● ● ● ● ● ●                     ●
//!  └─ the least, up to so many, link ─┘ └─ shared: nobody's id from this day on ─►
//! ```
//! What is over is decided by the claims there are, whichever came first: an earlier one that comes late takes the place of the
//! last. Within the lateness that is a claim so young that everything it moved is still kept.

use std::collections::{BTreeMap, BTreeSet};

use crumbtrail_events::{EventTime, Key};

use crate::rows::Standing;
use crate::rules::{DAY, Rules};

/// A claim, the lesser first: when, by what event, and of which id.
pub(crate) type Rank = (EventTime, u64, Key);

/// A claim that stands otherwise now: of which id, and why it does not link, if it does not.
pub(crate) type Flip = (Key, Option<Standing>);

/// What stays decided when the ids that decided it are forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// There were more claims than link: what is forgotten from now on keeps its place.
    pub(crate) is_full: bool,
    /// Places that are taken by ids forgotten since.
    pub(crate) gone: u32,
    /// The id is shared from this day on (days since 1970, UTC).
    pub(crate) shared: Option<i64>,
}

/// The claims for one customer, an operator's apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crowd {
    /// Every id with a claim, also an operator's and one that was undone.
    pub(crate) ids: BTreeSet<Key>,
    /// The least claims, as many as there are places.
    within: BTreeSet<Rank>,
    /// The others.
    beyond: BTreeSet<Rank>,
    /// By day of the claims, how many.
    days: BTreeMap<i64, u32>,
    pub(crate) settled: Settled,
}

impl Crowd {
    pub(crate) fn new(settled: Settled) -> Crowd {
        Crowd { settled, ..Crowd::default() }
    }

    /// Why this claim does not link: `None` if it does, as far as this goes.
    pub(crate) fn cut(&self, rank: Rank, rules: &Rules) -> Option<Standing> {
        cut(rank, self.shared_from(rules), self.beyond.contains(&rank))
    }

    /// Puts the claim of the id `own` in another place, or takes it out, or in; gives the claims of other ids that stand
    /// otherwise now.
    pub(crate) fn change(&mut self, own: Key, before: Option<Rank>, after: Option<Rank>, rules: &Rules) -> Vec<Flip> {
        let shared_before = self.shared_from(rules);
        if let Some(before) = before {
            self.remove(before);
        }
        if let Some(after) = after {
            self.insert(after);
        }
        let crossed = self.balance(rules);
        let shared = self.shared_from(rules);
        let mut touched: BTreeSet<Rank> = crossed.iter().copied().collect();
        let (from, to) = (shared_before.min(shared), shared_before.max(shared));
        if from < to {
            let between = (from, 0, Key(0))..(to, 0, Key(0));
            touched.extend(self.within.range(between.clone()).chain(self.beyond.range(between)));
        }
        touched
            .into_iter()
            .filter(|(.., key)| *key != own)
            .filter_map(|rank| {
                let is_beyond = self.beyond.contains(&rank);
                let was_beyond = is_beyond != crossed.contains(&rank);
                let now = cut(rank, shared, is_beyond);
                (cut(rank, shared_before, was_beyond) != now).then_some((rank.2, now))
            })
            .collect()
    }

    /// Lets go of an id nobody has seen for long. Nothing stands otherwise for it.
    pub(crate) fn forget(&mut self, key: Key, rank: Option<Rank>, rules: &Rules) {
        self.ids.remove(&key);
        let Some(rank) = rank else { return };
        self.settled.shared = self.shared_day(rules);
        let had_place = self.within.contains(&rank);
        self.remove(rank);
        if had_place && self.settled.is_full {
            self.settled.gone = self.settled.gone.saturating_add(1);
        }
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        let ranks = self.within.len() + self.beyond.len();
        size_of::<Crowd>() + self.ids.len() * size_of::<Key>() + ranks * size_of::<Rank>() + self.days.len() * 12
    }

    fn remove(&mut self, rank: Rank) {
        if (self.within.remove(&rank) || self.beyond.remove(&rank))
            && let Some(count) = self.days.get_mut(&day(rank))
        {
            *count -= 1;
            if *count == 0 {
                self.days.remove(&day(rank));
            }
        }
    }

    fn insert(&mut self, rank: Rank) {
        let has_place = self.beyond.first().is_none_or(|first| rank < *first);
        if if has_place { self.within.insert(rank) } else { self.beyond.insert(rank) } {
            *self.days.entry(day(rank)).or_default() += 1;
        }
    }

    /// Gives the places to the least; what lost or got one.
    fn balance(&mut self, rules: &Rules) -> Vec<Rank> {
        let places = match rules.most_ids {
            0 => usize::MAX,
            most => most.saturating_sub(self.settled.gone) as usize,
        };
        let mut crossed = Vec::new();
        while self.within.len() > places
            && let Some(last) = self.within.pop_last()
        {
            self.beyond.insert(last);
            crossed.push(last);
        }
        while self.within.len() < places
            && let Some(first) = self.beyond.pop_first()
        {
            self.within.insert(first);
            crossed.push(first);
        }
        self.settled.is_full |= !self.beyond.is_empty();
        crossed
    }

    fn shared_day(&self, rules: &Rules) -> Option<i64> {
        let most = Some(rules.most_ids_a_day).filter(|most| *most > 0);
        let busy = most.and_then(|most| self.days.iter().find(|(_, count)| **count > most));
        busy.map(|(day, _)| *day).into_iter().chain(self.settled.shared).min()
    }

    fn shared_from(&self, rules: &Rules) -> EventTime {
        self.shared_day(rules).map_or(EventTime::MAX, |day| EventTime(day.saturating_mul(DAY)))
    }
}

fn cut(rank: Rank, shared_from: EventTime, is_beyond: bool) -> Option<Standing> {
    if rank.0 >= shared_from { Some(Standing::Shared) } else { is_beyond.then_some(Standing::OverLimit) }
}

/// Days since 1970, UTC.
fn day(rank: Rank) -> i64 {
    rank.0.0.div_euclid(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules() -> Rules {
        Rules { most_ids: 4, most_ids_a_day: 3, ..Rules::default() }
    }

    /// From all claims at once.
    fn naive(claims: &[Rank]) -> BTreeMap<Key, Option<Standing>> {
        let mut sorted = claims.to_vec();
        sorted.sort_unstable();
        let busy = |rank: &&Rank| claims.iter().filter(|other| day(**other) == day(**rank)).count() > 3;
        let shared = sorted.iter().find(busy).map(|rank| day(*rank));
        let stands = |(place, rank): (usize, &Rank)| {
            let cut = match shared {
                Some(from) if day(*rank) >= from => Some(Standing::Shared),
                _ => (place >= 4).then_some(Standing::OverLimit),
            };
            (rank.2, cut)
        };
        sorted.iter().enumerate().map(stands).collect()
    }

    proptest! {
        /// Claims come, move to earlier times, and go; what was told of each is what all together say.
        #[test]
        fn what_is_over_follows_from_the_claims_alone(
            said in prop::collection::vec((0u128..12, -3i64..4, 0i64..3, prop::bool::weighted(0.8)), 1..60),
        ) {
            let (mut crowd, mut told) = (Crowd::default(), BTreeMap::new());
            let mut claims: BTreeMap<Key, Rank> = BTreeMap::new();
            for (id, at_day, part, stays) in said {
                let key = Key(id);
                let after = stays.then_some((EventTime(at_day * DAY + part), 7, key));
                let before = claims.remove(&key);
                claims.extend(after.map(|after| (key, after)));
                told.extend(crowd.change(key, before, after, &rules()));
                told.remove(&key);
                told.extend(after.map(|after| (key, crowd.cut(after, &rules()))));
                let all: Vec<Rank> = claims.values().copied().collect();
                prop_assert_eq!(&told, &naive(&all));
            }
        }
    }

    #[test]
    fn what_is_decided_stays_when_the_ids_that_decided_it_are_forgotten() {
        let rank = |id: u128, day: i64| (EventTime(day * DAY), 0, Key(id));
        let mut full = Crowd::default();
        for id in 0..6 {
            full.change(Key(id), None, Some(rank(id, id as i64)), &rules());
        }
        full.forget(Key(0), Some(rank(0, 0)), &rules());
        full.forget(Key(5), Some(rank(5, 5)), &rules());
        assert_eq!(full.settled, Settled { is_full: true, gone: 1, shared: None });
        assert!(full.change(Key(9), None, Some(rank(9, 9)), &rules()).is_empty(), "no place was free");
        assert_eq!(full.cut(rank(9, 9), &rules()), Some(Standing::OverLimit));
        let mut shared = Crowd::default();
        for id in 0..4 {
            shared.change(Key(id), None, Some(rank(id, 1)), &rules());
        }
        for id in 0..4 {
            shared.forget(Key(id), Some(rank(id, 1)), &rules());
        }
        shared.change(Key(9), None, Some(rank(9, 9)), &rules());
        assert_eq!(shared.cut(rank(9, 9), &rules()), Some(Standing::Shared));
        assert_eq!(shared.cut(rank(9, 0), &rules()), None, "before that day it links");
    }
}
