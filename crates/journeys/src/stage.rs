//! Where a person stands in a stage model, and what moves them.

use crumbtrail_events::EventTime;
use crumbtrail_events::vocabulary::Channel;
use smallvec::SmallVec;

use crate::found::{Found, Move};
use crate::model::{ENTRY, NOWHERE, StageModel};
use crate::point::Seen;
use crate::snapshot::stored;
use crate::strings::Strings;

/// A person's place in one stage model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stage {
    pub(crate) current: u8,
    pub(crate) since: EventTime,
    pub(crate) moves: u32,
    /// Timed rules asked since the person last did something, shortest silence first.
    pub(crate) asked: u32,
    /// The last times each counting rule held: `count − 1` per rule, oldest first.
    pub(crate) times: SmallVec<[EventTime; 2]>,
}
stored!(Stage { current, since, moves, asked, times });

/// What a move says beyond the stages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause {
    /// Number of the model.
    pub(crate) model: u8,
    /// Event id hash.
    pub(crate) id: u64,
    /// Last touch before it.
    pub(crate) channel: Channel,
}

impl Stage {
    pub(crate) fn new(model: &StageModel) -> Stage {
        Stage {
            current: NOWHERE,
            since: EventTime::MIN,
            moves: 0,
            asked: 0,
            times: SmallVec::from_elem(EventTime::MIN, model.slots),
        }
    }

    /// Whether it fits the model: what a stored one must promise before it is used.
    pub(crate) fn fits(&self, model: &StageModel) -> bool {
        self.times.len() == model.slots && (self.current == NOWHERE || usize::from(self.current) < model.stages.len())
    }

    /// Asks the rules about one touchpoint. `at` never lies before an earlier call's.
    pub(crate) fn touchpoint(
        &mut self,
        model: &StageModel,
        seen: &Seen<'_>,
        at: EventTime,
        cause: Cause,
        strings: &Strings,
        found: &mut Found,
    ) {
        let mut fired = None;
        for (number, rule) in model.rules.iter().enumerate() {
            if rule.is_timed || !rule.holds(seen, strings) {
                continue;
            }
            // Every counting rule remembers, whichever fires.
            if rule.count > 1 && !self.counts(rule.slot, rule.count, rule.within, at) {
                continue;
            }
            if fired.is_none() && rule.leaves(self.current) {
                fired = Some((number as u32, rule.to));
            }
        }
        if fired.is_none() && self.current == NOWHERE {
            fired = Some((ENTRY, 0));
        }
        if let Some((rule, to)) = fired {
            self.go(to, at, rule, cause, found);
        }
    }

    /// The person did something: silences begin anew.
    pub(crate) fn wake(&mut self) {
        self.asked = 0;
    }

    /// Lets time pass to `now` for somebody who last did something at `active_at`.
    pub(crate) fn advance(
        &mut self,
        model: &StageModel,
        active_at: EventTime,
        now: EventTime,
        cause: Cause,
        found: &mut Found,
    ) {
        while let Some(due) = self.next_silence(model, active_at).filter(|due| *due < now) {
            let (_, number) = model.silences[self.asked as usize];
            self.asked += 1;
            let rule = &model.rules[number as usize];
            if self.current != NOWHERE && rule.leaves(self.current) {
                self.go(rule.to, due.max(self.since), number, cause, found);
            }
        }
    }

    /// The next time at which silence alone may move the person.
    pub(crate) fn next_silence(&self, model: &StageModel, active_at: EventTime) -> Option<EventTime> {
        if active_at == EventTime::MIN {
            return None;
        }
        model.silences.get(self.asked as usize).map(|(silence, _)| active_at.plus(*silence))
    }

    /// Notes that a counting rule held at `at`; whether it held often enough within its time.
    fn counts(&mut self, slot: usize, count: u32, within: i64, at: EventTime) -> bool {
        let times = &mut self.times[slot..slot + count as usize - 1];
        let oldest = times[0];
        times.copy_within(1.., 0);
        times[times.len() - 1] = at;
        oldest != EventTime::MIN && at.since(oldest) <= within
    }

    fn go(&mut self, to: u8, at: EventTime, rule: u32, cause: Cause, found: &mut Found) {
        let is_first = self.current == NOWHERE;
        found.moves.push(Move {
            model: cause.model,
            index: self.moves,
            from: self.current,
            to,
            at,
            duration_ms: if is_first { 0 } else { at.since(self.since).max(0) },
            rule,
            cause: cause.id,
            channel: cause.channel,
        });
        self.current = to;
        self.since = at;
        self.moves = self.moves.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::{Context, Detail, NOTHING, Point};
    use crumbtrail_events::Kind;

    const DAY: i64 = 86_400_000;
    const CAUSE: Cause = Cause { model: 0, id: 1, channel: Channel::None };

    fn walk(steps: &[(Kind, i64)], until: i64) -> Vec<(String, String, i64)> {
        let model = StageModel::retail();
        let (strings, mut found, mut stage) = (Strings::new(), Found::default(), Stage::new(&model));
        let mut active = EventTime::MIN;
        for (kind, day) in steps {
            let at = EventTime(day * DAY);
            stage.advance(&model, active, at, CAUSE, &mut found);
            let point = Point { at, kind: *kind, ..Point::default() };
            let detail: Detail = NOTHING;
            let seen = Seen { point: &point, context: &Context::default(), detail: &detail, lines: &[] };
            stage.touchpoint(&model, &seen, at, CAUSE, &strings, &mut found);
            stage.wake();
            active = at;
        }
        stage.advance(&model, active, EventTime(until * DAY), CAUSE, &mut found);
        let name = |found: &Move| {
            let days = found.duration_ms / DAY;
            (model.stage_name(found.to).to_owned(), model.rule_name(found.rule).to_owned(), days)
        };
        found.moves.iter().map(name).collect()
    }

    fn expect(moves: &[(&str, &str, i64)]) -> Vec<(String, String, i64)> {
        moves.iter().map(|(to, rule, days)| ((*to).to_owned(), (*rule).to_owned(), *days)).collect()
    }

    #[test]
    fn forward_through_the_shop() {
        // day 0 view · 1 product · 3 product again · 5 purchase · 50 purchase
        let steps = [
            (Kind::PageView, 0),
            (Kind::ProductView, 1),
            (Kind::ProductView, 3),
            (Kind::Purchase, 5),
            (Kind::Purchase, 50),
        ];
        let expected = [
            ("awareness", "first_touchpoint", 0),
            ("consideration", "looks_twice", 3),
            ("purchase", "bought", 2),
            ("loyalty", "second_purchase", 45),
        ];
        assert_eq!(walk(&steps, 51), expect(&expected));
    }

    #[test]
    fn a_count_needs_its_touchpoints_within_the_time() {
        let steps = [(Kind::Purchase, 0), (Kind::Purchase, 91), (Kind::Purchase, 181)];
        let expected = [("purchase", "bought", 0), ("loyalty", "second_purchase", 181)];
        assert_eq!(walk(&steps, 182), expect(&expected), "exactly 90 days is within, 91 is not");
    }

    #[test]
    fn silence_moves_back_once() {
        let steps = [(Kind::Purchase, 0), (Kind::PageView, 400)];
        let expected = [("purchase", "bought", 0), ("awareness", "lapsed", 180)];
        assert_eq!(walk(&steps, 2000), expect(&expected));
        assert_eq!(walk(&[(Kind::Purchase, 0)], 180), expect(&expected[..1]), "exactly the silence is not yet one");
    }
}
