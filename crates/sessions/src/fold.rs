//! Folding: of a chain too long to be kept, all but the last events behind the horizon become a sum, whose cuts stand.

use crate::chain::{Base, Chain, Ids, Rare};
use crate::event::{Event, Order};
use crate::intern::Interner;
use crate::places::Places;
use crate::rows::Cut;
use crate::rules::Rules;
use crate::session;
use crate::window;
use crumbtrail_events::EventTime;

impl Chain {
    /// How many of its events are to be folded: those before the last that are kept behind the horizon, once they are a quarter more.
    pub(crate) fn foldable(&self, horizon: EventTime, rules: &Rules) -> usize {
        let kept = rules.kept_events as usize;
        if self.live.len() <= kept {
            return 0;
        }
        let old = self.live.place_of(Order { at: horizon, ..Order::FIRST });
        if old > kept.saturating_add(kept / 4) { old - kept } else { 0 }
    }

    /// Folds the first `n` events into the base. Changes no cut: [`window::cut`] may stop and go on anywhere.
    pub(crate) fn fold(&mut self, n: usize, rules: &Rules, interner: &Interner) {
        if n == 0 {
            return;
        }
        let old: Vec<Event> = self.live.take_first(n).iter().copied().collect();
        let class = self.class;
        self.rare();
        let rare = self.rare.get_or_insert_default();
        rare.folded_to = old.last().map_or(rare.folded_to, Event::order);
        for event in &old {
            rare.folded.insert(event.id);
        }
        if self.live.len() <= Chain::SCANNED {
            rare.places = Places::default();
        } else {
            old.iter().for_each(|event| rare.places.remove(event));
        }
        if class.is_session() {
            fold_sessions(rare, &old, rules, interner);
        } else {
            let mut sum = match rare.base.take() {
                Some(Base::Conversation(sum)) => sum,
                _ => Box::default(),
            };
            for event in &old {
                let begins = sum.is_empty();
                fold_head(event, begins, &mut sum.is_emitted, &mut rare.stale);
                sum.add(event, rules, interner);
            }
            rare.base = Some(Base::Conversation(sum));
        }
        let base = match &rare.base {
            Some(Base::Session(sum)) => Some(sum.open.start),
            _ => None,
        };
        if rare.told.as_ref().is_some_and(|told| !told.outlasts(rare.folded_to, base)) {
            rare.begin_anew();
        }
        rare.fold_heads();
    }
}

impl Rare {
    /// Of the heads that were folded the base's own is left, if its row was said.
    fn fold_heads(&mut self) {
        let base = match &self.base {
            Some(Base::Session(sum)) => sum.is_emitted.then_some(sum.open.start),
            Some(Base::Conversation(sum)) => sum.is_emitted.then_some(sum.begin()),
            None => None,
        };
        let folded = self.heads.partition_point(|&head| head <= self.folded_to);
        self.heads.splice(..folded, base);
    }
}

/// Folds events into the sum of the session open at their end; sessions that end among them are done.
fn fold_sessions(rare: &mut Rare, old: &[Event], rules: &Rules, interner: &Interner) {
    let mut base = match rare.base.take() {
        Some(Base::Session(sum)) => Some(*sum),
        _ => None,
    };
    let mut next = 0;
    let mut is_done = false;
    window::cut(old, base.as_ref().map(|sum| sum.open), rules, interner, |segment| {
        let mut sum = match base.take() {
            Some(sum) if segment.is_carried => sum,
            _ => session::Summary::default(),
        };
        // Events that no session may begin with, left out before this one.
        for event in &old[next..segment.events.start.max(next)] {
            fold_head(event, false, &mut false, &mut rare.stale);
        }
        next = segment.events.end.max(next);
        for (n, event) in old[segment.events.clone()].iter().enumerate() {
            fold_head(event, n == 0 && !segment.is_carried, &mut sum.is_emitted, &mut rare.stale);
            sum.add(event, rules, interner);
        }
        sum.open = segment.open;
        if segment.cut == Cut::Open {
            base = Some(sum);
        } else {
            rare.done.push((sum, segment.cut));
            is_done = true;
        }
    });
    for event in &old[next..] {
        fold_head(event, false, &mut false, &mut rare.stale);
    }
    if is_done {
        // Repeats of what lies in a session that is done are late, not unknown.
        rare.folded = match &base {
            Some(base) => old.iter().filter(|e| e.order() >= base.open.start).map(|e| e.id).collect(),
            None => Ids::default(),
        };
    }
    rare.base = base.map(|sum| Base::Session(Box::new(sum)));
}

/// Keeps the mark of an emitted row when its first event is folded: on the sum it begins, else among the stale ones.
fn fold_head(event: &Event, begins: bool, is_emitted: &mut bool, stale: &mut Vec<Order>) {
    if event.has(Event::EMITTED) {
        if begins {
            *is_emitted = true;
        } else {
            stale.push(event.order());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Class;
    use crumbtrail_events::Kind;

    fn event(at: i64) -> Event {
        Event::new(EventTime(at), at as u64, Kind::Click)
    }

    #[test]
    fn folding_moves_no_cut() {
        let rules = Rules { most_events: 7, ..Rules::default() };
        let interner = Interner::new();
        let mut chain = Chain::new(Class::PERSON);
        (0..30).for_each(|at| chain.insert(event(at)));
        let mut folded = chain.clone();
        for count in [3, 1, 7, 14] {
            folded.fold(count, &rules, &interner);
        }
        chain.fold(25, &rules, &interner);
        let [ours, theirs] =
            [chain, folded].map(|mut chain| (std::mem::take(&mut chain.rare().done), chain.carried().cloned()));
        assert_eq!(ours, theirs);
        assert_eq!(ours.0.len(), 3);
    }

    #[test]
    fn only_a_chain_with_more_than_is_kept_behind_the_horizon_is_folded_and_the_last_are_kept() {
        let rules = Rules { kept_events: 4, ..Rules::default() };
        let mut chain = Chain::new(Class::PERSON);
        (0..10).for_each(|at| chain.insert(event(at)));
        assert_eq!([4, 5, 6, 10].map(|horizon| chain.foldable(EventTime(horizon), &rules)), [0, 0, 2, 6]);
        chain.fold(2, &rules, &Interner::new());
        assert!(chain.is_folded_past(event(0).order()) && !chain.is_folded_past(event(1).order()));
        assert_eq!(chain.foldable(EventTime(7), &rules), 0);
    }
}
