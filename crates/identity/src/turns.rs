//! A device that several customers use: whose turn it is.
//!
//! ```text
//!         A logs in        A            B logs in   B                 A
//!  ·   ·  ●    ·    ·   ·  ●     ·      ●   ·   ·   ●       ·   ·     ●   ·
//!  └─────────────── A's ────────────┘└──────── B's ───────────────┘└── A's ─►
//!                                ├──────┤                       ├─────┤ before_login
//! ```
//! Every click that names a customer is a *mark*; a *turn* is what lies between two marks of others. An anonymous touchpoint is of the customer
//! whose mark is the last at or before it; and of the one who is named next, if that is at most `before_login` later and the last mark
//! longer ago. Before the first turn the least claim decides (`claims.rs`).
//!
//! Turns have their first and last mark alone. A mark that comes late into another's turn divides it: where, say the marks that sessions
//! still have. All are kept by (event time, event id), so the order of arrival does not matter.

use crumbtrail_events::{EventTime, Key};

/// When and by what event somebody was named.
pub(crate) type Said = (EventTime, u64);

/// A click that named a customer: when, by what event, and whom.
pub type Mark = (EventTime, u64, Key);

/// Before every mark.
pub(crate) const FIRST: Mark = (EventTime::MIN, 0, Key(0));
/// After every mark.
pub(crate) const LAST: Mark = (EventTime::MAX, u64::MAX, Key(u128::MAX));

/// Marks of one customer, without another's between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) person: Key,
    pub(crate) first: Said,
    pub(crate) last: Said,
}

impl Turn {
    fn first_mark(&self) -> Mark {
        (self.first.0, self.first.1, self.person)
    }

    fn last_mark(&self) -> Mark {
        (self.last.0, self.last.1, self.person)
    }
}

/// Turns of a device that are kept: the last. Nobody's household has more in the look-back.
const MOST: usize = 256;
/// So many are not looked through for what can be forgotten.
const FEW: usize = 16;

/// Whether a mark is nothing new to `turns` but that the last of them goes on; then it does.
pub(crate) fn goes_on(turns: &mut [Turn], mark: Mark) -> bool {
    let at = turns.partition_point(|turn| turn.first_mark() <= mark);
    let is_last = at == turns.len();
    let Some(turn) = at.checked_sub(1).map(|at| &mut turns[at]).filter(|turn| turn.person == mark.2) else {
        return false;
    };
    if is_last {
        turn.last = turn.last.max((mark.0, mark.1));
    }
    mark <= turn.last_mark()
}

/// Takes a mark in; whether the turns are others now. `known` gives marks known that lie between two, or more.
pub(crate) fn take(turns: &mut Vec<Turn>, mark: Mark, known: impl FnOnce(Mark, Mark) -> Vec<Mark>) -> bool {
    let at = turns.partition_point(|turn| turn.first_mark() <= mark);
    let (from, to) = (at.saturating_sub(1), turns.len().min(at + 1));
    let mut marks: Vec<Mark> = turns[from..to].iter().flat_map(|turn| [turn.first_mark(), turn.last_mark()]).collect();
    marks.push(mark);
    if let Some(turn) = at.checked_sub(1).map(|at| turns[at])
        && turn.person != mark.2
        && mark < turn.last_mark()
    {
        let (first, last) = (turn.first_mark(), turn.last_mark());
        marks.extend(known(first, last).into_iter().filter(|mark| *mark > first && *mark < last));
    }
    let anew = of(marks);
    let is_news = anew != turns[from..to];
    turns.splice(from..to, anew);
    is_news
}

/// The turns that marks make.
pub(crate) fn of(mut marks: Vec<Mark>) -> Vec<Turn> {
    marks.sort_unstable();
    let mut turns: Vec<Turn> = Vec::new();
    for (at, id, person) in marks {
        match turns.last_mut().filter(|turn| turn.person == person) {
            Some(turn) => turn.last = (at, id),
            None => turns.push(Turn { person, first: (at, id), last: (at, id) }),
        }
    }
    turns
}

/// Forgets turns that decide of nothing from `horizon` on, whoever's are passed over: all before it but each customer's last. Beyond
/// the most that are kept it forgets the oldest.
pub(crate) fn bound(turns: &mut Vec<Turn>, horizon: EventTime) {
    if turns.len() > FEW {
        let past = turns.partition_point(|turn| turn.last.0 < horizon);
        let mut place = 0;
        let of_past: Vec<Key> = turns[..past].iter().map(|turn| turn.person).collect();
        turns.retain(|turn| {
            place += 1;
            place > past || !of_past[place..].contains(&turn.person)
        });
        turns.drain(..turns.len().saturating_sub(MOST));
    }
}

/// Tells from when on anonymous touchpoints are whose, in order. `whose` says that of a turn's customer; `None` passes the turn over.
pub(crate) fn shares(
    turns: &[Turn],
    before_login_ms: i64,
    whose: impl Fn(Key) -> Option<Key>,
    mut each: impl FnMut(EventTime, Key),
) {
    let mut before: Option<(EventTime, Key)> = None;
    for turn in turns {
        let Some(person) = whose(turn.person) else { continue };
        if before.is_none_or(|(_, before)| before != person) {
            let first = turn.first.0;
            let from = first.plus(-before_login_ms);
            each(before.map_or(from, |(last, _)| from.max(last.plus(before_login_ms + 1)).min(first)), person);
        }
        before = Some((turn.last.0, person));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BEFORE: i64 = 30;

    fn whose(turns: &[Turn], at: i64) -> Option<u128> {
        let mut whose = None;
        shares(turns, BEFORE, Some, |from, person| {
            if from.0 <= at {
                whose = Some(person.0);
            }
        });
        whose
    }

    /// The rule itself, from every mark.
    fn naive(marks: &[Mark], at: i64) -> Option<u128> {
        let last = marks.iter().filter(|mark| mark.0.0 <= at).max();
        let next = marks.iter().filter(|mark| mark.0.0 > at).min();
        let is_soon = next.is_some_and(|next| next.0.0 - at <= BEFORE);
        match (last, next) {
            (None, Some(next)) if is_soon => Some(next.2.0),
            (Some(last), Some(next)) if is_soon && at - last.0.0 > BEFORE => Some(next.2.0),
            (last, _) => last.map(|last| last.2.0),
        }
    }

    #[test]
    fn a_turn_ends_where_another_is_named_and_begins_a_little_before_that() {
        let marks = |said: &[(i64, u128)]| said.iter().map(|(at, who)| (EventTime(*at), 0, Key(*who))).collect();
        let turns = of(marks(&[(100, 1), (200, 1), (300, 2), (400, 1)]));
        let at = [69, 70, 269, 270, 299, 300, 330, 369, 370, 999].map(|at| whose(&turns, at));
        let expected = [None, Some(1), Some(1), Some(2), Some(2), Some(2), Some(2), Some(2), Some(1), Some(1)];
        assert_eq!(at, expected);
        // Up to as long after a mark it is still theirs.
        let turns = of(marks(&[(200, 1), (240, 2)]));
        assert_eq!([229, 230, 231, 239].map(|at| whose(&turns, at)), [Some(1), Some(1), Some(2), Some(2)]);
        let turns = of(marks(&[(200, 1), (210, 2)]));
        assert_eq!([200, 209, 210].map(|at| whose(&turns, at)), [Some(1), Some(1), Some(2)]);
    }

    #[test]
    fn what_is_past_is_forgotten_but_each_one_s_last_and_the_last_are_kept_of_too_many() {
        let mark = |n: i64| (EventTime(n * 100), 0, Key(1 + (n % 2) as u128));
        let mut turns = of((0..20).map(mark).collect());
        let whole = turns.clone();
        bound(&mut turns, EventTime(1_550));
        assert_eq!(turns, whole[14..]);
        let mut turns = of((0..2_000).map(mark).collect());
        bound(&mut turns, EventTime(0));
        assert_eq!((turns.len(), turns[0].first.0.0), (MOST, 174_400));
    }

    proptest! {
        /// In any order; what divides turns are the marks themselves.
        #[test]
        fn whatever_comes_first_the_turns_are_those_of_all_marks(
            said in prop::collection::vec((0i64..400, 0u64..3, 0u128..3), 1..40),
            seed in prop::collection::vec(0usize..40, 40),
        ) {
            let marks: Vec<Mark> = said.iter().map(|(at, id, who)| (EventTime(*at), *id, Key(*who))).collect();
            let mut order: Vec<usize> = (0..marks.len()).collect();
            order.sort_by_key(|n| seed[*n]);
            let (mut turns, mut seen) = (Vec::new(), Vec::new());
            for n in order {
                seen.push(marks[n]);
                if !goes_on(&mut turns, marks[n]) {
                    take(&mut turns, marks[n], |_, _| seen.clone());
                }
            }
            prop_assert_eq!(&turns, &of(marks.clone()));
            for at in -50..450 {
                prop_assert_eq!(whose(&turns, at), naive(&marks, at), "at {}", at);
            }
        }
    }
}
